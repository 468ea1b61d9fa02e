/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>

#include "../loop/common.h"

#include "adapt/pool.h"
#include "vow/flow.h"

/* A gate that jobs wait at: so a test says when they run and when they end. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    int waiting;
    bool open;
};
static struct gate gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, false};

static void gate_reset(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.open = false;
    pthread_mutex_unlock(&gate.lock);
}

static void gate_open(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.lock);
}

static void gate_pass(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.waiting++;
    pthread_cond_broadcast(&gate.moved);
    while (!gate.open)
        pthread_cond_wait(&gate.moved, &gate.lock);
    gate.waiting--;
    pthread_cond_broadcast(&gate.moved);
    pthread_mutex_unlock(&gate.lock);
}

/* Until n jobs stand at the gate. */
static void gate_await(int n)
{
    pthread_mutex_lock(&gate.lock);
    while (gate.waiting != n)
        pthread_cond_wait(&gate.moved, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

/* A job's data; says what happened to it and where. */
struct job {
    struct trace *seen; /* the loop's thread only */
    atomic_int ran, destroyed;
    pthread_t ran_on, destroyed_on;
};

static void destroy_job(void *data)
{
    struct job *job = data;
    job->destroyed_on = pthread_self();
    atomic_fetch_add(&job->destroyed, 1);
    if (job->seen)
        trace_add(job->seen, "destroyed");
}

static vow_value run_job(void *data)
{
    struct job *job = data;
    job->ran_on = pthread_self();
    atomic_fetch_add(&job->ran, 1);
    return vow_text("done");
}

static vow_value run_gated(void *data)
{
    gate_pass();
    return run_job(data);
}

static vow_value fail_job(void *data UNUSED) { return vow_fail(EIO, "no luck"); }

TEST(a_job_runs_on_another_thread_and_its_value_comes_back)
{
    struct job job = {NULL, 0, 0, pthread_self(), pthread_self()};
    vow_pool *pool = vow_pool_new("test", 2, 0);
    vow_value v;
    EQ_INT(vow_run(loop, vow_work(loop, pool, run_job, &job, destroy_job), &v), 0);
    EQ_TEXT(vow_as_text(v), "done");
    vow_release(v);
    CHECK(!pthread_equal(job.ran_on, pthread_self()));
    CHECK(pthread_equal(job.destroyed_on, pthread_self()));
    EQ_INT(job.destroyed, 1);
    EQ_PTR(vow_pool_free(pool), NULL);
}

TEST(a_job_that_fails_rejects)
{
    vow_value v;
    EQ_INT(vow_run(loop, vow_work(loop, NULL, fail_job, NULL, NULL), &v), EIO);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "no luck");
    vow_release(v);
}

TEST(its_data_is_destroyed_before_handlers_see_the_outcome)
{
    struct trace seen = {""};
    struct note note = {&seen, "handler"};
    struct job job = {.seen = &seen};
    vow_promise *p = vow_work(loop, NULL, run_job, &job, destroy_job);
    EQ_INT(vow_run(loop, vow_handle(p, note_any, &note), NULL), 0);
    EQ_TRACE(seen, "destroyed handler");
}

TEST(the_process_has_a_pool_for_user_work)
{
    EQ_UINT(vow_pool_queued(NULL), 0);
    vow_promise *p[20];
    struct job jobs[20];
    for (int i = 0; i < 20; i++) {
        jobs[i] = (struct job){.seen = NULL};
        p[i] = vow_work(loop, NULL, run_job, &jobs[i], destroy_job);
    }
    EQ_INT(vow_run(loop, vow_all_n(loop, 20, p), NULL), 0);
}

TEST_PLAIN(freeing_no_pool_is_fine) { EQ_PTR(vow_pool_free(NULL), NULL); }

TEST_PLAIN(an_unused_pool_starts_no_thread)
{
    vow_pool *pool = vow_pool_new("a name longer than the system shows", 8, 1);
    EQ_UINT(vow_pool_queued(pool), 0);
    vow_pool_free(pool);
}

/* Size and queue. */

TEST(threads_start_as_jobs_need_them_up_to_the_size)
{
    enum { SIZE = 3, JOBS = 10 };
    vow_pool *pool = vow_pool_new("test", SIZE, 0);
    struct job jobs[JOBS];
    vow_promise *p[JOBS];
    gate_reset();
    for (int i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.seen = NULL};
        p[i] = vow_work(loop, pool, run_gated, &jobs[i], destroy_job);
    }
    gate_await(SIZE);
    EQ_UINT(vow_pool_queued(pool), JOBS - SIZE);
    gate_open();
    EQ_INT(vow_run(loop, vow_all_n(loop, JOBS, p), NULL), 0);
    for (int i = 0; i < JOBS; i++)
        EQ_INT(jobs[i].ran + jobs[i].destroyed, 2);
    vow_pool_free(pool);
}

