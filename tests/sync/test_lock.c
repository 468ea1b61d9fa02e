/* SPDX-License-Identifier: MIT
 *
 * Semaphore, mutex, read-write lock: order, and that a permit goes back however it ends.
 */
#include <pthread.h>

#include "sync/common.h"

TEST(a_semaphore_lets_in_as_many_as_it_has_permits)
{
    vow_semaphore *s = vow_semaphore_new(loop, 2);
    vow_promise *a = vow_semaphore_acquire(s, 1), *b = vow_semaphore_acquire(s, 1);
    vow_promise *c = vow_semaphore_acquire(s, 1);
    IS(a, "permit");
    IS(b, "permit");
    IS(c, "pending");
    EQ_UINT(vow_semaphore_available(s), 0);
    vow_unref(b);
    IS(c, "permit");
    vow_unref(a);
    vow_unref(c);
    EQ_UINT(vow_semaphore_available(s), 2);
    vow_semaphore_free(s);
}

TEST(one_that_asks_for_much_is_not_overtaken)
{
    vow_semaphore *s = vow_semaphore_new(loop, 3);
    vow_promise *a = vow_semaphore_acquire(s, 1), *all = vow_semaphore_acquire(s, 3);
    vow_promise *little = vow_semaphore_acquire(s, 1);
    CHECK(vow_is_none(vow_semaphore_try(s, 1))); /* nor by a try */
    IS(little, "pending");
    vow_unref(a);
    IS(all, "permit");
    IS(little, "pending");
    vow_unref(all);
    IS(little, "permit");
    vow_unref(little);
    vow_semaphore_free(s);
}

TEST(a_waiter_that_leaves_lets_in_those_behind_it)
{
    vow_semaphore *s = vow_semaphore_new(loop, 2);
    vow_promise *a = vow_semaphore_acquire(s, 1);
    vow_promise *both = quiet(vow_semaphore_acquire(s, 2)), *also = vow_semaphore_acquire(s, 2);
    vow_promise *one = vow_semaphore_acquire(s, 1);
    vow_cancel(both);
    IS(one, "pending");
    vow_unref(also);
    IS(one, "permit");
    OUTCOME(both, "!ECANCELED");
    vow_unref(one);
    vow_unref(a);
    EQ_UINT(vow_semaphore_available(s), 2);
    vow_semaphore_free(s);
}

TEST(a_grant_that_nobody_has_seen_goes_to_the_next)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_promise *holder = vow_mutex_lock(m);
    vow_promise *timed =
        quiet(vow_race(loop, vow_context(vow_mutex_lock(m), "x"), vow_delay(loop, 5)));
    vow_promise *next = vow_mutex_lock(m);
    vow_unref(holder); /* granted to the second ... */
    IS(next, "pending");
    vow_cancel(timed); /* ... which ends before anybody has looked */
    vow_poll(loop);
    IS(next, "permit");
    OUTCOME(timed, "!ECANCELED");
    vow_unref(next);
    vow_mutex_free(m);
}

TEST(a_permit_may_be_released_before_its_last_reference_goes)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_value v = vow_mutex_try(m);
    CHECK(vow_is(v, vow_permit_type()));
    CHECK(vow_is_none(vow_mutex_try(m)));
    vow_promise *next = vow_mutex_lock(m);
    vow_permit_release(vow_permit_of(v));
    vow_permit_release(vow_permit_of(v)); /* once is enough */
    IS(next, "permit");
    vow_release(v);
    IS(next, "permit");
    CHECK(vow_is_none(vow_mutex_try(m)));
    vow_unref(next);
    vow_mutex_free(m);
    CHECK(vow_permit_unref(NULL) == NULL);
}

static vow_value start_op(UNUSED vow_value v, void *data)
{
    return vow_v(op_start_slow(vow_current(), data));
}

