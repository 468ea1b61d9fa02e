/* SPDX-License-Identifier: MIT
 *
 * loop/loop.h - a loop as the event layer knows it: the core's part, an event_base, timers,
 * and the inbox of other threads.
 */
#ifndef VOW_LOOP_LOOP_H
#define VOW_LOOP_LOOP_H

#include <event2/event.h>

#include "core/loop.h"
#include "vow/loop.h"
#include "vow/remote.h"
#include "vow/timer.h"

/* A 4-ary heap of timer lines by (deadline, order of making), and the one timerfd (or
 * evtimer) that stands for the earliest. */
struct vow__timers {
    struct vow__timer **heap;
    size_t count, room;
    uint64_t made;      /* numbers timers, so that equal deadlines fire in order */
    struct event *event; /* made with the first timer; added only while one is pending */
    int fd;             /* timerfd, or -1: `event` is an evtimer */
    bool added;
    uint64_t armed;     /* real time the event is set for, in ns; 0: not set */
    vow_clock_fn *clock; /* NULL: the system's */
    void *clock_data;
    bool is_virtual, by_itself;
    uint64_t virtual_now;
};

struct vow__event_loop {
    vow_loop core; /* first: a vow_loop * is a pointer to this */
    struct event_base *base;
    struct event *wake;  /* activated when the queue fills outside a drain */
    struct event *yield; /* a zero timer: what is left over lets I/O go first */
    struct vow__timers timers;
    struct vow_remote *remote; /* NULL until the first vow_remote_new */
    struct vow__event_loop *next_here; /* loops of this thread (registry) */
    struct vow__watch *resting; /* watch.h: events in the base that nobody waits for */
    size_t resting_count;
    struct vow__member *members; /* watch.h: adapters' objects that hold events */
    struct vow__ready *ready[64]; /* adapt/ready.c: waits by descriptor, modulo 64 */
    unsigned depth;       /* vow_enter without vow_leave */
    unsigned attachments; /* vow_loop_attach on the same base, less vow_loop_free */
    unsigned generation;  /* vow__forks when it was made */
    bool own_base, in_run, stop, close_asked, free_asked;
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
/* The promise that adapters give when the loop refuses (closed, forked): rejected. Else NULL. */
vow_promise *vow__refused(vow_loop *loop, const char *where);

/* An event of the loop's base for an adapter's callback; NULL: no memory. The callback is
 * to bracket its work with vow_enter and vow_leave. */
static inline struct event *vow__event_new(vow_loop *loop, int fd, short what,
                                           event_callback_fn callback, void *data)
{
    return event_new(vow__event_loop(loop)->base, fd, what, callback, data);
}

/* timer.c */
int vow__timers_init(struct vow__event_loop *l);
void vow__timers_done(struct vow__event_loop *l);
int vow__timers_after_fork(struct vow__event_loop *l);
/* A replaced clock says itself what is due: fires it. */
void vow__timers_check(struct vow__event_loop *l);
/* Virtual clock: jumps to the next deadline and fires it; false: no timer. */
bool vow__timers_jump(struct vow__event_loop *l);

/* remote.c */
void vow__remote_close(struct vow__event_loop *l);
int vow__remote_after_fork(struct vow__event_loop *l);

/* loop.c: does what vow_loop_close and vow_loop_free asked for inside a callback. True:
 * the loop is gone. */
bool vow__finish_asked(struct vow__event_loop *l);

#endif
