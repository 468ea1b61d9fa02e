/* SPDX-License-Identifier: MIT
 *
 * Tasks without a stack.
 */
#include "vow/async.h"

#include <errno.h>
#include <stdlib.h>

#include "harness.h"

struct job {
    vow_task task;
    vow_promise *waits_for; /* taken by the await */
    int code, steps, i, j, rounds;
    struct job *child;
    struct trace *trace;
    char name;
    int *freed;
};

static struct job *job_of(vow_task *task) { return (struct job *)task; }

static vow_value await_one(vow_task *task)
{
    struct job *job = job_of(task);
    VOW_TASK_BEGIN(task);
    job->steps++;
    VOW_AWAIT(task, job->waits_for);
    job->steps++;
    job->code = task->code;
    VOW_TASK_END(vow_keep(task->value));
}

/* scenario 114 */
TEST(a_task_gets_the_value)
{
    vow_resolver *r;
    struct job job = {.waits_for = vow_promise_new(loop, &r)};
    vow_promise *p = vow_task_start(loop, await_one, &job.task, NULL);
    EQ_INT(job.steps, 0);
    vow_poll(loop);
    EQ_INT(job.steps, 1);
    vow_resolve(r, vow_text("hello"));
    EQ_INT(job.steps, 1);
    vow_poll(loop);
    EQ_INT(job.steps, 2);
    EQ_INT(job.code, 0);
    EQ_TEXT(vow_as_text(vow_peek(p)), "hello");
    vow_unref(p);
}

static vow_value try_one(vow_task *task)
{
    VOW_TASK_BEGIN(task);
    VOW_TRY(task, job_of(task)->waits_for);
    job_of(task)->steps++;
    VOW_TASK_END(vow_none());
}

/* scenario 115 */
TEST(try_ends_the_task_with_the_error)
{
    struct job job = {.waits_for = vow_rejected(loop, vow_error_new(vow_errno_domain(), EPROTO, "bad"))};
    vow_promise *p = vow_task_start(loop, try_one, &job.task, NULL);
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(job.steps, 0);
    EQ_TEXT(vow_error_message(vow_error_of(p)), "bad");
    vow_unref(p);
}

static vow_value follow(vow_task *task)
{
    return vow_v(job_of(task)->waits_for); /* without a single await: no body is needed */
}

/* scenario 116 */
TEST(a_promise_that_a_task_returns_is_followed)
{
    struct job job = {.waits_for = vow_then(vow_delay(loop, 3), NULL, NULL)};
    vow_promise *p = vow_task_start(loop, follow, &job.task, NULL);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 3);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

static vow_value loops(vow_task *task)
{
    struct job *job = job_of(task);
    VOW_TASK_BEGIN(task);
    for (job->i = 0; job->i < job->rounds; job->i++) {
        for (job->j = 0; job->j < 3; job->j++) {
            if (job->j == 1) {
                VOW_YIELD(task);
                continue;
            }
            VOW_TRY(task, vow_delay(vow_current(), 1));
            job->steps++;
        }
    }
    VOW_TASK_END(vow_v(job->steps));
}

/* scenario 122 */
TEST(a_task_goes_on_inside_nested_loops)
{
    struct job job = {.rounds = 10};
    vow_promise *p = vow_task_start(loop, loops, &job.task, NULL);
    for (int i = 0; i < 20; i++)
        vow_clock_advance(loop, 1);
    EQ_INT(vow_as_int(vow_peek(p)), 20);
    vow_unref(p);
}

static vow_value parent(vow_task *task)
{
    struct job *job = job_of(task);
    VOW_TASK_BEGIN(task);
    for (job->i = 0; job->i < 3; job->i++) {
        *job->child = (struct job){.rounds = job->i};
        VOW_TRY(task, vow_task_start(vow_current(), loops, &job->child->task, NULL));
        job->steps += (int)vow_as_int(task->value);
    }
    VOW_TASK_END(vow_v(job->steps));
}

TEST(a_task_calls_another_and_awaits_it)
{
    struct job child, job = {.child = &child};
    vow_promise *p = vow_task_start(loop, parent, &job.task, NULL);
    for (int i = 0; i < 10; i++)
        vow_clock_advance(loop, 1);
    EQ_INT(vow_as_int(vow_peek(p)), 6);
    vow_unref(p);
}

static vow_value yield_twice(vow_task *task)
{
    struct job *job = job_of(task);
    VOW_TASK_BEGIN(task);
    for (job->i = 0; job->i < 2; job->i++) {
        trace_add(job->trace, "%c%d", job->name, job->i);
        VOW_YIELD(task);
    }
    VOW_TASK_END(vow_none());
}

TEST(tasks_that_yield_take_turns)
{
    struct trace trace = {""};
    struct job a = {.name = 'a', .trace = &trace}, b = {.name = 'b', .trace = &trace};
    vow_promise *p = vow_task_start(loop, yield_twice, &a.task, NULL);
    vow_promise *q = vow_task_start(loop, yield_twice, &b.task, NULL);
    vow_poll(loop);
    EQ_TRACE(trace, "a0 b0 a1 b1");
    vow_unref(p);
    vow_unref(q);
}

