/* SPDX-License-Identifier: MIT
 *
 * loop/watch.h - for adapters whose objects live longer than one promise (sockets,
 * listeners): events that stay in the base between two waits, and being told when the loop
 * closes.
 *
 * Adding and deleting an event for every request would be two system calls a request. So an
 * event that nobody waits for any more *rests*: it stays in the base until somebody waits
 * again, or it fires all the same and its owner stops it. Resting events must not hold up
 * the dispatch: they are deleted before the loop would wait for nothing but them, and
 * whenever the base is not turned by vow_run and its like.
 */
#ifndef VOW_LOOP_WATCH_H
#define VOW_LOOP_WATCH_H

#include "loop/loop.h"

struct vow__watch {
    struct event *event;           /* persistent; NULL: not made */
    struct vow__watch *next, **at; /* in loop->resting; at NULL: not resting */
    bool added;
};

/* 0 or ENOMEM. */
int vow__watch_init(vow_loop *loop, struct vow__watch *w, int fd, short what,
                    event_callback_fn callback, void *data);
void vow__watch_done(vow_loop *loop, struct vow__watch *w); /* also one never initialised */
void vow__watch_stop(vow_loop *loop, struct vow__watch *w); /* nobody waits: deletes it now */

/* For the two below. */
int vow__watch_add(struct vow__watch *w);
static inline void vow__watch_wake(struct vow__event_loop *l, struct vow__watch *w)
{
    *w->at = w->next;
    if (w->next)
        w->next->at = w->at;
    w->at = NULL;
    l->resting_count--;
}

/* Somebody waits: 0 or an errno number. */
static inline int vow__watch_begin(vow_loop *loop, struct vow__watch *w)
{
    if (w->at)
        vow__watch_wake(vow__event_loop(loop), w);
    return VOW_LIKELY(w->added) ? 0 : vow__watch_add(w);
}
/* Nobody does; only in its callback. */
static inline void vow__watch_rest(vow_loop *loop, struct vow__watch *w)
{
    struct vow__event_loop *l = vow__event_loop(loop);
    w->next = l->resting;
    w->at = &l->resting;
    if (w->next)
        w->next->at = &w->next;
    l->resting = w;
    l->resting_count++;
}

/* An object that holds events of the loop and may outlive it. */
struct vow__member {
    vow_loop *loop; /* NULL once it is freed */
    struct vow__member *next, **at;
    void (*close)(struct vow__member *member); /* the loop closes: give the events back */
    /* NULL, or: vow_loop_after_fork in the child. 0 or an errno number; may be called again. */
    int (*after_fork)(struct vow__member *member);
};
void vow__member_join(struct vow__member *member, vow_loop *loop,
                      void (*close)(struct vow__member *member));
void vow__member_leave(struct vow__member *member);

/* loop/ only: before waiting and after each callback; closing; forking (0 or an errno
 * number); freeing. The members' functions may have any member leave. */
void vow__watch_settle_down(struct vow__event_loop *l);
void vow__members_close(struct vow__event_loop *l);
int vow__members_after_fork(struct vow__event_loop *l);
void vow__members_forget(struct vow__event_loop *l);

/* event_add with its reason: 0 or an errno number. */
int vow__event_add(struct event *event, const struct timeval *limit);

#endif
