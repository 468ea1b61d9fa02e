/* SPDX-License-Identifier: MIT
 *
 * scope/waiters.h - those who wait for something of vow's own (a lock, a free place, the end
 * of a scope), in the order in which they came. One waiter is a line of the pool beside its
 * promise's, so that nothing else is allocated, and calling one allocates nothing. One that
 * was cancelled or dropped has left its queue before that call returns.
 */
#ifndef VOW_SCOPE_WAITERS_H
#define VOW_SCOPE_WAITERS_H

#include "core/loop.h"

struct vow__queue;

/* A line, whose first 8 bytes belong to the pool. */
struct vow__waiter {
    uint64_t line;
    struct vow__waiter *next, *prev;
    struct vow__queue *queue;
    union {
        vow_resolver *resolver;
        void *group; /* of one that shares a promise with others (sync/select.c) */
    };
    vow_value value; /* the owner's: released when the waiter leaves */
    uint64_t n;      /* the owner's */
};
_Static_assert(sizeof(struct vow__waiter) <= sizeof(vow_promise), "a waiter fits a line");

/* All zero: empty. It must not go before its waiters: call them all. */
struct vow__queue {
    struct vow__waiter *first, *last;
    /* NULL, or: nobody wants this one any more. It is out of the queue, and is freed next with
     * its value. Others may be called, nothing may be allocated. */
    void (*left)(struct vow__queue *queue, struct vow__waiter *waiter);
};

/* A line for a waiter, all zero; NULL: refused. */
struct vow__waiter *vow__waiter_new(vow_loop *loop, const char *where);
void vow__waiter_free(struct vow__waiter *w);
/* A pending promise for w, which is taken and goes to the end of the queue. Refused: w is freed,
 * its value released, and the promise is rejected. */
vow_promise *vow__wait_in(struct vow__queue *queue, struct vow__waiter *w, const char *where);
/* The same for a pending promise whose resolver the caller has, where something else was tried
 * first. Takes r, and value, for the waiter; without memory for that the promise is rejected. */
void vow__wait_with(struct vow__queue *queue, vow_resolver *r, vow_value value);
/* Both: a new waiter at the end of the queue. */
vow_promise *vow__wait_for_turn(vow_loop *loop, struct vow__queue *queue, const char *where);
/* The first that is not just being dropped: what a destructor drops leaves when the outermost
 * drop returns. NULL: there is none. Not for queues in which some share a promise. */
static inline struct vow__waiter *vow__first_wanted(const struct vow__queue *queue)
{
    struct vow__waiter *w = queue->first;
    while (w && !vow_is_wanted(w->resolver))
        w = w->next;
    return w;
}
/* Takes w out of its queue: its resolver and its value are the caller's, and so is w. */
vow_resolver *vow__waiter_take(struct vow__waiter *w);
/* Takes w out, resolves its promise with v (taken) and frees it. Its value is the caller's. */
void vow__waiter_call(struct vow__waiter *w, vow_value v);
/* Takes w to the end of another queue; from none, if it is in none. */
void vow__waiter_move(struct vow__waiter *w, struct vow__queue *to);
/* Calls all with the same v (taken), in order; their values are released. */
void vow__waiters_call_all(struct vow__queue *queue, vow_value v);

#endif
