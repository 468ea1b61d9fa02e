/* SPDX-License-Identifier: MIT */
#include "common.h"

#include "vow/flow.h"

TEST(running_gives_the_value)
{
    EQ_INT(run_int(loop, vow_resolved(loop, vow_v(42))), 42);
    EQ_INT(run_int(loop, vow_then(vow_resolved(loop, vow_v(1)), NULL, NULL)), 1);
}

TEST(running_gives_the_error_and_its_code)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "bad")), &v),
           EIO);
    EQ_TEXT(vow_error_message(vow_as_error(v)), "bad");
    vow_release(v);
}

TEST(an_error_of_code_zero_is_told_as_minus_one)
{
    EQ_INT(run_code(loop, vow_rejected(loop, vow_error_new(vow_errno_domain(), 0, "odd"))), -1);
}

TEST(the_outcome_may_be_of_no_interest)
{
    EQ_INT(vow_run(loop, vow_resolved(loop, vow_text("x")), NULL), 0);
    EQ_INT(vow_run(loop, vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "bad")), NULL),
           EIO);
}

TEST(what_is_run_counts_as_handled)
{
    vow_promise *p = vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "bad"));
    EQ_INT(vow_run(loop, p, NULL), EIO);
    vow_poll(loop);
    EQ_UINT(vow_unhandled_count(loop), 0);
}

TEST(what_a_stopped_run_did_not_see_may_still_be_unhandled)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r), *mine = vow_ref(p);
    vow_loop_stop(loop);
    EQ_INT(run_code(loop, p), ECANCELED);
    vow_reject(r, vow_error_new(vow_errno_domain(), EIO, "bad"));
    EXPECT_UNHANDLED(1);
    int told = 0;
    vow_on_unhandled(loop, count_unhandled, &told);
    vow_drain(loop, 10);
    EQ_INT(told, 1);
    vow_unref(mine);
}

TEST(running_a_refused_promise_answers_enomem)
{
    static vow_promise *held[20000]; /* more than a slab has lines */
    size_t n = 0;
    int told = 0;
    vow_on_unhandled(loop, count_unhandled, &told);
    vow_test_fail_allocation(1, true);
    while (vow_test_failed() == false)
        held[n++] = vow_resolved(loop, vow_none());
    EQ_INT(run_code(loop, vow_delay(loop, 1)), ENOMEM);
    vow_test_fail_allocation(0, false);
    while (n > 0)
        vow_unref(held[--n]);
    EQ_INT(told, 1); /* the last of `held` was a refusal, too */
    EXPECT_UNHANDLED(1);
}

/* Stalls. */

TEST(a_promise_that_nothing_can_settle_is_a_stall)
{
    vow_resolver *r;
    EQ_INT(run_code(loop, vow_promise_new(loop, &r)), EDEADLK);
    vow_resolver_drop(r);
}

static vow_value same(vow_value v UNUSED, void *data UNUSED) { return VOW_SAME; }

TEST(a_stall_names_what_is_waited_for_and_where_it_was_made)
{
    vow_resolver *r;
    vow_value v;
    char made[64], chained[64];
    vow_promise *p = vow_promise_new(loop, &r);
    snprintf(made, sizeof made, "promise made at tests/loop/test_run.c:%d", __LINE__ - 1);
    p = vow_then(p, same, NULL);
    snprintf(chained, sizeof chained, "then made at tests/loop/test_run.c:%d", __LINE__ - 1);
    EQ_INT(vow_run(loop, p, &v), EDEADLK);
    const char *message = vow_error_message(vow_as_error(v));
    HAS_TEXT(message, "nothing is left that could settle the promise: then");
    HAS_TEXT(message, chained);
    HAS_TEXT(message, made);
    CHECK(strstr(message, chained) < strstr(message, made));
    CHECK(!strchr(message, '\n'));
    vow_release(v);
    vow_resolver_drop(r);
}

TEST(a_stall_names_the_input_that_a_combinator_waits_for)
{
    vow_resolver *r;
    vow_value v;
    vow_promise *p = vow_all(loop, vow_resolved(loop, vow_v(1)), vow_promise_new(loop, &r));
    EQ_INT(vow_run(loop, p, &v), EDEADLK);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "all made at");
    HAS_TEXT(vow_error_message(vow_as_error(v)), "<- promise made at");
    vow_release(v);
    vow_resolver_drop(r);
}

