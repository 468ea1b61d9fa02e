/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdatomic.h>

#include "common.h"

TEST(a_post_runs_on_the_loop_and_then_destroys_its_data)
{
    struct trace seen = {""};
    struct note run = {&seen, "run"};
    int destroyed = 0;
    vow_remote *remote = vow_remote_new(loop);
    EQ_INT(vow_post(remote, note_plain, &run, NULL), 0);
    EQ_INT(vow_post(remote, count_destroy, &destroyed, count_destroy), 0);
    EQ_TRACE(seen, "");
    vow_poll(loop);
    EQ_TRACE(seen, "run");
    EQ_INT(destroyed, 2);
    EQ_PTR(vow_remote_unref(remote), NULL);
}

TEST_PLAIN(no_remote_is_fine_to_reference_and_release)
{
    EQ_PTR(vow_remote_ref(NULL), NULL);
    EQ_PTR(vow_remote_unref(NULL), NULL);
}

TEST(posts_run_in_order)
{
    struct trace seen = {""};
    struct note notes[3] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}};
    vow_remote *remote = vow_remote_new(loop);
    for (int i = 0; i < 3; i++)
        EQ_INT(vow_post(remote, note_plain, &notes[i], NULL), 0);
    vow_poll(loop);
    EQ_TRACE(seen, "a b c");
    vow_remote_unref(remote);
}

static void current_is(void *loop) { EQ_PTR(vow_current(), loop); }

TEST(a_posted_function_knows_its_loop)
{
    vow_remote *remote = vow_remote_new(loop);
    EQ_INT(vow_post(remote, current_is, loop, NULL), 0);
    vow_poll(loop);
    vow_remote_unref(remote);
}

/* Dispatch and the remote. */

TEST_PLAIN(an_open_remote_keeps_dispatch_waiting_and_its_end_lets_it_return)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    EQ_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    vow_remote *remote = vow_remote_new(loop_), *again = vow_remote_new(loop_);
    EQ_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 1);
    vow_remote_unref(remote);
    EQ_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 1);
    vow_remote_unref(again);
    EQ_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    EQ_INT(event_base_dispatch(base), 1);
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST(what_was_posted_runs_though_the_remote_is_gone)
{
    int ran = 0;
    vow_remote *remote = vow_remote_new(loop);
    EQ_INT(vow_post(remote, count_destroy, &ran, NULL), 0);
    vow_remote_unref(remote);
    EQ_INT(event_base_dispatch(vow_loop_base(loop)), 1);
    EQ_INT(ran, 1);
}

static void *post_and_let_go(void *data)
{
    vow_remote *remote = *(vow_remote **)data;
    int failed = 0;
    for (int i = 0; i < 10; i++)
        failed |= vow_post(remote, count_destroy, ((void **)data)[1], NULL);
    vow_remote_unref(remote);
    return failed ? NULL : data;
}

TEST(dispatch_waits_for_another_thread_to_let_its_remote_go)
{
    int ran = 0;
    void *data[2] = {vow_remote_new(loop), &ran}, *good;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, post_and_let_go, data) == 0);
    EQ_INT(event_base_dispatch(vow_loop_base(loop)), 1);
    EQ_INT(ran, 10);
    pthread_join(thread, &good);
    CHECK(good != NULL);
}

static void settle_one(void *resolver) { vow_resolve(resolver, vow_v(1)); }
static void note_served(void *data)
{
    int *served = data; /* and what it was when the last post ran */
    served[1] = served[0];
}

TEST(what_hundreds_of_posts_settle_is_served_before_the_last_of_them)
{
    enum { POSTS = 300 };
    int served[2] = {0, 0};
    vow_remote *remote = vow_remote_new(loop);
    for (int i = 0; i < POSTS; i++) {
        vow_resolver *r;
        vow_promise *p = vow_handle(vow_promise_new(loop, &r), count_value, served);
        vow_detach(p, NULL, NULL, NULL);
        EQ_INT(vow_post(remote, settle_one, r, NULL), 0);
    }
    EQ_INT(vow_post(remote, note_served, served, NULL), 0);
    vow_poll(loop);
    EQ_INT(served[0], POSTS);
    CHECK(served[1] > 0 && served[1] < POSTS);
    vow_remote_unref(remote);
}

/* Nodes of the caller's. */

struct counted {
    vow_node node; /* first */
    int ran, gone;
};
static void run_counted(vow_node *node) { ((struct counted *)node)->ran++; }
static void gone_counted(vow_node *node) { ((struct counted *)node)->gone++; }

