/* SPDX-License-Identifier: MIT
 *
 * Fibers: what await gives, and in which order things go on.
 */
#include "vow/task.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>

#include "harness.h"

struct job {
    vow_promise *waits_for; /* taken by the await */
    int code, steps;
    struct trace *trace;
    char name;
};

static vow_value await_one(void *data)
{
    struct job *job = data;
    vow_value got;
    job->steps++;
    job->code = vow_await(job->waits_for, &got);
    job->steps++;
    return got;
}

/* scenario 114 */
TEST(await_gives_the_value)
{
    vow_resolver *r;
    struct job job = {.waits_for = vow_promise_new(loop, &r)};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    vow_poll(loop);
    EQ_INT(job.steps, 1);
    vow_resolve(r, vow_text("hello"));
    EQ_INT(job.steps, 1);
    vow_poll(loop);
    EQ_INT(job.code, 0);
    EQ_TEXT(vow_as_text(vow_peek(p)), "hello");
    vow_unref(p);
}

/* scenario 114 */
TEST(await_of_a_rejection_gives_its_code_and_the_error)
{
    vow_error *e = vow_error_new(vow_errno_domain(), EPROTO, "bad");
    struct job job = {.waits_for = vow_rejected(loop, e)};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(job.code, EPROTO);
    EQ_TEXT(vow_error_message(vow_error_of(p)), "bad");
    vow_unref(p);
}

TEST(an_error_whose_code_is_0_is_one_all_the_same)
{
    struct job job = {.waits_for = vow_rejected(loop, vow_error_new(vow_errno_domain(), 0, "0"))};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(job.code, -1);
    EQ_INT(vow_state(p), VOW_REJECTED);
    vow_unref(p);
}

static vow_value return_error(void *data) { return vow_fail(*(int *)data, "no"); }
static vow_value return_nothing(void *data)
{
    ++*(int *)data;
    return vow_none();
}

/* Nothing is a value, as a handler's (20). */
/* scenario 115 */
TEST(an_error_that_a_fiber_returns_rejects_and_nothing_fulfils)
{
    int code = EIO;
    vow_promise *p = vow_spawn(loop, return_error, &code, NULL);
    vow_promise *q = vow_spawn(loop, return_nothing, &code, NULL);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), EIO);
    EQ_INT(vow_state(q), VOW_FULFILLED);
    CHECK(vow_is_none(vow_peek(q)));
    vow_unref(p);
    vow_unref(q);
}

static vow_value return_promise(void *data) { return vow_v((vow_promise *)data); }

/* scenario 116 */
TEST(a_promise_that_a_fiber_returns_is_followed)
{
    vow_resolver *r;
    vow_promise *p = vow_spawn(loop, return_promise, vow_promise_new(loop, &r), NULL);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_resolve(r, vow_v(7));
    vow_poll(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 7);
    vow_unref(p);
}

/* scenario 117 */
TEST(a_fiber_does_not_start_before_its_first_turn)
{
    int ran = 0;
    vow_promise *p = vow_spawn(loop, return_nothing, &ran, NULL);
    EQ_INT(ran, 0);
    vow_poll(loop);
    EQ_INT(ran, 1);
    vow_unref(p);
}

static vow_value await_settled(void *data)
{
    struct job *job = data;
    vow_loop *loop = vow_current();
    for (int i = 1; i <= 2; i++) {
        vow_value v;
        job->code = vow_await(vow_resolved(loop, vow_v(i)), &v);
        job->steps += (int)vow_as_int(v);
        trace_add(job->trace, "%c%d", job->name, i);
    }
    return vow_none();
}

static vow_value add_h(vow_value v, void *trace)
{
    (void)v;
    trace_add(trace, "h");
    return vow_none();
}

