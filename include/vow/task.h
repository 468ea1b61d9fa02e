/* SPDX-License-Identifier: MIT
 *
 * vow/task.h - fibers: code that waits for promises where it stands.
 *
 *     static vow_value greet(void *name)                // on a stack of its own
 *     {
 *         for (int i = 0; i < 3; i++)
 *             if (vow_await(vow_delay(vow_current(), 10), NULL) != 0)
 *                 return vow_fail(EINTR, "no time for %s", (char *)name);
 *         return vow_textf("hello, %s", (char *)name);  // what the promise gives
 *     }
 *     ...
 *     vow_promise *p = vow_spawn(loop, greet, "world", NULL);
 *
 * A fiber belongs to its loop's thread. It runs where a handler would: from the queue, first
 * in first out, never under a handler; its first turn comes after vow_spawn has returned.
 *
 * Cancelling its promise makes the await it is in (or the next one) return ECANCELED, once:
 * it may clean up, waiting for that too, and give any result. Cancelled before its first turn
 * it never begins. Dropping its promise ends it inside the drop: every await returns
 * ECANCELED at once, so it must not insist. Either way `destroy` runs when it has ended.
 *
 * longjmp and exceptions stay inside the fiber: an exception that leaves it ends the program.
 * What the fiber sets of the floating-point units' control words stays inside it, too.
 * vow/async.h has tasks without a stack.
 */
#ifndef VOW_TASK_H
#define VOW_TASK_H

#include "promise.h"

VOW_BEGIN

/* Runs fn(data) on a stack of its own and gives a promise for what it returns: a value, an
 * error (rejects), a promise (is followed). Keeps data; destroy (may be NULL) runs exactly
 * once. Without memory for a stack: rejected with ENOMEM, data destroyed. */
typedef vow_value vow_fiber_fn(void *data);
#define vow_spawn(loop, fn, data, destroy) vow_spawn_at(loop, fn, data, destroy, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_spawn_at(vow_loop *loop, vow_fiber_fn *fn, void *data,
                                                vow_destroy_fn *destroy, const char *where);

/* Takes p and lets others run until it has settled, at least until those that are ready have
 * run. 0 and the value in *ret (give it back with vow_release), or the error's code (-1 when
 * that is 0) and the error as a value, to be given back or returned. `ret` may be NULL.
 * Refused, p let go: VOW_EAWAIT outside a fiber and in destructors and stop hooks that it
 * runs; VOW_ELOOP for another loop's promise; VOW_ECYCLE for its own; ECANCELED in a fiber
 * that was dropped. */
#define vow_await(p, ret) vow_await_at(p, ret, VOW_HERE)
VOW_API int vow_await_at(vow_promise *p, vow_value *ret, const char *where);

/* Lets those that are ready run first. 0, or a code as above; VOW_ECLOSED once the loop
 * closes: a fiber that yields in a loop has to look. */
#define vow_yield() vow_yield_at(VOW_HERE)
VOW_API int vow_yield_at(const char *where);

/* Is the running code that of a fiber, which may await? */
VOW_API bool vow_in_fiber(void);

/* For clean-up: between the two, which nest, a cancel does not reach the fiber; the first
 * await after them returns it, and a promise that the fiber returns instead is cancelled. (A
 * drop does reach it.) Only in a fiber. */
VOW_API void vow_fiber_shield(void);
VOW_API void vow_fiber_unshield(void);

/* How large the stacks of fibers spawned from now on are (0: leave it; at least
 * VOW_FIBER_LEAST, rounded up to pages; at first 112 KiB), and how many unused ones the loop
 * keeps (at first 128). Pages that a fiber never touches cost nothing. A guard is below each.
 * 0, EINVAL, ENOMEM or VOW_ECLOSED. */
#define VOW_FIBER_LEAST ((size_t)8192)
VOW_API int vow_fiber_stacks(vow_loop *loop, size_t bytes, size_t keep);

/* Has a stack overflow in a fiber of this loop panic with the fiber's place instead of a bare
 * SIGSEGV: gives the thread an alternate signal stack until the loop closes, unless it has
 * one, and the process a handler of SIGSEGV and SIGBUS, which passes everything else on to
 * the one before. 0 or an errno number. */
VOW_API int vow_fiber_overflow_alarm(vow_loop *loop);

VOW_END
#endif
