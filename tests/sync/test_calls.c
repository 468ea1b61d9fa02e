/* SPDX-License-Identifier: MIT
 *
 * Calls on another thread's loop, made of remotes: the function runs there, its outcome comes
 * home as a promise, and giving that up is told over there.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "sync/common.h"

/* In parts: the caller's, the way to give up, and what runs over there. */
struct call {
    vow_node start, give_up; /* posted once each; first: found by them */
    vow_step_fn *fn;
    void *data;
    vow_remote *to;
    vow_remote_resolver *back;
    vow_promise *running; /* over there */
    atomic_int parts;
};

static void end_part(void *data)
{
    struct call *c = data;
    if (atomic_fetch_sub(&c->parts, 1) > 1)
        return;
    vow_remote_unref(c->to);
    vow_remote_resolver_unref(c->back);
    free(c);
}

static vow_value call_ended(vow_value v, void *data)
{
    struct call *c = data;
    if (vow_is_error(v))
        vow_remote_reject(c->back,
                          vow_error_new(vow_errno_domain(), vow_error_code(vow_as_error(v)), NULL));
    else
        vow_remote_resolve(c->back, v);
    c->running = vow_unref(c->running);
    return vow_none();
}

static void call_runs(vow_node *node)
{
    struct call *c = (struct call *)node;
    if (!vow_remote_is_wanted(c->back))
        return;
    atomic_fetch_add(&c->parts, 1);
    vow_promise *p = vow_resolved(vow_current(), c->fn(c->data));
    c->running = vow_handle_with(p, call_ended, c, end_part);
}

static void call_refused(vow_node *node)
{
    struct call *c = (struct call *)node;
    vow_remote_reject(c->back, vow_error_new(vow_errno_domain(), ESHUTDOWN, NULL));
}

static void call_given_up(vow_node *node)
{
    struct call *c = (struct call *)((char *)node - offsetof(struct call, give_up));
    c->running = vow_unref(c->running);
    end_part(c);
}

static void caller_left(void *data)
{
    struct call *c = data;
    vow_remote *to = vow_remote_ref(c->to);
    if (vow_post_node(to, &c->give_up) != 0)
        end_part(c); /* nobody is over there any more */
    vow_remote_unref(to);
    end_part(c);
}

static vow_promise *call_on(vow_remote *home, vow_remote *to, vow_step_fn *fn, void *data)
{
    struct call *c = calloc(1, sizeof *c);
    *c = (struct call){.start = {NULL, call_runs, call_refused},
                       .give_up = {NULL, call_given_up, call_given_up},
                       .fn = fn,
                       .data = data,
                       .to = vow_remote_ref(to)};
    atomic_init(&c->parts, 2);
    vow_promise *p = vow_promise_new_remote(home, &c->back);
    if (vow_post_node(to, &c->start) != 0)
        call_refused(&c->start);
    return vow_attach(p, c, caller_left);
}

/* A loop on a thread of its own, which turns as long as somebody has its remote. */
struct other {
    pthread_t thread;
    pthread_barrier_t ready;
    vow_remote *remote; /* the test's */
    bool stop_early;
};

static void *turn(void *data)
{
    struct other *o = data;
    vow_loop *loop = vow_loop_new();
    o->remote = vow_remote_new(loop);
    pthread_barrier_wait(&o->ready);
    if (!o->stop_early)
        vow_run_all(loop);
    vow_loop_free(loop);
    return NULL;
}

static void other_begin(struct other *o)
{
    pthread_barrier_init(&o->ready, NULL, 2);
    pthread_create(&o->thread, NULL, turn, o);
    pthread_barrier_wait(&o->ready);
}

static void other_end(struct other *o)
{
    vow_remote_unref(o->remote);
    pthread_join(o->thread, NULL);
    pthread_barrier_destroy(&o->ready);
}

static vow_value where_am_i(void *data)
{
    *(pthread_t *)data = pthread_self();
    return vow_v(42);
}

