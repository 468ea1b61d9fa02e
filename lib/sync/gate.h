/* SPDX-License-Identifier: MIT
 *
 * sync/gate.h - a count of permits and those who wait for some of them: what semaphore, mutex
 * and read-write lock are. A waiter's line becomes its permit, so that a grant allocates
 * nothing.
 */
#ifndef VOW_SYNC_GATE_H
#define VOW_SYNC_GATE_H

#include "scope/waiters.h"
#include "vow/sync.h"

struct vow__gate {
    struct vow__queue waiters; /* first: found by the queue. n: how many; value: see condition.c */
    vow_loop *loop;
    size_t refs;          /* the program's, permits', waiters of conditions */
    uint64_t total, free; /* free <= total; the first waiter wants more than is free */
    bool closed;          /* nobody waits */
    struct vow__queue closers;
    const char *name;
};

/* A line, whose first 8 bytes belong to the pool. */
struct vow_permit {
    uint64_t line;
    struct vow__gate *gate; /* NULL: given back */
    uint64_t n;
    size_t refs;
    vow_condition *told_by; /* whose notification nobody has seen yet; or NULL */
};

struct vow__gate *vow__gate_new(vow_loop *loop, uint64_t total, const char *name);
void vow__gate_unref(struct vow__gate *gate);
void vow__gate_free(struct vow__gate *gate); /* NULL ok: rejects who waits, then unref */
vow_promise *vow__gate_acquire(struct vow__gate *gate, uint64_t n, const char *where);
vow_value vow__gate_try(struct vow__gate *gate, uint64_t n);
/* Lets in who can be. */
void vow__gate_serve(struct vow__gate *gate);
/* Why nobody gets in. */
vow_value vow__gate_closed(const struct vow__gate *gate, const char *where);

/* condition.c: the notification goes to the next; and gives back the reference. */
void vow__condition_pass_on(vow_condition *condition);
void vow__condition_unref(vow_condition *condition);

#endif
