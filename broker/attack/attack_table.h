/* attack_table.h - results of attempts, as a table for people and as JSON for programs. Everything in them is escaped.
 */
#ifndef BULKHEAD_ATTACK_TABLE_H
#define BULKHEAD_ATTACK_TABLE_H

#include <jansson.h>
#include <stdio.h>

#include "broker/attack/attack_run.h"

struct attack_table {
    FILE *out; // borrowed
    size_t columns;
    const struct attack_row *last; // printed; NULL = none yet
    size_t tried, held, skipped;
    uint64_t neighbour_frames, lost_frames;
};

/* columns: of the terminal, or 0 for what fits anywhere. */
void attack_table_init(struct attack_table *table, FILE *out, size_t columns);
/* A line for the result, a second one if it does not hold; a heading before the first of a family. */
void attack_table_add(struct attack_table *table, const struct attack_result *result);
/* Counts a result without printing it. */
void attack_table_count(struct attack_table *table, const struct attack_result *result);
void attack_table_sum(const struct attack_table *table, FILE *out, double elapsed_s);

/* What a row tries and what must come of it, for --list. */
void attack_table_list(struct attack_table *table, const struct attack_row *row);

/* New references; NULL without memory. */
json_t *attack_table_row_json(const struct attack_row *row);
json_t *attack_table_result_json(const struct attack_result *result);

#endif
