/* SPDX-License-Identifier: MIT
 *
 * vow/dgram.h - datagram sockets: what UDP (vow/udp.h) and unix datagrams (vow/unix.h) share.
 *
 *     vow_promise *p = vow_dgram_receive(socket, 2048);            // a vow_packet
 *     vow_promise *q = vow_dgram_send(socket, &to, bytes, size);   // bytes borrowed
 *
 * A vow_dgram is counted; an operation in flight keeps it alive. Any number of sends and
 * receives may be in flight: first come, first served. Nobody receiving means that nothing is
 * received: the kernel keeps what its buffer holds and drops (UDP) or refuses (unix) the rest.
 * An idle socket does not keep a loop running. Loop's thread only; the loop may be closed and
 * freed before its sockets: then they can only be closed.
 */
#ifndef VOW_DGRAM_H
#define VOW_DGRAM_H

#include "packet.h"
#include "promise.h"

VOW_BEGIN

typedef struct vow_dgram vow_dgram;

/* A datagram socket's descriptor as a vow_dgram. Takes fd, makes it non-blocking. Gives;
 * NULL: no memory, no datagram socket (EPROTOTYPE) or a closed loop (errno), fd closed. */
VOW_API vow_dgram *vow_dgram_from_fd(vow_loop *loop, int fd);

/* Fulfils with the next datagram as a vow_packet of at most `max` bytes; the rest of a longer
 * one is lost, and the packet says so. Rejects with what earlier sends of a connected socket
 * have come to (ECONNREFUSED: nobody listens there); the next receive goes on. Cancel-safe:
 * a datagram whose packet nobody has seen when its promise is cancelled, dropped or loses a
 * race waits for the next receive. */
#define vow_dgram_receive(d, max) vow_dgram_receive_at(d, max, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_dgram_receive_at(vow_dgram *d, size_t max,
                                                        const char *where);

/* One datagram to be sent. */
typedef struct vow_message {
    const void *bytes;
    size_t size;
    const vow_address *to; /* NULL: to the address that the socket is connected to */
    const int *fds;        /* descriptors to pass along: unix sockets only, at most 253 */
    size_t fd_count;
} vow_message;

/* Sends one datagram, whole or not at all, and fulfils with its size (vow_int) when the kernel
 * has it. Copies the address; keeps `bytes` (and fds, which may be closed after it has
 * settled); _buf takes a buffer instead (NULL: ENOMEM). EMSGSIZE: larger than a datagram can
 * be. Waits where the kernel's or a unix peer's queue is full. Cancel: it was sent or not,
 * which the sender of a datagram never knows. */
#define vow_dgram_send(d, to, bytes, size) vow_dgram_send_at(d, to, bytes, size, VOW_HERE)
#define vow_dgram_send_buf(d, to, buf) vow_dgram_send_buf_at(d, to, buf, VOW_HERE)
#define vow_dgram_send_message(d, message) vow_dgram_send_message_at(d, message, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_dgram_send_at(vow_dgram *d, const vow_address *to,
                                                     const void *bytes, size_t size,
                                                     const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_dgram_send_buf_at(vow_dgram *d, const vow_address *to,
                                                         vow_buf *buf, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_dgram_send_message_at(vow_dgram *d,
                                                             const vow_message *message,
                                                             const char *where);

/* From now on only datagrams from this address are received, and those to NULL go there.
 * NULL: from anywhere again. 0 or an errno number. */
VOW_API int vow_dgram_connect(vow_dgram *d, const vow_address *peer);
VOW_API int vow_dgram_address(const vow_dgram *d, vow_address *ret); /* its own; 0 or an errno number */

/* Closes the descriptor now; operations in flight reject with ECANCELED, later ones with
 * EBADF, waits of vow_ready on it with EBADF. Looks. The last vow_dgram_unref closes too. */
VOW_API void vow_dgram_close(vow_dgram *d);
VOW_API int vow_dgram_fd(const vow_dgram *d); /* -1 when closed */

VOW_API vow_dgram *vow_dgram_ref(vow_dgram *d);
VOW_API vow_dgram *vow_dgram_unref(vow_dgram *d); /* NULL ok; returns NULL */
VOW_API vow_value vow_dgram_value(vow_dgram *d);  /* takes one reference */
VOW_API vow_dgram *vow_dgram_of(vow_value v);     /* looks; another type panics */
VOW_API const vow_type *vow_dgram_type(void);

VOW_END
#endif
