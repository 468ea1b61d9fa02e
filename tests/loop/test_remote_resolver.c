/* SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "common.h"

static void *resolve_on_thread(void *r)
{
    bool won = vow_remote_resolve(r, vow_text("from afar"));
    vow_remote_resolver_unref(r);
    return won ? r : NULL;
}

static void *reject_on_thread(void *r)
{
    bool won = vow_remote_reject(r, vow_error_new(vow_errno_domain(), EIO, "far away"));
    vow_remote_resolver_unref(r);
    return won ? r : NULL;
}

static void *let_go_on_thread(void *r)
{
    vow_remote_resolver_unref(r);
    return r;
}

static vow_promise *promise_of_thread(vow_loop *loop, void *(*fn)(void *), pthread_t *thread)
{
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    vow_remote_unref(remote);
    CHECK(vow_remote_is_wanted(r));
    CHECK(pthread_create(thread, NULL, fn, r) == 0);
    return p;
}

static void join_winner(pthread_t thread)
{
    void *won;
    pthread_join(thread, &won);
    CHECK(won != NULL);
}

TEST(another_thread_resolves)
{
    pthread_t thread;
    vow_value v;
    vow_promise *p = promise_of_thread(loop, resolve_on_thread, &thread);
    EQ_INT(vow_run(loop, p, &v), 0);
    EQ_TEXT(vow_as_text(v), "from afar");
    vow_release(v);
    join_winner(thread);
}

TEST(another_thread_rejects)
{
    pthread_t thread;
    EQ_INT(run_code(loop, promise_of_thread(loop, reject_on_thread, &thread)), EIO);
    join_winner(thread);
}

TEST(losing_the_last_reference_unused_breaks_the_promise)
{
    pthread_t thread;
    EQ_INT(run_code(loop, promise_of_thread(loop, let_go_on_thread, &thread)), VOW_EBROKEN);
    join_winner(thread);
}

TEST(only_the_last_of_several_references_breaks_the_promise)
{
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    vow_remote_resolver_ref(r);
    vow_remote_resolver_unref(r);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_remote_resolver_unref(r);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_EBROKEN);
    vow_mark_handled(p);
    vow_unref(p);
    vow_remote_unref(remote);
}

TEST(on_the_loops_own_thread_it_settles_at_once_and_handlers_come_later)
{
    struct trace seen = {""};
    struct note note = {&seen, "v"};
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    vow_promise *q = vow_handle(vow_ref(p), note_any, &note);
    CHECK(vow_remote_resolve(r, vow_v(1)));
    EQ_INT(vow_state(p), VOW_FULFILLED);
    EQ_TRACE(seen, "");
    CHECK(!vow_remote_is_wanted(r));
    CHECK(!vow_remote_resolve(r, vow_text("again")));
    CHECK(!vow_remote_reject(r, vow_error_new(vow_errno_domain(), EIO, "again")));
    vow_poll(loop);
    EQ_TRACE(seen, "v=1");
    vow_remote_resolver_unref(r);
    vow_remote_unref(remote);
    vow_unref(p);
    vow_unref(q);
}

TEST(settling_allocates_nothing)
{
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    vow_test_fail_allocation(1, true);
    CHECK(vow_remote_resolve(r, vow_v(1)));
    vow_remote_resolver_unref(r);
    vow_poll(loop);
    CHECK(!vow_test_failed());
    vow_test_fail_allocation(0, false);
    vow_unref(p);
    vow_remote_unref(remote);
}

TEST(a_cancelled_or_dropped_promise_makes_the_work_unwanted)
{
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    vow_cancel(p);
    EQ_INT(vow_error_code(vow_error_of(p)), ECANCELED);
    CHECK(!vow_remote_is_wanted(r));
    CHECK(!vow_remote_resolve(r, vow_text("too late")));
    vow_unref(p);
    vow_remote_resolver_unref(r);
    p = vow_promise_new_remote(remote, &r);
    vow_unref(p);
    CHECK(!vow_remote_is_wanted(r));
    CHECK(!vow_remote_resolve(r, vow_text("too late")));
    vow_remote_resolver_unref(r);
    vow_remote_unref(remote);
}

TEST_PLAIN(dispatch_waits_for_a_wanted_promise_and_not_for_an_unwanted_one)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop_);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    vow_remote_unref(remote);
    EQ_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 1);
    vow_unref(p);
    EQ_INT(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    EQ_INT(event_base_dispatch(base), 1);
    vow_remote_resolver_unref(r); /* its holder comes to it later */
    EQ_INT(event_base_dispatch(base), 1);
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST_PLAIN(no_resolver_is_accepted)
{
    EQ_PTR(vow_remote_resolver_ref(NULL), NULL);
    EQ_PTR(vow_remote_resolver_unref(NULL), NULL);
    CHECK(!vow_remote_resolve(NULL, vow_text("x")));
    CHECK(!vow_remote_reject(NULL, vow_error_new(vow_errno_domain(), EIO, "x")));
    CHECK(!vow_remote_is_wanted(NULL));
}

/* The loop ends first. */

TEST_PLAIN(a_resolver_outlives_its_loop)
{
    vow_loop *loop_ = real_loop();
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop_);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    vow_remote_unref(remote);
    EQ_UINT(vow_loop_close(loop_), 1);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    CHECK(!vow_remote_is_wanted(r));
    CHECK(!vow_remote_resolve(r, vow_text("too late")));
    vow_unref(p);
    vow_loop_free(loop_);
    CHECK(!vow_remote_resolve(r, vow_text("too late")));
    vow_remote_resolver_unref(r);
}

