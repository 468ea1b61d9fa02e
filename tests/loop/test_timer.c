/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#ifdef __linux__
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#endif

#include "common.h"

#include "vow/flow.h"
#include "vow/inspect.h"

enum { MS = 1000000 };

/* scenario 128 */
TEST(zero_and_past_deadlines_fire_in_the_next_turn_and_never_in_the_call)
{
    int fired = 0;
    vow_clock_advance(loop, 100);
    vow_promise *p[3] = {vow_delay(loop, 0), vow_delay_until(loop, 0),
                         vow_delay_until(loop, 99 * MS)};
    for (int i = 0; i < 3; i++) {
        EQ_INT(vow_state(p[i]), VOW_PENDING);
        p[i] = vow_then(p[i], count_value, &fired);
    }
    vow_drain(loop, 10); /* no turn */
    EQ_INT(fired, 0);
    vow_poll(loop);
    EQ_INT(fired, 3);
    EQ_UINT(vow_now(loop), 100 * MS);
    for (int i = 0; i < 3; i++)
        vow_unref(p[i]);
}

/* scenario 128 */
TEST_PLAIN(zero_and_past_deadlines_fire_in_the_next_turn_of_the_system_clock_too)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    int fired = 0;
    vow_detach(vow_then(vow_delay(loop_, 0), count_value, &fired), NULL, NULL, NULL);
    vow_detach(vow_then(vow_delay_until(loop_, 1), count_value, &fired), NULL, NULL, NULL);
    vow_detach(vow_then(vow_delay_until(loop_, 0), count_value, &fired), NULL, NULL, NULL);
    EQ_INT(fired, 0);
    EQ_INT(event_base_dispatch(base), 1);
    EQ_INT(fired, 3);
    vow_loop_free(loop_);
    event_base_free(base);
}

static size_t timers(vow_loop *loop) { return vow_stats(loop).timers; }

/* scenario 129 */
TEST(a_time_limit_frees_its_timer_however_it_ends)
{
    vow_resolver *r;
    vow_promise *p = vow_timeout(vow_promise_new(loop, &r), 50);
    EQ_UINT(timers(loop), 1);
    vow_resolve(r, vow_v(1)); /* success of what is limited */
    EQ_INT(run_int(loop, p), 1);
    EQ_UINT(timers(loop), 0);

    p = vow_timeout(vow_promise_new(loop, &r), 50);
    vow_reject(r, vow_error_new(vow_errno_domain(), EIO, "bad")); /* failure */
    EQ_INT(run_code(loop, p), EIO);
    EQ_UINT(timers(loop), 0);

    p = vow_timeout(vow_promise_new(loop, &r), 50); /* time-out */
    EQ_INT(run_code(loop, p), ETIMEDOUT);
    EQ_UINT(timers(loop), 0);
    EQ_UINT(vow_now(loop), 50 * MS);
    vow_resolver_drop(r);
}

/* Notes when and in what order. */
struct firing {
    vow_loop *loop;
    uint64_t last;
    size_t last_number, count;
};

struct one {
    struct firing *firing;
    uint64_t deadline;
    size_t number;
};

static vow_value check_order(vow_value v UNUSED, void *data)
{
    struct one *one = data;
    struct firing *f = one->firing;
    CHECK(vow_now(f->loop) >= one->deadline); /* not early */
    CHECK(one->deadline > f->last ||
          (one->deadline == f->last && (f->count == 0 || one->number > f->last_number)));
    f->last = one->deadline;
    f->last_number = one->number;
    f->count++;
    return vow_none();
}

static void delay_in_order(struct one *one, struct firing *f, uint64_t deadline, size_t number)
{
    *one = (struct one){f, deadline, number};
    vow_detach(vow_then(vow_delay_until(f->loop, deadline), check_order, one), NULL, NULL, NULL);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* scenario 130 */
TEST(equal_deadlines_fire_in_the_order_in_which_they_were_made)
{
    struct firing f = {loop, 0, 0, 0};
    static struct one ones[1000];
    for (size_t i = 0; i < 1000; i++)
        delay_in_order(&ones[i], &f, 10 * MS * (1 + i % 3), i);
    vow_clock_advance(loop, 30);
    EQ_UINT(f.count, 1000);
}

/* scenario 130 */
TEST(a_hundred_thousand_random_timers_fire_in_order)
{
    enum { MANY = 100000 };
    struct firing f = {loop, 0, 0, 0};
    static struct one ones[MANY];
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < MANY; i++)
        delay_in_order(&ones[i], &f, next_random(&state) % (MANY / 4), i); /* many equal ones */
    EQ_UINT(timers(loop), MANY);
    EQ_INT(vow_run_all(loop), 0);
    EQ_UINT(f.count, MANY);
    EQ_UINT(timers(loop), 0);
}

