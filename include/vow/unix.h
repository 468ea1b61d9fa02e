/* SPDX-License-Identifier: MIT
 *
 * vow/unix.h - unix sockets: streams and datagrams within one machine, descriptors handed
 * from process to process, and who is at the other end.
 *
 *     vow_listener *l = vow_unix_listen(loop, "@example", 0);   // '@': a name without a file
 *     vow_promise *p = vow_unix_connect(loop, "@example");      // a vow_stream
 *
 * Paths are those of vow_address_unix. Loop's thread only.
 */
#ifndef VOW_UNIX_H
#define VOW_UNIX_H

#include <sys/types.h>

#include "dgram.h"
#include "sock.h"

VOW_BEGIN

/* Fulfils with a connected vow_stream; waits where the listener's queue is full. Copies path;
 * NULL is misuse. ENOENT or ECONNREFUSED: nobody listens there. Options, a time limit for the
 * waiting and so on: vow_sock_connect_to, vow_timeout. */
#define vow_unix_connect(loop, path) vow_unix_connect_at(loop, path, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_unix_connect_at(vow_loop *loop, const char *path,
                                                       const char *where);
/* As vow_listen_on. Gives; NULL: errno says why (EADDRINUSE: the path is there). */
VOW_API vow_listener *vow_unix_listen(vow_loop *loop, const char *path, int backlog);
/* Two connected streams. Gives both in ret; 0 or an errno number, and ret untouched. */
VOW_API int vow_unix_pair(vow_loop *loop, vow_stream *ret[2]);

/* A datagram socket at this path, whose file goes when the process that made it closes the
 * socket; NULL: without an address, so that nobody can answer. Gives; NULL: errno says why. */
VOW_API vow_dgram *vow_unix_dgram(vow_loop *loop, const char *path);
VOW_API int vow_unix_dgram_pair(vow_loop *loop, vow_dgram *ret[2]); /* as vow_unix_pair */

/* Descriptors beside the bytes of a stream (of datagrams: vow_dgram_send_message).
 * send      writes all bytes of the message, at least one, its descriptors with the first of
 *           them, and fulfils with their number (vow_int). Looks at the message, keeps what it
 *           points to; `to` is not used. Cancelled: the descriptors and some bytes may be gone.
 * receive   fulfils with a vow_packet: 1 to max bytes and the descriptors that came with
 *           them; no bytes: the end of the stream. Where descriptors were lost because this
 *           process had no room for them, the packet is truncated; none of them leaks.
 *           Cancel and drop lose nothing: a packet that nobody has seen comes again. Dropped
 *           later it closes its descriptors.
 * Another write or read in flight: EBUSY; none may be started before these settle. A plain
 * vow_stream_read loses the descriptors that come with its bytes: the kernel closes them. */
#define vow_unix_send(s, message) vow_unix_send_at(s, message, VOW_HERE)
#define vow_unix_receive(s, max) vow_unix_receive_at(s, max, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_unix_send_at(vow_stream *s, const vow_message *message,
                                                    const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_unix_receive_at(vow_stream *s, size_t max,
                                                       const char *where);

/* Who made the other end, as the kernel saw it then: cannot be forged. pid 0: the system does
 * not tell. fd: a connected unix stream's (vow_stream_fd). 0 or an errno number. */
typedef struct vow_unix_peer {
    pid_t pid;
    uid_t uid;
    gid_t gid;
} vow_unix_peer;
VOW_API int vow_unix_peer_of(vow_unix_peer *ret, int fd);

VOW_END
#endif