/* scenario 156 */
TEST(a_call_runs_on_the_other_loop_and_its_result_comes_home)
{
    struct other o = {.stop_early = false};
    pthread_t there;
    other_begin(&o);
    vow_remote *home = vow_remote_new(loop);
    vow_value v;
    EQ_INT(vow_run(loop, call_on(home, o.remote, where_am_i, &there), &v), 0);
    EQ_INT(vow_as_int(v), 42);
    CHECK(pthread_equal(there, o.thread));
    EQ_INT(vow_run(loop, call_on(home, home, where_am_i, &there), &v), 0); /* one's own */
    CHECK(pthread_equal(there, pthread_self()));
    vow_remote_unref(home);
    other_end(&o);
    vow_run_all(loop);
}

static atomic_int stopped, started;
static void note_stop(void *data)
{
    (void)data;
    atomic_fetch_add(&stopped, 1);
}
static vow_value never(void *data)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(vow_current(), &r);
    vow_on_stop(r, note_stop, NULL, NULL);
    atomic_fetch_add((atomic_int *)data, 1);
    return vow_v(p);
}

/* scenario 157 */
TEST(a_call_may_be_given_up_before_it_runs_and_while_it_runs)
{
    struct other o = {.stop_early = false};
    other_begin(&o);
    vow_remote *home = vow_remote_new(loop);
    vow_unref(call_on(home, o.remote, never, &started)); /* it may or may not have begun */
    vow_promise *p = quiet(call_on(home, o.remote, never, &started));
    while (atomic_load(&started) == 0)
        sched_yield();
    vow_cancel(p);
    vow_poll(loop);
    OUTCOME(p, "!ECANCELED");
    vow_remote_unref(home);
    other_end(&o);
    EQ_INT(atomic_load(&stopped), atomic_load(&started));
    vow_run_all(loop);
}

/* Two loops call each other, and every second call is given up. */
struct caller {
    vow_remote *home, *to;
    int done, dropped;
};
static vow_value one(UNUSED void *data) { return vow_v(1); }
static vow_value count_done(UNUSED vow_value v, void *data)
{
    ((struct caller *)data)->done++;
    return vow_none();
}
static vow_value call_or_drop(size_t i, void *data)
{
    struct caller *c = data;
    vow_promise *p = call_on(c->home, c->to, one, NULL);
    if (i % 2 == 0)
        return vow_v(vow_then(p, count_done, c));
    c->dropped++;
    vow_unref(p);
    return vow_none();
}
static vow_value call_many(void *data)
{
    return vow_v(vow_for_each(vow_current(), 1000, 100, call_or_drop, data));
}

/* scenario 157 */
TEST(a_thousand_calls_both_ways_at_once_half_of_them_given_up)
{
    struct other o = {.stop_early = false};
    other_begin(&o);
    vow_remote *home = vow_remote_new(loop);
    struct caller here = {home, o.remote, 0, 0}, there = {o.remote, home, 0, 0};
    vow_promise *both = vow_all(loop, call_on(home, o.remote, call_many, &there),
                                vow_for_each(loop, 1000, 100, call_or_drop, &here));
    EQ_INT(vow_run(loop, both, NULL), 0);
    EQ_INT(here.done + there.done, 1000);
    EQ_INT(here.dropped + there.dropped, 1000);
    vow_remote_unref(home);
    other_end(&o);
    vow_run_all(loop);
}

/* Each loop of a ring calls the next one. */
struct ring {
    vow_remote *home[3];
    int hops;
};
static vow_value hop(void *data)
{
    struct ring *ring = data;
    int at = ring->hops++ % 3;
    if (ring->hops > 30)
        return vow_v(ring->hops - 1);
    return vow_v(call_on(ring->home[at], ring->home[(at + 1) % 3], hop, ring));
}

/* scenario 157 */
TEST(calls_go_round_a_ring_of_three_loops)
{
    struct other a = {.stop_early = false}, b = {.stop_early = false};
    other_begin(&a);
    other_begin(&b);
    struct ring ring = {{vow_remote_new(loop), a.remote, b.remote}, 0};
    vow_value v;
    EQ_INT(vow_run(loop, call_on(ring.home[0], ring.home[0], hop, &ring), &v), 0);
    EQ_INT(vow_as_int(v), 30);
    vow_remote_unref(ring.home[0]);
    other_end(&a);
    other_end(&b);
    vow_run_all(loop);
}

