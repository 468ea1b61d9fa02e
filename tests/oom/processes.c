/* SPDX-License-Identifier: MIT
 *
 * Child processes without memory: started, waited for, run, ended.
 */
#include "vow/process.h"

#include <sys/wait.h>
#include <unistd.h>

#include "oom/oom.h"

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What was killed takes a moment to die. */
static void expect_no_children(void)
{
    siginfo_t info;
    while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
        usleep(1000);
    EQ_INT(errno, ECHILD);
}

SCENARIO(a_program_that_is_run)
{
    vow_value v;
    if (EXPECT(vow_process_run(loop, ARGUMENTS("echo", "a line"), NULL, 100), &v)) {
        const vow_output *output = vow_output_of(v);
        EQ_INT(output->exit.status, 0);
        EQ_INT(vow_buf_size(output->out), 7);
        EQ_INT(vow_buf_size(output->err), 0);
    }
    vow_release(v);
    EQ_INT(vow_run_all(loop), 0);
    expect_no_children();
}

SCENARIO(programs_that_cannot_be_run)
{
    vow_process_options bad = {.in = -9};
    EXPECT_ERROR(vow_process_start(loop, ARGUMENTS("/no/such/program"), NULL), ENOENT);
    EXPECT_ERROR(vow_process_start(loop, ARGUMENTS("true"), &bad), EINVAL);
    EXPECT_ERROR(vow_process_run(loop, ARGUMENTS("yes"), NULL, 1000), EMSGSIZE);
    EQ_INT(vow_run_all(loop), 0);
    expect_no_children();
}

SCENARIO(a_conversation_with_a_child)
{
    vow_process_options options = {.in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE};
    vow_value v;
    if (EXPECT(vow_process_start(loop, ARGUMENTS("cat"), &options), &v)) {
        vow_process *p = vow_process_of(v);
        EXPECT_INT(vow_stream_write(vow_process_in(p), "x", 1), 1);
        EXPECT_NONE(vow_stream_shutdown(vow_process_in(p)));
        vow_promise *wait = vow_process_wait(p);
        vow_stream_close(vow_process_in(p)); /* whatever has become of the shutdown */
        vow_value end;
        if (EXPECT(wait, &end))
            EQ_INT(vow_exit_of(end).signal, 0);
        vow_release(end);
    }
    vow_release(v);
    EQ_INT(vow_run_all(loop), 0);
    expect_no_children();
}

SCENARIO(children_that_are_ended)
{
    vow_process_options options = {.grace_ms = 1000};
    vow_promise *dropped = vow_process_run(loop, ARGUMENTS("sleep", "100"), NULL, 0);
    vow_mark_handled(dropped);
    vow_unref(dropped);
    vow_value v;
    if (EXPECT(vow_process_start(loop, ARGUMENTS("sleep", "100"), &options), &v)) {
        vow_promise *wait = vow_process_wait(vow_process_of(v));
        vow_mark_handled(wait);
        vow_cancel(wait);
        EXPECT_ERROR(wait, ECANCELED);
    }
    vow_release(v);
    EQ_INT(vow_run_all(loop), 0);
    expect_no_children();
}
