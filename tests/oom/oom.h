/* SPDX-License-Identifier: MIT
 *
 * oom.h - the allocation sweep: what a scenario is, and how it says what it got.
 *
 *     SCENARIO(a_chain)
 *     {
 *         int ran = 0;
 *         vow_promise *p = vow_then(vow_delay(loop, 1), count_one, &ran);
 *         bool got = EXPECT_INT(p, 1);
 *         EQ_INT(ran, got);
 *     }
 *
 * A scenario runs with no failure, then with its 1st, 2nd, ... allocation failing, once and
 * from then on, until a run meets no failure: each time in a process of its own. vow's
 * allocations count, libevent's, and every single promise. So each line of a scenario has to
 * cope with a failure anywhere; the EXPECT macros do, and keep what they saw:
 *   same      all outcomes are what they are with memory. (An error that is made without
 *             memory loses its text, never its code: that is the same.)
 *   rejected  a promise was rejected because there was no memory: ENOMEM is among the causes
 *   refused   a constructor gave its documented NULL or code for it
 * and nothing else may be: another value, another error, ENOMEM where no allocation failed,
 * something destroyed twice or never, a report of an unhandled rejection that no EXPECT
 * allows for, a leak (what vow_test_end counts), a stall (EDEADLK, or the time limit), a crash.
 */
#ifndef VOW_TESTS_OOM_H
#define VOW_TESTS_OOM_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "vow.h"
#include "vow/test.h"

/* With a loop of a vow_test, on a virtual clock, made and ended outside the failures' reach
 * (not of those that last). */
#define SCENARIO(name) OOM_SCENARIO_(name, true)
/* Without: makes its own loop, if any. `loop` is NULL. */
#define SCENARIO_PLAIN(name) OOM_SCENARIO_(name, false)

#define UNUSED __attribute__((unused))

/* What the scenario itself did wrong or saw go wrong. Ends the run. */
#define WRONG(...) oom_wrong(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition) ((condition) ? (void)0 : WRONG("not true: %s", #condition))
/* What holds unless an allocation failed. */
#define CHECK_WITH_MEMORY(condition) CHECK((condition) || vow_test_failed())
#define EQ_INT(a, b) oom_eq_int(__FILE__, __LINE__, #a " == " #b, (intmax_t)(a), (intmax_t)(b))
#define EQ_TEXT(a, b) oom_eq_text(__FILE__, __LINE__, #a " == " #b, (a), (b))

/* All run p on `loop` and take it. True: the outcome is the expected one. False: p was
 * rejected for want of memory. */
#define EXPECT(p, ret) oom_expect(__FILE__, __LINE__, loop, (p), (ret)) /* fulfilled: *ret */
#define EXPECT_NONE(p) oom_expect_none(__FILE__, __LINE__, loop, (p))
#define EXPECT_INT(p, i) oom_expect_int(__FILE__, __LINE__, loop, (p), (i))
#define EXPECT_TEXT(p, text) oom_expect_text(__FILE__, __LINE__, loop, (p), (text))
#define EXPECT_BYTES(p, text) oom_expect_bytes(__FILE__, __LINE__, loop, (p), (text))
/* An array of ints; `n` of them. */
#define EXPECT_INTS(p, n, ints) oom_expect_ints(__FILE__, __LINE__, loop, (p), (n), (ints))
/* Rejected with this code of errno's or of vow's. */
#define EXPECT_ERROR(p, code) oom_expect_error(__FILE__, __LINE__, loop, (p), (code))

/* A value that was just made, or that a handler sees. False: it is an error for want of
 * memory. Looks. */
#define MADE(v) oom_made(__FILE__, __LINE__, (v))
/* What a constructor gave. False: NULL, which its header says is for want of memory; errno
 * says so, too, where it is to. */
#define HAVE(object) oom_have(__FILE__, __LINE__, (object), true)
#define HAVE_OR_NULL(object) oom_have(__FILE__, __LINE__, (object), false)
/* What a call answered. False: ENOMEM. Anything else but 0 is wrong. */
#define DONE(code) oom_done(__FILE__, __LINE__, (code))

