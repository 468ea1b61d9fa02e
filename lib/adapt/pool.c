/* SPDX-License-Identifier: MIT
 *
 * adapt/pool.c - worker threads and their queue. A pool starts a thread when a job finds no
 * idle one, up to its size, and keeps them to its end (vow's own until they are made smaller).
 *
 * Fork: all pools are listed, and locked while the process forks, so that the child finds
 * every queue in order. There the pools start again, empty and without threads.
 */
#include "adapt/pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

struct vow_pool {
    pthread_mutex_t lock;
    pthread_cond_t work; /* something was queued, or the pool ends */
    struct vow__job *first, *last;
    size_t queued, room;          /* waiting jobs, and at most */
    unsigned threads, idle, most; /* started, waiting for work, at most */
    unsigned running;             /* jobs on a thread */
    bool ending;
    atomic_uint refs; /* the program's, and one a job; vow's own pools never count to zero */
    pthread_t *ids;   /* to be joined; NULL: vow's own, whose threads end with the process */
    char name[16];    /* shown for the threads; "" for none */
    vow_pool *next;   /* in all_pools */
};

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static vow_pool *all_pools;
static pthread_once_t fork_watch = PTHREAD_ONCE_INIT;
static _Thread_local vow_pool *here; /* whose thread this is */

/* Forking. */

static void before_fork(void)
{
    pthread_mutex_lock(&list_lock);
    for (vow_pool *pool = all_pools; pool; pool = pool->next)
        pthread_mutex_lock(&pool->lock);
}

static void after_fork_in_parent(void)
{
    for (vow_pool *pool = all_pools; pool; pool = pool->next)
        pthread_mutex_unlock(&pool->lock);
    pthread_mutex_unlock(&list_lock);
}

static void unlink_job(vow_pool *pool, struct vow__job *job)
{
    *(job->prev ? &job->prev->next : &pool->first) = job->next;
    *(job->next ? &job->next->prev : &pool->last) = job->prev;
    pool->queued--;
    job->state = VOW__JOB_IDLE;
}

/* Queued jobs are given up: their loops find them idle when they take them back. One that a
 * thread was running stays as it is for ever, its data half changed perhaps. */
