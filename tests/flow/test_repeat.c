/* SPDX-License-Identifier: MIT
 *
 * repeat.
 */
#include "common.h"

struct count {
    vow_loop *loop;
    int made, end;
    size_t live;      /* the most ever alive */
    vow_promise *own; /* the repeat itself */
};

static vow_value end_or_again(struct count *count)
{
    size_t live = vow_stats(count->loop).live;
    count->live = live > count->live ? live : count->live;
    return ++count->made < count->end ? VOW_AGAIN : vow_v(count->made);
}

static vow_value step_at_once(void *data) { return end_or_again(data); }
static vow_value after(UNUSED vow_value v, void *data) { return end_or_again(data); }
static vow_value step_promise(void *data)
{
    return vow_v(vow_then(vow_resolved(vow_current(), vow_none()), after, data));
}
static vow_value step_delay(void *data)
{
    return vow_v(vow_then(vow_delay(vow_current(), 1), after, data));
}

TEST(repeat_goes_on_until_its_step_gives_a_value)
{
    struct count count = {.loop = loop, .end = 4};
    vow_promise *p = vow_repeat(loop, step_at_once, &count);
    EQ_INT(count.made, 0); /* never inside the call */
    vow_poll(loop);
    EQ_INT(count.made, 4);
    OUTCOME(p, "4");
}

TEST(each_step_waits_for_the_one_before)
{
    struct count count = {.loop = loop, .end = 3};
    vow_promise *p = vow_repeat(loop, step_delay, &count);
    vow_clock_advance(loop, 1);
    EQ_INT(count.made, 1);
    vow_clock_advance(loop, 1);
    EQ_INT(count.made, 2);
    IS(p, "pending");
    vow_clock_advance(loop, 1);
    OUTCOME(p, "3");
}

enum { MANY = 1000000 };

TEST(a_million_steps_that_answer_at_once_take_constant_memory)
{
    struct count count = {.loop = loop, .end = MANY};
    vow_promise *p = vow_repeat(loop, step_at_once, &count);
    vow_poll(loop);
    OUTCOME(p, "1000000");
    CHECK(count.live < 8);
}

TEST(a_million_steps_that_answer_by_promise_take_constant_memory)
{
    struct count count = {.loop = loop, .end = MANY};
    vow_promise *p = vow_repeat(loop, step_promise, &count);
    vow_poll(loop);
    OUTCOME(p, "1000000");
    CHECK(count.live < 8);
}

TEST(a_hundred_thousand_steps_that_wait_take_constant_memory)
{
    struct count count = {.loop = loop, .end = MANY / 10};
    EQ_INT(vow_run(loop, vow_repeat(loop, step_delay, &count), NULL), 0);
    EQ_INT(count.made, MANY / 10);
    CHECK(count.live < 8);
}

TEST(repeats_that_answer_at_once_let_others_go_in_between)
{
    struct count a = {.loop = loop, .end = MANY}, b = {.loop = loop, .end = MANY};
    vow_promise *p = vow_repeat(loop, step_at_once, &a);
    vow_promise *q = vow_repeat(loop, step_promise, &b);
    vow_drain(loop, 1000);
    CHECK(a.made > 200 && a.made <= 1000);
    CHECK(b.made > 200 && b.made <= 1000);
    vow_unref(p);
    vow_unref(q);
}

static vow_value fail_at_three(void *data)
{
    struct count *count = data;
    if (++count->made == 3)
        return vow_fail(EIO, NULL);
    return count->made % 2 ? VOW_AGAIN : vow_v(vow_resolved(count->loop, VOW_AGAIN));
}

TEST(an_error_of_a_step_ends_it)
{
    struct count count = {.loop = loop};
    vow_promise *p = vow_repeat(loop, fail_at_three, &count);
    vow_mark_handled(p);
    vow_poll(loop);
    OUTCOME(p, "!EIO");
    EQ_INT(count.made, 3);
}

static vow_value step_op_slow(void *data) { return vow_v(op_start_slow(vow_current(), data)); }

TEST(a_cancelled_repeat_cancels_its_step_and_waits_for_it)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_repeat_with(loop, step_op_slow, &a, op_destroy);
    vow_poll(loop);
    vow_cancel(p);
    vow_clock_advance(loop, 9);
    EQ_TRACE(seen, "a-stopped a-clean");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a-stopped a-clean a-cleaned ~a");
    OUTCOME(p, "!ECANCELED");
}

TEST(a_repeat_cancelled_before_its_first_step_makes_none)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_repeat_with(loop, step_op_slow, &a, op_destroy);
    vow_cancel(p);
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    EQ_TRACE(seen, "~a");
}

static vow_value again_after_all(UNUSED const vow_error *e, UNUSED void *data) { return VOW_AGAIN; }
static vow_value step_op_again(void *data)
{
    return vow_v(vow_catch(op_start(vow_current(), data), again_after_all, NULL));
}

