/* SPDX-License-Identifier: MIT
 *
 * core/slab.c - the pool of 64-byte lines: slabs of 1 MiB, aligned to their size so that
 * a promise finds its loop by masking its own address. Pages of a slab are touched only
 * when its lines are used. Freed lines are poisoned behind their first 8 bytes (which
 * say K_FREE), so that all lines can be walked.
 */
#include "core/loop.h"

#include "base/mem.h"
#include "vow/inspect.h"

#ifdef VOW_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(at, n) ASAN_POISON_MEMORY_REGION(at, n)
#define UNPOISON(at, n) ASAN_UNPOISON_MEMORY_REGION(at, n)
#elif defined(VOW_VALGRIND)
#include <valgrind/memcheck.h>
#define POISON(at, n) VALGRIND_MAKE_MEM_NOACCESS(at, n)
#define UNPOISON(at, n) VALGRIND_MAKE_MEM_DEFINED(at, n) /* its link is read at once */
#else
#define POISON(at, n) ((void)(at))
#define UNPOISON(at, n) ((void)(at))
#endif

void vow__poison(vow_promise *line) { POISON(&line->consumers, sizeof *line - 8); }
void vow__unpoison(vow_promise *line) { UNPOISON(&line->consumers, sizeof *line - 8); }

/* Room for all lines on the stack of used ones, so that giving one back cannot fail; when
 * this is called the stack is empty. */
static bool make_room(vow_loop *loop)
{
    size_t slabs = loop->slab_count;
    if (slabs & (slabs - 1)) /* it doubles with the slabs */
        return true;
    size_t lines = (slabs ? 2 * slabs : 1) * (VOW_SLAB_BYTES / sizeof(vow_promise));
    vow_promise **stack = vow__alloc(lines * sizeof *stack);
    if (!stack)
        return false;
    vow__free(loop->free_lines);
    stack[0] = NULL; /* in place of the line that is a slab's head */
    loop->free_lines = loop->free_top = stack;
    return true;
}

bool vow__add_slab(vow_loop *loop)
{
    void *block = NULL;
    if (make_room(loop)) /* address space; untouched pages cost nothing */
        block = vow__alloc(2 * VOW_SLAB_BYTES);
    if (!block)
        return false;
    uintptr_t aligned = ((uintptr_t)block + VOW_SLAB_BYTES - 1) & ~(uintptr_t)(VOW_SLAB_BYTES - 1);
    struct vow__slab *slab = (struct vow__slab *)aligned;
    *slab = (struct vow__slab){.loop = loop, .next = loop->slabs, .block = block};
    slab->end = (vow_promise *)(aligned + VOW_SLAB_BYTES);
    loop->slabs = slab;
    loop->slab_count++;
    loop->fresh = (vow_promise *)aligned + 1;
    loop->fresh_end = slab->end;
    return true;
}

vow_promise *vow__take_slow(vow_loop *loop)
{
    if (loop->closing || (loop->quarantine == SIZE_MAX && vow__alloc_fails()))
        return NULL; /* with that quarantine all lines are taken here, and count one by one */
    if (loop->fresh == loop->fresh_end && !vow__add_slab(loop))
        return NULL;
    return loop->fresh++;
}

static void free_oldest(vow_loop *loop)
{
    vow_promise *oldest = loop->quarantine_first;
    vow__unpoison(oldest);
    loop->quarantine_first = oldest->next;
    if (--loop->quarantined == 0)
        loop->quarantine_last = NULL;
    *++loop->free_top = oldest;
    vow__poison(oldest);
}

/* The oldest line leaves the quarantine when a newer one enters the full one. */
static void enter_quarantine(vow_loop *loop, vow_promise *line)
{
    line->next = NULL;
    if (loop->quarantine_last) {
        vow__unpoison(loop->quarantine_last);
        loop->quarantine_last->next = line;
        vow__poison(loop->quarantine_last);
    } else {
        loop->quarantine_first = line;
    }
    loop->quarantine_last = line;
    vow__poison(line);
    if (++loop->quarantined > loop->quarantine)
        free_oldest(loop);
}

void vow__give_slow(vow_loop *loop, vow_promise *line)
{
    if (!loop->closing) {
        enter_quarantine(loop, line);
        return;
    }
    vow__poison(line); /* never used again */
    if (loop->closed && --loop->left_open == 0)
        vow__core_end_if_last(loop);
}

size_t vow__each_line(const vow_loop *loop, void (*visit)(vow_promise *line, void *data), void *data)
{
    size_t live = 0;
    for (struct vow__slab *slab = loop->slabs; slab; slab = slab->next) {
        vow_promise *end = slab == loop->slabs ? loop->fresh : slab->end;
        for (vow_promise *line = (vow_promise *)slab + 1; line < end; line++) {
            if (line->kind == K_FREE)
                continue;
            live++;
            if (visit)
                visit(line, data);
        }
    }
    return live;
}

void vow_loop_quarantine(vow_loop *loop, size_t promises)
{
    vow__check_loop(loop, "vow_loop_quarantine");
    loop->quarantine = promises;
    loop->slow_free = loop->closing || promises;
    while (loop->quarantined > promises && !loop->closing)
        free_oldest(loop);
}

void vow__core_done(vow_loop *loop)
{
    while (loop->slabs) {
        struct vow__slab *slab = loop->slabs;
        loop->slabs = slab->next;
        UNPOISON((void *)(slab + 1), VOW_SLAB_BYTES - sizeof *slab);
        vow__free(slab->block);
    }
    vow__free(loop->free_lines);
}
