/* SPDX-License-Identifier: MIT
 *
 * timeout and deadline.
 */
#include "common.h"

static void describe(const vow_promise *p, char *text, size_t size)
{
    vow_describe(vow_error_of(p), VOW_ONE_LINE, text, size);
}

/* scenario 129 */
TEST(a_timeout_passes_a_value_on_and_frees_its_timer)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_timeout(op_start(loop, &a), 50);
    EQ_UINT(vow_stats(loop).timers, 1);
    vow_clock_advance(loop, 49);
    op_resolve(&a, vow_v(1));
    vow_poll(loop);
    EQ_UINT(vow_stats(loop).timers, 0);
    EQ_UINT(vow_stats(loop).live, 1);
    OUTCOME(p, "1");
}

TEST(a_timeout_passes_an_error_on_and_frees_its_timer)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_timeout(op_start(loop, &a), 50);
    vow_mark_handled(p);
    op_resolve(&a, vow_fail(EIO, NULL));
    vow_poll(loop);
    EQ_UINT(vow_stats(loop).timers, 0);
    OUTCOME(p, "!EIO");
}

/* scenario 101 */
TEST(a_timeout_cancels_the_operation_once)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_timeout(op_start_clean(loop, &a), 50);
    vow_mark_handled(p);
    vow_clock_advance(loop, 49);
    EQ_TRACE(seen, "");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a-stopped a-clean");
    EQ_UINT(vow_stats(loop).timers, 0);
    OUTCOME(p, "!ETIMEDOUT");
    EQ_TRACE(seen, "a-stopped a-clean");
}

TEST(the_error_of_a_timeout_says_how_long_and_what)
{
    char text[200];
    vow_promise *p = vow_context(pending(loop), "connect %s:%d", "example.org", 80);
    p = vow_timeout(p, 50);
    vow_mark_handled(p);
    vow_clock_advance(loop, 50);
    describe(p, text, sizeof text);
    HAS_TEXT(text, "timed out after 50 ms: connect example.org:80");
    HAS_TEXT(vow_error_place(vow_error_of(p)), "test_timeout.c:");
    OUTCOME(p, "!ETIMEDOUT(!ECANCELED(!ECANCELED))");
}

TEST(the_operation_s_own_last_error_is_the_cause)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    char text[200];
    vow_promise *p = vow_timeout(vow_catch(op_start(loop, &a), op_break, &a), 50);
    vow_mark_handled(p);
    vow_clock_advance(loop, 50);
    describe(p, text, sizeof text);
    HAS_TEXT(text, "timed out after 50 ms: a broke: Protocol error");
    OUTCOME(p, "!ETIMEDOUT(!EPROTO)");
}

TEST(an_operation_that_recovers_from_its_cancel_has_still_timed_out)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_timeout(vow_catch(op_start(loop, &a), op_recover, &a), 50);
    vow_mark_handled(p);
    vow_clock_advance(loop, 50);
    EQ_TRACE(seen, "a-stopped a-recovers");
    OUTCOME(p, "!ETIMEDOUT");
}

TEST(a_timeout_is_delivered_after_the_operation_s_clean_up)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, done = {&seen, "done", NULL};
    vow_promise *p = vow_handle(vow_timeout(op_start_slow(loop, &a), 50), op_done, &done);
    vow_mark_handled(p);
    vow_clock_advance(loop, 59);
    EQ_TRACE(seen, "a-stopped a-clean");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a-stopped a-clean a-cleaned done");
    OUTCOME(p, "!ETIMEDOUT");
}

TEST(a_shielded_operation_survives_its_timeout)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_timeout(vow_shield(op_start_slow(loop, &a)), 50);
    vow_mark_handled(p);
    vow_clock_advance(loop, 50);
    OUTCOME(p, "!ETIMEDOUT");
    EQ_TRACE(seen, "");
    op_resolve(&a, vow_v(1));
    vow_clock_advance(loop, 10);
    EQ_TRACE(seen, "a-clean a-cleaned");
}

TEST(an_operation_that_others_hold_survives_a_timeout)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *held = op_start_clean(loop, &a), *p = vow_timeout(vow_ref(held), 50);
    vow_mark_handled(p);
    vow_clock_advance(loop, 50);
    OUTCOME(p, "!ETIMEDOUT");
    op_resolve(&a, vow_v(1));
    vow_poll(loop);
    OUTCOME(held, "1");
    EQ_TRACE(seen, "a-clean");
}

