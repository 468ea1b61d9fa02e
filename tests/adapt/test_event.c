/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapt/sweep.h"

/* What the program's own callback writes down. */
static void own_callback(evutil_socket_t fd, short what, void *data)
{
    char byte;
    trace_add(data, "own:%d", what);
    if (what & EV_READ)
        EQ_INT(read(fd, &byte, 1), 1);
}

static int flags_of(vow_loop *loop, vow_promise *p)
{
    vow_value v;
    EQ_INT(vow_run(loop, p, &v), 0);
    return (int)vow_as_int(v);
}

TEST(fulfils_with_the_flags_and_gives_the_callback_back)
{
    struct trace seen = {""};
    int fd[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    struct event *e =
        event_new(vow_loop_base(loop), fd[0], EV_READ | EV_PERSIST, own_callback, &seen);
    EQ_INT(write(fd[1], "x", 1), 1);
    EQ_INT(flags_of(loop, vow_event(loop, e, 0)), EV_READ);
    CHECK(!event_pending(e, EV_READ, NULL));
    CHECK(event_get_callback(e) == own_callback);
    EQ_INT(event_get_events(e), EV_READ | EV_PERSIST);
    event_add(e, NULL);
    vow_poll(loop);
    EQ_TRACE(seen, "own:2");
    event_free(e);
    close(fd[0]);
    close(fd[1]);
}

TEST(the_time_limit_is_an_outcome)
{
    int fd[2];
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0);
    struct event *e = event_new(vow_loop_base(loop), fd[0], EV_READ, own_callback, NULL);
    EQ_INT(flags_of(loop, vow_event(loop, e, 1)), EV_TIMEOUT);
    event_free(e);
    close(fd[0]);
    close(fd[1]);
}

TEST(a_timer_of_the_program)
{
    struct event *e = evtimer_new(vow_loop_base(loop), own_callback, NULL);
    EQ_INT(flags_of(loop, vow_event(loop, e, 1)), EV_TIMEOUT);
    EQ_INT(flags_of(loop, vow_event(loop, e, 1)), EV_TIMEOUT);
    event_free(e);
}

TEST(a_signal_that_came_three_times_fulfils_once)
{
    struct trace seen = {""};
    struct event *e = evsignal_new(vow_loop_base(loop), SIGUSR1, own_callback, &seen);
    vow_promise *p = vow_event(loop, e, 0);
    for (int i = 0; i < 3; i++)
        raise(SIGUSR1);
    EQ_INT(flags_of(loop, p), EV_SIGNAL);
    EQ_TRACE(seen, "");
    event_free(e);
}

TEST(cancelled_or_dropped_it_is_taken_from_the_base)
{
    struct trace seen = {""};
    struct event *e = evtimer_new(vow_loop_base(loop), own_callback, &seen);
    vow_promise *p = vow_event(loop, e, 1000);
    vow_cancel(p);
    EQ_INT(vow_run(loop, p, NULL), ECANCELED);
    vow_unref(vow_event(loop, e, 1000));
    CHECK(!event_pending(e, EV_TIMEOUT, NULL));
    CHECK(event_get_callback_arg(e) == &seen);
    EQ_INT(vow_run_all(loop), 0);
    event_free(e);
}

TEST(the_priority_stays)
{
    event_base_priority_init(vow_loop_base(loop), 4);
    struct event *e = evtimer_new(vow_loop_base(loop), own_callback, NULL);
    event_priority_set(e, 3);
    EQ_INT(flags_of(loop, vow_event(loop, e, 1)), EV_TIMEOUT);
    EQ_INT(event_get_priority(e), 3);
    event_free(e);
}

TEST_PANICS(an_event_that_is_pending_is_misuse, "the event is pending already")
{
    struct event *e = evtimer_new(vow_loop_base(loop), own_callback, NULL);
    vow_promise *p = vow_event(loop, e, 1000), *q = vow_event(loop, e, 1000);
    vow_unref(p);
    vow_unref(q);
}

TEST_PANICS(an_event_of_another_base_is_misuse, "belongs to another event_base")
{
    struct event_base *other = event_base_new();
    struct event *e = evtimer_new(other, own_callback, NULL);
    vow_unref(vow_event(loop, e, 1000));
}

static int wait_for_timer(vow_loop *loop)
{
    struct event *e = evtimer_new(vow_loop_base(loop), own_callback, NULL);
    if (!e)
        return ENOMEM;
    int code = vow_run(loop, vow_event(loop, e, 1), NULL);
    CHECK(event_get_callback(e) == own_callback);
    event_free(e);
    return code;
}

TEST_PLAIN(every_allocation_may_fail) { sweep(wait_for_timer); }
