/* SPDX-License-Identifier: MIT
 *
 * Fibers and tasks without memory.
 */
#include "vow/task.h"

#include <stdlib.h>

#include "oom/oom.h"
#include "vow/async.h"

static vow_value fiber(UNUSED void *owned)
{
    vow_loop *loop = vow_current();
    vow_value v;
    if (vow_await(vow_attach(vow_delay(loop, 1), oom_owned(), oom_give_back), &v) != 0 ||
        vow_await(vow_resolved(loop, vow_v(20)), &v) != 0)
        return v;
    return vow_int(vow_as_int(v) + 1);
}

SCENARIO(a_fiber)
{
    EXPECT_INT(vow_spawn(loop, fiber, oom_owned(), oom_give_back), 21);
}

SCENARIO(fibers_that_wait_for_fibers)
{
    vow_promise *p = vow_spawn(loop, fiber, oom_owned(), oom_give_back);
    vow_promise *q = vow_spawn(loop, fiber, oom_owned(), oom_give_back);
    vow_value v;
    if (EXPECT(vow_all(loop, p, q), &v)) {
        EQ_INT(vow_as_int(vow_at(v, 1)), 21);
        vow_release(v);
    }
}

static vow_value rest(UNUSED void *owned)
{
    int code = vow_await(vow_delay(vow_current(), 1000), NULL);
    return vow_fail(code, "woken");
}

SCENARIO(fibers_that_are_ended)
{
    oom_reports(0, 2); /* of those that are dropped or refused */
    vow_promise *dropped = vow_spawn(loop, rest, oom_owned(), oom_give_back);
    vow_promise *cancelled = vow_spawn(loop, rest, oom_owned(), oom_give_back);
    vow_mark_handled(cancelled);
    vow_poll(loop);
    vow_unref(dropped);
    vow_cancel(cancelled);
    EXPECT_ERROR(cancelled, ECANCELED);
}

SCENARIO(stacks_of_another_size)
{
    if (DONE(vow_fiber_stacks(loop, 65536, 1)) && DONE(vow_fiber_overflow_alarm(loop)))
        EXPECT_INT(vow_spawn(loop, fiber, oom_owned(), oom_give_back), 21);
}

struct job {
    vow_task task;
    void *owned;
};

static void free_job(void *data)
{
    struct job *job = data;
    oom_give_back(job->owned);
    free(job);
}

static vow_task *new_job(void)
{
    struct job *job = calloc(1, sizeof *job);
    job->owned = oom_owned();
    return &job->task;
}

static vow_value task(vow_task *task)
{
    VOW_TASK_BEGIN(task);
    VOW_TRY(task, vow_attach(vow_delay(vow_current(), 1), oom_owned(), oom_give_back));
    VOW_YIELD(task);
    VOW_TRY(task, vow_resolved(vow_current(), vow_v(20)));
    VOW_TASK_END(vow_int(vow_as_int(task->value) + 1));
}

SCENARIO(a_task)
{
    EXPECT_INT(vow_task_start(loop, task, new_job(), free_job), 21);
}

SCENARIO(tasks_that_are_ended)
{
    oom_reports(0, 2); /* of those that are dropped or refused */
    vow_promise *dropped = vow_task_start(loop, task, new_job(), free_job);
    vow_promise *cancelled = vow_task_start(loop, task, new_job(), free_job);
    vow_mark_handled(cancelled);
    vow_poll(loop);
    vow_unref(dropped);
    vow_cancel(cancelled);
    EXPECT_ERROR(cancelled, ECANCELED);
}
