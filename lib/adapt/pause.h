/* SPDX-License-Identifier: MIT
 *
 * adapt/pause.h - waiting for something that no descriptor tells of (a descriptor that
 * becomes free, room in another socket's queue): each pause in a row is twice as long as the
 * one before it, on the loop's clock.
 */
#ifndef VOW_ADAPT_PAUSE_H
#define VOW_ADAPT_PAUSE_H

#include "loop/loop.h"

struct vow__pause {
    vow_promise *end; /* NULL: there is none now */
    uint64_t ms;      /* of the last one; 0: the next is the first in a row */
    uint64_t first, most;
    /* The pause has ended; failed: 0, or an errno number, when it did so for want of memory. */
    void (*over)(void *data, int failed);
    void *data;
};

/* 0, or ENOMEM: it has not begun. */
int vow__pause_begin(vow_loop *loop, struct vow__pause *pause);
void vow__pause_stop(struct vow__pause *pause); /* nobody waits any more; also without one */

#endif
