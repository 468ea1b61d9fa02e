/* SPDX-License-Identifier: MIT */
#include <sys/socket.h>

#include "common.h"

static vow_value end_chain(vow_value v UNUSED, void *data)
{
    struct chain *chain = data;
    chain->on = false;
    return vow_none();
}

/* The program's own 10 ms timer and socket, and a timer of vow's, all next to handlers that
 * queue each other for ever: each of them must get its turn. */
struct others {
    struct chain chain;
    int timer, readable, vows, pair[2];
    struct event *timer_event, *read_event, *limit;
};

static void look(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    struct others *o = data;
    if (o->timer && o->readable && o->vows)
        o->chain.on = false;
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    ((struct others *)data)->timer++;
    look(fd, what, data);
}

static void on_readable(evutil_socket_t fd, short what, void *data)
{
    struct others *o = data;
    char c;
    CHECK(read(o->pair[0], &c, 1) == 1);
    o->readable++;
    look(fd, what, data);
}

static vow_value on_vow_timer(vow_value v UNUSED, void *data)
{
    struct others *o = data;
    o->vows++;
    CHECK(write(o->pair[1], "x", 1) == 1);
    look(-1, 0, data);
    return vow_none();
}

static void run_others(struct event_base *base, vow_loop *loop)
{
    struct others o = {.timer = 0};
    struct timeval ten = {0, 10000};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, o.pair) == 0);
    o.timer_event = event_new(base, -1, 0, on_timer, &o);
    o.read_event = event_new(base, o.pair[0], EV_READ | EV_PERSIST, on_readable, &o);
    o.limit = limit_seconds(base, 15, "handlers starve the base");
    CHECK(event_add(o.timer_event, &ten) == 0 && event_add(o.read_event, NULL) == 0);
    chain_start(&o.chain, loop);
    vow_detach(vow_then(vow_delay(loop, 10), on_vow_timer, &o), NULL, NULL, NULL);
    while (o.chain.on)
        event_base_loop(base, EVLOOP_ONCE);
    vow_poll(loop); /* the last of the chain */
    CHECK(o.timer == 1 && o.readable == 1 && o.vows == 1);
    CHECK(o.chain.steps > 1);
    event_free(o.timer_event);
    event_free(o.read_event);
    event_free(o.limit);
    close(o.pair[0]);
    close(o.pair[1]);
}

/* scenario 48 */
TEST_PLAIN(handlers_that_queue_each_other_for_ever_do_not_starve_timers_and_sockets)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    run_others(base, loop_);
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST_PLAIN(nor_do_they_under_vow_run)
{
    vow_loop *loop_ = real_loop();
    struct chain chain;
    chain_start(&chain, loop_);
    struct event *limit = limit_seconds(vow_loop_base(loop_), 15, "handlers starve the loop");
    EQ_INT(vow_run(loop_, vow_then(vow_delay(loop_, 10), end_chain, &chain), NULL), 0);
    CHECK(chain.steps > 1);
    event_free(limit);
    vow_loop_free(loop_);
}

static void stop_chain(void *data) { ((struct chain *)data)->on = false; }

TEST(nor_do_they_starve_posts)
{
    struct chain chain;
    vow_remote *remote = vow_remote_new(loop);
    chain_start(&chain, loop);
    EQ_INT(vow_post(remote, stop_chain, &chain, NULL), 0);
    vow_remote_unref(remote);
    EQ_INT(vow_run_all(loop), 0);
    CHECK(!chain.on && chain.steps > 0);
}

/* A descriptor is looked at between two budgets: as many handlers run before it as the
 * budget says, once for the drain under way and once for the next. */
TEST(a_budget_bounds_what_runs_before_the_base_is_turned)
{
    struct chain chain;
    vow_remote *remote = vow_remote_new(loop);
    vow_loop_set_budget(loop, 10);
    chain_start(&chain, loop);
    EQ_INT(vow_post(remote, stop_chain, &chain, NULL), 0);
    vow_remote_unref(remote);
    EQ_INT(vow_run_all(loop), 0);
    CHECK(chain.steps <= 25);
}

