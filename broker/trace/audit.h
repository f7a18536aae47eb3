/* audit.h - the system calls this broker's renderers made, by row of the policy (common/audit_record.h).
 *
 * Owned by the broker, and only under audit. Keeps a mapping of every renderer's counters, so that neither a crash nor
 * a kill loses any; sums are made when they are asked for. What is counted is the renderers' own word.
 */
#ifndef BULKHEAD_BROKER_AUDIT_H
#define BULKHEAD_BROKER_AUDIT_H

#include <jansson.h>
#include <stdio.h>

#include "common/audit_record.h"

struct audit;

/* log_path: a file that audit_destroy() appends the sums to, borrowed; NULL for none. NULL without memory. */
struct audit *audit_create(const char *log_path);
void audit_destroy(struct audit *audit); /* takes NULL */

/* Watches the counters behind the crash record of this memory; borrows the fd. 0 or -errno. */
int audit_watch(struct audit *audit, int record_fd);

struct audit_sums {
    unsigned renderers;
    uint64_t rows[AUDIT_ROWS], others[AUDIT_CALLS];
};
void audit_sum(const struct audit *audit, struct audit_sums *ret_sums);

/* A line for each call that was made, most frequent first, those that no row fits included. */
void audit_print(const struct audit *audit, FILE *out);

/* {"renderers", "calls": [{"call", "arguments", "action", "count", "opens"}…]}, "opens" where no row fits
 * (policy_advice.h); a new reference, or NULL. */
json_t *audit_json(const struct audit *audit);

#endif
