/* SPDX-License-Identifier: MIT
 *
 * vow/sock.h - TCP: connect by name, listen, accept, read, write, close.
 *
 *     vow_promise *p = vow_sock_connect(loop, "example.org", "80");   // a vow_sock
 *     vow_promise *q = vow_sock_write(sock, bytes, size);             // bytes borrowed
 *     vow_promise *r = vow_sock_read(sock, 4096);                     // a vow_buf
 *
 * A vow_sock is counted; an operation in flight keeps it alive. One read and one write
 * may be in flight at a time: a second one of its kind rejects with EBUSY. Nobody reading
 * means nothing is read: that is the backpressure; nor does an idle socket keep a loop
 * running. Cancelled reads lose no byte: what was taken from the kernel waits in the
 * socket for the next read. The same goes for a read that has its bytes, but is cancelled,
 * dropped or loses a race before any handler got them. A cancelled write may have sent
 * part of its bytes: vow_sock_written tells. Loop's thread only; the loop may be closed
 * and freed before its sockets: then they can only be closed.
 */
#ifndef VOW_SOCK_H
#define VOW_SOCK_H

#include "buf.h"
#include "promise.h"
#include "type.h"

VOW_BEGIN

typedef struct vow_sock vow_sock;
typedef struct vow_listener vow_listener;

/* Fulfils with a connected vow_sock (vow_sock_of). Numeric hosts and ports need no look-up;
 * names are looked up with getaddrinfo in a pool of vow's own for names. Addresses are tried
 * in order. Copies host and service, of which neither may be NULL. Rejects with the last
 * address's errno and whom it was for, or in the gai domain. Cancel-safe: nothing sent. */
#define vow_sock_connect(loop, host, service) vow_sock_connect_at(loop, host, service, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_sock_connect_at(vow_loop *loop, const char *host,
                                                       const char *service, const char *where);

/* A connected stream socket's descriptor as a vow_sock. Takes fd, makes it non-blocking.
 * Gives; NULL: no memory, no socket or a closed loop (errno), fd closed. */
VOW_API vow_sock *vow_sock_from_fd(vow_loop *loop, int fd);

/* Listens on a numeric address (NULL: loopback, 127.0.0.1) and port (0: any free one);
 * a backlog of 0 is the system's most. Gives; NULL: errno says why. */
VOW_API vow_listener *vow_listen(vow_loop *loop, const char *address, uint16_t port, int backlog);
VOW_API uint16_t vow_listener_port(const vow_listener *l);
/* Fulfils with the next accepted vow_sock. Several may wait: first come, first served.
 * Out of descriptors: waits 10 ms to 1 s, on the loop's clock, and tries again; a client
 * that left is skipped. Cancel-safe while it waits; dropping the result closes it. */
#define vow_accept(l) vow_accept_at(l, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_accept_at(vow_listener *l, const char *where);
/* Stops listening; waiting accepts reject with ECANCELED. Takes; NULL ok; returns NULL. */
VOW_API vow_listener *vow_listener_close(vow_listener *l);

/* Reads fulfil with a vow_buf:
 *   read        1 to max bytes (max 0 is misuse), as soon as there are any; size 0: the
 *               end of the stream
 *   read_exact  n bytes
 *   read_until  up to and with the first `delimiter`; more than max bytes: EMSGSIZE
 * An end of the stream inside the last two rejects with ECONNRESET; what was read stays
 * for the next read. */
#define vow_sock_read(s, max) vow_sock_read_at(s, max, VOW_HERE)
#define vow_sock_read_exact(s, n) vow_sock_read_exact_at(s, n, VOW_HERE)
#define vow_sock_read_until(s, delimiter, max) vow_sock_read_until_at(s, delimiter, max, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_sock_read_at(vow_sock *s, size_t max, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_sock_read_exact_at(vow_sock *s, size_t n, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_sock_read_until_at(vow_sock *s, char delimiter, size_t max,
                                                          const char *where);

/* Writes all of the bytes, fulfils with their number (vow_int). Keeps `bytes`: they must
 * stay until the promise settles or is dropped. _buf takes a buffer instead (NULL: ENOMEM).
 * A peer that is gone: EPIPE or ECONNRESET, and no signal. */
#define vow_sock_write(s, bytes, size) vow_sock_write_at(s, bytes, size, VOW_HERE)
#define vow_sock_write_buf(s, buf) vow_sock_write_buf_at(s, buf, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_sock_write_at(vow_sock *s, const void *bytes, size_t size,
                                                     const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_sock_write_buf_at(vow_sock *s, vow_buf *buf, const char *where);
VOW_API uint64_t vow_sock_written(const vow_sock *s); /* bytes the kernel has taken, ever */

/* Ends our side of the stream: the peer reads its end. 0 or -1 and errno. */
VOW_API int vow_sock_shutdown(vow_sock *s);
/* Closes the descriptor now; operations in flight reject with ECANCELED, later ones with
 * EBADF, waits of vow_ready on it with EBADF. Looks. The last vow_sock_unref closes too. */
VOW_API void vow_sock_close(vow_sock *s);
VOW_API int vow_sock_fd(const vow_sock *s); /* -1 when closed */

VOW_API vow_sock *vow_sock_ref(vow_sock *s);
VOW_API vow_sock *vow_sock_unref(vow_sock *s); /* NULL ok; returns NULL */
VOW_API vow_value vow_sock_value(vow_sock *s); /* takes one reference */
VOW_API vow_sock *vow_sock_of(vow_value v);    /* looks; another type panics */
VOW_API const vow_type *vow_sock_type(void);

VOW_END
#endif