TEST(a_budget_is_at_least_one)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_loop_set_budget(loop, 0);
    vow_promise *p = vow_handle(vow_resolved(loop, vow_none()), note_any, &a);
    vow_promise *q = vow_handle(vow_resolved(loop, vow_none()), note_any, &b);
    vow_enter(loop);
    vow_leave(loop);
    EQ_TRACE(seen, "a");
    EQ_INT(event_base_dispatch(vow_loop_base(loop)), 1);
    EQ_TRACE(seen, "a b");
    vow_unref(p);
    vow_unref(q);
}

TEST(what_a_budget_leaves_over_keeps_its_order)
{
    struct trace seen = {""};
    struct note notes[5] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}, {&seen, "d"}, {&seen, "e"}};
    vow_promise *p[5];
    vow_loop_set_budget(loop, 2);
    for (int i = 0; i < 5; i++)
        p[i] = vow_handle(vow_resolved(loop, vow_none()), note_any, &notes[i]);
    EQ_INT(vow_run_all(loop), 0);
    EQ_TRACE(seen, "a b c d e");
    for (int i = 0; i < 5; i++)
        vow_unref(p[i]);
}

/* Unhandled rejections are told when the queue is empty, or after 64 budgets. */

TEST(a_rejection_is_reported_though_the_queue_never_empties)
{
    struct chain chain;
    int told = 0;
    vow_on_unhandled(loop, count_unhandled, &told);
    vow_loop_set_budget(loop, 5);
    chain_start(&chain, loop);
    vow_unref(vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "lost")));
    EXPECT_UNHANDLED(1);
    while (told == 0 && chain.steps < 100000)
        event_base_loop(vow_loop_base(loop), EVLOOP_ONCE);
    EQ_INT(told, 1);
    CHECK(chain.steps >= 5 * 63 / 2 && chain.steps <= 5 * 65);
    chain.on = false;
    vow_run_all(loop);
}

TEST(a_rejection_is_reported_at_the_end_of_the_drain_that_empties_the_queue)
{
    int told = 0;
    vow_on_unhandled(loop, count_unhandled, &told);
    vow_unref(vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, "lost")));
    EQ_INT(told, 0);
    event_base_dispatch(vow_loop_base(loop));
    EQ_INT(told, 1);
    EXPECT_UNHANDLED(1);
}

/* Making room among the base's timers may fail: handlers go on all the same. */

static bool event_memory_fails;
static void *failing_malloc(size_t size) { return event_memory_fails ? NULL : malloc(size); }
static void *failing_realloc(void *block, size_t size)
{
    return event_memory_fails ? NULL : realloc(block, size);
}

static vow_value count_down(vow_value v UNUSED, void *data)
{
    struct chain *chain = data;
    if (++chain->steps >= 1000)
        chain->on = false;
    if (chain->on)
        vow_detach(vow_then(vow_resolved(chain->loop, vow_none()), count_down, chain), NULL, NULL,
                   NULL);
    return vow_none();
}

TEST_PLAIN(handlers_go_on_when_libevent_has_no_memory_for_the_yield)
{
    event_set_mem_functions(failing_malloc, failing_realloc, free);
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    struct event *hours[8];
    struct timeval hour = {3600, 0};
    for (int i = 0; i < 8; i++) { /* as many as libevent has room for at first */
        hours[i] = evtimer_new(base, count_event, NULL);
        CHECK(event_add(hours[i], &hour) == 0);
    }
    struct chain chain = {loop_, true, 0};
    vow_loop_set_budget(loop_, 3);
    vow_detach(vow_then(vow_resolved(loop_, vow_none()), count_down, &chain), NULL, NULL, NULL);
    event_memory_fails = true;
    for (int i = 0; i < 10000 && chain.on; i++)
        event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    event_memory_fails = false;
    EQ_UINT(chain.steps, 1000);
    for (int i = 0; i < 8; i++)
        event_free(hours[i]);
    vow_loop_free(loop_);
    event_base_free(base);
}
