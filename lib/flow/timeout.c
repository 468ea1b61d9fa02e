/* SPDX-License-Identifier: MIT
 *
 * flow/timeout.c - timeout and deadline: a race of a promise against a timer, whose error
 * is made ahead and gets the promise's own last error as its cause.
 */
#include <inttypes.h>

#include "flow/build.h"
#include "vow/flow.h"
#include "vow/timer.h"

enum { OPERATION, TIMER };

static void first_of_two(vow_promise *c, uint64_t index, vow_value outcome)
{
    if (index == TIMER && !vow__has_kind(outcome, VOW__ERROR)) {
        outcome = vow_error_value(c->state);
        c->state = NULL;
        c->bits |= COMBINE_CAUSE;
    }
    vow__combine_decide(c, outcome);
}

static void release_error(void *state) { vow_error_unref(state); }

static const struct vow__combine_ops ops = {"timeout", first_of_two, NULL, release_error, false};

/* Takes all three; error NULL: there was no memory for it. */
static vow_promise *limit(vow_promise *p, vow_promise *timer, vow_error *error, const char *where)
{
    vow_loop *loop = vow__loop_of(p);
    struct vow__inputs inputs = {2, (vow_promise *[]){p, timer}};
    if (vow__settled(timer)) { /* refused: it says why */
        vow_error_unref(error);
        vow_unref(p);
        return timer;
    }
    if (!error)
        return vow__flow_refuse(loop, inputs);
    return vow__flow_over(loop, &ops, error, inputs, where);
}

vow_promise *vow_timeout_at(vow_promise *p, uint64_t ms, const char *where)
{
    vow_loop *loop = vow__check(p, "vow_timeout");
    if (vow__settled(p))
        return p;
    vow_error *error =
        vow__flow_error(where, vow_errno_domain(), ETIMEDOUT, "timed out after %" PRIu64 " ms", ms);
    return limit(p, vow_delay_at(loop, ms, where), error, where);
}

vow_promise *vow_deadline_at(vow_promise *p, uint64_t ns, const char *where)
{
    vow_loop *loop = vow__check(p, "vow_deadline");
    if (vow__settled(p))
        return p;
    vow_error *error =
        vow__flow_error(where, vow_errno_domain(), ETIMEDOUT, "timed out at its deadline");
    return limit(p, vow_delay_until_at(loop, ns, where), error, where);
}