TEST(what_waits_and_what_runs_can_be_seen)
{
    vow_pool *pool = vow_pool_new("test", 2, 0);
    struct job jobs[3] = {{.seen = NULL}, {.seen = NULL}, {.seen = NULL}};
    vow_promise *p[3];
    EQ_UINT(vow_pool_running(pool) + vow_pool_running(NULL), 0);
    gate_reset();
    for (int i = 0; i < 3; i++)
        p[i] = vow_work(loop, pool, run_gated, &jobs[i], destroy_job);
    gate_await(2);
    EQ_UINT(vow_pool_running(pool), 2);
    EQ_UINT(vow_pool_queued(pool), 1);
    gate_open();
    EQ_INT(vow_run(loop, vow_all_n(loop, 3, p), NULL), 0);
    EQ_UINT(vow_pool_queued(pool), 0);
    vow_pool_free(pool);
}

/* The pools of the process. */

enum { DEFAULT_QUEUE = 1000000 };

static unsigned processors(void) { return (unsigned)sysconf(_SC_NPROCESSORS_ONLN); }

TEST(a_pool_of_the_process_can_be_made_larger)
{
    struct job jobs[6];
    vow_promise *p[6];
    gate_reset();
    vow_pool_set_size(VOW_POOL_NAMES, 6, 0);
    for (int i = 0; i < 6; i++) {
        jobs[i] = (struct job){.seen = NULL};
        p[i] = vow_work(loop, vow_pool_own(VOW_POOL_NAMES), run_gated, &jobs[i], destroy_job);
    }
    gate_await(6);
    EQ_UINT(vow_pool_queued(vow_pool_own(VOW_POOL_NAMES)), 0);
    gate_open();
    EQ_INT(vow_run(loop, vow_all_n(loop, 6, p), NULL), 0);
    vow_pool_set_size(VOW_POOL_NAMES, 4, 0);
}

TEST(or_smaller_while_it_works)
{
    struct job jobs[9];
    vow_promise *p[9];
    gate_reset();
    vow_pool_set_size(VOW_POOL_WORK, 3, 0);
    for (int i = 0; i < 9; i++) {
        jobs[i] = (struct job){.seen = NULL};
        p[i] = vow_work(loop, NULL, i < 3 ? run_gated : run_job, &jobs[i], destroy_job);
    }
    gate_await(3);
    vow_pool_set_size(VOW_POOL_WORK, 1, 0);
    EQ_UINT(vow_pool_queued(NULL), 6);
    gate_open();
    EQ_INT(vow_run(loop, vow_all_n(loop, 9, p), NULL), 0);
    gate_reset();
    for (int i = 0; i < 3; i++)
        p[i] = vow_work(loop, NULL, run_gated, &jobs[i], destroy_job);
    gate_await(1);
    EQ_UINT(vow_pool_queued(NULL), 2);
    EQ_UINT(vow_pool_running(NULL), 1);
    gate_open();
    EQ_INT(vow_run(loop, vow_all_n(loop, 3, p), NULL), 0);
    vow_pool_set_size(VOW_POOL_WORK, processors(), 0);
}

