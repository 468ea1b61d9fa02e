/* SPDX-License-Identifier: MIT
 *
 * test_processes.c - pipes, children and signals whose calls are interrupted, refused and cut
 * short.
 */
#include "faults/lines.h"

#include "process/process.h"

/* The two ends as streams. */
static void open_pipe(vow_loop *loop, vow_stream *ret[2])
{
    int fd[2];
    CHECK(pipe(fd) == 0);
    ret[0] = vow_stream_from_fd(loop, fd[1]);
    ret[1] = vow_stream_from_fd(loop, fd[0]);
    CHECK(ret[0] != NULL && ret[1] != NULL);
}

SEEDED(all_lines_through_a_pipe)
{
    vow_stream *s[2];
    open_pipe(loop, s);
    transfer(loop, s[0], s[1]);
    FULFILS(vow_stream_shutdown(s[0]));
    ENDS(s[1]);
    unref_both(s);
}

SEEDED(all_lines_from_pipe_to_pipe)
{
    vow_stream *in[2], *out[2];
    open_pipe(loop, in);
    open_pipe(loop, out);
    vow_promise *pump = vow_pump(in[1], out[0], 0);
    transfer(loop, in[0], out[1]);
    vow_stream_close(in[0]);
    FULFILS(pump);
    unref_both(in);
    unref_both(out);
}

/* Signals come as records through a pipe, which no kernel cuts: it does not wait in between. So
 * does the end of a child where processes have no descriptors, as under valgrind. */
static void mind_the_records(void)
{
#ifdef VOW_PORTABLE
    int fd = -1;
#else
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
#endif
    faults.whole_pipes = fd < 0;
    if (fd >= 0)
        close(fd);
}

SEEDED(all_lines_through_a_child)
{
    mind_the_records();
    vow_process *cat = START(ARGUMENTS("cat"), .in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE);
    transfer(loop, vow_process_in(cat), vow_process_out(cat));
    FULFILS(vow_stream_shutdown(vow_process_in(cat)));
    ENDS(vow_process_out(cat));
    EQ_INT(EXIT_OF(vow_process_wait(cat)).status, 0);
    vow_process_unref(cat);
}

SEEDED(what_a_child_writes_and_how_it_ends)
{
    mind_the_records();
    vow_value v;
    const vow_output *output =
        OUTPUT_OF(vow_process_run(loop, SHELL("seq 0 1499; echo done >&2; exit 7"), NULL, 0), &v);
    is_all_lines(output->out);
    EQ_BUF(output->err, "done\n");
    EQ_INT(output->exit.status, 7);
    vow_release(v);
}

SEEDED(a_child_that_nobody_wants_is_ended)
{
    mind_the_records();
    vow_process *sleeper = START(ARGUMENTS("sleep", "100"), .grace_ms = 1);
    vow_promise *wait = vow_process_wait(sleeper);
    vow_mark_handled(wait);
    vow_cancel(wait);
    vow_unref(wait);
    EQ_INT(EXIT_OF(vow_process_wait(sleeper)).signal, SIGTERM);
    vow_process_unref(sleeper);
    EQ_INT(vow_run_all(loop), 0);
    expect_no_children();
}

SEEDED(each_signal_is_heard)
{
    faults.whole_pipes = true;
    int numbers[] = {SIGUSR1, SIGUSR2};
    vow_value v;
    vow_promise *once = vow_signal(loop, SIGUSR1);
    vow_signals *signals = vow_signals_new(loop, numbers, 2);
    CHECK(signals != NULL);
    for (int i = 0; i < 20; i++) {
        EQ_INT(raise(numbers[i % 2]), 0);
        EQ_INT(vow_run(loop, vow_signals_next(signals), &v), 0);
        EQ_INT(vow_as_int(v), numbers[i % 2]);
        vow_release(v);
    }
    FULFILS(once);
    vow_signals_free(signals);
}

/* Threads wake the loop; jobs come back. */
static vow_value twice(void *data) { return vow_int(2 * *(int *)data); }

SEEDED(jobs_come_back_from_the_pool)
{
    int number[20];
    vow_promise *p[20];
    for (int i = 0; i < 20; i++) {
        number[i] = i;
        p[i] = vow_work(loop, NULL, twice, &number[i], NULL);
    }
    for (int i = 0; i < 20; i++) {
        vow_value v;
        EQ_INT(vow_run(loop, p[i], &v), 0);
        EQ_INT(vow_as_int(v), 2 * i);
    }
}
