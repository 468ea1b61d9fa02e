/* SPDX-License-Identifier: MIT
 *
 * vow/timer.h - time: delays, and a clock that tests can move by hand.
 *
 *     vow_promise *p = vow_delay(loop, 250);       // milliseconds
 *
 * Deadlines are on the monotonic clock, in nanoseconds; none fires early; equal ones
 * fire in the order they were made; one that has passed fires at the next turn, never
 * inside the call. Where several fire at once, those that come right after share the next
 * wake-up, a microsecond later for each, at most 250. A dropped or cancelled delay is gone at once and does not hold the
 * loop. Loop's thread only.
 */
#ifndef VOW_TIMER_H
#define VOW_TIMER_H

#include "promise.h"

VOW_BEGIN

/* Gives a promise that fulfils with nothing after `ms` milliseconds, or at `ns`. */
#define vow_delay(loop, ms) vow_delay_at(loop, ms, VOW_HERE)
#define vow_delay_until(loop, ns) vow_delay_until_at(loop, ns, VOW_HERE)
VOW_API VOW_NODISCARD vow_promise *vow_delay_at(vow_loop *loop, uint64_t ms, const char *where);
VOW_API VOW_NODISCARD vow_promise *vow_delay_until_at(vow_loop *loop, uint64_t ns, const char *where);

/* The loop's clock now, in nanoseconds. */
VOW_API uint64_t vow_now(const vow_loop *loop);

/* Replaces the clock (NULL: the system's monotonic one). Keeps data. Waiting is still
 * real; timers are looked at again at the latest when the real time for them has come. */
typedef uint64_t vow_clock_fn(void *data);
VOW_API void vow_loop_set_clock(vow_loop *loop, vow_clock_fn *now, void *data);

/* Gives the loop a virtual clock that starts at 0: it moves by vow_clock_advance, and,
 * when `by_itself`, jumps to the next deadline whenever nothing else can happen (nothing
 * is runnable; no descriptor, pool job or remote is outstanding). Again: only changes
 * by_itself. It jumps in vow_run and vow_run_all only. */
VOW_API void vow_clock_virtual(vow_loop *loop, bool by_itself);
/* Moves a virtual clock and runs what is due, deadline by deadline. Inside a handler or
 * callback it only moves: what is due runs in the next turn. vow_loop_stop ends it there. */
VOW_API void vow_clock_advance(vow_loop *loop, uint64_t ms);

VOW_END
#endif