TEST(its_queue_can_be_bounded)
{
    struct job jobs[3] = {{.seen = NULL}, {.seen = NULL}, {.seen = NULL}};
    vow_promise *p[3];
    gate_reset();
    vow_pool_set_size(VOW_POOL_COPIES, 1, 1);
    for (int i = 0; i < 3; i++) {
        p[i] = vow_work(loop, vow_pool_own(VOW_POOL_COPIES), run_gated, &jobs[i], destroy_job);
        if (i == 0)
            gate_await(1);
    }
    EQ_INT(vow_run(loop, p[2], NULL), EAGAIN);
    gate_open();
    EQ_INT(vow_run(loop, p[0], NULL), 0);
    EQ_INT(vow_run(loop, p[1], NULL), 0);
    vow_pool_set_size(VOW_POOL_COPIES, 2, DEFAULT_QUEUE);
}

TEST_PLAIN(the_pools_of_the_process_are_four)
{
    vow_pool *pools[] = {vow_pool_own(VOW_POOL_WORK), vow_pool_own(VOW_POOL_FILES),
                         vow_pool_own(VOW_POOL_COPIES), vow_pool_own(VOW_POOL_NAMES)};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++)
            CHECK(pools[i] != NULL && pools[i] != pools[k]);
}

TEST_PANICS(a_pool_of_the_process_is_not_freed, "one of vow's own")
{
    vow_pool_free(vow_pool_own(VOW_POOL_FILES));
}

TEST(one_job_after_the_other_needs_one_thread)
{
    vow_pool *pool = vow_pool_new("test", 8, 0);
    struct job first = {.seen = NULL}, job = {.seen = NULL};
    EQ_INT(vow_run(loop, vow_work(loop, pool, run_job, &first, NULL), NULL), 0);
    for (int i = 0; i < 20; i++) {
        EQ_INT(vow_run(loop, vow_work(loop, pool, run_job, &job, NULL), NULL), 0);
        /* The thread may not be back at its queue yet: then another one starts. */
    }
    EQ_INT(job.ran, 20);
    vow_pool_free(pool);
}

TEST(a_full_queue_rejects_with_eagain_and_destroys)
{
    vow_pool *pool = vow_pool_new("test", 1, 2);
    struct job jobs[4];
    vow_promise *p[4];
    vow_value v;
    gate_reset();
    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct job){.seen = NULL};
        p[i] = vow_work(loop, pool, run_gated, &jobs[i], destroy_job);
        if (i == 0)
            gate_await(1);
    }
    EQ_INT(jobs[3].destroyed, 1);
    EQ_INT(vow_run(loop, p[3], &v), EAGAIN);
    HAS_TEXT(vow_error_message(vow_as_error(v)), "queue is full");
    vow_release(v);
    gate_open();
    EQ_INT(vow_run(loop, vow_all_n(loop, 3, p), NULL), 0);
    EQ_INT(jobs[3].ran, 0);
    vow_pool_free(pool);
}

/* Cancel and drop. */

TEST(a_queued_job_that_is_cancelled_or_dropped_never_runs)
{
    vow_pool *pool = vow_pool_new("test", 1, 0);
    struct job jobs[4];
    vow_promise *p[4];
    gate_reset();
    for (int i = 0; i < 4; i++) {
        jobs[i] = (struct job){.seen = NULL};
        p[i] = vow_work(loop, pool, run_gated, &jobs[i], destroy_job);
    }
    gate_await(1);
    vow_cancel(p[2]); /* from the middle, */
    EQ_INT(vow_error_code(vow_error_of(p[2])), ECANCELED);
    EQ_INT(jobs[2].destroyed, 1);
    p[3] = vow_unref(p[3]); /* the end, */
    EQ_INT(jobs[3].destroyed, 1);
    p[1] = vow_unref(p[1]); /* the beginning */
    EQ_INT(jobs[1].destroyed, 1);
    EQ_UINT(vow_pool_queued(pool), 0);
    gate_open();
    EQ_INT(vow_run(loop, p[0], NULL), 0);
    EQ_INT(jobs[1].ran + jobs[2].ran + jobs[3].ran, 0);
    vow_unref(p[2]);
    vow_pool_free(pool);
}

