/* SPDX-License-Identifier: MIT
 *
 * core/site.c - places of creation as 16-bit numbers: all that a 64-byte line has room
 * for. Places are string literals, so the address of the text identifies it. The table
 * is process-wide, append-only and never freed; a full table or a lost race gives 0.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/loop.h"
#include "vow/inspect.h"

#define PLACES 8192 /* a power of two; numbers are slot + 1 */
#define PROBES 64

static _Atomic(const char *) places[PLACES];
static atomic_int recording = -1; /* -1: ask the environment */

bool vow__places_wanted(void)
{
    int on = atomic_load_explicit(&recording, memory_order_relaxed);
    if (on < 0) {
        const char *debug = getenv("VOW_DEBUG");
        on = debug && strstr(debug, "places");
        atomic_store_explicit(&recording, on, memory_order_relaxed);
    }
    return on;
}

void vow_places(bool on) { atomic_store_explicit(&recording, on, memory_order_relaxed); }

uint16_t vow__site_number(const char *where)
{
    if (!where)
        return 0;
    uint64_t hash = (uint64_t)(uintptr_t)where * 0x9E3779B97F4A7C15u;
    for (size_t i = 0; i < PROBES; i++) {
        size_t slot = ((size_t)(hash >> 51) + i) & (PLACES - 1);
        /* relaxed: the slot holds the address of a literal, which needs no publishing */
        const char *there = atomic_load_explicit(&places[slot], memory_order_relaxed);
        if (!there)
            atomic_compare_exchange_strong_explicit(&places[slot], &there, where,
                                                    memory_order_relaxed, memory_order_relaxed);
        if (!there || there == where)
            return (uint16_t)(slot + 1);
    }
    return 0;
}

const char *vow__site_text(uint16_t site)
{
    return site ? atomic_load_explicit(&places[site - 1], memory_order_relaxed) : NULL;
}
