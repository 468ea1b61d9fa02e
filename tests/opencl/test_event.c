/* SPDX-License-Identifier: MIT
 *
 * Events as promises: the seven rules of the bridge, on a driver that breaks each of its own.
 */
#include <errno.h>
#include <sched.h>
#include <time.h>

#include "harness.h"

#include "opencl/test.h"

/* A user event, watched; its end is the test's. */
static vow_promise *watched(vow_loop *loop, cl_context context, cl_event *ret)
{
    *ret = clCreateUserEvent(context, NULL);
    vow_promise *p = vow_cl_wait(loop, *ret);
    vow_mark_handled(p);
    return p;
}

static void end(cl_context context, cl_event event)
{
    clReleaseEvent(event);
    clReleaseContext(context);
    EQ_UINT(stub->live(), 0);
}

/* First: where all tests share a process, tickets that later ones leave keep the table. */
TEST(ten_thousand_events_are_all_told)
{
    enum { N = 10000 };
    static vow_promise *p[N];
    static cl_event events[N];
    cl_context context = raw_context();
    for (int i = 0; i < N; i++)
        p[i] = watched(loop, context, &events[i]);
    for (int i = N; i-- > 0;)
        clSetUserEventStatus(events[i], i % 2 ? CL_COMPLETE : -5);
    vow_poll(loop);
    for (int i = 0; i < N; i++) {
        if (i % 2)
            EQ_FULFILLED(p[i]);
        else
            EQ_REJECTED(p[i], -5);
        if (i > 0)
            clReleaseEvent(events[i]);
    }
    end(context, events[0]);
}

