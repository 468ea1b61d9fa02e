/* SPDX-License-Identifier: MIT
 *
 * retry.
 */
#include "common.h"

struct attempts {
    vow_loop *loop;
    struct trace seen;  /* the time of each attempt, in ms */
    int made, succeeds; /* the attempt that succeeds; 0: none */
    int codes[8];       /* what the others fail with; 0: EIO */
    int asked;
};

static vow_value attempt(void *data)
{
    struct attempts *a = data;
    trace_add(&a->seen, "%d", (int)(vow_now(a->loop) / 1000000));
    if (++a->made == a->succeeds)
        return vow_v(a->made);
    int code = a->made <= 8 && a->codes[a->made - 1] ? a->codes[a->made - 1] : EIO;
    return a->made % 2 ? vow_fail(code, "attempt %d", a->made) : vow_v(failure(a->loop, code));
}

static struct outcome run(vow_loop *loop, vow_promise *p)
{
    struct outcome o = {"", 0};
    vow_value v;
    vow_run(loop, p, &v);
    outcome_add_value(&o, v);
    vow_release(v);
    return o;
}

TEST(the_first_success_ends_it_without_waiting)
{
    struct attempts a = {.loop = loop, .succeeds = 1};
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    vow_promise *p = vow_retry(loop, &policy, attempt, &a);
    EQ_INT(a.made, 0); /* never inside the call */
    vow_poll(loop);
    EQ_TRACE(a.seen, "0");
    OUTCOME(p, "1");
}

TEST(waits_grow_by_the_factor_up_to_the_most)
{
    struct attempts a = {.loop = loop, .succeeds = 7};
    vow_retry_policy policy = {.tries = 0, .first_ms = 10, .most_ms = 100, .factor = 2};
    EQ_TEXT(run(loop, vow_retry(loop, &policy, attempt, &a)).text, "7");
    EQ_TRACE(a.seen, "0 10 30 70 150 250 350");
}

TEST(the_last_error_carries_the_one_before)
{
    struct attempts a = {.loop = loop, .codes = {EIO, EPIPE, EPROTO}};
    vow_retry_policy policy = {.tries = 3, .first_ms = 1};
    EQ_TEXT(run(loop, vow_retry(loop, &policy, attempt, &a)).text, "!EPROTO+EPIPE");
    EQ_TRACE(a.seen, "0 1 2");
}

TEST(one_try_is_no_retry)
{
    struct attempts a = {.loop = loop};
    vow_retry_policy policy = {.tries = 1};
    EQ_TEXT(run(loop, vow_retry(loop, &policy, attempt, &a)).text, "!EIO");
    EQ_INT(a.made, 1);
}

TEST(no_policy_is_the_default_one)
{
    struct attempts a = {.loop = loop};
    EQ_TEXT(run(loop, vow_retry(loop, NULL, attempt, &a)).text, "!EIO+EIO");
    EQ_INT(a.made, 5);
}

TEST(a_cancellation_is_never_retried)
{
    struct attempts a = {.loop = loop, .codes = {EIO, ECANCELED}};
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    EQ_TEXT(run(loop, vow_retry(loop, &policy, attempt, &a)).text, "!ECANCELED+EIO");
    EQ_INT(a.made, 2);
}

static bool unless_epipe(const vow_error *e, void *data)
{
    ((struct attempts *)data)->asked++;
    return vow_error_code(e) != EPIPE;
}

TEST(the_policy_may_say_no)
{
    struct attempts a = {.loop = loop, .codes = {EIO, EPROTO, EPIPE}};
    vow_retry_policy policy = {.tries = 9, .first_ms = 1, .again = unless_epipe};
    EQ_TEXT(run(loop, vow_retry(loop, &policy, attempt, &a)).text, "!EPIPE+EPROTO");
    EQ_INT(a.asked, 3);
}

static struct trace times_with_seed(uint64_t seed)
{
    vow_test *t = vow_test_begin();
    struct attempts a = {.loop = vow_test_loop(t)};
    vow_retry_policy policy = {
        .tries = 6, .first_ms = 1000, .factor = 1, .jitter = 0.5, .seed = seed};
    run(a.loop, vow_retry(a.loop, &policy, attempt, &a));
    EQ_TEXT(vow_test_end(t), NULL);
    return a.seen;
}

TEST_PLAIN(jitter_is_decided_by_the_seed)
{
    struct trace one = times_with_seed(1), two = times_with_seed(2);
    EQ_TEXT(one.text, times_with_seed(1).text);
    CHECK(strcmp(one.text, two.text) != 0);
}

TEST(jitter_only_shortens_and_not_by_more_than_it_may)
{
    enum { TIMES = 1000 };
    int least = INT32_MAX, most = 0, before = 0;
    struct attempts a = {.loop = loop};
    vow_retry_policy policy = {.first_ms = 1000, .factor = 1, .jitter = 0.25};
    vow_promise *p = vow_retry(loop, &policy, attempt, &a);
    vow_poll(loop);
    for (int made = 1; made < TIMES; made++) {
        while (a.made == made)
            vow_clock_advance(loop, 1);
        int now = (int)(vow_now(loop) / 1000000), waited = now - before;
        least = waited < least ? waited : least;
        most = waited > most ? waited : most;
        before = now;
    }
    CHECK(least >= 750 && least < 760);
    CHECK(most <= 1000 && most > 990);
    vow_unref(p);
}

