/* SPDX-License-Identifier: MIT
 *
 * flow/repeat.c - one step after the other. A combinator whose only element is the result
 * of the running step, so that a repeat that was cancelled stays cancelled, whatever its
 * step makes of it, and memory does not grow.
 */
#include "base/mem.h"
#include "flow/build.h"
#include "vow/flow.h"

struct repeat {
    vow_step_fn *step;
    void *data;
};

static void step_ended(vow_promise *c, uint64_t index, vow_value outcome)
{
    (void)index;
    if (!vow__has_kind(outcome, VOW__AGAIN)) {
        vow__combine_decide(c, outcome);
        return;
    }
    struct repeat *r = c->state;
    vow__loop_of(c)->handlers++;
    vow__flow_await(c, r->step(r->data), 0);
}

static const struct vow__combine_ops ops = {"repeat", step_ended, NULL, vow__free, false};

vow_promise *vow_repeat_at(vow_loop *loop, vow_step_fn *step, void *data, vow_destroy_fn *destroy,
                           const char *where)
{
    struct repeat *r = vow__alloc(sizeof *r);
    if (r)
        *r = (struct repeat){step, data};
    vow_promise *c = vow__flow_new(loop, &ops, r, where);
    if (c)
        vow__flow_await(c, VOW_AGAIN, 0);
    return vow__flow_owning(loop, c, data, destroy, where);
}