TEST(a_closed_loop_gives_a_rejected_promise_and_no_resolver)
{
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop);
    vow_loop_close(loop);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    EQ_INT(vow_error_code(vow_error_of(p)), VOW_ECLOSED);
    EQ_PTR(r, NULL);
    vow_unref(p);
    vow_remote_unref(remote);
}

/* What another thread has settled counts, though the loop had not looked yet. */
TEST_PLAIN(what_has_come_home_settles_the_promise_as_the_loop_closes)
{
    struct trace seen = {""};
    struct note note = {&seen, "v"};
    pthread_t thread;
    vow_loop *loop_ = real_loop();
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop_);
    vow_promise *p = vow_handle(vow_promise_new_remote(remote, &r), note_any, &note);
    CHECK(pthread_create(&thread, NULL, resolve_on_thread, r) == 0);
    join_winner(thread);
    EQ_UINT(vow_loop_close(loop_), 1);
    EQ_TRACE(seen, "v");
    vow_unref(p);
    vow_remote_unref(remote);
    vow_loop_free(loop_);
}

TEST_PANICS(a_promise_of_a_freed_loop_cannot_be_made, "the loop is freed")
{
    vow_remote_resolver *r;
    vow_loop *other = real_loop();
    vow_remote *remote = vow_remote_new(other);
    vow_loop_free(other);
    vow_unref(vow_promise_new_remote(remote, &r));
}

static void *make_on_thread(void *remote)
{
    vow_remote_resolver *r;
    vow_unref(vow_promise_new_remote(remote, &r));
    return NULL;
}

TEST_PANICS(a_promise_cannot_be_made_on_another_thread, "on a wrong thread")
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, make_on_thread, vow_remote_new(loop)) == 0);
    pthread_join(thread, NULL);
}

TEST(a_remote_promise_survives_failing_allocations)
{
    vow_remote *remote = vow_remote_new(loop);
    for (size_t n = 1;; n++) {
        vow_remote_resolver *r;
        vow_test_fail_allocation(n, false);
        vow_promise *p = vow_promise_new_remote(remote, &r);
        bool failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        CHECK(vow_remote_resolve(r, vow_text("x")) == !failed);
        vow_remote_resolver_unref(r);
        EQ_INT(vow_run(loop, p, NULL), failed ? ENOMEM : 0);
        if (!failed)
            break;
    }
    vow_remote_unref(remote);
}

/* Many threads: resolve, reject, let go of the same promise; the loop cancels, drops, closes
 * at a random moment. */

enum { THREADS = 4 };

struct race {
    pthread_barrier_t start;
    vow_remote_resolver *resolver;
    atomic_int winners;
    atomic_int values; /* alive */
};

struct value_box {
    struct race *race;
};
static void free_value(void *object)
{
    struct value_box *box = object;
    atomic_fetch_sub(&box->race->values, 1);
    free(box);
}
static vow_value new_value(struct race *race)
{
    struct value_box *box = malloc(sizeof *box);
    box->race = race;
    atomic_fetch_add(&race->values, 1);
    return vow_box(box, free_value);
}

struct racer {
    struct race *race;
    int how;
};

static void *run_racer(void *data)
{
    struct racer *racer = data;
    struct race *race = racer->race;
    pthread_barrier_wait(&race->start);
    bool won = false;
    if (racer->how == 0 || racer->how == 1)
        won = vow_remote_resolve(race->resolver, new_value(race));
    else if (racer->how == 2)
        won = vow_remote_reject(race->resolver, vow_error_of_value(new_value(race)));
    vow_remote_resolver_unref(race->resolver);
    atomic_fetch_add(&race->winners, won);
    return NULL;
}

/* How the loop's side ends it: 0 waits, 1 cancels, 2 drops, 3 frees the loop. */
static void run_race(int round, int end)
{
    struct race race = {.resolver = NULL};
    struct racer racers[THREADS];
    pthread_t threads[THREADS];
    vow_loop *loop = real_loop();
    vow_remote *remote = vow_remote_new(loop);
    vow_promise *p = vow_promise_new_remote(remote, &race.resolver);
    vow_mark_handled(p);
    vow_remote_unref(remote);
    pthread_barrier_init(&race.start, NULL, THREADS + 1);
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){&race, (round + i) % 4};
        if (i > 0)
            vow_remote_resolver_ref(race.resolver);
        CHECK(pthread_create(&threads[i], NULL, run_racer, &racers[i]) == 0);
    }
    pthread_barrier_wait(&race.start);
    for (int turns = 0; turns < round % 3; turns++)
        vow_poll(loop);
    if (end == 1)
        vow_cancel(p);
    if (end == 2)
        p = vow_unref(p);
    if (end < 2) {
        int code = vow_run(loop, p, NULL);
        CHECK(code == 0 || code == VOW_EVALUE || (end == 1 && code == ECANCELED));
    } else if (end == 3) {
        vow_loop_close(loop);
        CHECK(vow_state(p) != VOW_PENDING);
        vow_unref(p);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&race.winners) <= 1 && (end > 0 || atomic_load(&race.winners) == 1));
    vow_loop_free(loop);
    EQ_INT(atomic_load(&race.values), 0);
    pthread_barrier_destroy(&race.start);
}

TEST_PLAIN(one_of_many_threads_settles)
{
    for (int round = 0; round < 200; round++)
        run_race(round, 0);
}

TEST_PLAIN(cancelling_while_many_threads_settle)
{
    for (int round = 0; round < 200; round++)
        run_race(round, 1);
}

TEST_PLAIN(dropping_while_many_threads_settle)
{
    for (int round = 0; round < 200; round++)
        run_race(round, 2);
}

TEST_PLAIN(freeing_the_loop_while_many_threads_settle)
{
    for (int round = 0; round < 200; round++)
        run_race(round, 3);
}
