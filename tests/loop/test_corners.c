/* SPDX-License-Identifier: MIT
 *
 * Corners that only the measuring of coverage, or of what faults go unnoticed, found
 * untested: system calls that fail, forks at odd moments, calls from odd places.
 */
#include "common.h"

#if defined(__linux__) && !defined(VOW_PORTABLE)
#define HAS_DESCRIPTORS 1 /* timerfd and eventfd */
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#endif

/* System calls and allocations of libevent that fail on demand. */

static int failing_timerfds, failing_events;

#ifdef HAS_DESCRIPTORS
static int failing_eventfds, failing_settings;

int eventfd(unsigned count, int flags)
{
    if (failing_eventfds > 0) {
        failing_eventfds--;
        errno = ENFILE;
        return -1;
    }
    return (int)syscall(SYS_eventfd2, count, flags);
}

int timerfd_create(clockid_t clock, int flags)
{
    if (failing_timerfds > 0) {
        failing_timerfds--;
        errno = ENFILE;
        return -1;
    }
    return (int)syscall(SYS_timerfd_create, clock, flags);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old)
{
    if (failing_settings > 0) {
        failing_settings--;
        errno = ENOBUFS;
        return -1;
    }
    return (int)syscall(SYS_timerfd_settime, fd, flags, spec, old);
}
#endif

/* Only the memory of events fails: a base without memory ends the program. */
static void *event_malloc(size_t size)
{
    if (failing_events > 0 && size == event_get_struct_event_size()) {
        failing_events--;
        return NULL;
    }
    return malloc(size);
}

static bool heap_is_full;
static void *event_realloc(void *block, size_t size)
{
    return heap_is_full ? NULL : realloc(block, size);
}

static void let_events_fail(void) { event_set_mem_functions(event_malloc, event_realloc, free); }

/* Timers that cannot be set. */

#ifdef HAS_DESCRIPTORS
TEST_PLAIN(a_timer_that_cannot_be_set_is_rejected_with_the_reason)
{
    vow_loop *loop_ = real_loop();
    failing_settings = 1;
    EQ_INT(run_code(loop_, vow_delay(loop_, 1)), ENOBUFS);
    EQ_INT(run_code(loop_, vow_delay(loop_, 1)), 0);
    vow_loop_free(loop_);
}

TEST_PLAIN(a_timer_that_cannot_be_set_again_is_tried_again)
{
    int fired = 0;
    vow_loop *loop_ = real_loop();
    vow_detach(vow_then(vow_delay(loop_, 1), count_value, &fired), NULL, NULL, NULL);
    vow_detach(vow_then(vow_delay(loop_, 50), count_value, &fired), NULL, NULL, NULL);
    failing_settings = 2;
    struct event *limit = limit_seconds(vow_loop_base(loop_), 2, "the second timer was lost");
    while (fired < 2)
        event_base_loop(vow_loop_base(loop_), EVLOOP_ONCE);
    failing_settings = 0;
    event_free(limit);
    vow_loop_free(loop_);
}

TEST_PLAIN(timers_made_on_a_virtual_clock_survive_that_the_real_one_cannot_be_set)
{
    int fired = 0;
    vow_loop *loop_ = real_loop();
    vow_clock_virtual(loop_, false);
    vow_detach(vow_then(vow_delay(loop_, 1), count_value, &fired), NULL, NULL, NULL);
    failing_settings = 1;
    vow_loop_set_clock(loop_, NULL, NULL);
    EQ_INT(event_base_dispatch(vow_loop_base(loop_)), 1);
    EQ_INT(fired, 1);
    vow_loop_free(loop_);
}
#endif

TEST_PLAIN(a_timer_without_descriptor_and_memory_is_rejected)
{
    let_events_fail();
    vow_loop *loop_ = real_loop();
    failing_timerfds = 1;
    failing_events = 1;
    EQ_INT(run_code(loop_, vow_delay(loop_, 1)), ENOMEM);
    failing_timerfds = 1;
    EQ_INT(run_code(loop_, vow_delay(loop_, 1)), 0);
    EQ_INT(run_code(loop_, vow_delay_until(loop_, 1)), 0); /* long past */
    vow_loop_free(loop_);
}

