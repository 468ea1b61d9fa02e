/* SPDX-License-Identifier: MIT
 *
 * task/fiber.h - a fiber: at the head of its own stack, so that an idle one touches two
 * pages at most.
 *
 * It is suspended (its line waits), or runs: then vow__fiber_here is it, or one that it has
 * ended in a drop. What it waits for is in no field: its line is in that one's consumers.
 */
#ifndef VOW_TASK_FIBER_H
#define VOW_TASK_FIBER_H

#include "core/linear.h"
#include "task/stack.h"
#include "vow/task.h"

struct vow__fiber {
    struct vow__stack stack; /* first; stack.side is where the fiber goes on */
    struct vow__side caller; /* where whoever resumed it goes on */
    vow_loop *loop;
    vow_fiber_fn *fn;
    void *data;
    vow_destroy_fn *destroy;
    const char *made, *where; /* places: of vow_spawn, and of its last await */
    vow_value *ret;           /* where its await wants the outcome; NULL: nowhere */
    vow_value *slot;          /* of who has resumed it: what it waits for, or gives */
    struct vow__fiber *outer; /* on whose stack it was resumed */
    unsigned shields; /* vow_fiber_shield without _unshield */
    bool started;
    bool careful;   /* one of the next two, or its stack has a canary to be looked at */
    bool dropped;   /* nobody wants it: every await fails at once */
    bool cancelled; /* kept for the first await without a shield */
    bool held;      /* shuffled: `kept` is what it will get when its turn comes */
    vow_value kept;
};
_Static_assert(sizeof(struct vow__fiber) <= VOW__STACK_HEAD, "a fiber fits into its stack's head");

/* The fiber on whose stack this thread runs; NULL: none. */
extern _Thread_local struct vow__fiber *vow__fiber_here
#if defined(__GNUC__)
    __attribute__((tls_model("initial-exec")))
#endif
    ;

VOW_NORETURN void vow__fiber_overflowed(const struct vow__fiber *f);

#endif