TEST(a_long_chain_in_a_stall_is_cut)
{
    vow_resolver *r;
    vow_value v;
    vow_promise *p = vow_promise_new(loop, &r);
    for (int i = 0; i < 1000; i++)
        p = vow_then(p, same, NULL);
    EQ_INT(vow_run(loop, p, &v), EDEADLK);
    CHECK(strlen(vow_error_message(vow_as_error(v))) < 2000);
    vow_release(v);
    vow_resolver_drop(r);
}

TEST(a_loop_goes_on_after_a_stall)
{
    vow_resolver *r;
    EQ_INT(run_code(loop, vow_promise_new(loop, &r)), EDEADLK);
    vow_resolver_drop(r);
    EQ_INT(vow_run(loop, vow_delay(loop, 5), NULL), 0);
}

TEST_PLAIN(a_base_with_events_of_others_does_not_stall)
{
    vow_loop *loop_ = real_loop();
    struct event *limit = limit_seconds(vow_loop_base(loop_), 3600, "an hour");
    struct timeval soon = {0, 1000};
    int fired = 0;
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop_, &r);
    vow_detach(vow_then(vow_delay(loop_, 1), count_value, &fired), NULL, NULL, NULL);
    event_base_loopexit(vow_loop_base(loop_), &soon);
    EQ_INT(run_code(loop_, p), ECANCELED); /* the exit, not EDEADLK */
    vow_resolver_drop(r);
    event_free(limit);
    vow_loop_free(loop_);
}

TEST(a_virtual_clock_that_nobody_moves_is_a_stall)
{
    vow_clock_virtual(loop, false);
    EQ_INT(run_code(loop, vow_delay(loop, 10)), EDEADLK);
}

/* Stopping. */

static void stop_loop(void *loop) { vow_loop_stop(loop); }
static vow_value stop_in_handler(vow_value v UNUSED, void *loop)
{
    vow_loop_stop(loop);
    return vow_none();
}

TEST(a_stop_before_the_run_ends_it_and_only_it)
{
    vow_loop_stop(loop);
    EQ_INT(run_code(loop, vow_delay(loop, 10)), ECANCELED);
    EQ_INT(vow_run(loop, vow_delay(loop, 10), NULL), 0);
}

TEST(a_stop_in_a_handler_ends_the_run)
{
    vow_promise *later = vow_delay(loop, 20);
    vow_detach(vow_then(vow_delay(loop, 10), stop_in_handler, loop), NULL, NULL, NULL);
    EQ_INT(run_code(loop, vow_ref(later)), ECANCELED);
    EQ_INT(vow_now(loop), 10000000);
    EQ_INT(vow_run(loop, later, NULL), 0);
}

TEST(a_stop_that_settling_outran_ends_the_next_run)
{
    EQ_INT(vow_run(loop, vow_then(vow_delay(loop, 1), stop_in_handler, loop), NULL), 0);
    EQ_INT(run_code(loop, vow_delay(loop, 1)), ECANCELED);
    EQ_INT(vow_run(loop, vow_delay(loop, 1), NULL), 0);
}

TEST(a_stop_ends_run_all)
{
    int fired = 0;
    vow_detach(vow_then(vow_delay(loop, 1), stop_in_handler, loop), NULL, NULL, NULL);
    vow_detach(vow_then(vow_delay(loop, 2), count_value, &fired), NULL, NULL, NULL);
    EQ_INT(vow_run_all(loop), ECANCELED);
    EQ_INT(fired, 0);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(fired, 1);
}

static vow_value stop_after_100(vow_value v UNUSED, void *data)
{
    struct chain *chain = data;
    if (chain->steps >= 100)
        vow_loop_stop(chain->loop);
    else
        vow_detach(vow_then(vow_resolved(chain->loop, vow_none()), stop_after_100, data), NULL,
                   NULL, NULL);
    return chain_step(vow_none(), data);
}

TEST(a_stop_ends_a_poll_that_would_never_end)
{
    struct chain chain;
    vow_loop_set_budget(loop, 10);
    chain_start(&chain, loop);
    vow_detach(vow_then(vow_resolved(loop, vow_none()), stop_after_100, &chain), NULL, NULL, NULL);
    CHECK(vow_poll(loop) >= 100);
    chain.on = false;
    vow_poll(loop);
}