TEST_PLAIN(a_timer_without_descriptor_and_a_place_in_the_base_is_rejected)
{
    let_events_fail();
    struct event *hours[8];
    struct timeval hour = {3600, 0};
    vow_loop *loop_ = real_loop();
    for (int i = 0; i < 8; i++) { /* as many as libevent has room for at first */
        hours[i] = evtimer_new(vow_loop_base(loop_), count_event, NULL);
        CHECK(event_add(hours[i], &hour) == 0);
    }
    failing_timerfds = 1;
    heap_is_full = true;
    EQ_INT(run_code(loop_, vow_delay(loop_, 1)), ENOMEM);
    heap_is_full = false;
    EQ_INT(run_code(loop_, vow_delay(loop_, 1)), 0);
    for (int i = 0; i < 8; i++)
        event_free(hours[i]);
    vow_loop_free(loop_);
}

static uint64_t still(void *data) { return *(uint64_t *)data; }

TEST_PLAIN(a_clock_of_ones_own_has_due_timers_and_some_for_the_end_of_time)
{
    uint64_t now = 1000;
    vow_loop *loop_ = real_loop();
    vow_loop_set_clock(loop_, still, &now);
    vow_promise *never = vow_delay(loop_, UINT64_MAX);
    EQ_INT(run_code(loop_, vow_delay(loop_, 0)), 0);
    EQ_INT(vow_state(never), VOW_PENDING);
    vow_unref(never);
    vow_loop_free(loop_);
}

TEST_PLAIN(a_dropped_timer_that_was_the_first_makes_no_other_one_early)
{
    vow_loop *loop_ = real_loop();
    uint64_t before = vow_now(loop_);
    vow_promise *first = vow_delay(loop_, 2), *second = vow_delay(loop_, 20);
    vow_unref(first); /* the descriptor stays set for it */
    EQ_INT(run_code(loop_, second), 0);
    CHECK(vow_now(loop_) - before >= 20000000);
    vow_loop_free(loop_);
}

static void make_delay(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    vow_loop *loop = *(vow_loop **)data;
    vow_detach(vow_delay(loop, 0), NULL, NULL, NULL);
}

TEST(a_timer_made_due_by_a_callback_of_the_programs_own_fires_without_a_jump)
{
    struct event *event = evtimer_new(vow_loop_base(loop), make_delay, &loop);
    struct timeval at_once = {0, 0};
    event_add(event, &at_once);
    vow_clock_advance(loop, 5);
    vow_clock_advance(loop, 0);
    EQ_UINT(vow_now(loop), 5000000);
    vow_counts counts = vow_stats(loop);
    EQ_UINT(counts.timers, 0);
    event_free(event);
}

static void stop_dispatch(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    event_base_loopbreak(data);
}

TEST_PLAIN(a_clock_of_ones_own_that_stands_still_is_asked_again_now_and_then)
{
    uint64_t now = 1000;
    struct timeval soon = {0, 20000};
    vow_loop *loop_ = real_loop();
    struct event_base *base = vow_loop_base(loop_);
    struct event *end = evtimer_new(base, stop_dispatch, base);
    vow_loop_set_clock(loop_, still, &now);
    vow_promise *p = vow_delay(loop_, 1);
    event_add(end, &soon);
    event_base_dispatch(base);
    EQ_INT(vow_state(p), VOW_PENDING);
    now += 1000000;
    EQ_INT(run_code(loop_, p), 0);
    event_free(end);
    vow_loop_free(loop_);
}

TEST_PLAIN(a_timer_after_a_crowd_fires_too)
{
    int fired = 0;
    vow_loop *loop_ = real_loop();
    uint64_t at = vow_now(loop_) + 1000000;
    for (int i = 0; i < 2000; i++)
        vow_detach(vow_then(vow_delay_until(loop_, at), count_value, &fired), NULL, NULL, NULL);
    EQ_INT(run_code(loop_, vow_delay_until(loop_, at + 1000000)), 0);
    EQ_INT(vow_run_all(loop_), 0); /* a budget may have left some */
    EQ_INT(fired, 2000);
    vow_loop_free(loop_);
}

/* Calls from odd places. */

static void enter_and_leave(void *data)
{
    vow_loop *loop = *(vow_loop **)data;
    vow_enter(loop);
    vow_leave(loop);
}

