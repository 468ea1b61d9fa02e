/* SPDX-License-Identifier: MIT
 *
 * loop/heap.c - see heap.h. The children of i are 4i+1 to 4i+4: half as deep as a binary
 * heap, and four entries are one cache line. An entry has the deadline beside the pointer:
 * comparing touches no timer.
 */
#include "loop/heap.h"

#include <errno.h>

#include "base/mem.h"

static bool before(struct vow__entry a, struct vow__entry b)
{
    return a.deadline < b.deadline ||
           (a.deadline == b.deadline && a.timer->number < b.timer->number);
}

static void put(struct vow__timers *t, size_t at, struct vow__entry entry)
{
    t->heap[at] = entry;
    entry.timer->at = at;
}

static void sift_up(struct vow__timers *t, size_t at, struct vow__entry entry)
{
    while (at > 0 && before(entry, t->heap[(at - 1) / 4])) {
        put(t, at, t->heap[(at - 1) / 4]);
        at = (at - 1) / 4;
    }
    put(t, at, entry);
}

/* There is at least one. */
static size_t earliest_child(const struct vow__timers *t, size_t at)
{
    size_t best = at * 4 + 1;
    for (size_t i = best + 1; i <= at * 4 + 4 && i < t->count; i++)
        if (before(t->heap[i], t->heap[best]))
            best = i;
    return best;
}

static void sift_down(struct vow__timers *t, size_t at, struct vow__entry entry)
{
    while (at * 4 + 1 < t->count) {
        size_t child = earliest_child(t, at);
        if (!before(t->heap[child], entry))
            break;
        put(t, at, t->heap[child]);
        at = child;
    }
    put(t, at, entry);
}

int vow__heap_reserve(struct vow__timers *t)
{
    if (t->count < t->room)
        return 0;
    size_t room = t->room ? t->room * 2 : 64;
    void *heap = vow__resize(t->heap, room * sizeof *t->heap);
    if (!heap)
        return ENOMEM;
    t->heap = heap;
    t->room = room;
    return 0;
}

void vow__heap_add(struct vow__timers *t, struct vow__timer *timer)
{
    sift_up(t, t->count++, (struct vow__entry){timer->deadline, timer});
}

void vow__heap_remove(struct vow__timers *t, struct vow__timer *timer)
{
    size_t at = timer->at;
    struct vow__entry last = t->heap[--t->count];
    if (last.timer == timer)
        return;
    if (at > 0 && before(last, t->heap[(at - 1) / 4]))
        sift_up(t, at, last);
    else
        sift_down(t, at, last);
}
