/* SPDX-License-Identifier: MIT
 *
 * vow/sock.h - stream sockets: connect by name or address, listen, accept. What they give is
 * a vow_stream (vow/stream.h).
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

#include "address.h"
#include "stream.h"

VOW_BEGIN

/* All zero: what vow_sock_connect does. */
typedef struct vow_connect_options {
    int family;                /* AF_INET or AF_INET6: only such addresses; AF_UNSPEC: all */
    unsigned attempt_delay_ms; /* 0: 250, as RFC 8305 has it */
    unsigned keepalive_s;      /* probe after so long a silence, and again as often: the fifth
                                  without an answer ends the connection; 0: no probes */
    bool nagle;                /* hold small writes back (no TCP_NODELAY, which is the default) */
    const vow_address *local;  /* connect from there; only addresses of its family are tried */
    unsigned reserved[4];
} vow_connect_options;

/* Fulfils with a connected vow_stream. The addresses are tried as RFC 8305 (happy eyeballs) has
 * it: the families in turn, the next one when the last has not answered within the delay, or
 * has failed; the first to answer wins, the others are closed before the promise settles.
 * Names are looked up as vow_dns_lookup does. If that takes 50 ms, IPv4's addresses are looked
 * up by themselves, too: connecting begins with what is found first, and what is found later
 * is tried instead of what was not yet. (The RFC's section 3 looks each family up by itself:
 * the order of both that the system is told, by gai.conf, would be lost.) Copies host and
 * service, of which neither may be NULL. Rejects with the code of the address that failed last,
 * the others' errors suppressed on it, or as the look-up. Cancel-safe: nothing was sent. _how
 * looks at options, which may be NULL. */
#define vow_sock_connect(loop, host, service) vow_sock_connect_at(loop, host, service, VOW_HERE)
#define vow_sock_connect_how(loop, host, service, options) \
    vow_sock_connect_how_at(loop, host, service, options, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_sock_connect_at(vow_loop *loop, const char *host,
                                                       const char *service, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_sock_connect_how_at(vow_loop *loop, const char *host,
                                                           const char *service,
                                                           const vow_connect_options *options,
                                                           const char *where);
/* The same with addresses: `to` (taken) is a vow_address value or an array of them. Unix
 * sockets too, which wait where the listener's queue is full. None to try: EAFNOSUPPORT. */
#define vow_sock_connect_to(loop, to, options) vow_sock_connect_to_at(loop, to, options, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_sock_connect_to_at(vow_loop *loop, vow_value to,
                                                          const vow_connect_options *options,
                                                          const char *where);

typedef struct vow_listener vow_listener;

/* All zero: what vow_listen does. */
typedef struct vow_listen_options {
    int backlog;     /* clients that the kernel lets wait; 0: its most */
    bool reuse_port; /* the kernel deals the clients out among listeners of one port */
    bool v6only;     /* [::] without IPv4 */
    bool replace;    /* a unix path at which nobody listens any more is taken over */
    bool shed;       /* out of descriptors: clients are turned away, not left waiting */
    size_t most;     /* accepted streams open at a time; more clients wait; 0: no limit */
    unsigned keepalive_s; /* of each accepted stream, as in vow_connect_options */
    unsigned reserved[3];
} vow_listen_options;

/* Listens on a numeric address (NULL: loopback, 127.0.0.1) and port (0: any free one);
 * a backlog of 0 is the system's most. _on: on any address, looked at, with options, which may
 * be NULL. The path of a unix address is removed when the process that made it closes the
 * listener. Gives; NULL: errno says why. */
VOW_API vow_listener *vow_listen(vow_loop *loop, const char *address, uint16_t port, int backlog);
VOW_API vow_listener *vow_listen_on(vow_loop *loop, const vow_address *address,
                                    const vow_listen_options *options);
VOW_API uint16_t vow_listener_port(const vow_listener *l); /* 0: it has none */
VOW_API const vow_address *vow_listener_address(const vow_listener *l); /* borrowed */
VOW_API size_t vow_listener_shed(const vow_listener *l); /* clients turned away so far */

/* Fulfils with the next accepted vow_stream. Several may wait: first come, first served. With
 * `most` open it waits until one of them is closed. Out of descriptors: waits 10 ms to 1 s, on
 * the loop's clock, and tries again; a client that left is skipped. Cancel and drop lose no
 * client: a stream that nobody has seen is the next one accepted, and closed with l. */
#define vow_accept(l) vow_accept_at(l, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_accept_at(vow_listener *l, const char *where);
/* Stops listening; waiting accepts reject with ECANCELED. Takes; NULL ok; returns NULL. */
VOW_API vow_listener *vow_listener_close(vow_listener *l);

VOW_END
#endif