TEST(enter_and_leave_inside_a_stop_hook_serve_later)
{
    struct trace seen = {""};
    struct note note = {&seen, "later"};
    vow_resolver *r;
    vow_promise *later = vow_then(vow_resolved(loop, vow_v(1)), note_any, &note);
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, enter_and_leave, &loop, NULL);
    vow_mark_handled(p);
    vow_cancel(p);
    EQ_TRACE(seen, "");
    vow_poll(loop);
    EQ_TRACE(seen, "later=1");
    vow_unref(p);
    vow_unref(later);
}

static void turn_inside(void *data)
{
    vow_loop *loop = *(vow_loop **)data;
    EQ_INT(vow_poll(loop), -1);
    EQ_INT(vow_run_all(loop), EDEADLK);
}

TEST(a_stop_hook_cannot_turn_the_loop)
{
    vow_resolver *r;
    vow_promise *p = vow_promise_new(loop, &r);
    vow_on_stop(r, turn_inside, &loop, NULL);
    vow_cancel(p);
    vow_unref(p);
}

static void reject_enter_and_leave(void *data)
{
    vow_loop *loop = *(vow_loop **)data;
    vow_unref(vow_rejected(loop, vow_error_new(vow_errno_domain(), EIO, NULL)));
    enter_and_leave(data);
}

TEST(a_rejection_inside_a_destructor_between_enter_and_leave_is_told)
{
    int told = 0;
    vow_resolver *r;
    vow_on_unhandled(loop, count_unhandled, &told);
    vow_unref(vow_attach(vow_promise_new(loop, &r), &loop, reject_enter_and_leave));
    vow_resolver_drop(r);
    EQ_INT(told, 0);
    vow_poll(loop);
    EQ_INT(told, 1);
    EXPECT_UNHANDLED(1);
}

static vow_value enter_in_handler(vow_value v UNUSED, void *data)
{
    enter_and_leave(data);
    return vow_none();
}

TEST(enter_and_leave_inside_a_handler_serve_nothing_under_it)
{
    struct trace seen = {""};
    struct note note = {&seen, "later"};
    vow_promise *p = vow_then(vow_resolved(loop, vow_none()), enter_in_handler, &loop);
    vow_promise *later = vow_then(vow_resolved(loop, vow_v(1)), note_any, &note);
    EQ_UINT(vow_drain(loop, 1), 1);
    EQ_TRACE(seen, "");
    EQ_UINT(vow_drain(loop, 1), 1);
    EQ_TRACE(seen, "later=1");
    vow_unref(p);
    vow_unref(later);
}

TEST_PANICS(attaching_to_no_base_is_misuse, "vow_loop_attach: the base is NULL")
{
    vow_loop_attach(NULL);
}

TEST_PANICS(a_remote_promise_needs_a_remote, "on a wrong thread, or the loop is freed")
{
    vow_remote_resolver *r;
    vow_promise *p = vow_promise_new_remote(NULL, &r);
    vow_unref(p);
}

struct from_callback {
    vow_loop *loop;
    vow_promise *pending;
    int run, run_all;
    long polled;
};

static void call_from_callback(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    struct from_callback *f = data;
    f->run = run_code(f->loop, vow_ref(f->pending));
    f->run_all = vow_run_all(f->loop);
    f->polled = vow_poll(f->loop);
}

static void no_log(int severity UNUSED, const char *message UNUSED) {}

TEST_PLAIN(a_callback_of_the_programs_own_cannot_turn_the_loop_either)
{
    struct event_base *base = event_base_new();
    struct from_callback f = {.loop = vow_loop_attach(base)};
    struct event *event = evtimer_new(base, call_from_callback, &f);
    struct timeval at_once = {0, 0};
    vow_resolver *r;
    event_set_log_callback(no_log); /* of libevent's, about the second loop */
    f.pending = vow_promise_new(f.loop, &r);
    event_add(event, &at_once);
    EQ_INT(event_base_dispatch(base), 1);
    EQ_INT(f.run, EDEADLK);
    EQ_INT(f.run_all, EDEADLK);
    EQ_INT(f.polled, -1);
    vow_unref(f.pending);
    vow_resolver_drop(r);
    event_free(event);
    vow_loop_free(f.loop);
    event_base_free(base);
}

static vow_value break_base(vow_value v UNUSED, void *data)
{
    event_base_loopbreak(vow_loop_base(*(vow_loop **)data));
    return vow_none();
}

