/* SPDX-License-Identifier: MIT
 *
 * The queue: first in first out, bounded drains, the wake-up of the embedder, and how it
 * shares a turn with I/O and timers.
 */
#include <event2/event.h>
#include <unistd.h>

#include "core/common.h"
#include "core/loop.h"
#include "vow/inspect.h"
#include "vow/remote.h"

/* Starts one more job from inside a job. */
struct starter {
    struct note own, inner;
    vow_promise *started;
};
static vow_value start_another(UNUSED vow_value v, void *data)
{
    struct starter *s = data;
    trace_add(s->own.seen, "%s", s->own.name);
    s->started = vow_then(vow_resolved(vow_current(), vow_v(0)), note_value, &s->inner);
    return vow_none();
}

/* scenario 35 */
TEST(a_job_queued_by_a_job_runs_after_those_already_queued)
{
    struct trace seen = {""};
    struct starter a = {{&seen, "a"}, {&seen, "inner"}, NULL};
    struct note b = {&seen, "b"}, c = {&seen, "c"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(0)), start_another, &a);
    vow_promise *q = vow_then(vow_resolved(loop, vow_v(1)), note_value, &b);
    vow_promise *s = vow_then(vow_resolved(loop, vow_v(2)), note_value, &c);
    drain(loop);
    EQ_TRACE(seen, "a b=1 c=2 inner=0");
    vow_unref(p);
    vow_unref(q);
    vow_unref(s);
    vow_unref(a.started);
}

static vow_value give_ready(UNUSED vow_value v, void *data)
{
    struct note *note = data;
    trace_add(note->seen, "%s", note->name);
    return vow_v(vow_resolved(vow_current(), vow_v(7)));
}

/* scenario 36 */
TEST(returning_a_ready_promise_does_not_let_a_job_overtake_earlier_ones)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"}, after = {&seen, "after-a"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), give_ready, &a);
    p = vow_then(p, note_value, &after);
    vow_promise *q = vow_then(vow_resolved(loop, vow_v(1)), note_value, &b);
    drain(loop);
    EQ_TRACE(seen, "a b=1 after-a=7");
    vow_unref(p);
    vow_unref(q);
}

/* vow has one class of jobs, and one thing that runs last: the report of what nobody
 * handled, which waits until the queue is empty, whatever later jobs add. */
/* scenario 37 */
TEST(the_report_of_unhandled_rejections_runs_last_after_all_that_later_jobs_queue)
{
    struct trace seen = {""};
    struct starter a = {{&seen, "a"}, {&seen, "inner"}, NULL};
    vow_on_unhandled(loop, note_unhandled, &seen);
    vow_unref(vow_rejected(loop, eio()));
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(0)), start_another, &a);
    drain(loop);
    EQ_TRACE(seen, "a inner=0 unhandled!EIO");
    EXPECT_UNHANDLED(1);
    vow_unref(p);
    vow_unref(a.started);
}

/* There are no priorities: one class. */
/* scenario 38 */
TEST(settled_late_cut_off_and_detached_jobs_run_in_the_order_they_were_queued)
{
    struct trace seen = {""};
    struct note settled = {&seen, "settled"}, late = {&seen, "late"}, cut = {&seen, "cut"};
    struct note detached = {&seen, "detached"};
    struct op op = {0};
    vow_resolver *r;
    vow_promise *done = vow_resolved(loop, vow_v(1)), *source = op_start(loop, &op);
    vow_promise *p[3];
    p[0] = vow_handle(vow_promise_new(loop, &r), note_value, &settled);
    p[1] = vow_handle(vow_ref(source), note_value, &cut);
    vow_cancel(p[1]);
    vow_detach(vow_rejected(loop, eio()), note_detached, &detached, NULL);
    vow_resolve(r, vow_v(2));
    p[2] = vow_handle(done, note_value, &late);
    drain(loop);
    EQ_TRACE(seen, "cut!ECANCELED detached!EIO settled=2 late=1");
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
    vow_unref(source);
}

/* scenario 39 */
TEST(a_queued_promise_whose_consumer_was_dropped_may_be_queued_again)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_promise *first = vow_then(vow_ref(p), never_called, NULL);
    vow_resolve(r, vow_v(1));
    vow_promise *other = vow_then(vow_resolved(loop, vow_v(2)), note_value, &b);
    vow_unref(first);
    vow_promise *again = vow_then(p, note_value, &a);
    drain(loop);
    EQ_TRACE(seen, "b=2 a=1");
    vow_unref(again);
    vow_unref(other);
}

static vow_value drain_inside(UNUSED vow_value v, void *data)
{
    vow_loop *loop = data;
    EQ_UINT(vow_drain(loop, SIZE_MAX), 0);
    EQ_INT(vow_poll(loop), -1);
    EQ_INT(vow_run_all(loop), EDEADLK);
    return vow_none();
}

