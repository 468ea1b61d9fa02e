/* SPDX-License-Identifier: MIT
 *
 * sync/channel.h - inside sync/ only. A channel is a ring and two queues.
 *
 * Always true between calls:
 *   1  receivers wait only while the ring is empty, no sender waits and the channel is open
 *   2  senders wait only while the ring is full
 *
 * A waiter in a queue is one of two: its promise's own (n is 0; a sender's value is in
 * `value`), or one of a group's, of a select (n is its case's index + 1).
 */
#ifndef VOW_SYNC_CHANNEL_H
#define VOW_SYNC_CHANNEL_H

#include "scope/waiters.h"
#include "value/error.h"
#include "vow/channel.h"

struct vow_channel {
    vow_loop *loop;
    size_t refs, capacity, count, head;
    bool closed;
    struct vow__queue senders, receivers;
    vow_value ring[];
};

/* Who is to be told of it when the outcome of the call is where it belongs: being told may run
 * code of the user's (the values that a select has not sent are released). */
struct vow__told {
    struct vow__waiter *waiter; /* NULL: nobody */
    vow_value value;            /* for a receiver */
};
void vow__channel_tell(struct vow__told told);

/* Each is done at once, or false: it would have to wait. Runs no code of the user's. The first
 * takes v when true, and is not for a closed channel; for the second the end counts. */
bool vow__channel_put(vow_channel *ch, vow_value v, struct vow__told *ret);
bool vow__channel_take(vow_channel *ch, vow_value *v, struct vow__told *ret);
vow_value vow__channel_broken(const char *where); /* EPIPE */
/* May v be sent? Else it panics. */
void vow__channel_check(const vow_channel *ch, vow_value v, const char *where);

/* select.c: a waiter of a group is called: it has received v, or has sent, or cannot. Takes v.
 * `vow__select_value` is what it sends; the caller's after the call. */
void vow__select_called(struct vow__waiter *w, vow_value v);
bool vow__select_wanted(const struct vow__waiter *w);

#endif
