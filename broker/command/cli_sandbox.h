/* cli_sandbox.h - the cell's layers for people and for --json: what is in force, what is not, and what that means. */
#ifndef BULKHEAD_CLI_SANDBOX_H
#define BULKHEAD_CLI_SANDBOX_H

#include <jansson.h>
#include <stdio.h>

#include "broker/broker.h"

/* One line on `out` for each layer that is missing and not optional: "bulkhead: warning: no user namespace (EPERM): …
 * [user-namespace]", the last being its name for --require. Nothing before the cell is known. */
void cli_sandbox_warn(const struct broker *broker, FILE *stream);

/* {"known": true, "degraded": false, "engine": "MuPDF 1.21.1", "layers": [{"name", "in_force",
 * "optional", "error", "evidence"}…]};
 * a new reference, NULL without memory. */
json_t *cli_sandbox_json(const struct broker *broker);

/* All layers with a line each, for `bulkhead help layers`. */
void cli_sandbox_print_layers(FILE *out);

#endif
