/* SPDX-License-Identifier: MIT
 *
 * vow/channel.h - values handed from those who make them to those who use them, at the pace
 * of the slower.
 *
 *     vow_channel *ch = vow_channel_new(loop, 16);
 *     vow_promise *sent = vow_channel_send(ch, vow_v(42));    // waits while 16 are in it
 *     vow_promise *got = vow_channel_receive(ch);             // 42, or the end once closed
 *
 * Capacity 0 is a rendezvous: a send waits until its value is received. Senders and receivers
 * are served first come, first served. One that is cancelled or dropped while it waits has
 * sent and received nothing. What was received, and nobody has seen when its promise is
 * cancelled or dropped (no handler, no vow_await, vow_run or vow_peek), comes back and is
 * received before what was sent after it, by who waits already, or else by the next. So a
 * receive may be given a time limit, or race others, and loses nothing. Loop's thread only;
 * other threads come in by vow_post (remote.h).
 */
#ifndef VOW_CHANNEL_H
#define VOW_CHANNEL_H

#include "promise.h"

VOW_BEGIN

/* What comes after the last value, of a channel or a sequence (seq.h). */
VOW_API vow_value vow_end(void);
VOW_API bool vow_is_end(vow_value v);

/* Counted. Gives a channel; NULL: no memory. The last unref is vow_channel_abort. */
typedef struct vow_channel vow_channel;
VOW_API vow_channel *vow_channel_new(vow_loop *loop, size_t capacity);
VOW_API vow_channel *vow_channel_ref(vow_channel *ch);
VOW_API vow_channel *vow_channel_unref(vow_channel *ch); /* NULL ok; returns NULL */
VOW_API vow_value vow_channel_value(vow_channel *ch);    /* takes a reference */
VOW_API vow_channel *vow_channel_of(vow_value v);        /* looks; another type panics */
VOW_API bool vow_channel_is(vow_value v);
VOW_API const vow_type *vow_channel_type(void);

/* Takes v: no promise and not the end (misuse); an error value rejects the send with it. Fulfils
 * with nothing when v is in the channel, or received. Closed: EPIPE, v released. */
#define vow_channel_send(ch, v) vow_channel_send_at(ch, v, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_channel_send_at(vow_channel *ch, vow_value v,
                                                       const char *where);
/* Fulfils with the next value, or the end when the channel is closed and empty (a value that
 * comes back after that is there for who asks again). */
#define vow_channel_receive(ch) vow_channel_receive_at(ch, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_channel_receive_at(vow_channel *ch, const char *where);
/* Gives an array of all that could be received now, senders that wait included, and lets those
 * go on; ENOMEM as an error value, nothing received. */
VOW_API VOW_NODISCARD vow_value vow_channel_drain(vow_channel *ch);
/* In it now, without waiting senders; more than its capacity when values have come back. */
VOW_API size_t vow_channel_count(const vow_channel *ch);

/* The sending end: what is in it, and what waits to be sent, can still be received. */
VOW_API void vow_channel_close(vow_channel *ch);
/* The receiving end: what is in it is released, and what would come back; sends are rejected
 * with EPIPE. */
VOW_API void vow_channel_abort(vow_channel *ch);
VOW_API bool vow_channel_is_closed(const vow_channel *ch);

/* The first of several sends and receives that can be done is done, the others are not: they
 * have sent and received nothing. Several at once: the first in the array. Takes the values to
 * be sent (those not sent are released) and zeroes them; keeps the channels. Gives an array of
 * two: the index, and what was received (the end, too) or nothing. A send to a closed channel
 * rejects with EPIPE. n is at least 1, all channels are one loop's. */
typedef struct vow_channel_case {
    vow_channel *channel;
    bool send;       /* else receive */
    vow_value value; /* to be sent */
} vow_channel_case;
#define vow_channel_select(n, cases) vow_channel_select_at(n, cases, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_channel_select_at(size_t n, vow_channel_case *cases,
                                                         const char *where);

VOW_END
#endif
