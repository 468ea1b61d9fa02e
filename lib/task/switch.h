/* SPDX-License-Identifier: MIT
 *
 * task/switch.h - going from one stack to another: prepare, cross, leave for good. What the tools that watch stacks (ASan, TSan) have to be told is told here.
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


#if defined(__SANITIZE_THREAD__)
#define VOW_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define VOW_TSAN 1
#endif
#endif

#ifdef VOW__UCONTEXT
#include <ucontext.h>
#endif
#ifdef VOW_ASAN
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef VOW_TSAN
#include <sanitizer/tsan_interface.h>
#endif

/* One of two: a stack that is not running now, and how to go on there. */
struct vow__side {
#ifdef VOW__UCONTEXT
    ucontext_t context;
    int says;
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
/* fn's first act: it has been crossed to from `caller`. */
void vow__arrived(struct vow__side *caller);
/* The memory of the stack is to be used for something else. */
void vow__forget(struct vow__side *side, char *low, size_t size);

#ifdef VOW__UCONTEXT
static inline int vow__switch_sides(struct vow__side *from, struct vow__side *to, int says)
{
    to->says = says;
    swapcontext(&from->context, &to->context);
    return from->says;
}
#else
int vow__switch(void **from, void *const *to, int says);
static inline int vow__switch_sides(struct vow__side *from, struct vow__side *to, int says)
{
    return vow__switch(&from->sp, &to->sp, says);
}
#endif

/* From the running side to the other; the call that was suspended there returns `says`, and
 * this one what somebody says who crosses back. Best the last thing a function does: then
 * nothing is between the switch and the caller. */
static inline int vow__cross(struct vow__side *from, struct vow__side *to, int says)
{
#ifdef VOW_ASAN
    __sanitizer_start_switch_fiber(&from->fake, to->low, to->size);
#endif
#ifdef VOW_TSAN
    from->tsan = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    int said = vow__switch_sides(from, to, says);
#ifdef VOW_ASAN
    /* It may have been resumed from another stack than the last time. */
    __sanitizer_finish_switch_fiber(from->fake, &to->low, &to->size);
#endif
    return said;
}

/* The same, never to come back. */
VOW_NORETURN static inline void vow__leave(struct vow__side *from, struct vow__side *to, int says)
{
#ifdef VOW_ASAN
    __sanitizer_start_switch_fiber(NULL, to->low, to->size);
#endif
#ifdef VOW_TSAN
    __tsan_switch_to_fiber(to->tsan, 0);
#endif
    vow__switch_sides(from, to, says);
    vow__panic("a fiber that has ended was resumed");
}

#endif