static void after_fork_in_child(void)
{
    for (vow_pool *pool = all_pools; pool; pool = pool->next) {
        while (pool->first) {
            struct vow__job *job = pool->first;
            unlink_job(pool, job);
            atomic_fetch_sub_explicit(&job->refs, 1, memory_order_relaxed); /* one thread */
        }
        pool->threads = pool->idle = pool->running = 0;
        pthread_cond_init(&pool->work, NULL); /* threads that are no more waited on it */
        pthread_mutex_unlock(&pool->lock);
    }
    pthread_mutex_unlock(&list_lock);
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static void enlist(vow_pool *pool)
{
    pthread_once(&fork_watch, watch_forks);
    pthread_mutex_lock(&list_lock);
    pool->next = all_pools;
    all_pools = pool;
    pthread_mutex_unlock(&list_lock);
}

static void delist(vow_pool *pool)
{
    pthread_mutex_lock(&list_lock);
    vow_pool **at = &all_pools;
    while (*at != pool)
        at = &(*at)->next;
    *at = pool->next;
    pthread_mutex_unlock(&list_lock);
}

/* The threads. */

/* More threads than there are to be: vow's own pools can be made smaller. */
static bool is_surplus(const vow_pool *pool) { return pool->threads > pool->most; }

/* The next job; NULL: the thread is to end. Called and left with the lock held. */
static struct vow__job *wait_for_job(vow_pool *pool)
{
    while (!pool->first && !pool->ending && !is_surplus(pool)) {
        pool->idle++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
    }
    struct vow__job *job = is_surplus(pool) ? NULL : pool->first;
    if (job) {
        unlink_job(pool, job);
        job->state = VOW__JOB_RUNNING;
        pool->running++;
    }
    return job;
}

static void *run_jobs(void *data)
{
    vow_pool *pool = here = data;
    struct vow__job *job;
#ifdef __linux__
    if (pool->name[0])
        pthread_setname_np(pthread_self(), pool->name);
#endif
    pthread_mutex_lock(&pool->lock);
    while ((job = wait_for_job(pool)) != NULL) {
        pthread_mutex_unlock(&pool->lock);
        vow__job_finished(job, job->fn(job->data));
        pthread_mutex_lock(&pool->lock);
        pool->running--;
    }
    if (!pool->ending)
        pool->threads--;
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are for the program's own threads. 0 or an errno number; the lock is held. */
static int start_thread(vow_pool *pool)
{
    sigset_t all, before;
    pthread_t id;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&id, NULL, run_jobs, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed)
        return failed;
    if (pool->ids)
        pool->ids[pool->threads] = id;
    else
        pthread_detach(id);
    pool->threads++;
    return 0;
}

/* The queue. */

static void append(vow_pool *pool, struct vow__job *job)
{
    job->state = VOW__JOB_QUEUED;
    job->next = NULL;
    job->prev = pool->last;
    *(pool->last ? &pool->last->next : &pool->first) = job;
    pool->last = job;
    pool->queued++;
}

/* One thread is enough to go on: only without any is a thread that cannot be had an error. */
static int submit(vow_pool *pool, struct vow__job *job, const char **ret_why)
{
    *ret_why = "the pool ends";
    if (pool->ending)
        return ECANCELED;
    *ret_why = "the pool's queue is full";
    if (pool->queued >= pool->room)
        return EAGAIN;
    if (pool->queued + 1 > pool->idle && pool->threads < pool->most) {
        *ret_why = "start a thread";
        int failed = start_thread(pool);
        if (failed && pool->threads == 0)
            return failed;
    }
    append(pool, job);
    pthread_cond_signal(&pool->work);
    return 0;
}

int vow__pool_submit(struct vow__job *job, const char **ret_why)
{
    vow_pool *pool = job->pool;
    /* relaxed, here and below: the lock orders */
    atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
    pthread_mutex_lock(&pool->lock);
    int failed = submit(pool, job, ret_why);
    pthread_mutex_unlock(&pool->lock);
    if (failed)
        atomic_fetch_sub_explicit(&job->refs, 1, memory_order_relaxed);
    return failed;
}

bool vow__pool_take_back(struct vow__job *job)
{
    vow_pool *pool = job->pool;
    pthread_mutex_lock(&pool->lock);
    bool runs = job->state == VOW__JOB_RUNNING;
    if (job->state == VOW__JOB_QUEUED) {
        unlink_job(pool, job);
        atomic_fetch_sub_explicit(&job->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&pool->lock);
    return !runs;
}

/* Pools. */

enum { MANY_JOBS = 1000000, FILE_THREADS = 4, NAME_THREADS = 4, COPY_THREADS = 2 };

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

#define OWN_POOL(shown, threads)                                                        \
    {                                                                                   \
        .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER, .refs = 1, \
        .room = MANY_JOBS, .most = (threads), .name = shown                             \
    }
static vow_pool files = OWN_POOL("vow files", FILE_THREADS);
static vow_pool names = OWN_POOL("vow names", NAME_THREADS);
static vow_pool copies = OWN_POOL("vow copies", COPY_THREADS);
static vow_pool work = OWN_POOL("vow work", 1);
static pthread_once_t own_pools = PTHREAD_ONCE_INIT;

static void make_own_pools(void)
{
    work.most = processors();
    enlist(&files);
    enlist(&names);
    enlist(&copies);
    enlist(&work);
}

static vow_pool *own(vow_pool *pool)
{
    pthread_once(&own_pools, make_own_pools);
    return pool;
}

vow_pool *vow__pool_files(void) { return own(&files); }
vow_pool *vow__pool_names(void) { return own(&names); }
vow_pool *vow__pool_copies(void) { return own(&copies); }

vow_pool *vow__pool_ref(vow_pool *pool)
{
    if (!pool)
        pool = own(&work);
    atomic_fetch_add_explicit(&pool->refs, 1, memory_order_relaxed); /* the caller has one */
    return pool;
}

vow_pool *vow_pool_own(vow_pool_kind kind)
{
    switch (kind) {
    case VOW_POOL_FILES:
        return own(&files);
    case VOW_POOL_COPIES:
        return own(&copies);
    case VOW_POOL_NAMES:
        return own(&names);
    default:
        return own(&work);
    }
}

void vow_pool_set_size(vow_pool_kind kind, unsigned threads, size_t queue)
{
    vow_pool *pool = vow_pool_own(kind);
    pthread_mutex_lock(&pool->lock);
    pool->most = threads ? threads : pool->most;
    pool->room = queue ? queue : pool->room;
    pthread_cond_broadcast(&pool->work); /* surplus threads end */
    pthread_mutex_unlock(&pool->lock);
}

size_t vow_pool_queued(vow_pool *pool)
{
    if (!pool)
        pool = own(&work);
    pthread_mutex_lock(&pool->lock);
    size_t queued = pool->queued;
    pthread_mutex_unlock(&pool->lock);
    return queued;
}

size_t vow_pool_running(vow_pool *pool)
{
    if (!pool)
        pool = own(&work);
    pthread_mutex_lock(&pool->lock);
    size_t running = pool->running;
    pthread_mutex_unlock(&pool->lock);
    return running;
}

void vow__pool_unref(vow_pool *pool)
{
    /* acq_rel: the last one sees what the others did */
    if (atomic_fetch_sub_explicit(&pool->refs, 1, memory_order_acq_rel) != 1)
        return;
    delist(pool);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->work);
    vow__free(pool);
}

vow_pool *vow_pool_new(const char *name, unsigned threads, size_t queue)
{
    unsigned most = threads ? threads : processors();
    vow_pool *pool = vow__alloc_zeroed(sizeof *pool + most * sizeof *pool->ids);
    if (!pool)
        return NULL;
    pool->ids = (pthread_t *)(pool + 1);
    pool->most = most;
    pool->room = queue ? queue : MANY_JOBS;
    atomic_init(&pool->refs, 1);
    if (name)
        strncpy(pool->name, name, sizeof pool->name - 1);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    enlist(pool);
    return pool;
}

vow_pool *vow_pool_free(vow_pool *pool)
{
    if (!pool)
        return NULL;
    VOW_CHECK(pool->ids, "vow_pool_free: the pool is one of vow's own");
    VOW_CHECK(here != pool,
              "vow_pool_free: inside a job of this pool, which would wait for itself");
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    struct vow__job *job;
    while ((job = pool->first) != NULL) {
        unlink_job(pool, job);
        job->state = VOW__JOB_RUNNING; /* ours, until it is home */
        pthread_mutex_unlock(&pool->lock);
        vow__job_finished(job, vow__fail_ready(ECANCELED));
        pthread_mutex_lock(&pool->lock);
    }
    unsigned threads = pool->threads;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(pool->ids[i], NULL);
    vow__pool_unref(pool);
    return NULL;
}