TEST(a_running_job_goes_on_when_cancelled_and_dispatch_waits_to_destroy_its_data)
{
    struct job job = {.seen = NULL};
    gate_reset();
    vow_promise *p = vow_work(loop, NULL, run_gated, &job, destroy_job);
    gate_await(1);
    vow_cancel(p);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    vow_poll(loop);
    EQ_INT(job.destroyed, 0);
    gate_open();
    EQ_INT(vow_run_all(loop), 0); /* nothing else is pending */
    EQ_INT(job.ran, 1);
    EQ_INT(job.destroyed, 1);
    CHECK(pthread_equal(job.destroyed_on, pthread_self()));
    vow_unref(p);
}

TEST(a_running_job_goes_on_when_dropped)
{
    struct job job = {.seen = NULL};
    gate_reset();
    vow_promise *p = vow_work(loop, NULL, run_gated, &job, destroy_job);
    gate_await(1);
    vow_unref(p);
    gate_open();
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(job.destroyed, 1);
}

static void drop_promise(void *data)
{
    vow_promise **p = data;
    *p = vow_unref(*p);
}

static vow_value no_work(void *data UNUSED) { return vow_text("for nobody"); }

TEST(destroying_its_data_may_drop_the_jobs_promise)
{
    vow_promise *p = NULL;
    p = vow_work(loop, NULL, no_work, &p, drop_promise);
    EQ_INT(vow_run_all(loop), 0);
    EQ_PTR(p, NULL);
}

TEST(a_time_limit_on_a_job_does_not_wait_for_it)
{
    struct job job = {.seen = NULL};
    gate_reset();
    vow_loop_set_clock(loop, NULL, NULL);
    vow_promise *p = vow_work(loop, NULL, run_gated, &job, destroy_job);
    gate_await(1); /* it runs: else it would be taken back */
    EQ_INT(run_code(loop, vow_timeout(p, 5)), ETIMEDOUT);
    EQ_INT(job.destroyed, 0);
    gate_open();
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(job.destroyed, 1);
}

/* The loop or the pool ends. */

TEST_PLAIN(a_closing_loop_takes_queued_jobs_back_and_leaves_running_ones_to_their_threads)
{
    vow_loop *loop_ = real_loop();
    vow_pool *pool = vow_pool_new("test", 1, 0);
    struct job running = {.seen = NULL}, queued = {.seen = NULL};
    gate_reset();
    vow_promise *p = vow_work(loop_, pool, run_gated, &running, destroy_job);
    vow_promise *q = vow_work(loop_, pool, run_gated, &queued, destroy_job);
    gate_await(1);
    EQ_UINT(vow_loop_close(loop_), 2);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    EQ_INT(vow_error_code(vow_error_of(q)), VOW_ECLOSED);
    EQ_INT(queued.destroyed, 1);
    CHECK(pthread_equal(queued.destroyed_on, pthread_self()));
    EQ_INT(running.destroyed, 0);
    vow_unref(p);
    vow_unref(q);
    vow_loop_free(loop_);
    gate_open();
    vow_pool_free(pool); /* waits for it */
    EQ_INT(running.ran, 1);
    EQ_INT(running.destroyed, 1);
    CHECK(pthread_equal(running.destroyed_on, running.ran_on));
}