TEST(a_node_runs_without_memory_and_may_be_posted_again)
{
    struct counted c = {{NULL, run_counted, gone_counted}, 0, 0};
    vow_remote *remote = vow_remote_new(loop);
    vow_test_fail_allocation(1, true);
    for (int i = 0; i < 3; i++) {
        EQ_INT(vow_post_node(remote, &c.node), 0);
        vow_poll(loop);
    }
    CHECK(!vow_test_failed());
    vow_test_fail_allocation(0, false);
    EQ_INT(c.ran, 3);
    vow_remote_unref(remote);
}

static vow_remote *signal_remote;
static struct counted signal_node = {{NULL, run_counted, gone_counted}, 0, 0};
static void post_in_signal(int number UNUSED)
{
    int kept = errno;
    errno = 4711;
    if (vow_post_node(signal_remote, &signal_node.node) || errno != 4711)
        _exit(1);
    errno = kept;
}

TEST(a_signal_handler_may_post_a_node)
{
    struct sigaction action = {.sa_handler = post_in_signal}, before;
    signal_remote = vow_remote_new(loop);
    CHECK(sigaction(SIGUSR1, &action, &before) == 0);
    for (int i = 0; i < 100; i++) {
        raise(SIGUSR1);
        vow_poll(loop);
    }
    sigaction(SIGUSR1, &before, NULL);
    EQ_INT(signal_node.ran, 100);
    vow_remote_unref(signal_remote);
}

/* A loop that ends. */

TEST_PLAIN(a_remote_outlives_its_loop)
{
    int ran = 0, destroyed = 0;
    struct counted c = {{NULL, run_counted, gone_counted}, 0, 0};
    vow_loop *loop_ = real_loop();
    vow_remote *remote = vow_remote_new(loop_);
    EQ_INT(vow_post(remote, count_destroy, &ran, count_destroy), 0);
    EQ_INT(vow_post_node(remote, &c.node), 0);
    vow_loop_close(loop_);
    EQ_INT(ran, 1); /* its destroy only */
    EQ_INT(c.gone, 1);
    EQ_INT(vow_post(remote, count_destroy, &ran, NULL), ESHUTDOWN);
    vow_loop_free(loop_);
    EQ_INT(vow_post(remote, count_destroy, &ran, count_destroy), ESHUTDOWN);
    EQ_INT(ran, 2);
    EQ_INT(vow_post_node(remote, &c.node), ESHUTDOWN);
    EQ_INT(c.ran + c.gone, 1);
    vow_remote *other = vow_remote_ref(remote);
    vow_remote_unref(remote);
    EQ_INT(vow_post(other, count_destroy, &destroyed, count_destroy), ESHUTDOWN);
    EQ_INT(destroyed, 1);
    vow_remote_unref(other);
}

TEST(a_closed_loop_gives_no_remote)
{
    vow_loop_close(loop);
    EQ_PTR(vow_remote_new(loop), NULL);
    EQ_INT(errno, ESHUTDOWN);
}

static void post_more(void *data)
{
    void **both = data;
    vow_remote *remote = both[0];
    EQ_INT(vow_post(remote, count_destroy, both[1], count_destroy), ESHUTDOWN);
}

TEST_PLAIN(a_destructor_that_posts_to_the_closing_loop_is_refused)
{
    int destroyed = 0;
    vow_loop *loop_ = real_loop();
    void *both[2] = {vow_remote_new(loop_), &destroyed};
    EQ_INT(vow_post(both[0], count_destroy, both, post_more), 0);
    vow_loop_free(loop_);
    EQ_INT(destroyed, 1);
    vow_remote_unref(both[0]);
}

/* No memory. */

