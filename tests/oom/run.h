/* SPDX-License-Identifier: MIT
 *
 * run.h - one run of a scenario, for sweep.c.
 */
#ifndef VOW_TESTS_OOM_RUN_H
#define VOW_TESTS_OOM_RUN_H

#include "oom/oom.h"

/* How a run ends: its process's exit status. */
enum oom_class {
    OOM_SAME = 70,
    OOM_REJECTED,
    OOM_REFUSED,
    OOM_LIBEVENT,
    OOM_NO_FAILURE, /* everything as it should be, and no allocation failed */
    OOM_WRONG
};

/* Runs it with the n-th allocation failing (0: none) and ends the process. */
VOW_NORETURN void oom_run(const struct oom_scenario *scenario, size_t n, bool sticky);

#endif
