/* SPDX-License-Identifier: MIT
 *
 * heap.h - how much memory vow holds, by an allocator of the test's own. heap_watch comes
 * before the first call into vow but those of the harness: blocks are as malloc makes them.
 */
#ifndef VOW_TESTS_ADAPT_HEAP_H
#define VOW_TESTS_ADAPT_HEAP_H

#include <malloc.h>
#include <stdlib.h>

#include "harness.h"

static struct {
    size_t now, most;  /* bytes */
} heap = {1 << 20, 0}; /* more than what was there before may be given back */

/* A slab of promises takes twice its size of addresses, so that it can be aligned in there;
 * the other half is never touched, and takes no memory. */
static size_t heap_size(void *block)
{
    size_t size = block ? malloc_usable_size(block) : 0;
    return size < (2u << 20) ? size : size / 2;
}

static void *heap_resize(void *context, void *block, size_t size)
{
    (void)context;
    size_t before = heap_size(block);
    void *after = NULL;
    if (size == 0)
        free(block);
    else if ((after = realloc(block, size)) == NULL)
        return NULL;
    heap.now += heap_size(after) - before;
    if (heap.now > heap.most)
        heap.most = heap.now;
    return after;
}

static inline void heap_watch(void)
{
    static const vow_allocator allocator = {heap_resize, NULL};
    vow_set_allocator(&allocator);
}

#endif
