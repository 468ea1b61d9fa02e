/* SPDX-License-Identifier: MIT */
#include "process/process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

/* scenario 150 */
TEST(an_exit_status_comes_as_a_value)
{
    vow_process *p = START(SHELL("exit 7"), .in = 0);
    vow_exit end = EXIT_OF(vow_process_wait(p));
    EQ_INT(end.status, 7);
    EQ_INT(end.signal, 0);
    CHECK(!end.core);
    CHECK(vow_process_pid(p) > 0);
    vow_process_unref(p);
    expect_no_children();
}

/* scenario 150 */
TEST(so_does_the_signal_that_ended_it)
{
    vow_process *p = START(SHELL("kill -TERM $$"), .in = 0);
    vow_exit end = EXIT_OF(vow_process_wait(p));
    EQ_INT(end.signal, SIGTERM);
    EQ_INT(end.status, 128 + SIGTERM);
    vow_process_unref(p);
}

TEST(several_may_wait_before_and_after_the_end)
{
    vow_process *p = START(SHELL("exit 3"), .in = 0);
    vow_promise *first = vow_process_wait(p), *second = vow_process_wait(p);
    EQ_INT(EXIT_OF(first).status, 3);
    EQ_INT(EXIT_OF(second).status, 3);
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 3);
    EQ_INT(vow_process_kill(p, SIGTERM), ESRCH);
    vow_process_unref(p);
}

TEST(a_wait_holds_the_process_and_the_loop)
{
    vow_process *p = START(SHELL("exit 4"), .in = 0);
    vow_promise *wait = vow_process_wait(p);
    vow_process_unref(p);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(EXIT_OF(wait).status, 4);
}

/* scenario 150 */
TEST(a_program_that_is_missing_is_an_error_and_leaves_no_zombie)
{
    siginfo_t info;
    NO_START(ARGUMENTS("/no/such/program"), NULL, ENOENT, "start /no/such/program");
    NO_START(ARGUMENTS("no-such-program-anywhere"), NULL, ENOENT, "start no-such-program-anywhere");
    vow_promise *p = vow_process_run(loop, ARGUMENTS("/no/such"), NULL, 0);
    EQ_INT(vow_run(loop, p, NULL), under_valgrind() ? 0 : ENOENT);
    EQ_INT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1);
    EQ_INT(errno, ECHILD);
}

/* scenario 150 */
TEST(so_is_one_that_is_none)
{
    char name[] = "vow-test-process-XXXXXX", path[64];
    int fd = mkstemp(name);
    CHECK(fd >= 0 && write(fd, "\1\2\3", 3) == 3);
    close(fd);
    snprintf(path, sizeof path, "./%s", name);
    NO_START(ARGUMENTS(path), NULL, EACCES, "start ./vow-test");
    chmod(path, 0700);
    NO_START(ARGUMENTS(path), NULL, ENOEXEC, "start ./vow-test");
    NO_START(ARGUMENTS("/"), NULL, EACCES, "start /");
    unlink(path);
    expect_no_children();
}

TEST(a_working_folder_is_where_it_works)
{
    vow_process_options options = {.folder = "/usr", .out = VOW_STDIO_PIPE};
    vow_value v;
    const vow_output *output = OUTPUT_OF(vow_process_run(loop, SHELL("pwd -P"), &options, 0), &v);
    EQ_BUF(output->out, "/usr\n");
    EQ_PTR(output->err, NULL);
    vow_release(v);
    options.folder = "/no/such/folder";
    NO_START(SHELL("pwd"), &options, ENOENT, "start /bin/sh in /no/such/folder");
}

TEST(an_environment_takes_the_place_of_the_programs_own)
{
    vow_value v;
    setenv("VOW_TEST", "inherited", 1);
    const vow_output *output =
        OUTPUT_OF(vow_process_run(loop, SHELL("echo $VOW_TEST"), NULL, 0), &v);
    EQ_BUF(output->out, "inherited\n");
    vow_release(v);
    vow_process_options options = {.environment = ARGUMENTS("A=1", "B=2"), .out = VOW_STDIO_PIPE};
    output = OUTPUT_OF(vow_process_run(loop, ARGUMENTS("/usr/bin/env"), &options, 0), &v);
    EQ_BUF(output->out, "A=1\nB=2\n");
    vow_release(v);
}