/* scenario 125 */
TEST(await_of_a_settled_promise_takes_its_turn_in_the_queue)
{
    struct trace trace = {""};
    struct job a = {.name = 'a', .trace = &trace}, b = {.name = 'b', .trace = &trace};
    vow_promise *p = vow_spawn(loop, await_settled, &a, NULL);
    vow_promise *q = vow_spawn(loop, await_settled, &b, NULL);
    vow_promise *h = vow_then(vow_resolved(loop, vow_none()), add_h, &trace);
    vow_poll(loop);
    EQ_TRACE(trace, "h a1 b1 a2 b2");
    EQ_INT(a.steps, 3);
    vow_unref(p);
    vow_unref(q);
    vow_unref(h);
}

/* Waits once, then awaits what has settled, a step each. */
static vow_value await_many(void *data)
{
    struct job *job = data;
    job->code = vow_await(job->waits_for, NULL);
    for (job->steps = 1; job->steps < 100 && job->code == 0; job->steps++) {
        vow_value v;
        if (job->trace)
            trace_add(job->trace, "%c%d", job->name, job->steps);
        job->code = vow_await(vow_resolved(vow_current(), vow_textf("%d", job->steps)), &v);
        job->code |= job->code || strtol(vow_as_text(v), NULL, 10) != job->steps;
        vow_release(v);
    }
    return vow_none();
}

TEST(awaits_of_what_has_settled_are_turns_of_the_drain)
{
    vow_resolver *r;
    struct job a = {.waits_for = vow_promise_new(loop, &r)};
    vow_promise *p = vow_spawn(loop, await_many, &a, NULL);
    vow_poll(loop);
    vow_resolve(r, vow_none());
    for (int i = 1; i <= 9; i++) {
        EQ_INT(vow_drain(loop, 10), 10);
        EQ_INT(a.steps, 10 * i);
    }
    vow_poll(loop);
    EQ_INT(a.steps, 100);
    EQ_INT(a.code, 0);
    vow_unref(p);
}

TEST(an_await_lets_those_go_first_who_waited_for_the_same_promise)
{
    vow_resolver *r;
    struct trace trace = {""};
    vow_promise *shared = vow_promise_new(loop, &r);
    struct job a = {.waits_for = vow_ref(shared), .name = 'a', .trace = &trace};
    vow_promise *p = vow_spawn(loop, await_many, &a, NULL);
    vow_poll(loop);
    vow_promise *h = vow_then(shared, add_h, &trace);
    vow_resolve(r, vow_none());
    vow_drain(loop, 3);
    EQ_TRACE(trace, "a1 h a2");
    vow_unref(p);
    vow_unref(h);
}

TEST(an_await_of_what_has_settled_lets_the_queue_go_first)
{
    vow_resolver *r, *s;
    struct trace trace = {""};
    struct job a = {.waits_for = vow_promise_new(loop, &r), .name = 'a', .trace = &trace};
    vow_promise *p = vow_spawn(loop, await_many, &a, NULL);
    vow_promise *h = vow_then(vow_promise_new(loop, &s), add_h, &trace);
    vow_poll(loop);
    vow_resolve(r, vow_none());
    vow_resolve(s, vow_none());
    vow_drain(loop, 4);
    EQ_TRACE(trace, "a1 h a2 a3");
    vow_unref(p);
    vow_unref(h);
}

static vow_value yield_twice(void *data)
{
    struct job *job = data;
    for (int i = 0; i < 2; i++) {
        trace_add(job->trace, "%c%d", job->name, i);
        job->code |= vow_yield();
    }
    return vow_none();
}

TEST(yield_lets_others_that_are_ready_go_first)
{
    struct trace trace = {""};
    struct job a = {.name = 'a', .trace = &trace}, b = {.name = 'b', .trace = &trace};
    vow_promise *p = vow_spawn(loop, yield_twice, &a, NULL);
    vow_promise *q = vow_spawn(loop, yield_twice, &b, NULL);
    vow_poll(loop);
    EQ_TRACE(trace, "a0 b0 a1 b1");
    EQ_INT(a.code | b.code, 0);
    vow_unref(p);
    vow_unref(q);
}

