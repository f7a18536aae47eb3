/* policy_list.h - the policy of a role as people and programs read it: each allowed call with its argument rules and
 * its reason, what fails quietly, what ends the process, and how many of each. Nothing here is written down a second
 * time: it is common/policy_table.c that is listed.
 */
#ifndef BULKHEAD_POLICY_LIST_H
#define BULKHEAD_POLICY_LIST_H

#include <jansson.h>
#include <stdio.h>

#include "common/policy_table.h"

/* Lines of at most 80 columns. */
void policy_list_print(FILE *out, enum policy_role role);
void policy_list_print_all(FILE *out); /* every role, one after the other */

/* {"role", "what", "allowed": 18, "refused": 21, "otherwise": "report and end" or an errno, "rules": [{"call",
 * "arguments" (null: any), "action": "allow" or "errno", "errno" (or null), "why", "not_seen" (null, or why the audit
 * need not see it)}…]}; a new reference, NULL without memory. */
json_t *policy_list_json(enum policy_role role);

#endif
