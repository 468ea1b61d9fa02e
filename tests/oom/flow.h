/* SPDX-License-Identifier: MIT
 *
 * flow.h - inputs for the scenarios of combinators.
 */
#ifndef VOW_TESTS_OOM_FLOW_H
#define VOW_TESTS_OOM_FLOW_H

#include "oom/oom.h"

static inline vow_value give_int(UNUSED vow_value v, void *i) { return vow_int(*(int *)i); }

/* Fulfils with *i after ms, or later; its data has to be given back. */
static inline vow_promise *int_after(vow_loop *loop, uint64_t ms, const int *i)
{
    vow_promise *p = vow_attach(vow_delay(loop, ms), oom_owned(), oom_give_back);
    return vow_then(p, give_int, (void *)i);
}

static inline vow_value give_error(UNUSED vow_value v, void *code)
{
    return vow_fail(*(int *)code, "error %d", *(int *)code);
}
static inline vow_promise *error_after(vow_loop *loop, uint64_t ms, const int *code)
{
    vow_promise *p = vow_attach(vow_delay(loop, ms), oom_owned(), oom_give_back);
    return vow_context(vow_then(p, give_error, (void *)code), "after %d ms", (int)ms);
}

/* A loser that takes a while to clean up. */
static inline vow_value cleanup(UNUSED void *data)
{
    return vow_v(vow_attach(vow_delay(vow_current(), 10), oom_owned(), oom_give_back));
}
static inline vow_promise *with_cleanup(vow_promise *p) { return vow_finally(p, cleanup, NULL); }

#endif
