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

/* Of a call that went nowhere: the word on the stack or the link register. The stack pointer must be readable. */
uint64_t crash_context_return_address(const struct crash_record *record);

#endif
