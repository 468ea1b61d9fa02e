/* SPDX-License-Identifier: MIT
 *
 * Finding devices, building programs, opening queues.
 */
#include <errno.h>
#include <sched.h>

#include "harness.h"

#include "opencl/test.h"

static vow_cl_device *opened(vow_loop *loop, const vow_cl_wish *wishes, size_t n)
{
    vow_value v;
    if (stub->live() == 0)
        stub->reset();
    EQ_INT(vow_run(loop, vow_cl_open(loop, wishes, n), &v), 0);
    vow_cl_device *device = vow_cl_device_ref(vow_cl_device_of(v));
    vow_release(v);
    return device;
}

TEST(a_gpu_is_best_when_there_are_no_wishes)
{
    vow_cl_device *device = opened(loop, NULL, 0);
    EQ_TEXT(vow_cl_device_name(device), "Stub GPU");
    EQ_UINT(vow_cl_device_kind(device), CL_DEVICE_TYPE_GPU);
    vow_cl_device_unref(device);
    EQ_UINT(stub->live(), 0);
}

TEST(all_platforms_are_looked_at_for_each_wish_in_turn)
{
    vow_cl_wish wishes[] = {{CL_DEVICE_TYPE_ALL, "no such name"},
                            {CL_DEVICE_TYPE_ACCELERATOR, NULL},
                            {CL_DEVICE_TYPE_GPU, NULL}};
    vow_cl_device *device = opened(loop, wishes, 3);
    EQ_TEXT(vow_cl_device_name(device), "Other accelerator");
    vow_cl_device_unref(device);
    wishes[0] = (vow_cl_wish){CL_DEVICE_TYPE_ALL, "Second"}; /* the platform's name */
    device = opened(loop, wishes, 1);
    EQ_TEXT(vow_cl_device_name(device), "Other accelerator");
    vow_cl_device_unref(device);
}

TEST(the_names_of_wishes_are_copied)
{
    char name[] = "Other";
    vow_cl_wish wish = {CL_DEVICE_TYPE_ALL, name};
    vow_value v;
    stub->reset();
    stub->slow(2000);
    vow_promise *p = vow_cl_open(loop, &wish, 1);
    memset(name, 'x', sizeof name - 1);
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_TEXT(vow_cl_device_name(vow_cl_device_of(v)), "Other accelerator");
    vow_release(v);
}

TEST(names_that_cannot_be_had_are_empty)
{
    vow_cl_wish wish = {CL_DEVICE_TYPE_ALL, "Stub"};
    vow_cl_device_unref(opened(loop, NULL, 0)); /* the loader asks too, when it is first used */
    stub->fail("clGetDeviceInfo", CL_INVALID_VALUE, 0);
    stub->fail("clGetPlatformInfo", CL_INVALID_VALUE, 0);
    vow_value v;
    EQ_INT(vow_run(loop, vow_cl_open(loop, &wish, 1), &v), CL_DEVICE_NOT_FOUND);
    vow_release(v);
    EQ_INT(vow_run(loop, vow_cl_open(loop, NULL, 0), &v), 0);
    EQ_TEXT(vow_cl_device_name(vow_cl_device_of(v)), "");
    vow_release(v);
}

TEST(no_device_is_an_error_of_its_own)
{
    vow_value v;
    stub->reset();
    stub->lose_devices(true);
    EQ_INT(vow_run(loop, vow_cl_open(loop, NULL, 0), &v), CL_DEVICE_NOT_FOUND);
    EQ_TEXT(vow_error_message(vow_as_error(v)), "no such device on 2 platforms");
    vow_release(v);
}

TEST(a_driver_that_fails_while_it_is_asked_is_named)
{
    vow_value v;
    stub->reset();
    stub->fail("clGetDeviceIDs", CL_OUT_OF_HOST_MEMORY, 0);
    EQ_INT(vow_run(loop, vow_cl_open(loop, NULL, 0), &v), CL_DEVICE_NOT_FOUND);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "CL_OUT_OF_HOST_MEMORY");
    vow_release(v);
}

TEST(a_device_whose_context_cannot_be_made_is_passed_over)
{
    vow_value v;
    stub->reset();
    stub->fail("clCreateContext", CL_OUT_OF_RESOURCES, 1);
    EQ_INT(vow_run(loop, vow_cl_open(loop, NULL, 0), &v), 0);
    EQ_TEXT(vow_cl_device_name(vow_cl_device_of(v)), "Other accelerator");
    vow_release(v);
}

