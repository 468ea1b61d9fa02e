/* SPDX-License-Identifier: MIT
 *
 * adapt/pool.h - pools as the adapters see them: vow's own ones, and what a job is.
 *
 * A job belongs to two sides, counted in `refs`: the loop, from its making until it is home
 * (or lost, or refused), and the pool, from the moment it is queued. The pool's share travels
 * home with the node. destroy(data) is run by the side that has the job when it ends: the
 * loop for one that comes home or never ran; the thread it ran on when the loop closed first.
 */
#ifndef VOW_ADAPT_POOL_H
#define VOW_ADAPT_POOL_H

#include "loop/remote.h"
#include "vow/pool.h"

/* vow's own pools, one per kind of waiting, so that slow names do not hold up files. Never
 * NULL, never freed; their threads start with their first jobs. */
vow_pool *vow__pool_files(void);
vow_pool *vow__pool_names(void);
vow_pool *vow__pool_copies(void); /* what takes long: copies of files, removing trees */

struct vow__job {
    struct vow__errand errand; /* first: the way home, and the list of its loop */
    vow_pool *pool;            /* a reference */
    vow_work_fn *fn;
    void *data;
    vow_destroy_fn *destroy;
    const char *where;
    atomic_uint refs;
    vow_value result;       /* the running thread's, then the loop's */
    vow_resolver *resolver; /* loop's thread; NULL once the promise has ended */
    /* under the pool's lock: */
    enum { VOW__JOB_IDLE, VOW__JOB_QUEUED, VOW__JOB_RUNNING } state;
    struct vow__job *next, *prev; /* while it is queued */
};

/* pool.c. Queues the job; 0, or an errno number and why: then it stays the loop's alone. */
int vow__pool_submit(struct vow__job *job, const char **ret_why);
/* Loop's thread. True: it never runs (it was queued, or never submitted) and is the loop's
 * alone. False: a thread has it. */
bool vow__pool_take_back(struct vow__job *job);
vow_pool *vow__pool_ref(vow_pool *pool); /* NULL: the process's pool for user work */
void vow__pool_unref(vow_pool *pool);

/* work.c: the pool has run the job, or never will. Takes result. Any thread. */
void vow__job_finished(struct vow__job *job, vow_value result);

#endif
