/* SPDX-License-Identifier: MIT
 *
 * 38-histogram - which bytes files are made of: the device counts some chunks while others are
 * sent up and read. The host counts as well, to compare; alone where there is no device.
 *
 *     examples/run 38-histogram examples/data/balls.pgm examples/data/balls.y4m
 *
 * Expected output:
 *     32740 bytes, most often 0x28: 8720 times
 *     the device has counted the same
 * Without a device:
 *     no such device on <text>
 *     32740 bytes, most often 0x28: 8720 times
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vow.h>
#include <vow/opencl_command.h>
enum { CHUNK = 4096, AT_ONCE = 3, SIZE = 256 * sizeof(uint32_t) };
static const char text[] = "kernel void count(global const uchar *bytes, global uint *counts) {"
                           "    atomic_inc(&counts[bytes[get_global_id(0)]]); }";
static cl_context context;  /* NULL: there is no device */
static vow_cl_queue *queue; /* out of order: chunks do not wait for one another */
static cl_kernel kernel;
static uint32_t host[256], total, most;
static void need(bool ok, const char *what) { ok ? (void)0 : exit((fprintf(stderr, "%s\n", what), 1)); }

static vow_value count(vow_value chunk, void *all)
{
    vow_buf *bytes = vow_buf_of(chunk);
    vow_cl_range range = {.dimensions = 1, .global = {vow_buf_size(bytes)}};
    for (size_t i = 0; i < vow_buf_size(bytes); i++, ++*(uint32_t *)all)
        host[vow_buf_bytes(bytes)[i]]++;
    if (!context)
        return vow_none();
    vow_cl_part to = {clCreateBuffer(context, 0, CHUNK, NULL, NULL), 0, vow_buf_size(bytes)};
    need(!clSetKernelArg(kernel, 0, sizeof(cl_mem), &to.buffer), "no buffer");
    vow_promise *up = vow_cl_write(queue, to, vow_buf_ref(bytes), VOW_AT_ONCE);
    vow_promise *counted = vow_cl_kernel(queue, kernel, &range, VOW_AFTER(up));
    clReleaseMemObject(to.buffer); /* what is put in holds it */
    return vow_v(counted);
}
static vow_value read_chunk(size_t i, void *file)
{
    return vow_v(vow_then(vow_file_pread(vow_current(), file, i * CHUNK, CHUNK), count, &total));
}
int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    vow_cl_part counts = {NULL, 0, SIZE};
    static vow_value v, device, program, file, info; /* static: they go with the process */
    if (vow_run(loop, vow_cl_open(loop, NULL, 0), &device) != 0)
        puts(vow_error_message(vow_as_error(device)));
    else {
        context = vow_cl_device_context(vow_cl_device_of(device));
        need(!vow_run(loop, vow_cl_build(loop, vow_cl_device_of(device), text, NULL), &program), "no program");
        kernel = clCreateKernel(vow_cl_program_of(program), "count", NULL);
        queue = vow_cl_queue_open(loop, vow_cl_device_of(device), CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, NULL);
        counts.buffer = clCreateBuffer(context, CL_MEM_COPY_HOST_PTR, SIZE, host, NULL);
        need(queue && !clSetKernelArg(kernel, 1, sizeof(cl_mem), &counts.buffer), "cannot set up");
    }
    for (int i = 1; i < argc; i++) {
        need(!vow_run(loop, vow_file_open(loop, argv[i], O_RDONLY, 0), &file) &&
                 !vow_run(loop, vow_file_fstat(loop, vow_file_of(file)), &info), argv[i]);
        size_t n = (vow_file_info_of(info)->bytes + CHUNK - 1) / CHUNK;
        need(!vow_run(loop, vow_for_each(loop, n, AT_ONCE, read_chunk, vow_file_of(file)), NULL), argv[i]);
        vow_release(info), vow_release(file);
    }
    for (uint32_t i = 1; i < 256; i++)
        most = host[i] > host[most] ? i : most;
    printf("%u bytes, most often 0x%02x: %u times\n", total, most, host[most]);
    if (context) {
        need(!vow_run(loop, vow_cl_read(queue, counts, NULL, VOW_AT_ONCE), &v) &&
                 !memcmp(vow_buf_bytes(vow_buf_of(v)), host, SIZE), "the device has not counted so");
        puts("the device has counted the same");
    }
    vow_loop_free(loop);
}