TEST(the_first_context_that_cannot_be_made_is_the_error_where_none_can)
{
    vow_value v;
    stub->reset();
    stub->fail("clCreateContext", CL_OUT_OF_RESOURCES, 0);
    EQ_INT(vow_run(loop, vow_cl_open(loop, NULL, 0), &v), CL_OUT_OF_RESOURCES);
    EQ_TEXT(vow_error_message(vow_as_error(v)), "clCreateContext: Stub GPU");
    vow_release(v);
}

TEST(a_program_is_built_in_the_pool)
{
    vow_cl_device *device = opened(loop, NULL, 0);
    vow_value v;
    EQ_INT(vow_run(loop, vow_cl_build(loop, device, "kernel void f() {}", "-DX=1"), &v), 0);
    CHECK(vow_is(v, vow_cl_program_type()) && vow_cl_program_of(v) != NULL);
    vow_value again = vow_keep(v);
    vow_release(v);
    vow_release(again);
    vow_cl_device_unref(device);
    EQ_UINT(stub->live(), 0);
}

TEST(the_log_is_the_message_of_a_build_that_fails)
{
    vow_cl_device *device = opened(loop, NULL, 0);
    vow_value v;
    EQ_INT(vow_run(loop, vow_cl_build(loop, device, "error", NULL), &v), CL_BUILD_PROGRAM_FAILURE);
    EQ_TEXT(vow_error_message(vow_as_error(v)), "line 1: this is an error");
    vow_release(v);
    stub->fail("clGetProgramBuildInfo", CL_INVALID_VALUE, 0);
    EQ_INT(vow_run(loop, vow_cl_build(loop, device, "error", NULL), &v), CL_BUILD_PROGRAM_FAILURE);
    EQ_TEXT(vow_error_message(vow_as_error(v)), "clBuildProgram");
    vow_release(v);
    stub->fail("clRetainContext", CL_INVALID_CONTEXT, 1);
    EQ_INT(vow_run(loop, vow_cl_build(loop, device, "f", NULL), &v), CL_INVALID_CONTEXT);
    vow_release(v);
    stub->fail("clCreateProgramWithSource", CL_OUT_OF_HOST_MEMORY, 1);
    EQ_INT(vow_run(loop, vow_cl_build(loop, device, "f", NULL), &v), CL_OUT_OF_HOST_MEMORY);
    vow_release(v);
    vow_cl_device_unref(device);
    EQ_UINT(stub->live(), 0);
}

TEST(a_search_or_build_that_nobody_wants_leaves_nothing)
{
    vow_cl_device *device = opened(loop, NULL, 0);
    vow_unref(vow_cl_build(loop, device, "f", NULL));
    vow_unref(vow_cl_open(loop, NULL, 0));
    EQ_INT(vow_run_all(loop), 0);
    vow_cl_device_unref(device);
    EQ_UINT(stub->live(), 0);
}

/* Under TSan: what a device counts is the loop's thread's. */
TEST(a_build_that_outlives_its_loop_leaves_the_device_alone)
{
    vow_loop *own = vow_loop_new();
    vow_cl_device *device = opened(own, NULL, 0);
    stub->slow(2000);
    vow_promise *p = vow_cl_build(own, device, "f", NULL);
    while (stub->called("clBuildProgram") == 0)
        sched_yield();
    vow_unref(p);
    vow_loop_free(own);
    vow_cl_device_unref(device);
    while (stub->live() > 0)
        sched_yield();
    CHECK(loop != NULL);
}

TEST(a_queue_that_cannot_be_had_says_why)
{
    vow_cl_device *device = opened(loop, NULL, 0);
    cl_int code = 0;
    stub->fail("clCreateCommandQueue", CL_INVALID_QUEUE_PROPERTIES, 1);
    EQ_PTR(vow_cl_queue_open(loop, device, 0, &code), NULL);
    EQ_INT(code, CL_INVALID_QUEUE_PROPERTIES);
    stub->fail("clGetCommandQueueInfo", CL_INVALID_COMMAND_QUEUE, 1);
    EQ_PTR(vow_cl_queue_open(loop, device, 0, &code), NULL);
    EQ_INT(code, CL_INVALID_COMMAND_QUEUE);
    stub->fail("clRetainCommandQueue", CL_OUT_OF_RESOURCES, 1);
    EQ_PTR(vow_cl_queue_open(loop, device, 0, NULL), NULL);
    vow_cl_queue *queue = vow_cl_queue_open(loop, device, 0, &code);
    EQ_INT(code, CL_SUCCESS);
    vow_cl_queue_unref(queue);
    vow_cl_device_unref(device);
    EQ_UINT(stub->live(), 0);
}
