/* SPDX-License-Identifier: MIT
 *
 * What is left of a scope when it ends: its timer, errors that come late, and who waits for it
 * from outside.
 */
#include "flow/common.h"
#include "vow/inspect.h"

static vow_promise *quiet(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

static vow_value fail_to_clean_up(UNUSED void *data) { return vow_fail(EIO, "the clean-up"); }

TEST(the_deadline_goes_when_a_scope_is_over)
{
    for (int freed = 0; freed < 2; freed++) {
        vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
        EQ_INT(vow_scope_deadline(scope, 50), 0);
        EQ_UINT(vow_stats(loop).timers, 1);
        if (!freed)
            vow_scope_cancel(scope);
        else
            scope = vow_scope_free(scope);
        EQ_UINT(vow_stats(loop).timers, 0);
        vow_scope_free(scope);
    }
}

TEST(what_goes_wrong_in_a_clean_up_is_why_a_cancelled_scope_is_over)
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_add(scope, vow_finally(pending(loop), fail_to_clean_up, NULL));
    vow_promise *all = quiet(vow_scope_join(scope));
    vow_scope_cancel(scope);
    vow_poll(loop);
    OUTCOME(all, "!EIO(!ECANCELED)");
    vow_scope_free(scope);
}

static vow_value fail_slowly(UNUSED vow_value v, UNUSED void *data)
{
    return vow_fail(EIO, "the clean-up");
}
static vow_value fail_to_clean_up_slowly(UNUSED void *data)
{
    return vow_v(vow_then(vow_delay(vow_current(), 10), fail_slowly, NULL));
}

TEST(what_goes_wrong_later_is_the_cause_of_why_an_await_within_a_scope_has_failed)
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    EQ_INT(vow_scope_deadline(scope, 5), 0);
    vow_promise *p = vow_finally(pending(loop), fail_to_clean_up_slowly, NULL);
    vow_promise *within = quiet(vow_within(scope, p));
    vow_clock_advance(loop, 5);
    vow_scope_free(scope); /* which had the same error, to which none could be added */
    vow_clock_advance(loop, 10);
    OUTCOME(within, "!ETIMEDOUT(!EIO(!ECANCELED))");
}

TEST(what_has_been_told_within_a_scope_is_not_reported_when_that_goes)
{
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_promise *within = vow_within(scope, pending(loop));
    EQ_INT(vow_scope_deadline(scope, 5), 0);
    vow_clock_advance(loop, 4);
    vow_mark_handled(within);
    vow_clock_advance(loop, 1);
    vow_scope_free(scope); /* the test ends with no unhandled rejection */
    OUTCOME(within, "!ETIMEDOUT");
}

TEST(freeing_a_scope_that_still_runs_lets_go_who_waits_for_the_one_around_it)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_scope *outer = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope *inner = vow_scope_new_in(outer, VOW_FAIL_FAST);
    vow_scope_add(inner, op_start_slow(loop, &a));
    vow_promise *all = vow_scope_join(outer);
    vow_scope_free(inner);
    vow_drain(loop, SIZE_MAX);
    OUTCOME(all, "none"); /* a's clean-up is nobody's any more */
    vow_scope_free(outer);
    vow_clock_advance(loop, 10);
    EQ_TRACE(seen, "a-stopped a-clean a-cleaned");
}

static vow_value count_and_wait(void *count)
{
    ++*(int *)count;
    return vow_v(vow_delay(vow_current(), 10));
}

TEST(a_higher_limit_lets_more_run_at_once)
{
    int started = 0;
    vow_scope *scope = vow_scope_new(loop, VOW_FAIL_FAST);
    vow_scope_limit(scope, 1);
    for (int i = 0; i < 5; i++)
        vow_scope_start(scope, count_and_wait, &started);
    vow_poll(loop);
    EQ_INT(started, 1);
    vow_scope_limit(scope, 3);
    vow_poll(loop);
    EQ_INT(started, 3);
    vow_scope_limit(scope, 0); /* none */
    vow_poll(loop);
    EQ_INT(started, 5);
    vow_scope_free(scope);
}

TEST(an_owner_lets_its_promises_go_in_any_order)
{
    enum { N = 5 };
    vow_promise *p[N];
    for (int first = 0; first < N; first++) {
        vow_owner *owner = vow_owner_new(loop);
        for (int i = 0; i < N; i++)
            p[i] = vow_own(owner, pending(loop));
        for (int i = 0; i < 3; i++)
            vow_unref(p[(first + 2 * i) % N]);
        vow_owner_free(owner);
        for (int i = 3; i < N; i++)
            OUTCOME(p[(first + 2 * i) % N], "!ECANCELED");
    }
}