TEST_PLAIN(a_break_of_the_base_ends_run_all)
{
    vow_loop *loop_ = real_loop();
    vow_promise *later = vow_delay(loop_, 100000);
    vow_detach(vow_then(vow_delay(loop_, 1), break_base, &loop_), NULL, NULL, NULL);
    EQ_INT(vow_run_all(loop_), ECANCELED);
    EQ_INT(vow_state(later), VOW_PENDING);
    vow_unref(later);
    vow_loop_free(loop_);
}

TEST_PLAIN(a_closed_loop_runs_no_promise_of_another_and_keeps_its_time)
{
    vow_loop *closed = real_loop(), *other = real_loop();
    vow_resolver *r;
    vow_clock_virtual(closed, false);
    vow_loop_close(closed);
    EQ_INT(run_code(closed, vow_promise_new(other, &r)), VOW_ECLOSED);
    vow_resolver_drop(r);
    vow_clock_advance(closed, 5);
    EQ_UINT(vow_now(closed), 5000000);
    vow_loop_free(closed);
    vow_loop_free(other);
}

/* Other threads, once more. */

static void *resolve_text(void *r)
{
    return vow_remote_resolve(r, vow_text("from afar")) ? r : NULL;
}

static void resolve_on_thread(vow_remote_resolver *r)
{
    pthread_t thread;
    void *won = NULL;
    CHECK(pthread_create(&thread, NULL, resolve_text, r) == 0);
    pthread_join(thread, &won);
    CHECK(won != NULL);
}

static int told_by_error;
static void note_code(const vow_error *e, void *data UNUSED) { told_by_error = vow_error_code(e); }

TEST(a_remote_resolver_given_back_unused_does_not_leave_its_promise_pending)
{
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    vow_remote_resolver_unref(r);
    EQ_INT(vow_state(p), VOW_REJECTED);
    told_by_error = 0;
    vow_detach(p, note_code, NULL, NULL);
    vow_poll(loop);
    EQ_INT(told_by_error, VOW_EBROKEN);
    vow_remote_unref(remote);
}

TEST(an_outcome_on_its_way_to_a_promise_that_is_dropped_is_released)
{
    vow_remote_resolver *r;
    vow_remote *remote = vow_remote_new(loop);
    vow_promise *p = vow_promise_new_remote(remote, &r);
    size_t before = vow_test_blocks();
    resolve_on_thread(r);
    EQ_UINT(vow_test_blocks(), before + 1); /* the text */
    vow_unref(p);
    vow_poll(loop);
    EQ_UINT(vow_test_blocks(), before);
    vow_remote_resolver_unref(r);
    vow_remote_unref(remote);
}

/* Without waiting: a test that waited for a wake that is lost would never end. */
TEST(a_post_to_an_idle_loop_wakes_it_and_a_second_one_need_not)
{
    struct trace seen = {""};
    struct note a = {&seen, "a"}, b = {&seen, "b"};
    vow_remote *remote = vow_remote_new(loop);
    EQ_INT(vow_post(remote, note_plain, &a, NULL), 0);
    vow_poll(loop);
    EQ_TRACE(seen, "a");
    EQ_INT(vow_post(remote, note_plain, &b, NULL), 0);
    EQ_INT(vow_post(remote, note_plain, &a, NULL), 0);
    vow_poll(loop);
    EQ_TRACE(seen, "a b a");
    vow_remote_unref(remote);
}

/* Bounded, so that handlers that starve the others are told and not waited for. */

struct bounded {
    struct chain chain;
    uint64_t most, seen_at; /* steps when the descriptor's turn came */
    int fds[2];
};

static vow_value bounded_step(vow_value v UNUSED, void *data)
{
    struct bounded *b = data;
    if (++b->chain.steps == 1000)
        CHECK(write(b->fds[1], "x", 1) == 1);
    if (b->chain.steps < b->most)
        vow_detach(vow_then(vow_resolved(b->chain.loop, vow_none()), bounded_step, b), NULL, NULL,
                   NULL);
    return vow_none();
}

static void note_steps(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    struct bounded *b = data;
    if (!b->seen_at)
        b->seen_at = b->chain.steps;
}