TEST_PLAIN(a_job_that_is_done_when_the_loop_closes_settles_its_promise)
{
    vow_loop *loop_ = real_loop();
    vow_pool *pool = vow_pool_new("test", 1, 0);
    struct job job = {.seen = NULL};
    vow_promise *p = vow_work(loop_, pool, run_job, &job, destroy_job);
    vow_pool_free(pool); /* it may still have been queued: then it was cancelled */
    vow_loop_close(loop_);
    EQ_INT(job.destroyed, 1);
    CHECK(pthread_equal(job.destroyed_on, pthread_self()));
    if (job.ran)
        EQ_TEXT(vow_as_text(vow_peek(p)), "done");
    else
        EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    vow_unref(p);
    vow_loop_free(loop_);
}

static void *free_pool(void *pool) { return vow_pool_free(pool); }

TEST(freeing_a_pool_waits_for_running_jobs_and_cancels_queued_ones)
{
    vow_pool *pool = vow_pool_new("test", 1, 0);
    struct job running = {.seen = NULL}, queued = {.seen = NULL};
    pthread_t thread;
    gate_reset();
    vow_promise *p = vow_work(loop, pool, run_gated, &running, destroy_job);
    vow_promise *q = vow_work(loop, pool, run_gated, &queued, destroy_job);
    gate_await(1);
    CHECK(pthread_create(&thread, NULL, free_pool, pool) == 0); /* another thread may */
    EQ_INT(vow_run(loop, q, NULL), ECANCELED);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(queued.ran, 0);
    EQ_INT(queued.destroyed, 1);
    gate_open();
    EQ_INT(vow_run(loop, p, NULL), 0);
    pthread_join(thread, NULL);
    EQ_INT(running.destroyed, 1);
}

TEST(a_job_may_be_cancelled_after_its_pool_has_gone)
{
    vow_pool *pool = vow_pool_new("test", 1, 0);
    struct job jobs[2] = {{.seen = NULL}, {.seen = NULL}};
    vow_promise *p[2];
    for (int i = 0; i < 2; i++)
        p[i] = vow_work(loop, pool, run_job, &jobs[i], destroy_job);
    vow_pool_free(pool); /* results are on their way */
    for (int i = 0; i < 2; i++) {
        vow_cancel(p[i]);
        EQ_INT(vow_error_code(vow_error_of(p[i])), ECANCELED);
        vow_unref(p[i]);
    }
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(jobs[0].destroyed + jobs[1].destroyed, 2);
}

TEST(a_closed_loop_takes_no_job_and_destroys_its_data)
{
    struct job job = {.seen = NULL};
    vow_loop_close(loop);
    vow_promise *p = vow_work(loop, NULL, run_job, &job, destroy_job);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    EQ_INT(job.destroyed, 1);
    vow_unref(p);
}

/* What workers see. */

static vow_value count_unblocked(void *data UNUSED)
{
    sigset_t set;
    int unblocked = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    static const int some[] = {SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGPIPE, SIGALRM};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        unblocked += !sigismember(&set, some[i]);
    return vow_v(unblocked);
}

TEST(workers_block_signals_and_the_program_keeps_its_mask)
{
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    vow_pool *pool = vow_pool_new("test", 1, 0);
    EQ_INT(run_int(loop, vow_work(loop, pool, count_unblocked, NULL, NULL)), 0);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int number = 1; number < 32; number++)
        EQ_INT(sigismember(&before, number), sigismember(&after, number));
    vow_pool_free(pool);
}

static vow_value has_a_loop(void *data UNUSED) { return vow_v(vow_current() != NULL); }

TEST(a_worker_has_no_current_loop)
{
    EQ_INT(vow_run(loop, vow_work(loop, NULL, has_a_loop, NULL, NULL), NULL), 0);
}

/* Names that hang must not hold up files, nor user work either. */
TEST(the_pools_of_vow_do_not_block_each_other)
{
    enum { MANY = 8 };
    struct job names[MANY], file = {.seen = NULL}, user = {.seen = NULL};
    vow_promise *p[MANY];
    gate_reset();
    for (int i = 0; i < MANY; i++) {
        names[i] = (struct job){.seen = NULL};
        p[i] = vow_work(loop, vow__pool_names(), run_gated, &names[i], destroy_job);
    }
    EQ_INT(vow_run(loop, vow_work(loop, vow__pool_files(), run_job, &file, NULL), NULL), 0);
    EQ_INT(vow_run(loop, vow_work(loop, NULL, run_job, &user, NULL), NULL), 0);
    gate_open();
    EQ_INT(vow_run(loop, vow_all_n(loop, MANY, p), NULL), 0);
}