TEST(await_outside_a_fiber_is_an_error_of_its_own)
{
    vow_value v;
    EQ_INT(vow_await(vow_resolved(loop, vow_v(1)), &v), VOW_EAWAIT);
    CHECK(vow_error_is(vow_as_error(v), vow_own_domain(), VOW_EAWAIT));
    EQ_INT(vow_yield(), VOW_EAWAIT);
    CHECK(!vow_in_fiber());
    vow_release(v);
}

static vow_value await_in_handler(vow_value v, void *code)
{
    *(int *)code = vow_await(vow_resolved(vow_current(), v), NULL);
    return vow_none();
}

TEST(await_in_a_handler_is_outside_a_fiber)
{
    int code = 0;
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), await_in_handler, &code);
    vow_poll(loop);
    EQ_INT(code, VOW_EAWAIT);
    vow_unref(p);
}

TEST(await_of_another_loops_promise_is_an_error)
{
    vow_loop *other = vow_loop_new();
    struct job job = {.waits_for = vow_resolved(other, vow_none())};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(job.code, VOW_ELOOP);
    CHECK(vow_error_is(vow_error_of(p), vow_own_domain(), VOW_ELOOP));
    vow_unref(p);
    vow_loop_free(other);
}

TEST(a_fiber_that_awaits_itself_is_told_so)
{
    struct job job = {0};
    vow_promise *p = vow_spawn(loop, await_one, &job, NULL);
    job.waits_for = vow_ref(p);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(job.code, VOW_ECYCLE);
    vow_unref(p);
}

TEST(data_is_destroyed_once_the_fiber_has_ended)
{
    int destroyed = 0, awaited = 0;
    struct job job = {.waits_for = vow_delay(loop, 1)};
    vow_promise *p = vow_spawn(loop, return_nothing, &awaited, count_destroy);
    vow_promise *q = vow_spawn(loop, await_one, &job, NULL);
    q = vow_attach(q, &destroyed, count_destroy);
    vow_poll(loop);
    EQ_INT(awaited, 2);
    EQ_INT(destroyed, 0);
    vow_clock_advance(loop, 1);
    EQ_INT(destroyed, 1);
    vow_unref(p);
    vow_unref(q);
}

static vow_value locals(void *data)
{
    volatile int sum = 0;
    int i = 0;
again:
    for (double half = 0.5; half < 3; half += 1) {
        char text[32];
        snprintf(text, sizeof text, "%d %.1f", i, half);
        if (vow_await(vow_delay(vow_current(), 1), NULL) || vow_yield())
            return vow_fail(EIO, "await");
        int back;
        double same;
        if (sscanf(text, "%d %lf", &back, &same) != 2 || back != i || same != half)
            return vow_fail(EIO, "locals");
        sum += (int)(half * 2);
    }
    if (++i < *(int *)data)
        goto again;
    return vow_v(sum);
}

/* scenario 122 */
TEST(locals_survive_many_suspensions_in_loops_and_jumps)
{
    int rounds = 100;
    vow_promise *p = vow_spawn(loop, locals, &rounds, NULL);
    for (int i = 0; i < 400; i++)
        vow_clock_advance(loop, 1);
    EQ_INT(vow_as_int(vow_peek(p)), 900);
    vow_unref(p);
}

/* Over awaits on both sides of it, and with another fiber in between. */
static vow_value jump(void *data)
{
    jmp_buf back;
    volatile int rounds = 0;
    vow_await(vow_delay(vow_current(), 1), NULL);
    if (setjmp(back) < 3)
        rounds++;
    vow_await(vow_delay(vow_current(), 1), NULL);
    if (rounds < 3)
        longjmp(back, rounds);
    *(int *)data = rounds;
    return vow_none();
}

TEST(a_long_jump_stays_inside_its_fiber)
{
    int rounds[2] = {0};
    vow_promise *p = vow_spawn(loop, jump, &rounds[0], NULL);
    vow_promise *q = vow_spawn(loop, jump, &rounds[1], NULL);
    vow_poll(loop);
    vow_clock_advance(loop, 10);
    EQ_INT(rounds[0], 3);
    EQ_INT(rounds[1], 3);
    vow_unref(p);
    vow_unref(q);
}