/* Standard descriptors. */

TEST(output_and_errors_are_collected_each)
{
    vow_value v;
    const vow_output *output = OUTPUT_OF(
        vow_process_run(loop, SHELL("cat; echo out; echo err >&2; exit 5"), NULL, 100), &v);
    EQ_BUF(output->out, "out\n");
    EQ_BUF(output->err, "err\n");
    EQ_INT(output->exit.status, 5);
    CHECK(vow_is(v, vow_output_type()));
    vow_release(v);
    output = OUTPUT_OF(vow_process_run(loop, SHELL("true"), NULL, 100), &v);
    EQ_BUF(output->out, "");
    EQ_BUF(output->err, "");
    vow_release(v);
}

TEST(errors_can_go_where_output_goes)
{
    vow_process_options options = {.out = VOW_STDIO_PIPE, .err = VOW_STDIO_OUT};
    vow_value v;
    const vow_output *output =
        OUTPUT_OF(vow_process_run(loop, SHELL("echo a; echo b >&2; echo c"), &options, 0), &v);
    EQ_BUF(output->out, "a\nb\nc\n");
    vow_release(v);
}

TEST(descriptors_are_given_whatever_their_numbers)
{
    int fd[2];
    CHECK(pipe(fd) == 0);
    int out = dup(1), err = dup(2), null = open("/dev/null", O_WRONLY);
    dup2(null, 2);
    close(null);
    dup2(fd[1], 1); /* the child's 1 is our 2, and its 2 our 1 */
    vow_process *p =
        START(SHELL("echo out; echo err >&2"), .out = VOW_STDIO_FD(2), .err = VOW_STDIO_FD(1));
    dup2(fd[1], 2);
    vow_process *q = START(SHELL("echo again"), .out = VOW_STDIO_FD(2), .err = VOW_STDIO_FD(1));
    dup2(out, 1);
    dup2(err, 2);
    close(out);
    close(err);
    close(fd[1]);
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 0);
    EQ_INT(EXIT_OF(vow_process_wait(q)).status, 0);
    char text[100] = "";
    CHECK(read(fd[0], text, 99) > 0);
    CHECK(strstr(text, "err\n") != NULL && strstr(text, "again\n") != NULL);
    close(fd[0]);
    vow_process_unref(p);
    vow_process_unref(q);
}

TEST(a_program_without_standard_descriptors_can_start_one)
{
    int kept[3];
    for (int i = 0; i < 3; i++) {
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        close(i);
    }
    vow_value v;
    int code = vow_run(loop, vow_process_run(loop, SHELL("echo out; echo err >&2"), NULL, 0), &v);
    for (int i = 0; i < 3; i++) {
        dup2(kept[i], i);
        close(kept[i]);
    }
    EQ_INT(code, 0);
    EQ_BUF(vow_output_of(v)->out, "out\n");
    EQ_BUF(vow_output_of(v)->err, "err\n");
    vow_release(v);
}

TEST(bytes_go_in_and_come_out)
{
    vow_process *p =
        START(ARGUMENTS("tr", "a-z", "A-Z"), .in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE);
    vow_promise *line = vow_stream_read_until(vow_process_out(p), '\n', 100);
    EQ_INT(vow_run(loop, vow_stream_write(vow_process_in(p), "hello\n", 6), NULL), 0);
    EQ_INT(vow_run(loop, vow_stream_shutdown(vow_process_in(p)), NULL), 0);
    vow_value v;
    EQ_INT(vow_run(loop, line, &v), 0);
    EQ_BUF(vow_buf_of(v), "HELLO\n");
    vow_release(v);
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 0);
    EQ_PTR(vow_process_err(p), NULL);
    vow_process_unref(p);
}

TEST(writing_to_a_child_that_is_gone_is_an_error_and_no_signal)
{
    vow_process *p = START(SHELL("exit 0"), .in = VOW_STDIO_PIPE);
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 0);
    EQ_INT(vow_run(loop, vow_stream_write(vow_process_in(p), "x", 1), NULL), EPIPE);
    vow_process_unref(p);
}