TEST(a_step_that_recovers_from_everything_does_not_outlive_the_cancel)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_repeat(loop, step_op_again, &a);
    vow_poll(loop);
    op_resolve(&a, vow_fail(EIO, NULL));
    vow_poll(loop);
    CHECK(a.r != NULL); /* the second step */
    vow_cancel(p);
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    EQ_TRACE(seen, "a-stopped");
}

TEST(a_dropped_repeat_drops_its_step_then_its_data)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL};
    vow_promise *p = vow_repeat_with(loop, step_op_slow, &a, op_destroy);
    vow_poll(loop);
    vow_unref(p);
    EQ_TRACE(seen, "a-stopped ~a");
}

static vow_value cancel_self(void *data)
{
    struct count *count = data;
    if (++count->made == 3)
        vow_cancel(count->own);
    return VOW_AGAIN;
}
static vow_value drop_self(void *data)
{
    struct count *count = data;
    if (++count->made == 3)
        count->own = vow_unref(count->own);
    return count->made % 2 ? vow_v(vow_delay(count->loop, 1)) : VOW_AGAIN;
}
static vow_value cancel_self_then_delay(void *data)
{
    struct count *count = data;
    vow_cancel(count->own);
    return vow_v(vow_delay(count->loop, 1));
}
static void mark_ended(void *data) { ((struct count *)data)->end++; }

TEST(a_step_may_cancel_its_own_repeat)
{
    struct count count = {.loop = loop};
    count.own = vow_repeat_with(loop, cancel_self, &count, mark_ended);
    vow_poll(loop);
    EQ_INT(count.made, 3);
    EQ_INT(count.end, 1);
    OUTCOME(count.own, "!ECANCELED");
}

TEST(a_step_that_cancels_its_own_repeat_cancels_what_it_returns)
{
    struct count count = {.loop = loop};
    count.own = vow_repeat(loop, cancel_self_then_delay, &count);
    vow_poll(loop);
    EQ_UINT(vow_stats(loop).timers, 0);
    OUTCOME(count.own, "!ECANCELED");
}

static vow_value again(UNUSED vow_value v, UNUSED void *data) { return VOW_AGAIN; }
static vow_value drop_self_later(void *data)
{
    struct count *count = data;
    return ++count->made < 3 ? vow_v(vow_then(vow_delay(count->loop, 1), again, NULL))
                             : drop_self((count->made--, data));
}

TEST(a_step_may_drop_its_own_repeat)
{
    struct count count = {.loop = loop};
    count.own = vow_repeat_with(loop, drop_self_later, &count, mark_ended);
    vow_clock_advance(loop, 100);
    EQ_INT(count.made, 3);
    EQ_INT(count.end, 1);
    EQ_PTR(count.own, NULL);
    EQ_UINT(vow_stats(loop).live, 0);
}

static vow_value give_own(void *data)
{
    struct count *count = data;
    return vow_v(vow_ref(count->own));
}

TEST(a_step_that_returns_its_own_repeat_is_a_cycle)
{
    struct count count = {.loop = loop};
    vow_promise *repeat = vow_repeat(loop, give_own, &count);
    count.own = vow_context(vow_ref(repeat), "around"); /* somebody waits for it */
    vow_mark_handled(repeat);
    vow_poll(loop);
    OUTCOME(repeat, "!ECYCLE");
    count.own = vow_unref(count.own);
    count.own = vow_repeat(loop, give_own, &count); /* nobody waits: the promise itself */
    vow_mark_handled(count.own);
    vow_poll(loop);
    OUTCOME(count.own, "!ECYCLE");
    EXPECT_UNHANDLED(1); /* the context's */
}

static vow_value give_foreign(void *data) { return vow_v(pending(data)); }

TEST(a_step_that_returns_a_promise_of_another_loop_ends_it)
{
    vow_loop *other = vow_loop_new();
    vow_promise *p = vow_repeat(loop, give_foreign, other);
    vow_mark_handled(p);
    vow_poll(loop);
    OUTCOME(p, "!ELOOP");
    vow_loop_free(other);
}

static vow_value give_same(UNUSED void *data) { return VOW_SAME; }

TEST_PANICS(a_step_has_nothing_to_be_the_same_as, "VOW_SAME")
{
    vow_promise *p = vow_repeat(loop, give_same, NULL);
    vow_poll(loop);
    vow_unref(p);
}

static vow_value note_and_again(void *data)
{
    trace_add(data, "step");
    return vow_v(vow_catch(pending(vow_current()), again_after_all, NULL));
}

TEST(closing_the_loop_ends_a_repeat_that_recovers_from_everything)
{
    struct trace seen = {""};
    vow_loop *closed = vow_loop_new();
    vow_promise *p = vow_repeat(closed, note_and_again, &seen);
    vow_poll(closed);
    vow_loop_close(closed);
    EQ_TRACE(seen, "step step");
    OUTCOME(p, "!ECLOSED");
    vow_loop_free(closed);
}
