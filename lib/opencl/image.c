/* SPDX-License-Identifier: MIT
 *
 * opencl/image.c - boxes of images, to and from the host's memory.
 */
#include "opencl/op.h"

static cl_int hold_image(struct vow__cl_command *c) { return clRetainMemObject(c->with.box.image); }

static void release_image(struct vow__cl_command *c, bool held)
{
    vow_buf_unref(c->bytes);
    if (held)
        vow__cl_release_memory(c->with.box.image);
}

static cl_int check_bytes(struct vow__cl_command *c)
{
    return vow__cl_check_size(c->bytes, c->with.box.bytes);
}

static cl_int check_into(struct vow__cl_command *c)
{
    if (!c->bytes)
        c->bytes = vow_buf_new(c->with.box.bytes);
    return check_bytes(c);
}

static vow_value give_bytes(struct vow__cl_command *c)
{
    return vow_buf_value(vow_buf_ref(c->bytes));
}

static cl_int enqueue_write(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                            const cl_event *waits, cl_event *ret)
{
    const vow_cl_box *box = &c->with.box;
    return clEnqueueWriteImage(queue, box->image, CL_FALSE, box->origin, box->region, box->row,
                               box->slice, vow_buf_bytes(c->bytes), count, waits, ret);
}

static cl_int enqueue_read(struct vow__cl_command *c, cl_command_queue queue, cl_uint count,
                           const cl_event *waits, cl_event *ret)
{
    const vow_cl_box *box = &c->with.box;
    return clEnqueueReadImage(queue, box->image, CL_FALSE, box->origin, box->region, box->row,
                              box->slice, vow_buf_bytes(c->bytes), count, waits, ret);
}

static const struct vow__cl_verb write_verb = {
    "clEnqueueWriteImage", check_bytes, hold_image, enqueue_write, NULL, release_image, false};
static const struct vow__cl_verb read_verb = {
    "clEnqueueReadImage", check_into, hold_image, enqueue_read, give_bytes, release_image, false};

static vow_promise *start(vow_cl_queue *queue, const vow_cl_box *box, vow_buf *bytes,
                          struct vow__cl_command c, vow_cl_after after, const char *where)
{
    c.bytes = bytes;
    c.with.box = *box;
    return vow__cl_start(queue->home->loop, queue, &c, after, where);
}

vow_promise *vow_cl_image_write_at(vow_cl_queue *queue, const vow_cl_box *to, vow_buf *bytes,
                                   vow_cl_after after, const char *where)
{
    return start(queue, to, bytes, (struct vow__cl_command){.verb = &write_verb}, after, where);
}

vow_promise *vow_cl_image_read_at(vow_cl_queue *queue, const vow_cl_box *from, vow_buf *into,
                                  vow_cl_after after, const char *where)
{
    return start(queue, from, into, (struct vow__cl_command){.verb = &read_verb}, after, where);
}
