/* SPDX-License-Identifier: MIT
 *
 * vow/sock.h - TCP: connect by name, listen, accept. What they give is a vow_stream
 * (vow/stream.h).
 *
 *     vow_promise *p = vow_sock_connect(loop, "example.org", "80");
 *     vow_listener *l = vow_listen(loop, NULL, 8080, 0);
 *     vow_promise *q = vow_accept(l);
 *
 * Loop's thread only; the loop may be closed and freed before its listeners: then they can
 * only be closed.
 */
#ifndef VOW_SOCK_H
#define VOW_SOCK_H

#include "stream.h"

VOW_BEGIN

typedef struct vow_listener vow_listener;

/* Fulfils with a connected vow_stream. Numeric hosts and ports need no look-up;
 * names are looked up with getaddrinfo in a pool of vow's own for names. Addresses are tried
 * in order. Copies host and service, of which neither may be NULL. Rejects with the last
 * address's errno and whom it was for, or in the gai domain. Cancel-safe: nothing sent. */
#define vow_sock_connect(loop, host, service) vow_sock_connect_at(loop, host, service, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_sock_connect_at(vow_loop *loop, const char *host,
                                                       const char *service, const char *where);

/* Listens on a numeric address (NULL: loopback, 127.0.0.1) and port (0: any free one);
 * a backlog of 0 is the system's most. Gives; NULL: errno says why. */
VOW_API vow_listener *vow_listen(vow_loop *loop, const char *address, uint16_t port, int backlog);
VOW_API uint16_t vow_listener_port(const vow_listener *l);
/* Fulfils with the next accepted vow_stream. Several may wait: first come, first served.
 * Out of descriptors: waits 10 ms to 1 s, on the loop's clock, and tries again; a client
 * that left is skipped. Cancel-safe while it waits; dropping the result closes it. */
#define vow_accept(l) vow_accept_at(l, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_accept_at(vow_listener *l, const char *where);
/* Stops listening; waiting accepts reject with ECANCELED. Takes; NULL ok; returns NULL. */
VOW_API vow_listener *vow_listener_close(vow_listener *l);

VOW_END
#endif