/* scenario 155 */
TEST(a_permit_is_back_after_an_error_a_cancel_and_a_time_out)
{
    struct trace seen = {""};
    struct op a = {&seen, "a", NULL}, b = {&seen, "b", NULL}, c = {&seen, "c", NULL};
    vow_semaphore *s = vow_semaphore_new(loop, 1);
    vow_promise *p = quiet(vow_using(vow_semaphore_acquire(s, 1), start_op, &a));
    vow_promise *q = quiet(vow_using(vow_semaphore_acquire(s, 1), start_op, &b));
    vow_promise *r = quiet(vow_timeout(vow_using(vow_semaphore_acquire(s, 1), start_op, &c), 100));
    vow_poll(loop);
    op_resolve(&a, vow_fail(EIO, "a"));
    vow_clock_advance(loop, 10); /* b begins when a has cleaned up */
    EQ_TRACE(seen, "a-clean a-cleaned");
    vow_cancel(q);
    vow_clock_advance(loop, 10);
    EQ_TRACE(seen, "a-clean a-cleaned b-stopped b-clean b-cleaned");
    vow_clock_advance(loop, 90);
    EQ_UINT(vow_semaphore_available(s), 1);
    EQ_TRACE(seen, "a-clean a-cleaned b-stopped b-clean b-cleaned c-stopped c-clean c-cleaned");
    OUTCOME(p, "!EIO");
    OUTCOME(q, "!ECANCELED");
    OUTCOME(r, "!ETIMEDOUT");
    vow_semaphore_free(s);
}

/* scenario 155 */
TEST(closing_a_semaphore_rejects_those_who_wait_and_tells_when_all_are_back)
{
    vow_semaphore *s = vow_semaphore_new(loop, 1);
    vow_promise *a = vow_semaphore_acquire(s, 1), *b = quiet(vow_semaphore_acquire(s, 1));
    vow_promise *drained = vow_semaphore_close(s);
    FAILS_WITH(b, ESHUTDOWN);
    FAILS_WITH(vow_semaphore_acquire(s, 1), ESHUTDOWN);
    CHECK(vow_is_none(vow_semaphore_try(s, 1)));
    IS(drained, "pending");
    vow_unref(a);
    OUTCOME(drained, "none");
    OUTCOME(vow_semaphore_close(s), "none"); /* after the drain */
    vow_semaphore_free(s);
}

TEST(a_permit_outlives_its_semaphore)
{
    vow_semaphore *s = vow_semaphore_new(loop, 2);
    vow_promise *a = vow_semaphore_acquire(s, 2), *b = quiet(vow_semaphore_acquire(s, 1));
    vow_semaphore_free(s);
    FAILS_WITH(b, ESHUTDOWN);
    IS(a, "permit");
    vow_unref(a);
    CHECK(vow_semaphore_free(NULL) == NULL);
}

TEST(permits_can_be_added)
{
    vow_semaphore *s = vow_semaphore_new(loop, 0);
    vow_promise *a = vow_semaphore_acquire(s, 1), *b = vow_semaphore_acquire(s, 2);
    vow_semaphore_add(s, 2);
    IS(a, "permit");
    IS(b, "pending");
    vow_semaphore_add(s, 1);
    IS(b, "permit");
    vow_unref(a);
    vow_unref(b);
    EQ_UINT(vow_semaphore_available(s), 3);
    vow_semaphore_free(s);
}

/* Threads add permits through a remote. */
enum { THREADS = 4, EACH = 1000 };
struct adder {
    vow_remote *remote;
    vow_semaphore *s;
};
static void add_one(void *data) { vow_semaphore_add(data, 1); }
static void *add_many(void *data)
{
    struct adder *adder = data;
    for (int i = 0; i < EACH; i++)
        vow_post(adder->remote, add_one, adder->s, NULL);
    vow_remote_unref(adder->remote);
    return NULL;
}
static vow_value count_permit(UNUSED vow_value v, void *data)
{
    ++*(int *)data;
    return vow_none();
}
struct counting {
    vow_semaphore *s;
    int got;
};
static vow_value acquire_counted(UNUSED size_t index, void *data)
{
    struct counting *c = data;
    return vow_v(vow_then(vow_semaphore_acquire(c->s, 1), count_permit, &c->got));
}