TEST(a_posted_stop_ends_the_run)
{
    vow_remote *remote = vow_remote_new(loop);
    EQ_INT(vow_post(remote, stop_loop, loop, NULL), 0);
    vow_resolver *r;
    EQ_INT(run_code(loop, vow_promise_new(loop, &r)), ECANCELED);
    vow_resolver_drop(r);
    vow_remote_unref(remote);
}

/* Running all, polling. */

TEST(run_all_runs_until_nothing_is_left)
{
    int fired = 0;
    for (uint64_t ms = 0; ms < 10; ms++)
        vow_detach(vow_then(vow_delay(loop, ms), count_value, &fired), NULL, NULL, NULL);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(fired, 10);
    EQ_INT(vow_run_all(loop), 0);
}

TEST(a_poll_runs_what_is_ready_and_waits_for_nothing)
{
    int fired = 0;
    vow_promise *now = vow_then(vow_resolved(loop, vow_none()), count_value, &fired);
    vow_promise *later = vow_then(vow_delay(loop, 1), count_value, &fired);
    EQ_INT(vow_poll(loop), 1);
    EQ_INT(fired, 1);
    EQ_INT(vow_poll(loop), 0);
    vow_unref(now);
    vow_unref(later);
}

static void post_again(void *data)
{
    struct {
        vow_remote *remote;
        int left;
    } *again = data;
    if (again->left-- > 0)
        EQ_INT(vow_post(again->remote, post_again, again, NULL), 0);
}

/* Timers that are due, posts, and what they lead to, before "nothing is ready". */
/* scenario 47 */
TEST(a_poll_takes_due_timers_ready_descriptors_and_posts_first)
{
    int timer = 0, readable = 0, fd[2];
    struct {
        vow_remote *remote;
        int left;
    } again = {vow_remote_new(loop), 3};
    CHECK(pipe(fd) == 0 && write(fd[1], "x", 1) == 1);
    struct event *event = event_new(vow_loop_base(loop), fd[0], EV_READ, count_event, &readable);
    event_add(event, NULL);
    vow_promise *p = vow_then(vow_delay(loop, 0), count_value, &timer);
    EQ_INT(vow_post(again.remote, post_again, &again, NULL), 0);
    vow_poll(loop);
    EQ_INT(timer, 1);
    EQ_INT(readable, 1);
    EQ_INT(again.left, -1);
    vow_unref(p);
    event_free(event);
    close(fd[0]);
    close(fd[1]);
    vow_remote_unref(again.remote);
}

TEST_PLAIN(a_poll_on_the_system_clock_fires_a_timer_that_is_due)
{
    vow_loop *loop_ = real_loop();
    for (int i = 0; i < 100; i++) {
        vow_promise *p = vow_delay(loop_, 0);
        EQ_INT(vow_state(p), VOW_PENDING);
        vow_poll(loop_);
        EQ_INT(vow_state(p), VOW_FULFILLED);
        vow_unref(p);
    }
    vow_loop_free(loop_);
}

TEST(draining_runs_handlers_without_a_turn)
{
    int ran = 0, fired = 0;
    vow_promise *p[3];
    for (int i = 0; i < 3; i++)
        p[i] = vow_then(vow_resolved(loop, vow_none()), count_value, &ran);
    vow_promise *timer = vow_then(vow_delay(loop, 0), count_value, &fired);
    EQ_UINT(vow_drain(loop, 2), 2);
    EQ_INT(ran, 2);
    EQ_UINT(vow_drain(loop, 2), 1);
    EQ_UINT(vow_drain(loop, 2), 0);
    EQ_INT(fired, 0);
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
    vow_unref(timer);
}

/* A promise may settle in the first drain, while the base has nothing to do for long. */
TEST_PLAIN(a_run_does_not_wait_for_the_base_when_its_promise_is_ready)
{
    vow_loop *loop_ = real_loop();
    struct event *limit = limit_seconds(vow_loop_base(loop_), 10, "waiting for the base");
    vow_promise *hour = vow_delay(loop_, 3600000);
    vow_promise *p = vow_resolved(loop_, vow_v(1));
    for (int i = 0; i < 100; i++)
        p = vow_then(p, same, NULL);
    EQ_INT(run_int(loop_, p), 1);
    vow_unref(hour);
    event_free(limit);
    vow_loop_free(loop_);
}