/* Faults. */

TEST(a_job_without_memory_is_rejected_and_its_data_destroyed)
{
    for (size_t n = 1;; n++) {
        struct job job = {.seen = NULL};
        vow_loop *other = real_loop();
        vow_test_fail_allocation(n, false);
        vow_promise *p = vow_work(other, NULL, no_work, &job, destroy_job);
        bool failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        EQ_INT(vow_run(other, p, NULL), failed ? ENOMEM : 0);
        EQ_INT(job.destroyed, 1);
        vow_loop_free(other);
        if (!failed) {
            CHECK(n > 2);
            return;
        }
    }
}

static size_t until_event_failure;
static void *event_malloc(size_t size)
{
    return until_event_failure && --until_event_failure == 0 ? NULL : malloc(size);
}
static void *event_realloc(void *block, size_t size)
{
    return until_event_failure && --until_event_failure == 0 ? NULL : realloc(block, size);
}

TEST_PLAIN(a_job_survives_libevent_without_memory)
{
    event_set_mem_functions(event_malloc, event_realloc, free);
    for (size_t n = 1;; n++) {
        struct job job = {.seen = NULL};
        vow_loop *other = real_loop();
        until_event_failure = n;
        vow_promise *p = vow_work(other, NULL, run_job, &job, destroy_job);
        bool failed = until_event_failure == 0;
        until_event_failure = 0;
        EQ_INT(vow_run(other, p, NULL), failed ? ENOMEM : 0);
        EQ_INT(job.ran, !failed);
        EQ_INT(job.destroyed, 1);
        vow_loop_free(other);
        if (!failed) {
            CHECK(n > 1);
            return;
        }
    }
}

TEST_PLAIN(a_pool_without_memory_is_no_pool)
{
    vow_test_fail_allocation(1, false);
    EQ_PTR(vow_pool_new("test", 1, 0), NULL);
    vow_test_fail_allocation(0, false);
}

#ifdef __GLIBC__
/* There is no room for a stack of the size that is now the default. */
TEST(a_thread_that_cannot_be_had_rejects_with_its_errno)
{
    struct job job = {.seen = NULL};
    pthread_attr_t before, huge;
    vow_pool *pool = vow_pool_new("test", 1, 0);
    CHECK(pthread_getattr_default_np(&before) == 0 && pthread_attr_init(&huge) == 0);
    CHECK(pthread_attr_setstacksize(&huge, (size_t)1 << 47) == 0);
    CHECK(pthread_setattr_default_np(&huge) == 0);
    vow_promise *p = vow_work(loop, pool, run_job, &job, destroy_job);
    CHECK(pthread_setattr_default_np(&before) == 0);
    EQ_INT(job.destroyed, 1);
    int code = vow_run(loop, p, NULL);
    CHECK(code == EAGAIN || code == EINVAL); /* valgrind's mmap says EINVAL */
    EQ_INT(job.ran, 0);
    EQ_INT(vow_run(loop, vow_work(loop, pool, run_job, &job, destroy_job), NULL), 0);
    EQ_INT(job.ran, 1);
    pthread_attr_destroy(&before);
    pthread_attr_destroy(&huge);
    vow_pool_free(pool);
}
#endif

TEST_PLAIN(a_job_without_a_descriptor_for_its_way_home_says_so)
{
    struct job job = {.seen = NULL};
    struct rlimit before, none;
    vow_loop *loop_ = real_loop();
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = (rlim_t)dup(2);
    close((int)none.rlim_cur);
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    vow_promise *p = vow_work(loop_, NULL, run_job, &job, destroy_job);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    EQ_INT(vow_run(loop_, p, NULL), EMFILE);
    EQ_INT(job.ran, 0);
    EQ_INT(job.destroyed, 1);
    vow_loop_free(loop_);
}

