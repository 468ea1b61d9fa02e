/* SPDX-License-Identifier: MIT
 *
 * loop/timer.c - delays: a 4-ary heap, and one timerfd for the earliest deadline (one
 * evtimer where there is no timerfd). The descriptor is set only when the earliest
 * deadline becomes earlier than what it is set for: a timer that was cancelled costs at
 * most one early wake-up, never a system call of its own.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/timerfd.h>
#endif

#include "base/mem.h"
#include "loop/loop.h"

/* One delay: a line of the pool, whose first 8 bytes belong to the pool. */
struct vow__timer {
    uint64_t line;
    uint64_t deadline, number; /* the heap's order */
    vow_resolver *resolver;
    struct vow__event_loop *loop;
    size_t at; /* index in the heap; NOWHERE once it has fired */
};
_Static_assert(sizeof(struct vow__timer) <= sizeof(vow_promise), "a timer fits a line");
#define NOWHERE SIZE_MAX

static uint64_t real_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t now(const struct vow__timers *t)
{
    if (t->is_virtual)
        return t->virtual_now;
    return t->clock ? t->clock(t->clock_data) : real_now();
}

/* The heap. */

static bool before(const struct vow__timer *a, const struct vow__timer *b)
{
    return a->deadline < b->deadline || (a->deadline == b->deadline && a->number < b->number);
}

static void put(struct vow__timers *t, size_t at, struct vow__timer *timer)
{
    t->heap[at] = timer;
    timer->at = at;
}

static void sift_up(struct vow__timers *t, size_t at, struct vow__timer *timer)
{
    while (at > 0 && before(timer, t->heap[(at - 1) / 4])) {
        put(t, at, t->heap[(at - 1) / 4]);
        at = (at - 1) / 4;
    }
    put(t, at, timer);
}

static size_t first_child(const struct vow__timers *t, size_t at)
{
    size_t child = at * 4 + 1, best = child;
    for (size_t i = child + 1; i < child + 4 && i < t->count; i++)
        if (before(t->heap[i], t->heap[best]))
            best = i;
    return best;
}

static void sift_down(struct vow__timers *t, size_t at, struct vow__timer *timer)
{
    while (at * 4 + 1 < t->count) {
        size_t child = first_child(t, at);
        if (!before(t->heap[child], timer))
            break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, timer);
}

static void remove_at(struct vow__timers *t, size_t at)
{
    t->heap[at]->at = NOWHERE;
    struct vow__timer *last = t->heap[--t->count];
    if (at == t->count)
        return;
    if (at > 0 && before(last, t->heap[(at - 1) / 4]))
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}

static int make_room(struct vow__timers *t)
{
    if (t->count < t->room)
        return 0;
    size_t room = t->room ? t->room * 2 : 64;
    void *heap = vow__resize(t->heap, room * sizeof *t->heap);
    if (!heap)
        return ENOMEM;
    t->heap = heap;
    t->room = room;
    return 0;
}

/* The event that stands for the earliest deadline. */

static void fire_due(struct vow__event_loop *l);

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    (void)what;
    struct vow__event_loop *l = data;
    uint64_t times;
    if (fd >= 0 && read(fd, &times, sizeof times) < 0 && errno != EAGAIN)
        return;
    l->timers.armed = 0;
    vow_enter(&l->core);
    fire_due(l);
    vow_leave(&l->core);
}

static int make_event(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    if (t->event)
        return 0;
#ifdef __linux__
    t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
#endif
    if (t->fd >= 0)
        t->event = event_new(l->base, t->fd, EV_READ | EV_PERSIST, on_timer, l);
    else
        t->event = evtimer_new(l->base, on_timer, l);
    return t->event ? 0 : ENOMEM;
}

static int set_event(struct vow__timers *t, uint64_t when)
{
#ifdef __linux__
    if (t->fd >= 0) {
        struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(when / 1000000000u),
                                               .tv_nsec = (long)(when % 1000000000u)}};
        return timerfd_settime(t->fd, TFD_TIMER_ABSTIME, &spec, NULL) ? errno : 0;
    }
#endif
    uint64_t real = real_now(), us = when > real ? (when - real + 999) / 1000 : 0;
    struct timeval wait = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    return event_add(t->event, &wait) ? ENOMEM : 0;
}

/* Registers the event while there is a timer, set to the earliest. 0 or an errno number. */
static int arm(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    if (t->is_virtual)
        return 0;
    if (t->count == 0) {
        if (t->added)
            event_del(t->event);
        t->added = false;
        t->armed = t->fd >= 0 ? t->armed : 0;
        return 0;
    }
    uint64_t when = t->heap[0]->deadline;
    if (t->clock) {
        uint64_t present = now(t);
        when = real_now() + (when > present ? when - present : 0);
    }
    when = when ? when : 1; /* 0 would disarm */
    int failed = make_event(l);
    if (!failed && !t->added && t->fd >= 0)
        failed = event_add(t->event, NULL) ? ENOMEM : 0;
    if (!failed && (t->armed == 0 || when < t->armed)) {
        failed = set_event(t, when);
        t->armed = failed ? 0 : when;
    }
    t->added = !failed;
    return failed;
}