TEST_PLAIN(a_ready_descriptor_has_its_turn_after_a_few_budgets)
{
    struct bounded b = {.chain = {real_loop(), true, 0}, .most = 50000};
    struct event_base *base = vow_loop_base(b.chain.loop);
    CHECK(pipe(b.fds) == 0);
    struct event *readable = event_new(base, b.fds[0], EV_READ, note_steps, &b);
    event_add(readable, NULL);
    vow_loop_set_budget(b.chain.loop, 10);
    vow_detach(vow_then(vow_resolved(b.chain.loop, vow_none()), bounded_step, &b), NULL, NULL,
               NULL);
    EQ_INT(event_base_dispatch(base), 1);
    EQ_UINT(b.chain.steps, 50000);
    CHECK(b.seen_at >= 1000 && b.seen_at <= 1100);
    event_free(readable);
    close(b.fds[0]);
    close(b.fds[1]);
    vow_loop_free(b.chain.loop);
}

/* Forks at odd moments. */

struct forked {
    vow_loop *loop;
    vow_remote *remote;
    vow_remote_resolver *r;
    vow_promise *p;
    int fds[2];
    int result;
};

static struct forked begin_forked(void)
{
    struct forked f = {.loop = real_loop()};
    f.remote = vow_remote_new(f.loop);
    f.p = vow_promise_new_remote(f.remote, &f.r);
    vow_mark_handled(f.p);
    return f;
}

static void end_forked(struct forked *f)
{
    vow_remote_resolver_unref(f->r);
    vow_remote_unref(f->remote);
    vow_unref(f->p);
    vow_loop_free(f->loop);
}

static int take_over_what_was_under_way(void *data)
{
    struct forked *f = data;
    size_t before = vow_test_blocks();
    CHILD_CHECK(vow_loop_after_fork(f->loop) == 0);
    CHILD_CHECK(vow_error_code(vow_error_of(f->p)) == VOW_EFORK);
    CHILD_CHECK(vow_test_blocks() == before - 1); /* the outcome */
    return 0;
}

TEST_PLAIN(an_outcome_on_its_way_at_the_fork_is_the_parents)
{
    struct forked f = begin_forked();
    resolve_on_thread(f.r);
    end_child(start_child(take_over_what_was_under_way, &f));
    vow_value v;
    EQ_INT(vow_run(f.loop, vow_ref(f.p), &v), 0);
    EQ_TEXT(vow_as_text(v), "from afar");
    vow_release(v);
    end_forked(&f);
}

static int take_over_what_nobody_wants(void *data)
{
    struct forked *f = data;
    size_t before = vow_test_blocks();
    CHILD_CHECK(vow_loop_after_fork(f->loop) == 0);
    CHILD_CHECK(vow_test_blocks() == before - 1);
    return 0;
}

TEST_PLAIN(an_outcome_on_its_way_at_the_fork_to_a_cancelled_promise_is_released)
{
    struct forked f = begin_forked();
    resolve_on_thread(f.r);
    vow_cancel(f.p);
    end_child(start_child(take_over_what_nobody_wants, &f));
    end_forked(&f);
}

static int free_and_let_go(void *data)
{
    struct forked *f = data;
    vow_unref(f->p);
    vow_loop_free(f->loop);
    CHILD_CHECK(!vow_remote_resolve(f->r, vow_text("nobody")));
    vow_remote_resolver_unref(f->r);
    CHILD_CHECK(vow_remote_unref(f->remote) == NULL);
    return 0;
}

/* The parent's descriptor is not rung: its loop stays asleep. */
TEST_PLAIN(a_child_that_frees_the_loop_and_lets_its_remote_go_wakes_no_parent)
{
    struct forked f = begin_forked();
    end_child(start_child(free_and_let_go, &f));
    vow_remote_resolve(f.r, vow_v(1));
    EQ_INT(run_code(f.loop, vow_ref(f.p)), 0);
    end_forked(&f);
}

static int settle_in_child(void *data)
{
    struct forked *f = data;
    size_t before = vow_test_blocks();
    CHILD_CHECK(!vow_remote_resolve(f->r, vow_text("lost")));
    CHILD_CHECK(vow_test_blocks() == before);
    return 0;
}

static void *fork_and_settle(void *data)
{
    end_child(start_child(settle_in_child, data));
    return NULL;
}

TEST_PLAIN(settling_in_a_child_of_another_thread_settles_nothing)
{
    pthread_t thread;
    struct forked f = begin_forked();
    CHECK(pthread_create(&thread, NULL, fork_and_settle, &f) == 0);
    pthread_join(thread, NULL);
    EQ_INT(vow_state(f.p), VOW_PENDING);
    end_forked(&f);
}

