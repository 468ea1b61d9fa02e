/* SPDX-License-Identifier: MIT
 *
 * 37-blur - a picture, blurred, and beside it the edges that are left. Up, two kernels, down
 * is put in as one; the host hears of its end. Pictures are PGM: convert photo.jpg photo.pgm
 *
 *     examples/run 37-blur examples/data/balls.pgm /tmp/37-blur.pgm
 *
 * Expected output:
 *     112 x 72 pixels in, 224 x 72 out, their sum is 1407051
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vow.h>
#include <vow/opencl_command.h>
static const char text[] =
    "#define AT(x, y, s) clamp(y, 0, h - 1) * s + clamp(x, 0, w - 1)\n"
    "#define HERE int x = get_global_id(0), y = get_global_id(1), "
    "                 w = get_global_size(0), h = get_global_size(1);\n"
    "kernel void blur(global const uchar *from, global uchar *to) { HERE int sum = 0;"
    "    for (int i = 0; i < 25; i++) sum += from[AT(x + i % 5 - 2, y + i / 5 - 2, w)];"
    "    to[y * 2 * w + x] = sum / 25; }"
    "kernel void edges(global uchar *to) { HERE int dx = 0, dy = 0;"
    "    for (int i = -1; i <= 1; i++) {"
    "        dx += (2 - abs(i)) * (to[AT(x + 1, y + i, 2 * w)] - to[AT(x - 1, y + i, 2 * w)]);"
    "        dy += (2 - abs(i)) * (to[AT(x + i, y + 1, 2 * w)] - to[AT(x + i, y - 1, 2 * w)]); }"
    "    to[y * 2 * w + w + x] = min((int)(abs(dx) + abs(dy)), 255); }";

static void need(bool ok, const char *what) { ok ? (void)0 : exit((fprintf(stderr, "%s\n", what), 1)); }
static vow_value run(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    if (vow_run(loop, p, &v) != 0)
        need(false, vow_error_message(vow_as_error(v)));
    return v;
}

int main(int argc, char **argv)
{
    static vow_value file, device, program; /* static: they go with the process */
    static vow_cl_queue *queue;
    char head[32];
    size_t w, h;
    int start = 0;
    vow_loop *loop = vow_loop_new();
    need(argc == 3, "37-blur FROM.pgm TO.pgm");
    file = run(loop, vow_file_read(loop, argv[1], 64 << 20));
    snprintf(head, sizeof head, "%s", (char *)vow_buf_bytes(vow_buf_of(file)));
    need(sscanf(head, "P5 %zu %zu 255%n", &w, &h, &start) == 2 && start > 0 && w - 1 < 16384 &&
             h - 1 < 16384, "not a PGM of 8 bits and at most 16384 x 16384 pixels");
    vow_buf *pixels = vow_buf_slice(vow_buf_of(file), (size_t)start + 1, w * h), *into = NULL;
    start = snprintf(head, sizeof head, "P5\n%zu %zu\n255\n", 2 * w, h);
    vow_buf *out = vow_buf_new((size_t)start + 2 * w * h);
    need(!pixels || vow_buf_size(pixels) == w * h, "the file is shorter than its first line says");
    need(out && pixels && (into = vow_buf_slice(out, (size_t)start, 2 * w * h)), "no memory");
    memcpy(vow_buf_bytes(out), head, (size_t)start);

    device = run(loop, vow_cl_open(loop, NULL, 0));
    program = run(loop, vow_cl_build(loop, vow_cl_device_of(device), text, NULL));
    cl_context context = vow_cl_device_context(vow_cl_device_of(device));
    vow_cl_part from = {clCreateBuffer(context, CL_MEM_READ_ONLY, w * h, NULL, NULL), 0, w * h};
    vow_cl_part to = {clCreateBuffer(context, 0, 2 * w * h, NULL, NULL), 0, 2 * w * h};
    cl_kernel blur = clCreateKernel(vow_cl_program_of(program), "blur", NULL);
    cl_kernel edges = clCreateKernel(vow_cl_program_of(program), "edges", NULL);
    queue = vow_cl_queue_open(loop, vow_cl_device_of(device), 0, NULL);
    need(queue && blur && edges && !clSetKernelArg(blur, 0, sizeof(cl_mem), &from.buffer) &&
             !clSetKernelArg(blur, 1, sizeof(cl_mem), &to.buffer) &&
             !clSetKernelArg(edges, 0, sizeof(cl_mem), &to.buffer), "cannot set up");
    vow_cl_range range = {.dimensions = 2, .global = {w, h}};
    vow_promise *p = vow_cl_write(queue, from, pixels, VOW_AT_ONCE);
    p = vow_cl_kernel(queue, edges, &range, VOW_AFTER(vow_cl_kernel(queue, blur, &range, VOW_AFTER(p))));
    vow_release(run(loop, vow_cl_read(queue, to, into, VOW_AFTER(p))));
    uint64_t sum = 0;
    for (size_t i = 0; i < to.size; i++)
        sum += vow_buf_bytes(out)[(size_t)start + i];
    vow_release(run(loop, vow_file_write(loop, argv[2], out, 0)));
    printf("%zu x %zu pixels in, %zu x %zu out, their sum is %d\n", w, h, 2 * w, h, (int)sum);
    vow_loop_free(loop);
}
