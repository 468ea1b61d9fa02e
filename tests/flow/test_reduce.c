/* SPDX-License-Identifier: MIT
 *
 * reduce.
 */
#include "common.h"

static vow_value add(vow_value so_far, size_t index, UNUSED void *data)
{
    return vow_v(vow_as_int(so_far) + (int64_t)index);
}

TEST(reduce_calls_with_what_came_before)
{
    vow_promise *p = vow_reduce(loop, 5, vow_v(100), add, NULL);
    IS(p, "pending");
    vow_poll(loop);
    OUTCOME(p, "110");
}

TEST(reduce_of_nothing_gives_the_start)
{
    vow_promise *p = vow_reduce(loop, 0, vow_text("start"), add, NULL);
    vow_poll(loop);
    OUTCOME(p, "'start'");
}

static vow_value add_later(vow_value so_far, size_t index, void *data)
{
    trace_add(data, "%d@%d", (int)index, (int)(vow_now(vow_current()) / 1000000));
    vow_promise *delay = vow_delay(vow_current(), 10);
    return vow_v(vow_all(vow_current(), vow_resolved(vow_current(), vow_keep(so_far)), delay));
}

TEST(each_step_of_reduce_waits_for_the_one_before)
{
    struct trace seen = {""};
    vow_promise *p = vow_reduce(loop, 3, vow_v(1), add_later, &seen);
    vow_clock_advance(loop, 30);
    EQ_TRACE(seen, "0@0 1@10 2@20");
    OUTCOME(p, "[[[1 none] none] none]");
}

TEST(reduce_may_start_with_a_promise_or_an_error)
{
    vow_promise *p = vow_reduce(loop, 3, vow_v(vow_resolved(loop, vow_v(7))), add, NULL);
    vow_promise *q = vow_reduce(loop, 3, vow_fail(EIO, NULL), add, NULL);
    vow_mark_handled(q);
    vow_poll(loop);
    OUTCOME(p, "10");
    OUTCOME(q, "!EIO");
}

static vow_value same_or_keep(vow_value so_far, size_t index, UNUSED void *data)
{
    return index % 2 ? vow_keep(so_far) : VOW_SAME;
}

TEST(a_counted_value_may_be_passed_on)
{
    int destroyed = 0;
    vow_value box = vow_box(&destroyed, count_destroy);
    vow_promise *p = vow_reduce(loop, 6, box, same_or_keep, NULL);
    vow_poll(loop);
    EQ_PTR(vow_unbox(vow_peek(p)), &destroyed);
    EQ_INT(destroyed, 0);
    vow_unref(p);
    EQ_INT(destroyed, 1);
}

static vow_value give_away(vow_value so_far, UNUSED size_t index, UNUSED void *data)
{
    return so_far;
}

TEST_PANICS(a_reducer_that_gives_away_what_it_borrowed_is_caught, "without a reference of its own")
{
    vow_promise *p = vow_reduce(loop, 2, vow_text("counted"), give_away, NULL);
    vow_poll(loop);
    vow_unref(p);
}

static vow_value fail_at_two(vow_value so_far, size_t index, UNUSED void *data)
{
    return index == 2 ? vow_fail(EIO, NULL) : vow_v(vow_as_int(so_far) + 1);
}
static vow_value reject_at_two(vow_value so_far, size_t index, UNUSED void *data)
{
    return index == 2 ? vow_v(failure(vow_current(), EPROTO)) : vow_v(vow_as_int(so_far) + 1);
}

/* scenario 84 */
TEST(a_reducer_that_fails_ends_it)
{
    vow_promise *p = vow_reduce(loop, 5, vow_v(0), fail_at_two, NULL);
    vow_promise *q = vow_reduce(loop, 5, vow_v(0), reject_at_two, NULL);
    vow_mark_handled(p);
    vow_mark_handled(q);
    vow_poll(loop);
    OUTCOME(p, "!EIO");
    OUTCOME(q, "!EPROTO");
}

static vow_value wait_op(UNUSED vow_value so_far, UNUSED size_t index, void *data)
{
    return vow_v(op_start_slow(vow_current(), data));
}

TEST(a_cancelled_reduce_cancels_its_step_and_waits_for_it)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_reduce_with(loop, 3, vow_text("start"), wait_op, &a, op_destroy);
    vow_poll(loop);
    vow_cancel(p);
    vow_clock_advance(loop, 9);
    EQ_TRACE(seen, "a-stopped a-clean");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a-stopped a-clean a-cleaned ~a");
    OUTCOME(p, "!ECANCELED");
}

TEST(a_dropped_reduce_releases_everything)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_unref(vow_reduce_with(loop, 3, vow_text("start"), wait_op, &a, op_destroy));
    EQ_TRACE(seen, "~a");
    vow_promise *p = vow_reduce_with(loop, 3, vow_text("start"), wait_op, &a, op_destroy);
    vow_poll(loop);
    vow_unref(p);
    EQ_TRACE(seen, "~a a-stopped ~a");
}

static vow_value drop_own(vow_value so_far, size_t index, void *data)
{
    vow_promise **own = data;
    *own = vow_unref(*own);
    return index % 2 ? vow_keep(so_far) : vow_v(vow_delay(vow_current(), 1));
}

TEST(a_reducer_may_drop_its_own_reduce)
{
    vow_promise *own = vow_reduce(loop, 3, vow_text("start"), drop_own, &own);
    vow_poll(loop);
    EQ_PTR(own, NULL);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(a_million_steps_of_reduce_take_constant_memory_and_let_others_go)
{
    size_t bytes = vow_stats(loop).bytes;
    vow_promise *p = vow_reduce(loop, 1000000, vow_v(0), add, NULL);
    vow_drain(loop, 1000);
    IS(p, "pending");
    CHECK(vow_stats(loop).handlers <= 1000);
    vow_poll(loop);
    OUTCOME(p, "499999500000");
    EQ_UINT(vow_stats(loop).bytes, bytes);
}
