/* SPDX-License-Identifier: MIT
 *
 * OpenCL without memory, on the stub driver, whose own memory does not count.
 */
#include "oom/oom.h"

#include <dlfcn.h>
#include <stdlib.h>

#include "opencl/stub/stub.h"
#include "vow/opencl_command.h"

enum { SIZE = 64 };

static const struct stub *stub;

__attribute__((constructor)) static void use_the_stub(void)
{
    setenv("OCL_ICD_VENDORS", STUB_DRIVER, 1);
    setenv("OCL_ICD_FILENAMES", STUB_DRIVER, 1);
}

/* In the run's own process, which has to have the driver before memory fails. */
static cl_context context_of(cl_device_id *ret)
{
    cl_platform_id platform;
    const struct stub *(*find)(void);
    void *module = dlopen(STUB_DRIVER, RTLD_NOW | RTLD_LOCAL);
    void *symbol = module ? dlsym(module, "vow_stub") : NULL;
    CHECK(symbol != NULL);
    memcpy(&find, &symbol, sizeof find);
    stub = find();
    CHECK(clGetPlatformIDs(1, &platform, NULL) == CL_SUCCESS);
    CHECK(clGetDeviceIDs(platform, CL_DEVICE_TYPE_GPU, 1, ret, NULL) == CL_SUCCESS);
    return clCreateContext(NULL, 1, ret, NULL, NULL, NULL);
}

static vow_cl_queue *queue_of(vow_loop *loop, cl_context context, cl_device_id device)
{
    cl_command_queue raw = clCreateCommandQueue(context, device, 0, NULL);
    cl_int code;
    vow_cl_queue *queue = vow_cl_queue_new(loop, raw, &code);
    clReleaseCommandQueue(raw);
    CHECK(queue != NULL || code == CL_OUT_OF_HOST_MEMORY);
    return queue;
}

static void end(vow_loop *loop, cl_context context, vow_cl_queue *queue)
{
    CHECK(vow_run_all(loop) == 0 || vow_test_failed());
    vow_cl_queue_unref(queue);
    clReleaseContext(context);
}

SCENARIO(opencl_pipelines)
{
    cl_device_id device;
    cl_context context = context_of(&device);
    vow_cl_queue *queue = queue_of(loop, context, device);
    if (!HAVE_OR_NULL(queue)) {
        clReleaseContext(context);
        return;
    }
    cl_mem memory = clCreateBuffer(context, CL_MEM_READ_WRITE, SIZE, NULL, NULL);
    vow_cl_part part = {memory, 0, SIZE};
    vow_buf *bytes = vow_buf_new(SIZE);
    if (HAVE_OR_NULL(bytes)) {
        memset(vow_buf_bytes(bytes), 0, SIZE);
        strcpy((char *)vow_buf_bytes(bytes), "the bytes");
        vow_promise *up = vow_cl_write(queue, part, bytes, VOW_AFTER(vow_delay(loop, 1)));
        vow_promise *mark = vow_cl_marker(queue, VOW_AFTER(up));
        vow_promise *down = vow_cl_read(queue, part, NULL, VOW_AFTER(mark));
        vow_mark_handled(down);
        vow_clock_advance(loop, 1);
        vow_value v;
        if (EXPECT(down, &v)) {
            EQ_TEXT((char *)vow_buf_bytes(vow_buf_of(v)), "the bytes");
            vow_release(v);
        }
    }
    clReleaseMemObject(memory);
    end(loop, context, queue);
}

SCENARIO(opencl_events_and_promises)
{
    cl_device_id device;
    oom_reports(0, 1); /* the delay, dropped where it becomes no event */
    cl_context context = context_of(&device);
    cl_int code;
    cl_event event = vow_cl_user_event(loop, context, vow_delay(loop, 1), &code);
    CHECK(event != NULL || code == CL_OUT_OF_HOST_MEMORY);
    if (HAVE_OR_NULL(event)) {
        vow_promise *p = vow_cl_wait(loop, event);
        vow_mark_handled(p);
        vow_clock_advance(loop, 1);
        while (vow_state(p) == VOW_PENDING) { /* without memory the event may have failed */
            vow_poll(loop);
            vow_clock_advance(loop, 100);
        }
        CHECK_WITH_MEMORY(vow_state(p) == VOW_FULFILLED);
        vow_unref(p);
        clReleaseEvent(event);
    }
    end(loop, context, NULL);
}

SCENARIO(opencl_devices_and_programs)
{
    cl_device_id device;
    cl_context context = context_of(&device);
    vow_value opened, program;
    if (EXPECT(vow_cl_open(loop, NULL, 0), &opened)) {
        vow_promise *p = vow_cl_build(loop, vow_cl_device_of(opened), "kernel", "-DX");
        if (EXPECT(p, &program))
            vow_release(program);
        vow_release(opened);
    }
    end(loop, context, NULL);
}

SCENARIO(opencl_commands_that_nobody_waits_for)
{
    cl_device_id device;
    cl_context context = context_of(&device);
    vow_cl_queue *queue = queue_of(loop, context, device);
    if (HAVE_OR_NULL(queue)) {
        vow_promise *p = vow_cl_marker(queue, VOW_AFTER(vow_delay(loop, 1)));
        vow_mark_handled(p);
        vow_promise *q = vow_cl_marker(queue, VOW_AFTER(p, vow_delay(loop, 2)));
        vow_mark_handled(q);
        vow_unref(q);
    }
    end(loop, context, queue);
}

static vow_value unmap(vow_value v, UNUSED void *data)
{
    vow_cl_map *map = vow_cl_map_ref(vow_cl_map_of(v));
    strcpy(vow_cl_map_bytes(map), "mapped");
    return vow_v(vow_cl_unmap(map, VOW_AT_ONCE));
}

SCENARIO(opencl_maps)
{
    cl_device_id device;
    cl_context context = context_of(&device);
    vow_cl_queue *queue = queue_of(loop, context, device);
    if (HAVE_OR_NULL(queue)) {
        cl_mem memory = clCreateBuffer(context, CL_MEM_READ_WRITE, SIZE, NULL, NULL);
        vow_cl_part part = {memory, 0, SIZE};
        vow_promise *p = vow_cl_map_part(queue, part, CL_MAP_WRITE, VOW_AT_ONCE);
        vow_value v;
        if (EXPECT(vow_then(p, unmap, NULL), &v))
            vow_release(v);
        clReleaseMemObject(memory);
    }
    end(loop, context, queue);
}