/* scenario 41 */
TEST(a_nested_drain_does_nothing)
{
    struct trace seen = {""};
    struct note b = {&seen, "b"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), drain_inside, loop);
    vow_promise *q = vow_then(vow_resolved(loop, vow_v(1)), note_value, &b);
    EQ_UINT(vow_drain(loop, 1), 1);
    EQ_TRACE(seen, "");
    drain(loop);
    EQ_TRACE(seen, "b=1");
    vow_unref(p);
    vow_unref(q);
}

static vow_value await_inside(UNUSED vow_value v, void *data)
{
    vow_loop *loop = data;
    vow_value got;
    EQ_INT(vow_run(loop, vow_resolved(loop, vow_v(1)), &got), EDEADLK);
    HAS_TEXT(vow_error_message(vow_as_error(got)), "inside a handler");
    vow_release(got);
    return vow_none();
}

/* scenario 46 */
TEST(waiting_where_the_loop_cannot_turn_is_an_error_not_a_crash)
{
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), await_inside, loop);
    drain(loop);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
}

/* scenario 42 */
TEST(a_bounded_drain_runs_at_most_n_returns_the_count_and_leaves_the_rest)
{
    struct trace seen = {""};
    struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}, {&seen, "d"}, {&seen, "e"}};
    vow_promise *p[5];
    for (int i = 0; i < 5; i++)
        p[i] = vow_then(vow_resolved(loop, vow_v(i)), note_value, &notes[i]);
    EQ_UINT(vow_drain(loop, 0), 0);
    EQ_UINT(vow_drain(loop, 2), 2);
    EQ_TRACE(seen, "a=0 b=1");
    EQ_UINT(vow_drain(loop, 100), 3);
    EQ_TRACE(seen, "a=0 b=1 c=2 d=3 e=4");
    EQ_UINT(vow_drain(loop, 100), 0);
    for (int i = 0; i < 5; i++)
        vow_unref(p[i]);
}

TEST(a_bounded_drain_stops_in_the_middle_of_one_promises_consumers)
{
    struct trace seen = {""};
    struct note notes[] = {{&seen, "a"}, {&seen, "b"}, {&seen, "c"}}, other = {&seen, "other"};
    vow_resolver *r;
    vow_promise *p[4], *source = vow_promise_new(loop, &r);
    for (int i = 0; i < 3; i++)
        p[i] = vow_catch(vow_ref(source), note_recover, &notes[i]);
    vow_reject(r, eio());
    p[3] = vow_then(vow_resolved(loop, vow_v(1)), note_value, &other);
    EQ_UINT(vow_drain(loop, 2), 2);
    EQ_TRACE(seen, "a!EIO b!EIO");
    p[2] = vow_unref(p[2]);
    EQ_UINT(vow_drain(loop, 2), 1);
    EQ_TRACE(seen, "a!EIO b!EIO other=1");
    vow_unref(source);
    for (int i = 0; i < 4; i++)
        vow_unref(p[i]);
}

/* The core tells its embedder by one call, which this replaces. */
static int wakes;
static void count_wake(UNUSED vow_loop *loop) { wakes++; }

/* scenario 43 */
TEST(the_embedder_is_woken_once_as_the_queue_becomes_runnable)
{
    void (*wake)(vow_loop *) = loop->wake;
    wakes = 0;
    loop->wake = count_wake;
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), same, NULL);
    EQ_INT(wakes, 1);
    vow_promise *q = vow_then(vow_resolved(loop, vow_none()), same, NULL);
    EQ_INT(wakes, 1);
    vow_drain(loop, 1); /* what is left asks for another turn */
    EQ_INT(wakes, 2);
    drain(loop);
    EQ_INT(wakes, 2);
    p = vow_then(p, same, NULL);
    EQ_INT(wakes, 3);
    drain(loop);
    loop->wake = wake;
    vow_unref(p);
    vow_unref(q);
}

TEST(the_embedder_is_woken_for_what_only_waits_to_be_reported)
{
    void (*wake)(vow_loop *) = loop->wake;
    wakes = 0;
    loop->wake = count_wake;
    vow_unref(vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, NULL)));
    EQ_INT(wakes, 1);
    loop->wake = wake;
    struct trace seen = {""};
    vow_on_unhandled(loop, note_unhandled, &seen);
    EXPECT_UNHANDLED(1);
    drain(loop);
    EQ_TRACE(seen, "unhandled!EIO");
}

/* scenario 44 */
TEST(polling_without_work_returns_at_once_and_waiting_returns_when_settled)
{
    vow_value v;
    EQ_INT(vow_poll(loop), 0);
    EQ_INT(vow_run(loop, vow_then(vow_resolved(loop, vow_v(1)), add_one, NULL), &v), 0);
    EQ_INT(vow_as_int(v), 2);
    EQ_INT(vow_run(loop, vow_rejected(loop, eio()), &v), EIO);
    vow_release(v);
    EQ_INT(vow_poll(loop), 0);
}

