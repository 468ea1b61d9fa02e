/* SPDX-License-Identifier: MIT
 *
 * vow_detach: a chain runs to its end with nobody waiting.
 */
#include "core/common.h"
#include "vow/inspect.h"

/* scenario 100 */
TEST(detached_work_runs_to_its_end_and_its_failure_reaches_the_error_function)
{
    struct trace seen = {""};
    struct note step = {&seen, "step"}, end = {&seen, "end"};
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), note_value, &step);
    p = vow_then(p, fail_eproto, NULL);
    vow_detach(p, note_detached, &end, note_destroy);
    vow_resolve(r, vow_v(1));
    drain(loop);
    EQ_TRACE(seen, "step=1 end!EPROTO ~end");
}

TEST(detached_work_that_succeeds_only_destroys_its_data)
{
    struct trace seen = {""};
    struct note end = {&seen, "end"};
    vow_detach(vow_resolved(loop, vow_v(1)), note_detached, &end, note_destroy);
    EQ_TRACE(seen, "");
    drain(loop);
    EQ_TRACE(seen, "~end");
}

TEST(without_an_error_function_the_error_of_detached_work_is_reported)
{
    struct trace seen = {""};
    int destroyed = 0;
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_detach(vow_rejected(loop, eio()), NULL, &destroyed, count_destroy);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
    EQ_INT(destroyed, 1);
    EXPECT_UNHANDLED(1);
}

TEST(detached_work_keeps_its_source_running)
{
    struct op op = {0};
    vow_detach(vow_then(op_start(loop, &op), same, NULL), NULL, NULL, NULL);
    CHECK(vow_is_wanted(op.r));
    EQ_INT(op.stops, 0);
    vow_resolve(op.r, vow_v(1));
    drain(loop);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(finally_of_detached_work_runs_and_is_waited_for)
{
    struct trace seen = {""};
    struct note f = {&seen, "finally"}, end = {&seen, "end"};
    vow_promise *p = vow_finally(vow_rejected(loop, eio()), note_finally, &f);
    vow_detach(p, note_detached, &end, NULL);
    drain(loop);
    EQ_TRACE(seen, "finally end!EIO");
}

TEST(a_cancelled_source_of_detached_work_is_not_reported)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_detach(vow_ref(p), NULL, NULL, NULL);
    vow_cancel(p);
    drain(loop);
    vow_unref(p);
    vow_resolver_drop(r);
    EQ_UINT(vow_unhandled_count(loop), 0);
}

static void start_more(UNUSED const vow_error *e, void *data)
{
    vow_detach(vow_rejected(vow_current(), eio()), note_detached, data, NULL);
}

TEST(the_error_function_may_start_and_detach_more)
{
    struct trace seen = {""};
    struct note end = {&seen, "end"};
    vow_detach(vow_rejected(loop, eio()), start_more, &end, NULL);
    drain(loop);
    EQ_TRACE(seen, "end!EIO");
}

TEST_PANICS(a_detached_handle_is_given_away, "vow_state: this handle was given away")
{
    vow_promise *p = vow_resolved(loop, vow_v(1));
    vow_detach(p, NULL, NULL, NULL);
    vow_state(p);
}
