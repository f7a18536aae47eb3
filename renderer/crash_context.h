/* crash_context.h - what a signal's ucontext holds on this machine, in the words of a crash record. Async-signal-safe.
 */
#ifndef BULKHEAD_CRASH_CONTEXT_H
#define BULKHEAD_CRASH_CONTEXT_H

#include <stdint.h>
#include <ucontext.h>

#include "common/crash_record.h"

/* Registers in DWARF numbering, and the instruction, stack and frame pointers. */
void crash_context_copy(const ucontext_t *context, struct crash_record *record);

void crash_context_syscall_arguments(const ucontext_t *context, uint64_t ret_arguments[6]);

/* Where a call leaves its return address: the register's number, or -1 for the top of the stack. */
#if defined(__x86_64__)
enum { CRASH_LINK_REGISTER = -1 };
#elif defined(__aarch64__)
enum { CRASH_LINK_REGISTER = 30 };
#else
#error "no register layout for this machine: add one here and in crash_context.c"
#endif

#endif
