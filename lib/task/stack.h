/* SPDX-License-Identifier: MIT
 *
 * task/stack.h - the stacks of a loop's fibers: mappings of one size with a guard at the low
 * end and room for the fiber's own struct at the high end, and a pool of unused ones.
 *
 * Guards: MADV_GUARD_INSTALL where the kernel has it (Linux 6.13), which costs no mapping.
 * Else mprotect, as long as that takes at most half of the mappings the process may have.
 * Beyond: known bytes that are looked at whenever the fiber stops.
 */
#ifndef VOW_TASK_STACK_H
#define VOW_TASK_STACK_H

#include <stdatomic.h>

#include "loop/watch.h"
#include "task/switch.h"

enum vow__guard { GUARD_BEST, GUARD_INSTALL, GUARD_PROTECT, GUARD_CANARY };

struct vow__stack { /* at the high end of its mapping, so that it costs no page of its own */
    struct vow__stack *next; /* in the pool */
    char *low;               /* the mapping, and the guard, begin here */
    size_t size;             /* of the mapping */
    enum vow__guard guard;
    unsigned valgrind; /* its number there */
    struct vow__side side;
};
#ifdef VOW__UCONTEXT
#define VOW__STACK_HEAD ((size_t)3072) /* for the struct that this is the first member of */
#else
#define VOW__STACK_HEAD ((size_t)320)
#endif

/* What a loop has of them. */
struct vow__stacks {
    struct vow__member member; /* first; freed when the loop closes: then no fiber is left */
    struct vow__stack *unused;
    size_t count, keep;    /* unused ones, and at most */
    size_t bytes;          /* of a new one, guard and all */
    size_t made;
    struct vow__alarm *alarm; /* overflow.c; may be NULL */
};
struct vow__stacks *vow__stacks_of(vow_loop *loop); /* made if need be; NULL: no memory */

/* Maybe used before; NULL: no memory. */
struct vow__stack *vow__stack_take(vow_loop *loop);
void vow__stack_give(vow_loop *loop, struct vow__stack *stack);

/* What code may use of it: from there up to the head. */
char *vow__stack_low(const struct vow__stack *stack);
bool vow__stack_has_overflowed(const struct vow__stack *stack); /* as far as a canary can tell */

/* For tests: what new stacks get, and how many mprotect may guard in this process (0: to be
 * found out). */
extern enum vow__guard vow__stack_guard;
extern atomic_size_t vow__most_protected;

/* overflow.c: gives back what vow_fiber_overflow_alarm took. */
void vow__alarm_free(struct vow__alarm *alarm);

#endif
