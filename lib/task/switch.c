/* SPDX-License-Identifier: MIT */
#include "task/switch.h"

#include <stdint.h>

#ifdef VOW_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* Laying out a fresh stack. */

#ifdef VOW__UCONTEXT
static _Thread_local struct {
    void (*fn)(void *data);
    void *data;
} first; /* makecontext passes ints only */

static void begin(void)
{
    void (*fn)(void *) = first.fn;
    void *data = first.data;
    fn(data);
}

static void lay_out(struct vow__side *side, char *low, size_t size, void (*fn)(void *data),
                    void *data, struct vow__side *caller)
{
    (void)caller;
    getcontext(&side->context);
    side->context.uc_stack.ss_sp = low;
    side->context.uc_stack.ss_size = size;
    side->context.uc_link = NULL;
    first.fn = fn; /* a fiber is laid out right before it is first crossed to */
    first.data = data;
    makecontext(&side->context, begin, 0);
}
#else
void vow__begin(void);

#ifdef VOW__SYSV
/* Upwards: control words, r15, r14, r13, r12, rbx, rbp, where to go on. The fresh stack takes
 * the control words of who lays it out. vow__begin's frame ends at an address that is a
 * multiple of 16. */
static void lay_out(struct vow__side *side, char *low, size_t size, void (*fn)(void *data),
                    void *data, struct vow__side *caller)
{
    uintptr_t top = ((uintptr_t)low + size) & ~(uintptr_t)15;
    uint64_t *at = (uint64_t *)(top - 16) - VOW__SAVED_SYSV / 8;
    uint32_t mxcsr;
    uint16_t control;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(control));
    at[0] = mxcsr | (uint64_t)control << 32;
    at[1] = at[2] = 0;
    at[3] = (uintptr_t)data;
    at[4] = (uintptr_t)fn;
    at[5] = (uintptr_t)&caller->sp;
    at[6] = 0;
    at[7] = (uintptr_t)vow__begin + 1; /* behind the nop */
    side->sp = at;
}
#else
static void lay_out(struct vow__side *side, char *low, size_t size, void (*fn)(void *data),
                    void *data, struct vow__side *caller)
{
    uintptr_t top = ((uintptr_t)low + size) & ~(uintptr_t)15;
    uint64_t *at = (uint64_t *)(top - VOW__SAVED_AAPCS);
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    for (int i = 0; i < VOW__SAVED_AAPCS / 8; i++)
        at[i] = 0;
    at[1] = (uintptr_t)vow__begin + 4; /* x30: behind the nop */
    at[2] = (uintptr_t)fn;
    at[3] = (uintptr_t)data;
    at[4] = (uintptr_t)&caller->sp;
    at[20] = control;
    side->sp = at;
}
#endif
#endif

void vow__prepare(struct vow__side *side, char *low, size_t size, void (*fn)(void *data), void *data,
                  struct vow__side *caller)
{
#ifdef VOW_ASAN
    side->low = low;
    side->size = size;
    side->fake = NULL;
#endif
#ifdef VOW_TSAN
    if (!side->tsan)
        side->tsan = __tsan_create_fiber(0);
#endif
    lay_out(side, low, size, fn, data, caller);
}

void vow__arrived(struct vow__side *caller)
{
    (void)caller;
#ifdef VOW_ASAN
    __sanitizer_finish_switch_fiber(NULL, &caller->low, &caller->size);
#endif
}

void vow__forget(struct vow__side *side, char *low, size_t size)
{
    (void)side, (void)low, (void)size;
#ifdef VOW_ASAN
    __asan_unpoison_memory_region(low, size);
#endif
#ifdef VOW_TSAN
    if (side->tsan)
        __tsan_destroy_fiber(side->tsan);
    side->tsan = NULL;
#endif
}