TEST(more_output_than_the_limit_ends_it)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_process_run(loop, ARGUMENTS("yes"), NULL, 100000), &v), EMSGSIZE);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "more than 100000 bytes");
    vow_release(v);
    EQ_INT(vow_run_all(loop), 0);
    expect_no_children();
    const vow_output *output =
        OUTPUT_OF(vow_process_run(loop, SHELL("head -c 100000 /dev/zero"), NULL, 100000), &v);
    EQ_UINT(vow_buf_size(output->out), 100000);
    vow_release(v);
}

TEST(an_option_that_is_none_is_refused)
{
    static const vow_process_options bad[] = {
        {.in = VOW_STDIO_FD(-1)}, {.out = VOW_STDIO_OUT}, {.in = VOW_STDIO_OUT}, {.err = -100}};
    for (int i = 0; i < 4; i++)
        EQ_INT(vow_run(loop, vow_process_start(loop, SHELL("true"), &bad[i]), NULL), EINVAL);
    vow_process_options pipe_in = {.in = VOW_STDIO_PIPE}, closed = {.out = VOW_STDIO_FD(999)};
    EQ_INT(vow_run(loop, vow_process_run(loop, SHELL("true"), &pipe_in, 0), NULL), EINVAL);
    EQ_INT(vow_run(loop, vow_process_start(loop, SHELL("true"), &closed), NULL), EBADF);
}

TEST_PANICS(a_program_without_a_name_is_misuse, "no first argument")
{
    const char *const none[] = {NULL};
    vow_unref(vow_process_start(loop, none, NULL));
}

TEST_PANICS(a_process_without_its_loop_cannot_be_waited_for, "the loop of the process is freed")
{
    vow_loop *own = vow_loop_new();
    vow_promise *started = vow_process_start(own, SHELL("true"), NULL);
    vow_process *p = vow_process_ref(vow_process_of(vow_peek(started)));
    vow_unref(started);
    vow_loop_free(own);
    vow_unref(vow_process_wait(p));
}

TEST(what_it_gives_has_types)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_process_start(loop, SHELL("true"), NULL), &v), 0);
    CHECK(vow_is(v, vow_process_type()));
    EQ_UINT(vow_process_type()->count(vow_process_of(v)), 1);
    vow_promise *wait = vow_process_wait(vow_process_of(v));
    vow_release(v);
    EQ_INT(vow_run(loop, wait, &v), 0);
    CHECK(vow_is(v, vow_exit_type()));
}

/* What a child gets from us. */

TEST(no_descriptor_goes_to_the_child)
{
    int open_for_all = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
    vow_process *other = START(ARGUMENTS("cat"), .in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE);
    vow_value v;
    const vow_output *output =
        OUTPUT_OF(vow_process_run(loop, ARGUMENTS("ls", "/proc/self/fd"), NULL, 0), &v);
    EQ_BUF(output->out, "0\n1\n2\n3\n"); /* 3 is the folder that it lists */
    vow_release(v);
    close(open_for_all);
    vow_process_unref(other);
}

TEST(no_signal_is_blocked_or_ignored_in_the_child)
{
    sigset_t all, before;
    sigfillset(&all);
    signal(SIGPIPE, SIG_IGN);
    sigprocmask(SIG_SETMASK, &all, &before);
    vow_promise *p = vow_process_run(
        loop, ARGUMENTS("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"), NULL, 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    vow_value v;
    const char *text = (const char *)vow_buf_bytes(OUTPUT_OF(p, &v)->out);
    unsigned long long blocked, ignored;
    CHECK(sscanf(text, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored) == 2);
    EQ_UINT(blocked, 0);
    EQ_UINT(ignored & 0x7fffffff, 0); /* the C library ignores two of its own, 32 and 33 */
    vow_release(v);
}

/* Ending. */

TEST(a_cancelled_wait_ends_the_child)
{
    vow_process *p = START(ARGUMENTS("sleep", "100"), .in = 0);
    vow_promise *wait = vow_process_wait(p), *other = vow_process_wait(p);
    vow_cancel(wait);
    EQ_INT(vow_run(loop, wait, NULL), ECANCELED);
    EQ_INT(kill(vow_process_pid(p), 0), 0); /* the other one wants it */
    vow_unref(other);
    EQ_INT(EXIT_OF(vow_process_wait(p)).signal, SIGKILL);
    vow_process_unref(p);
    expect_no_children();
}

TEST(so_does_a_time_limit)
{
    vow_process *p = START(ARGUMENTS("sleep", "100"), .in = 0);
    vow_promise *wait = vow_timeout(vow_process_wait(p), 1000);
    vow_mark_handled(wait);
    vow_clock_advance(loop, 1000);
    EQ_INT(vow_run(loop, wait, NULL), ETIMEDOUT);
    EQ_INT(EXIT_OF(vow_process_wait(p)).signal, SIGKILL);
    vow_process_unref(p);
}

TEST(so_does_the_last_reference)
{
    vow_process_unref(START(ARGUMENTS("sleep", "100"), .in = 0));
    vow_promise *dropped = vow_process_start(loop, ARGUMENTS("sleep", "100"), NULL);
    vow_unref(dropped);
    dropped = vow_process_run(loop, ARGUMENTS("sleep", "100"), NULL, 0);
    vow_unref(dropped);
    EQ_INT(vow_run_all(loop), 0); /* until they have ended */
    siginfo_t info;
    EQ_INT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1);
}