static vow_value yield(UNUSED vow_value v, void *data)
{
    struct note *note = data;
    trace_add(note->seen, "%s-yields", note->name);
    return vow_v(vow_then(vow_resolved(vow_current(), vow_v(1)), note_value, note));
}

/* scenario 45 */
TEST(a_handler_that_goes_on_in_a_new_job_lets_the_other_ready_job_run_first)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), yield, &a);
    vow_promise *q = vow_then(vow_resolved(loop, vow_v(2)), note_value, &b);
    drain(loop);
    EQ_TRACE(seen, "a-yields b=2 a=1");
    vow_unref(p);
    vow_unref(q);
}

static void on_readable(UNUSED evutil_socket_t fd, UNUSED short what, void *data)
{
    trace_add(data, "io");
}
static void on_post(void *data) { trace_add(data, "post"); }

/* scenario 47 */
TEST(polling_takes_ready_io_due_timers_and_calls_of_other_threads_before_it_would_sleep)
{
    struct trace seen = {""};
    struct note timer = {&seen, "timer"};
    int fds[2];
    EQ_INT(pipe(fds), 0);
    EQ_INT(write(fds[1], "x", 1), 1);
    struct event *io = event_new(vow_loop_base(loop), fds[0], EV_READ, on_readable, &seen);
    EQ_INT(event_add(io, NULL), 0);
    vow_promise *p = vow_then(vow_delay(loop, 0), note_value, &timer);
    vow_remote *remote = vow_remote_new(loop);
    EQ_INT(vow_post(remote, on_post, &seen, NULL), 0);
    vow_poll(loop);
    HAS_TEXT(seen.text, "io");
    HAS_TEXT(seen.text, "timer=none");
    HAS_TEXT(seen.text, "post");
    event_free(io);
    vow_remote_unref(remote);
    vow_unref(p);
    close(fds[0]);
    close(fds[1]);
}

/* A loop that returns its own next step, until told to stop. */
struct spinner {
    bool stop;
    uint64_t steps;
};
static vow_value spin(UNUSED vow_value v, void *data)
{
    struct spinner *s = data;
    s->steps++;
    if (s->stop || s->steps > 10000000)
        return vow_none();
    return vow_v(vow_then(vow_resolved(vow_current(), vow_none()), spin, s));
}
static void stop_spinning(UNUSED evutil_socket_t fd, UNUSED short what, void *data)
{
    ((struct spinner *)data)->stop = true;
}

/* scenario 48 */
TEST(a_long_chain_that_requeues_itself_does_not_starve_io)
{
    struct spinner s = {0};
    int fds[2];
    EQ_INT(pipe(fds), 0);
    EQ_INT(write(fds[1], "x", 1), 1);
    struct event *io = event_new(vow_loop_base(loop), fds[0], EV_READ, stop_spinning, &s);
    EQ_INT(event_add(io, NULL), 0);
    EQ_INT(vow_run(loop, vow_then(vow_resolved(loop, vow_none()), spin, &s), NULL), 0);
    CHECK(s.steps < 10000); /* a few budgets */
    event_free(io);
    close(fds[0]);
    close(fds[1]);
}

TEST(a_long_chain_that_requeues_itself_does_not_starve_the_timers_of_the_base)
{
    struct spinner s = {0};
    struct timeval soon = {0, 10000};
    struct event *timer = evtimer_new(vow_loop_base(loop), stop_spinning, &s);
    EQ_INT(event_add(timer, &soon), 0);
    EQ_INT(vow_run(loop, vow_then(vow_resolved(loop, vow_none()), spin, &s), NULL), 0);
    CHECK(s.stop);
    event_free(timer);
}

TEST(the_budget_is_at_least_one)
{
    struct trace seen = {""};
    struct note notes[] = {{&seen, "a"}, {&seen, "b"}};
    vow_loop_set_budget(loop, 0);
    vow_promise *p = vow_then(vow_resolved(loop, vow_v(1)), note_value, &notes[0]);
    p = vow_then(p, note_value, &notes[1]);
    vow_poll(loop);
    EQ_TRACE(seen, "a=1 b=1");
    vow_unref(p);
}

TEST(what_is_settled_between_enter_and_leave_is_dispatched_at_the_outermost_leave)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"};
    vow_resolver *r;
    vow_promise *p = vow_then(vow_promise_new(loop, &r), note_value, &a);
    vow_enter(loop);
    vow_enter(loop);
    vow_resolve(r, vow_v(1));
    vow_leave(loop);
    EQ_TRACE(seen, "");
    vow_leave(loop);
    EQ_TRACE(seen, "a=1");
    vow_unref(p);
}
