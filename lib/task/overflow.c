/* SPDX-License-Identifier: MIT
 *
 * task/overflow.c - telling a fiber's stack overflow from other faults. The handler is the
 * process's and stays; the alternate stack is the thread's and goes with the loop.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "base/mem.h"
#include "task/fiber.h"

enum { SIGNALS = 2, ALTERNATE_BYTES = 64 << 10 }; /* room for a panic hook */
static const int signals[SIGNALS] = {SIGSEGV, SIGBUS};
static struct sigaction before[SIGNALS];
static int install_failed;

struct vow__alarm {
    stack_t stack;
};

static bool is_in_guard(const struct vow__stack *stack, const char *address)
{
    return address >= stack->low && address < vow__stack_low(stack);
}

static void pass_on(const struct sigaction *to, int number, siginfo_t *info, void *context)
{
    if (to->sa_flags & SA_SIGINFO) {
        to->sa_sigaction(number, info, context);
    } else if (to->sa_handler != SIG_DFL && to->sa_handler != SIG_IGN) {
        to->sa_handler(number);
    } else {
        sigaction(number, to, NULL); /* the fault comes again when we return */
        if (info->si_code <= 0)      /* unless it was sent */
            raise(number);
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const struct vow__fiber *f = vow__fiber_here;
    if (f && is_in_guard(&f->stack, info->si_addr))
        vow__fiber_overflowed(f);
    pass_on(&before[number == signals[0] ? 0 : 1], number, info, context);
}

static void install(void)
{
    for (int i = 0; i < SIGNALS; i++) {
        struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
        action.sa_sigaction = on_fault;
        sigemptyset(&action.sa_mask);
        if (sigaction(signals[i], &action, &before[i]))
            install_failed = errno;
    }
}

static int give_thread_a_stack(struct vow__stacks *stacks)
{
    stack_t now;
    if (sigaltstack(NULL, &now) || !(now.ss_flags & SS_DISABLE))
        return 0;
    struct vow__alarm *alarm = vow__alloc(sizeof *alarm + ALTERNATE_BYTES);
    if (!alarm)
        return ENOMEM;
    alarm->stack = (stack_t){.ss_sp = alarm + 1, .ss_size = ALTERNATE_BYTES};
    if (sigaltstack(&alarm->stack, NULL)) {
        int failed = errno;
        vow__free(alarm);
        return failed;
    }
    stacks->alarm = alarm;
    return 0;
}

void vow__alarm_free(struct vow__alarm *alarm)
{
    stack_t now, none = {.ss_flags = SS_DISABLE};
    if (!alarm)
        return;
    if (!sigaltstack(NULL, &now) && now.ss_sp == alarm->stack.ss_sp)
        sigaltstack(&none, NULL);
    vow__free(alarm);
}

int vow_fiber_overflow_alarm(vow_loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    vow__check_loop(loop, "vow_fiber_overflow_alarm");
    if (loop->closing)
        return VOW_ECLOSED;
    struct vow__stacks *stacks = vow__stacks_of(loop);
    if (!stacks)
        return ENOMEM;
    int failed = stacks->alarm ? 0 : give_thread_a_stack(stacks);
    if (failed)
        return failed;
    pthread_once(&once, install);
    return install_failed;
}
