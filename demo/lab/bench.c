#include "demo/lab/bench.h"

#include <errno.h>
#include <stdlib.h>

enum {
    MESSAGE_BYTES = 1024,
    ROUND_TRIP_BYTES = 64,
    TIMEOUT_MS = 60 * 1000,
    ROUNDS_MAX = 31,
};

static int compare_results(const void *left, const void *right)
{
    const struct lab_result *a = left, *b = right;

    return a->total_ms < b->total_ms ? -1 : a->total_ms > b->total_ms;
}

static int compare_p50(const void *left, const void *right)
{
    const struct lab_result *a = left, *b = right;

    return a->p50_us < b->p50_us ? -1 : a->p50_us > b->p50_us;
}

/* The round in the middle, whole: its percentiles belong together. */
static struct lab_figure measure(const struct lab_bench_options *options, const struct lab_transport *transport,
                                 const struct lab_task *task)
{
    struct lab_result results[ROUNDS_MAX] = {{0}};
    struct lab_figure figure = {0};
    unsigned rounds = options->rounds < ROUNDS_MAX ? options->rounds : ROUNDS_MAX;

    for (unsigned i = 0; i < rounds && figure.error == 0; i++)
        figure.error = lab_measure(transport, task, &results[i]);
    if (figure.error != 0)
        return figure;
    qsort(results, rounds, sizeof(results[0]), task->workload == LAB_ROUND_TRIP ? compare_p50 : compare_results);
    figure.median = results[rounds / 2];
    return figure;
}

static void measure_row(const struct lab_bench_options *options, struct lab_row *row)
{
    const struct lab_transport *transport = row->entry->transport;
    struct lab_task task = {.directory = options->directory, .timeout_ms = TIMEOUT_MS};

    for (int placement = 0; placement < LAB_PLACEMENTS; placement++) {
        task.placement = (enum lab_placement)placement;
        task.workload = LAB_ONE_WAY;
        task.message_bytes = MESSAGE_BYTES;
        task.messages = options->messages;
        row->one_way[placement] = measure(options, transport, &task);
        task.workload = LAB_ROUND_TRIP;
        task.message_bytes = ROUND_TRIP_BYTES;
        task.messages = options->round_trips;
        row->round_trip[placement] = measure(options, transport, &task);
        task.workload = LAB_TRANSFER;
        task.transfer_bytes = options->transfer_bytes;
        row->transfer[placement] = measure(options, transport, &task);
    }
}

struct lab_row *lab_bench_run(const struct lab_bench_options *options, const struct lab_entry *const *entries,
                              size_t count, size_t *ret_rows)
{
    struct lab_row *rows = calloc(count + 1, sizeof(*rows));
    size_t done = 0;

    if (rows == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (entries[i]->transport == NULL)
            continue;
        rows[done].entry = entries[i];
        rows[done].messages = options->messages;
        if (options->progress != NULL) {
            fprintf(options->progress, "\r\033[K%s (%zu of %zu)", entries[i]->name, i + 1, count);
            fflush(options->progress);
        }
        measure_row(options, &rows[done]);
        done++;
    }
    if (options->progress != NULL)
        fprintf(options->progress, "\r\033[K");
    *ret_rows = done;
    return rows;
}
