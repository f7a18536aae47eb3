/* sandbox_text.h - the sandbox page for people: lines no wider than asked for, escaped. */
#ifndef BULKHEAD_SANDBOX_TEXT_H
#define BULKHEAD_SANDBOX_TEXT_H

#include <stdio.h>

#include "broker/observe/sandbox_page.h"

/* The host, the processes, and a table of the layers of each. columns: 0 for what fits anywhere. */
void sandbox_text_print(FILE *out, const struct sandbox_page *page, size_t columns);
/* For whoever looks at one renderer: the score, that renderer if there is one of this number, the processes, the host,
 * and what every renderer comes from. */
void sandbox_text_print_renderer(FILE *out, const struct sandbox_page *page, unsigned renderer_id, size_t columns);
/* "20 of 21 layers in force: …" and, for each that is not or is contradicted, where and why. */
void sandbox_text_print_score(FILE *out, const struct sandbox_page *page, size_t columns);

/* A line for each layer over all processes: seen, told or missing, and the evidence of one of them. */
void sandbox_text_print_summary(FILE *out, const struct sandbox_page *page);

/* Why one row is shown as it is; escaped. */
void sandbox_text_evidence(const struct sandbox_page *page, const struct sandbox_process *process, unsigned layer,
                           char *out, size_t out_bytes);

#endif
