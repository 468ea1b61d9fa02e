/* SPDX-License-Identifier: MIT
 *
 * loop/timer.c - delays: a heap, and one timerfd for the earliest deadline (one evtimer
 * where there is no timerfd). The descriptor is set only when the earliest deadline becomes
 * earlier than what it is set for: a timer that was cancelled costs at most one early
 * wake-up, never a system call of its own. For the same reason a timer event that has just
 * lost its last timer stays in the base until the callback that runs is done.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/heap.h"
#ifdef VOW__LINUX
#include <sys/timerfd.h>
#endif

enum { MS = 1000000, CROWD_NS = 250000 }; /* nanoseconds */

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

static bool is_due(const struct vow__timers *t, uint64_t present)
{
    return t->count > 0 && t->heap[0].deadline <= present;
}

/* The event that stands for the earliest deadline. */

static void on_timer(evutil_socket_t fd, short what, void *data);

/* 0 or ENOMEM. Without a descriptor to spare an evtimer does: later, never early. */
static int make_event(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    if (t->event)
        return 0;
#ifdef VOW__LINUX
    t->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
#endif
    if (t->fd >= 0)
        t->event = event_new(l->base, t->fd, EV_READ | EV_PERSIST, on_timer, l);
    else
        t->event = evtimer_new(l->base, on_timer, l);
    if (t->event)
        return 0;
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    return ENOMEM;
}

static int set_timerfd(int fd, uint64_t when)
{
#ifdef VOW__LINUX
    struct itimerspec spec = {.it_value = {.tv_sec = (time_t)(when / 1000000000u),
                                           .tv_nsec = (long)(when % 1000000000u)}};
    return timerfd_settime(fd, TFD_TIMER_ABSTIME, &spec, NULL) ? errno : 0;
#else
    (void)fd, (void)when;
    return ENOSYS;
#endif
}

static int set_evtimer(struct event *event, uint64_t when)
{
    uint64_t real = real_now(), us = when > real ? (when - real + 999) / 1000 : 0;
    struct timeval wait = {(time_t)(us / 1000000), (suseconds_t)(us % 1000000)};
    return event_add(event, &wait) ? ENOMEM : 0;
}

/* Sees to it that the event fires at `when` or earlier, in real time. */
static int set_event(struct vow__event_loop *l, uint64_t when)
{
    struct vow__timers *t = &l->timers;
    int failed = make_event(l);
    if (failed)
        return failed;
    if (!t->added && t->fd >= 0 && event_add(t->event, NULL))
        return ENOMEM;
    t->added = true;
    if (t->armed != 0 && t->armed <= when)
        return 0;
    failed = t->fd >= 0 ? set_timerfd(t->fd, when) : set_evtimer(t->event, when);
    t->armed = failed ? 0 : when;
    return failed;
}

/* Not in a forked child that still shares the kernel's side with its parent. */
static void unregister(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    if (!vow__same_process(&l->core))
        return;
    if (t->added)
        event_del(t->event);
    t->added = false;
    if (t->fd < 0)
        t->armed = 0; /* a timerfd runs on: should it expire, that is an early wake-up */
}

/* To be called when the earliest deadline may have changed: the event is in the base while
 * there is a timer, and set for the first. `soonest`: not before that real time. 0 or an
 * errno number. */
static int arm(struct vow__event_loop *l, uint64_t soonest)
{
    struct vow__timers *t = &l->timers;
    if (t->is_virtual || !vow__same_process(&l->core))
        return 0;
    if (t->count == 0) {
        if (!l->depth && !l->core.draining)
            unregister(l);
        return 0;
    }
    uint64_t when = t->heap[0].deadline;
    if (t->clock) {
        uint64_t present = now(t), wait = when > present ? when - present : 0;
        uint64_t real = real_now();
        when = wait < UINT64_MAX - real ? real + wait : UINT64_MAX;
    }
    if (when < soonest)
        when = soonest;
    return set_event(l, when ? when : 1); /* 0 would disarm a timerfd */
}

void vow__timers_settle_down(struct vow__event_loop *l)
{
    if (l->timers.count == 0 && l->timers.added)
        unregister(l);
}

/* How many fired. */
static uint64_t fire_due(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    uint64_t present = now(t), fired = 0;
    for (; is_due(t, present); fired++) {
        struct vow__timer *timer = t->heap[0].timer;
        vow__heap_remove(t, timer);
        vow_resolve(timer->resolver, vow_none()); /* handlers come later: none adds a timer here */
    }
    return fired;
}

/* How long the next wake-up may wait, in ns. A replaced clock that stands still is asked
 * again each millisecond, not each turn. Where timers are so many that several fire at once,
 * the next ones come together too, at most CROWD_NS late: a wake-up costs more than some
 * timers. One alone is never made to wait. */
static uint64_t pause_after(const struct vow__timers *t, uint64_t fired)
{
    if (fired == 0)
        return t->clock ? MS : 0;
    return fired < 2 ? 0 : fired < CROWD_NS / 1000 ? fired * 1000 : CROWD_NS;
}

