/* SPDX-License-Identifier: MIT
 *
 * loop/inbox.h - the hand-off between threads: a stack that any thread pushes to without a
 * lock and that its owner takes whole, and the count of those who may still push.
 *
 * The stack holds nodes, newest first, or &vow__inbox_closed for ever once the owner has
 * closed it. A push only ever compares the newest node's address and never follows it, and
 * nodes leave only all together: a node that comes back at the same address (ABA) does no
 * harm.
 *
 * The owner sleeps while the inbox is awaited, and is woken ("rung") by whoever makes it
 * non-empty and by whoever is the last to let go. Awake, it clears the ring, takes, and asks
 * whether the inbox is awaited, in this order. tests/loop/test_inbox.c steps threads through
 * the orders in which this can happen: no node is lost and no owner sleeps for ever.
 */
#ifndef VOW_LOOP_INBOX_H
#define VOW_LOOP_INBOX_H

#include <stdatomic.h>

#include "vow/remote.h"

#ifndef VOW__INBOX_STEP
#define VOW__INBOX_STEP() ((void)0) /* before each atomic operation; the test switches here */
#endif

struct vow__inbox {
    _Atomic(vow_node *) newest;
    atomic_uint open; /* who may still push; each has pushed when it lets go. (Whom the owner
                         knows to push once, it need not count here.) */
};

extern vow_node vow__inbox_closed; /* remote.c; only its address matters */

enum vow__pushed { VOW__PUSHED, VOW__PUSHED_FIRST, VOW__PUSH_REFUSED };

/* Any thread; async-signal-safe. FIRST: the owner is to be woken. */
static inline enum vow__pushed vow__inbox_push(struct vow__inbox *inbox, vow_node *node)
{
    VOW__INBOX_STEP();
    vow_node *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);
    do {
        if (newest == &vow__inbox_closed)
            return VOW__PUSH_REFUSED;
        node->next = newest;
        VOW__INBOX_STEP();
        /* release: whoever takes the node sees what was written before the push, and, pushes
         * being read-modify-writes, what was written before each older one. relaxed where it
         * fails, and above: `newest` is compared and stored, never followed. */
    } while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &newest, node,
                                                    memory_order_release, memory_order_relaxed));
    return newest ? VOW__PUSHED : VOW__PUSHED_FIRST;
}

/* The owner. Takes everything, oldest first, and leaves `instead`: NULL, or
 * &vow__inbox_closed. */
static inline vow_node *vow__inbox_take(struct vow__inbox *inbox, vow_node *instead)
{
    VOW__INBOX_STEP();
    /* acquire: pairs with the pushes' release */
    vow_node *node = atomic_exchange_explicit(&inbox->newest, instead, memory_order_acquire);
    vow_node *oldest = NULL;
    while (node && node != &vow__inbox_closed) {
        vow_node *older = node->next;
        node->next = oldest;
        oldest = node;
        node = older;
    }
    return oldest;
}

/* One more who may push: for the owner, or by one who may already. */
static inline void vow__inbox_hold(struct vow__inbox *inbox)
{
    VOW__INBOX_STEP();
    /* relaxed: the count is above zero, or its only reader is the caller */
    atomic_fetch_add_explicit(&inbox->open, 1, memory_order_relaxed);
}

/* Any thread. True: it was the last, the owner is to be woken. */
static inline bool vow__inbox_let_go(struct vow__inbox *inbox)
{
    VOW__INBOX_STEP();
    /* release: pairs with the acquire below */
    return atomic_fetch_sub_explicit(&inbox->open, 1, memory_order_release) == 1;
}

/* The owner. Has it to wait for a ring? */
static inline bool vow__inbox_is_awaited(struct vow__inbox *inbox)
{
    VOW__INBOX_STEP();
    /* acquire: when all have let go, what they pushed before is seen by the load after it,
     * for which relaxed is enough */
    if (atomic_load_explicit(&inbox->open, memory_order_acquire) > 0)
        return true;
    VOW__INBOX_STEP();
    return atomic_load_explicit(&inbox->newest, memory_order_relaxed) != NULL;
}

#endif
