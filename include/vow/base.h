/* SPDX-License-Identifier: MIT
 *
 * vow/base.h - what every vow header needs: export and warning attributes,
 * the names of the opaque types, the place macro, panics and the allocator.
 *
 * Four words say who owns what, in every vow header:
 *   takes   you must not use it again      looks   it stays yours
 *   gives   you must release it            keeps   it must outlive the promise
 */
#ifndef VOW_BASE_H
#define VOW_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define VOW_BEGIN extern "C" {
#define VOW_END }
#else
#define VOW_BEGIN
#define VOW_END
#endif

#if defined(__GNUC__) || defined(__clang__)
#define VOW_API __attribute__((visibility("default")))
#define VOW_NODISCARD __attribute__((warn_unused_result))
#define VOW_FORMAT(string, first) __attribute__((format(printf, string, first)))
#define VOW_NORETURN __attribute__((noreturn))
#else
#define VOW_API
#define VOW_NODISCARD
#define VOW_FORMAT(string, first)
#define VOW_NORETURN
#endif

/* The place of a call, "file.c:12": what the macros pass to their function twins. */
#define VOW_HERE_TEXT(line) #line
#define VOW_HERE_LINE(line) VOW_HERE_TEXT(line)
#define VOW_HERE __FILE__ ":" VOW_HERE_LINE(__LINE__)

VOW_BEGIN

typedef struct vow_loop vow_loop;         /* an event loop and everything pending on it */
typedef struct vow_promise vow_promise;   /* one handle on an eventual value or error   */
typedef struct vow_resolver vow_resolver; /* the right to settle one promise, once      */
typedef struct vow_error vow_error;       /* why a promise was rejected                 */

/* A function that gives back what `data` holds. */
typedef void vow_destroy_fn(void *data);

/* Called with the message when the program misuses vow (a promise handed over
 * twice, a wrong thread, a wrong type). When it returns, vow aborts. NULL
 * restores the default, which writes the message to standard error.
 * Process-wide; set it before threads start. Looks. */
typedef void vow_panic_fn(const char *message, void *data);
VOW_API void vow_on_panic(vow_panic_fn *fn, void *data);

/* Where all of vow's memory comes from. `resize(context, NULL, size)` allocates,
 * `resize(context, block, 0)` frees and returns NULL, everything else is realloc;
 * NULL means out of memory, which vow survives. Set it before the first other
 * call into vow; NULL restores malloc. Looks at `allocator`, which it copies.
 * Called on any thread that calls vow. */
typedef struct vow_allocator {
    void *(*resize)(void *context, void *block, size_t size);
    void *context;
} vow_allocator;
VOW_API void vow_set_allocator(const vow_allocator *allocator);

/* Memory of vow's, for adapters that are libraries of their own: it comes from the allocator
 * above, counts in vow_test_blocks and fails where vow_test_fail_allocation says so.
 * vow_alloc gives `size` bytes, all 0, for vow_free; NULL: no memory. vow_free takes NULL
 * too. Any thread. */
VOW_API VOW_NODISCARD void *vow_alloc(size_t size);
VOW_API void vow_free(void *block);

VOW_END
#endif
