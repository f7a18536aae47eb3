/* crash_context.h - what a signal's ucontext holds on this machine, in the words of a crash record. Async-signal-safe.
 */
#ifndef BULKHEAD_CRASH_CONTEXT_H
#define BULKHEAD_CRASH_CONTEXT_H

#include <linux/audit.h>
#include <stdint.h>
#include <ucontext.h>

#include "common/crash_record.h"

/* Registers in DWARF numbering, and the instruction, stack and frame pointers. */
void crash_context_copy(const ucontext_t *context, struct crash_record *record);

/* Where this architecture (AUDIT_ARCH_*) passes them: 32-bit calls use other registers. */
void crash_context_syscall_arguments(const ucontext_t *context, uint32_t arch, uint64_t ret_arguments[6]);

/* Where a call leaves its return address: the register's number, or -1 for the top of the stack. */
#if defined(__x86_64__)
enum { CRASH_LINK_REGISTER = -1 };
#define CRASH_OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
enum { CRASH_LINK_REGISTER = 30 };
#define CRASH_OWN_ARCH AUDIT_ARCH_AARCH64
#else
#error "no register layout for this machine: add one here and in crash_context.c"
#endif

#endif