void vow__timers_look(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    if (t->count == 0 || !(t->is_virtual || t->armed == 0))
        return;
    fire_due(l);
    if (arm(l, 0))
        vow__wake(l); /* still no memory */
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    (void)what;
    struct vow__event_loop *l = data;
    struct vow__timers *t = &l->timers;
    uint64_t times;
    ssize_t size = fd >= 0 ? read(fd, &times, sizeof times) : 0;
    (void)size; /* it does not wait, so nothing interrupts it */
    t->armed = 0;
    t->added = fd >= 0;
    vow_enter(&l->core);
    uint64_t pause = pause_after(t, fire_due(l));
    if (arm(l, pause ? real_now() + pause : 0))
        vow__wake(l);    /* an evtimer without memory for its place: tries again */
    vow_leave(&l->core); /* the loop may be gone */
}

/* Delays. */

static void stop_timer(void *data)
{
    struct vow__timer *timer = data;
    vow__heap_remove(&timer->loop->timers, timer);
    arm(timer->loop, 0); /* nothing becomes earlier: cannot fail */
}

static void free_timer(void *data)
{
    struct vow__timer *timer = data;
    vow__give(&timer->loop->core, data);
}

static struct vow__timer *new_timer(struct vow__event_loop *l, uint64_t ns, const char *where)
{
    struct vow__timer *timer = (void *)vow__new_line(&l->core, K_OTHER, where);
    if (VOW_UNLIKELY(!timer))
        return NULL;
    l->core.made--; /* a line, but no promise */
    if (VOW_UNLIKELY(vow__heap_reserve(&l->timers))) {
        vow__give(&l->core, (void *)timer);
        return NULL;
    }
    timer->loop = l;
    timer->deadline = ns;
    timer->number = l->timers.made++;
    return timer;
}

vow_promise *vow_delay_until_at(vow_loop *loop, uint64_t ns, const char *where)
{
    vow_promise *refused = vow__refused(loop, where);
    if (VOW_UNLIKELY(refused))
        return refused;
    struct vow__event_loop *l = vow__event_loop(loop);
    struct vow__timer *timer = new_timer(l, ns, where);
    if (VOW_UNLIKELY(!timer))
        return vow__refuse(loop, NULL, NULL, NULL);
    vow_promise *p = vow_promise_new_at(loop, &timer->resolver, where);
    bool pending = !vow__settled(p);
    vow_on_stop(timer->resolver, stop_timer, timer, free_timer);
    if (VOW_UNLIKELY(!pending)) /* no memory, and the timer is freed */
        return p;
    vow__heap_add(&l->timers, timer);
    int failed = arm(l, 0);
    if (VOW_UNLIKELY(failed)) {
        vow__heap_remove(&l->timers, timer);
        vow_reject(timer->resolver, vow_error_new_at(where, vow_errno_domain(), failed, "timer"));
    }
    return p;
}

vow_promise *vow_delay_at(vow_loop *loop, uint64_t ms, const char *where)
{
    vow__check_loop(loop, "vow_delay");
    uint64_t present = vow_now(loop), most = (UINT64_MAX - present) / MS;
    return vow_delay_until_at(loop, present + (ms < most ? ms : most) * MS, where);
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
    struct vow__timers *t = &l->timers;
    t->clock = clock;
    t->clock_data = data;
    t->is_virtual = t->by_itself = false;
    t->armed = 0;
    if (arm(l, 0))
        vow__wake(l);
}

void vow_clock_virtual(vow_loop *loop, bool by_itself)
{
    vow__check_loop(loop, "vow_clock_virtual");
    struct vow__event_loop *l = vow__event_loop(loop);
    struct vow__timers *t = &l->timers;
    unregister(l);
    t->armed = 0;
    t->is_virtual = true;
    t->by_itself = by_itself;
}

bool vow__timers_check(struct vow__event_loop *l)
{
    struct vow__timers *t = &l->timers;
    if (t->count == 0 || !is_due(t, now(t)))
        return false;
    vow_enter(&l->core);
    fire_due(l);
    arm(l, 0); /* the event is there, and set for earlier */
    vow_leave(&l->core);
    return true;
}

bool vow__timers_jump(struct vow__event_loop *l, uint64_t limit)
{
    struct vow__timers *t = &l->timers;
    if (t->count == 0 || t->heap[0].deadline > limit)
        return false;
    if (t->heap[0].deadline > t->virtual_now)
        t->virtual_now = t->heap[0].deadline;
    vow__timers_check(l);
    return true;
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

void vow__timers_init(struct vow__event_loop *l) { l->timers.fd = -1; }

void vow__timers_done(struct vow__event_loop *l)
{
    drop_event(&l->timers);
    vow__free(l->timers.heap);
    l->timers.heap = NULL;
}

int vow__timers_after_fork(struct vow__event_loop *l)
{
    drop_event(&l->timers);
    return arm(l, 0);
}
