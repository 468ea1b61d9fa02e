/* SPDX-License-Identifier: MIT
 *
 * Promises as user events: always set, exactly once.
 */
#include <errno.h>

#include "harness.h"

#include "opencl/test.h"

static cl_int status_of(cl_event event)
{
    cl_int status = 99;
    clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL);
    return status;
}

static void end(cl_context context, cl_event event)
{
    EQ_INT(stub->called("clSetUserEventStatus"), 1);
    clReleaseEvent(event);
    clReleaseContext(context);
    EQ_UINT(stub->live(), 0);
}

TEST(a_fulfilled_promise_completes_its_event)
{
    cl_context context = raw_context();
    cl_event event = vow_cl_user_event(loop, context, vow_delay(loop, 5), NULL);
    vow_poll(loop);
    CHECK(status_of(event) > 0);
    vow_clock_advance(loop, 5);
    EQ_INT(status_of(event), CL_COMPLETE);
    end(context, event);
}

TEST(a_rejected_promise_fails_its_event_and_counts_as_handled)
{
    cl_context context = raw_context();
    vow_promise *p = vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, NULL));
    cl_event event = vow_cl_user_event(loop, context, p, NULL);
    vow_poll(loop);
    EQ_INT(status_of(event), VOW_CL_REJECTED);
    end(context, event);
}

TEST(a_promise_that_was_cancelled_fails_its_event)
{
    cl_context context = raw_context();
    vow_promise *p = vow_delay(loop, 5);
    vow_cancel(p);
    cl_event event = vow_cl_user_event(loop, context, p, NULL);
    vow_poll(loop);
    EQ_INT(status_of(event), VOW_CL_REJECTED);
    end(context, event);
}

TEST(a_broken_promise_fails_its_event)
{
    cl_context context = raw_context();
    vow_resolver *r;
    cl_event event = vow_cl_user_event(loop, context, vow_promise_new(loop, &r), NULL);
    vow_resolver_drop(r);
    vow_poll(loop);
    EQ_INT(status_of(event), VOW_CL_REJECTED);
    end(context, event);
}

TEST(a_loop_that_closes_fails_the_events_of_its_promises)
{
    cl_context context = raw_context();
    vow_loop *own = vow_loop_new();
    cl_event event = vow_cl_user_event(own, context, vow_delay(own, 1000), NULL);
    vow_loop_free(own);
    EQ_INT(status_of(event), VOW_CL_REJECTED);
    CHECK(loop != NULL);
    end(context, event);
}

TEST(events_of_several_promises_are_set_each_by_its_own)
{
    cl_context context = raw_context();
    cl_event events[3];
    for (int i = 0; i < 3; i++)
        events[i] = vow_cl_user_event(loop, context, vow_delay(loop, 10u * (unsigned)(i * 2 % 3) + 1), NULL);
    for (int step = 0; step < 3; step++) { /* the first, the third, the second */
        vow_clock_advance(loop, step ? 10 : 1);
        for (int i = 0; i < 3; i++)
            EQ_INT(status_of(events[i]) == CL_COMPLETE, i * 2 % 3 <= step);
    }
    for (int i = 0; i < 3; i++)
        clReleaseEvent(events[i]);
    clReleaseContext(context);
    EQ_UINT(stub->live(), 0);
}

/* The device waits for the promise, and closing for the device. */
TEST(a_loop_that_closes_fails_the_event_that_its_own_command_waits_for)
{
    vow_loop *own = vow_loop_new();
    struct rig rig = rig_of(own);
    stub->run(STUB_THREAD);
    cl_event event = vow_cl_user_event(own, rig.context, vow_delay(own, 1000), NULL);
    cl_event done;
    clEnqueueMarkerWithWaitList(vow_cl_queue_handle(rig.queue), 1, &event, &done);
    vow_promise *p = vow_cl_wait(own, done);
    vow_promise *q = vow_cl_marker(rig.queue, VOW_AFTER(p));
    vow_mark_handled(q);
    vow_loop_close(own);
    EQ_INT(status_of(event), VOW_CL_REJECTED);
    vow_unref(q);
    vow_loop_free(own);
    clReleaseEvent(event);
    clReleaseEvent(done);
    CHECK(loop != NULL);
    RIG_END(rig);
}

TEST(an_event_that_cannot_be_made_drops_the_promise)
{
    cl_context context = raw_context();
    cl_int code = 0;
    int destroyed = 0;
    stub->fail("clCreateUserEvent", CL_OUT_OF_RESOURCES, 1);
    vow_promise *p = vow_attach(vow_delay(loop, 5), &destroyed, count_destroy);
    EQ_PTR(vow_cl_user_event(loop, context, p, &code), NULL);
    EQ_INT(code, CL_OUT_OF_RESOURCES);
    EQ_INT(destroyed, 1);
    clReleaseContext(context);
}

TEST(an_event_that_cannot_be_held_twice_is_none)
{
    cl_context context = raw_context();
    cl_int code = 0;
    stub->fail("clRetainEvent", CL_OUT_OF_RESOURCES, 1);
    EQ_PTR(vow_cl_user_event(loop, context, vow_delay(loop, 5), &code), NULL);
    EQ_INT(code, CL_OUT_OF_RESOURCES);
    EQ_INT(vow_run_all(loop), 0);
    clReleaseContext(context);
    EQ_UINT(stub->live(), 0);
}

TEST(a_promise_of_an_event_of_a_promise_comes_round)
{
    cl_context context = raw_context();
    cl_event event = vow_cl_user_event(loop, context, vow_delay(loop, 5), NULL);
    vow_promise *p = vow_cl_wait(loop, event);
    vow_clock_advance(loop, 5);
    vow_poll(loop);
    EQ_FULFILLED(p);
    end(context, event);
}
