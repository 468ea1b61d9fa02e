/* SPDX-License-Identifier: MIT
 *
 * Signals with several loops: of one thread, of several, of a parent and its child.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

#if defined(__SANITIZE_THREAD__)
#define TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TSAN 1
#endif
#endif

enum { THREADS = 4, ROUNDS = 60 }; /* together less than what a stream keeps */

TEST(two_loops_of_one_thread_both_get_it)
{
    vow_loop *other = vow_loop_new();
    vow_promise *p = vow_signal(loop, SIGUSR1), *q = vow_signal(other, SIGUSR1);
    raise(SIGUSR1);
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_INT(vow_run(other, q, NULL), 0);
    vow_loop_free(other);
}

struct ring {
    atomic_int ready, heard;
};

static void *hear_one(void *data)
{
    struct ring *ring = data;
    vow_loop *loop = vow_loop_new();
    vow_promise *p = vow_signal(loop, SIGUSR1);
    atomic_fetch_add(&ring->ready, 1);
    if (vow_run(loop, p, NULL) == 0)
        atomic_fetch_add(&ring->heard, 1);
    vow_loop_free(loop);
    return NULL;
}

/* scenario 149 */
TEST_PLAIN(loops_of_several_threads_all_get_it)
{
    struct ring ring = {0, 0};
    pthread_t ids[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&ids[i], NULL, hear_one, &ring) == 0);
    while (atomic_load(&ring.ready) < THREADS)
        usleep(100);
    kill(getpid(), SIGUSR1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    EQ_INT(atomic_load(&ring.heard), THREADS);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    CHECK(now.sa_handler == SIG_DFL);
}

/* Ears come and go while other threads' handlers walk the list of them. */
static void *come_and_go(void *data)
{
    atomic_int *ended = data;
    vow_loop *loop = vow_loop_new();
    for (int i = 0; i < ROUNDS; i++) {
        vow_promise *p = vow_signal(loop, SIGUSR1);
        vow_poll(loop);
        vow_unref(p);
    }
    vow_loop_free(loop);
    atomic_fetch_add(ended, 1);
    return NULL;
}

TEST_PLAIN(loops_come_and_go_while_signals_rain)
{
    atomic_int ended = 0;
    pthread_t ids[THREADS];
    signal(SIGUSR1, SIG_IGN); /* between the waits */
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&ids[i], NULL, come_and_go, &ended) == 0);
    while (atomic_load(&ended) < THREADS)
        for (int i = 0; i < THREADS; i++)
            kill(getpid(), SIGUSR1);
    for (int i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    CHECK(now.sa_handler == SIG_IGN);
}

#ifndef TSAN /* which keeps one signal of a number itself, and loses the others */
static void *queue_values(void *data)
{
    for (int i = 0; i < ROUNDS; i++)
        while (sigqueue(getpid(), *(int *)data, (union sigval){.sival_int = i}) != 0)
            usleep(100); /* EAGAIN: the system's queue is full */
    return NULL;
}

/* Each value once from each thread; those of one thread could come in another order, since
 * handlers run on several. */
TEST_PLAIN(real_time_signals_from_several_threads_are_all_heard)
{
    int number = SIGRTMIN, sum = 0;
    vow_loop *own = vow_loop_new();
    vow_signals *signals = vow_signals_new(own, &number, 1);
    pthread_t ids[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&ids[i], NULL, queue_values, &number) == 0);
    for (int i = 0; i < THREADS * ROUNDS; i++) {
        vow_value v;
        EQ_INT(vow_run(own, vow_signals_next_info(signals), &v), 0);
        sum += vow_siginfo_of(v)->value.number;
        vow_release(v);
    }
    EQ_INT(sum, THREADS * (ROUNDS * (ROUNDS - 1) / 2));
    for (int i = 0; i < THREADS; i++)
        pthread_join(ids[i], NULL);
    vow_signals_free(signals);
    vow_loop_free(own);
}

#endif

TEST_PLAIN(signals_at_a_kilohertz_neither_hasten_nor_stop_anything)
{
    struct itimerval each_ms = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
    int number = SIGALRM;
    signal(SIGALRM, SIG_IGN); /* Check has a handler */
    vow_loop *own = vow_loop_new();
    vow_signals *signals = vow_signals_new(own, &number, 1);
    setitimer(ITIMER_REAL, &each_ms, NULL);
    uint64_t before = vow_now(own);
    vow_promise *delay = vow_delay(own, 50);
    for (int i = 0; i < 30; i++)
        EQ_INT(vow_run(own, vow_signals_next(signals), NULL), 0);
    EQ_INT(vow_run(own, delay, NULL), 0);
    CHECK(vow_now(own) - before >= 50 * 1000000);
    setitimer(ITIMER_REAL, &none, NULL);
    vow_signals_free(signals);
    vow_loop_free(own);
}

/* Forking. */

static int status_of(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

TEST(a_signal_for_the_child_is_none_of_the_parents)
{
    signal(SIGUSR1, SIG_DFL);
    vow_promise *p = vow_signal(loop, SIGUSR1);
    pid_t child = fork();
    if (child == 0) {
        raise(SIGUSR1); /* nobody waits in this process */
        _exit(0);
    }
    int status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    raise(SIGUSR1);
    EQ_INT(vow_run(loop, p, NULL), 0);
}

TEST(a_child_that_goes_on_with_the_loop_hears_its_own_signals)
{
    int number = SIGUSR2;
    vow_signals *signals = vow_signals_new(loop, &number, 1);
    vow_promise *p = vow_signal(loop, SIGUSR1);
    raise(SIGUSR2); /* in the pipe: the parent's */
    pid_t child = fork();
    if (child == 0) {
        bool good = vow_loop_after_fork(loop) == 0;
        raise(SIGUSR1);
        good = good && vow_run(loop, p, NULL) == 0;
        vow_promise *next = vow_signals_next(signals);
        good = good && vow_state(next) == VOW_PENDING;
        raise(SIGUSR2);
        good = good && vow_run(loop, next, NULL) == 0;
        _exit(good ? 0 : 1);
    }
    EQ_INT(status_of(child), 0);
    vow_poll(loop);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    EQ_INT(vow_run(loop, vow_signals_next(signals), NULL), 0);
    vow_signals_free(signals);
}

TEST(a_child_may_free_the_loop_without_a_word)
{
    vow_promise *p = vow_signal(loop, SIGUSR1);
    pid_t child = fork();
    if (child == 0) {
        vow_unref(p);
        vow_loop_free(loop);
        struct sigaction now;
        sigaction(SIGUSR1, NULL, &now);
        _exit(now.sa_handler == SIG_DFL ? 0 : 1);
    }
    EQ_INT(status_of(child), 0);
    raise(SIGUSR1);
    EQ_INT(vow_run(loop, p, NULL), 0);
}

TEST(a_child_that_does_not_say_so_is_refused)
{
    int number = SIGUSR1;
    pid_t child = fork();
    if (child == 0) {
        vow_promise *p = vow_signal(loop, number);
        bool good = vow_error_is(vow_error_of(p), vow_own_domain(), VOW_EFORK);
        good = good && !vow_signals_new(loop, &number, 1) && errno == VOW_EFORK;
        _exit(good ? 0 : 1);
    }
    EQ_INT(status_of(child), 0);
}
