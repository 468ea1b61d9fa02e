/* SPDX-License-Identifier: MIT
 *
 * task/shuffle.h - a random order of what is ready, for tests (vow_test_shuffle): each time
 * a fiber or task could go on, it lets others go first with a chance of one half.
 */
#ifndef VOW_TASK_SHUFFLE_H
#define VOW_TASK_SHUFFLE_H

#include "core/loop.h"

/* xorshift64; a loop that is not shuffled has the state 0. */
static inline bool vow__shuffled(vow_loop *loop)
{
    uint64_t x = loop->shuffle;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    loop->shuffle = x;
    return x >> 63;
}

#endif
