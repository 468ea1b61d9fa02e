/* SPDX-License-Identifier: MIT
 *
 * adapt/work.c - one function on a worker thread as a promise: the job's way to its pool and
 * home again (see pool.h).
 */
#include <errno.h>

#include "adapt/op.h"
#include "adapt/pool.h"
#include "base/mem.h"

static void forget(struct vow__job *job)
{
    /* acq_rel: the last side sees what the other did */
    if (atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) != 1)
        return;
    vow__errand_done(&job->errand);
    vow__pool_unref(job->pool);
    vow__free(job);
}

static void destroy_data(struct vow__job *job)
{
    if (job->destroy)
        job->destroy(job->data);
}

/* The loop's side has done with the job. */
static void end_on_loop(struct vow__job *job)
{
    if (!job->errand.at)
        return; /* lost earlier */
    vow__errand_end(&job->errand);
    forget(job);
}

/* There is no stopping a thread; what is only queued is taken back by promise_ended. */
static void nothing_to_stop(void *data) { (void)data; }

/* The promise has settled, was cancelled or dropped. A job that runs goes on, and dispatch
 * waits for it: its data is to be destroyed here. */
static void promise_ended(void *data)
{
    struct vow__job *job = data;
    if (!job->resolver)
        return; /* settled by come_home */
    job->resolver = NULL;
    if (!vow__pool_take_back(job))
        return;
    destroy_data(job);
    end_on_loop(job);
}

/* On the loop's thread, also when the loop closes. The data goes before handlers run. */
static void come_home(vow_node *node)
{
    struct vow__job *job = (struct vow__job *)node;
    destroy_data(job); /* may drop the promise */
    vow_resolver *resolver = job->resolver;
    job->resolver = NULL;
    if (resolver)
        vow_resolve(resolver, job->result);
    else
        vow_release(job->result);
    end_on_loop(job);
    forget(job); /* the pool's share */
}

/* The loop closes, or this is a forked child. */
static void lost(struct vow__errand *errand, int code)
{
    struct vow__job *job = (struct vow__job *)errand;
    /* relaxed: the loop's side has one */
    atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
    if (job->resolver)
        vow_resolve(job->resolver, vow__fail_ready(code));
    end_on_loop(job);
    forget(job);
}

void vow__job_finished(struct vow__job *job, vow_value result)
{
    VOW_CHECK(!vow__has_kind(result, VOW__SAME) && !vow__has_kind(result, VOW__PROMISE),
              "the function of vow_work at %s returned %s", job->where,
              vow__has_kind(result, VOW__SAME) ? "VOW_SAME, but it was given no value"
                                               : "a promise: they belong to the loop's thread");
    job->result = result;
    if (vow_post_node(job->errand.remote, &job->errand.node) == 0)
        return; /* the loop has it */
    vow_release(result);
    destroy_data(job);
    forget(job);
}

/* NULL: *ret_failed says why. Nothing is taken then. */
static struct vow__job *new_job(vow_loop *loop, vow_pool *pool, int *ret_failed)
{
    vow_remote *remote = vow__remote_of(loop);
    if (!remote) {
        *ret_failed = errno;
        return NULL;
    }
    struct vow__job *job = vow__alloc_zeroed(sizeof *job);
    *ret_failed = job ? vow__errand_begin(&job->errand, remote) : ENOMEM;
    if (*ret_failed) {
        vow__free(job);
        return NULL;
    }
    job->errand.node = (vow_node){NULL, come_home, come_home};
    job->errand.lost = lost;
    job->pool = vow__pool_ref(pool);
    atomic_init(&job->refs, 1);
    return job;
}

/* Takes data. */
static vow_promise *start(vow_loop *loop, struct vow__job *job, const char *where)
{
    vow_promise *p;
    vow_resolver *resolver = vow__op_begin(loop, job, nothing_to_stop, promise_ended, where, &p);
    if (!resolver) { /* promise_ended had no resolver to look after */
        destroy_data(job);
        end_on_loop(job);
        return p;
    }
    job->resolver = resolver;
    const char *why;
    int failed = vow__pool_submit(job, &why);
    if (failed)
        vow_resolve(resolver, vow_fail_at(where, vow_errno_domain(), failed, "%s", why));
    return p;
}

vow_promise *vow_work_at(vow_loop *loop, vow_pool *pool, vow_work_fn *fn, void *data,
                         vow_destroy_fn *destroy, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    int failed = 0;
    struct vow__job *job = refused ? NULL : new_job(loop, pool, &failed);
    if (!job) {
        if (failed)
            refused = failed == ENOMEM ? vow__op_no_memory(loop)
                                       : vow__op_failed(loop, failed, "work", where);
        if (destroy)
            destroy(data);
        return refused;
    }
    job->fn = fn;
    job->data = data;
    job->destroy = destroy;
    job->where = where;
    return start(loop, job, where);
}
