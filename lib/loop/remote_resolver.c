/* SPDX-License-Identifier: MIT
 *
 * loop/remote_resolver.c - resolvers for other threads: counted, one-shot, and carrying the
 * node of their only post from birth, so that settling allocates nothing.
 *
 * The promise (on the loop's thread) and the holders (anywhere) share one object. `state`
 * says who settles. It leaves OPEN exactly once: to CLAIMED by the holder that settles, who
 * owns `outcome` until the node arrives; or to GONE, when the promise ends otherwise.
 */
#include <errno.h>

#include "base/mem.h"
#include "loop/remote.h"

enum { OPEN, CLAIMED, GONE };

struct vow_remote_resolver {
    struct vow__errand errand; /* first */
    atomic_uint refs;          /* holders, the pending promise, the node under way */
    atomic_uint holders;       /* vow_remote_resolver_ref less _unref, from 1 */
    atomic_int state;
    vow_value outcome;
    vow_resolver *resolver; /* loop's thread; NULL once the promise has ended */
};

static void forget(vow_remote_resolver *r)
{
    /* acq_rel: each one's use of the memory comes before its end, which the last one sees */
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1) {
        vow__errand_done(&r->errand);
        vow__free(r);
    }
}

/* There is no stopping another thread; it may ask vow_remote_is_wanted. */
static void nothing_to_stop(void *data) { (void)data; }

/* The promise has settled, was cancelled or dropped. Dispatch goes on waiting only for a
 * node that is sure to come: the claimer is just about to post it. */
static void promise_ended(void *data)
{
    vow_remote_resolver *r = data;
    /* relaxed: nothing is handed over with it; a claimer that comes too late releases its
     * own value. CLAIMED stays: no need to try. */
    int was = atomic_load_explicit(&r->state, memory_order_relaxed);
    if (was == OPEN)
        atomic_compare_exchange_strong_explicit(&r->state, &was, GONE, memory_order_relaxed,
                                                memory_order_relaxed);
    r->resolver = NULL;
    if (was != CLAIMED)
        vow__errand_end(&r->errand);
    forget(r);
}

/* The claimer's outcome is here, on the loop's thread. */
static void arrive(vow_remote_resolver *r)
{
    vow_value outcome = r->outcome;
    if (r->resolver)
        vow_resolve(r->resolver, outcome);
    else
        vow_release(outcome);
    vow__errand_end(&r->errand);
}

/* Also when the loop closes: settle() has said that it settled. In a forked child there is
 * no promise any more (see lost). */
static void arrive_by_node(vow_node *node)
{
    vow_remote_resolver *r = (vow_remote_resolver *)node;
    arrive(r);
    forget(r);
}

/* Closing and forking: whoever has claimed and not posted will not get through. */
static void lost(struct vow__errand *errand, int code)
{
    vow_remote_resolver *r = (vow_remote_resolver *)errand;
    atomic_store_explicit(&r->state, GONE, memory_order_relaxed); /* as in promise_ended */
    if (r->resolver)
        vow_resolve(r->resolver, vow__fail_ready(code));
    else
        vow__errand_end(errand);
}

static vow_remote_resolver *new_resolver(vow_remote *remote)
{
    vow_remote_resolver *r = vow__alloc_zeroed(sizeof *r);
    if (!r || vow__errand_begin(&r->errand, remote)) {
        vow__free(r);
        return NULL;
    }
    r->errand.node = (vow_node){NULL, arrive_by_node, arrive_by_node};
    r->errand.lost = lost;
    atomic_init(&r->refs, 2); /* the caller's and the promise's */
    atomic_init(&r->holders, 1);
    atomic_init(&r->state, OPEN);
    return r;
}

vow_promise *vow_promise_new_remote_at(vow_remote *remote, vow_remote_resolver **ret,
                                       const char *where)
{
    VOW_CHECK(remote && vow__remote_is_here(remote),
              "vow_promise_new_remote at %s: on a wrong thread, or the loop is freed", where);
    vow_loop *loop = &remote->loop->core;
    *ret = NULL;
    vow_promise *refused = vow__refused(loop, where);
    if (refused)
        return refused;
    vow_remote_resolver *r = new_resolver(remote);
    if (!r)
        return vow__refuse(loop, NULL, NULL, NULL);
    vow_promise *p = vow_promise_new_at(loop, &r->resolver, where);
    *ret = r;
    vow_on_stop(r->resolver, nothing_to_stop, r, promise_ended);
    return p;
}

/* Takes outcome. */
static bool settle(vow_remote_resolver *r, vow_value outcome)
{
    int open = OPEN;
    /* relaxed: the claim hands nothing over; the post does, by the inbox's release */
    if (!r || !atomic_compare_exchange_strong_explicit(
                  &r->state, &open, CLAIMED, memory_order_relaxed, memory_order_relaxed)) {
        vow_release(outcome);
        return false;
    }
    r->outcome = outcome;
    if (vow__remote_is_here(r->errand.remote)) {
        arrive(r);
        return true;
    }
    /* relaxed: the caller has a reference */
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    if (vow_post_node(r->errand.remote, &r->errand.node) == 0)
        return true;
    vow_release(outcome);
    forget(r);
    return false;
}

bool vow_remote_resolve(vow_remote_resolver *r, vow_value v) { return settle(r, v); }

bool vow_remote_reject(vow_remote_resolver *r, vow_error *e)
{
    return settle(r, vow_error_value(e));
}

bool vow_remote_is_wanted(const vow_remote_resolver *r)
{
    /* relaxed: a hint, which may be old when it is read */
    return r && atomic_load_explicit(&r->state, memory_order_relaxed) == OPEN;
}

vow_remote_resolver *vow_remote_resolver_ref(vow_remote_resolver *r)
{
    if (r) {
        /* relaxed: the caller has a reference */
        atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&r->holders, 1, memory_order_relaxed);
    }
    return r;
}

vow_remote_resolver *vow_remote_resolver_unref(vow_remote_resolver *r)
{
    if (!r)
        return NULL;
    /* acq_rel: the last holder breaks the promise after all that the others did */
    if (atomic_fetch_sub_explicit(&r->holders, 1, memory_order_acq_rel) == 1)
        settle(r, vow__fail_ready(VOW_EBROKEN));
    forget(r);
    return NULL;
}
