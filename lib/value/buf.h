/* SPDX-License-Identifier: MIT
 *
 * value/buf.h - what a buffer is, and how it finds its way home: bytes that were taken from somewhere (a
 * socket) and are released before anybody has seen them go back there. Without it a read
 * that has its bytes, but loses a race before its handler runs, would lose them.
 */
#ifndef VOW_VALUE_BUF_H
#define VOW_VALUE_BUF_H

#include "vow/buf.h"

/* Root: header and bytes are one block. Slice: a header, whose bytes are the root's; it
 * holds one reference of the root, never of another slice. */
struct vow_buf {
    uint32_t count; /* references */
    bool is_slice;
    size_t size;
    uint8_t *bytes;
    union {
        vow_buf *root;          /* a slice's */
        struct vow__home *home; /* a root's that nobody has seen, or NULL */
    };
};

static inline uint8_t *vow__buf_bytes(vow_buf *b) { return b->bytes; }
static inline size_t vow__buf_size(const vow_buf *b) { return b->size; }

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
