/* SPDX-License-Identifier: MIT
 *
 * Child processes when something is missing: descriptors, memory, the status, the interest.
 */
#include "process/process.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "adapt/sweep.h"

/* As many descriptors as a shell has besides: none of them is lost. */
TEST(without_descriptors_a_start_is_refused_and_leaves_nothing)
{
    vow_process_options options = {
        .in = VOW_STDIO_PIPE, .out = VOW_STDIO_PIPE, .err = VOW_STDIO_PIPE};
    int started = 0;
    EQ_INT(vow_run(loop, vow_process_run(loop, SHELL("exit 0"), NULL, 0), NULL), 0);
    for (int k = 0; k <= 20; k++) {
        struct rlimit before = net_limit_descriptors(k);
        vow_value v;
        int code = vow_run(loop, vow_process_start(loop, ARGUMENTS("cat"), &options), &v);
        setrlimit(RLIMIT_NOFILE, &before);
        CHECK(code == 0 || code == EMFILE);
        started += code == 0;
        vow_release(v); /* ends it */
        EQ_INT(vow_run_all(loop), 0);
        expect_no_children();
    }
    CHECK(started > 5 && started < 20);
}

TEST(so_is_a_run)
{
    int ran = 0;
    for (int k = 0; k <= 20; k++) {
        struct rlimit before = net_limit_descriptors(k);
        vow_promise *p = vow_process_run(loop, SHELL("echo text"), NULL, 0);
        int code = vow_run(loop, p, NULL);
        setrlimit(RLIMIT_NOFILE, &before);
        CHECK(code == 0 || code == EMFILE);
        ran += code == 0;
        EQ_INT(vow_run_all(loop), 0);
        expect_no_children();
    }
    CHECK(ran > 5 && ran < 20);
}

TEST(who_ignores_sigchld_has_no_status)
{
    signal(SIGCHLD, SIG_IGN);
    vow_process *p = START(SHELL("exit 0"), .in = 0);
    EQ_INT(vow_run(loop, vow_process_wait(p), NULL), ECHILD);
    vow_process_unref(p);
    signal(SIGCHLD, SIG_DFL);
}

TEST(who_waits_for_any_child_takes_the_status)
{
    vow_process *p = START(SHELL("exit 0"), .in = 0);
    vow_promise *wait = vow_process_wait(p);
    int status;
    EQ_INT(waitpid(-1, &status, 0), vow_process_pid(p));
    vow_value v;
    EQ_INT(vow_run(loop, wait, &v), ECHILD);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "somebody else has its status");
    vow_release(v);
    vow_process_unref(p);
}

#ifdef __GLIBC__
TEST_PLAIN(without_a_thread_the_loops_end_waits_for_its_children)
{
    pthread_attr_t before, huge;
    vow_loop *loop_ = vow_loop_new();
    vow_promise *p = vow_process_run(loop_, ARGUMENTS("sleep", "100"), NULL, 0);
    CHECK(pthread_getattr_default_np(&before) == 0 && pthread_attr_init(&huge) == 0);
    CHECK(pthread_attr_setstacksize(&huge, (size_t)1 << 47) == 0);
    CHECK(pthread_setattr_default_np(&huge) == 0);
    vow_mark_handled(p);
    vow_loop_close(loop_);
    CHECK(pthread_setattr_default_np(&before) == 0);
    siginfo_t info;
    EQ_INT(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), -1);
    pthread_attr_destroy(&before);
    pthread_attr_destroy(&huge);
    vow_unref(p);
    vow_loop_free(loop_);
}
#endif

/* As in a sandbox, or before Linux 5.3: SIGCHLD stands in. For the rest of this test's process. */
static void refuse_pidfd(void)
{
#ifdef SYS_pidfd_open
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    CHECK(under_valgrind() || (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
                               prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0));
#endif
}