/* scenario 158 */
TEST(a_call_of_a_loop_that_has_ended_is_an_error)
{
    struct other o = {.stop_early = true};
    other_begin(&o);
    pthread_join(o.thread, NULL);
    vow_remote *home = vow_remote_new(loop);
    vow_promise *p = quiet(call_on(home, o.remote, one, NULL));
    vow_poll(loop);
    FAILS_WITH(p, ESHUTDOWN);
    vow_remote_unref(home);
    vow_remote_unref(o.remote);
    pthread_barrier_destroy(&o.ready);
}

static vow_value end_loop(void *data)
{
    vow_loop_stop(vow_current());
    return never(data);
}

/* scenario 158 */
TEST(a_loop_that_ends_during_a_call_is_an_error)
{
    struct other o = {.stop_early = false};
    other_begin(&o);
    vow_remote *home = vow_remote_new(loop);
    vow_value v;
    EQ_INT(vow_run(loop, call_on(home, o.remote, end_loop, &started), &v), VOW_ECLOSED);
    vow_release(v);
    vow_remote_unref(home);
    other_end(&o);
    vow_run_all(loop);
}

static void *use_resolver(void *data)
{
    vow_remote_resolver **r = data;
    CHECK(vow_remote_resolve(r[0], vow_v(1)));
    CHECK(!vow_remote_reject(r[0], vow_error_new(vow_errno_domain(), EIO, NULL)));
    vow_remote_resolver_unref(r[0]);
    vow_remote_resolver_unref(r[1]); /* unused */
    return NULL;
}
static void *use_late(void *r)
{
    vow_remote_resolve(r, vow_text("late"));
    vow_remote_resolver_unref(r);
    return NULL;
}

/* scenario 159 */
TEST(a_resolver_is_used_dropped_and_used_twice_on_another_thread_and_outlives_its_loop)
{
    pthread_t thread;
    vow_remote_resolver *r[3];
    vow_remote *home = vow_remote_new(loop);
    vow_promise *used = vow_promise_new_remote(home, &r[0]);
    vow_promise *unused = quiet(vow_promise_new_remote(home, &r[1]));
    vow_promise *late = quiet(vow_promise_new_remote(home, &r[2]));
    pthread_create(&thread, NULL, use_resolver, r);
    EQ_INT(vow_run(loop, used, NULL), 0);
    pthread_join(thread, NULL);
    vow_poll(loop);
    EQ_INT(vow_error_code(vow_error_of(unused)), VOW_EBROKEN);
    vow_unref(unused);
    vow_remote_unref(home);
    vow_loop_close(loop);
    OUTCOME(late, "!ECLOSED");
    pthread_create(&thread, NULL, use_late, r[2]);
    pthread_join(thread, NULL);
}

static pthread_t destroyed_on;
static void note_thread(void *data)
{
    destroyed_on = pthread_self();
    ++*(int *)data;
}
static vow_value close_slowly(void *data)
{
    ++*(int *)data;
    return vow_v(vow_delay(vow_current(), 10));
}

/* scenario 160 */
TEST(data_is_destroyed_on_its_owners_thread_and_those_who_close_at_once_share_the_result)
{
    struct other o = {.stop_early = false};
    int destroyed = 0, closes = 0;
    other_begin(&o);
    vow_remote *home = vow_remote_new(loop);
    vow_promise *p = vow_attach(call_on(home, o.remote, one, NULL), &destroyed, note_thread);
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_INT(destroyed, 1);
    CHECK(pthread_equal(destroyed_on, pthread_self()));
    vow_remote_unref(home);
    other_end(&o);
    vow_run_all(loop);
    vow_once *closing = vow_once_new(loop);
    vow_promise *a = vow_once_run(closing, close_slowly, &closes);
    vow_promise *b = vow_once_run(closing, close_slowly, &closes);
    vow_clock_advance(loop, 10);
    OUTCOME(a, "none");
    OUTCOME(b, "none");
    EQ_INT(closes, 1);
    vow_once_free(closing);
}