TEST(so_does_the_end_of_the_loop)
{
    vow_process *p = START(ARGUMENTS("sleep", "100"), .in = 0);
    vow_process *q = START(ARGUMENTS("sleep", "100"), .in = 0, .grace_ms = 1000);
    vow_promise *wait = vow_process_wait(p);
    vow_mark_handled(wait);
    vow_process_unref(q);
    vow_loop_close(loop);
    vow_promise *late[] = {vow_process_wait(p), vow_process_start(loop, SHELL("true"), NULL),
                           vow_process_run(loop, SHELL("true"), NULL, 0)};
    for (int i = 0; i < 3; i++) {
        EQ_INT(vow_state(late[i]), VOW_REJECTED);
        vow_mark_handled(late[i]);
        vow_unref(late[i]);
    }
    EQ_INT(vow_error_code(vow_error_of(wait)), VOW_ECLOSED);
    EQ_INT(vow_process_kill(p, SIGTERM), ESRCH);
    vow_unref(wait);
    vow_process_unref(p);
    expect_no_children();
}

TEST(with_grace_it_is_asked_first)
{
    vow_process *p =
        START(SHELL("trap 'echo bye; exit 9' TERM; echo ready; while :; do sleep 0.01; done"),
              .out = VOW_STDIO_PIPE, .grace_ms = 60000);
    vow_run(loop, vow_stream_read_until(vow_process_out(p), '\n', 100), NULL);
    vow_unref(vow_process_wait(p));
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 9);
    vow_process_unref(p);
}

TEST(who_does_not_listen_is_killed_after_that)
{
    vow_process *p = START(SHELL("trap '' TERM; echo ready; while :; do sleep 0.01; done"),
                           .out = VOW_STDIO_PIPE, .grace_ms = 50);
    vow_run(loop, vow_stream_read_until(vow_process_out(p), '\n', 100), NULL);
    vow_unref(vow_process_wait(p));
    vow_clock_advance(loop, 49);
    EQ_INT(vow_process_kill(p, 0), 0);
    vow_clock_advance(loop, 1);
    EQ_INT(EXIT_OF(vow_process_wait(p)).signal, SIGKILL);
    vow_process_unref(p);
    expect_no_children();
}

TEST(a_group_is_ended_as_a_whole)
{
    vow_process *p =
        START(SHELL("sleep 100 & echo $!; wait"), .out = VOW_STDIO_PIPE, .group = true);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_until(vow_process_out(p), '\n', 100), &v), 0);
    vow_release(v);
    EQ_INT(getpgid(vow_process_pid(p)), vow_process_pid(p));
    vow_promise *end = vow_stream_read(vow_process_out(p), 100);
    vow_unref(vow_process_wait(p));
    EQ_INT(vow_run(loop, end, &v), 0); /* the grandchild had the pipe, too */
    EQ_UINT(vow_buf_size(vow_buf_of(v)), 0);
    vow_release(v);
    vow_process_unref(p);
}

TEST(who_of_a_group_outlives_the_child_is_killed)
{
    vow_process *p =
        START(SHELL("trap 'exit 0' TERM; (trap '' TERM; echo $$; exec sleep 100) & wait"),
              .out = VOW_STDIO_PIPE, .group = true, .grace_ms = 60000);
    vow_value v;
    EQ_INT(vow_run(loop, vow_stream_read_until(vow_process_out(p), '\n', 100), &v), 0);
    vow_release(v);
    vow_promise *end = vow_stream_read(vow_process_out(p), 100);
    vow_unref(vow_process_wait(p));
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 0);
    EQ_INT(vow_run(loop, end, &v), 0);
    EQ_UINT(vow_buf_size(vow_buf_of(v)), 0);
    vow_release(v);
    vow_process_unref(p);
}