/* Many jobs, cancelled, dropped and awaited in all states, from two loops on two threads; the
 * ledger says that each datum was destroyed once, and what did not run was not run. */

struct tally {
    atomic_int ran, destroyed;
};

static vow_value tally_run(void *data)
{
    atomic_fetch_add(&((struct tally *)data)->ran, 1);
    return vow_text("result");
}
static void tally_destroy(void *data) { atomic_fetch_add(&((struct tally *)data)->destroyed, 1); }

struct crowd {
    vow_pool *pool;
    struct tally tally;
    bool close_early;
    unsigned seed;
};

enum { JOBS = 2000 };

static void *run_crowd(void *data)
{
    struct crowd *crowd = data;
    vow_loop *loop = vow_loop_new();
    vow_promise **p = calloc(JOBS, sizeof *p);
    for (int i = 0; i < JOBS; i++) {
        p[i] = vow_work(loop, crowd->pool, tally_run, &crowd->tally, tally_destroy);
        crowd->seed = crowd->seed * 1103515245 + 12345;
        int victim = (int)(crowd->seed >> 16) % (i + 1), how = (int)(crowd->seed >> 8) % 4;
        if (how == 0)
            vow_cancel(p[victim] ? p[victim] : p[i]);
        else if (how == 1)
            p[victim] = vow_unref(p[victim]);
        else if (i % 50 == 0)
            vow_poll(loop);
    }
    if (!crowd->close_early)
        vow_run_all(loop);
    for (int i = 0; i < JOBS; i++)
        vow_unref(p[i]);
    vow_loop_free(loop);
    free(p);
    return NULL;
}

static void run_crowds(bool close_early)
{
    enum { LOOPS = 2 };
    pthread_t threads[LOOPS];
    struct crowd crowds[LOOPS];
    vow_pool *pool = vow_pool_new("crowd", 3, 0);
    for (unsigned i = 0; i < LOOPS; i++) {
        crowds[i] = (struct crowd){pool, {0, 0}, close_early, 7 + i};
        CHECK(pthread_create(&threads[i], NULL, run_crowd, &crowds[i]) == 0);
    }
    for (int i = 0; i < LOOPS; i++)
        pthread_join(threads[i], NULL);
    vow_pool_free(pool); /* jobs of a loop that is gone end here */
    for (int i = 0; i < LOOPS; i++) {
        EQ_INT(crowds[i].tally.destroyed, JOBS);
        CHECK(crowds[i].tally.ran <= JOBS);
    }
}

TEST_PLAIN(many_jobs_of_two_loops_cancelled_and_dropped_in_all_states) { run_crowds(false); }
TEST_PLAIN(many_jobs_whose_loops_are_freed_while_they_run) { run_crowds(true); }

static vow_value quick(void *data)
{
    atomic_fetch_add((atomic_int *)data, 1);
    return vow_none();
}

