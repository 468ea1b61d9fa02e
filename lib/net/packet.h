/* SPDX-License-Identifier: MIT
 *
 * net/packet.h - packets as the sockets see them, and descriptors in messages.
 */
#ifndef VOW_NET_PACKET_H
#define VOW_NET_PACKET_H

#include <sys/socket.h>

#include "vow/dgram.h"

enum { VOW__MOST_FDS = 253 }; /* Linux's SCM_MAX_FD */

/* Room for that many descriptors beside a message, for either direction. */
union vow__fds_room {
    char bytes[CMSG_SPACE(VOW__MOST_FDS * sizeof(int))];
    struct cmsghdr aligned;
};

struct vow_packet {
    size_t count;
    vow_dgram *home;  /* a reference of where it goes unless somebody sees it; or NULL. (What a
                         stream gave goes where its bytes go.) */
    uint64_t number;  /* of all that were received there: keeps their order */
    vow_packet *next; /* while it is home */
    vow_buf *buf;
    vow_address from;
    bool truncated;
    size_t fd_count;
    int fds[]; /* -1: taken */
};

/* Room for `size` bytes and `fds` descriptors; NULL: no memory. */
vow_packet *vow__packet_new(size_t size, size_t fds);
/* recvmsg into it, made for as many bytes and descriptors. 0 or an errno number. May move
 * *packet to where its descriptors need less room. */
int vow__packet_receive(vow_packet **packet, int fd);
void vow__packet_free(vow_packet *p); /* wherever it belongs */

/* sendmsg with the message's bytes and descriptors; 0 or the errno number, *ret_sent bytes. */
int vow__message_send(int fd, const vow_message *m, size_t *ret_sent);

/* Take p, which nobody has seen, to where it was received. dgram_receive.c; unix_fds.c: where
 * its bytes belong. */
void vow__dgram_give_back(vow_dgram *home, vow_packet *p);
void vow__unix_give_back(vow_packet *p);

#endif
