/* SPDX-License-Identifier: MIT
 *
 * loop/remote_resolver.c - resolvers for other threads: counted, one-shot, and carrying the
 * node of their only post from birth, so that settling allocates nothing.
 *
 * The promise's side (the loop's thread) and the holders share one object. `state` decides
 * who settles: it leaves OPEN exactly once, by a holder (CLAIMED, who then owns `outcome`
 * until the node arrives) or by the promise's end (GONE).
 */
#include <errno.h>

#include "base/mem.h"
#include "loop/remote.h"

enum { OPEN, CLAIMED, GONE };

struct vow_remote_resolver {
    vow_node node; /* first */
    atomic_uint refs;    /* holders, the pending promise, the node under way */
    atomic_uint holders;
    atomic_int state;
    vow_remote *remote;
    vow_value outcome; /* the claimer's; after arrival the loop's */
    /* the loop's thread only: */
    vow_resolver *resolver; /* NULL once the promise has ended */
    vow_remote_resolver *next, **at; /* in remote->pending */
};

static void forget(vow_remote_resolver *r)
{
    /* acq_rel: the last one sees what the others did */
    if (atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) == 1) {
        vow__remote_release(r->remote);
        vow__free(r);
    }
}

/* There is no stopping another thread; it may ask vow_remote_is_wanted. */
static void nothing_to_stop(void *data) { (void)data; }

/* The promise has settled, was cancelled or dropped. */
static void promise_ended(void *data)
{
    vow_remote_resolver *r = data;
    int open = OPEN;
    /* relaxed: nothing is handed over; a claimer that lost releases its value itself */
    atomic_compare_exchange_strong_explicit(&r->state, &open, GONE, memory_order_relaxed,
                                            memory_order_relaxed);
    r->resolver = NULL;
    *r->at = r->next;
    if (r->next)
        r->next->at = r->at;
    forget(r);
}

static void arrive(vow_remote_resolver *r)
{
    vow_value outcome = r->outcome;
    r->outcome = vow_none();
    if (r->resolver)
        vow_resolve(r->resolver, outcome);
    else
        vow_release(outcome);
}

static void run_node(vow_node *node)
{
    vow_remote_resolver *r = (vow_remote_resolver *)node;
    arrive(r);
    forget(r);
}

/* The loop closed or the process forked first. */
static void drop_node(vow_node *node)
{
    vow_remote_resolver *r = (vow_remote_resolver *)node;
    vow_release(r->outcome);
    forget(r);
}

vow_promise *vow_promise_new_remote_at(vow_remote *remote, vow_remote_resolver **ret,
                                       const char *where)
{
    VOW_CHECK(vow__remote_is_here(remote), "vow_promise_new_remote: on a wrong thread, or the "
                                           "loop is closed");
    vow_loop *loop = &remote->loop->core;
    *ret = NULL;
    vow_remote_resolver *r = vow__alloc_zeroed(sizeof *r);
    if (!r)
        return vow__refuse(loop, NULL, NULL, NULL);
    if (vow__remote_hold(remote)) {
        vow__free(r);
        return vow__refuse(loop, NULL, NULL, NULL);
    }
    r->node = (vow_node){NULL, run_node, drop_node};
    atomic_init(&r->refs, 2);
    atomic_init(&r->holders, 1);
    atomic_init(&r->state, OPEN);
    r->remote = remote;
    r->next = remote->pending;
    r->at = &remote->pending;
    if (r->next)
        r->next->at = &r->next;
    remote->pending = r;
    vow_promise *p = vow_promise_new_at(loop, &r->resolver, where);
    *ret = r;
    vow_on_stop(r->resolver, nothing_to_stop, r, promise_ended);
    return p;
}

static bool settle(vow_remote_resolver *r, vow_value outcome)
{
    int open = OPEN;
    /* relaxed: the claim hands nothing over; the post below does, by its release */
    if (!r || !atomic_compare_exchange_strong_explicit(&r->state, &open, CLAIMED,
                                                       memory_order_relaxed,
                                                       memory_order_relaxed)) {
        vow_release(outcome);
        return false;
    }
    r->outcome = outcome;
    if (vow__remote_is_here(r->remote)) {
        arrive(r);
        return true;
    }
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    if (vow_post_node(r->remote, &r->node) == 0)
        return true;
    drop_node(&r->node);
    return false;
}

bool vow_remote_resolve(vow_remote_resolver *r, vow_value v) { return settle(r, v); }

bool vow_remote_reject(vow_remote_resolver *r, vow_error *e)
{
    return settle(r, vow_error_value(e));
}

bool vow_remote_is_wanted(const vow_remote_resolver *r)
{
    return r && atomic_load_explicit(&r->state, memory_order_relaxed) == OPEN;
}

vow_remote_resolver *vow_remote_resolver_ref(vow_remote_resolver *r)
{
    if (r) {
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

void vow__remote_reject_pending(vow_remote *remote, int code)
{
    while (remote->pending && remote->pending->resolver)
        vow_resolve(remote->pending->resolver, vow__fail_ready(code));
}
