/* SPDX-License-Identifier: MIT
 *
 * base/panic.h - misuse by the programmer ends the program, saying where.
 */
#ifndef VOW_BASE_PANIC_H
#define VOW_BASE_PANIC_H

#include "vow/base.h"

/* What is hardly ever called: its callers' ways to it stand apart from the code that runs. */
#if defined(__GNUC__) || defined(__clang__)
#define VOW_COLD __attribute__((cold))
#else
#define VOW_COLD
#endif

/* Formats the message, calls the panic hook, aborts. Allocates nothing. */
VOW_COLD VOW_NORETURN void vow__panic(const char *format, ...) VOW_FORMAT(1, 2);

/* Checks for misuse. With -Dchecks=false they are compiled, not evaluated. */
#ifdef VOW_NO_CHECKS
#define VOW_CHECK(ok, ...)           \
    do {                             \
        if (0 && !(ok))              \
            vow__panic(__VA_ARGS__); \
    } while (0)
#else
#define VOW_CHECK(ok, ...)           \
    do {                             \
        if (VOW_UNLIKELY(!(ok)))     \
            vow__panic(__VA_ARGS__); \
    } while (0)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define VOW_LIKELY(x) __builtin_expect(!!(x), 1)
#define VOW_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* The general way beside a straight one, which so need not save registers for it. */
#define VOW_NOINLINE __attribute__((noinline))
#else
#define VOW_LIKELY(x) (x)
#define VOW_UNLIKELY(x) (x)
#define VOW_NOINLINE
#endif

#endif
