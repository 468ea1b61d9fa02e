/* SPDX-License-Identifier: MIT
 *
 * vow/pool.h - run a blocking or heavy function on a worker thread.
 *
 *     vow_promise *p = vow_work(loop, NULL, compress, job, job_free);
 *
 * The function must not touch vow but for values, errors, buffers and remotes. What it
 * returns settles the promise on the loop's thread. Threads start when needed, up to the
 * pool's size, and end with the pool.
 */
#ifndef VOW_POOL_H
#define VOW_POOL_H

#include "promise.h"

VOW_BEGIN

typedef struct vow_pool vow_pool;

/* Gives a pool of at most `threads` threads (0: one per processor) and at most `queue`
 * waiting jobs (0: 1,000,000); NULL: no memory. Usable from every thread. */
VOW_API vow_pool *vow_pool_new(const char *name, unsigned threads, size_t queue);
/* Waits for running jobs; queued ones are rejected with ECANCELED. NULL ok; returns NULL.
 * Any thread but the pool's own. */
VOW_API vow_pool *vow_pool_free(vow_pool *pool);
/* Jobs waiting for a thread, and on one. NULL: of the process's pool. Any thread. */
VOW_API size_t vow_pool_queued(vow_pool *pool);
VOW_API size_t vow_pool_running(vow_pool *pool);

/* The pools of the process, separate so that none holds up another: for user work (as many
 * threads as there are processors), for files (4), for copying them (2), for names (4), each
 * with 1,000,000 waiting jobs at most. To look at and to work in, never to be freed. */
typedef enum vow_pool_kind {
    VOW_POOL_WORK,
    VOW_POOL_FILES,
    VOW_POOL_COPIES,
    VOW_POOL_NAMES
} vow_pool_kind;
VOW_API vow_pool *vow_pool_own(vow_pool_kind kind);
/* Sets how many threads, and how many waiting jobs, it has at most; 0: stays as it is. Threads
 * that are too many end when their job has; jobs that wait already stay. Any thread. */
VOW_API void vow_pool_set_size(vow_pool_kind kind, unsigned threads, size_t queue);

/* Runs fn(data) on a thread of `pool` (NULL: the process's pool for user work; it is never
 * the one that vow's files or names use). Takes data: destroy(data), may be NULL, runs
 * exactly once, on the loop's thread, before handlers see the outcome. A full queue rejects
 * with EAGAIN, a thread that cannot be had with its errno.
 * Cancel and drop: a queued job never runs; a running one goes on, and when it ends its
 * result is released and its data destroyed; dispatch waits for that. Only where the loop
 * was closed while the job ran does destroy(data) run on the worker's thread.
 * A job must not wait for another job of its own pool: all threads could be waiting. */
typedef vow_value vow_work_fn(void *data);
#define vow_work(loop, pool, fn, data, destroy) vow_work_at(loop, pool, fn, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_work_at(vow_loop *loop, vow_pool *pool, vow_work_fn *fn,
                                               void *data, vow_destroy_fn *destroy,
                                               const char *where);

VOW_END
#endif
