/* SPDX-License-Identifier: MIT
 *
 * vow/packet.h - what a datagram socket receives: bytes, whom they are from, whether all of
 * them came, and descriptors.
 *
 *     vow_packet *p = vow_packet_of(v);   // in a handler: borrowed from v
 *     use(vow_packet_buf(p), vow_packet_from(p), vow_packet_truncated(p));
 *
 * Counted, not atomically. Thread of the socket's loop only.
 */
#ifndef VOW_PACKET_H
#define VOW_PACKET_H

#include "address.h"
#include "buf.h"
#include "type.h"

VOW_BEGIN

typedef struct vow_packet vow_packet;

VOW_API vow_buf *vow_packet_buf(const vow_packet *p);             /* borrowed; its bytes */
VOW_API const vow_address *vow_packet_from(const vow_packet *p); /* borrowed; of size 0: unknown */
/* True: there was more than came, bytes or descriptors. What is missing is lost. */
VOW_API bool vow_packet_truncated(const vow_packet *p);

/* Descriptors that came along (unix sockets), and the one with this index: it is the caller's
 * to close then, and -1 from then on; an index out of range panics. They are close-on-exec.
 * Those nobody takes are closed with the packet. */
VOW_API size_t vow_packet_fd_count(const vow_packet *p);
VOW_API int vow_packet_take_fd(vow_packet *p, size_t index);

VOW_API vow_packet *vow_packet_ref(vow_packet *p);
VOW_API vow_packet *vow_packet_unref(vow_packet *p); /* NULL ok; returns NULL */
VOW_API vow_packet *vow_packet_of(vow_value v);      /* looks; another type panics */
VOW_API vow_value vow_packet_value(vow_packet *p);   /* takes one reference */
VOW_API const vow_type *vow_packet_type(void);

VOW_END
#endif
