/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "adapt/net.h"
#include "adapt/sweep.h"

static volatile sig_atomic_t handled, handled_value;
static void on_plain(int number) { handled += number == SIGUSR1; }
static void on_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    handled += number == SIGUSR1;
    handled_value = info->si_value.sival_int;
}

/* Sets the handler, as a program that knows nothing of vow. */
static void set_plain(void (*handler)(int))
{
    struct sigaction act = {.sa_handler = handler};
    handled = 0;
    CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
}

static struct sigaction disposition(int number)
{
    struct sigaction act;
    CHECK(sigaction(number, NULL, &act) == 0);
    return act;
}

static void queue_value(int number, int value)
{
    CHECK(sigqueue(getpid(), number, (union sigval){.sival_int = value}) == 0);
}

#define EQ_NUMBER(p, number) expect_number(__FILE__, __LINE__, loop, p, number)
static void expect_number(const char *file, int line, vow_loop *loop, vow_promise *p, int number)
{
    vow_value v;
    harness_eq_int(file, line, "code", vow_run(loop, p, &v), 0);
    harness_eq_int(file, line, "signal", vow_as_int(v), number);
}

/* scenario 149 */
TEST(a_wait_gives_the_number_of_the_signal)
{
    vow_promise *p = vow_signal(loop, SIGUSR1);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    raise(SIGUSR1);
    EQ_NUMBER(p, SIGUSR1);
}

/* scenario 149 */
TEST(two_that_wait_for_one_signal_both_get_it)
{
    vow_promise *first = vow_signal(loop, SIGUSR1), *second = vow_signal(loop, SIGUSR1);
    vow_promise *other = vow_signal(loop, SIGUSR2);
    raise(SIGUSR1);
    EQ_NUMBER(first, SIGUSR1);
    EQ_INT(vow_state(second), VOW_FULFILLED);
    EQ_NUMBER(second, SIGUSR1);
    EQ_INT(vow_state(other), VOW_PENDING);
    vow_unref(other);
}

/* scenario 149 */
TEST(queued_real_time_signals_come_one_by_one_with_value_and_sender)
{
    enum { MANY = 100 };
    int number = SIGRTMIN + 1;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    for (int i = 0; i < MANY; i++)
        queue_value(number, i);
    for (int i = 0; i < MANY; i++) {
        vow_value v;
        EQ_INT(vow_run(loop, vow_signals_next_info(signals), &v), 0);
        const vow_siginfo *info = vow_siginfo_of(v);
        EQ_INT(info->number, number);
        EQ_INT(info->code, SI_QUEUE);
        EQ_INT(info->pid, getpid());
        EQ_INT(info->uid, getuid());
        EQ_INT(info->value.number, i);
        vow_release(v);
    }
    vow_signals_free(signals);
}

TEST(the_info_of_one_wait_has_the_sender)
{
    vow_promise *p = vow_signal_info(loop, SIGUSR1), *q = vow_signal(loop, SIGUSR1);
    kill(getpid(), SIGUSR1);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    CHECK(vow_is(v, vow_siginfo_type()));
    EQ_INT(vow_siginfo_of(v)->number, SIGUSR1);
    EQ_INT(vow_siginfo_of(v)->pid, getpid());
    EQ_INT(vow_siginfo_of(v)->value.number, 0);
    vow_release(v);
    EQ_NUMBER(q, SIGUSR1);
}

TEST(the_info_of_a_child_has_its_exit_status)
{
    vow_promise *p = vow_signal_info(loop, SIGCHLD);
    pid_t child = fork();
    if (child == 0)
        _exit(9);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_siginfo_of(v)->pid, child);
    EQ_INT(vow_siginfo_of(v)->value.number, 9);
    vow_release(v);
    EQ_INT(waitpid(child, NULL, 0), child);
}

TEST(the_info_of_a_timer_has_its_value)
{
    struct sigevent event = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value = {.sival_ptr = loop}};
    struct itimerspec soon = {.it_value = {0, 1}};
    timer_t timer;
    vow_promise *p = vow_signal_info(loop, SIGUSR1);
    CHECK(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
    CHECK(timer_settime(timer, 0, &soon, NULL) == 0);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_PTR(vow_siginfo_of(v)->value.pointer, loop);
    EQ_INT(vow_siginfo_of(v)->pid, 0);
    vow_release(v);
    timer_delete(timer);
}

