/* SPDX-License-Identifier: MIT
 *
 * common.h - for the tests of sequences: a source that counts what is asked of it.
 */
#ifndef VOW_TESTS_SEQ_COMMON_H
#define VOW_TESTS_SEQ_COMMON_H

#include "flow/common.h"

/* Looked at only when it has been rejected. */
static inline vow_promise *quiet(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

/* 1, 2, ... up to `last`, after `ms` each (0: at once); then the end, or an error. */
struct numbers {
    int asked, last, ms, code, gone;
};
static inline vow_value number_of(UNUSED vow_value v, void *data)
{
    return vow_int(((struct numbers *)data)->asked);
}
static inline vow_value number_next(void *data)
{
    struct numbers *n = data;
    if (n->asked == n->last)
        return n->code ? vow_fail(n->code, "no more numbers") : vow_end();
    n->asked++;
    if (n->ms == 0)
        return vow_int(n->asked);
    return vow_v(vow_then(vow_delay(vow_current(), (uint64_t)n->ms), number_of, n));
}
static inline void numbers_gone(void *data) { ((struct numbers *)data)->gone++; }
static inline vow_seq *numbers_seq(vow_loop *loop, struct numbers *n)
{
    return vow_seq_new(loop, number_next, n, numbers_gone);
}

/* The next value now; takes nothing. */
#define NEXT(seq, expected)                           \
    do {                                              \
        vow_promise *next = quiet(vow_seq_next(seq)); \
        vow_poll(loop);                               \
        OUTCOME(next, expected);                      \
    } while (0)
/* All there is; takes seq. */
#define ALL(seq, expected)                                              \
    do {                                                                \
        vow_promise *all = quiet(vow_seq_collect(loop, seq, SIZE_MAX)); \
        vow_clock_advance(loop, 1000);                                  \
        OUTCOME(all, expected);                                         \
    } while (0)

#endif
