/* SPDX-License-Identifier: MIT
 *
 * How fibers are ended: cancelled, dropped, with their loop; and what they may do about it.
 */
#include <errno.h>

#include "harness.h"

struct job {
    vow_promise *waits_for, *own; /* taken by the await; the fiber's promise */
    int code, second, steps;
    bool recovers;
};

static vow_value await_one(void *data)
{
    struct job *job = data;
    vow_value got;
    job->steps++;
    job->code = vow_await(job->waits_for, &got);
    job->steps++;
    if (job->code == 0 || !job->recovers)
        return got;
    vow_release(got);
    return vow_v(1);
}

/* Cleans up for 5 ms when it is told to end. */
static vow_value clean_up(void *data)
{
    struct job *job = data;
    job->code = vow_await(vow_delay(vow_current(), 100), NULL);
    job->second = vow_await(vow_delay(vow_current(), 5), NULL);
    job->steps++;
    return vow_fail(job->code, "ended");
}

/* scenario 118 */
TEST(a_cancelled_fiber_sees_the_cancel_and_its_promise_waits_for_its_clean_up)
{
    struct job job = {0};
    vow_promise *p = vow_spawn(loop, clean_up, &job, NULL);
    vow_poll(loop);
    vow_cancel(p);
    EQ_INT(job.code, 0);
    vow_poll(loop);
    EQ_INT(job.code, ECANCELED);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 5);
    EQ_INT(job.second, 0);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    vow_unref(p);
}

TEST(a_fiber_may_recover_from_a_cancel)
{
    struct job job = {.waits_for = vow_delay(loop, 10), .recovers = true};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    vow_poll(loop);
    vow_cancel(p);
    vow_poll(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 1);
    vow_unref(p);
}

TEST(a_second_cancel_ends_the_clean_up)
{
    struct job job = {0};
    vow_promise *p = vow_spawn(loop, clean_up, &job, NULL);
    vow_poll(loop);
    vow_cancel(p);
    vow_poll(loop);
    vow_cancel(p);
    vow_poll(loop);
    EQ_INT(job.second, ECANCELED);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    vow_unref(p);
}

static vow_value shielded(void *data)
{
    struct job *job = data;
    vow_fiber_shield();
    job->code = vow_await(vow_delay(vow_current(), 5), NULL);
    vow_fiber_shield();
    vow_fiber_unshield();
    job->code |= vow_yield();
    vow_fiber_unshield();
    job->steps++;
    job->second = vow_await(vow_delay(vow_current(), 5), NULL);
    return vow_none();
}

