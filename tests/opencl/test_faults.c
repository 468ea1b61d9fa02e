/* SPDX-License-Identifier: MIT
 *
 * Every call that vow makes of the driver, failing, each time it is made, in the middle of a
 * pipeline that uses all of them: whatever happens, every promise settles, nothing of vow's
 * or OpenCL's is left, and the loop comes to rest.
 */
#include <errno.h>

#include "harness.h"

#include "opencl/test.h"

static const char *const calls[] = {
    "clRetainMemObject",
    "clRetainKernel",
    "clRetainEvent",
    "clCreateUserEvent",
    "clSetEventCallback",
    "clGetEventInfo",
    "clFlush",
    "clEnqueueReadBuffer",
    "clEnqueueWriteBuffer",
    "clEnqueueCopyBuffer",
    "clEnqueueFillBuffer",
    "clEnqueueMapBuffer",
    "clEnqueueNDRangeKernel",
    "clEnqueueUnmapMemObject",
    "clEnqueueMarkerWithWaitList",
    "clEnqueueReadImage",
    "clEnqueueWriteImage",
};

enum { PROMISES = 9 };

struct job {
    vow_promise *p[PROMISES];
    size_t count;
};

static vow_promise *keep(struct job *job, vow_promise *p)
{
    vow_mark_handled(p);
    job->p[job->count++] = vow_ref(p);
    return p;
}

static vow_value unmap(vow_value v, void *data)
{
    (void)data;
    return vow_v(vow_cl_unmap(vow_cl_map_ref(vow_cl_map_of(v)), VOW_AT_ONCE));
}

static void start(struct job *job, vow_loop *loop, struct rig *rig, cl_kernel kernel)
{
    vow_cl_range range = {.dimensions = 1, .global = {4}};
    vow_cl_box box = {.image = rig->memory[2], .region = {8, 8, 1}, .bytes = SIZE};
    char zero = 0;
    vow_promise *p =
        vow_cl_write(rig->queue, part(rig->memory[0]), bytes_of(1), VOW_AFTER(vow_delay(loop, 1)));
    p = vow_cl_copy(rig->queue, part(rig->memory[0]), part(rig->memory[1]),
                    VOW_AFTER(keep(job, p)));
    p = vow_cl_kernel(rig->queue, kernel, &range, VOW_AFTER(keep(job, p)));
    p = vow_cl_fill(rig->queue, part(rig->memory[2]), ((vow_cl_pattern){&zero, 1}),
                    VOW_AFTER(keep(job, p)));
    p = vow_cl_image_write(rig->queue, &box, bytes_of(2), VOW_AFTER(keep(job, p)));
    p = vow_cl_image_read(rig->queue, &box, NULL, VOW_AFTER(keep(job, p)));
    p = vow_cl_marker(rig->queue, VOW_AFTER(keep(job, p)));
    vow_promise *map = vow_cl_map_part(rig->queue, part(rig->memory[1]), CL_MAP_READ, VOW_AT_ONCE);
    vow_unref(keep(job, vow_then(map, unmap, NULL)));
    p = vow_cl_read(rig->queue, part(rig->memory[1]), NULL, VOW_AFTER(p));
    vow_unref(keep(job, p));
}

/* How often the call was made in all. */
static int run_failing(vow_loop *loop, const char *call, int nth, bool is_silent)
{
    struct rig rig = rig_of(loop);
    if (is_silent)
        stub->calls(STUB_CALLS_NO_ERROR);
    stub->forget_dependants(is_silent);
    cl_program program = clCreateProgramWithSource(rig.context, 1, &(const char *){""}, NULL, NULL);
    cl_kernel kernel = clCreateKernel(program, "k", NULL);
    int before = stub->called(call);
    struct job job = {{NULL}, 0};
    stub->fail(call, -77, nth);
    start(&job, loop, &rig, kernel);
    for (int i = 0; i < 40; i++) {
        settle_all(loop);
        vow_clock_advance(loop, 100);
        clFlush(vow_cl_queue_handle(rig.queue)); /* where vow's flush was made to fail */
    }
    EQ_INT(vow_run_all(loop), 0);
    for (size_t i = 0; i < job.count; i++) {
        CHECK(vow_state(job.p[i]) != VOW_PENDING);
        vow_unref(job.p[i]);
    }
    int made = stub->called(call) - before;
    stub->fail(call, 0, 1 << 30);
    stub->forget_dependants(false);
    stub->finish(1000, CL_COMPLETE);
    clReleaseKernel(kernel);
    clReleaseProgram(program);
    RIG_END(rig);
    return made;
}

TEST(any_call_of_the_driver_may_fail_at_any_time)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        for (int nth = 1, made = nth; nth <= made && nth <= 40; nth++)
            made = run_failing(loop, calls[i], nth, false);
}

TEST(any_call_of_the_driver_may_fail_with_a_driver_that_calls_nobody)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (!strcmp(calls[i], "clGetEventInfo"))
            continue; /* the driver goes on with what vow takes for failed */
        run_failing(loop, calls[i], 1, true);
    }
}

/* Every command fails on the device, one after the other. */
TEST(a_pipeline_may_fail_at_any_command)
{
    for (int failing = 0; failing < 9; failing++) {
        struct rig rig = rig_of(loop);
        cl_program program =
            clCreateProgramWithSource(rig.context, 1, &(const char *){""}, NULL, NULL);
        cl_kernel kernel = clCreateKernel(program, "k", NULL);
        struct job job = {{NULL}, 0};
        start(&job, loop, &rig, kernel);
        vow_clock_advance(loop, 1);
        vow_poll(loop);
        EQ_INT(stub->finish(failing, CL_COMPLETE), failing);
        stub->finish(1, CL_OUT_OF_RESOURCES);
        for (int i = 0; i < 5; i++) {
            settle_all(loop);
            vow_clock_advance(loop, 100);
        }
        EQ_INT(vow_run_all(loop), 0);
        for (size_t i = 0; i < job.count; i++) {
            CHECK(vow_state(job.p[i]) != VOW_PENDING);
            vow_unref(job.p[i]);
        }
        clReleaseKernel(kernel);
        clReleaseProgram(program);
        RIG_END(rig);
    }
}

/* Every promise is let go, politely or not, with any number of commands done. */
TEST(a_pipeline_may_be_let_go_at_any_point)
{
    for (int point = 0; point < 2 * 9; point++) {
        struct rig rig = rig_of(loop);
        cl_program program =
            clCreateProgramWithSource(rig.context, 1, &(const char *){""}, NULL, NULL);
        cl_kernel kernel = clCreateKernel(program, "k", NULL);
        struct job job = {{NULL}, 0};
        start(&job, loop, &rig, kernel);
        if (point >= 2)
            vow_clock_advance(loop, 1);
        vow_poll(loop);
        stub->finish(point / 2, CL_COMPLETE);
        for (size_t i = 0; i < job.count; i++) {
            if (point % 2)
                vow_cancel(job.p[i]);
            vow_unref(job.p[i]);
        }
        for (int i = 0; i < 5; i++) {
            settle_all(loop);
            vow_clock_advance(loop, 100);
        }
        EQ_INT(vow_run_all(loop), 0);
        clReleaseKernel(kernel);
        clReleaseProgram(program);
        RIG_END(rig);
    }
}
