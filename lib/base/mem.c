/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "vow/test.h"

static vow_allocator installed; /* resize NULL: malloc and its family */

/* Blocks in use. Threads of the pool allocate too, hence atomic; a count orders nothing,
 * hence relaxed. */
static atomic_size_t blocks;

/* The simulated failure: the countdown-th allocation from now fails; 0: none will. */
static atomic_size_t countdown;
static atomic_bool sticky_failure, has_failed;

void vow_set_allocator(const vow_allocator *allocator)
{
    installed = allocator != NULL ? *allocator : (vow_allocator){NULL, NULL};
}

void vow__count_block(int change)
{
    atomic_fetch_add_explicit(&blocks, (size_t)change, memory_order_relaxed);
}

#if defined(__GNUC__) || defined(__clang__)
__attribute__((noinline)) /* inlined, it could not be stopped at */
#endif
void vow__out_of_memory_breakpoint(void)
{
    atomic_store_explicit(&has_failed, true, memory_order_relaxed);
}

bool vow__alloc_fails(void)
{
    size_t left = atomic_load_explicit(&countdown, memory_order_relaxed), after;

    do {
        if (VOW_LIKELY(left == 0))
            return false;
        after = left - 1;
        if (left == 1 && atomic_load_explicit(&sticky_failure, memory_order_relaxed))
            after = 1;
        /* by exchange: of two threads at once only one is the n-th */
    } while (!atomic_compare_exchange_weak_explicit(&countdown, &left, after,
                                                    memory_order_relaxed, memory_order_relaxed));
    if (left > 1)
        return false;
    vow__out_of_memory_breakpoint();
    return true;
}

static void *raw_resize(void *block, size_t size)
{
    if (VOW_UNLIKELY(installed.resize != NULL))
        return installed.resize(installed.context, block, size);
    return realloc(block, size);
}

void *vow__alloc(size_t size) { return vow__resize(NULL, size); }

void *vow__alloc_zeroed(size_t size)
{
    void *block = vow__resize(NULL, size);

    if (block != NULL)
        memset(block, 0, size);
    return block;
}

void *vow__resize(void *block, size_t size)
{
    void *moved;

    if (vow__alloc_fails())
        return NULL;
    moved = raw_resize(block, size > 0 ? size : 1); /* 0 would free */
    if (block == NULL && moved != NULL)
        vow__count_block(+1);
    return moved;
}

void vow__free(void *block)
{
    if (block == NULL)
        return;
    vow__count_block(-1);
    if (VOW_UNLIKELY(installed.resize != NULL))
        installed.resize(installed.context, block, 0);
    else
        free(block);
}

void *vow_alloc(size_t size) { return vow__alloc_zeroed(size); }

void vow_free(void *block) { vow__free(block); }

char *vow__copy_text(const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = vow__alloc(size);

    return copy != NULL ? memcpy(copy, s, size) : NULL;
}

void vow_test_fail_allocation(size_t n, bool sticky)
{
    atomic_store_explicit(&sticky_failure, sticky, memory_order_relaxed);
    atomic_store_explicit(&has_failed, false, memory_order_relaxed);
    atomic_store_explicit(&countdown, n, memory_order_relaxed);
}

bool vow_test_failed(void) { return atomic_load_explicit(&has_failed, memory_order_relaxed); }

size_t vow_test_blocks(void) { return atomic_load_explicit(&blocks, memory_order_relaxed); }
