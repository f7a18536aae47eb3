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
    /* For the whole table; 0 = as long as it takes. Each row has its share: where a mechanism is slow, fewer messages
     * are measured, and the figure says how many. */
    uint64_t budget_ms;
    const char *directory; /* scratch */
    FILE *progress;        /* NULL = quiet */
};

/* One cell of the table; median.messages is what was measured. */
struct lab_figure {
    int error; /* 0, or why there is no figure */
    struct lab_result median;
};

struct lab_row {
    const struct lab_entry *entry;
    struct lab_figure one_way[LAB_PLACEMENTS], round_trip[LAB_PLACEMENTS], transfer[LAB_PLACEMENTS];
};

/* Measures `count` entries (those without a transport are left out). Owned by the caller (free); NULL when out of
 * memory. */
struct lab_row *lab_bench_run(const struct lab_bench_options *options, const struct lab_entry *const *entries,
                              size_t count, size_t *ret_rows);

/* Scaled to what the claims speak of: ms for 1,000,000 messages of 1 KB, ms for 1 GB. */
double lab_bench_per_million(const struct lab_figure *figure);
double lab_bench_per_gigabyte(const struct lab_figure *figure);

/* bench_claims.c: what the source material says of a row, and what came of it here. */
struct lab_verdict {
    char claim[80]; /* "1,000,000 messages in 523 ms" */
    double claimed, measured;
    const char *unit; /* "ms": less is better; "messages/s": more is */
    bool is_measured, holds;
    char why[160]; /* it does not: from what both sides cost, as the kernel counted it; "" where it holds */
};
enum { LAB_VERDICTS_MAX = 3 };
size_t lab_bench_judge(const struct lab_row *row, struct lab_verdict ret_verdicts[LAB_VERDICTS_MAX]);

/* bench_table.c. others_percent: of the processors' time meanwhile (load.h). */
void lab_bench_print(FILE *out, const struct lab_bench_options *options, const struct lab_row *rows, size_t count,
                     double others_percent);
/* bench_json.c */
void lab_bench_print_json(FILE *out, const struct lab_bench_options *options, const struct lab_row *rows, size_t count,
                          double others_percent);

/* bench_plot.c: bar charts of throughput and latency as SVG, drawn by cairo. 0 or -errno. */
int lab_bench_plot(const char *path, const struct lab_row *rows, size_t count);

#endif
