/* SPDX-License-Identifier: MIT
 *
 * sweep.h - runs a scenario with the 1st, 2nd, ... allocation failing, libevent's included,
 * once and for good, until a run meets no failure.
 */
#ifndef VOW_TESTS_ADAPT_SWEEP_H
#define VOW_TESTS_ADAPT_SWEEP_H

#include <errno.h>
#include <event2/event.h>

#include "base/mem.h"
#include "harness.h"

static void *sweep_malloc(size_t size) { return vow__alloc(size); }
static void *sweep_realloc(void *block, size_t size) { return vow__resize(block, size); }
static void sweep_free(void *block) { vow__free(block); }

/* Before libevent allocates anything. */
__attribute__((constructor)) static void sweep_prepare(void)
{
    event_set_mem_functions(sweep_malloc, sweep_realloc, sweep_free);
}

/* Does its work and gives back everything; 0, or the first failure's code: ENOMEM. */
typedef int sweep_scenario(vow_loop *loop);

static inline bool sweep_once(sweep_scenario *scenario, size_t n, bool sticky)
{
    vow_test *t = vow_test_begin();
    CHECK(t != NULL);
    vow_test_fail_allocation(n, sticky);
    int code = scenario(vow_test_loop(t));
    bool failed = vow_test_failed();
    vow_test_fail_allocation(0, false);
    const char *complaint = vow_test_end(t);
    if (complaint)
        FAIL("allocation %zu failing%s: %s", n, sticky ? " for good" : "", complaint);
    if (code != 0 && (code != ENOMEM || !failed))
        FAIL("allocation %zu failing%s: code %d", n, sticky ? " for good" : "", code);
    return failed;
}

static inline void sweep(sweep_scenario *scenario)
{
    for (int sticky = 0; sticky < 2; sticky++) {
        size_t n = 1;
        while (sweep_once(scenario, n, sticky))
            n++;
        CHECK(n > 1 && n < 1000);
    }
}

#endif
