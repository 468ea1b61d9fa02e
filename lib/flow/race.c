/* SPDX-License-Identifier: MIT
 *
 * flow/race.c - race and any: the first outcome, or the first value.
 */
#include "flow/build.h"
#include "vow/flow.h"

static void take_first(vow_promise *c, uint64_t index, vow_value outcome)
{
    (void)index;
    vow__combine_decide(c, outcome);
}

static const struct vow__combine_ops race_ops = {"race", take_first, NULL, NULL, false};

vow_promise *vow_race_n_at(vow_loop *loop, size_t n, vow_promise **inputs, const char *where)
{
    vow__check_loop(loop, "vow_race");
    if (n == 0)
        return vow_rejected_at(
            loop, vow_error_new_at(where, vow_own_domain(), VOW_ENONE, "a race of nobody"), where);
    return vow__flow_over(loop, &race_ops, NULL, (struct vow__inputs){n, inputs}, where);
}

/* The state of any is the error that it will reject with, whose payload is the array of the
 * inputs' errors. */

static void keep_error(vow_promise *c, uint64_t index, vow_value outcome)
{
    if (vow__has_kind(outcome, VOW__ERROR))
        vow__array_put(vow_error_payload(c->state), (size_t)index, outcome);
    else
        vow__combine_decide(c, outcome);
}

static void give_errors(vow_promise *c)
{
    vow_value aggregate = vow_error_value(c->state);
    c->state = NULL;
    vow__combine_decide(c, aggregate);
}

static void release_errors(void *state) { vow_error_unref(state); }

static const struct vow__combine_ops any_ops = {"any", keep_error, give_errors, release_errors,
                                                false};

static vow_error *new_aggregate(size_t n, const char *where)
{
    vow_value errors = vow__array_new(n);
    if (vow_is_none(errors))
        return NULL;
    vow_error *aggregate = vow__flow_error(where, vow_own_domain(), VOW_EAGGREGATE, NULL);
    if (aggregate)
        vow__error_set_payload(aggregate, errors);
    else
        vow__release(errors);
    return aggregate;
}

vow_promise *vow_any_n_at(vow_loop *loop, size_t n, vow_promise **inputs, const char *where)
{
    vow__check_loop(loop, "vow_any");
    vow_error *aggregate = new_aggregate(n, where);
    if (!aggregate)
        return vow__flow_refuse(loop, (struct vow__inputs){n, inputs});
    return vow__flow_over(loop, &any_ops, aggregate, (struct vow__inputs){n, inputs}, where);
}
