/* SPDX-License-Identifier: MIT
 *
 * device.c - counting newlines by vow-opencl: the bytes go up, a kernel counts, the count comes
 * down, put into the queue as one.
 */
#include "device.h"

#include <stdlib.h>
#include <string.h>

#include <vow/opencl_command.h>

/* Always as many work items, whatever the size: some drivers compile anew for another number. */
enum { ITEMS = 1024, GROUP = 64 };

static const char text[] =
    "kernel void count(global const uchar *bytes, ulong size, global uint *lines)"
    "{"
    "    uint mine = 0;"
    "    for (ulong i = get_global_id(0); i < size; i += get_global_size(0))"
    "        mine += bytes[i] == '\\n';"
    "    atomic_add(lines, mine);"
    "}";

struct device {
    vow_cl_device *on;
    vow_cl_queue *queue; /* out of order: inputs do not wait for one another */
    vow_value program;
    cl_kernel kernel;
};

static void device_free(struct device *d)
{
    if (d->kernel != NULL)
        clReleaseKernel(d->kernel);
    vow_release(d->program);
    vow_cl_queue_unref(d->queue);
    vow_cl_device_unref(d->on);
    free(d);
}

VOW_BOX_DEFINE(device, struct device, device_free)

static vow_value failed(cl_int code, const char *what)
{
    return vow_fail_in(vow_cl_domain(), code, "%s", what);
}

static vow_value on_program(vow_value program, void *on)
{
    struct device *d = calloc(1, sizeof *d);
    cl_int code = CL_OUT_OF_HOST_MEMORY;
    if (d == NULL)
        return failed(code, "no memory for the device");
    d->on = vow_cl_device_ref(on);
    d->program = vow_keep(program);
    d->queue = vow_cl_queue_open(vow_current(), on, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (d->queue != NULL)
        d->kernel = clCreateKernel(vow_cl_program_of(program), "count", &code);
    if (code == CL_SUCCESS)
        return device_value(d);
    device_free(d);
    return failed(code, "set up the device");
}

static void let_go(void *device) { vow_cl_device_unref(device); }

static vow_value on_device(vow_value v, void *data)
{
    (void)data;
    vow_cl_device *on = vow_cl_device_of(v);
    vow_promise *program = vow_cl_build(vow_current(), on, text, NULL);
    return vow_v(vow_then_with(program, on_program, vow_cl_device_ref(on), let_go));
}

vow_promise *device_open(vow_loop *loop)
{
    return vow_then(vow_cl_open(loop, NULL, 0), on_device, NULL);
}

static vow_value on_count(vow_value v, void *data)
{
    uint32_t lines;
    (void)data;
    memcpy(&lines, vow_buf_bytes(vow_buf_of(v)), sizeof lines);
    return vow_v((int64_t)lines);
}

/* Takes bytes. What is put in holds the memory and the kernel. */
static vow_promise *put_in(struct device *d, vow_cl_part from, vow_cl_part count, vow_buf *bytes)
{
    vow_cl_range range = {.dimensions = 1, .global = {ITEMS}, .local = {GROUP}};
    vow_cl_pattern zero = {"", 1};
    vow_promise *up = vow_cl_write(d->queue, from, bytes, VOW_AT_ONCE);
    vow_promise *zeroed = vow_cl_fill(d->queue, count, zero, VOW_AT_ONCE);
    vow_promise *counted = vow_cl_kernel(d->queue, d->kernel, &range, VOW_AFTER(up, zeroed));
    return vow_then(vow_cl_read(d->queue, count, NULL, VOW_AFTER(counted)), on_count, NULL);
}

vow_promise *device_count(struct device *d, vow_buf *bytes)
{
    cl_context context = vow_cl_device_context(d->on);
    cl_ulong size = vow_buf_size(bytes);
    cl_mem from = clCreateBuffer(context, CL_MEM_READ_ONLY, size, NULL, NULL);
    cl_mem count = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof(uint32_t), NULL, NULL);
    vow_promise *p;
    if (from != NULL && count != NULL && clSetKernelArg(d->kernel, 0, sizeof from, &from) == 0 &&
        clSetKernelArg(d->kernel, 1, sizeof size, &size) == 0 &&
        clSetKernelArg(d->kernel, 2, sizeof count, &count) == 0) {
        p = put_in(d, (vow_cl_part){from, 0, size}, (vow_cl_part){count, 0, sizeof(uint32_t)}, bytes);
    } else {
        vow_buf_unref(bytes);
        p = vow_rejected(vow_current(), vow_error_new(vow_cl_domain(), CL_OUT_OF_RESOURCES, "count"));
    }
    if (from != NULL)
        clReleaseMemObject(from);
    if (count != NULL)
        clReleaseMemObject(count);
    return p;
}
