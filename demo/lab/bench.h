/* bench.h - the table: every transport under every workload, medians over rounds, as text, JSON and bar charts. */
#ifndef BULKHEAD_LAB_BENCH_H
#define BULKHEAD_LAB_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "demo/lab/entry.h"
#include "demo/lab/measure.h"

struct lab_bench_options {
    unsigned rounds;         /* medians over so many */
    uint64_t messages;       /* one way, 1 KB each */
    uint64_t round_trips;    /* 64 bytes each */
    uint64_t transfer_bytes; /* one transfer */
    const char *directory;   /* scratch */
    FILE *progress;          /* NULL = quiet */
};

/* One cell of the table. */
struct lab_figure {
    int error; /* 0, or why there is no figure */
    struct lab_result median;
};

struct lab_row {
    const struct lab_entry *entry;
    uint64_t messages; /* of each one-way run */
    struct lab_figure one_way[LAB_PLACEMENTS], round_trip[LAB_PLACEMENTS], transfer[LAB_PLACEMENTS];
};

/* Measures `count` entries (those without a transport are left out). Owned by the caller (free); NULL when out of
 * memory. */
struct lab_row *lab_bench_run(const struct lab_bench_options *options, const struct lab_entry *const *entries,
                              size_t count, size_t *ret_rows);

/* bench_table.c */
void lab_bench_print(FILE *out, const struct lab_bench_options *options, const struct lab_row *rows, size_t count);
void lab_bench_print_json(FILE *out, const struct lab_bench_options *options, const struct lab_row *rows, size_t count);

/* bench_plot.c: bar charts of throughput and latency as SVG, drawn by cairo. 0 or -errno. */
int lab_bench_plot(const char *path, const struct lab_row *rows, size_t count);

#endif
