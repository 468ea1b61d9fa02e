/* SPDX-License-Identifier: MIT
 *
 * vow/test.h - for testing programs that use vow: a loop on a virtual clock that checks,
 * when it ends, that nothing was lost.
 *
 *     vow_test *t = vow_test_begin();
 *     vow_promise *p = vow_delay(vow_test_loop(t), 60000);
 *     vow_clock_advance(vow_test_loop(t), 60000);         // no waiting
 *     ...
 *     const char *complaint = vow_test_end(t);            // NULL: nothing leaked
 */
#ifndef VOW_TEST_H
#define VOW_TEST_H

#include "loop.h"
#include "timer.h"

VOW_BEGIN

typedef struct vow_test vow_test;

/* Gives a test with a loop of its own, its clock virtual, places recorded; NULL: no memory. */
VOW_API vow_test *vow_test_begin(void);
VOW_API vow_loop *vow_test_loop(vow_test *t); /* borrowed */

/* The number of unhandled rejections that the test means to cause (0 at start). */
VOW_API void vow_test_expect_unhandled(vow_test *t, size_t n);

/* From now on fibers and tasks of the loop that are ready go on in an order that `seed` decides
 * (0: as always, first in first out); the same seed gives the same order. For finding what
 * counts on an order that is not promised. Loop's thread. */
VOW_API void vow_test_shuffle(vow_loop *loop, uint64_t seed);

/* Closes the loop and checks: no live promise, no open descriptor more than before, no
 * block of vow's memory more than before, exactly the expected unhandled rejections.
 * Returns NULL, or what is wrong (valid until the next vow_test_end). Takes t. */
VOW_API const char *vow_test_end(vow_test *t);

/* Makes the n-th allocation of vow's from now on fail (1: the next), once or `sticky` from
 * then on; n = 0 turns it off. vow_test_failed says whether one failed since. Promises come
 * from large blocks: vow_loop_quarantine (inspect.h) makes each of them count.
 * Works on top of vow_set_allocator. Process-wide, threads share the count. */
VOW_API void vow_test_fail_allocation(size_t n, bool sticky);
VOW_API bool vow_test_failed(void);
VOW_API size_t vow_test_blocks(void); /* blocks of vow's memory in use */

VOW_END
#endif
