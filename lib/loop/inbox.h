/* SPDX-License-Identifier: MIT
 *
 * loop/inbox.h - the hand-off between threads: a stack that any thread pushes to without a
 * lock and that its owner takes whole.
 *
 * Holds nodes, newest first, or &vow__inbox_closed for ever once the owner has closed it.
 * A push only ever compares the newest node's address and never follows it, and nodes leave
 * only all together: a node that comes back at the same address (ABA) does no harm.
 */
#ifndef VOW_LOOP_INBOX_H
#define VOW_LOOP_INBOX_H

#include <stdatomic.h>

#include "vow/remote.h"

typedef _Atomic(vow_node *) vow__inbox;

extern vow_node vow__inbox_closed; /* remote.c; only its address matters */

enum vow__pushed { VOW__PUSHED, VOW__PUSHED_FIRST, VOW__PUSH_REFUSED };

/* Any thread; async-signal-safe. FIRST: the inbox was empty, its owner is to be woken. */
static inline enum vow__pushed vow__inbox_push(vow__inbox *inbox, vow_node *node)
{
    vow_node *newest = atomic_load_explicit(inbox, memory_order_relaxed);
    do {
        if (newest == &vow__inbox_closed)
            return VOW__PUSH_REFUSED;
        node->next = newest;
        /* release: whoever takes the node sees what was written before the push, and, pushes
         * being read-modify-writes, what was written before each older one. relaxed where it
         * fails, and above: `newest` is compared and stored, never followed. */
    } while (!atomic_compare_exchange_weak_explicit(inbox, &newest, node, memory_order_release,
                                                    memory_order_relaxed));
    return newest ? VOW__PUSHED : VOW__PUSHED_FIRST;
}

/* The owner only. Takes everything, oldest first, and leaves `instead`: NULL, or
 * &vow__inbox_closed. */
static inline vow_node *vow__inbox_take(vow__inbox *inbox, vow_node *instead)
{
    /* acquire: pairs with the pushes' release */
    vow_node *node = atomic_exchange_explicit(inbox, instead, memory_order_acquire);
    vow_node *oldest = NULL;
    while (node && node != &vow__inbox_closed) {
        vow_node *older = node->next;
        node->next = oldest;
        oldest = node;
        node = older;
    }
    return oldest;
}

#endif
