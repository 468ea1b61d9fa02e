/* SPDX-License-Identifier: MIT
 *
 * flow/interval.c - a tick every so often, on the grid of the first one: what a slow tick
 * missed is skipped.
 */
#include "base/mem.h"
#include "flow/build.h"
#include "vow/flow.h"
#include "vow/timer.h"

enum { NS_PER_MS = 1000000 };

struct interval {
    vow_step_fn *tick;
    void *data;
    uint64_t every, next; /* ns */
};

enum { DELAY, TICK };

/* The first deadline that has not passed; one that is just due counts. */
static void skip_missed(struct interval *t, uint64_t now)
{
    if (t->next < now)
        t->next += (now - t->next + t->every - 1) / t->every * t->every;
}

static void await_next(vow_promise *c)
{
    struct interval *t = c->state;
    vow_loop *loop = vow__loop_of(c);
    t->next += t->every;
    skip_missed(t, vow_now(loop));
    vow_promise *delay = vow_delay_until_at(loop, t->next, vow__site_text(c->site));
    vow__flow_await(c, vow_promise_value(delay), DELAY);
}

static void proceed(vow_promise *c, uint64_t index, vow_value outcome)
{
    struct interval *t = c->state;
    if (index == DELAY && !vow__has_kind(outcome, VOW__ERROR)) {
        vow__loop_of(c)->handlers++;
        vow__flow_await(c, t->tick(t->data), TICK);
    } else if (vow__has_kind(outcome, VOW__AGAIN)) {
        await_next(c);
    } else {
        vow__combine_decide(c, outcome);
    }
}

static const struct vow__combine_ops ops = {"interval", proceed, NULL, vow__free, false};

vow_promise *vow_interval_at(vow_loop *loop, uint64_t ms, vow_step_fn *tick, void *data,
                             vow_destroy_fn *destroy, const char *where)
{
    const uint64_t most = UINT64_MAX / 4 / NS_PER_MS; /* centuries: sums of two fit */
    uint64_t every = (ms == 0 ? 1 : ms < most ? ms : most) * NS_PER_MS;
    struct interval *t = vow__alloc(sizeof *t);
    if (t)
        *t = (struct interval){tick, data, every, vow_now(loop)};
    vow_promise *c = vow__flow_new(loop, &ops, t, where);
    if (c)
        await_next(c);
    return vow__flow_owning(loop, c, data, destroy, where);
}
