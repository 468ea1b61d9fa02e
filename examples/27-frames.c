/* SPDX-License-Identifier: MIT
 *
 * 27-frames - frames go to a device, are blurred, fetched, looked at: some at the same time.
 *
 *     examples/run 27-frames
 *
 * Expected output:
 *     frames in flight   frames a second
 *                    1   <number>
 *                    2   <number>
 *                    3   <number>
 */
#include <stdio.h>
#include <stdlib.h>
#include <vow.h>
#include <vow/opencl_command.h>
enum { SIZE = 640 * 360, FRAMES = 60, LANES = 3 };
static const char text[] =
    "kernel void blur(global const uchar *from, global uchar *to) {"
    "    int at = get_global_id(0), sum = 0;"
    "    for (int i = -40; i <= 40; i++) sum += from[clamp(at + i, 0, 640 * 360 - 1)];"
    "    to[at] = sum / 81; }";
struct lane { /* with a queue of its own: its upload need not wait for another's kernel */
    vow_cl_queue *queue;
    vow_cl_part from, to;
    cl_kernel kernel;
    uint64_t light;
};

static void need(bool ok, const char *what) { ok ? (void)0 : exit((puts(what), 1)); }

static vow_value look_at(vow_value frame, void *light)
{
    for (size_t i = 0; i < SIZE; i++)
        *(uint64_t *)light += vow_buf_bytes(vow_buf_of(frame))[i];
    return vow_none();
}

static vow_value start_frame(size_t number, void *data)
{
    struct lane *lane = (struct lane *)data + number % LANES;
    vow_cl_range range = {.dimensions = 1, .global = {SIZE}};
    static const uint8_t pixels[SIZE] = {255, 128};
    vow_buf *frame = vow_buf_copy(pixels, SIZE);
    need(frame != NULL, "no memory");
    vow_promise *p = vow_cl_write(lane->queue, lane->from, frame, VOW_AT_ONCE);
    p = vow_cl_kernel(lane->queue, lane->kernel, &range, VOW_AFTER(p));
    p = vow_then(vow_cl_read(lane->queue, lane->to, NULL, VOW_AFTER(p)), look_at, &lane->light);
    return vow_v(p);
}

static void set_up(struct lane *lane, vow_loop *loop, vow_cl_device *device, cl_program program)
{
    cl_context context = vow_cl_device_context(device);
    cl_mem from = clCreateBuffer(context, 0, SIZE, NULL, NULL);
    cl_mem to = clCreateBuffer(context, 0, SIZE, NULL, NULL);
    cl_kernel kernel = clCreateKernel(program, "blur", NULL);
    *lane = (struct lane){vow_cl_queue_open(loop, device, 0, NULL), {from, 0, SIZE}, {to, 0, SIZE}, kernel, 0};
    need(lane->queue && from && to && kernel && !clSetKernelArg(kernel, 0, sizeof from, &from) &&
             !clSetKernelArg(kernel, 1, sizeof to, &to), "cannot set up");
}

int main(void)
{
    vow_loop *loop = vow_loop_new();
    static vow_value opened, program;
    static struct lane lanes[LANES];
    need(!vow_run(loop, vow_cl_open(loop, NULL, 0), &opened), "no device");
    vow_cl_device *device = vow_cl_device_of(opened);
    need(!vow_run(loop, vow_cl_build(loop, device, text, NULL), &program), "no program");
    for (int i = 0; i < LANES; i++)
        set_up(&lanes[i], loop, device, vow_cl_program_of(program));
    puts("frames in flight   frames a second");
    for (size_t most = 1; most <= LANES; most++) {
        uint64_t start = vow_now(loop);
        need(!vow_run(loop, vow_for_each(loop, FRAMES, most, start_frame, lanes), NULL), "a frame");
        printf("%16zu   %.0f\n", most, FRAMES * 1e9 / (double)(vow_now(loop) - start));
    }
    vow_loop_free(loop); /* the rest goes with the process */
}
