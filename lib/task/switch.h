/* SPDX-License-Identifier: MIT
 *
 * task/switch.h - going from one stack to another, behind three functions: prepare, cross,
 * leave for good. What the tools that watch stacks (ASan, TSan) have to be told is told here.
 *
 * The switch keeps the registers that a call keeps, and with them the control words of the
 * floating-point units: rounding set in a fiber stays there. It keeps no shadow stack:
 * switch.S bears no mark of one, so that the linker leaves it off in what contains it.
 */
#ifndef VOW_TASK_SWITCH_H
#define VOW_TASK_SWITCH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/loop.h" /* VOW_ASAN */
#include "task/machine.h"

#ifdef VOW__UCONTEXT
#include <ucontext.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define VOW_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VOW_TSAN 1
#endif
#endif

/* One of two: a stack that is not running now, and how to go on there. */
struct vow__side {
#ifdef VOW__UCONTEXT
    ucontext_t context;
#else
    void *sp; /* first: switch.S reads it */
#endif
#ifdef VOW_ASAN
    const void *low; /* the stack's; of the side that resumes: learned on the way */
    size_t size;
    void *fake;
#endif
#ifdef VOW_TSAN
    void *tsan;
#endif
};

/* A stack on which nothing runs yet: fn(data) will, and never returns. `caller` is the side
 * that will be crossed from: what a debugger shows below fn. */
void vow__prepare(struct vow__side *side, char *low, size_t size, void (*fn)(void *data), void *data,
                  struct vow__side *caller);
/* From the running side to the other; returns when somebody crosses back. */
void vow__cross(struct vow__side *from, struct vow__side *to);
/* The same, never to come back. */
VOW_NORETURN void vow__leave(struct vow__side *from, struct vow__side *to);
/* fn's first act: it has been crossed to from `caller`. */
void vow__arrived(struct vow__side *caller);
/* The memory of the stack is to be used for something else. */
void vow__forget(struct vow__side *side, char *low, size_t size);

#endif