TEST(nonsense_in_a_policy_is_harmless)
{
    struct attempts a = {.loop = loop};
    vow_retry_policy policy = {.tries = 4, .first_ms = 8, .factor = -3, .jitter = -1};
    run(loop, vow_retry(loop, &policy, attempt, &a));
    EQ_TRACE(a.seen, "0 8 16 24");
    struct attempts b = {.loop = loop};
    policy.factor = policy.jitter = 0.0 / (double)(a.made - 4); /* not a number */
    run(loop, vow_retry(loop, &policy, attempt, &b));
    EQ_TRACE(b.seen, "24 32 40 48");
    struct attempts c = {.loop = loop};
    policy = (vow_retry_policy){.tries = 4, .first_ms = 8, .factor = 1e300, .most_ms = 10};
    run(loop, vow_retry(loop, &policy, attempt, &c));
    EQ_TRACE(c.seen, "48 56 66 76");
}

TEST(a_retry_without_waits_still_lets_timers_go)
{
    struct attempts a = {.loop = loop, .succeeds = 4};
    vow_retry_policy policy = {.tries = 0};
    vow_promise *p = vow_retry(loop, &policy, attempt, &a);
    vow_clock_advance(loop, 0);
    OUTCOME(p, "4");
}

static vow_value attempt_op(void *data) { return vow_v(op_start_slow(vow_current(), data)); }

TEST(a_retry_cancelled_in_an_attempt_waits_for_it)
{
    struct trace seen = {""};
    struct op o = {&seen, "o", NULL};
    vow_retry_policy policy = VOW_RETRY_DEFAULT;
    vow_promise *p = vow_retry_with(loop, &policy, attempt_op, &o, op_destroy);
    vow_poll(loop);
    vow_cancel(p);
    vow_clock_advance(loop, 9);
    EQ_TRACE(seen, "o-stopped o-clean");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "o-stopped o-clean o-cleaned ~o");
    OUTCOME(p, "!ECANCELED");
}

TEST(a_retry_cancelled_or_dropped_while_it_waits_makes_no_other_attempt)
{
    struct attempts a = {.loop = loop}, b = {.loop = loop}, c = {.loop = loop};
    vow_retry_policy policy = {.first_ms = 100};
    vow_promise *p = vow_retry(loop, &policy, attempt, &a);
    vow_promise *q = vow_retry(loop, &policy, attempt, &b);
    vow_promise *r = vow_retry(loop, &policy, attempt, &c);
    vow_cancel(r); /* before the first */
    vow_clock_advance(loop, 50);
    vow_cancel(p);
    vow_unref(q);
    EQ_UINT(vow_stats(loop).timers, 0);
    vow_clock_advance(loop, 1000);
    EQ_INT(a.made, 1);
    EQ_INT(b.made, 1);
    EQ_INT(c.made, 0);
    OUTCOME(p, "!ECANCELED");
    OUTCOME(r, "!ECANCELED");
}

static vow_value drop_own(void *data)
{
    vow_promise **own = data;
    *own = vow_unref(*own);
    return vow_fail(EIO, NULL);
}
struct asked {
    vow_promise *own;
    int times;
};
static vow_value fail_always(UNUSED void *data) { return vow_fail(EIO, NULL); }
static bool cancel_own(UNUSED const vow_error *e, void *data)
{
    struct asked *asked = data;
    if (++asked->times == 2)
        vow_cancel(asked->own);
    return true;
}

TEST(an_attempt_may_drop_and_a_policy_may_cancel_its_own_retry)
{
    vow_promise *own = vow_retry(loop, NULL, drop_own, &own);
    vow_poll(loop);
    EQ_PTR(own, NULL);
    EQ_UINT(vow_stats(loop).live, 0);
    struct asked asked = {NULL, 0};
    vow_retry_policy policy = {.first_ms = 1, .again = cancel_own};
    asked.own = vow_retry(loop, &policy, fail_always, &asked);
    vow_clock_advance(loop, 100);
    EQ_INT(asked.times, 2);
    OUTCOME(asked.own, "!ECANCELED");
    EQ_UINT(vow_stats(loop).timers, 0);
}

TEST(attempts_may_have_timeouts_of_their_own)
{
    struct trace seen = {""};
    struct op o = {&seen, "o", NULL};
    vow_retry_policy policy = {.tries = 2, .first_ms = 5};
    vow_promise *p = vow_timeout(vow_retry(loop, &policy, attempt_op, &o), 30);
    vow_mark_handled(p);
    vow_clock_advance(loop, 40);
    OUTCOME(p, "!ETIMEDOUT");
    EQ_TRACE(seen, "o-stopped o-clean o-cleaned");
}

TEST(a_hundred_thousand_attempts_take_constant_memory)
{
    struct attempts a = {.loop = loop, .succeeds = 100000};
    vow_retry_policy policy = {.first_ms = 1};
    size_t bytes = vow_stats(loop).bytes;
    EQ_TEXT(run(loop, vow_retry(loop, &policy, attempt, &a)).text, "100000");
    EQ_UINT(vow_stats(loop).bytes, bytes);
}
