/* SPDX-License-Identifier: MIT
 *
 * Corners that only the measuring of coverage found untested.
 */
#include "flow/common.h"
#include "vow/inspect.h"
#include "vow/timer.h"

static vow_value fail_with_eio(UNUSED void *data) { return vow_fail(EIO, NULL); }

TEST(a_retry_that_waits_ends_when_the_loop_closes)
{
    vow_promise *p = vow_retry(loop, NULL, fail_with_eio, NULL);
    vow_drain(loop, SIZE_MAX);
    IS(p, "pending");
    vow_loop_close(loop);
    OUTCOME(p, "!ECLOSED");
}

TEST(the_longest_wait_of_a_retry_may_be_any_number)
{
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    policy.tries = 3;
    policy.first_ms = 1;
    policy.most_ms = UINT64_MAX;
    policy.factor = 1e300;
    policy.jitter = 0;
    vow_promise *p = vow_retry(loop, &policy, fail_with_eio, NULL);
    vow_clock_advance(loop, 1);
    EQ_UINT(vow_stats(loop).timers, 1);
    vow_unref(p);
    EQ_UINT(vow_stats(loop).timers, 0);
}

TEST(a_timeout_whose_timer_is_lost_first_gives_the_timers_error)
{
    struct trace seen = {""};
    struct op op = {&seen, "op", NULL};
    vow_promise *p = vow_catch(op_start(loop, &op), op_recover, &op);
    p = vow_timeout(p, 10);
    vow_loop_close(loop);
    OUTCOME(p, "!ECLOSED");
    EQ_TRACE(seen, "op-stopped op-recovers");
}

static vow_value same_as_nothing(UNUSED void *data) { return VOW_SAME; }

TEST_PANICS(a_step_that_gives_same_is_told_without_places_too, "places are not recorded")
{
    vow_places(false);
    vow_loop *other = vow_loop_new();
    vow_promise *p = vow_repeat(other, same_as_nothing, NULL);
    vow_drain(other, SIZE_MAX);
    vow_unref(p);
}
