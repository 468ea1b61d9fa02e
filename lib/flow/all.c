/* SPDX-License-Identifier: MIT
 *
 * flow/all.c - all and all_settled. The state is the array of results, made with the
 * combinator and given away as the result.
 */
#include "flow/build.h"
#include "vow/flow.h"

static vow_value array_of(void *state)
{
    return (vow_value){.type = vow_array_type(), .as.p = state};
}

static void keep(vow_promise *c, uint64_t index, vow_value outcome)
{
    vow__array_put(array_of(c->state), (size_t)index, outcome);
}

static void keep_or_fail(vow_promise *c, uint64_t index, vow_value outcome)
{
    if (vow__has_kind(outcome, VOW__ERROR))
        vow__combine_decide(c, outcome);
    else
        keep(c, index, outcome);
}

static void give_results(vow_promise *c)
{
    vow_value results = array_of(c->state);
    c->state = NULL;
    vow__combine_decide(c, results);
}

static void release_results(void *state) { vow__release(array_of(state)); }

static const struct vow__combine_ops all_ops = {"all", keep_or_fail, give_results, release_results,
                                                true};
static const struct vow__combine_ops all_settled_ops = {"all_settled", keep, give_results,
                                                        release_results, true};

static vow_promise *collect(vow_loop *loop, const struct vow__combine_ops *ops,
                            struct vow__inputs inputs, const char *where)
{
    vow__check_loop(loop, ops->name);
    vow_value results = vow__array_new(inputs.n);
    if (VOW_UNLIKELY(vow_is_none(results)))
        return vow__flow_refuse(loop, inputs);
    return vow__flow_over(loop, ops, results.as.p, inputs, where);
}

vow_promise *vow_all_n_at(vow_loop *loop, size_t n, vow_promise **inputs, const char *where)
{
    return collect(loop, &all_ops, (struct vow__inputs){n, inputs}, where);
}

vow_promise *vow_all_settled_n_at(vow_loop *loop, size_t n, vow_promise **inputs, const char *where)
{
    return collect(loop, &all_settled_ops, (struct vow__inputs){n, inputs}, where);
}