TEST(an_event_that_completes_fulfils)
{
    cl_context context = raw_context();
    cl_event event;
    vow_promise *p = watched(loop, context, &event);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    clSetUserEventStatus(event, CL_COMPLETE);
    EQ_INT(vow_state(p), VOW_PENDING); /* never inside the driver's callback */
    vow_poll(loop);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(an_event_that_fails_rejects_with_the_name_of_its_status)
{
    cl_context context = raw_context();
    cl_event event;
    vow_promise *p = watched(loop, context, &event);
    clSetUserEventStatus(event, CL_OUT_OF_RESOURCES);
    vow_poll(loop);
    char text[200];
    vow_describe(vow_error_of(p), VOW_ONE_LINE, text, sizeof text);
    EQ_TEXT(text, "OpenCL event: CL_OUT_OF_RESOURCES");
    EQ_REJECTED(p, CL_OUT_OF_RESOURCES);
    end(context, event);
}

TEST(an_event_that_was_complete_is_called_back_inside_the_registration)
{
    cl_context context = raw_context();
    cl_event event = clCreateUserEvent(context, NULL);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_promise *p = vow_cl_wait(loop, event);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_poll(loop);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(the_status_is_read_again_because_a_callback_may_lie)
{
    cl_context context = raw_context();
    cl_event event;
    stub->calls(STUB_CALLS_WRONG);
    vow_promise *p = watched(loop, context, &event);
    clSetUserEventStatus(event, -5);
    vow_poll(loop);
    EQ_REJECTED(p, -5);
    end(context, event);
}

TEST(a_callback_that_never_comes_is_made_up_for_by_looking)
{
    cl_context context = raw_context();
    cl_event event;
    stub->calls(STUB_CALLS_NONE);
    vow_promise *p = watched(loop, context, &event);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_clock_advance(loop, 99);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 1);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(looks_become_rare_but_never_rarer_than_one_a_second)
{
    cl_context context = raw_context();
    cl_event event;
    stub->calls(STUB_CALLS_NONE);
    vow_promise *p = watched(loop, context, &event);
    vow_clock_advance(loop, 60000);
    int before = stub->called("clGetEventInfo");
    vow_clock_advance(loop, 10000);
    EQ_INT(stub->called("clGetEventInfo"), before + 10);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_clock_advance(loop, 1000);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(an_early_callback_after_a_minute_is_looked_after_soon)
{
    cl_context context = raw_context();
    cl_event event, other;
    vow_promise *p = watched(loop, context, &event);
    vow_clock_advance(loop, 60500); /* looks are a second apart by now */
    stub->calls(STUB_CALLS_EARLY);
    vow_promise *q = watched(loop, context, &other);
    vow_poll(loop);
    clSetUserEventStatus(other, CL_COMPLETE);
    vow_clock_advance(loop, 100);
    EQ_FULFILLED(q);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_poll(loop);
    EQ_FULFILLED(p);
    clReleaseEvent(other);
    end(context, event);
}

TEST(a_callback_that_comes_too_early_changes_nothing)
{
    cl_context context = raw_context();
    cl_event event;
    stub->calls(STUB_CALLS_EARLY);
    vow_promise *p = watched(loop, context, &event);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_clock_advance(loop, 100);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(a_second_callback_finds_nobody)
{
    cl_context context = raw_context();
    cl_event event;
    stub->calls(STUB_CALLS_TWICE);
    vow_promise *p = watched(loop, context, &event);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_poll(loop);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(a_callback_after_the_look_that_found_its_event_done_does_nothing)
{
    cl_context context = raw_context();
    cl_event event, other;
    stub->calls(STUB_CALLS_LATE);
    vow_promise *p = watched(loop, context, &event);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_clock_advance(loop, 100);
    EQ_FULFILLED(p);
    p = watched(loop, context, &other); /* at the same place of the table */
    stub->call_late();
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    clSetUserEventStatus(other, CL_COMPLETE);
    stub->call_late();
    vow_poll(loop);
    EQ_FULFILLED(p);
    clReleaseEvent(other);
    end(context, event);
}

TEST(a_status_that_cannot_be_read_rejects_and_the_event_is_looked_after)
{
    cl_context context = raw_context();
    cl_event event;
    stub->fail("clGetEventInfo", CL_OUT_OF_HOST_MEMORY, 1);
    vow_promise *p = watched(loop, context, &event);
    vow_clock_advance(loop, 100);
    EQ_REJECTED(p, CL_OUT_OF_HOST_MEMORY);
    clSetUserEventStatus(event, CL_COMPLETE);
    EQ_INT(vow_run_all(loop), 0);
    end(context, event);
}

TEST(where_no_callback_can_be_registered_a_thread_looks_often)
{
    cl_context context = raw_context();
    cl_event event;
    stub->fail("clSetEventCallback", CL_OUT_OF_HOST_MEMORY, 0);
    vow_promise *p = watched(loop, context, &event);
    clSetUserEventStatus(event, -7);
    for (long i = 0; i < 200000 && vow_state(p) == VOW_PENDING; i++) {
        vow_poll(loop); /* the clock stands */
        sched_yield();
    }
    EQ_REJECTED(p, -7);
    EQ_INT(vow_run_all(loop), 0);
    end(context, event);
}

/* Nobody is called back, and what waits for a failed command stays as it is for ever. */
TEST(a_thread_does_not_wait_for_what_the_driver_has_forgotten)
{
    struct rig rig = rig_of(loop);
    stub->fail("clSetEventCallback", CL_OUT_OF_HOST_MEMORY, 0);
    stub->forget_dependants(true);
    vow_promise *up = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('x'), VOW_AT_ONCE);
    vow_promise *p = vow_cl_marker(rig.queue, VOW_AFTER(up));
    vow_mark_handled(p);
    vow_poll(loop);
    EQ_INT(stub->finish(1, CL_OUT_OF_RESOURCES), 1);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), CL_OUT_OF_RESOURCES);
    vow_release(v);
    vow_clock_advance(loop, 100);
    EQ_INT(vow_run_all(loop), 0);
    stub->forget_dependants(false);
    settle_all(loop);
    RIG_END(rig);
}

TEST(where_no_thread_can_be_had_either_there_are_the_looks)
{
    cl_context context = raw_context();
    cl_event event = clCreateUserEvent(context, NULL);
    stub->fail("clSetEventCallback", CL_OUT_OF_HOST_MEMORY, 0);
    stub->fail("clRetainEvent", CL_OUT_OF_HOST_MEMORY, 2); /* the first is the operation's own */
    vow_promise *p = vow_cl_wait(loop, event);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_advance(loop, 100);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(a_thread_that_looks_is_let_go_when_nobody_has_to_wait)
{
    cl_context context = raw_context();
    vow_loop *own = vow_loop_new();
    cl_event event = clCreateUserEvent(context, NULL);
    stub->fail("clSetEventCallback", CL_OUT_OF_HOST_MEMORY, 0);
    vow_unref(vow_cl_wait(own, event));
    vow_poll(own);
    time_t before = time(NULL);
    vow_loop_free(own); /* the event is somebody else's: not waited for */
    CHECK(time(NULL) - before < 8);
    CHECK(loop != NULL);
    end(context, event);
}

TEST(an_event_that_cannot_be_held_rejects_at_once)
{
    cl_context context = raw_context();
    cl_event event = clCreateUserEvent(context, NULL);
    stub->fail("clRetainEvent", CL_INVALID_EVENT, 1);
    EQ_REJECTED(vow_cl_wait(loop, event), CL_INVALID_EVENT);
    end(context, event);
}

TEST(a_dropped_wait_runs_out_in_the_background)
{
    cl_context context = raw_context();
    cl_event event;
    vow_unref(watched(loop, context, &event));
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_poll(loop);
    end(context, event);
}

TEST(a_cancelled_wait_rejects_and_the_event_goes_on)
{
    cl_context context = raw_context();
    cl_event event;
    vow_promise *p = watched(loop, context, &event);
    vow_cancel(p);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    vow_unref(p);
    clSetUserEventStatus(event, CL_COMPLETE);
    EQ_INT(vow_run_all(loop), 0);
    end(context, event);
}

TEST(the_event_of_a_pending_promise_can_be_had)
{
    cl_context context = raw_context();
    cl_event event;
    vow_promise *p = watched(loop, context, &event);
    cl_event same = vow_cl_event_of(p);
    EQ_PTR(same, event);
    clReleaseEvent(same);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_poll(loop);
    EQ_PTR(vow_cl_event_of(p), NULL);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(each_of_many_pending_promises_has_its_own_event)
{
    enum { N = 250 }; /* as full as the table gets */
    vow_promise *p[N];
    cl_event events[N];
    cl_context context = raw_context();
    for (int i = 0; i < N; i++)
        p[i] = watched(loop, context, &events[i]);
    for (int i = 0; i < N; i++) {
        cl_event same = vow_cl_event_of(p[i]);
        EQ_PTR(same, events[i]);
        clReleaseEvent(same);
        clSetUserEventStatus(events[i], CL_COMPLETE);
    }
    vow_poll(loop);
    for (int i = 0; i < N; i++) {
        EQ_FULFILLED(p[i]);
        if (i > 0)
            clReleaseEvent(events[i]);
    }
    end(context, events[0]);
}

TEST(an_event_that_cannot_be_held_for_the_caller_is_not_given)
{
    cl_context context = raw_context();
    cl_event event;
    vow_promise *p = watched(loop, context, &event);
    stub->fail("clRetainEvent", CL_OUT_OF_RESOURCES, 1);
    EQ_PTR(vow_cl_event_of(p), NULL);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_poll(loop);
    EQ_FULFILLED(p);
    end(context, event);
}

TEST(an_event_without_times_says_so)
{
    cl_context context = raw_context();
    cl_event event = clCreateUserEvent(context, NULL);
    vow_cl_times times;
    EQ_INT(vow_cl_times_of(event, &times), CL_PROFILING_INFO_NOT_AVAILABLE);
    CHECK(loop != NULL);
    end(context, event);
}

static vow_value complete(vow_value v, void *event)
{
    (void)v;
    clSetUserEventStatus(event, CL_COMPLETE);
    return vow_none();
}

TEST(a_look_leaves_alone_what_the_callback_has_just_told)
{
    cl_context context = raw_context();
    cl_event event = clCreateUserEvent(context, NULL);
    vow_promise *first = vow_then(vow_delay(loop, 100), complete, event);
    vow_promise *p = vow_cl_wait(loop, event); /* the look comes behind: the node is on its way */
    vow_clock_advance(loop, 100);
    EQ_FULFILLED(first);
    EQ_FULFILLED(p);
    end(context, event);
}

/* The first 256 places are there from the start. */
TEST(a_table_of_callbacks_that_cannot_grow_rejects)
{
    enum { N = 256 };
    vow_promise *p[N];
    cl_context context = raw_context();
    cl_event event = clCreateUserEvent(context, NULL);
    for (int i = 0; i < N; i++)
        p[i] = vow_cl_wait(loop, event);
    vow_test_fail_allocation(2, false); /* the first is the operation's */
    vow_promise *refused = vow_cl_wait(loop, event);
    vow_test_fail_allocation(0, false);
    CHECK(vow_error_is(vow_error_of(refused), vow_errno_domain(), ENOMEM));
    vow_mark_handled(refused);
    vow_unref(refused);
    clSetUserEventStatus(event, CL_COMPLETE);
    vow_poll(loop);
    for (int i = 0; i < N; i++)
        EQ_FULFILLED(p[i]);
    end(context, event);
}

TEST(codes_have_their_names_and_vendors_their_numbers)
{
    EQ_TEXT(vow_cl_domain()->text(-5), "CL_OUT_OF_RESOURCES");
    EQ_TEXT(vow_cl_domain()->text(-1001), "CL_PLATFORM_NOT_FOUND_KHR");
    EQ_TEXT(vow_cl_domain()->text(-9999), "OpenCL error -9999");
    HAS_TEXT(vow_cl_domain()->text(VOW_CL_REJECTED), "rejected");
    CHECK(loop != NULL);
}