TEST(a_remote_and_its_posts_survive_failing_allocations)
{
    int destroyed = 0, expected = 0;
    for (size_t n = 1;; n++) {
        vow_loop *loop_ = real_loop();
        vow_test_fail_allocation(n, false);
        errno = 0;
        vow_remote *remote = vow_remote_new(loop_);
        if (!remote) {
            EQ_INT(errno, ENOMEM);
        } else {
            int code = vow_post(remote, count_destroy, &destroyed, count_destroy);
            CHECK(code == 0 || code == ENOMEM);
            vow_poll(loop_);
            expected += code ? 1 : 2;
        }
        bool failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        vow_remote_unref(remote);
        vow_loop_free(loop_);
        EQ_INT(destroyed, expected);
        if (!failed)
            break;
    }
    EQ_INT(vow_run(loop, vow_delay(loop, 1), NULL), 0);
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

TEST_PLAIN(a_remote_survives_libevent_without_memory)
{
    event_set_mem_functions(event_malloc, event_realloc, free);
    for (size_t n = 1;; n++) {
        vow_loop *loop_ = real_loop();
        until_event_failure = n;
        errno = 0;
        vow_remote *remote = vow_remote_new(loop_);
        bool failed = until_event_failure == 0;
        until_event_failure = 0;
        CHECK(failed == (remote == NULL));
        if (failed)
            EQ_INT(errno, ENOMEM);
        vow_remote *later = vow_remote_new(loop_);
        CHECK(later != NULL);
        vow_remote_unref(later);
        vow_remote_unref(remote);
        EQ_INT(event_base_dispatch(vow_loop_base(loop_)), 1);
        vow_loop_free(loop_);
        if (!failed) {
            CHECK(n > 1);
            return;
        }
    }
}

/* Many threads. */

enum { THREADS = 4 };

struct ledger {
    vow_remote *remote;
    pthread_barrier_t start;
    atomic_int accepted, ran, destroyed, refused;
    int posts;
    bool out_of_order; /* the loop's */
    int last[THREADS];
};

struct entry {
    struct ledger *ledger;
    int thread, number;
};

static void run_entry(void *data)
{
    struct entry *e = data;
    struct ledger *l = e->ledger;
    if (e->number <= l->last[e->thread])
        l->out_of_order = true;
    l->last[e->thread] = e->number;
    atomic_fetch_add(&l->ran, 1);
}

static void free_entry(void *data)
{
    struct entry *e = data;
    atomic_fetch_add(&e->ledger->destroyed, 1);
    free(e);
}

struct worker {
    struct ledger *ledger;
    int number;
};

static void *post_many(void *data)
{
    struct worker *w = data;
    struct ledger *l = w->ledger;
    pthread_barrier_wait(&l->start);
    for (int i = 1; i <= l->posts; i++) {
        struct entry *e = malloc(sizeof *e);
        *e = (struct entry){l, w->number, i};
        int code = vow_post(l->remote, run_entry, e, free_entry);
        atomic_fetch_add(code == 0 ? &l->accepted : &l->refused, 1);
        if (code != 0 && code != ESHUTDOWN)
            abort();
    }
    vow_remote_unref(l->remote);
    return NULL;
}

static void start_posting(struct ledger *l, vow_loop *loop, int posts, struct worker *workers,
                          pthread_t *threads)
{
    *l = (struct ledger){.remote = vow_remote_new(loop), .posts = posts};
    pthread_barrier_init(&l->start, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){l, i};
        vow_remote_ref(l->remote);
        CHECK(pthread_create(&threads[i], NULL, post_many, &workers[i]) == 0);
    }
    vow_remote_unref(l->remote); /* the threads have theirs */
}

static void end_posting(struct ledger *l, pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&l->start);
}

TEST(posts_of_each_thread_run_in_its_order_and_none_is_lost)
{
    struct ledger l;
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    start_posting(&l, loop, 5000, workers, threads);
    pthread_barrier_wait(&l.start);
    EQ_INT(event_base_dispatch(vow_loop_base(loop)), 1); /* until the last has let go */
    end_posting(&l, threads);
    EQ_INT(atomic_load(&l.ran), THREADS * 5000);
    EQ_INT(atomic_load(&l.destroyed), THREADS * 5000);
    EQ_INT(atomic_load(&l.refused), 0);
    CHECK(!l.out_of_order);
}

/* The loop is freed at a random moment: whatever was posted ran or did not, and each datum
 * was destroyed once. */
TEST_PLAIN(freeing_the_loop_while_threads_post)
{
    for (int round = 0; round < 200; round++) {
        struct ledger l;
        struct worker workers[THREADS];
        pthread_t threads[THREADS];
        vow_loop *loop_ = real_loop();
        start_posting(&l, loop_, 50, workers, threads);
        pthread_barrier_wait(&l.start);
        for (int turns = 0; turns < round % 7; turns++)
            vow_poll(loop_);
        vow_loop_free(loop_);
        end_posting(&l, threads);
        EQ_INT(atomic_load(&l.accepted) + atomic_load(&l.refused), THREADS * 50);
        EQ_INT(atomic_load(&l.destroyed), THREADS * 50);
        CHECK(atomic_load(&l.ran) <= atomic_load(&l.accepted));
        CHECK(!l.out_of_order);
    }
}
