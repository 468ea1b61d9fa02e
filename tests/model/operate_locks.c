/* SPDX-License-Identifier: MIT
 *
 * operate_locks.c - what the operations on locks, conditions and flags do, on whichever side.
 */
#include "world.h"

static const struct side_locks *side(const struct world *w) { return w->side->locks; }

/* Into the slot; the one that was there goes. */
static void new_lock(struct world *w, const struct op *op)
{
    struct lock *slot = &w->locks[op->b % LOCKS], old = *slot;
    enum lock_kind kind = (enum lock_kind)(op->a % 3);
    *slot = (struct lock){kind, side(w)->lock(w, kind, op->a / 3 % 3)};
    if (old.l)
        side(w)->free_lock(w, &old);
}

static void do_semaphore(struct world *w, const struct op *op, const struct lock *l)
{
    if (l->kind != SEMAPHORE)
        return;
    text_number(world_event(w, "available ", 0), side(w)->available(l->l));
    if (op->code == OP_add_permits)
        side(w)->add(w, l->l, op->c % 3);
    else
        world_keep_handle(w, side(w)->close(w, l->l));
}

static void do_lock(struct world *w, const struct op *op)
{
    struct lock *slot = &w->locks[op->b % LOCKS], l = *slot;
    switch (l.l ? op->code : OP_lock) {
    case OP_lock:
        new_lock(w, op);
        break;
    case OP_acquire:
        world_keep_handle(w, side(w)->acquire(w, &l, op->c % 4));
        break;
    case OP_try:
        world_keep_handle(w, w->side->resolved(w, side(w)->try_acquire(w, &l, op->c % 4)));
        break;
    case OP_free_lock:
        slot->l = NULL;
        side(w)->free_lock(w, &l);
        break;
    default:
        do_semaphore(w, op, &l);
    }
}

/* With the lock, if the handle has one. */
static void *wait_for(struct world *w, const struct op *op, void *condition)
{
    void **slot = world_find_handle(w, op->a), *p = slot ? *slot : NULL;
    if (!p || !side(w)->has_permit(w, p))
        return side(w)->wait(w, condition, NULL);
    *slot = NULL;
    return side(w)->wait(w, condition, p);
}

static void do_condition(struct world *w, const struct op *op)
{
    void **slot = &w->conditions[op->b % LOCKS], *c = *slot;
    if (!c) {
        *slot = side(w)->condition(w);
    } else if (op->code == OP_wait) {
        world_keep_handle(w, wait_for(w, op, c));
    } else if (op->code == OP_free_condition) {
        *slot = NULL;
        side(w)->free_condition(w, c);
    } else {
        side(w)->notify(w, c, op->code == OP_notify_all);
    }
}

static void do_flag(struct world *w, const struct op *op)
{
    void **slot = &w->flags[op->b % LOCKS], *f = *slot;
    if (!f) {
        *slot = side(w)->flag(w);
    } else if (op->code == OP_wait_flag) {
        world_keep_handle(w, side(w)->wait_flag(w, f));
    } else if (op->code == OP_free_flag) {
        *slot = NULL;
        side(w)->free_flag(w, f);
    } else {
        side(w)->set_flag(w, f, op->code == OP_set_flag);
    }
}

static void do_release(struct world *w, const struct op *op)
{
    void **slot = world_find_handle(w, op->a);
    if (slot && side(w)->has_permit(w, *slot))
        side(w)->release(w, *slot);
}

static void do_using(struct world *w, const struct op *op)
{
    void *p = world_take_handle(w, op->a);
    if (!p)
        return;
    uint32_t who = world_new_who(w, 0, op->b);
    if (op->c % 2)
        world_owe(w, who);
    world_keep_handle(w, side(w)->using(w, p, who, op->c % 2));
}

void world_do_lock(struct world *w, const struct op *op)
{
    switch (op->code) {
    case OP_release:
        do_release(w, op);
        break;
    case OP_using:
        do_using(w, op);
        break;
    case OP_wait:
    case OP_notify:
    case OP_notify_all:
    case OP_free_condition:
        do_condition(w, op);
        break;
    case OP_wait_flag:
    case OP_set_flag:
    case OP_clear_flag:
    case OP_free_flag:
        do_flag(w, op);
        break;
    default:
        do_lock(w, op);
    }
}
