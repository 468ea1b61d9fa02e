/* SPDX-License-Identifier: MIT
 *
 * 27-frames - a film: frames go to a device, are enlarged, fetched, looked at; some at the same
 * time. How to make one: ffmpeg -i film.mp4 -s 64x48 -pix_fmt gray film.y4m
 *
 *     examples/run 27-frames examples/data/balls.y4m
 *
 * Expected output:
 *     frames in flight   frames a second   light
 *                    1   <number>   973214160
 *                    2   <number>   973214160
 *                    3   <number>   973214160
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vow.h>
#include <vow/opencl_command.h>
static const char head[] = "YUV4MPEG2 W64 H48 F25:1 Ip A1:1 Cmono\n";
enum { HEAD = sizeof head - 1, MARK = sizeof "FRAME\n" - 1, SIZE = 64 * 48, SHOWN = 64, LANES = 3 };
static const char text[] = /* each pixel from 49, their weights a tent: no edges are seen */
    "kernel void enlarge(global const uchar *from, global uchar *to) {"
    "    int x = get_global_id(0), y = get_global_id(1), sum = 0, all = 0;"
    "    for (int i = 0; i < 49; i++) { int u = x / 8 + i % 7 - 3, v = y / 8 + i / 7 - 3;"
    "        int weight = max(24 - (int)abs(8 * u + 4 - x), 0) * max(24 - (int)abs(8 * v + 4 - y), 0);"
    "        sum += weight * from[clamp(v, 0, 47) * 64 + clamp(u, 0, 63)]; all += weight; }"
    "    to[y * 512 + x] = sum / all; }";
static struct lane { /* with a queue of its own: its upload need not wait for another's kernel */
    vow_cl_queue *queue;
    vow_cl_part from, to;
    cl_kernel kernel;
} lanes[LANES];
static vow_value film, device, program;
static unsigned long long light; /* in all that was shown */

static void need(bool ok, const char *what) { ok ? (void)0 : exit((fprintf(stderr, "%s\n", what), 1)); }

static vow_value look_at(vow_value frame, void *sum)
{
    for (size_t i = 0; i < 64 * SIZE; i++)
        *(unsigned long long *)sum += vow_buf_bytes(vow_buf_of(frame))[i];
    return vow_none();
}

static vow_value start_frame(size_t i, void *frames)
{
    struct lane *lane = &lanes[i % LANES];
    size_t at = HEAD + i % *(size_t *)frames * (MARK + SIZE) + MARK;
    vow_buf *frame = vow_buf_slice(vow_buf_of(film), at, SIZE); /* its reference is the device's */
    vow_cl_range range = {.dimensions = 2, .global = {8 * 64, 8 * 48}};
    vow_promise *p = vow_cl_write(lane->queue, lane->from, frame, VOW_AT_ONCE); /* takes frame, NULL too */
    p = vow_cl_kernel(lane->queue, lane->kernel, &range, VOW_AFTER(p));
    return vow_v(vow_then(vow_cl_read(lane->queue, lane->to, NULL, VOW_AFTER(p)), look_at, &light));
}

int main(int argc, char **argv)
{
    vow_loop *loop = vow_loop_new();
    need(argc == 2 && !vow_run(loop, vow_file_read(loop, argv[1], 1 << 30), &film), "27-frames FILM");
    size_t frames = vow_buf_size(vow_buf_of(film)) / (MARK + SIZE);
    need(frames && !memcmp(vow_buf_bytes(vow_buf_of(film)), head, HEAD), "not a film of 64 x 48, gray");
    need(!vow_run(loop, vow_cl_open(loop, NULL, 0), &device), "no OpenCL device");
    need(!vow_run(loop, vow_cl_build(loop, vow_cl_device_of(device), text, NULL), &program), "no program");
    cl_context context = vow_cl_device_context(vow_cl_device_of(device));
    for (struct lane *lane = lanes; lane < lanes + LANES; lane++) {
        lane->queue = vow_cl_queue_open(loop, vow_cl_device_of(device), 0, NULL);
        lane->from = (vow_cl_part){clCreateBuffer(context, 0, SIZE, NULL, NULL), 0, SIZE};
        lane->to = (vow_cl_part){clCreateBuffer(context, 0, 64 * SIZE, NULL, NULL), 0, 64 * SIZE};
        lane->kernel = clCreateKernel(vow_cl_program_of(program), "enlarge", NULL);
        need(lane->queue && !clSetKernelArg(lane->kernel, 0, sizeof(cl_mem), &lane->from.buffer) &&
                 !clSetKernelArg(lane->kernel, 1, sizeof(cl_mem), &lane->to.buffer), "cannot set up");
    }
    puts("frames in flight   frames a second   light");
    for (size_t most = 1; most <= LANES; most++, light = 0) {
        uint64_t start = vow_now(loop);
        need(!vow_run(loop, vow_for_each(loop, SHOWN, most, start_frame, &frames), NULL), "a frame");
        printf("%16zu   %.0f   %llu\n", most, SHOWN * 1e9 / (double)(vow_now(loop) - start), light);
    }
    vow_loop_free(loop); /* the rest goes with the process */
}
