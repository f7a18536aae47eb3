/* check_policy.h - whether the policy is what is needed, no more and no less, by the logs of audited runs
 * (broker/trace/audit.c writes them). Behind `make check-policy`. */
#ifndef BULKHEAD_TESTS_CHECK_POLICY_H
#define BULKHEAD_TESTS_CHECK_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "common/policy_table.h"

/* What the notes in the table depend on. */
struct check_policy_host {
    bool is_debian_12;     /* POLICY_OTHER_SYSTEM rows must not be seen */
    bool vdso_reads_clock; /* nor POLICY_CLOCK rows */
};
void check_policy_look_at_host(struct check_policy_host *ret_host);

/* `honest`: the log of documents; every call that no row fits is a finding. `tests`: the log of the tests, in which a
 * renderer is told to call socket(). A line on `out` for each finding, and then how many rows were seen and which were
 * excused by their note; returns the number of findings, or -errno of a log. */
int check_policy(const struct policy_row *rows, size_t row_count, const struct check_policy_host *host, FILE *honest,
                 FILE *tests, FILE *out);

#endif
