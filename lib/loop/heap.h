/* SPDX-License-Identifier: MIT
 *
 * loop/heap.h - timers in the order in which they fire: a 4-ary heap. Each timer
 * knows its place, so that taking one out is O(log n).
 */
#ifndef VOW_LOOP_HEAP_H
#define VOW_LOOP_HEAP_H

#include "loop/loop.h"

/* One delay: a line of the pool, whose first 8 bytes belong to the pool. */
struct vow__timer {
    uint64_t line;
    uint64_t deadline, number; /* the order: by deadline, then as they were made */
    vow_resolver *resolver;
    struct vow__event_loop *loop;
    size_t at; /* place in the heap, while it is in it */
};
_Static_assert(sizeof(struct vow__timer) <= sizeof(vow_promise), "a timer fits a line");

/* Makes sure of room for one more. 0 or ENOMEM. */
int vow__heap_reserve(struct vow__timers *t);
void vow__heap_add(struct vow__timers *t, struct vow__timer *timer); /* there is room */
void vow__heap_remove(struct vow__timers *t, struct vow__timer *timer);

#endif
