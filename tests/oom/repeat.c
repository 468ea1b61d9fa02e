/* SPDX-License-Identifier: MIT
 *
 * repeat, interval, map, for_each, reduce and retry without memory.
 */
#include "oom/flow.h"

static vow_value again_at_last(UNUSED vow_value v, UNUSED void *data) { return VOW_AGAIN; }
/* Goes on as long as *left is not 0, now at once, now later. */
static vow_value count_down(void *data)
{
    int *left = data;
    if (--*left == 0)
        return vow_text("landed");
    if (*left % 2)
        return VOW_AGAIN;
    return vow_v(vow_then(vow_delay(vow_current(), 1), again_at_last, NULL));
}

SCENARIO(repeat)
{
    int left = 7;
    vow_promise *p = vow_repeat_with(loop, count_down, &left, NULL);
    if (EXPECT_TEXT(p, "landed"))
        EQ_INT(left, 0);
}

struct counter {
    void *owned;
    int calls, limit, running, most;
};
static void end_counter(void *data)
{
    struct counter *c = data;
    EQ_INT(c->running, 0);
    oom_give_back(c->owned);
}

static vow_value tick(void *data)
{
    struct counter *c = data;
    CHECK(!oom_is_back(c->owned));
    return ++c->calls == c->limit ? vow_int(c->calls) : VOW_AGAIN;
}

SCENARIO(repeat_with_data)
{
    struct counter c = {.owned = oom_owned(), .limit = 5};
    EXPECT_INT(vow_repeat_with(loop, tick, &c, end_counter), 5);
    CHECK(oom_is_back(c.owned));
}

SCENARIO(interval)
{
    struct counter c = {.owned = oom_owned(), .limit = 6};
    EXPECT_INT(vow_interval_with(loop, 3, tick, &c, end_counter), 6);
    CHECK(oom_is_back(c.owned));
}

/* Calls that end now and then, each counted while it runs. */
struct call {
    struct counter *counter;
    size_t index;
};
static void end_call(void *data)
{
    struct call *call = data;
    call->counter->running--;
}
static vow_value square(UNUSED vow_value v, void *data)
{
    struct call *call = data;
    return vow_int((int)(call->index * call->index));
}
static struct call calls[16];
static vow_value start_call(size_t index, void *data)
{
    struct counter *c = data;
    CHECK(!oom_is_back(c->owned));
    c->calls++;
    if (index % 3 == 2)
        return vow_int((int)(index * index));
    calls[index] = (struct call){c, index};
    if (++c->running > c->most)
        c->most = c->running;
    vow_promise *p = vow_then(vow_delay(vow_current(), 5 - index % 3), square, &calls[index]);
    return vow_v(vow_attach(p, &calls[index], end_call));
}

SCENARIO(map)
{
    static const int squares[] = {0, 1, 4, 9, 16, 25, 36, 49};
    struct counter c = {.owned = oom_owned()};
    vow_promise *p = vow_map_with(loop, 8, 3, start_call, &c, end_counter);
    if (EXPECT_INTS(p, 8, squares))
        EQ_INT(c.calls, 8);
    CHECK(c.most <= 3 && c.running == 0);
}

SCENARIO(for_each)
{
    struct counter c = {.owned = oom_owned()};
    if (EXPECT_NONE(vow_for_each_with(loop, 8, 0, start_call, &c, end_counter)))
        EQ_INT(c.calls, 8);
    CHECK(c.running == 0);
}

static vow_value text_for(size_t index, UNUSED void *data)
{
    return index % 2 ? vow_textf("%d", (int)index)
                     : vow_v(vow_resolved(vow_current(), vow_textf("%d", (int)index)));
}

SCENARIO(map_to_texts)
{
    vow_value v;
    if (EXPECT(vow_map(loop, 6, 2, text_for, NULL), &v)) {
        EQ_INT(vow_count(v), 6);
        for (size_t i = 0; i < 6; i++)
            EQ_INT(vow_as_text(vow_at(v, i))[0], '0' + (int)i);
    }
    vow_release(v);
}

/* The first failure stops new calls, cancels the others and waits for them. */
static vow_value fail_at_four(size_t index, void *data)
{
    return index == 4 ? vow_fail(EPIPE, "call %d", 4) : start_call(index, data);
}

SCENARIO(map_that_fails)
{
    struct counter c = {.owned = oom_owned()};
    EXPECT_ERROR(vow_map_with(loop, 8, 2, fail_at_four, &c, end_counter), EPIPE);
    CHECK(c.calls < 5 && c.running == 0);
}

static vow_value append(vow_value so_far, size_t index, UNUSED void *data)
{
    if (index == 1)
        return VOW_SAME;
    vow_value longer = vow_textf("%s%d", vow_as_text(so_far), (int)index);
    return index % 2 ? longer : vow_v(vow_resolved(vow_current(), longer));
}