TEST(random_timers_made_and_dropped_at_random_leave_the_others_in_order)
{
    enum { MANY = 20000 };
    struct firing f = {loop, 0, 0, 0};
    static struct one ones[MANY];
    static vow_promise *held[MANY];
    uint64_t state = 12345;
    size_t dropped = 0;
    for (size_t i = 0; i < MANY; i++) {
        ones[i] = (struct one){&f, next_random(&state) % 5000 * MS, i};
        held[i] = vow_then(vow_delay_until(loop, ones[i].deadline), check_order, &ones[i]);
        size_t victim = (size_t)(next_random(&state) % (i + 1));
        if (i % 3 == 0 && held[victim]) {
            held[victim] = vow_unref(held[victim]);
            dropped++;
        }
    }
    EQ_UINT(timers(loop), MANY - dropped);
    EQ_INT(vow_run_all(loop), 0);
    EQ_UINT(f.count, MANY - dropped);
    for (size_t i = 0; i < MANY; i++)
        vow_unref(held[i]);
}

/* Dropping the earliest of many again and again: were it linear, this would take minutes. */
TEST(dropping_and_cancelling_many_timers_costs_little_each)
{
    enum { MANY = 100000 };
    static vow_promise *held[MANY];
    for (size_t i = 0; i < MANY; i++)
        held[i] = vow_delay_until(loop, (MANY - i) * MS);
    for (size_t i = 0; i < MANY; i += 2)
        held[i] = vow_unref(held[i]);
    for (size_t i = 1; i < MANY; i += 2)
        vow_cancel(held[i]);
    EQ_UINT(timers(loop), 0);
    for (size_t i = 1; i < MANY; i += 2) {
        EQ_INT(vow_error_code(vow_error_of(held[i])), ECANCELED);
        vow_unref(held[i]);
    }
}

static void on_alarm(int signal UNUSED) {}

/* A signal each millisecond interrupts the wait; what counts is that no timer is early, and
 * that the loop goes on (the bound on being late is one of minutes). */
/* scenario 131 */
TEST_PLAIN(signals_during_the_wait_make_no_timer_early_nor_stop_the_loop)
{
    vow_loop *loop_ = real_loop();
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval each_ms = {{0, 1000}, {0, 1000}}, none = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &each_ms, NULL);
    for (uint64_t ms = 1; ms <= 40; ms += 13) {
        uint64_t before = vow_now(loop_);
        EQ_INT(vow_run(loop_, vow_delay(loop_, ms), NULL), 0);
        CHECK(vow_now(loop_) - before >= ms * MS);
    }
    setitimer(ITIMER_REAL, &none, NULL);
    vow_loop_free(loop_);
}

/* scenario 132 */
TEST_PLAIN(a_dropped_timer_neither_fires_nor_holds_the_loop)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    int fired = 0;
    vow_promise *p = vow_then(vow_delay(loop_, 3600000), count_value, &fired);
    vow_unref(p);
    EQ_INT(event_base_dispatch(base), 1);
    vow_promise *q = vow_then(vow_delay(loop_, 3600000), count_value, &fired);
    vow_cancel(q);
    EQ_INT(event_base_dispatch(base), 1);
    EQ_INT(vow_error_code(vow_error_of(q)), ECANCELED);
    EQ_INT(fired, 0);
    vow_unref(q);
    vow_loop_free(loop_);
    event_base_free(base);
}

static vow_value drop_it(vow_value v UNUSED, void *data)
{
    vow_promise **p = data;
    *p = vow_unref(*p);
    return vow_none();
}

/* scenario 132 */
TEST_PLAIN(a_timer_dropped_in_a_handler_does_not_hold_the_loop)
{
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    vow_promise *hour = vow_delay(loop_, 3600000);
    vow_detach(vow_then(vow_resolved(loop_, vow_none()), drop_it, &hour), NULL, NULL, NULL);
    EQ_INT(event_base_dispatch(base), 1);
    EQ_PTR(hour, NULL);
    vow_loop_free(loop_);
    event_base_free(base);
}

TEST(a_timer_may_be_dropped_by_the_handler_of_an_equal_one)
{
    vow_promise *other = NULL;
    int fired = 0;
    vow_detach(vow_then(vow_delay(loop, 10), drop_it, &other), NULL, NULL, NULL);
    other = vow_then(vow_delay(loop, 10), count_value, &fired);
    vow_clock_advance(loop, 10);
    EQ_INT(fired, 0);
    EQ_PTR(other, NULL);
}

