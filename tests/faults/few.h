/* SPDX-License-Identifier: MIT
 *
 * few.h - something is done with too few descriptors: with none more than there are, one, two,
 * ... until it succeeds (RLIMIT_NOFILE); and with the first, second, ... call that would give
 * one failing with EMFILE, until none fails. Each time it is done, or rejected because of that,
 * and nothing is left: no descriptor, no block of memory, no promise.
 */
#ifndef VOW_TESTS_FAULTS_FEW_H
#define VOW_TESTS_FAULTS_FEW_H

#include "adapt/net.h"
#include "faults/shim.h"

enum { NEITHER = -1 }; /* it failed, and what it said was looked at */

/* Does its work and gives back everything: 0, EMFILE or NEITHER. */
typedef int use_fn(vow_loop *loop);

static int few_judged(vow_test *t, int code, const char *how, int n)
{
    const char *complaint = vow_test_end(t);
    if (complaint)
        FAIL("%s %d: %s", how, n, complaint);
    if (code != 0 && code != EMFILE && code != NEITHER)
        FAIL("%s %d: code %d", how, n, code);
    return code;
}

static inline void with_few_descriptors(use_fn *use)
{
    int more = 0, code = EMFILE;
    for (; code != 0 && more <= 40 && !under_valgrind(); more++) {
        vow_test *t = vow_test_begin();
        struct rlimit before = net_limit_descriptors(more);
        code = use(vow_test_loop(t));
        setrlimit(RLIMIT_NOFILE, &before);
        few_judged(t, code, "descriptors more:", more);
    }
    CHECK(under_valgrind() || (code == 0 && more > 1));
    unsigned n = 1;
    for (bool failed = true; failed; n++) {
        vow_test *t = vow_test_begin();
        faults.no_descriptor = n;
        code = use(vow_test_loop(t));
        failed = faults.no_descriptor == 0;
        faults.no_descriptor = 0;
        few_judged(t, code, "without descriptor", (int)n);
        CHECK(failed || code == 0);
    }
    CHECK(n > 2);
}

/* Runs p: 0 or EMFILE, be it only by a cause. What it fulfils with is in *ret, which may be
 * NULL. */
#define OUTCOME(p, ret) few_outcome(__FILE__, __LINE__, loop, p, ret)
static inline int few_outcome(const char *file, int line, vow_loop *loop, vow_promise *p,
                              vow_value *ret)
{
    vow_value v;
    char text[300];
    int code = vow_run(loop, p, &v);
    if (ret)
        *ret = code == 0 ? v : vow_none();
    if (code == 0 && ret)
        return 0;
    const vow_error *e = vow_as_error(v);
    while (e && !vow_error_is(e, vow_errno_domain(), EMFILE))
        e = vow_error_cause(e);
    if (code && !e) {
        vow_describe(vow_as_error(v), VOW_ONE_LINE, text, sizeof text);
        harness_fail(file, line, "rejected: %s", text);
    }
    vow_release(v);
    return code ? EMFILE : 0;
}

#endif
