/* SPDX-License-Identifier: MIT
 *
 * What was received, and nobody has seen, is still to be received: whatever its promise went
 * through, and however it went.
 */
#include "flow/common.h"

static vow_value marked(struct op *op) { return vow_box(op, op_destroy); }

/* 1, 2, ... n, in a channel that has room for them. */
static vow_channel *channel_of(vow_loop *loop, int n)
{
    vow_channel *ch = vow_channel_new(loop, (size_t)n);
    for (int i = 1; i <= n; i++)
        OUTCOME(vow_channel_send(ch, vow_v(i)), "none");
    return ch;
}

static vow_value never_called(UNUSED vow_value v, UNUSED void *data)
{
    CHECK(!"this handler was given up");
    return vow_none();
}

static void cancel_and_run(vow_loop *loop, vow_promise *p)
{
    vow_mark_handled(p);
    vow_cancel(p);
    vow_poll(loop);
    CHECK(vow_error_code(vow_error_of(p)) == ECANCELED);
    vow_unref(p);
}

TEST(a_value_that_was_dropped_unseen_comes_first_again)
{
    vow_channel *ch = channel_of(loop, 3);
    vow_promise *p = vow_channel_receive(ch);
    IS(p, "1"); /* seen */
    vow_unref(p);
    p = vow_channel_receive(ch);
    CHECK(vow_state(p) == VOW_FULFILLED);
    EQ_UINT(vow_channel_count(ch), 1);
    vow_unref(p);
    EQ_UINT(vow_channel_count(ch), 2);
    OUTCOME(vow_channel_receive(ch), "2");
    OUTCOME(vow_channel_receive(ch), "3");
    vow_channel_unref(ch);
}

TEST(a_value_whose_handler_was_cancelled_or_dropped_comes_first_again)
{
    vow_channel *ch = channel_of(loop, 2);
    cancel_and_run(loop, vow_then(vow_channel_receive(ch), never_called, NULL));
    vow_unref(vow_then(vow_channel_receive(ch), never_called, NULL));
    OUTCOME(vow_channel_receive(ch), "1");
    OUTCOME(vow_channel_receive(ch), "2");
    vow_channel_unref(ch);
}

TEST(a_value_that_comes_back_goes_to_who_waits)
{
    vow_channel *ch = channel_of(loop, 1);
    vow_promise *first = vow_channel_receive(ch), *second = vow_channel_receive(ch);
    vow_channel_case cases[] = {{ch, false, vow_none()}};
    vow_promise *third = vow_channel_select(1, cases);
    vow_unref(first);
    CHECK(vow_state(second) == VOW_FULFILLED);
    vow_unref(second);
    OUTCOME(third, "[0 1]");
    vow_channel_unref(ch);
}

TEST(values_come_back_in_the_order_in_which_they_were_sent)
{
    static const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
    for (size_t o = 0; o < 4; o++) {
        vow_channel *ch = channel_of(loop, 5);
        vow_promise *receives[4];
        for (int i = 0; i < 4; i++)
            receives[i] = vow_channel_receive(ch);
        for (int i = 0; i < 4; i++)
            vow_unref(receives[orders[o][i]]);
        OUTCOME(vow_resolved(loop, vow_channel_drain(ch)), "[1 2 3 4 5]");
        vow_channel_unref(ch);
    }
}

TEST(nothing_is_let_in_for_a_value_that_came_back)
{
    vow_channel *ch = vow_channel_new(loop, 0);
    vow_promise *first = vow_channel_send(ch, vow_v(1));
    vow_unref(vow_channel_receive(ch));
    OUTCOME(first, "none"); /* it was received */
    vow_promise *second = vow_channel_send(ch, vow_v(2));
    IS(second, "pending");
    EQ_UINT(vow_channel_count(ch), 1);
    vow_channel_close(ch);
    OUTCOME(vow_channel_receive(ch), "1");
    IS(second, "pending");
    OUTCOME(vow_channel_receive(ch), "2");
    OUTCOME(vow_channel_receive(ch), "end");
    OUTCOME(second, "none");
    vow_channel_unref(ch);
}

static vow_value receive(UNUSED vow_value v, void *ch)
{
    return vow_v(vow_channel_receive(ch));
}
static vow_value nothing(UNUSED void *data) { return vow_none(); }

/* What a receive may be wrapped in. */
static vow_promise *wrapped(vow_loop *loop, vow_channel *ch, int how)
{
    vow_channel_case cases[] = {{ch, false, vow_none()}};
    switch (how) {
    case 0:
        return vow_timeout(vow_channel_receive(ch), 100);
    case 1:
        return vow_race(loop, vow_channel_receive(ch), vow_delay(loop, 100));
    case 2:
        return vow_then(vow_resolved(loop, vow_none()), receive, ch);
    case 3:
        return vow_finally(vow_channel_receive(ch), nothing, NULL);
    case 4:
        return vow_context(vow_channel_receive(ch), "the next one");
    case 5:
        return vow_all(loop, vow_channel_receive(ch), vow_all(loop, vow_channel_receive(ch)));
    case 6:
        return vow_channel_select(1, cases);
    default:
        return vow_shield(vow_channel_receive(ch));
    }
}