static int take_a_closed_loop_over(void *data)
{
    struct forked *f = data;
    CHILD_CHECK(vow_loop_after_fork(f->loop) == 0);
    CHILD_CHECK(vow_post(f->remote, count_destroy, &f->result, count_destroy) == ESHUTDOWN);
    CHILD_CHECK(f->result == 1);
    return 0;
}

TEST_PLAIN(a_closed_loop_stays_closed_in_a_child)
{
    struct forked f = begin_forked();
    vow_loop_close(f.loop);
    end_child(start_child(take_a_closed_loop_over, &f));
    end_forked(&f);
}

#ifdef HAS_DESCRIPTORS
static int take_over_without(void *data)
{
    struct forked *f = data;
    int *what = f->result == 1 ? &failing_eventfds : &failing_events;
    *what = 1;
    CHILD_CHECK(vow_loop_after_fork(f->loop) == (f->result == 1 ? ENFILE : ENOMEM));
    CHILD_CHECK(vow_run_all(f->loop) == VOW_EFORK);
    CHILD_CHECK(vow_loop_after_fork(f->loop) == 0);
    CHILD_CHECK(vow_post(f->remote, count_destroy, &f->result, NULL) == 0);
    int before = f->result;
    CHILD_CHECK(vow_poll(f->loop) >= 0);
    CHILD_CHECK(f->result == before + 1);
    return 0;
}

TEST_PLAIN(a_child_without_a_descriptor_or_memory_for_its_remote_may_try_again)
{
    let_events_fail();
    for (int what = 1; what <= 2; what++) {
        struct forked f = begin_forked();
        f.result = what;
        end_child(start_child(take_over_without, &f));
        end_forked(&f);
    }
}

static int free_after_failing(void *data)
{
    struct forked *f = data;
    failing_eventfds = 1;
    CHILD_CHECK(vow_loop_after_fork(f->loop) == ENFILE);
    vow_unref(f->p);
    vow_remote_resolver_unref(f->r);
    vow_remote_unref(f->remote);
    vow_loop_free(f->loop);
    CHILD_CHECK(vow_test_blocks() == 0);
    return 0;
}

TEST_PLAIN(a_child_without_a_descriptor_for_its_remote_may_free_the_loop)
{
    struct forked f = begin_forked();
    end_child(start_child(free_after_failing, &f));
    end_forked(&f);
}
#endif

static int take_over_without_its_timer(void *data)
{
    struct forked *f = data;
    failing_events = 1;
    CHILD_CHECK(vow_loop_after_fork(f->loop) == ENOMEM);
    CHILD_CHECK(vow_run_all(f->loop) == VOW_EFORK);
    CHILD_CHECK(vow_loop_after_fork(f->loop) == 0);
    CHILD_CHECK(vow_run(f->loop, f->p, NULL) == 0);
    return 0;
}

TEST_PLAIN(a_child_without_memory_for_its_timers_may_try_again)
{
    let_events_fail();
    struct forked f = {.loop = real_loop()};
    f.p = vow_delay(f.loop, 1);
    end_child(start_child(take_over_without_its_timer, &f));
    EQ_INT(run_code(f.loop, f.p), 0);
    vow_loop_free(f.loop);
}

static int take_over_without_a_descriptor_of_the_base(void *data)
{
    struct forked *f = data;
    close(f->fds[0]);
    CHILD_CHECK(vow_loop_after_fork(f->loop) != 0);
    CHILD_CHECK(vow_run_all(f->loop) == VOW_EFORK);
    return 0;
}

TEST_PLAIN(a_child_that_has_closed_what_the_base_waits_for_is_told)
{
    struct forked f = {.loop = real_loop()};
    CHECK(pipe(f.fds) == 0);
    event_set_log_callback(no_log); /* of libevent's, about that descriptor */
    struct event *event =
        event_new(vow_loop_base(f.loop), f.fds[0], EV_READ, count_event, &f.result);
    event_add(event, NULL);
    end_child(start_child(take_over_without_a_descriptor_of_the_base, &f));
    event_free(event);
    close(f.fds[0]);
    close(f.fds[1]);
    vow_loop_free(f.loop);
}
