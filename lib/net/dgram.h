/* SPDX-License-Identifier: MIT
 *
 * net/dgram.h - what a datagram socket is: its life and what waits are in dgram.c, sending
 * and receiving in dgram_send.c and dgram_receive.c.
 *
 * Always true between calls:
 *   - fd < 0: closed; no event, nobody waits, no packet at home.
 *   - Who waits is in its side's list and holds one reference; so does a packet on its way.
 *   - A packet is at home only while nobody waits for one.
 */
#ifndef VOW_NET_DGRAM_H
#define VOW_NET_DGRAM_H

#include "adapt/pause.h"
#include "loop/watch.h"
#include "net/packet.h"

/* An operation that waits. */
struct vow__dgram_wait {
    struct vow__dgram_wait *next, **at; /* at NULL: in no list any more */
    vow_dgram *dgram;                   /* a reference */
    vow_resolver *resolver;
    const char *where;
    size_t max;          /* receiving: most bytes */
    vow_message message; /* sending; `to` is &address or NULL */
    vow_buf *buf;        /* of its bytes, when they are the socket's; or NULL */
    vow_address address;
};

struct vow__dgram_side {
    struct vow__watch watch; /* made by the first operation that has to wait */
    struct vow__dgram_wait *first, **end;
};

struct vow_dgram {
    struct vow__member member;
    size_t count; /* references */
    int fd, family;
    struct vow__dgram_side in, out;
    struct vow__pause pause; /* a peer's queue is full, of which our descriptor knows nothing */
    vow_packet *back;        /* came home unseen, in order */
    uint64_t received;       /* numbers them */
    pid_t process;           /* that made the file of its path; 0: there is none */
    bool unread;             /* the event fired when nobody was receiving */
};

/* The rejected promise of an operation that cannot start, or NULL. */
vow_promise *vow__dgram_refused(vow_dgram *d, const char *what, const char *where);

/* An operation for a side's list, with a reference of d; NULL: no memory. Free is what its
 * promise is to do at the end. */
struct vow__dgram_wait *vow__dgram_wait_new(vow_dgram *d, vow_resolver *resolver,
                                            const char *where);
void vow__dgram_wait_free(void *wait);
void vow__dgram_append(struct vow__dgram_side *side, struct vow__dgram_wait *w);
void vow__dgram_leave(struct vow__dgram_side *side, struct vow__dgram_wait *w); /* also twice */
/* Settles the first that waits. */
void vow__dgram_finish(struct vow__dgram_side *side, vow_value outcome);
/* Somebody waits: 0 or an errno number. */
int vow__dgram_watch(vow_dgram *d, struct vow__dgram_side *side, short what, event_callback_fn on);

/* dgram_send.c */
void vow__dgram_pause_over(void *dgram, int failed);
void vow__dgram_reject_sends(vow_dgram *d, int failed);

#endif
