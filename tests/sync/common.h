/* SPDX-License-Identifier: MIT
 *
 * common.h - for the tests of sync.
 */
#ifndef VOW_TESTS_SYNC_COMMON_H
#define VOW_TESTS_SYNC_COMMON_H

#include "flow/common.h"

/* Looked at only when it has been rejected. */
static inline vow_promise *quiet(vow_promise *p)
{
    vow_mark_handled(p);
    return p;
}

static inline int error_code(vow_promise *p)
{
    return vow_error_of(p) ? vow_error_code(vow_error_of(p)) : 0;
}

/* Takes p, which is rejected with this errno number. */
#define FAILS_WITH(p, number)               \
    do {                                    \
        vow_promise *failed = p;            \
        EQ_INT(error_code(failed), number); \
        vow_mark_handled(failed);           \
        vow_unref(failed);                  \
    } while (0)

#endif