TEST(a_settled_promise_needs_no_timeout)
{
    vow_promise *p = value(loop, 1);
    EQ_PTR(vow_timeout(p, 50), p);
    EQ_PTR(vow_deadline(p, 50), p);
    EQ_UINT(vow_stats(loop).timers, 0);
    OUTCOME(p, "1");
}

/* scenario 128 */
TEST(zero_and_past_deadlines_end_things_at_the_next_turn_never_inside_the_call)
{
    vow_clock_advance(loop, 1000);
    vow_promise *p = vow_timeout(pending(loop), 0), *q = vow_deadline(pending(loop), 7);
    vow_promise *r = vow_timeout(vow_delay(loop, 0), 0);
    vow_mark_handled(p);
    vow_mark_handled(q);
    IS(p, "pending");
    IS(q, "pending");
    vow_poll(loop);
    OUTCOME(p, "!ETIMEDOUT");
    OUTCOME(q, "!ETIMEDOUT");
    OUTCOME(r, "none"); /* the older of the two timers */
}

TEST(a_deadline_is_a_point_in_time)
{
    char text[200];
    vow_clock_advance(loop, 40);
    vow_promise *p = vow_deadline(pending(loop), vow_now(loop) + 10 * 1000000);
    vow_mark_handled(p);
    vow_clock_advance(loop, 9);
    IS(p, "pending");
    vow_clock_advance(loop, 1);
    describe(p, text, sizeof text);
    HAS_TEXT(text, "timed out at its deadline");
    OUTCOME(p, "!ETIMEDOUT");
}

/* scenario 130 */
TEST(timeouts_end_in_the_order_of_their_deadlines_equal_ones_in_that_of_making)
{
    struct trace seen = {""};
    struct op ops[] = {{&seen, "a30", NULL},
                       {&seen, "b10", NULL},
                       {&seen, "c20", NULL},
                       {&seen, "d10", NULL},
                       {&seen, "e20", NULL}};
    const unsigned ms[] = {30, 10, 20, 10, 20};
    vow_promise *all[5];
    for (int i = 0; i < 5; i++)
        all[i] = vow_handle(vow_timeout(pending(loop), ms[i]), op_done, &ops[i]);
    vow_promise *p = vow_all_settled_n(loop, 5, all);
    vow_clock_advance(loop, 1000);
    EQ_TRACE(seen, "b10 d10 c20 e20 a30");
    OUTCOME(p, "[!ETIMEDOUT !ETIMEDOUT !ETIMEDOUT !ETIMEDOUT !ETIMEDOUT]");
}

TEST(what_settles_in_the_turn_of_its_timeout_wins_if_it_was_first)
{
    vow_promise *p = vow_timeout(vow_delay(loop, 50), 50);
    vow_promise *slow = vow_delay(loop, 60);
    vow_promise *q = vow_timeout(slow, 60);
    vow_clock_advance(loop, 100);
    OUTCOME(p, "none");
    OUTCOME(q, "none");
}

TEST(a_cancelled_timeout_cancels_the_operation_and_waits_for_it)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_timeout(op_start_slow(loop, &a), 50);
    vow_cancel(p);
    vow_poll(loop);
    EQ_TRACE(seen, "a-stopped a-clean");
    IS(p, "pending");
    EQ_UINT(vow_stats(loop).timers, 1); /* of the clean-up */
    vow_clock_advance(loop, 10);
    OUTCOME(p, "!ECANCELED");
}

TEST(a_cancel_during_a_timeout_s_clean_up_comes_too_late)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_timeout(op_start_slow(loop, &a), 50);
    vow_mark_handled(p);
    vow_clock_advance(loop, 50);
    vow_cancel(p);
    vow_clock_advance(loop, 10);
    OUTCOME(p, "!ETIMEDOUT");
}

