/* audit.h - counts the system calls this process makes, by row of the policy. Slower and never the default.
 *
 * Under audit every call traps, but for those from one instruction: the gate. The SIGSYS handler counts the call, makes
 * it through the gate, where the policy decides as ever, and puts the result where the caller expects it. What the
 * policy refuses ends the process with the record it would have left. restart_syscall and rt_sigreturn are not seen:
 * the first is the kernel's, the second is how the handler itself returns.
 */
#ifndef BULKHEAD_AUDIT_H
#define BULKHEAD_AUDIT_H

#include "common/policy.h"

/* After crash_handler_install(), whose SIGSYS handler it replaces. Maps the counters of the record's memory (borrows
 * the fd). Counting begins with policy_apply_audited(..., audit_gate_address()). 0 or -errno. */
int audit_install(int record_fd);

uint64_t audit_gate_address(void);

/* Forgets what was counted: what the cell asked of itself is no need of a document's. */
void audit_reset(void);

#endif
