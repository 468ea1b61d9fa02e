/* SPDX-License-Identifier: MIT
 *
 * flow/reduce.c - many values into one, each step waiting for the one before. A combinator
 * with one element, as repeat is.
 */
#include "base/mem.h"
#include "flow/build.h"
#include "vow/flow.h"

struct reduce {
    vow_reduce_fn *fn;
    void *data;
    size_t n;
};

/* `so_far` is lent to fn and released after it, unless fn passes it on. */
static vow_value call(vow_promise *c, vow_value so_far, size_t index)
{
    struct reduce *r = c->state;
    vow__loop_of(c)->handlers++;
    vow__see(&so_far);
    vow_value result = r->fn(so_far, index, r->data);
    if (vow__has_kind(result, VOW__SAME))
        return so_far;
    vow__check_result(c, so_far, result);
    vow__release(so_far);
    return result;
}

static void step_ended(vow_promise *c, uint64_t index, vow_value outcome)
{
    struct reduce *r = c->state;
    if (vow__has_kind(outcome, VOW__ERROR) || index == r->n)
        vow__combine_decide(c, outcome);
    else
        vow__flow_await(c, call(c, outcome, (size_t)index), index + 1);
}

static const struct vow__combine_ops ops = {"reduce", step_ended, NULL, vow__free, false};

vow_promise *vow_reduce_at(vow_loop *loop, size_t n, vow_value start, vow_reduce_fn *fn, void *data,
                           vow_destroy_fn *destroy, const char *where)
{
    struct reduce *r = vow__alloc(sizeof *r);
    if (r)
        *r = (struct reduce){fn, data, n};
    vow_promise *c = vow__flow_new(loop, &ops, r, where);
    if (c)
        vow__flow_await(c, start, 0);
    else
        vow__release(start);
    return vow__flow_owning(loop, c, data, destroy, where);
}
