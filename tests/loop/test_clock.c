/* SPDX-License-Identifier: MIT */
#include <time.h>

#include "common.h"

#include "vow/flow.h"

enum { MS = 1000000 };

TEST(a_virtual_clock_starts_at_zero_and_moves_by_hand)
{
    vow_clock_virtual(loop, false);
    EQ_UINT(vow_now(loop), 0);
    vow_clock_advance(loop, 50);
    EQ_UINT(vow_now(loop), 50 * MS);
    vow_clock_advance(loop, 0);
    EQ_UINT(vow_now(loop), 50 * MS);
}

TEST(advancing_runs_what_is_due_deadline_by_deadline)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"}, c = {&seen, "c"};
    vow_clock_virtual(loop, false);
    vow_promise *p[3] = {vow_handle(vow_delay(loop, 30), note_any, &c),
                         vow_handle(vow_delay(loop, 10), note_any, &a),
                         vow_handle(vow_delay(loop, 20), note_any, &b)};
    vow_clock_advance(loop, 9);
    EQ_TRACE(seen, "");
    vow_clock_advance(loop, 1);
    EQ_TRACE(seen, "a");
    vow_clock_advance(loop, 100);
    EQ_TRACE(seen, "a b c");
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
}

struct stamps {
    vow_loop *loop;
    struct trace seen;
    int left;
};

static vow_value stamp_and_again(vow_value v UNUSED, void *data)
{
    struct stamps *s = data;
    trace_add(&s->seen, "%d", (int)(vow_now(s->loop) / MS));
    if (s->left-- > 0)
        vow_detach(vow_then(vow_delay(s->loop, 10), stamp_and_again, s), NULL, NULL, NULL);
    return vow_none();
}

TEST(a_handler_sees_the_time_of_its_deadline_and_its_timers_count_from_there)
{
    struct stamps s = {loop, {""}, 3};
    vow_detach(vow_then(vow_delay(loop, 5), stamp_and_again, &s), NULL, NULL, NULL);
    vow_clock_advance(loop, 27);
    EQ_TRACE(s.seen, "5 15 25");
    EQ_UINT(vow_now(loop), 27 * MS);
    vow_clock_advance(loop, 100);
    EQ_TRACE(s.seen, "5 15 25 35");
}

static vow_value advance_inside(vow_value v UNUSED, void *data)
{
    struct stamps *s = data;
    vow_clock_advance(s->loop, 1000);
    trace_add(&s->seen, "%d", (int)(vow_now(s->loop) / MS));
    return vow_none();
}

TEST(inside_a_handler_the_clock_moves_and_what_is_due_comes_later)
{
    struct stamps s = {loop, {""}, 0};
    vow_detach(vow_then(vow_delay(loop, 10), advance_inside, &s), NULL, NULL, NULL);
    vow_detach(vow_then(vow_delay(loop, 500), stamp_and_again, &s), NULL, NULL, NULL);
    vow_clock_advance(loop, 20);
    EQ_TRACE(s.seen, "1010 1010");
    EQ_UINT(vow_now(loop), 1010 * MS); /* never back */
}

TEST(inside_a_handler_under_dispatch_too)
{
    struct stamps s = {loop, {""}, 0};
    vow_detach(vow_then(vow_resolved(loop, vow_none()), advance_inside, &s), NULL, NULL, NULL);
    vow_detach(vow_then(vow_delay(loop, 500), stamp_and_again, &s), NULL, NULL, NULL);
    event_base_dispatch(vow_loop_base(loop));
    EQ_TRACE(s.seen, "1000 1000");
}

static vow_value stop_in_handler(vow_value v UNUSED, void *loop)
{
    vow_loop_stop(loop);
    return vow_none();
}

TEST(a_stop_leaves_the_clock_at_the_deadline_it_came_with)
{
    vow_detach(vow_then(vow_delay(loop, 10), stop_in_handler, loop), NULL, NULL, NULL);
    vow_clock_advance(loop, 100);
    EQ_UINT(vow_now(loop), 10 * MS);
    vow_clock_advance(loop, 100);
    EQ_UINT(vow_now(loop), 110 * MS);
}

TEST_PANICS(advancing_a_clock_that_is_not_virtual_is_misuse, "not virtual")
{
    vow_loop_set_clock(loop, NULL, NULL);
    vow_clock_advance(loop, 1);
}

/* By itself. */

TEST(by_itself_the_clock_jumps_to_the_next_deadline)
{
    struct stamps s = {loop, {""}, 2};
    vow_detach(vow_then(vow_delay(loop, 3600000), stamp_and_again, &s), NULL, NULL, NULL);
    EQ_INT(vow_run_all(loop), 0);
    EQ_TRACE(s.seen, "3600000 3600010 3600020");
}