/* Children of a program that ignores SIGCHLD are reaped by the system: still so. */
TEST(who_has_children_reaped_still_has)
{
    signal(SIGCHLD, SIG_IGN);
    vow_promise *p = vow_signal(loop, SIGCHLD);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    EQ_NUMBER(p, SIGCHLD);
    EQ_INT(waitpid(child, NULL, 0), -1);
    EQ_INT(errno, ECHILD);
    signal(SIGCHLD, SIG_DFL);
}

TEST(what_came_before_the_wait_is_not_waited_for)
{
    int number = SIGUSR1;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    raise(SIGUSR1);
    vow_promise *p = vow_signal(loop, SIGUSR1);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_NUMBER(vow_signals_next(signals), SIGUSR1);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    vow_signals_free(signals);
}

TEST(a_stream_keeps_what_comes_between_two_of_its_promises)
{
    int numbers[] = {SIGUSR1, SIGUSR2};
    vow_signals *signals = vow_signals_new(loop, numbers, 2);
    vow_promise *p = vow_signals_next(signals), *q = vow_signals_next(signals);
    raise(SIGUSR2);
    raise(SIGUSR1);
    raise(SIGUSR1);
    EQ_NUMBER(p, SIGUSR2);
    EQ_NUMBER(q, SIGUSR1);
    EQ_NUMBER(vow_signals_next(signals), SIGUSR1);
    p = vow_signals_next(signals);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    EQ_UINT(vow_signals_missed(signals), 0);
    vow_signals_free(signals);
}

/* The pipe has room for fewer than these, and the stream for fewer still. */
TEST(what_a_stream_cannot_keep_is_counted)
{
    enum { MANY = 5000 };
    int number = SIGUSR1, given = 0;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    for (int i = 0; i < MANY; i++)
        raise(SIGUSR1);
    for (;; given++) {
        vow_promise *p = vow_signals_next(signals);
        bool none = vow_state(p) == VOW_PENDING;
        vow_unref(p);
        if (none)
            break;
    }
    CHECK(given >= 256);
    EQ_UINT(vow_signals_missed(signals), (unsigned)(MANY - given));
    raise(SIGUSR1);
    EQ_NUMBER(vow_signals_next(signals), SIGUSR1);
    vow_signals_free(signals);
}

TEST(a_cancelled_next_takes_no_signal)
{
    int number = SIGUSR1;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    vow_promise *p = vow_signals_next(signals), *q = vow_signals_next(signals);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    raise(SIGUSR1);
    EQ_NUMBER(q, SIGUSR1);
    vow_promise *dropped = vow_signals_next(signals);
    vow_unref(dropped);
    raise(SIGUSR1);
    EQ_NUMBER(vow_signals_next(signals), SIGUSR1);
    vow_signals_free(signals);
}

TEST(an_info_that_nobody_saw_goes_back_to_the_stream)
{
    int numbers[] = {SIGUSR1, SIGUSR2};
    vow_signals *signals = vow_signals_new(loop, numbers, 2);
    vow_promise *unseen = vow_signals_next_info(signals);
    raise(SIGUSR1);
    raise(SIGUSR2);
    vow_poll(loop);
    EQ_INT(vow_state(unseen), VOW_FULFILLED);
    vow_unref(unseen);
    EQ_NUMBER(vow_signals_next(signals), SIGUSR1);
    unseen = vow_signals_next_info(signals);
    EQ_INT(vow_state(unseen), VOW_FULFILLED);
    vow_promise *waiting = vow_signals_next(signals);
    vow_unref(unseen);
    EQ_NUMBER(waiting, SIGUSR2);
    vow_unref(vow_signals_next(signals));
    raise(SIGUSR1);
    unseen = vow_signals_next_info(signals);
    vow_unref(unseen);
    vow_signals_free(signals); /* with one that has come back */
}

TEST(an_ended_stream_rejects_who_waits)
{
    int number = SIGUSR1;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    vow_promise *p = vow_signals_next(signals), *q = vow_signals_next_info(signals);
    EQ_PTR(vow_signals_free(signals), NULL);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    EQ_INT(vow_run(loop, q, NULL), ECANCELED);
    EQ_PTR(vow_signals_free(NULL), NULL);
}

TEST(only_a_pending_promise_holds_the_loop)
{
    int number = SIGUSR1;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    EQ_INT(vow_run_all(loop), 0);
    vow_promise *p = vow_signals_next(signals);
    vow_loop_stop(loop);
    EQ_INT(vow_run_all(loop), ECANCELED);
    raise(SIGUSR1);
    EQ_INT(vow_run_all(loop), 0);
    EQ_NUMBER(p, SIGUSR1);
    vow_signals_free(signals);
}

/* Dispositions. */

