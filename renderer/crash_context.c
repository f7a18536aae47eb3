#include "renderer/crash_context.h"

#include <stddef.h>

#if defined(__x86_64__)

void crash_context_copy(const ucontext_t *context, struct crash_record *record)
{
    /* System V psABI, AMD64, figure 3.36: rax rdx rcx rbx rsi rdi rbp rsp r8…r15, return address. */
    static const uint8_t dwarf_order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
                                          REG_RBP, REG_RSP, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                          REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
    const greg_t *registers = context->uc_mcontext.gregs;

    for (size_t i = 0; i < sizeof(dwarf_order); i++)
        record->registers[i] = (uint64_t)registers[dwarf_order[i]];
    record->register_count = sizeof(dwarf_order);
    record->instruction_pointer = (uint64_t)registers[REG_RIP];
    record->stack_pointer = (uint64_t)registers[REG_RSP];
    record->frame_pointer = (uint64_t)registers[REG_RBP];
}

void crash_context_syscall_arguments(const ucontext_t *context, uint32_t arch, uint64_t ret_arguments[6])
{
    static const uint8_t order[6] = {REG_RDI, REG_RSI, REG_RDX, REG_R10, REG_R8, REG_R9};
    static const uint8_t i386_order[6] = {REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP};

    for (size_t i = 0; i < 6; i++)
        ret_arguments[i] = arch == AUDIT_ARCH_I386 ? (uint32_t)context->uc_mcontext.gregs[i386_order[i]]
                                                   : (uint64_t)context->uc_mcontext.gregs[order[i]];
}

#elif defined(__aarch64__)

enum { FRAME_REGISTER = 29, GENERAL_REGISTERS = 31 };

void crash_context_copy(const ucontext_t *context, struct crash_record *record)
{
    const mcontext_t *machine = &context->uc_mcontext;

    for (size_t i = 0; i < GENERAL_REGISTERS; i++)
        record->registers[i] = machine->regs[i];
    record->registers[31] = machine->sp;
    record->registers[32] = machine->pc;
    record->registers[33] = machine->pstate;
    record->register_count = 34;
    record->instruction_pointer = machine->pc;
    record->stack_pointer = machine->sp;
    record->frame_pointer = machine->regs[FRAME_REGISTER];
}

void crash_context_syscall_arguments(const ucontext_t *context, uint32_t arch, uint64_t ret_arguments[6])
{
    (void)arch; /* 32-bit ARM passes them in the lower halves of the same registers */
    for (size_t i = 0; i < 6; i++)
        ret_arguments[i] = context->uc_mcontext.regs[i];
}

#endif