SCENARIO(reduce)
{
    vow_promise *p = vow_reduce(loop, 6, vow_text(">"), append, NULL);
    EXPECT_TEXT(p, ">02345");
    struct counter c = {.owned = oom_owned()};
    p = vow_reduce_with(loop, 0, vow_int(4), append, &c, end_counter);
    EXPECT_INT(p, 4);
}

/* An attempt without memory is one more attempt. */
static vow_value attempt(void *data)
{
    struct counter *c = data;
    CHECK(!oom_is_back(c->owned));
    c->calls++;
    if (c->calls % 3)
        return vow_fail(EAGAIN, "attempt %d", c->calls);
    vow_promise *p = vow_resolved(vow_current(), vow_text("at last"));
    return vow_v(vow_then(p, pass, &c->most));
}
static bool worth_it(const vow_error *e, UNUSED void *data)
{
    return vow_error_is(e, vow_errno_domain(), EAGAIN) || oom_has_code(e, ENOMEM);
}

SCENARIO(retry)
{
    oom_reports(0, 1); /* an error that an attempt gave and nobody could wait for */
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    policy.tries = 8;
    policy.again = worth_it;
    struct counter c = {.owned = oom_owned()};
    vow_promise *p = vow_retry_with(loop, &policy, attempt, &c, end_counter);
    if (EXPECT_TEXT(p, "at last"))
        CHECK(c.calls == 3 || c.calls == 6);
}

static vow_value always_fail(void *data)
{
    struct counter *c = data;
    c->calls++;
    return vow_v(error_after(vow_current(), 1, &c->limit));
}

SCENARIO(retry_in_vain)
{
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    policy.tries = 3;
    struct counter c = {.owned = oom_owned(), .limit = EPROTO};
    if (EXPECT_ERROR(vow_retry_with(loop, &policy, always_fail, &c, end_counter), EPROTO))
        EQ_INT(c.calls, 3);
}

/* All together. */

static const int seven = 7;

static vow_promise *inner(vow_loop *loop, struct counter *c)
{
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    policy.tries = 8;
    policy.again = worth_it;
    vow_promise *any = vow_any(loop, int_after(loop, 4, &seven), int_after(loop, 5, &seven));
    vow_promise *race = vow_race(loop, with_cleanup(vow_delay(loop, 900)), any);
    vow_promise *retry = vow_retry_with(loop, &policy, attempt, c, end_counter);
    return vow_all(loop, vow_context(retry, "the retry"), race,
                   vow_timeout(vow_delay(loop, 9), 80));
}

SCENARIO(combinators_of_combinators)
{
    oom_reports(0, 3); /* losers without memory */
    struct counter c = {.owned = oom_owned()};
    vow_value v;
    if (EXPECT(vow_timeout(with_cleanup(inner(loop, &c)), 5000), &v)) {
        EQ_INT(vow_count(v), 3);
        EQ_TEXT(vow_as_text(vow_at(v, 0)), "at last");
        EQ_INT(vow_as_int(vow_at(v, 1)), 7);
    }
    vow_release(v);
}

static vow_promise *builder(vow_loop *loop, int which, struct counter *c)
{
    switch (which) {
    case 0:
        return vow_map_with(loop, 8, 3, start_call, c, end_counter);
    case 1:
        return vow_interval_with(loop, 3, tick, c, end_counter);
    case 2:
        return vow_retry_with(loop, NULL, always_fail, c, end_counter);
    case 3:
        return vow_for_each_with(loop, 8, 0, start_call, c, end_counter);
    default:
        return inner(loop, c);
    }
}

SCENARIO(running_combinators_cancelled)
{
    oom_reports(0, 3); /* losers without memory */
    for (int which = 0; which < 5; which++) {
        struct counter c = {.owned = oom_owned(), .limit = which == 2 ? EPROTO : 1000};
        vow_promise *p = builder(loop, which, &c);
        vow_mark_handled(p);
        EXPECT_NONE(vow_delay(loop, 4));
        vow_cancel(p);
        EXPECT_ERROR(p, ECANCELED);
        CHECK(oom_is_back(c.owned) && c.running == 0);
    }
}

SCENARIO(running_combinators_dropped)
{
    oom_reports(0, 2); /* errors of attempts that nobody could wait for */
    for (int which = 0; which < 5; which++) {
        struct counter c = {.owned = oom_owned(), .limit = which == 2 ? EPROTO : 1000};
        vow_promise *p = builder(loop, which, &c);
        vow_mark_handled(p);
        EXPECT_NONE(vow_delay(loop, 4));
        vow_unref(p);
        CHECK(oom_is_back(c.owned) && c.running == 0);
    }
}
