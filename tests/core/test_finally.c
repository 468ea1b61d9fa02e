/* SPDX-License-Identifier: MIT
 *
 * finally: runs either way, waits for the promise it returns, and may fail.
 */
#include "core/common.h"

/* scenario 26 */
TEST(finally_runs_once_on_success_and_once_on_failure)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *p = vow_finally(vow_resolved(loop, vow_v(1)), note_finally, &a);
    vow_promise *q = vow_finally(vow_rejected(loop, eio()), note_finally, &b);
    vow_mark_handled(q);
    drain(loop);
    EQ_TRACE(seen, "a b");
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    EQ_INT(error_code(q), EIO);
    vow_unref(p);
    vow_unref(q);
}

static vow_value wait_for_held(void *data)
{
    vow_promise **held = data, *p = *held;
    *held = NULL;
    return vow_v(p);
}

/* scenario 27 */
TEST(finally_waits_for_the_promise_it_returns_and_drops_its_value)
{
    vow_resolver *r;
    vow_promise *cleanup = vow_promise_new(loop, &r);
    vow_promise *p = vow_finally(vow_resolved(loop, vow_v(1)), wait_for_held, &cleanup);
    drain(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(r, vow_v(99));
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
}

TEST(finally_waits_also_for_a_promise_that_has_settled)
{
    vow_promise *cleanup = vow_resolved(loop, vow_v(99));
    vow_promise *p = vow_finally(vow_resolved(loop, vow_v(1)), wait_for_held, &cleanup);
    drain(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
}

static vow_value fail_to_clean_up(UNUSED void *data) { return vow_fail(EPROTO, "clean-up"); }

/* scenario 28 */
TEST(a_failing_finally_replaces_success)
{
    int destroyed = 0;
    vow_promise *p = vow_finally(vow_resolved(loop, counted(&destroyed)), fail_to_clean_up, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EPROTO);
    EQ_INT(destroyed, 1);
    vow_unref(p);
}

/* scenario 29 */
TEST(a_finally_that_fails_on_a_failed_source_wins_and_carries_the_old_error_as_cause)
{
    vow_promise *p = vow_finally(vow_rejected(loop, eio()), fail_to_clean_up, NULL);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EPROTO);
    EQ_INT(vow_error_code(vow_error_cause(vow_error_of(p))), EIO);
    vow_unref(p);
}

TEST(a_clean_up_promise_that_fails_wins_and_carries_the_old_error_as_cause)
{
    vow_resolver *r;
    vow_promise *cleanup = vow_promise_new(loop, &r);
    vow_promise *p = vow_finally(vow_rejected(loop, eio()), wait_for_held, &cleanup);
    vow_mark_handled(p);
    drain(loop);
    vow_reject(r, vow_error_new(vow_errno_domain(), EPROTO, NULL));
    drain(loop);
    EQ_INT(error_code(p), EPROTO);
    EQ_INT(vow_error_code(vow_error_cause(vow_error_of(p))), EIO);
    vow_unref(p);
}

TEST(an_old_error_that_cannot_become_a_cause_is_reported)
{
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_promise *cleanup = vow_rejected(loop, vow_error_new(vow_errno_domain(), EPROTO, NULL));
    vow_promise *held = vow_ref(cleanup); /* its error is shared: it must not change */
    vow_mark_handled(held);
    vow_promise *p = vow_finally(vow_rejected(loop, eio()), wait_for_held, &cleanup);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), EPROTO);
    EQ_TRACE(seen, "unhandled!EIO");
    EXPECT_UNHANDLED(1);
    vow_unref(p);
    vow_unref(held);
}

static vow_promise *hook_drops;
static void drop_in_hook(UNUSED const vow_error *e, UNUSED const char *made, UNUSED bool late,
                         UNUSED void *data)
{
    hook_drops = vow_unref(hook_drops);
}

TEST(the_hook_that_is_told_of_a_replaced_error_may_drop_the_promise)
{
    vow_on_unhandled(loop, drop_in_hook, NULL);
    vow_promise *cleanup = vow_rejected(loop, vow_error_new(vow_errno_domain(), EPROTO, NULL));
    vow_promise *held = vow_ref(cleanup);
    vow_mark_handled(held);
    hook_drops = vow_finally(vow_rejected(loop, eio()), wait_for_held, &cleanup);
    vow_mark_handled(hook_drops);
    drain(loop);
    CHECK(hook_drops == NULL);
    EXPECT_UNHANDLED(1);
    vow_unref(held);
}

static vow_value wait_for_itself(void *data) { return vow_v(vow_ref(*(vow_promise **)data)); }

TEST(a_finally_that_waits_for_its_own_promise_rejects_with_the_cycle_error)
{
    vow_promise *p = vow_resolved(loop, vow_none());
    p = vow_finally(p, wait_for_itself, &p);
    vow_mark_handled(p);
    drain(loop);
    EQ_INT(error_code(p), VOW_ECYCLE);
    vow_unref(p);
}

TEST(a_finally_that_waits_for_what_waits_for_it_rejects_with_the_cycle_error)
{
    vow_promise *last = NULL;
    vow_promise *p = vow_finally(vow_resolved(loop, vow_none()), wait_for_itself, &last);
    last = chain_of(p, 3, never_called, NULL);
    vow_mark_handled(last);
    drain(loop);
    EQ_INT(error_code(last), VOW_ECYCLE);
    vow_unref(last);
}

TEST(a_finally_dropped_while_it_waits_stops_its_clean_up)
{
    struct op op = {0};
    int destroyed = 0;
    vow_promise *cleanup = op_start(loop, &op);
    vow_promise *p = vow_finally(vow_resolved(loop, counted(&destroyed)), wait_for_held, &cleanup);
    drain(loop);
    EQ_INT(destroyed, 0);
    vow_unref(p);
    EQ_INT(destroyed, 1);
    EQ_INT(op.stops, 1);
}

static vow_value drop_and_fail(void *data)
{
    drop_held(data);
    return vow_fail(EIO, NULL);
}
static vow_value drop_and_wait(void *data)
{
    drop_held(data);
    return vow_v(vow_resolved(vow_current(), vow_v(1)));
}
static vow_value drop_and_go(void *data)
{
    drop_held(data);
    return vow_none();
}

TEST(a_finally_may_drop_its_own_promise_whatever_it_returns)
{
    vow_finally_fn *fns[] = {drop_and_fail, drop_and_wait, drop_and_go};
    int destroyed = 0;
    for (int i = 0; i < 3; i++) {
        vow_promise *p = vow_resolved(loop, counted(&destroyed));
        p = vow_finally(p, fns[i], &p);
        drain(loop);
        CHECK(p == NULL);
        EQ_INT(destroyed, i + 1);
    }
}

TEST_PANICS(finally_without_a_function_is_misuse, "the function is NULL")
{
    vow_unref(vow_finally(vow_resolved(loop, vow_none()), NULL, NULL));
}
