/* SPDX-License-Identifier: MIT
 *
 * opencl/buffer.c - the commands on buffers, kernels, markers, any other, and waiting for an
 * event that somebody else has made.
 */
#include <errno.h>
#include <string.h>

#include "opencl/op.h"

/* Writing and reading: a buffer of the device's, a vow_buf of the host's. */

static cl_int check_bytes(struct vow__cl_command *c)
{
    return vow__cl_check_size(c->bytes, c->part.size);
}

static cl_int hold_part(struct vow__cl_command *c) { return clRetainMemObject(c->part.buffer); }

static void release_part(struct vow__cl_command *c, bool held)
{
    vow_buf_unref(c->bytes);
    if (held)
        vow__cl_release_memory(c->part.buffer);
}

static vow_value give_bytes(struct vow__cl_command *c)
{
    return vow_buf_value(vow_buf_ref(c->bytes));
}

static cl_int enqueue_write(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                            const cl_event *waits, cl_event *ret)
{
    return clEnqueueWriteBuffer(queue, c->part.buffer, CL_FALSE, c->part.offset, c->part.size,
                                vow_buf_bytes(c->bytes), count, waits, ret);
}

static const struct vow__cl_verb write_verb = {
    "clEnqueueWriteBuffer", check_bytes, hold_part, enqueue_write, NULL, release_part, false};

vow_promise *vow_cl_write_at(vow_cl_queue *queue, vow_cl_part to, vow_buf *bytes,
                             vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &write_verb, .bytes = bytes, .part = to};
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}

static cl_int enqueue_read(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                           const cl_event *waits, cl_event *ret)
{
    return clEnqueueReadBuffer(queue, c->part.buffer, CL_FALSE, c->part.offset, c->part.size,
                               vow_buf_bytes(c->bytes), count, waits, ret);
}

static cl_int check_into(struct vow__cl_command *c)
{
    if (!c->bytes)
        c->bytes = vow_buf_new(c->part.size);
    return check_bytes(c);
}

static const struct vow__cl_verb read_verb = {
    "clEnqueueReadBuffer", check_into, hold_part, enqueue_read, give_bytes, release_part, false};

vow_promise *vow_cl_read_at(vow_cl_queue *queue, vow_cl_part from, vow_buf *into,
                            vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &read_verb, .bytes = into, .part = from};
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}

/* Copying and filling. */

static cl_int hold_both(struct vow__cl_command *c)
{
    cl_int code = clRetainMemObject(c->part.buffer);
    if (code != CL_SUCCESS)
        return code;
    code = clRetainMemObject(c->other.buffer);
    if (code != CL_SUCCESS)
        clReleaseMemObject(c->part.buffer);
    return code;
}

static void release_both(struct vow__cl_command *c, bool held)
{
    if (!held)
        return;
    vow__cl_release_memory(c->part.buffer);
    vow__cl_release_memory(c->other.buffer);
}

static cl_int check_sizes(struct vow__cl_command *c)
{
    return c->part.size == c->other.size ? CL_SUCCESS : CL_INVALID_BUFFER_SIZE;
}

static cl_int enqueue_copy(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                           const cl_event *waits, cl_event *ret)
{
    return clEnqueueCopyBuffer(queue, c->part.buffer, c->other.buffer, c->part.offset,
                               c->other.offset, c->part.size, count, waits, ret);
}

static const struct vow__cl_verb copy_verb = {
    "clEnqueueCopyBuffer", check_sizes, hold_both, enqueue_copy, NULL, release_both, false};

vow_promise *vow_cl_copy_at(vow_cl_queue *queue, vow_cl_part from, vow_cl_part to,
                            vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &copy_verb, .part = from, .other = to};
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}

static cl_int check_pattern(struct vow__cl_command *c)
{
    return c->with.pattern.size <= sizeof c->with.pattern.bytes ? CL_SUCCESS : CL_INVALID_VALUE;
}

static cl_int enqueue_fill(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                           const cl_event *waits, cl_event *ret)
{
    return clEnqueueFillBuffer(queue, c->part.buffer, c->with.pattern.bytes, c->with.pattern.size,
                               c->part.offset, c->part.size, count, waits, ret);
}

static const struct vow__cl_verb fill_verb = {
    "clEnqueueFillBuffer", check_pattern, hold_part, enqueue_fill, NULL, release_part, false};

vow_promise *vow_cl_fill_at(vow_cl_queue *queue, vow_cl_part to, vow_cl_pattern pattern,
                            vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &fill_verb, .part = to};
    c.with.pattern.size = pattern.size;
    if (pattern.size <= sizeof c.with.pattern.bytes)
        memcpy(c.with.pattern.bytes, pattern.bytes, pattern.size);
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}

/* Kernels. */

static cl_int hold_kernel(struct vow__cl_command *c)
{
    return clRetainKernel(c->with.kernel.handle);
}

static void release_kernel(struct vow__cl_command *c, bool held)
{
    if (held)
        clReleaseKernel(c->with.kernel.handle);
}

static cl_int enqueue_kernel(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                             const cl_event *waits, cl_event *ret)
{
    const vow_cl_range *range = &c->with.kernel.range;
    return clEnqueueNDRangeKernel(queue, c->with.kernel.handle, range->dimensions, range->offset,
                                  range->global, range->local[0] ? range->local : NULL, count,
                                  waits, ret);
}

static const struct vow__cl_verb kernel_verb = {
    "clEnqueueNDRangeKernel", NULL, hold_kernel, enqueue_kernel, NULL, release_kernel, false};

vow_promise *vow_cl_kernel_at(vow_cl_queue *queue, cl_kernel kernel, const vow_cl_range *range,
                              vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &kernel_verb};
    c.with.kernel.handle = kernel;
    c.with.kernel.range = *range;
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}

/* Markers, and what is not here. */

static cl_int enqueue_marker(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                             const cl_event *waits, cl_event *ret)
{
    (void)c;
    return clEnqueueMarkerWithWaitList(queue, count, waits, ret);
}

static const struct vow__cl_verb marker_verb = {
    "clEnqueueMarkerWithWaitList", NULL, NULL, enqueue_marker, NULL, NULL, false};

vow_promise *vow_cl_marker_at(vow_cl_queue *queue, vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &marker_verb};
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}

static cl_int enqueue_other(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                            const cl_event *waits, cl_event *ret)
{
    return c->with.other.fn(queue, count, waits, ret, c->with.other.data);
}

static void release_other(struct vow__cl_command *c, bool held)
{
    (void)held;
    if (c->with.other.destroy)
        c->with.other.destroy(c->with.other.data);
}

static const struct vow__cl_verb other_verb = {"vow_cl_enqueue", NULL, NULL, enqueue_other, NULL,
                                               release_other,    false};

vow_promise *vow_cl_enqueue_at(vow_cl_queue *queue, vow_cl_enqueue_fn *fn, void *data,
                               vow_destroy_fn *destroy, vow_cl_after after, const char *where)
{
    struct vow__cl_command c = {.verb = &other_verb};
    c.with.other.fn = fn;
    c.with.other.data = data;
    c.with.other.destroy = destroy;
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}