TEST(the_longest_delay_there_is_does_not_overflow)
{
    vow_promise *p = vow_delay(loop, UINT64_MAX), *q = vow_delay_until(loop, UINT64_MAX);
    vow_clock_advance(loop, 1000000);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(vow_state(q), VOW_PENDING);
    vow_clock_advance(loop, UINT64_MAX);
    EQ_INT(vow_state(p), VOW_FULFILLED);
    vow_unref(p);
    vow_unref(q);
}

TEST_PLAIN(the_longest_delay_there_is_can_be_waited_for)
{
    vow_loop *loop_ = real_loop();
    vow_promise *p = vow_delay(loop_, UINT64_MAX);
    EQ_INT(vow_state(p), VOW_PENDING);
    EQ_INT(vow_run(loop_, vow_delay(loop_, 1), NULL), 0);
    EQ_INT(vow_state(p), VOW_PENDING);
    vow_unref(p);
    vow_loop_free(loop_);
}

TEST_PLAIN(timers_of_the_system_clock_fire_in_order_and_none_early)
{
    vow_loop *loop_ = real_loop();
    struct firing f = {loop_, 0, 0, 0};
    static struct one ones[500];
    uint64_t state = 4711, start = vow_now(loop_);
    for (size_t i = 0; i < 500; i++)
        delay_in_order(&ones[i], &f, start + next_random(&state) % (20 * MS), i);
    EQ_INT(vow_run_all(loop_), 0);
    EQ_UINT(f.count, 500);
    vow_loop_free(loop_);
}

/* With no descriptor to spare. */
static vow_promise *delay_by_evtimer(vow_loop *loop, uint64_t ms)
{
    struct rlimit before, none;
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = before;
    none.rlim_cur = (rlim_t)dup(2);
    close((int)none.rlim_cur);
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    vow_promise *p = vow_delay(loop, ms);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    return p;
}

/* System calls: the descriptor is set only when the earliest deadline becomes earlier. The
 * program's own definition stands before the C library's. */
#if defined(__linux__) && !defined(VOW_PORTABLE)
static unsigned settings;
int timerfd_settime(int fd, int flags, const struct itimerspec *spec, struct itimerspec *old)
{
    settings++;
    return (int)syscall(SYS_timerfd_settime, fd, flags, spec, old);
}

static unsigned controls;
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    controls++;
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

TEST_PLAIN(only_an_earlier_deadline_sets_the_descriptor)
{
    vow_loop *loop_ = real_loop();
    vow_promise *p[100];
    settings = 0;
    for (uint64_t i = 0; i < 100; i++)
        p[i] = vow_delay(loop_, 3600000 + i);
    EQ_UINT(settings, 1);
    for (int i = 0; i < 100; i++)
        vow_unref(p[i]);
    EQ_UINT(settings, 1);
    for (uint64_t i = 0; i < 100; i++)
        p[i] = vow_delay(loop_, 3600000 * 2 + i);
    EQ_UINT(settings, 1); /* one early wake-up, should it come to that */
    vow_promise *first = vow_delay(loop_, 1800000);
    EQ_UINT(settings, 2);
    vow_unref(first);
    for (int i = 0; i < 100; i++)
        vow_unref(p[i]);
    vow_loop_free(loop_);
}

static vow_value limit_again(vow_value v UNUSED, void *data)
{
    void **both = data;
    vow_promise **p = both[1];
    vow_unref(*p);
    *p = vow_delay(both[0], 3600000);
    return vow_none();
}

TEST_PLAIN(a_time_limit_after_another_in_handlers_costs_no_system_call)
{
    vow_loop *loop_ = real_loop();
    vow_promise *limit = vow_delay(loop_, 3600000), *p = vow_resolved(loop_, vow_none());
    void *both[2] = {loop_, &limit};
    CHECK(controls > 0);
    settings = controls = 0;
    for (int i = 0; i < 1000; i++)
        p = vow_then(p, limit_again, both);
    EQ_INT(vow_run(loop_, p, NULL), 0);
    EQ_UINT(settings, 0);
    EQ_UINT(controls, 0);
    vow_unref(limit);
    vow_loop_free(loop_);
}

