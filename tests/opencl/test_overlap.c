/* SPDX-License-Identifier: MIT
 *
 * Frames through a device that is not the host's processors: it takes a millisecond for each of
 * upload, kernel and download, the host three to look at what comes down. VOW_SHOW=1 in the
 * environment shows how many frames that makes a second.
 */
#include <stdio.h>
#include <time.h>

#include "harness.h"

#include "opencl/test.h"
#include "vow/flow.h"
#include "vow/timer.h"

enum { FRAMES = 16, LANES = 3 };

struct film {
    struct rig rig;
    cl_kernel kernel;
};

static vow_value look(vow_value frame, void *data)
{
    (void)frame, (void)data;
    nanosleep(&(struct timespec){0, 3000000}, NULL); /* work, but for the processor's sake */
    return vow_none();
}

static vow_value start_frame(size_t i, void *data)
{
    struct film *film = data;
    vow_cl_range range = {.dimensions = 1, .global = {4}};
    vow_cl_part memory = part(film->rig.memory[i % LANES]);
    vow_promise *p = vow_cl_write(film->rig.queue, memory, bytes_of((char)i), VOW_AT_ONCE);
    p = vow_cl_kernel(film->rig.queue, film->kernel, &range, VOW_AFTER(p));
    return vow_v(vow_then(vow_cl_read(film->rig.queue, memory, NULL, VOW_AFTER(p)), look, NULL));
}

static uint64_t time_of(vow_loop *loop, struct film *film, size_t at_a_time)
{
    uint64_t start = vow_now(loop);
    EQ_INT(vow_run(loop, vow_for_each(loop, FRAMES, at_a_time, start_frame, film), NULL), 0);
    return vow_now(loop) - start;
}

TEST(two_frames_in_flight_beat_one_where_device_and_host_can_overlap)
{
    vow_loop *own = vow_loop_new(); /* on the clock of the wall */
    struct film film = {.rig = rig_of(own)};
    cl_program program = clCreateProgramWithSource(film.rig.context, 1, &(const char *){""}, NULL, NULL);
    uint64_t ns[LANES + 1];
    film.kernel = clCreateKernel(program, "k", NULL);
    stub->slow(1000);
    stub->run(STUB_THREAD);
    for (size_t n = 1; n <= LANES; n++)
        ns[n] = time_of(own, &film, n);
    if (getenv("VOW_SHOW"))
        for (size_t n = 1; n <= LANES; n++)
            printf("%zu in flight: %.0f frames a second\n", n, FRAMES * 1e9 / (double)ns[n]);
    CHECK(ns[2] < ns[1] * 4 / 5);
    CHECK(ns[3] < ns[1] * 4 / 5);
    clReleaseKernel(film.kernel);
    clReleaseProgram(program);
    vow_loop_free(own);
    CHECK(loop != NULL);
    RIG_END(film.rig);
}
