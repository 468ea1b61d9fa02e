/* SPDX-License-Identifier: MIT
 *
 * loop/remote_resolver.c - resolvers for other threads: counted, one-shot, and carrying the
 * node of their only post from birth, so that settling allocates nothing.
 *
 * The promise (on the loop's thread) and the holders (anywhere) share one object. All that
 * they have to agree on is in one word, so that each step of a thread is one atomic operation.
 */
#include <errno.h>

#include "base/mem.h"
#include "loop/remote.h"

enum {
    PROMISE = 1, /* the promise is pending: `resolver` is its resolver                      */
    NODE = 2,    /* the outcome is under way                                                */
    CLAIMED = 4, /* a holder settles, and owns `outcome` until the node arrives             */
    GONE = 8,    /* the promise has ended otherwise: nobody is to claim it                  */
    HOLDER = 16  /* each; vow_remote_resolver_ref less _unref                               */
};

struct vow_remote_resolver {
    struct vow__errand errand; /* first */
    atomic_uint word; /* whoever takes away the last of PROMISE, NODE and HOLDERs frees it */
    vow_value outcome;
    vow_resolver *resolver; /* loop's thread; NULL once the promise has ended */
};

static void free_unheld(vow_remote_resolver *r, unsigned word)
{
    if (word >= HOLDER || (word & (PROMISE | NODE)))
        return;
    vow__errand_done(&r->errand);
    vow__free(r);
}

static void take_away(vow_remote_resolver *r, unsigned what)
{
    /* acq_rel: each one's use of the memory comes before its end, which the last one sees */
    free_unheld(r, atomic_fetch_sub_explicit(&r->word, what, memory_order_acq_rel) - what);
}

/* There is no stopping another thread; it may ask vow_remote_is_wanted. */
static void nothing_to_stop(void *data) { (void)data; }

/* The promise was cancelled, dropped or lost. Dispatch goes on waiting only for a
 * node that is sure to come: the claimer is just about to post it. */
static void promise_ended(void *data)
{
    vow_remote_resolver *r = data;
    r->resolver = NULL;
    /* relaxed: nothing is handed over with it; a claimer that comes too late releases its
     * own value */
    unsigned was = atomic_fetch_or_explicit(&r->word, GONE, memory_order_relaxed);
    if (!(was & CLAIMED))
        vow__errand_end(&r->errand);
    take_away(r, PROMISE);
}

/* The claimer's outcome is here, on the loop's thread. The promise ends by our own hand,
 * which needs no hook: most then settle straight down. */
static void arrive(vow_remote_resolver *r)
{
    vow_resolver *resolver = r->resolver;
    r->resolver = NULL;
    if (resolver) {
        vow__unhook(resolver);
        vow_resolve(resolver, r->outcome);
    } else {
        vow_release(r->outcome);
    }
    vow__errand_end(&r->errand);
    take_away(r, resolver ? PROMISE | NODE : NODE);
}

/* Also when the loop closes: settle() has said that it settled. In a forked child there is
 * no promise any more (see lost). */
static void arrive_by_node(vow_node *node) { arrive((vow_remote_resolver *)node); }

/* Closing and forking: whoever has claimed and not posted will not get through. */
static void lost(struct vow__errand *errand, int code)
{
    vow_remote_resolver *r = (vow_remote_resolver *)errand;
    vow__errand_end(errand);
    if (r->resolver)
        vow_resolve(r->resolver, vow__fail_ready(code));
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
    atomic_init(&r->word, HOLDER | PROMISE);
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

/* The claimer's outcome goes home, by `post`. False: the loop has closed. */
static bool deliver(vow_remote_resolver *r, vow_value outcome, int (*post)(vow_remote *, vow_node *))
{
    r->outcome = outcome;
    if (vow__remote_is_here(r->errand.remote)) {
        arrive(r);
        return true;
    }
    if (post(r->errand.remote, &r->errand.node) == 0)
        return true;
    vow_release(outcome);
    take_away(r, NODE);
    return false;
}

/* Takes outcome. */
static bool settle(vow_remote_resolver *r, vow_value outcome)
{
    /* relaxed: the claim hands nothing over; the post does, by the inbox's release */
    unsigned word = r ? atomic_load_explicit(&r->word, memory_order_relaxed) : GONE;
    do {
        if (word & (CLAIMED | GONE)) {
            vow_release(outcome);
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&r->word, &word, word | CLAIMED | NODE,
                                                    memory_order_relaxed, memory_order_relaxed));
    return deliver(r, outcome, vow__post_held); /* the caller holds r, which keeps the remote */
}

bool vow_remote_resolve(vow_remote_resolver *r, vow_value v) { return settle(r, v); }

bool vow_remote_reject(vow_remote_resolver *r, vow_error *e)
{
    return settle(r, vow_error_value(e));
}

bool vow_remote_is_wanted(const vow_remote_resolver *r)
{
    /* relaxed: a hint, which may be old when it is read */
    return r && !(atomic_load_explicit(&r->word, memory_order_relaxed) & (CLAIMED | GONE));
}

vow_remote_resolver *vow_remote_resolver_ref(vow_remote_resolver *r)
{
    if (r) /* relaxed: the caller has a reference */
        atomic_fetch_add_explicit(&r->word, HOLDER, memory_order_relaxed);
    return r;
}

/* The last holder of an unclaimed promise becomes its claimer in the same step. */
vow_remote_resolver *vow_remote_resolver_unref(vow_remote_resolver *r)
{
    if (!r)
        return NULL;
    unsigned word = atomic_load_explicit(&r->word, memory_order_relaxed), left;
    bool breaks;
    do {
        breaks = word < 2 * HOLDER && !(word & (CLAIMED | GONE));
        left = word - HOLDER + (breaks ? CLAIMED | NODE : 0);
        /* acq_rel: as in take_away, and the last one breaks the promise after all that the
         * others did */
    } while (!atomic_compare_exchange_weak_explicit(&r->word, &word, left, memory_order_acq_rel,
                                                    memory_order_relaxed));
    if (breaks)
        deliver(r, vow__fail_ready(VOW_EBROKEN), vow_post_node);
    else
        free_unheld(r, left);
    return NULL;
}