TEST(a_value_finds_back_through_whatever_its_promise_went_through)
{
    static const char *seen[] = {"1", "1", "1", "1", "1", "[1 [2]]", "[0 1]", "1"};
    for (int how = 0; how < 8; how++) {
        for (size_t steps = 0; steps < 6; steps++) {
            vow_channel *ch = channel_of(loop, 2);
            vow_promise *p = wrapped(loop, ch, how);
            vow_drain(loop, steps);
            vow_unref(p);
            EQ_UINT(vow_channel_count(ch), 2);
            p = wrapped(loop, ch, how);
            vow_drain(loop, steps);
            if (vow_state(p) == VOW_PENDING)
                cancel_and_run(loop, p);
            else
                vow_unref(p);
            EQ_UINT(vow_channel_count(ch), 2);
            vow_channel_unref(ch);
        }
        vow_channel *ch = channel_of(loop, 2);
        vow_promise *p = wrapped(loop, ch, how);
        vow_poll(loop);
        OUTCOME(p, seen[how]);
        EQ_UINT(vow_channel_count(ch), how == 5 ? 0 : 1);
        vow_channel_unref(ch);
    }
}

static vow_value await_one(void *ch)
{
    CHECK(vow_await(vow_channel_receive(ch), NULL) == ECANCELED);
    return vow_none();
}

TEST(a_fiber_cancelled_before_it_goes_on_has_received_nothing)
{
    vow_channel *ch = vow_channel_new(loop, 0);
    vow_promise *fiber = vow_spawn(loop, await_one, ch, NULL);
    vow_poll(loop);
    OUTCOME(vow_channel_send(ch, vow_v(1)), "none");
    vow_cancel(fiber);
    vow_poll(loop);
    OUTCOME(fiber, "none");
    OUTCOME(vow_channel_receive(ch), "1");
    vow_channel_unref(ch);
}

TEST(two_who_share_a_receive_give_its_value_back_together)
{
    vow_channel *ch = channel_of(loop, 1);
    vow_promise *p = vow_channel_receive(ch), *q = vow_all(loop, vow_ref(p), vow_ref(p));
    vow_poll(loop);
    vow_unref(p);
    EQ_UINT(vow_channel_count(ch), 0);
    vow_unref(q);
    EQ_UINT(vow_channel_count(ch), 1);
    p = vow_channel_receive(ch);
    q = vow_all(loop, vow_ref(p), vow_ref(p));
    vow_poll(loop);
    OUTCOME(q, "[1 1]");
    OUTCOME(p, "1");
    EQ_UINT(vow_channel_count(ch), 0);
    vow_channel_unref(ch);
}

TEST(a_value_whose_channel_has_gone_is_delivered_or_released)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_channel *ch = vow_channel_new(loop, 3);
    OUTCOME(vow_channel_send(ch, marked(&a)), "none");
    OUTCOME(vow_channel_send(ch, marked(&b)), "none");
    OUTCOME(vow_channel_send(ch, marked(&c)), "none");
    vow_promise *first = vow_channel_receive(ch), *second = vow_channel_receive(ch);
    vow_unref(vow_channel_receive(ch));
    vow_channel_unref(ch); /* with c in it, which is back */
    EQ_TRACE(seen, "~c");
    vow_unref(second);
    EQ_TRACE(seen, "~c ~b");
    CHECK(vow_state(first) == VOW_FULFILLED && !vow_is_end(vow_peek(first)));
    vow_unref(first);
    EQ_TRACE(seen, "~c ~b ~a");
}

TEST(values_find_back_when_their_loop_has_closed)
{
    vow_channel *ch = channel_of(loop, 2);
    vow_promise *p = vow_channel_receive(ch);
    vow_unref(vow_then(vow_channel_receive(ch), never_called, NULL));
    vow_loop_close(loop);
    vow_unref(p);
    EQ_UINT(vow_channel_count(ch), 2);
    vow_channel_unref(ch);
}

TEST(an_array_that_is_in_another_one_twice_is_seen_once)
{
    vow_channel *ch = vow_channel_new(loop, 1);
    vow_unref(vow_channel_send(ch, vow_v(7)));
    vow_promise *all = vow_all(loop, vow_channel_receive(ch));
    vow_promise *twice = vow_all(loop, vow_ref(all), all);
    vow_poll(loop);
    OUTCOME(twice, "[[7] [7]]");
    EQ_UINT(vow_channel_count(ch), 0);
    vow_channel_unref(ch);
}
