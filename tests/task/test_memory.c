/* SPDX-License-Identifier: MIT
 *
 * Fibers and tasks without memory, and on a loop that has none for them any more.
 */
#include <errno.h>

#include "harness.h"
#include "vow/inspect.h"

static vow_value nothing(void *data) { return (void)data, vow_none(); }
static vow_value nothing_either(vow_task *task) { return (void)task, vow_none(); }

/* Spawns with each allocation failing in turn: how many fail. */
TEST_PLAIN(a_fiber_without_memory_for_its_stack_or_its_promise_is_rejected)
{
    int failed = 0, destroyed = 0;
    for (size_t n = 1;; n++) {
        loop = vow_loop_new();
        vow_loop_quarantine(loop, SIZE_MAX);
        vow_test_fail_allocation(n, false);
        vow_promise *p = vow_spawn(loop, nothing, &destroyed, count_destroy);
        bool none = vow_test_failed();
        vow_test_fail_allocation(0, false);
        vow_mark_handled(p);
        vow_poll(loop);
        EQ_INT(vow_state(p), none ? VOW_REJECTED : VOW_FULFILLED);
        if (none)
            EQ_INT(vow_error_code(vow_error_of(p)), ENOMEM);
        EQ_INT(destroyed, (int)n);
        failed += none;
        vow_unref(p);
        vow_loop_free(loop);
        if (!none)
            break;
    }
    EQ_INT(failed, 3); /* the pool, the stack, the promise */
}

static vow_task one;
static void destroy_one(void *task) { ((vow_task *)task)->at = -1; }

TEST(a_task_without_memory_for_its_promise_is_rejected_and_destroyed)
{
    vow_loop_quarantine(loop, SIZE_MAX);
    vow_test_fail_allocation(1, true);
    vow_promise *p = vow_task_start(loop, nothing_either, &one, destroy_one);
    vow_test_fail_allocation(0, false);
    vow_mark_handled(p);
    EQ_INT(vow_error_code(vow_error_of(p)), ENOMEM);
    EQ_INT(one.at, -1);
    vow_unref(p);
}

TEST(the_size_of_stacks_and_the_alarm_say_when_there_is_no_memory)
{
    vow_test_fail_allocation(1, true);
    EQ_INT(vow_fiber_stacks(loop, 65536, 1), ENOMEM);
    EQ_INT(vow_fiber_overflow_alarm(loop), ENOMEM);
    vow_test_fail_allocation(2, true);
    int code = vow_fiber_overflow_alarm(loop); /* 0 where the thread has a stack for signals */
    vow_test_fail_allocation(0, false);
    CHECK(code == ENOMEM || code == 0);
}

TEST_PLAIN(a_closed_loop_has_no_stacks)
{
    loop = vow_loop_new();
    vow_loop_close(loop);
    EQ_INT(vow_fiber_stacks(loop, 65536, 1), VOW_ECLOSED);
    EQ_INT(vow_fiber_overflow_alarm(loop), VOW_ECLOSED);
    vow_loop_free(loop);
}
