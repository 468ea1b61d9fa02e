/* SPDX-License-Identifier: MIT
 *
 * vow/udp.h - opening UDP sockets, and multicast. Sending and receiving: vow/dgram.h.
 *
 *     vow_address any;
 *     vow_address_parse(&any, "127.0.0.1:0");
 *     vow_dgram *socket = vow_udp_open(loop, &any, NULL);   // NULL: errno says why
 *
 * Loop's thread only.
 */
#ifndef VOW_UDP_H
#define VOW_UDP_H

#include "dgram.h"

VOW_BEGIN

/* All zero: the system's defaults. */
typedef struct vow_udp_options {
    bool reuse_address;      /* several sockets on one address and port, as for multicast */
    bool reuse_port;         /* the kernel deals the datagrams out among such sockets */
    bool broadcast;          /* sending to broadcast addresses is allowed */
    bool v6only;             /* [::] without IPv4 */
    unsigned receive_bytes;  /* the kernel's buffer; 0: the system's default. It may give less */
    unsigned reserved[4];
} vow_udp_options;

/* A socket bound to the IP address, looked at (port 0: any free one; 0.0.0.0 or [::]: all
 * addresses of this host). Looks at options, which may be NULL. Gives; NULL: errno says why
 * (EAFNOSUPPORT: no IP address). */
VOW_API vow_dgram *vow_udp_open(vow_loop *loop, const vow_address *local,
                                const vow_udp_options *options);

/* Datagrams to the group's address and the socket's port are received too, as long as it is
 * joined on that interface (by name; NULL: the one the system's routes lead to). Leaving names
 * the same interface; closing leaves all. 0 or an errno number; ENODEV: no such interface. */
VOW_API int vow_udp_join(vow_dgram *d, const vow_address *group, const char *interface);
VOW_API int vow_udp_leave(vow_dgram *d, const vow_address *group, const char *interface);
/* What is sent to groups leaves by this interface (NULL: by the routes), goes through at most
 * `hops` - 1 routers (1: stays in the local network) and comes back to this host's own members
 * when `loopback` is set (the system's default). 0 or an errno number. */
VOW_API int vow_udp_multicast(vow_dgram *d, const char *interface, uint8_t hops, bool loopback);

VOW_END
#endif