TEST_PLAIN(without_a_descriptor_for_them_timers_fire_all_the_same_and_none_early)
{
    vow_loop *loop_ = real_loop();
    vow_promise *first = delay_by_evtimer(loop_, 1);
    struct firing f = {loop_, 0, 0, 0};
    static struct one ones[100];
    for (size_t i = 0; i < 100; i++)
        delay_in_order(&ones[i], &f, vow_now(loop_) + (100 - i) * 100000, i);
    vow_promise *hour = vow_delay(loop_, 3600000);
    vow_unref(hour);
    EQ_INT(event_base_dispatch(vow_loop_base(loop_)), 1);
    EQ_UINT(f.count, 100);
    EQ_INT(vow_state(first), VOW_FULFILLED);
    vow_unref(first);
    vow_loop_free(loop_);
}
#endif

/* Where timers are evtimers: the program's timers take the place that vow's has just left in
 * libevent's heap, and there is no memory for another until one callback later. */

static bool no_event_memory;
static int event_failures;
static void *stingy_realloc(void *block, size_t size)
{
    event_failures += no_event_memory;
    return no_event_memory ? NULL : realloc(block, size);
}

enum { PLACES = 8 }; /* in libevent's heap, at first */
struct thief {
    struct event *taken[PLACES], *giver;
};

static void give_memory(evutil_socket_t fd UNUSED, short what UNUSED, void *data UNUSED)
{
    no_event_memory = false;
}

static void take_all_places(evutil_socket_t fd UNUSED, short what UNUSED, void *data)
{
    struct thief *thief = data;
    struct timeval hour = {3600, 0};
    for (int i = 0; i < PLACES; i++)
        CHECK(event_add(thief->taken[i], &hour) == 0);
    no_event_memory = true;
    event_active(thief->giver, EV_TIMEOUT, 1);
}

TEST_PLAIN(an_evtimer_that_cannot_be_set_is_tried_again)
{
    event_set_mem_functions(malloc, stingy_realloc, free);
    struct event_base *base = event_base_new();
    vow_loop *loop_ = vow_loop_attach(base);
    struct thief thief = {.giver = event_new(base, -1, 0, give_memory, NULL)};
    struct timeval soon = {0, 500};
    for (int i = 0; i < PLACES; i++)
        thief.taken[i] = evtimer_new(base, i ? count_event : take_all_places, &thief);
    CHECK(event_add(thief.taken[0], &soon) == 0);
    vow_promise *first = delay_by_evtimer(loop_, 1), *second = vow_delay(loop_, 200);
    uint64_t both_due = vow_now(loop_) + 10 * MS; /* libevent's clock is coarse */
    while (vow_now(loop_) < both_due)
        ;
    event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    EQ_INT(vow_state(first), VOW_FULFILLED);
    CHECK(event_failures > 0 && !no_event_memory);
    while (vow_state(second) == VOW_PENDING)
        event_base_loop(base, EVLOOP_ONCE);
    vow_unref(first);
    vow_unref(second);
    for (int i = 0; i < PLACES; i++)
        event_free(thief.taken[i]);
    event_free(thief.giver);
    vow_loop_free(loop_);
    event_base_free(base);
}

/* Failing allocations: a delay is made, or the loop's refusal; nothing is lost. */
TEST(a_delay_without_memory_is_rejected_and_nothing_is_lost)
{
    static vow_promise *held[20000];
    size_t n = 0;
    int told = 0;
    vow_on_unhandled(loop, count_unhandled, &told);
    vow_test_fail_allocation(1, false);
    while (!vow_test_failed()) /* until a slab is used up: the timer needs a new one */
        held[n++] = vow_resolved(loop, vow_none());
    vow_mark_handled(held[n - 1]);
    for (size_t fail = 1;; fail++) {
        vow_test_fail_allocation(fail, false);
        vow_promise *p = vow_delay(loop, 10);
        bool failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        EQ_INT(vow_run(loop, p, NULL), failed ? ENOMEM : 0);
        EQ_UINT(timers(loop), 0);
        if (!failed)
            break;
    }
    while (n > 0)
        vow_unref(held[--n]);
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

TEST_PLAIN(a_delay_that_libevent_has_no_memory_for_is_rejected_with_enomem)
{
    event_set_mem_functions(event_malloc, event_realloc, free);
    for (size_t n = 1;; n++) {
        vow_loop *loop_ = real_loop();
        until_event_failure = n;
        vow_promise *p = vow_delay(loop_, 1);
        bool failed = until_event_failure == 0;
        until_event_failure = 0;
        EQ_INT(vow_run(loop_, p, NULL), failed ? ENOMEM : 0);
        EQ_INT(vow_run(loop_, vow_delay(loop_, 1), NULL), 0); /* and later ones work */
        vow_loop_free(loop_);
        if (!failed) {
            CHECK(n > 1);
            return;
        }
    }
}
