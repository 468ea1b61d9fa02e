/* SPDX-License-Identifier: MIT
 *
 * adapt/dgram.h - what a datagram socket is: its life is in dgram.c, sending and receiving in
 * dgram_io.c.
 *
 * Always true between calls:
 *   - fd < 0: closed; no event, nobody waits, no packet at home.
 *   - Who waits is in its side's list and holds one reference; so does a packet on its way.
 *   - A packet is at home only while nobody waits for one.
 */
#ifndef VOW_ADAPT_DGRAM_H
#define VOW_ADAPT_DGRAM_H

#include "adapt/packet.h"
#include "adapt/pause.h"
#include "loop/watch.h"

struct vow__dgram_wait; /* an operation that waits: dgram_io.c */

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
    bool unread;             /* the event fired when nobody was receiving */
};

/* dgram_io.c: a side of a new socket; the socket is closed: rejects who waits. */
void vow__dgram_begin(vow_dgram *d);
void vow__dgram_end(vow_dgram *d);

/* A non-blocking, close-on-exec socket of that type; -1 and errno. */
int vow__socket(int family, int type);

#endif
