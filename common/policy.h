/* policy.h - the system calls a role may make (policy_table.h), as a seccomp program.
 *
 * Compiled by libseccomp once, in the zygote; each renderer loads the finished program with one seccomp(2) call, for
 * all of its threads. What happens to a call:
 *
 * - a row fits it: it runs, or fails with the row's errno
 * - any other: what the role says; for a renderer, SIGSYS to the crash handler, which reports it and ends the process;
 *   with SIGSYS blocked, the kernel ends it and nothing is reported but that
 * - a number without a name, or a foreign ABI: the same; where the role says an errno, SECCOMP_RET_KILL_PROCESS
 *
 * What is refused never reaches the kernel's code for that call, and nothing allowed can change the SIGSYS disposition.
 */
#ifndef BULKHEAD_POLICY_H
#define BULKHEAD_POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "common/policy_table.h"

struct policy_program;
struct sock_filter;

/* 0 with an owned program, or -errno. Needs memory and a memfd: not for inside the cell. */
int policy_compile(enum policy_role role, struct policy_program **ret_program);
void policy_free(struct policy_program *program); /* takes NULL */
/* 0 if this kernel takes such programs, or -errno: then neither can one be compiled. */
int policy_is_supported(void);

/* The same for another machine, by libseccomp's SCMP_ARCH_*: to be looked at, not to be loaded. */
int policy_compile_for(enum policy_role role, uint32_t arch, struct policy_program **ret_program);
const struct sock_filter *policy_instructions(const struct policy_program *program, size_t *ret_count); /* borrowed */

/* Loads it for all threads of this process, narrowed to this process's own pid. 0 or -errno. Irrevocable. */
int policy_apply(const struct policy_program *program);

/* The same for an audit: from everywhere but behind `gate` (the address after the instruction that calls), a call of
 * this machine traps unseen by the policy; only rt_sigreturn runs. A foreign ABI is the policy's business at once. */
int policy_apply_audited(const struct policy_program *program, uint64_t gate);

/* What is in force in this process, found by asking: a call whose answer only this filter gives. One line into out; 0,
 * or -EPERM if the filter does not answer. POLICY_RENDERER only. */
int policy_probe(const struct policy_program *program, char *out, size_t out_bytes);

#endif
