/* policy_advice.h - what to say when the policy refused a call that an engine may need: the row that would allow it, as
 * it would stand in policy_table.c, and what that would open. For whoever maintains the policy; nothing acts on it.
 */
#ifndef BULKHEAD_POLICY_ADVICE_H
#define BULKHEAD_POLICY_ADVICE_H

#include <stddef.h>
#include <stdint.h>

#include "common/policy_table.h"

/* `{CALL(mmap), RENDERER, RUNS, {INT(2, 0x5, "…"), BITS(…)}, "why"},` into out. Arguments appear where the table tells
 * rows of that call apart by them; WORDS and WHY are left to the writer. `call` is the name as libseccomp has it. */
void policy_advice_row(enum policy_role role, const char *call, const uint64_t arguments[6], char *out,
                       size_t out_bytes);

/* One sentence: what the call would open, and what would then still stand in the way. Never NULL. */
const char *policy_advice_opens(const char *call);

#endif