TEST(a_child_that_nobody_waits_for_does_not_hold_the_loop)
{
    vow_process *p = START(ARGUMENTS("cat"), .in = VOW_STDIO_PIPE);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(vow_process_kill(p, SIGTERM), 0);
    EQ_INT(EXIT_OF(vow_process_wait(p)).signal, SIGTERM);
    vow_process_unref(p);
}

/* It runs as long as there is such a process, be it a zombie. */
static vow_value outlive(vow_value v, void *data)
{
    char script[80];
    vow_process *p = *(vow_process **)data = vow_process_ref(vow_process_of(v));
    snprintf(script, sizeof script, "while kill -0 %d 2>&-; do sleep 0.01; done",
             (int)vow_process_pid(p));
    return vow_v(vow_process_run(vow_current(), SHELL(script), NULL, 0));
}

TEST(nor_does_it_stay_a_zombie_while_the_loop_turns)
{
    vow_process *p = NULL;
    vow_promise *started = vow_process_start(loop, SHELL("exit 6"), NULL);
    EQ_INT(vow_run(loop, vow_then(started, outlive, &p), NULL), 0);
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 6);
    vow_process_unref(p);
}

/* Many. */

static vow_value count_status(vow_value v, void *data)
{
    *(int *)data += vow_output_of(v)->exit.status;
    return vow_none();
}

struct many {
    vow_loop *loop;
    int sum;
};

static vow_value run_one(size_t index, void *data)
{
    struct many *many = data;
    (void)index;
    vow_process_options options = {.in = VOW_STDIO_NULL};
    return vow_v(vow_then(vow_process_run(many->loop, ARGUMENTS("/bin/false"), &options, 0),
                          count_status, &many->sum));
}

TEST(a_thousand_children_at_most_thirty_at_a_time)
{
    struct many many = {loop, 0};
    EQ_INT(vow_run(loop, vow_for_each(loop, 1000, 30, run_one, &many), NULL), 0);
    EQ_INT(many.sum, 1000);
    expect_no_children();
}

/* Forking. */

TEST(a_forked_process_has_no_part_in_its_parents_children)
{
    vow_process *p = START(ARGUMENTS("cat"), .in = VOW_STDIO_PIPE);
    vow_promise *wait = vow_process_wait(p);
    pid_t child = fork();
    if (child == 0) {
        bool good = vow_process_kill(p, SIGKILL) == ESRCH && vow_loop_after_fork(loop) == 0;
        good = good && vow_run(loop, wait, NULL) == VOW_EFORK;
        good = good && vow_run(loop, vow_process_wait(p), NULL) == VOW_EFORK;
        vow_process_unref(p);
        good = good && vow_run(loop, vow_process_run(loop, SHELL("exit 1"), NULL, 0), NULL) == 0;
        vow_loop_free(loop);
        _exit(good ? 0 : 1);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    EQ_INT(status, 0);
    EQ_INT(vow_process_kill(p, 0), 0);
    EQ_INT(vow_run(loop, vow_stream_shutdown(vow_process_in(p)), NULL), 0);
    EQ_INT(EXIT_OF(wait).status, 0);
    vow_process_unref(p);
}

/* It would end by SIGKILL if the forked process did what is the parent's to do. */
TEST(nor_does_it_end_those_that_its_parent_is_ending)
{
    vow_process *p = START(SHELL("trap '' TERM; echo ready; read x; exit 5"), .in = VOW_STDIO_PIPE,
                           .out = VOW_STDIO_PIPE, .grace_ms = 60000);
    vow_run(loop, vow_stream_read_until(vow_process_out(p), '\n', 100), NULL);
    vow_unref(vow_process_wait(p));
    pid_t child = fork();
    if (child == 0) {
        vow_process_unref(p);
        vow_loop_free(loop);
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    EQ_INT(status, 0);
    EQ_INT(vow_run(loop, vow_stream_shutdown(vow_process_in(p)), NULL), 0);
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 5);
    vow_process_unref(p);
}
