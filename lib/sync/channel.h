/* SPDX-License-Identifier: MIT
 *
 * sync/channel.h - inside sync/ only. A channel is a ring and two queues.
 *
 * Always true between calls:
 *   1  receivers wait only while nothing is back, the ring is empty, no sender waits and the
 *      channel is open
 *   2  senders wait only while the ring is full
 *   3  nothing is back and the ring is empty when the channel has been aborted
 *
 * What is received leaves in a parcel: unseen, it comes back, to who waits, or before all that
 * was sent after it; the ring is as full as it was.
 *
 * A waiter in a queue is one of two: its promise's own (n is 0; a sender's value is in
 * `value`), or one of a group's, of a select (n is its case's index + 1).
 */
#ifndef VOW_SYNC_CHANNEL_H
#define VOW_SYNC_CHANNEL_H

#include "scope/parcel.h"
#include "value/error.h"
#include "vow/channel.h"

struct vow_channel {
    struct vow__parcel_home home; /* first: found by it */
    vow_loop *loop;
    size_t refs, uses; /* the program's; calls', parcels', and one for all of the program's */
    size_t capacity, count, head;
    uint64_t received;
    bool closed, aborted;
    struct vow__queue senders, receivers;
    struct vow__parcels back;
    vow_value ring[];
};

/* Who is to be told of it when the outcome of the call is where it belongs: being told may run
 * code of the user's (the values that a select has not sent are released). */
struct vow__told {
    struct vow__waiter *waiter; /* NULL: nobody */
    vow_channel *channel;       /* of a receiver; NULL: a sender */
    vow_value value;            /* for a receiver */
};
void vow__channel_tell_waiter(const struct vow__told *told);
static inline void vow__channel_tell(const struct vow__told *told)
{
    if (VOW_UNLIKELY(told->waiter != NULL))
        vow__channel_tell_waiter(told);
}

/* Each is done at once, or false: it would have to wait. Runs no code of the user's. The first
 * takes v when true, and is not for a closed channel; for the second the end counts: it takes w,
 * in no queue, when true, for the parcel; NULL: *v is as it was sent, or a parcel that was back. */
bool vow__channel_put(vow_channel *ch, vow_value v, struct vow__told *ret);
bool vow__channel_take(vow_channel *ch, struct vow__waiter *w, vow_value *v, struct vow__told *ret);
/* What a receiver gets for v (taken): the end, or v in a parcel. Takes w, in no queue. */
vow_value vow__channel_pack(vow_channel *ch, struct vow__waiter *w, vow_value v);
vow_value vow__channel_broken(const char *where); /* EPIPE */
/* May v be sent? Else it panics. */
void vow__channel_check(const vow_channel *ch, vow_value v, const char *where);

/* select.c: a waiter of a group is called: it has received v of ch, or (NULL) has sent, or cannot.
 * Takes v. */
void vow__select_called(struct vow__waiter *w, vow_channel *ch, vow_value v);
bool vow__select_wanted(const struct vow__waiter *w);

#endif
