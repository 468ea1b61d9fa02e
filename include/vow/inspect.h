/* SPDX-License-Identifier: MIT
 *
 * vow/inspect.h - see what is pending and why: counts, a dump, places of creation, and
 * the quarantine that catches stale handles.
 *
 *     vow_places(true);                        // or VOW_DEBUG=places in the environment
 *     vow_dump(loop, vow_dump_to_file, stderr);
 *
 * Nothing here allocates but vow_places(true) and the places it then records.
 */
#ifndef VOW_INSPECT_H
#define VOW_INSPECT_H

#include "promise.h"

VOW_BEGIN

typedef struct vow_counts {
    uint64_t made;      /* promises ever made                                  */
    size_t live, peak;  /* in memory now (internal ones too), and at most      */
    size_t pending;     /* of the live ones                                    */
    size_t handles;     /* held by the program, over all live promises         */
    size_t queued;      /* settled with handlers still to run                  */
    size_t timers;      /* armed                                               */
    size_t bytes;       /* of memory held for promises                         */
    uint64_t handlers;  /* ever run                                            */
    uint64_t unhandled; /* rejections ever reported                            */
} vow_counts;
VOW_API vow_counts vow_stats(const vow_loop *loop);

/* Calls line(text, data) for every pending promise, each under what it waits for:
 * what it is, its place, handles, "waiting for"; on a closed loop also for every settled
 * one that the program still holds. Looks. Loop's thread. */
typedef void vow_line_fn(const char *line, void *data);
VOW_API void vow_dump(vow_loop *loop, vow_line_fn *line, void *data);
VOW_API void vow_dump_to_file(const char *line, void *file); /* a FILE * */
/* The same for one promise: the chain from it up to its sources, at most 64 lines. */
VOW_API void vow_dump_promise(const vow_promise *p, vow_line_fn *line, void *data);

/* Record where promises are made (off at start unless VOW_DEBUG has "places"). Shown in
 * dumps, stall messages and unhandled reports. Process-wide, set before threads start. */
VOW_API void vow_places(bool on);

/* Keep this many freed promises unused before their memory is used again, so that a
 * stale handle panics (0 at start unless VOW_DEBUG has "quarantine", then 4096). SIZE_MAX,
 * on a loop that was just made: keeps them all, and every promise counts as an allocation
 * for vow_test_fail_allocation (test.h), which else sees only the blocks they come from. */
VOW_API void vow_loop_quarantine(vow_loop *loop, size_t promises);

VOW_END
#endif