TEST(the_default_action_is_back_when_nobody_waits)
{
    signal(SIGTERM, SIG_DFL); /* Check has a handler */
    vow_promise *p = vow_signal(loop, SIGTERM), *q = vow_signal(loop, SIGTERM);
    CHECK(disposition(SIGTERM).sa_flags & SA_SIGINFO);
    raise(SIGTERM);
    EQ_NUMBER(p, SIGTERM);
    CHECK(disposition(SIGTERM).sa_handler == SIG_DFL);
    EQ_NUMBER(q, SIGTERM);
    p = vow_signal(loop, SIGTERM);
    vow_unref(p);
    CHECK(disposition(SIGTERM).sa_handler == SIG_DFL);
}

TEST(a_handler_of_the_program_is_called_too_and_comes_back_as_it_was)
{
    struct sigaction act = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaddset(&act.sa_mask, SIGUSR2);
    handled = 0;
    CHECK(sigaction(SIGUSR1, &act, NULL) == 0);
    vow_promise *p = vow_signal_info(loop, SIGUSR1);
    queue_value(SIGUSR1, 42);
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_INT(vow_siginfo_of(v)->value.number, 42);
    vow_release(v);
    EQ_INT(handled, 1);
    EQ_INT(handled_value, 42);
    struct sigaction now = disposition(SIGUSR1);
    CHECK(now.sa_sigaction == on_info && (now.sa_flags & SA_NODEFER));
    CHECK(sigismember(&now.sa_mask, SIGUSR2));
    queue_value(SIGUSR1, 43);
    for (int i = 0; i < 1000 && handled < 2; i++)
        usleep(1000); /* valgrind delivers later */
    EQ_INT(handled_value, 43);
}

TEST(an_ignored_signal_is_heard_and_ignored_again)
{
    set_plain(SIG_IGN);
    vow_promise *p = vow_signal(loop, SIGUSR1);
    raise(SIGUSR1);
    EQ_NUMBER(p, SIGUSR1);
    raise(SIGUSR1);
    CHECK(disposition(SIGUSR1).sa_handler == SIG_IGN);
}

TEST(a_handler_put_over_vows_stays_and_the_next_wait_hears_again)
{
    set_plain(SIG_DFL);
    vow_promise *p = vow_signal(loop, SIGUSR1);
    set_plain(on_plain); /* takes the signal away */
    raise(SIGUSR1);
    EQ_INT(handled, 1);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_promise *q = vow_signal(loop, SIGUSR1);
    raise(SIGUSR1);
    EQ_NUMBER(p, SIGUSR1);
    EQ_NUMBER(q, SIGUSR1);
    EQ_INT(handled, 2);
    CHECK(disposition(SIGUSR1).sa_handler == on_plain);
}

/* A handler that calls what was there before it, as libraries do. */
static struct sigaction below;
static void on_top(int number, siginfo_t *info, void *context)
{
    handled++;
    below.sa_sigaction(number, info, context);
}

TEST(a_handler_over_vows_that_calls_it_is_not_called_by_it_in_turn)
{
    set_plain(SIG_DFL);
    vow_promise *p = vow_signal(loop, SIGUSR1);
    struct sigaction act = {.sa_sigaction = on_top, .sa_flags = SA_SIGINFO};
    CHECK(sigaction(SIGUSR1, &act, &below) == 0);
    raise(SIGUSR1);
    EQ_NUMBER(p, SIGUSR1);
    EQ_INT(handled, 1);
    CHECK(disposition(SIGUSR1).sa_sigaction == on_top);
    p = vow_signal(loop, SIGUSR1);
    raise(SIGUSR1);
    EQ_NUMBER(p, SIGUSR1);
    EQ_INT(handled, 2);
    EQ_INT(vow_run_all(loop), 0); /* nothing came twice to a later wait */
    signal(SIGUSR1, SIG_DFL);
}

