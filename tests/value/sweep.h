/* SPDX-License-Identifier: MIT
 *
 * sweep.h - runs a body with its first, second, ... allocation failing until none does,
 * once each and once from there on.
 */
#ifndef VOW_TESTS_VALUE_SWEEP_H
#define VOW_TESTS_VALUE_SWEEP_H

#include "harness.h"

static inline size_t sweep(void (*body)(void), bool sticky)
{
    for (size_t n = 1;; n++) {
        size_t before = vow_test_blocks();
        bool failed;

        vow_test_fail_allocation(n, sticky);
        body();
        failed = vow_test_failed();
        vow_test_fail_allocation(0, false);
        EQ_UINT(vow_test_blocks(), before);
        if (!failed)
            return n - 1;
    }
}

/* Both ways; checks that at least `least` allocations were made to fail. */
static inline void sweep_both(void (*body)(void), size_t least)
{
    CHECK(sweep(body, false) >= least);
    CHECK(sweep(body, true) >= least);
}

#endif
