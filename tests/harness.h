/* SPDX-License-Identifier: MIT
 *
 * harness.h - what a test file needs; Check stands behind it and is not seen here.
 *
 *     TEST(then_runs_after_the_caller_returns)
 *     {
 *         vow_promise *p = vow_delay(loop, 50);
 *         vow_clock_advance(loop, 50);
 *         EQ_INT(vow_state(p), VOW_FULFILLED);
 *         vow_unref(p);
 *     }
 *
 * Tests register themselves and run in the order in which they stand, each in a process
 * of its own (CK_FORK=no: all in one, for TSan and gdb) and under a time limit. The body
 * of every kind of test has `vow_test *t` and `vow_loop *loop`; both are NULL in
 * TEST_PLAIN. A panic fails the test with its message. `program` runs all,
 * `program NAME` those whose name contains NAME, `program --list` names them.
 */
#ifndef VOW_TESTS_HARNESS_H
#define VOW_TESTS_HARNESS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vow.h"
#include "vow/test.h"

/* A loop on a virtual clock; fails when vow_test_end has a complaint. */
#define TEST(name) HARNESS_TEST_(name, HARNESS_LOOP, NULL)
/* No loop; fails when vow holds another number of blocks of memory than before. */
#define TEST_PLAIN(name) HARNESS_TEST_(name, HARNESS_PLAIN, NULL)
/* Has to panic with a message that contains `part`; runs in a child process, with a loop.
 * Left out where the library has no checks (-Dchecks=false). */
#define TEST_PANICS(name, part) HARNESS_TEST_(name, HARNESS_PANICS, part)

#define EXPECT_UNHANDLED(n) vow_test_expect_unhandled(t, n)

/* Assertions end the test. The EQ ones print both sides. */
#define CHECK(condition) \
    ((condition) ? (void)0 : harness_fail(__FILE__, __LINE__, "not true: %s", #condition))
#define FAIL(...) harness_fail(__FILE__, __LINE__, __VA_ARGS__)
#define EQ_INT(a, b) harness_eq_int(__FILE__, __LINE__, #a " == " #b, (intmax_t)(a), (intmax_t)(b))
#define EQ_UINT(a, b) \
    harness_eq_uint(__FILE__, __LINE__, #a " == " #b, (uintmax_t)(a), (uintmax_t)(b))
#define EQ_DOUBLE(a, b) harness_eq_double(__FILE__, __LINE__, #a " == " #b, (a), (b))
#define EQ_PTR(a, b) harness_eq_ptr(__FILE__, __LINE__, #a " == " #b, (a), (b))
#define EQ_TEXT(a, b) harness_eq_text(__FILE__, __LINE__, #a " == " #b, (a), (b))
#define EQ_BYTES(a, b, size) harness_eq_bytes(__FILE__, __LINE__, #a " == " #b, (a), (b), (size))
#define HAS_TEXT(text, part) \
    harness_has_text(__FILE__, __LINE__, #text " contains " #part, (text), (part))

/* The order of events as text: trace_add(&seen, "then %d", n) appends "then 1 ". */
struct trace {
    char text[512];
};

VOW_FORMAT(2, 3) static inline void trace_add(struct trace *trace, const char *format, ...)
{
    size_t used = strlen(trace->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(trace->text + used, sizeof trace->text - used, format, arguments);
    va_end(arguments);
    used = strlen(trace->text);
    if (used > 0 && used + 1 < sizeof trace->text)
        memcpy(trace->text + used, " ", 2);
}

/* Compares with "a b c", without the space that follows the last event. */
#define EQ_TRACE(trace, expected) \
    harness_eq_trace(__FILE__, __LINE__, #trace, (trace).text, (expected))

/* It keeps the limit of descriptors itself, by closing what the kernel has opened; it knows no
 * openat2; a process that has lost blocks ends with 99. */
static inline bool under_valgrind(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
}

/* Runs fn(data) on a thread with so small a stack, or the smallest that the system allows. */
void harness_on_stack(size_t bytes, void *(*fn)(void *), void *data);

/* A destroy function that counts: data is an int. */
static inline void count_destroy(void *data) { ++*(int *)data; }

extern char harness_note[64]; /* said before what fails: "seed 7: " */

/* What the macros are made of. */
typedef enum harness_kind { HARNESS_LOOP, HARNESS_PLAIN, HARNESS_PANICS } harness_kind;
typedef struct harness_test {
    const char *name, *file;
    int line;
    harness_kind kind;
    const char *part; /* of the panic's message */
    void (*body)(vow_test *t, vow_loop *loop);
    struct harness_test *next;
} harness_test;

void harness_add(harness_test *test);
VOW_NORETURN VOW_FORMAT(3, 4) void harness_fail(const char *file, int line, const char *format,
                                                ...);
void harness_eq_int(const char *file, int line, const char *what, intmax_t a, intmax_t b);
void harness_eq_uint(const char *file, int line, const char *what, uintmax_t a, uintmax_t b);
void harness_eq_double(const char *file, int line, const char *what, double a, double b);
void harness_eq_ptr(const char *file, int line, const char *what, const void *a, const void *b);
void harness_eq_text(const char *file, int line, const char *what, const char *a, const char *b);
void harness_eq_bytes(const char *file, int line, const char *what, const void *a, const void *b,
                      size_t size);
void harness_has_text(const char *file, int line, const char *what, const char *text,
                      const char *part);
void harness_eq_trace(const char *file, int line, const char *what, const char *text,
                      const char *expected);

#define HARNESS_TEST_(test_name, test_kind, text)                               \
    static void test_name(vow_test *t, vow_loop *loop);                         \
    __attribute__((constructor)) static void harness_add_##test_name(void)      \
    {                                                                           \
        static harness_test test = {#test_name, __FILE__,  __LINE__, test_kind, \
                                    text,       test_name, NULL};               \
        harness_add(&test);                                                     \
    }                                                                           \
    static void test_name(__attribute__((unused)) vow_test *t,                  \
                          __attribute__((unused)) vow_loop *loop)

#endif
