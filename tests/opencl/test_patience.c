/* SPDX-License-Identifier: MIT
 *
 * A device that never gets done: closing waits for it for ten seconds, here by a clock that
 * naps move on.
 */
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"

#include "opencl/test.h"

static long long napped_ns;

/* In the place of the C library's, in this program. */
int nanosleep(const struct timespec *t, struct timespec *left)
{
    (void)left;
    napped_ns += t->tv_sec * 1000000000LL + t->tv_nsec;
    return 0;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    if (syscall(SYS_clock_gettime, clock, ret) != 0)
        return -1;
    long long ns = ret->tv_nsec + napped_ns;
    ret->tv_sec += ns / 1000000000;
    ret->tv_nsec = ns % 1000000000;
    return 0;
}

/* In a process of its own, which takes along what the device keeps for ever. */
static int close_with_a_command_under_way(void)
{
    vow_loop *loop = vow_loop_new();
    struct rig rig = rig_of(loop);
    vow_promise *p = vow_cl_write(rig.queue, part(rig.memory[0]), bytes_of('x'), VOW_AT_ONCE);
    vow_poll(loop);
    vow_mark_handled(p);
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    vow_loop_close(loop);
    clock_gettime(CLOCK_MONOTONIC, &after);
    bool ok = vow_state(p) == VOW_REJECTED && after.tv_sec - before.tv_sec >= 10;
    vow_unref(p);
    vow_loop_free(loop);
    /* The device writes now. Nobody hears of it, but its memory is there. */
    ok = stub->finish(9, CL_COMPLETE) == 1 && ok;
    vow_loop *other = vow_loop_new(); /* maybe at the same address */
    stub->run(STUB_THREAD);
    vow_cl_queue *queue = vow_cl_queue_new(other, vow_cl_queue_handle(rig.queue), NULL);
    ok = vow_run(other, vow_cl_marker(queue, VOW_AT_ONCE), NULL) == 0 && ok;
    vow_cl_queue_unref(queue);
    vow_loop_free(other);
    for (int i = 0; i < 3; i++)
        clReleaseMemObject(rig.memory[i]);
    return ok ? 0 : 1;
}

TEST(closing_waits_ten_seconds_for_a_device_and_leaves_it_what_it_has)
{
    pid_t pid = fork();
    if (pid == 0) {
        int failed = close_with_a_command_under_way();
        dump_coverage();
        _exit(failed);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    EQ_INT(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    CHECK(loop != NULL);
}