/* Is it `code` (vow's own from 10000 on), at least by one of its causes? */
bool oom_has_code(const vow_error *e, int code);
/* Was there no memory? Then it is kept that the run saw so. */
bool oom_no_memory(const vow_error *e);
/* For handlers: `e` for want of memory. Anything else but `code` is wrong. */
#define IS_ERROR(e, code) oom_is_error(__FILE__, __LINE__, (e), (code))

/* Something that has to be given back exactly once. */
void *oom_owned(void);
void oom_give_back(void *owned);
bool oom_is_back(const void *owned);

/* A loop with the system's clock for a scenario that makes its own; NULL: kept as refused. */
vow_loop *oom_loop(void);
/* Ends a process that the scenario has forked: its status says what it saw. Its parent adds
 * that to what it has seen itself. */
VOW_NORETURN void oom_leave(void);
void oom_child_left(int status);
/* Does everything fail from then on? */
bool oom_is_sticky(void);

/* How many unhandled rejections are reported with memory; and at most how many more once an
 * allocation has failed. None is allowed otherwise. oom_reported: how many were. */
void oom_reports(unsigned meant, unsigned without_memory);
unsigned oom_reported(void);
void oom_watch_reports(vow_loop *loop); /* of a loop that the scenario made itself */

/* An error that a known weakness of libevent has made of the failure: ends the run, which
 * counts on its own. */
VOW_NORETURN void oom_libevent(const char *what);

#define IS_PENDING(p) (vow_state(p) == VOW_PENDING)

/* Handlers. */
static inline vow_value add_one(vow_value v, void *ran)
{
    if (ran != NULL)
        ++*(int *)ran;
    return vow_int(vow_as_int(v) + 1);
}
static inline vow_value pass(UNUSED vow_value v, void *ran)
{
    ++*(int *)ran;
    return VOW_SAME;
}
static inline vow_value count_none(void *ran)
{
    ++*(int *)ran;
    return vow_none();
}

/* What the macros are made of. */
struct oom_scenario {
    const char *name;
    bool with_loop;
    void (*body)(vow_loop *loop);
    struct oom_scenario *next;
};
void oom_add(struct oom_scenario *scenario);
VOW_NORETURN VOW_FORMAT(3, 4) void oom_wrong(const char *file, int line, const char *format, ...);
void oom_eq_int(const char *file, int line, const char *what, intmax_t a, intmax_t b);
void oom_eq_text(const char *file, int line, const char *what, const char *a, const char *b);
bool oom_expect(const char *file, int line, vow_loop *loop, vow_promise *p, vow_value *ret);
bool oom_expect_none(const char *file, int line, vow_loop *loop, vow_promise *p);
bool oom_expect_int(const char *file, int line, vow_loop *loop, vow_promise *p, int64_t i);
bool oom_expect_text(const char *file, int line, vow_loop *loop, vow_promise *p, const char *text);
bool oom_expect_bytes(const char *file, int line, vow_loop *loop, vow_promise *p, const char *text);
bool oom_expect_ints(const char *file, int line, vow_loop *loop, vow_promise *p, size_t n,
                     const int *ints);
bool oom_expect_error(const char *file, int line, vow_loop *loop, vow_promise *p, int code);
bool oom_made(const char *file, int line, vow_value v);
bool oom_have(const char *file, int line, const void *object, bool says_errno);
bool oom_done(const char *file, int line, int code);
bool oom_is_error(const char *file, int line, const vow_error *e, int code);

#define OOM_SCENARIO_(scenario_name, has_loop)                                      \
    static void scenario_name(vow_loop *loop);                                      \
    __attribute__((constructor)) static void oom_add_##scenario_name(void)          \
    {                                                                               \
        static struct oom_scenario scenario = {#scenario_name, has_loop, scenario_name, NULL}; \
        oom_add(&scenario);                                                         \
    }                                                                               \
    static void scenario_name(UNUSED vow_loop *loop)

#endif
