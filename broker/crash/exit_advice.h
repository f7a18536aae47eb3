/* exit_advice.h - for whoever maintains the policy: what a refused call would have needed (common/policy_advice.h). */
#ifndef BULKHEAD_EXIT_ADVICE_H
#define BULKHEAD_EXIT_ADVICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "broker/exit_cause.h"

struct exit_advice {
    char row[224];     /* as it would stand in policy_rows[]; "" for an end that was no refused call */
    const char *opens; /* what that would open; lives for ever */
};

/* By the renderer's own word: the arguments are a claim. */
void exit_advice_fill(struct exit_advice *advice, const struct exit_report *report);

/* Two lines, each after `prefix`; nothing where there is no advice. */
void exit_advice_print(FILE *out, const char *prefix, const struct exit_advice *advice);

/* The file such a row belongs into. */
const char *exit_advice_file(void);

/* {"add", "to", "opens"}, or null. */
json_t *exit_advice_json(const struct exit_advice *advice);

#endif