/* scenario 118 */
TEST(a_cancelled_task_sees_the_cancel_and_may_recover)
{
    struct job job = {.waits_for = vow_delay(loop, 10)};
    vow_promise *p = vow_task_start(loop, await_one, &job.task, NULL);
    vow_poll(loop);
    vow_cancel(p);
    EQ_INT(job.steps, 1);
    vow_poll(loop);
    EQ_INT(job.code, ECANCELED);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    vow_unref(p);
}

static void count_and_free(void *data)
{
    struct job *job = data;
    ++*job->freed;
    free(job);
}

TEST(a_task_that_is_cancelled_before_its_first_turn_never_begins)
{
    struct job *job = calloc(1, sizeof *job);
    int freed = 0;
    job->freed = &freed;
    vow_promise *p = vow_task_start(loop, await_one, &job->task, count_and_free);
    vow_cancel(p);
    EQ_INT(freed, 0);
    vow_poll(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    EQ_INT(freed, 1);
    vow_unref(p);
}

/* scenario 119 */
TEST(a_task_that_is_cancelled_in_a_yield_sees_it_there)
{
    struct trace trace = {""};
    struct job job = {.name = 'a', .trace = &trace};
    vow_promise *p = vow_task_start(loop, yield_twice, &job.task, NULL);
    EQ_UINT(vow_drain(loop, 1), 1);
    vow_cancel(p);
    EQ_UINT(vow_drain(loop, 1), 1);
    EQ_INT(job.task.code, ECANCELED);
    vow_poll(loop);
    EQ_TRACE(trace, "a0 a1");
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

/* scenario 121 */
TEST(a_dropped_task_is_not_called_again_and_its_struct_is_destroyed)
{
    struct job *job = calloc(1, sizeof *job);
    int stopped = 0, freed = 0;
    job->freed = &freed;
    job->waits_for = vow_attach(vow_delay(loop, 10), &stopped, count_destroy);
    vow_promise *p = vow_task_start(loop, await_one, &job->task, count_and_free);
    vow_poll(loop);
    vow_unref(p);
    EQ_INT(stopped, 1);
    EQ_INT(freed, 1);
}

TEST(a_task_that_is_dropped_before_its_first_turn_is_only_destroyed)
{
    struct job *job = calloc(1, sizeof *job);
    int freed = 0;
    job->freed = &freed;
    vow_unref(vow_task_start(loop, await_one, &job->task, count_and_free));
    EQ_INT(freed, 1);
    EQ_INT(vow_poll(loop), 0);
}

static vow_value shielded(vow_task *task)
{
    struct job *job = job_of(task);
    VOW_TASK_BEGIN(task);
    vow_task_shield(task, true);
    VOW_AWAIT(task, vow_delay(vow_current(), 5));
    job->steps = task->code == 0;
    vow_task_shield(task, false);
    VOW_AWAIT(task, vow_delay(vow_current(), 5));
    job->code = task->code;
    VOW_TASK_END(vow_none());
}

TEST(behind_a_tasks_shield_a_cancel_waits_for_the_next_await)
{
    struct job job = {0};
    vow_promise *p = vow_task_start(loop, shielded, &job.task, NULL);
    vow_poll(loop);
    vow_cancel(p);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 5);
    EQ_INT(job.steps, 1);
    EQ_INT(job.code, ECANCELED);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

static vow_value shielded_to_the_end(vow_task *task)
{
    struct job *job = job_of(task);
    VOW_TASK_BEGIN(task);
    vow_task_shield(task, true);
    VOW_AWAIT(task, vow_delay(vow_current(), 5));
    vow_task_shield(task, job->steps == 0);
    VOW_TASK_END(vow_v(job->waits_for));
}

TEST(a_cancel_that_a_tasks_shield_has_kept_reaches_the_promise_that_it_gives)
{
    for (int unshields = 0; unshields < 2; unshields++) {
        vow_resolver *r;
        struct job job = {.waits_for = vow_promise_new(loop, &r), .steps = unshields};
        vow_promise *p = vow_task_start(loop, shielded_to_the_end, &job.task, NULL);
        vow_poll(loop);
        vow_cancel(p);
        vow_clock_advance(loop, 5);
        EQ_INT(vow_state(p), VOW_REJECTED);
        vow_unref(p);
        vow_resolver_drop(r);
    }
}

static vow_value yields_until_told(vow_task *task)
{
    struct job *job = job_of(task);
    VOW_TASK_BEGIN(task);
    while (task->code == 0 && job->steps < 1000) {
        job->steps++;
        VOW_YIELD(task);
    }
    job->code = task->code;
    VOW_TASK_END(vow_none());
}

TEST(a_task_that_yields_in_a_loop_hears_that_the_loop_closes)
{
    vow_loop *own = vow_loop_new();
    struct job job = {0};
    vow_promise *p = vow_task_start(own, yields_until_told, &job.task, NULL);
    vow_drain(own, 1);
    vow_loop_close(own);
    EQ_INT(job.code, VOW_ECLOSED);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
    vow_loop_free(own);
}

TEST(a_task_that_awaits_itself_or_another_loops_promise_gets_an_error)
{
    vow_loop *other = vow_loop_new();
    struct job a = {0}, b = {.waits_for = vow_resolved(other, vow_none())};
    vow_promise *p = vow_task_start(loop, await_one, &a.task, NULL);
    vow_promise *q = vow_task_start(loop, await_one, &b.task, NULL);
    a.waits_for = vow_ref(p);
    vow_mark_handled(p);
    vow_mark_handled(q);
    vow_poll(loop);
    EQ_INT(a.code, VOW_ECYCLE);
    EQ_INT(b.code, VOW_ELOOP);
    vow_unref(p);
    vow_unref(q);
    vow_loop_free(other);
}

TEST(on_a_closed_loop_a_task_is_only_destroyed)
{
    vow_loop *own = vow_loop_new();
    struct job *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);
    vow_promise *p = vow_task_start(own, await_one, &a->task, free); /* its turn is the closing */
    vow_loop_close(own);
    vow_promise *q = vow_task_start(own, await_one, &b->task, free);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    EQ_INT(vow_error_code(vow_error_of(q)), VOW_ECLOSED);
    vow_unref(p);
    vow_unref(q);
    vow_loop_free(own);
}

TEST(closing_the_loop_gives_a_waiting_task_the_error)
{
    vow_loop *own = vow_loop_new();
    struct job job = {.waits_for = vow_delay(own, 1000)};
    vow_promise *p = vow_task_start(own, await_one, &job.task, NULL);
    vow_poll(own);
    vow_loop_close(own);
    EQ_INT(job.code, VOW_ECLOSED);
    vow_unref(p);
    vow_loop_free(own);
}

TEST_PLAIN(a_suspended_task_with_its_promise_takes_192_bytes_at_most)
{
    struct counter { vow_task task; int i, n; };
    CHECK(sizeof(struct counter) + 16 + 64 <= 192); /* malloc's word, the promise */
    CHECK(sizeof(vow_task) <= 56);
}

TEST(a_struct_may_be_used_again_when_its_task_has_ended_in_whichever_way)
{
    struct job job = {0};
    for (int ending = 0; ending < 3; ending++) {
        job.waits_for = vow_delay(loop, 5);
        vow_promise *p = vow_task_start(loop, await_one, &job.task, NULL);
        vow_poll(loop);
        if (ending == 1)
            vow_cancel(p);
        if (ending == 2)
            p = vow_unref(p);
        vow_clock_advance(loop, 5);
        EQ_INT(job.steps, ending < 2 ? 2 * (ending + 1) : 5);
        vow_unref(p);
    }
    job.waits_for = vow_resolved(loop, vow_v(7));
    vow_promise *p = vow_task_start(loop, await_one, &job.task, NULL);
    vow_poll(loop);
    EQ_INT(vow_as_int(vow_peek(p)), 7);
    vow_unref(p);
}

TEST_PANICS(a_task_that_waits_cannot_be_started_again, "started again")
{
    struct job job = {.waits_for = vow_delay(loop, 5)};
    vow_promise *p = vow_task_start(loop, await_one, &job.task, NULL);
    vow_poll(loop);
    vow_unref(vow_task_start(loop, await_one, &job.task, NULL));
    vow_unref(p);
}

TEST_PANICS(the_function_of_a_task_is_not_for_calling, "called by vow_task_start only")
{
    struct job job = {0};
    vow_release(await_one(&job.task));
}

static vow_value starts_itself(vow_task *task)
{
    VOW_TASK_BEGIN(task);
    vow_unref(vow_task_start(vow_current(), starts_itself, task, NULL));
    VOW_TASK_END(vow_none());
}

TEST_PANICS(a_task_does_not_start_itself, "from inside itself")
{
    struct job job = {0};
    vow_promise *p = vow_task_start(loop, starts_itself, &job.task, NULL);
    vow_poll(loop);
    vow_unref(p);
}

static vow_value await_another(vow_task *task)
{
    VOW_TASK_BEGIN(task);
    VOW_AWAIT(task, vow_delay(vow_current(), 1));
    VOW_AWAIT(task, job_of(task)->waits_for);
    VOW_TASK_END(vow_none());
}

TEST_PANICS(awaiting_nothing_is_misuse, "NULL")
{
    struct job job = {0};
    vow_promise *p = vow_task_start(loop, await_another, &job.task, NULL);
    vow_clock_advance(loop, 1);
    vow_unref(p);
}

static vow_value nothing(vow_value v, void *data)
{
    (void)v, (void)data;
    return vow_none();
}

TEST_PANICS(awaiting_what_was_handed_over_is_misuse, "resolving with a promise")
{
    vow_resolver *r;
    struct job job = {.waits_for = vow_promise_new(loop, &r)};
    vow_promise *chain = vow_then(job.waits_for, nothing, NULL);
    vow_promise *p = vow_task_start(loop, await_another, &job.task, NULL);
    vow_clock_advance(loop, 1);
    vow_unref(p);
    vow_unref(chain);
}