static vow_value note_time(vow_value v UNUSED, void *data)
{
    struct stamps *s = data;
    trace_add(&s->seen, "at %d", (int)(vow_now(s->loop) / MS));
    return vow_none();
}

TEST(it_does_not_jump_while_something_is_runnable)
{
    struct stamps s = {loop, {""}, 0};
    struct chain chain;
    vow_loop_set_budget(loop, 3);
    chain_start(&chain, loop);
    vow_promise *p = vow_then(vow_delay(loop, 10), note_time, &s);
    for (int i = 0; i < 50; i++)
        vow_drain(loop, 1);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_UINT(vow_now(loop), 0);
    chain.on = false;
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_TRACE(s.seen, "at 10");
}

/* The clock would jump at once; the pause only gives it the time to. */
static void *write_later(void *data)
{
    int fd = *(int *)data;
    struct timespec wait = {0, 5 * MS};
    nanosleep(&wait, NULL);
    return write(fd, "x", 1) == 1 ? data : NULL;
}

struct readable {
    struct stamps s;
    vow_resolver *resolver;
};

static void on_readable(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    struct readable *r = data;
    note_time(vow_none(), &r->s);
    vow_resolve(r->resolver, vow_none());
}

TEST(it_does_not_jump_while_a_descriptor_is_waited_for)
{
    struct readable r = {{loop, {""}, 0}, NULL};
    int fd[2];
    pthread_t thread;
    CHECK(pipe(fd) == 0);
    struct event *event = event_new(vow_loop_base(loop), fd[0], EV_READ, on_readable, &r);
    event_add(event, NULL);
    vow_promise *p = vow_promise_new(loop, &r.resolver);
    vow_detach(vow_then(vow_delay(loop, 10), note_time, &r.s), NULL, NULL, NULL);
    CHECK(pthread_create(&thread, NULL, write_later, &fd[1]) == 0);
    EQ_INT(vow_run(loop, p, NULL), 0);
    EQ_TRACE(r.s.seen, "at 0");
    EQ_INT(vow_run_all(loop), 0);
    EQ_TRACE(r.s.seen, "at 0 at 10");
    pthread_join(thread, NULL);
    event_free(event);
    close(fd[0]);
    close(fd[1]);
}

struct poster {
    vow_remote *remote;
    struct stamps *s;
};

static void post_note(void *data) { note_time(vow_none(), data); }

static void *post_later(void *data)
{
    struct poster *poster = data;
    struct timespec wait = {0, 5 * MS};
    nanosleep(&wait, NULL);
    bool posted = vow_post(poster->remote, post_note, poster->s, NULL) == 0;
    vow_remote_unref(poster->remote);
    return posted ? data : NULL;
}

TEST(it_does_not_jump_while_a_remote_is_open)
{
    struct stamps s = {loop, {""}, 0};
    struct poster poster = {vow_remote_new(loop), &s};
    pthread_t thread;
    vow_detach(vow_then(vow_delay(loop, 10), note_time, &s), NULL, NULL, NULL);
    CHECK(pthread_create(&thread, NULL, post_later, &poster) == 0);
    EQ_INT(vow_run_all(loop), 0);
    EQ_TRACE(s.seen, "at 0 at 10");
    pthread_join(thread, NULL);
}

static vow_value work_a_while(void *data UNUSED)
{
    struct timespec wait = {0, 5 * MS};
    nanosleep(&wait, NULL);
    return vow_none();
}

TEST(it_does_not_jump_while_a_pool_has_a_job)
{
    struct stamps s = {loop, {""}, 0};
    vow_pool *pool = vow_pool_new("test", 1, 0);
    vow_promise *p = vow_then(vow_work(loop, pool, work_a_while, NULL, NULL), note_time, &s);
    vow_detach(vow_then(vow_delay(loop, 10), note_time, &s), NULL, NULL, NULL);
    EQ_INT(vow_run_all(loop), 0);
    EQ_TRACE(s.seen, "at 0 at 10");
    vow_unref(p);
    vow_pool_free(pool);
}