/* It goes when vow's is called with nobody waiting: by one who put vow's back. */
TEST(a_handler_of_vows_that_was_put_back_does_what_was_there_before)
{
    int status;
    vow_promise *p = vow_signal(loop, SIGUSR1);
    struct sigaction ours = disposition(SIGUSR1);
    vow_unref(p);
    pid_t child = fork();
    if (child == 0) {
        sigaction(SIGUSR1, &ours, NULL);
        raise(SIGUSR1);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
}

static void on_event(evutil_socket_t fd, short what, void *data)
{
    (void)fd, (void)what;
    ++*(int *)data;
}

TEST(libevents_signal_event_from_before_gets_it_too)
{
    int fired = 0;
    struct event *event = evsignal_new(vow_loop_base(loop), SIGUSR1, on_event, &fired);
    CHECK(event && event_add(event, NULL) == 0);
    vow_promise *p = vow_signal(loop, SIGUSR1);
    raise(SIGUSR1);
    EQ_NUMBER(p, SIGUSR1);
    vow_poll(loop);
    EQ_INT(fired, 1);
    raise(SIGUSR1);
    vow_poll(loop);
    EQ_INT(fired, 2);
    event_free(event);
}

/* Errors. */

TEST(a_number_that_cannot_be_waited_for_is_refused)
{
    static const int bad[] = {0, -1, 65, 1000, SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int numbers[] = {SIGUSR1, bad[i]};
        EQ_INT(vow_run(loop, vow_signal(loop, bad[i]), NULL), EINVAL);
        EQ_INT(vow_run(loop, vow_signal_info(loop, bad[i]), NULL), EINVAL);
        EQ_PTR(vow_signals_new(loop, numbers, 2), NULL);
        EQ_INT(errno, EINVAL);
    }
    EQ_PTR(vow_signals_new(loop, NULL, 0), NULL);
    EQ_INT(errno, EINVAL);
    EQ_INT(vow_run(loop, vow_signal(loop, 32), NULL), EINVAL); /* the C library's own */
}

TEST(without_descriptors_it_is_rejected_and_nothing_changes)
{
    for (int k = 0; k < 2; k++) {
        struct rlimit before = net_limit_descriptors(k);
        EQ_INT(vow_run(loop, vow_signal(loop, SIGUSR1), NULL), EMFILE);
        int number = SIGUSR1;
        EQ_PTR(vow_signals_new(loop, &number, 1), NULL);
        EQ_INT(errno, EMFILE);
        CHECK(disposition(SIGUSR1).sa_handler == SIG_DFL);
        setrlimit(RLIMIT_NOFILE, &before);
    }
}

static void expect_refused(vow_promise *p)
{
    EQ_INT(vow_state(p), VOW_REJECTED);
    vow_mark_handled(p);
    vow_unref(p);
}

TEST(a_closed_loop_rejects_waits_and_takes_no_more)
{
    int number = SIGUSR1;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    vow_promise *p = vow_signal(loop, SIGUSR1), *q = vow_signals_next(signals);
    vow_mark_handled(p);
    vow_mark_handled(q);
    vow_loop_close(loop);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    EQ_INT(vow_error_code(vow_error_of(q)), VOW_ECLOSED);
    CHECK(disposition(SIGUSR1).sa_handler == SIG_DFL);
    expect_refused(vow_signal(loop, SIGUSR1));
    EQ_PTR(vow_signals_new(loop, &number, 1), NULL);
    EQ_INT(errno, ESHUTDOWN);
    expect_refused(vow_signals_next(signals));
    expect_refused(vow_signal_info(loop, SIGUSR1));
    vow_signals_free(signals);
    vow_unref(p);
    vow_unref(q);
}

TEST_PLAIN(a_stream_outlives_its_loop)
{
    int number = SIGUSR1;
    vow_loop *loop_ = vow_loop_new();
    vow_signals *signals = vow_signals_new(loop_, &number, 1);
    CHECK(signals);
    vow_loop_free(loop_);
    CHECK(disposition(SIGUSR1).sa_handler == SIG_DFL);
    vow_signals_free(signals);
}

static int all_of_it(vow_loop *loop)
{
    int number = SIGUSR1, code = 0;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    if (!signals)
        return errno;
    vow_promise *next = vow_signals_next_info(signals), *p = vow_signal_info(loop, SIGUSR1);
    vow_mark_handled(next);
    vow_mark_handled(p);
    vow_promise *both = vow_all(loop, next, p);
    if (vow_state(both) == VOW_PENDING) {
        raise(SIGUSR1);
        raise(SIGUSR1);
    }
    code = vow_run(loop, both, NULL);
    if (code == 0)
        code = vow_run(loop, vow_signals_next_info(signals), NULL);
    vow_signals_free(signals);
    CHECK(disposition(SIGUSR1).sa_handler == SIG_DFL);
    return code;
}

TEST_PLAIN(without_memory_a_wait_is_rejected_and_nothing_is_lost) { sweep(all_of_it); }

TEST_PANICS(a_stream_without_its_loop_has_no_next, "the loop of the signals is freed")
{
    int number = SIGUSR1;
    vow_loop *own = vow_loop_new();
    vow_signals *signals = vow_signals_new(own, &number, 1);
    vow_loop_free(own);
    vow_unref(vow_signals_next(signals));
}
