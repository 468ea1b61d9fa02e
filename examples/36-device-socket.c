/* SPDX-License-Identifier: MIT
 *
 * 36-device-socket - a kernel waits in the device's queue for bytes from a socket. It is put in
 * before they come; that they are there it hears from a user event. (Out of order: in an
 * in-order queue the upload would wait behind the kernel that waits for it.)
 *
 *     examples/run 36-device-socket
 *
 * Expected output:
 *     the kernel is in the queue
 *     the bytes are sent
 *     the device says: HELLO FROM A SOCKET
 */
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>
#include <vow/opencl_command.h>

enum { SIZE = 19 };
static const char text[] = "kernel void upper(global char *x) {"
                           "    char c = x[get_global_id(0)];"
                           "    x[get_global_id(0)] = c >= 'a' && c <= 'z' ? c - 32 : c; }";

struct device {
    vow_cl_queue *queue;
    vow_cl_part part;
};

static void need(bool ok, const char *what)
{
    if (!ok)
        exit((fprintf(stderr, "%s\n", what), 1));
}

static vow_value upload(vow_value bytes, void *data)
{
    struct device *d = data;
    return vow_v(vow_cl_write(d->queue, d->part, vow_buf_ref(vow_buf_of(bytes)), VOW_AT_ONCE));
}

static vow_value run(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    if (vow_run(loop, p, &v) != 0)
        need(false, vow_error_message(vow_as_error(v)));
    return v;
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    vow_value opened = run(loop, vow_cl_open(loop, NULL, 0));
    vow_value program = run(loop, vow_cl_build(loop, vow_cl_device_of(opened), text, NULL));
    cl_context context = vow_cl_device_context(vow_cl_device_of(opened));
    cl_kernel kernel = clCreateKernel(vow_cl_program_of(program), "upper", NULL);
    struct device d = {vow_cl_queue_open(loop, vow_cl_device_of(opened),
                                         CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, NULL),
                       {clCreateBuffer(context, CL_MEM_READ_WRITE, SIZE, NULL, NULL), 0, SIZE}};
    vow_stream *ends[2];
    need(kernel && d.queue && d.part.buffer && vow_stream_pair(loop, SIZE, ends) == 0, "set up");
    need(!clSetKernelArg(kernel, 0, sizeof(cl_mem), &d.part.buffer), "clSetKernelArg");

    vow_cl_range range = {.dimensions = 1, .global = {SIZE}};
    vow_promise *up = vow_then(vow_stream_read_exact(ends[0], SIZE), upload, &d);
    vow_promise *shout = vow_cl_kernel(d.queue, kernel, &range, VOW_AFTER(up));
    vow_promise *p = vow_cl_read(d.queue, d.part, NULL, VOW_AFTER(shout));
    puts("the kernel is in the queue");
    vow_release(run(loop, vow_stream_write(ends[1], "hello from a socket", SIZE)));
    puts("the bytes are sent");
    vow_value said = run(loop, p);
    printf("the device says: %.*s\n", SIZE, (char *)vow_buf_bytes(vow_buf_of(said)));
    vow_release(said);
    vow_stream_unref(ends[0]);
    vow_stream_unref(ends[1]);
    vow_cl_queue_unref(d.queue);
    vow_release(program);
    vow_release(opened);
    vow_loop_free(loop); /* OpenCL's own objects go with the process */
    return 0;
}