TEST(it_stops_jumping_when_told_to_move_by_hand)
{
    vow_promise *p = vow_delay(loop, 10);
    vow_clock_virtual(loop, false);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_clock_virtual(loop, true);
    EQ_INT(vow_run_all(loop), 0);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

/* A replaced clock. */

struct fake {
    uint64_t now, reads;
};

static uint64_t fake_now(void *data)
{
    struct fake *fake = data;
    fake->reads++;
    return fake->now;
}

TEST_PLAIN(a_clock_that_jumps_an_hour_ahead_fires_all_in_order)
{
    vow_loop *loop_ = real_loop();
    struct fake fake = {1000, 0};
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"}, c = {&seen, "c"}, d = {&seen, "d"};
    vow_loop_set_clock(loop_, fake_now, &fake);
    EQ_UINT(vow_now(loop_), 1000);
    vow_promise *p[4] = {vow_handle(vow_delay(loop_, 3000000), note_any, &c),
                         vow_handle(vow_delay(loop_, 10), note_any, &a),
                         vow_handle(vow_delay(loop_, 60000), note_any, &b),
                         vow_handle(vow_delay(loop_, 3600001), note_any, &d)};
    vow_poll(loop_);
    EQ_TRACE(seen, "");
    fake.now += (uint64_t)3600000 * MS;
    vow_poll(loop_);
    EQ_TRACE(seen, "a b c");
    fake.now += MS;
    vow_poll(loop_);
    EQ_TRACE(seen, "a b c d");
    for (int i = 0; i < 4; i++)
        vow_unref(p[i]);
    vow_loop_free(loop_);
}

/* The real time for the timer comes again and again; the clock says no. */
TEST_PLAIN(a_clock_that_stands_still_fires_nothing_and_does_not_spin)
{
    vow_loop *loop_ = real_loop();
    struct fake fake = {5, 0};
    vow_loop_set_clock(loop_, fake_now, &fake);
    vow_promise *p = vow_delay_until(loop_, 6); /* one nanosecond away */
    struct event *limit = NULL;
    struct timeval wait = {0, 50000};
    event_base_loopexit(vow_loop_base(loop_), &wait);
    fake.reads = 0;
    event_base_dispatch(vow_loop_base(loop_)); /* 50 ms: the clock is asked some 50 times */
    EQ_INT(vow_state(p), VOW_PENDING);
    CHECK(fake.reads >= 2 && fake.reads < 1000);
    fake.now = 6;
    limit = limit_seconds(vow_loop_base(loop_), 10, "the clock goes on, the timer does not fire");
    while (vow_state(p) == VOW_PENDING)
        event_base_loop(vow_loop_base(loop_), EVLOOP_ONCE);
    event_free(limit);
    vow_unref(p);
    vow_loop_free(loop_);
}

TEST_PLAIN(a_clock_that_repeats_itself_fires_each_timer_once)
{
    vow_loop *loop_ = real_loop();
    struct fake fake = {0, 0};
    int fired = 0;
    vow_loop_set_clock(loop_, fake_now, &fake);
    vow_promise *p = vow_then(vow_delay(loop_, 10), count_value, &fired);
    fake.now = 10 * MS;
    vow_poll(loop_);
    fake.now = 9 * MS;
    vow_poll(loop_);
    fake.now = 10 * MS;
    vow_poll(loop_);
    EQ_INT(fired, 1);
    vow_unref(p);
    vow_loop_free(loop_);
}

TEST_PLAIN(a_slow_clock_makes_no_timer_early)
{
    vow_loop *loop_ = real_loop();
    struct fake fake = {0, 0};
    vow_loop_set_clock(loop_, fake_now, &fake);
    vow_promise *p = vow_delay(loop_, 3);
    for (int i = 0; i < 30; i++) { /* 30 ms go by, for the clock 3 */
        struct timeval wait = {0, 1000};
        event_base_loopexit(vow_loop_base(loop_), &wait);
        event_base_dispatch(vow_loop_base(loop_));
        if (fake.now < 3 * MS)
            EQ_INT(vow_state(p), VOW_PENDING);
        fake.now += MS / 10;
    }
    vow_poll(loop_);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
    vow_loop_free(loop_);
}

TEST_PLAIN(the_system_clock_comes_back)
{
    vow_loop *loop_ = real_loop();
    struct fake fake = {0, 0};
    uint64_t real = vow_now(loop_);
    vow_loop_set_clock(loop_, fake_now, &fake);
    vow_promise *p = vow_delay_until(loop_, real + MS);
    vow_loop_set_clock(loop_, NULL, NULL);
    CHECK(vow_now(loop_) >= real);
    EQ_INT(vow_run(loop_, p, NULL), 0);
    vow_clock_virtual(loop_, true);
    EQ_UINT(vow_now(loop_), 0);
    vow_loop_set_clock(loop_, NULL, NULL);
    EQ_INT(vow_run(loop_, vow_delay(loop_, 1), NULL), 0);
    vow_loop_free(loop_);
}
