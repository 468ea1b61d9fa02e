/* SPDX-License-Identifier: MIT
 *
 * adapt/sock.h - what a socket is: its life is in sock.c, its reading in sock_read.c, its
 * writing in sock_write.c.
 *
 * Always true between calls:
 *   - fd < 0: closed; no event, no operation in flight, no byte kept.
 *   - A read or write in flight (its resolver is set) holds one reference.
 *   - What recv gave is in `kept` until it is delivered, and comes back when what was
 *     delivered is released before anybody has seen it: no cancel loses it.
 */
#ifndef VOW_ADAPT_SOCK_H
#define VOW_ADAPT_SOCK_H

#include "loop/watch.h"
#include "value/buf.h"
#include "vow/sock.h"

enum vow__reading { READ_SOME, READ_EXACT, READ_UNTIL };

struct vow_sock {
    struct vow__member member;
    size_t count; /* references */
    int fd;
    struct {
        struct vow__watch watch; /* made by the first read that has to wait */
        vow_resolver *resolver;  /* of the read in flight, or NULL */
        vow_buf *kept;           /* bytes [from, to) of it are taken, not delivered; or NULL */
        size_t from, to;
        vow_buf *back; /* has come back, and belongs before the kept bytes; or NULL */
        struct vow__home home; /* of what was delivered last */
        size_t scanned; /* READ_UNTIL: bytes behind `from` without a delimiter */
        size_t size;    /* asked for: most, or exactly so many */
        size_t guess;   /* what the next READ_SOME may bring: the last ones decide */
        const char *where;
        enum vow__reading kind;
        char delimiter;
        bool ended;  /* the peer has shut its side down and all was taken */
        bool unread; /* the event fired when nobody was reading: recv will not have to wait */
    } in;
    struct {
        struct vow__watch watch; /* made by the first write that has to wait */
        vow_resolver *resolver;  /* of the write in flight, or NULL */
        vow_buf *buf;            /* what `at` points into, when it is the socket's; or NULL */
        const uint8_t *at;
        size_t left, size;
        const char *where;
        uint64_t written;
    } out;
};

/* A socket without a descriptor yet; NULL: no memory. vow__sock_set_fd, once, takes the
 * connected and non-blocking fd. */
vow_sock *vow__sock_new(vow_loop *loop);
void vow__sock_set_fd(vow_sock *s, int fd);

/* The rejected promise of an operation that cannot start, or NULL. */
vow_promise *vow__sock_refused(vow_sock *s, const vow_resolver *in_flight, const char *what,
                               const char *where);

/* The socket is closed: rejects what is in flight and gives back what the side holds. */
void vow__sock_end_read(vow_sock *s);
void vow__sock_end_write(vow_sock *s);

/* Stream descriptors, non-blocking and close-on-exec; -1 and errno. */
int vow__sock_open(int family);
int vow__sock_accept(int listener);

#endif
