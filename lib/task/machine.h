/* SPDX-License-Identifier: MIT
 *
 * task/machine.h - how stacks are switched on this machine; also for switch.S.
 *   VOW__SYSV     x86-64, System V ABI
 *   VOW__AAPCS    AArch64
 *   VOW__UCONTEXT another one, or -DVOW_PORTABLE: <ucontext.h>, some hundred times slower
 */
#ifndef VOW_TASK_MACHINE_H
#define VOW_TASK_MACHINE_H

#if defined(VOW_PORTABLE) || !defined(__ELF__)
#define VOW__UCONTEXT 1
#elif defined(__x86_64__) && defined(__LP64__)
#define VOW__SYSV 1
#elif defined(__aarch64__) && defined(__LP64__) && !defined(__AARCH64EB__)
#define VOW__AAPCS 1
#else
#define VOW__UCONTEXT 1
#endif

/* What a suspended side has on its stack: the bytes that vow__switch pushes. */
#define VOW__SAVED_SYSV 64
#define VOW__SAVED_AAPCS 176

#endif
