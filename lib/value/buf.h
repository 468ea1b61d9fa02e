/* SPDX-License-Identifier: MIT
 *
 * value/buf.h - buffers that find their way home: bytes that were taken from somewhere (a
 * socket) and are released before anybody has seen them go back there. Without it a read
 * that has its bytes, but loses a race before its handler runs, would lose them.
 */
#ifndef VOW_VALUE_BUF_H
#define VOW_VALUE_BUF_H

#include "vow/buf.h"

/* The home and its latest buffer point at each other until the buffer is seen or gone. */
struct vow__home {
    vow_buf *latest;                                         /* or NULL */
    void (*give_back)(struct vow__home *home, vow_buf *buf); /* takes buf, which is exclusive */
};

/* buf was taken from home; the one before it, if it is still on its way, cannot come back
 * in order any more. */
void vow__buf_taken_from(vow_buf *buf, struct vow__home *home);
/* Where it goes when it is released unseen; NULL: nowhere. */
struct vow__home *vow__buf_home(const vow_buf *buf);
/* Home moves or goes, or its latest buffer is seen. */
void vow__home_forget(struct vow__home *home);

#endif
