/* SPDX-License-Identifier: MIT
 *
 * sync/rate.c - a token bucket. What is in it is counted in nanoseconds of dripping, so that
 * nothing is rounded away. One timer stands for the first waiter. When that one leaves, or tokens
 * come back that nobody has seen, the timer is cancelled, and its handler sees to the next from
 * the queue: a stop hook must not allocate.
 */
#include "base/mem.h"
#include "scope/parcel.h"
#include "value/error.h"
#include "vow/sync.h"
#include "vow/timer.h"

struct vow_rate {
    struct vow__queue waiters; /* first: found by the queue. n: in nanoseconds */
    struct vow__parcel_home home;
    vow_loop *loop;
    size_t uses; /* the program's and parcels' */
    bool freed;
    uint64_t each, full;  /* a token, and the whole bucket, in nanoseconds */
    uint64_t level, then; /* how full it was at that time */
    vow_promise *timer;   /* pending while somebody waits */
};

static void fill(vow_rate *r)
{
    uint64_t now = vow_now(r->loop), passed = now > r->then ? now - r->then : 0;
    r->level = passed < r->full - r->level ? r->level + passed : r->full;
    r->then = now;
}

static void let_in(vow_rate *r)
{
    struct vow__waiter *w;
    while ((w = r->waiters.first) != NULL && w->n <= r->level) {
        uint64_t n = w->n;
        vow_resolver *resolver = vow__waiter_take(w);
        r->level -= n;
        r->uses++;
        vow_resolve(resolver, vow__parcel_send(&r->home, w, vow_none(), n));
    }
}

static void arm(vow_rate *r);

/* The time has come, or another one is the first by now. */
static vow_value look(vow_value v, void *data)
{
    vow_rate *r = data;
    (void)v;
    r->timer = vow_unref(r->timer);
    fill(r);
    let_in(r);
    arm(r);
    return vow_none();
}

/* Without memory for its timer the first waiter is rejected: there would be nobody to call it. */
static void arm(vow_rate *r)
{
    while (r->waiters.first && !r->timer) {
        uint64_t due = r->then + (r->waiters.first->n - r->level);
        vow_promise *p = vow_delay_until(r->loop, due);
        if (!vow__settled(p)) /* else refused */
            p = vow_handle_at(p, look, r, NULL, VOW_HERE);
        if (!vow__settled(p)) {
            r->timer = p;
            return;
        }
        vow__waiter_call(r->waiters.first, vow_error_value(vow_error_ref(vow_error_of(p))));
        vow_mark_handled(p);
        vow_unref(p);
    }
}

static void left(struct vow__queue *queue, struct vow__waiter *w)
{
    vow_rate *r = (vow_rate *)queue;
    if (r->timer && w->prev == NULL)
        vow_cancel(r->timer);
}

static void end_use(vow_rate *r)
{
    if (--r->uses == 0)
        vow__free(r);
}

static vow_rate *of_home(struct vow__parcel_home *home)
{
    return (vow_rate *)((char *)home - offsetof(vow_rate, home));
}

static void tokens_seen(struct vow__parcel_home *home) { end_use(of_home(home)); }

static void tokens_back(struct vow__parcel_home *home, struct vow__parcel *parcel)
{
    vow_rate *r = of_home(home);
    uint64_t n = parcel->n;
    vow__release(vow__parcel_open(parcel));
    if (!r->freed) {
        fill(r);
        r->level = n < r->full - r->level ? r->level + n : r->full;
        let_in(r);
        if (r->timer)
            vow_cancel(r->timer);
    }
    end_use(r);
}

vow_rate *vow_rate_new(vow_loop *loop, uint64_t tokens, uint64_t ms, uint64_t burst)
{
    const uint64_t most = UINT64_MAX / 4;
    vow__check_loop(loop, "vow_rate_new");
    VOW_CHECK(tokens && ms && burst, "vow_rate_new: a rate of nothing");
    vow_rate *r = vow__alloc_zeroed(sizeof *r);
    if (!r)
        return NULL;
    uint64_t span = ms < most / 1000000 ? ms * 1000000 : most;
    r->waiters.left = left;
    r->home = (struct vow__parcel_home){tokens_seen, tokens_back};
    r->uses = 1;
    r->loop = loop;
    r->each = span / tokens ? span / tokens : 1;
    r->full = r->level = burst < most / r->each ? burst * r->each : most;
    r->then = vow_now(loop);
    return r;
}

vow_rate *vow_rate_free(vow_rate *r)
{
    if (!r)
        return NULL;
    r->timer = vow_unref(r->timer);
    vow__waiters_call_all(&r->waiters, vow_fail_at(NULL, vow_errno_domain(), ESHUTDOWN,
                                                   "the rate limiter was freed"));
    r->freed = true;
    end_use(r);
    return NULL;
}

vow_promise *vow_rate_take_at(vow_rate *r, uint64_t n, const char *where)
{
    vow_loop *loop = r->loop;
    vow__check_loop(loop, "vow_rate_take");
    if (n > r->full / r->each)
        return vow_resolved_at(loop,
                               vow_fail_at(where, vow_errno_domain(), EINVAL,
                                           "%llu tokens never fit the bucket",
                                           (unsigned long long)n),
                               where);
    fill(r);
    struct vow__waiter *w = vow__waiter_new(loop, where);
    if (!w)
        return vow__refuse(loop, NULL, NULL, NULL);
    w->n = n * r->each;
    vow_promise *p = vow__wait_in(&r->waiters, w, where);
    let_in(r);
    arm(r);
    return p;
}
