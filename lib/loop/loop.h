/* SPDX-License-Identifier: MIT
 *
 * loop/loop.h - a loop as the event layer knows it: the core's part, an event_base, timers,
 * and the inbox of other threads.
 */
#ifndef VOW_LOOP_LOOP_H
#define VOW_LOOP_LOOP_H

#include <event2/event.h>

#include "base/fd.h"
#include "core/loop.h"
#include "vow/loop.h"
#include "vow/remote.h"
#include "vow/timer.h"

/* The timers of a loop (heap.h), and the one event that stands for the earliest. */
struct vow__entry {
    uint64_t deadline; /* the timer's */
    struct vow__timer *timer;
};
struct vow__timers {
    struct vow__entry *heap;
    size_t count, room;
    uint64_t made;       /* numbers timers, so that equal deadlines fire in order */
    struct event *event; /* made with the first timer; in the base while one is pending */
    int fd;              /* timerfd, or -1: `event` is an evtimer */
    bool added;          /* `event` is in the base */
    uint64_t armed;      /* real time the event is set for, in ns; 0: not set */
    vow_clock_fn *clock; /* NULL: the system's */
    void *clock_data;
    bool is_virtual, by_itself; /* virtual: no event, virtual_now is the time */
    uint64_t virtual_now;
};

struct vow__event_loop {
    vow_loop core; /* first: a vow_loop * is a pointer to this */
    struct event_base *base;
    struct event *wake;  /* activated when the queue fills outside a drain */
    struct event *yield; /* a zero timer: what a budget leaves over lets I/O go first */
    struct vow__timers timers;
    struct vow_remote *remote;         /* NULL until the first vow_remote_new */
    struct vow__event_loop *next_here; /* loops of this thread (registry) */
    struct vow__watch *resting;        /* watch.h: events in the base that nobody waits for */
    size_t resting_count;
    struct vow__member *members;  /* watch.h: adapters' objects that hold events */
    struct vow__ready *ready[64]; /* adapt/ready.c: waits by descriptor, modulo 64 */
    vow_loop *outer;              /* what vow_current() is again after the last vow_leave */
    uint64_t callbacks;           /* ever left by the last vow_leave */
    unsigned depth;               /* vow_enter without vow_leave; closing counts as one */
    unsigned attachments;         /* vow_loop_new and _attach, less vow_loop_free */
    unsigned generation;          /* vow__forks when it was made, or last taken over by a child */
    unsigned base_generation;     /* ... when the base got kernel objects of its own */
    bool own_base;
    bool in_run;                  /* one of run.c's functions turns the base */
    bool stop;                    /* sticky: taken back by the run that it ends */
    bool close_asked, free_asked; /* inside a callback: done when it returns */
};

static inline struct vow__event_loop *vow__event_loop(vow_loop *loop)
{
    return (struct vow__event_loop *)loop;
}

extern unsigned vow__forks; /* forks this process is away from the first */
/* False in a forked child that has not called vow_loop_after_fork. */
static inline bool vow__same_process(const vow_loop *loop)
{
    return ((const struct vow__event_loop *)loop)->generation == vow__forks;
}
/* In a forked child: gives the base kernel objects of its own, so that what is taken out of
 * it here stays in the parent's. 0 or an errno number. */
int vow__unshare(vow_loop *loop);

/* The promise that adapters give when the loop refuses (closed, forked): rejected. Else NULL. */
vow_promise *vow__refused(vow_loop *loop, const char *where);

/* An event of the loop's base for an adapter's callback; NULL: no memory. The callback is
 * to bracket its work with vow_enter and vow_leave, and to touch nothing of the loop after
 * that: it may be gone. */
static inline struct event *vow__event_new(vow_loop *loop, int fd, short what,
                                           event_callback_fn callback, void *data)
{
    return event_new(vow__event_loop(loop)->base, fd, what, callback, data);
}
/* How stop hooks take it out again, which may run in a forked child. */
static inline void vow__event_del(vow_loop *loop, struct event *event)
{
    vow__unshare(loop);
    event_del(event);
}
static inline void vow__event_free(vow_loop *loop, struct event *event)
{
    vow__unshare(loop);
    event_free(event);
}

/* loop.c */
void vow__wake(struct vow__event_loop *l); /* have the base look at the loop in its next turn */
/* Closes at once; the caller sees to it that nothing of the loop's runs. */
void vow__close_now(struct vow__event_loop *l);

/* timer.c */
void vow__timers_init(struct vow__event_loop *l);
void vow__timers_done(struct vow__event_loop *l);
int vow__timers_after_fork(struct vow__event_loop *l); /* 0 or an errno number */
/* Fires what is due: what the event would do, without a turn. True: something was. */
bool vow__timers_check(struct vow__event_loop *l);
/* Virtual clock: moves to the next deadline and fires it; false: none up to `limit`. */
bool vow__timers_jump(struct vow__event_loop *l, uint64_t limit);
/* The base has come back to the loop (vow__wake): a virtual clock may have been moved, or the
 * event could not be set. */
void vow__timers_look(struct vow__event_loop *l);
/* The callback is done: without a timer the event leaves the base. */
void vow__timers_settle_down(struct vow__event_loop *l);

/* remote.c */
void vow__remote_close(struct vow__event_loop *l);
void vow__remote_free(struct vow__event_loop *l);
int vow__remote_after_fork(struct vow__event_loop *l); /* 0 or an errno number */

#endif