/* scenario 154 */
TEST(permits_that_other_threads_add_are_counted_exactly)
{
    pthread_t threads[THREADS];
    struct counting c = {vow_semaphore_new(loop, 0), 0};
    struct adder adder = {vow_remote_new(loop), c.s};
    for (int i = 0; i < THREADS; i++) {
        vow_remote_ref(adder.remote);
        pthread_create(&threads[i], NULL, add_many, &adder);
    }
    vow_promise *all = vow_for_each(loop, THREADS * EACH, 50, acquire_counted, &c);
    vow_remote_unref(adder.remote);
    EQ_INT(vow_run(loop, all, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    vow_run_all(loop);
    EQ_INT(c.got, THREADS * EACH);
    EQ_UINT(vow_semaphore_available(c.s), THREADS * EACH);
    vow_semaphore_free(c.s);
}

TEST(readers_share_and_a_writer_is_alone)
{
    vow_rwlock *l = vow_rwlock_new(loop);
    vow_promise *r1 = vow_rwlock_read(l), *r2 = vow_rwlock_read(l), *w = vow_rwlock_write(l);
    vow_promise *r3 = vow_rwlock_read(l), *r4 = vow_rwlock_read(l);
    IS(r2, "permit");
    vow_unref(r1);
    IS(w, "pending");
    IS(r3, "pending"); /* the writer waits before it */
    vow_unref(r2);
    IS(w, "permit");
    IS(r3, "pending");
    vow_unref(w);
    IS(r3, "permit");
    IS(r4, "permit");
    w = quiet(vow_rwlock_write(l));
    vow_promise *r5 = vow_rwlock_read(l);
    vow_cancel(w);
    IS(r5, "permit");
    OUTCOME(w, "!ECANCELED");
    vow_unref(r3);
    vow_unref(r4);
    vow_unref(r5);
    vow_rwlock_free(l);
}

TEST(using_keeps_the_value_and_gives_what_its_use_gives)
{
    struct trace seen = {""};
    struct op held = {&seen, "held", NULL}, a = {&seen, "a", NULL};
    vow_promise *p = vow_using(vow_resolved(loop, vow_box(&held, op_destroy)), start_op, &a);
    vow_poll(loop);
    EQ_TRACE(seen, "");
    op_resolve(&a, vow_v(3));
    vow_clock_advance(loop, 10);
    OUTCOME(p, "3");
    EQ_TRACE(seen, "a-clean a-cleaned ~held");
    p = quiet(vow_using_with(failure(loop, EIO), start_op, &a, op_destroy));
    vow_poll(loop);
    OUTCOME(p, "!EIO");
    p = vow_using_with(vow_resolved(loop, vow_box(&held, op_destroy)), start_op, &a, op_destroy);
    vow_poll(loop);
    vow_unref(p);
    EQ_TRACE(seen, "a-clean a-cleaned ~held ~a a-stopped ~a ~held");
}

TEST(closing_the_loop_rejects_who_waits_and_permits_may_go_later)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_value v = vow_mutex_try(m);
    vow_promise *waits = quiet(vow_mutex_lock(m));
    vow_loop_close(loop);
    OUTCOME(waits, "!ECLOSED");
    vow_release(v);
    vow_mutex_free(m);
}

static void *release_there(void *v)
{
    vow_release(*(vow_value *)v);
    return NULL;
}

TEST_PANICS(a_permit_given_back_on_another_thread_is_misuse, "belongs to another thread")
{
    vow_value v = vow_mutex_try(vow_mutex_new(loop));
    pthread_t thread;
    pthread_create(&thread, NULL, release_there, &v);
    pthread_join(thread, NULL);
}

static vow_value hand_on(vow_value v, UNUSED void *data) { return vow_keep(v); }

TEST(a_permit_passes_through_handlers)
{
    vow_mutex *m = vow_mutex_new(loop);
    vow_promise *p = vow_then(vow_then(vow_mutex_lock(m), hand_on, NULL), hand_on, NULL);
    vow_poll(loop);
    IS(p, "permit");
    CHECK(vow_is_none(vow_mutex_try(m)));
    vow_unref(p);
    vow_value v = vow_mutex_try(m);
    CHECK(!vow_is_none(v));
    vow_release(v);
    vow_mutex_free(m);
}