TEST(behind_a_shield_a_cancel_waits_for_the_first_await_after_it)
{
    struct job job = {0};
    vow_promise *p = vow_spawn(loop, shielded, &job, NULL);
    vow_poll(loop);
    vow_cancel(p);
    vow_cancel(p);
    vow_poll(loop);
    EQ_INT(job.steps, 0);
    vow_clock_advance(loop, 5);
    EQ_INT(job.steps, 1);
    EQ_INT(job.code, 0);
    EQ_INT(job.second, ECANCELED);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

static vow_value shielded_to_the_end(void *data)
{
    struct job *job = data;
    vow_fiber_shield();
    job->code = vow_await(vow_delay(vow_current(), 5), NULL);
    if (job->recovers)
        vow_fiber_unshield();
    return vow_v(job->waits_for);
}

TEST(a_cancel_that_a_shield_has_kept_reaches_the_promise_that_the_fiber_gives)
{
    for (int unshields = 0; unshields < 2; unshields++) {
        vow_resolver *r;
        struct job job = {.waits_for = vow_promise_new(loop, &r), .recovers = unshields};
        vow_promise *p = vow_spawn(loop, shielded_to_the_end, &job, NULL);
        vow_poll(loop);
        vow_cancel(p);
        vow_clock_advance(loop, 5);
        EQ_INT(job.code, 0);
        EQ_INT(vow_state(p), VOW_REJECTED);
        vow_unref(p);
        vow_resolver_drop(r);
    }
}

TEST(a_cancel_before_the_first_turn_keeps_the_fiber_from_beginning)
{
    int destroyed = 0;
    vow_promise *p = vow_spawn(loop, shielded, &destroyed, count_destroy);
    vow_cancel(p);
    EQ_INT(destroyed, 0);
    vow_poll(loop);
    EQ_INT(destroyed, 1);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    vow_unref(p);
}

static vow_value yield_once(void *data)
{
    ((struct job *)data)->code = vow_yield();
    return vow_none();
}

/* scenario 119 */
TEST(a_fiber_that_is_cancelled_in_a_yield_sees_it_there)
{
    struct job job = {0};
    vow_promise *p = vow_spawn(loop, yield_once, &job, NULL);
    EQ_UINT(vow_drain(loop, 1), 1);
    vow_cancel(p);
    vow_poll(loop);
    EQ_INT(job.code, ECANCELED);
    vow_unref(p);
}

/* scenario 120 */
TEST(cancelled_and_settled_in_one_turn_it_is_resumed_once_with_one_outcome)
{
    vow_resolver *r;
    struct job job = {.waits_for = vow_promise_new(loop, &r)};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    vow_poll(loop);
    vow_resolve(r, vow_text("too late"));
    vow_cancel(p);
    vow_poll(loop);
    EQ_INT(job.steps, 2);
    EQ_INT(job.code, ECANCELED);
    vow_unref(p);
}

static vow_value cancel_self(void *data)
{
    struct job *job = data;
    vow_cancel(job->own);
    job->steps++;
    job->code = vow_await(vow_delay(vow_current(), 5), NULL);
    job->second = vow_await(vow_delay(vow_current(), 5), NULL);
    return vow_none();
}

TEST(a_fiber_that_cancels_itself_hears_of_it_in_its_next_await)
{
    struct job job = {0};
    vow_promise *p = job.own = vow_spawn(loop, cancel_self, &job, NULL);
    vow_poll(loop);
    EQ_INT(job.steps, 1);
    EQ_INT(job.code, ECANCELED);
    vow_clock_advance(loop, 5);
    EQ_INT(job.second, 0);
    vow_unref(p);
}

static vow_value cancel_self_later(void *data)
{
    struct job *job = data;
    job->second = vow_await(vow_delay(vow_current(), 5), NULL);
    vow_cancel(job->own);
    job->code = vow_await(vow_resolved(vow_current(), vow_none()), NULL);
    job->second |= vow_await(vow_resolved(vow_current(), vow_none()), NULL);
    return vow_none();
}

TEST(a_fiber_that_cancels_itself_hears_of_it_though_it_need_not_wait)
{
    struct job job = {0};
    vow_promise *p = job.own = vow_spawn(loop, cancel_self_later, &job, NULL);
    vow_clock_advance(loop, 5);
    EQ_INT(job.code, ECANCELED);
    EQ_INT(job.second, 0);
    vow_unref(p);
}

TEST(a_promise_that_others_hold_too_goes_on_when_its_fiber_is_cancelled)
{
    vow_resolver *r;
    vow_promise *shared = vow_promise_new(loop, &r);
    struct job job = {.waits_for = vow_ref(shared)};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    vow_poll(loop);
    vow_cancel(p);
    vow_poll(loop);
    EQ_INT(job.code, ECANCELED);
    CHECK(vow_is_wanted(r));
    vow_resolve(r, vow_none());
    vow_unref(p);
    vow_unref(shared);
}

/* Dropping. */

static vow_value insists(void *data)
{
    struct job *job = data;
    job->code = vow_await(vow_delay(vow_current(), 5), NULL);
    vow_fiber_shield();
    job->second = vow_await(vow_delay(vow_current(), 5), NULL);
    job->steps = vow_yield();
    return vow_text("nobody sees it");
}

/* scenario 121 */
TEST(a_dropped_fiber_has_ended_when_the_drop_returns)
{
    struct job job = {0};
    int destroyed = 0;
    vow_promise *p = vow_attach(vow_spawn(loop, insists, &job, NULL), &destroyed, count_destroy);
    vow_poll(loop);
    vow_unref(p);
    EQ_INT(job.code, ECANCELED);
    EQ_INT(job.second, ECANCELED);
    EQ_INT(job.steps, ECANCELED);
    EQ_INT(destroyed, 1);
}

TEST(what_a_dropped_fiber_waits_for_is_stopped_first)
{
    int stopped = 0;
    struct job job = {.waits_for = vow_attach(vow_delay(loop, 5), &stopped, count_destroy)};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    vow_poll(loop);
    vow_unref(p);
    EQ_INT(stopped, 1);
    EQ_INT(job.steps, 2);
}

TEST(a_fiber_dropped_before_its_first_turn_never_begins)
{
    int destroyed = 0;
    vow_unref(vow_spawn(loop, shielded, &destroyed, count_destroy));
    EQ_INT(destroyed, 1);
    EQ_INT(vow_poll(loop), 0);
}

static vow_value drop_self(void *data)
{
    struct job *job = data;
    job->own = vow_unref(job->own);
    job->steps++;
    job->code = vow_await(vow_delay(vow_current(), 5), NULL);
    job->steps++;
    return vow_none();
}

TEST(a_fiber_that_drops_itself_ends_at_its_next_await)
{
    struct job job = {0};
    job.own = vow_spawn(loop, drop_self, &job, NULL);
    vow_poll(loop);
    EQ_INT(job.steps, 2);
    EQ_INT(job.code, ECANCELED);
}

static vow_value drop_other(void *data)
{
    struct job *job = data;
    job->own = vow_unref(job->own);
    job->code = vow_await(vow_delay(vow_current(), 1), NULL);
    return vow_none();
}

TEST(a_fiber_drops_another_which_ends_on_its_own_stack)
{
    struct job inner = {0}, outer = {0};
    outer.own = vow_spawn(loop, insists, &inner, NULL);
    vow_promise *p = vow_spawn(loop, drop_other, &outer, NULL);
    vow_poll(loop);
    EQ_INT(inner.second, ECANCELED);
    vow_clock_advance(loop, 1);
    EQ_INT(outer.code, 0);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

static vow_value await_the_other(void *data)
{
    struct job *job = data;
    job->code = vow_await(job->waits_for, NULL);
    return vow_none();
}

TEST(a_chain_of_fibers_that_wait_for_each_other_is_dropped_source_first)
{
    struct job jobs[50] = {{0}};
    vow_promise *p = vow_spawn(loop, insists, &jobs[0], NULL);
    for (int i = 1; i < 50; i++) {
        jobs[i].waits_for = p;
        p = vow_spawn(loop, await_the_other, &jobs[i], NULL);
    }
    vow_poll(loop);
    vow_unref(p);
    for (int i = 0; i < 50; i++)
        EQ_INT(jobs[i].code, ECANCELED);
}

/* With others. */

TEST(a_timeout_waits_for_the_clean_up_of_its_fiber)
{
    struct job job = {0};
    vow_promise *p = vow_timeout(vow_spawn(loop, clean_up, &job, NULL), 10);
    vow_mark_handled(p);
    vow_poll(loop);
    vow_clock_advance(loop, 10);
    EQ_INT(job.code, ECANCELED);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 5);
    EQ_INT(vow_error_code(vow_error_of(p)), ETIMEDOUT);
    vow_unref(p);
}

static vow_value await_in_stop_hook(void *data)
{
    ((struct job *)data)->second = vow_await(vow_resolved(vow_current(), vow_none()), NULL);
    return vow_none();
}
static void stop_awaits(void *job) { await_in_stop_hook(job); }

static vow_value cancels(void *data)
{
    vow_cancel(((struct job *)data)->waits_for);
    return vow_none();
}

TEST(a_stop_hook_under_a_fiber_must_not_await)
{
    struct job job = {0};
    vow_resolver *r;
    job.waits_for = vow_promise_new(loop, &r);
    vow_on_stop(r, stop_awaits, &job, NULL);
    vow_mark_handled(job.waits_for);
    vow_promise *p = vow_spawn(loop, cancels, &job, NULL);
    vow_poll(loop);
    EQ_INT(job.second, VOW_EAWAIT);
    vow_unref(job.waits_for);
    vow_unref(p);
}

TEST(closing_the_loop_gives_a_fiber_the_error_and_never_begins_another)
{
    vow_loop *own = vow_loop_new();
    struct job job = {.waits_for = vow_delay(own, 1000)};
    int destroyed = 0;
    vow_promise *p = vow_spawn(own, await_one, &job, NULL);
    vow_poll(own);
    vow_promise *q = vow_spawn(own, shielded, &destroyed, count_destroy);
    vow_loop_close(own);
    vow_promise *late = vow_spawn(own, shielded, &destroyed, count_destroy);
    EQ_INT(job.code, VOW_ECLOSED);
    EQ_INT(vow_error_code(vow_error_of(q)), VOW_ECLOSED);
    EQ_INT(vow_error_code(vow_error_of(late)), VOW_ECLOSED);
    EQ_INT(destroyed, 2);
    vow_unref(p);
    vow_unref(q);
    vow_unref(late);
    vow_loop_free(own);
}

static vow_value yields_until_told(void *data)
{
    int code;
    while ((code = vow_yield()) == 0)
        ;
    *(int *)data = code;
    return vow_none();
}

TEST(a_fiber_that_yields_in_a_loop_hears_that_the_loop_closes)
{
    vow_loop *own = vow_loop_new();
    int code = 0;
    vow_promise *p = vow_spawn(own, yields_until_told, &code, NULL);
    vow_drain(own, 10);
    vow_loop_close(own);
    EQ_INT(code, VOW_ECLOSED);
    vow_unref(p);
    vow_loop_free(own);
}

TEST(a_detached_fiber_runs_to_its_end)
{
    struct job job = {.waits_for = vow_delay(loop, 5)};
    vow_detach(vow_spawn(loop, await_one, &job, NULL), NULL, NULL, NULL);
    vow_poll(loop);
    vow_clock_advance(loop, 5);
    EQ_INT(job.steps, 2);
}

TEST_PANICS(unshield_without_shield_is_misuse, "without vow_fiber_shield")
{
    vow_fiber_unshield();
}
