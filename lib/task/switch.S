/* SPDX-License-Identifier: MIT
 *
 * task/switch.S - int vow__switch(void **from, void *const *to, int says): keeps what a call
 * has to keep, puts the stack pointer into *from, takes the one in *to, and goes on there:
 * the call that was suspended on that stack returns `says`.
 * vow__begin: where a fresh stack goes on (switch.c lays it out).
 *
 * The unwind tables are for debuggers only (.debug_frame): an exception finds no way out of
 * a fiber's stack and ends the program, whereas gdb goes on where the fiber was resumed from.
 */
#include "task/machine.h"

    .cfi_sections .debug_frame

#if defined(VOW__SYSV)
    .text
    .globl vow__switch
    .hidden vow__switch
    .type vow__switch, @function
    .p2align 4
vow__switch:
    .cfi_startproc
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movl (%rsp), %ecx
    movzwl 4(%rsp), %r8d
    movl %edx, %eax
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    /* Loading a control word is slow, and nearly always there is nothing to load. The low
     * six bits of mxcsr are status, which no call keeps. */
    xorl (%rsp), %ecx
    testl $0xffc0, %ecx
    jne 3f
1:  cmpw 4(%rsp), %r8w
    jne 4f
2:  addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    popq %rcx /* not ret, which the processor would predict to go where we came from */
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    jmp *%rcx
    .cfi_endproc
    .cfi_startproc
    .cfi_def_cfa %rsp, VOW__SAVED_SYSV
    .cfi_offset %rbp, -16
    .cfi_offset %rbx, -24
    .cfi_offset %r12, -32
    .cfi_offset %r13, -40
    .cfi_offset %r14, -48
    .cfi_offset %r15, -56
3:  ldmxcsr (%rsp)
    jmp 1b
4:  fldcw 4(%rsp)
    jmp 2b
    .cfi_endproc
    .size vow__switch, . - vow__switch

/* r12: fn, r13: data, rbx: the side that crossed here, whose first word is its stack
 * pointer: its caller's frame begins VOW__SAVED_SYSV above that. */
    .globl vow__begin
    .hidden vow__begin
    .type vow__begin, @function
    .p2align 4
vow__begin:
    .cfi_startproc
    .cfi_escape 0x0f, 5, 0x73, 0, 0x06, 0x23, VOW__SAVED_SYSV
    .cfi_offset %rip, -8
    .cfi_offset %rbp, -16
    .cfi_offset %rbx, -24
    .cfi_offset %r12, -32
    .cfi_offset %r13, -40
    .cfi_offset %r14, -48
    .cfi_offset %r15, -56
    nop /* a debugger looks up the instruction before the one to return to */
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size vow__begin, . - vow__begin

#elif defined(VOW__AAPCS)
    .text
    .globl vow__switch
    .hidden vow__switch
    .type vow__switch, %function
    .p2align 4
vow__switch:
    .cfi_startproc
    hint #34 /* bti c, where the processor has it */
    sub sp, sp, #VOW__SAVED_AAPCS
    .cfi_def_cfa_offset VOW__SAVED_AAPCS
    stp x29, x30, [sp]
    .cfi_offset x29, -176
    .cfi_offset x30, -168
    stp x19, x20, [sp, #16]
    .cfi_offset x19, -160
    .cfi_offset x20, -152
    stp x21, x22, [sp, #32]
    .cfi_offset x21, -144
    .cfi_offset x22, -136
    stp x23, x24, [sp, #48]
    .cfi_offset x23, -128
    .cfi_offset x24, -120
    stp x25, x26, [sp, #64]
    .cfi_offset x25, -112
    .cfi_offset x26, -104
    stp x27, x28, [sp, #80]
    .cfi_offset x27, -96
    .cfi_offset x28, -88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mrs x9, fpcr
    str x9, [sp, #160]
    mov x10, sp
    str x10, [x0]
    ldr x10, [x1]
    mov sp, x10
    ldr x11, [sp, #160]
    cmp x9, x11
    b.eq 1f
    msr fpcr, x11
1:  ldp d14, d15, [sp, #144]
    ldp d12, d13, [sp, #128]
    ldp d10, d11, [sp, #112]
    ldp d8, d9, [sp, #96]
    ldp x27, x28, [sp, #80]
    ldp x25, x26, [sp, #64]
    ldp x23, x24, [sp, #48]
    ldp x21, x22, [sp, #32]
    ldp x19, x20, [sp, #16]
    ldp x29, x30, [sp]
    add sp, sp, #VOW__SAVED_AAPCS
    .cfi_def_cfa_offset 0
    mov w0, w2
    ret
    .cfi_endproc
    .size vow__switch, . - vow__switch

/* x19: fn, x20: data, x21: the side that crossed here (x86-64 above says more). */
    .globl vow__begin
    .hidden vow__begin
    .type vow__begin, %function
    .p2align 4
vow__begin:
    .cfi_startproc
    .cfi_escape 0x0f, 6, 0x85, 0, 0x06, 0x23, 0xb0, 0x01
    .cfi_offset x29, -176
    .cfi_offset x30, -168
    .cfi_offset x19, -160
    .cfi_offset x20, -152
    .cfi_offset x21, -144
    .cfi_offset x22, -136
    .cfi_offset x23, -128
    .cfi_offset x24, -120
    .cfi_offset x25, -112
    .cfi_offset x26, -104
    .cfi_offset x27, -96
    .cfi_offset x28, -88
    nop
    mov x0, x20
    blr x19
    brk #1
    .cfi_endproc
    .size vow__begin, . - vow__begin
#endif

#if defined(__ELF__)
    .section .note.GNU-stack, "", %progbits
#endif