TEST_PLAIN(a_pool_freed_while_another_thread_has_jobs_in_it)
{
    for (int round = 0; round < 50; round++) {
        vow_loop *loop_ = real_loop();
        atomic_int ran = 0;
        pthread_t thread;
        vow_pool *pool = vow_pool_new("brief", 2, 0);
        vow_promise *p[20];
        for (int i = 0; i < 20; i++)
            p[i] = vow_work(loop_, pool, quick, &ran, NULL);
        CHECK(pthread_create(&thread, NULL, free_pool, pool) == 0);
        for (int i = 0; i < 20; i += 2)
            vow_cancel(p[i]);
        EQ_INT(vow_run_all(loop_), 0);
        pthread_join(thread, NULL);
        EQ_INT(vow_run_all(loop_), 0);
        for (int i = 0; i < 20; i++) {
            CHECK(vow_state(p[i]) != VOW_PENDING);
            vow_mark_handled(p[i]);
            vow_unref(p[i]);
        }
        vow_loop_free(loop_);
    }
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if !defined(__SANITIZE_THREAD__) && !__has_feature(thread_sanitizer) /* no threads after fork */

static vow_value free_own_pool(void *data)
{
    vow_pool_free(*(vow_pool **)data);
    return vow_none();
}

TEST_PANICS(a_job_must_not_free_its_own_pool, "inside a job of this pool")
{
    vow_pool *pool = vow_pool_new("test", 1, 0);
    EQ_INT(vow_run(loop, vow_work(loop, pool, free_own_pool, &pool, NULL), NULL), 0);
}

static vow_value same(void *data UNUSED) { return VOW_SAME; }
TEST_PANICS(a_job_has_nothing_to_pass_on, "VOW_SAME")
{
    EQ_INT(vow_run(loop, vow_work(loop, NULL, same, NULL, NULL), NULL), 0);
}

/* Forking: the pool starts again, empty; the parent's jobs are the parent's. */

struct family {
    vow_loop *loop;
    vow_pool *pool;
    struct job running, queued;
    vow_promise *p, *q;
};

static int child_of_pool(void *data)
{
    struct family *f = data;
    struct job own = {.seen = NULL};
    CHILD_CHECK(vow_pool_queued(f->pool) == 0);
    CHILD_CHECK(vow_loop_after_fork(f->loop) == 0);
    CHILD_CHECK(vow_error_is(vow_error_of(f->p), vow_own_domain(), VOW_EFORK));
    CHILD_CHECK(vow_error_is(vow_error_of(f->q), vow_own_domain(), VOW_EFORK));
    CHILD_CHECK(f->queued.destroyed == 1);  /* it never runs here */
    CHILD_CHECK(f->running.destroyed == 0); /* who knows what state it is in */
    vow_mark_handled(f->p);
    vow_mark_handled(f->q);
    CHILD_CHECK(vow_run(f->loop, vow_work(f->loop, f->pool, run_job, &own, destroy_job), NULL) ==
                0);
    CHILD_CHECK(own.ran == 1 && own.destroyed == 1);
    CHILD_CHECK(vow_run(f->loop, vow_work(f->loop, NULL, run_job, &own, destroy_job), NULL) == 0);
    CHILD_CHECK(vow_run_all(f->loop) == 0); /* the parent's job does not hold it */
    vow_unref(f->p);
    vow_unref(f->q);
    vow_pool_free(f->pool);
    vow_loop_free(f->loop);
    return 0;
}

static int child_that_cancels(void *data)
{
    struct family *f = data;
    vow_cancel(f->p);
    vow_unref(f->q);
    CHILD_CHECK(f->queued.destroyed == 1);
    CHILD_CHECK(f->running.destroyed == 0);
    return 0;
}

static void fork_with(int (*child)(void *data))
{
    struct family f = {
        real_loop(), vow_pool_new("family", 1, 0), {.seen = NULL}, {.seen = NULL}, NULL, NULL};
    gate_reset();
    f.p = vow_work(f.loop, f.pool, run_gated, &f.running, destroy_job);
    f.q = vow_work(f.loop, f.pool, run_gated, &f.queued, destroy_job);
    gate_await(1);
    end_child(start_child(child, &f));
    gate_open();
    EQ_INT(vow_run(f.loop, f.p, NULL), 0);
    EQ_INT(vow_run(f.loop, f.q, NULL), 0);
    EQ_INT(f.running.destroyed + f.queued.destroyed, 2);
    vow_pool_free(f.pool);
    vow_loop_free(f.loop);
}

TEST_PLAIN(pools_start_again_in_a_child) { fork_with(child_of_pool); }
TEST_PLAIN(a_child_may_cancel_and_drop_jobs_of_its_parent) { fork_with(child_that_cancels); }
#endif