TEST(without_descriptors_for_processes_they_are_waited_for_by_signal)
{
    refuse_pidfd();
    vow_process *p = START(SHELL("exit 7"), .in = 0), *q = START(SHELL("kill -9 $$"), .in = 0);
    EQ_INT(EXIT_OF(vow_process_wait(p)).status, 7);
    EQ_INT(EXIT_OF(vow_process_wait(q)).signal, SIGKILL);
    vow_process_unref(p);
    vow_process_unref(q);
    p = START(ARGUMENTS("sleep", "100"), .in = 0);
    EQ_INT(vow_run_all(loop), 0); /* it does not hold the loop */
    vow_promise *wait = vow_process_wait(p);
    vow_cancel(wait);
    EQ_INT(vow_run(loop, wait, NULL), ECANCELED);
    EQ_INT(EXIT_OF(vow_process_wait(p)).signal, SIGKILL);
    vow_process_unref(p);
    struct sigaction now;
    CHECK(sigaction(SIGCHLD, NULL, &now) == 0 && now.sa_handler == SIG_DFL);
    expect_no_children();
}

TEST(their_runs_may_be_dropped_too)
{
    refuse_pidfd();
    vow_promise *dropped = vow_process_run(loop, ARGUMENTS("sleep", "100"), NULL, 0);
    vow_unref(dropped);
    EQ_INT(vow_run_all(loop), 0);
    expect_no_children();
}

/* Cancelled, dropped, or left to the loop's end, after each turn of it. */
static vow_promise *a_run(vow_loop *loop)
{
    return vow_process_run(loop, SHELL("echo one; echo two >&2; sleep 0.01; echo three; exit 1"),
                           NULL, 1000);
}

static bool end_after(vow_loop *loop, vow_promise *p, int turns, int how)
{
    while (turns-- > 0 && vow_state(p) == VOW_PENDING)
        event_base_loop(vow_loop_base(loop), EVLOOP_ONCE);
    bool settled = vow_state(p) != VOW_PENDING;
    vow_mark_handled(p);
    if (how == 0)
        vow_cancel(p);
    if (how == 1) {
        vow_unref(p);
        return settled;
    }
    if (how == 0 && !settled)
        EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    else
        vow_unref(p);
    return settled;
}

TEST(it_may_be_ended_at_every_point)
{
    for (int how = 0; how < 2; how++) {
        int turns = 0;
        while (!end_after(loop, a_run(loop), turns, how))
            turns++;
        CHECK(turns > 2);
        EQ_INT(vow_run_all(loop), 0);
    }
    expect_no_children();
}

TEST_PLAIN(the_loop_may_be_freed_at_every_point)
{
    bool settled = false;
    for (int turns = 0; !settled; turns++) {
        vow_loop *own = vow_loop_new();
        vow_promise *p = a_run(own);
        for (int i = 0; i < turns && vow_state(p) == VOW_PENDING; i++)
            event_base_loop(vow_loop_base(own), EVLOOP_ONCE);
        settled = vow_state(p) != VOW_PENDING;
        vow_mark_handled(p);
        vow_loop_close(own);
        vow_unref(p);
        vow_loop_free(own);
    }
    expect_no_children();
}

static void drop(vow_promise *p)
{
    vow_mark_handled(p); /* it may be rejected already */
    vow_unref(p);
}

static int start_and_wait(vow_loop *loop)
{
    vow_process_options options = {.out = VOW_STDIO_PIPE, .grace_ms = 1};
    vow_value v;
    int code = vow_run(loop, vow_process_start(loop, ARGUMENTS("cat"), &options), &v);
    if (code == 0)
        drop(vow_process_wait(vow_process_of(v)));
    vow_release(v);
    if (code == 0)
        code = vow_run(loop, vow_process_run(loop, SHELL("echo text"), NULL, 0), NULL);
    vow_clock_advance(loop, 1);
    int left = vow_run_all(loop);
    expect_no_children();
    return code ? code : left;
}

TEST_PLAIN(without_memory_nothing_is_lost) { sweep(start_and_wait); }