TEST(a_dropped_timeout_drops_the_operation_and_the_timer)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_unref(vow_timeout(op_start_clean(loop, &a), 50));
    EQ_TRACE(seen, "a-stopped");
    EQ_UINT(vow_stats(loop).timers, 0);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(timeouts_nest_and_the_shorter_one_ends_it)
{
    char text[300];
    vow_promise *inner = vow_timeout(vow_context(pending(loop), "read"), 100);
    vow_promise *p = vow_timeout(vow_context(inner, "load"), 30);
    vow_promise *q = vow_timeout(vow_timeout(pending(loop), 30), 100);
    vow_mark_handled(p);
    vow_mark_handled(q);
    vow_clock_advance(loop, 30);
    describe(p, text, sizeof text);
    HAS_TEXT(text, "timed out after 30 ms: load: ");
    OUTCOME(p, "!ETIMEDOUT(!ECANCELED(!ECANCELED))");
    OUTCOME(q, "!ETIMEDOUT");
    EQ_UINT(vow_stats(loop).timers, 0);
}

TEST(a_timeout_around_a_combinator_cancels_all_of_it)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL};
    vow_promise *race = vow_race(loop, op_start_slow(loop, &a), vow_timeout(pending(loop), 500));
    vow_promise *p = vow_timeout(vow_all(loop, race, op_start_clean(loop, &b)), 50);
    vow_mark_handled(p);
    vow_clock_advance(loop, 50);
    EQ_TRACE(seen, "b-stopped a-stopped b-clean a-clean");
    vow_clock_advance(loop, 10);
    OUTCOME(p, "!ETIMEDOUT");
    EQ_UINT(vow_stats(loop).timers, 0);
}

static vow_value each_op(UNUSED size_t index, void *data)
{
    return vow_v(op_start_slow(vow_current(), data));
}
static vow_value reduce_op(UNUSED vow_value so_far, size_t index, void *data)
{
    return each_op(index, data);
}
static vow_value step_op(void *data) { return each_op(0, data); }

static vow_promise *start_flow(vow_loop *loop, int which, struct op *op)
{
    vow_promise *own = which < 4 ? op_start_slow(loop, op) : NULL;
    switch (which) {
    case 0:
        return vow_all(loop, pending(loop), own);
    case 1:
        return vow_all_settled(loop, own, value(loop, 1));
    case 2:
        return vow_any(loop, failure(loop, EIO), own);
    case 3:
        return vow_race(loop, vow_timeout(own, 500));
    case 4:
        return vow_map_with(loop, 3, 1, each_op, op, op_destroy);
    case 5:
        return vow_for_each_with(loop, 3, 1, each_op, op, op_destroy);
    case 6:
        return vow_reduce_with(loop, 3, vow_none(), reduce_op, op, op_destroy);
    case 7:
        return vow_repeat_with(loop, step_op, op, op_destroy);
    case 8:
        return vow_interval_with(loop, 10, step_op, op, op_destroy);
    default:
        return vow_retry_with(loop, NULL, step_op, op, op_destroy);
    }
}

TEST(everything_ends_by_a_timeout_and_is_cleaned_up_before_it_is_delivered)
{
    for (int i = 0; i < 10; i++) {
        struct trace seen = {""};
        struct op a = {&seen, "a", NULL}, done = {&seen, "done", NULL};
        vow_promise *p = vow_timeout(start_flow(loop, i, &a), 50);
        p = vow_handle(p, op_done, &done);
        vow_mark_handled(p);
        vow_clock_advance(loop, 100);
        EQ_TRACE(seen, i < 4 ? "a-stopped a-clean a-cleaned done"
                             : "a-stopped a-clean a-cleaned ~a done");
        OUTCOME(p, "!ETIMEDOUT");
        EQ_UINT(vow_stats(loop).live, 0);
    }
}

TEST(the_longest_timeout_is_no_timeout)
{
    vow_promise *p = vow_timeout(vow_delay(loop, 1000), UINT64_MAX);
    vow_clock_advance(loop, 1000);
    OUTCOME(p, "none");
}

TEST(a_closed_loop_gives_no_timeouts)
{
    vow_loop *closed = vow_loop_new();
    vow_promise *p = pending(closed), *q = vow_timeout(pending(closed), 5);
    vow_loop_close(closed);
    OUTCOME(vow_timeout(p, 5), "!ECLOSED");
    OUTCOME(q, "!ECLOSED");
    vow_loop_free(closed);
}