static void fire_due(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    uint64_t present = now(t);
    while (t->count && t->heap[0]->deadline <= present) {
        struct vow__timer *timer = t->heap[0];
        remove_at(t, 0);
        vow_resolve(timer->resolver, vow_none());
    }
    arm(l);
}

/* Delays. */

static void stop_timer(void *data)
{
    struct vow__timer *timer = data;
    if (timer->at != NOWHERE)
        remove_at(&timer->loop->timers, timer->at);
    arm(timer->loop);
}

static void free_timer(void *data)
{
    struct vow__timer *timer = data;
    vow__give(&timer->loop->core, data);
}

vow_promise *vow_delay_until_at(vow_loop *loop, uint64_t ns, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (VOW_UNLIKELY(refused))
        return refused;
    struct vow__event_loop *l = vow__event_loop(loop);
    struct vow__timer *timer = (void *)vow__new_line(loop, K_OTHER, where);
    if (VOW_UNLIKELY(!timer || make_room(&l->timers))) {
        if (timer)
            vow__give(loop, (void *)timer);
        return vow__refuse(loop, NULL, NULL, NULL);
    }
    loop->made--; /* a line, but no promise */
    timer->loop = l;
    timer->deadline = ns;
    timer->number = l->timers.made++;
    vow_promise *p = vow_promise_new_at(loop, &timer->resolver, where);
    timer->at = NOWHERE;
    vow_on_stop(timer->resolver, stop_timer, timer, free_timer);
    if (VOW_UNLIKELY(p == loop->no_memory))
        return p;
    sift_up(&l->timers, l->timers.count++, timer);
    int failed = arm(l);
    if (VOW_UNLIKELY(failed)) {
        remove_at(&l->timers, timer->at);
        vow_reject(timer->resolver, vow_error_new_at(where, vow_errno_domain(), failed, "timer"));
    }
    return p;
}

vow_promise *vow_delay_at(vow_loop *loop, uint64_t ms, const char *where)
{
    uint64_t present = vow_now(loop), most = (UINT64_MAX - present) / 1000000u;
    return vow_delay_until_at(loop, present + (ms < most ? ms : most) * 1000000u, where);
}

/* Clocks. */

uint64_t vow_now(const vow_loop *loop)
{
    return now(&((const struct vow__event_loop *)loop)->timers);
}

void vow_loop_set_clock(vow_loop *loop, vow_clock_fn *clock, void *data)
{
    vow__check_loop(loop, "vow_loop_set_clock");
    struct vow__event_loop *l = vow__event_loop(loop);
    l->timers.clock = clock;
    l->timers.clock_data = data;
    l->timers.is_virtual = l->timers.by_itself = false;
    l->timers.armed = 0;
    arm(l);
}

void vow_clock_virtual(vow_loop *loop, bool by_itself)
{
    vow__check_loop(loop, "vow_clock_virtual");
    struct vow__timers *t = &vow__event_loop(loop)->timers;
    if (t->added)
        event_del(t->event);
    t->added = false;
    t->armed = 0;
    t->is_virtual = true;
    t->by_itself = by_itself;
}

void vow__timers_check(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    if ((t->is_virtual || t->clock) && t->count && t->heap[0]->deadline <= now(t)) {
        vow_enter(&l->core);
        fire_due(l);
        vow_leave(&l->core);
    }
}

bool vow__timers_jump(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    if (!t->count)
        return false;
    if (t->heap[0]->deadline > t->virtual_now)
        t->virtual_now = t->heap[0]->deadline;
    vow__timers_check(l);
    return true;
}

void vow_clock_advance(vow_loop *loop, uint64_t ms)
{
    vow__check_loop(loop, "vow_clock_advance");
    struct vow__event_loop *l = vow__event_loop(loop);
    struct vow__timers *t = &l->timers;
    VOW_CHECK(t->is_virtual, "vow_clock_advance: the loop's clock is not virtual");
    uint64_t target = t->virtual_now + ms * 1000000u;
    while (vow_poll(loop) >= 0 && t->count && t->heap[0]->deadline <= target)
        vow__timers_jump(l);
    t->virtual_now = target;
}

int vow__timers_init(struct vow__event_loop *l)
{
    l->timers.fd = -1;
    return 0;
}

static void drop_event(struct vow__timers *t)
{
    if (t->event)
        event_free(t->event);
    if (t->fd >= 0)
        close(t->fd);
    t->event = NULL;
    t->fd = -1;
    t->added = false;
    t->armed = 0;
}

void vow__timers_done(struct vow__event_loop *l)
{
    drop_event(&l->timers);
    vow__free(l->timers.heap);
    l->timers.heap = NULL;
}

int vow__timers_after_fork(struct vow__event_loop *l)
{
    drop_event(&l->timers);
    return arm(l);
}
