/* SPDX-License-Identifier: MIT
 *
 * interval.
 */
#include "common.h"

struct ticks {
    vow_loop *loop;
    struct trace seen; /* the time of each tick */
    int made, end;
    uint64_t takes; /* ms, the first tick only */
    vow_promise *own;
};

static vow_value again(UNUSED vow_value v, UNUSED void *data) { return VOW_AGAIN; }

static vow_value tick(void *data)
{
    struct ticks *t = data;
    trace_add(&t->seen, "%d", (int)(vow_now(t->loop) / 1000000));
    if (++t->made == t->end)
        return VOW_LIT("enough");
    if (t->made == 1 && t->takes > 0)
        return vow_v(vow_then(vow_delay(t->loop, t->takes), again, NULL));
    return VOW_AGAIN;
}

TEST(an_interval_ticks_every_so_often_until_a_tick_gives_a_value)
{
    struct ticks k = {.loop = loop, .end = 4};
    vow_promise *p = vow_interval(loop, 10, tick, &k);
    vow_poll(loop);
    EQ_TRACE(k.seen, "");
    vow_clock_advance(loop, 25);
    EQ_TRACE(k.seen, "10 20");
    IS(p, "pending");
    vow_clock_advance(loop, 1000);
    EQ_TRACE(k.seen, "10 20 30 40");
    OUTCOME(p, "'enough'");
    EQ_UINT(vow_stats(loop).timers, 0);
}

TEST(a_slow_tick_delays_none_of_those_it_does_not_overlap)
{
    struct ticks k = {.loop = loop, .end = 4, .takes = 7};
    EQ_INT(vow_run(loop, vow_interval(loop, 10, tick, &k), NULL), 0);
    EQ_TRACE(k.seen, "10 20 30 40");
}

TEST(missed_ticks_are_skipped_and_the_grid_is_kept)
{
    struct ticks k = {.loop = loop, .end = 4, .takes = 33};
    EQ_INT(vow_run(loop, vow_interval(loop, 10, tick, &k), NULL), 0);
    EQ_TRACE(k.seen, "10 50 60 70");
}

TEST(a_tick_that_is_just_due_when_the_one_before_ends_is_not_missed)
{
    struct ticks k = {.loop = loop, .end = 3, .takes = 20};
    EQ_INT(vow_run(loop, vow_interval(loop, 10, tick, &k), NULL), 0);
    EQ_TRACE(k.seen, "10 30 40");
}

static uint64_t jumping_clock(void *data) { return *(uint64_t *)data * 1000000; }

TEST(a_clock_that_jumps_makes_ticks_skip_not_pile_up)
{
    uint64_t ms = 0;
    vow_loop_set_clock(loop, jumping_clock, &ms);
    struct ticks k = {.loop = loop, .end = 3};
    vow_promise *p = vow_interval(loop, 10, tick, &k);
    const uint64_t times[] = {9, 95, 96, 99, 100, 1234, 1239, 1240};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        ms = times[i];
        vow_poll(loop);
    }
    EQ_TRACE(k.seen, "95 100 1234");
    OUTCOME(p, "'enough'");
}

static vow_value fail_second(void *data)
{
    struct ticks *t = data;
    return ++t->made == 2 ? vow_fail(EIO, NULL) : VOW_AGAIN;
}

TEST(an_error_of_a_tick_ends_the_interval)
{
    struct ticks k = {.loop = loop};
    EQ_INT(vow_run(loop, vow_interval(loop, 10, fail_second, &k), NULL), EIO);
    EQ_INT(k.made, 2);
    EQ_UINT(vow_stats(loop).timers, 0);
}

TEST(an_interval_of_nothing_is_one_of_a_millisecond)
{
    struct ticks k = {.loop = loop, .end = 3};
    EQ_INT(vow_run(loop, vow_interval(loop, 0, tick, &k), NULL), 0);
    EQ_TRACE(k.seen, "1 2 3");
}

TEST(an_endless_interval_ends_by_cancel)
{
    struct ticks k = {.loop = loop, .end = -1};
    int destroyed = 0;
    vow_promise *p = vow_interval_with(loop, 1, tick, &destroyed, count_destroy);
    vow_cancel(p);
    vow_poll(loop);
    EQ_INT(destroyed, 1);
    OUTCOME(p, "!ECANCELED");
    p = vow_interval(loop, 1, tick, &k);
    vow_clock_advance(loop, 5);
    vow_cancel(p);
    vow_clock_advance(loop, 5);
    EQ_TRACE(k.seen, "1 2 3 4 5");
    OUTCOME(p, "!ECANCELED");
    EQ_UINT(vow_stats(loop).timers, 0);
}

static vow_value tick_op(void *data) { return vow_v(op_start_slow(vow_current(), data)); }

TEST(a_cancelled_interval_cancels_its_tick_and_waits_for_it)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_interval_with(loop, 10, tick_op, &a, op_destroy);
    vow_clock_advance(loop, 10);
    vow_cancel(p);
    vow_clock_advance(loop, 9);
    EQ_TRACE(seen, "a-stopped a-clean");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a-stopped a-clean a-cleaned ~a");
    OUTCOME(p, "!ECANCELED");
}

TEST(a_dropped_interval_stops_at_once)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_interval_with(loop, 10, tick_op, &a, op_destroy);
    vow_promise *q = vow_interval_with(loop, 10, tick_op, &a, op_destroy);
    vow_unref(p);
    EQ_TRACE(seen, "~a");
    vow_clock_advance(loop, 10);
    vow_unref(q);
    EQ_TRACE(seen, "~a a-stopped ~a");
    EQ_UINT(vow_stats(loop).live, 0);
}

static vow_value drop_own(void *data)
{
    struct ticks *t = data;
    t->own = vow_unref(t->own);
    return VOW_AGAIN;
}

TEST(a_tick_may_drop_its_own_interval)
{
    struct ticks k = {.loop = loop};
    k.own = vow_interval(loop, 10, drop_own, &k);
    vow_clock_advance(loop, 100);
    EQ_UINT(vow_stats(loop).live, 0);
}

TEST(the_longest_interval_does_not_come)
{
    struct ticks k = {.loop = loop};
    vow_promise *p = vow_interval(loop, UINT64_MAX, tick, &k);
    vow_clock_advance(loop, 1000000);
    IS(p, "pending");
    vow_unref(p);
}
