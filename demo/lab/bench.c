#include "demo/lab/bench.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"

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

/* The workloads of a row; each cell has so much of the row's time, in percent, for each placement. */
static const struct workload {
    const char *name;
    size_t message_bytes;
    uint64_t probe; // messages, or bytes: so many tell how many more there is time for
    int share_percent;
} workloads[] = {
    [LAB_ONE_WAY] = {"one way", MESSAGE_BYTES, 2000, 25},
    [LAB_ROUND_TRIP] = {"round trips", ROUND_TRIP_BYTES, 100, 12},
    [LAB_TRANSFER] = {"a large transfer", 0, 4 << 20, 13},
};

/* The amount is messages, or bytes of a transfer. */
static void set_amount(struct lab_task *task, uint64_t amount)
{
    if (task->workload == LAB_TRANSFER)
        task->transfer_bytes = amount;
    else
        task->messages = amount;
}

/* How much of `whole` there is time for in each round, found by trying more and more: the first messages of a run cost
 * more than those that follow. A whole of no more than a probe is measured as it is. */
static uint64_t find_amount(const struct lab_transport *transport, struct lab_task *task, uint64_t whole,
                            double round_ms, int *ret_error)
{
    enum { GROWTH = 8 };
    uint64_t least = workloads[task->workload].probe, amount = least;
    struct lab_result result = {0};

    *ret_error = 0;
    if (round_ms <= 0 || whole <= least)
        return whole;
    for (;;) {
        set_amount(task, amount);
        *ret_error = lab_measure(transport, task, &result);
        if (*ret_error != 0)
            return 0;
        if (result.total_ms > round_ms / (2 * GROWTH) || amount == whole)
            break;
        amount = amount < whole / GROWTH ? amount * GROWTH : whole;
    }
    /* One message of some transports is larger than the probe: it was all there is to send. */
    double done = (double)result.messages * (task->workload == LAB_TRANSFER ? (double)result.message_bytes : 1);
    double affordable = done * round_ms / (result.total_ms > 0.001 ? result.total_ms : 0.001);
    return affordable >= (double)whole ? whole : affordable <= (double)least ? least : (uint64_t)affordable;
}

/* The round in the middle, whole: its percentiles belong together. */
static struct lab_figure measure(const struct lab_bench_options *options, const struct lab_transport *transport,
                                 struct lab_task *task, uint64_t whole, double budget_ms)
{
    struct lab_result results[ROUNDS_MAX] = {{0}};
    struct lab_figure figure = {0};
    unsigned rounds = options->rounds < ROUNDS_MAX ? options->rounds : ROUNDS_MAX;

    set_amount(task, find_amount(transport, task, whole, budget_ms / (rounds + 1), &figure.error));
    for (unsigned i = 0; i < rounds && figure.error == 0; i++)
        figure.error = lab_measure(transport, task, &results[i]);
    if (figure.error != 0)
        return figure;
    qsort(results, rounds, sizeof(results[0]), task->workload == LAB_ROUND_TRIP ? compare_p50 : compare_results);
    figure.median = results[rounds / 2];
    return figure;
}

static void show_progress(const struct lab_bench_options *options, const char *name, const char *what, size_t number,
                          size_t count)
{
    if (options->progress == NULL)
        return;
    fprintf(options->progress, "\r\033[K%zu of %zu: %s, %s", number, count, name, what);
    fflush(options->progress);
}

static void measure_row(const struct lab_bench_options *options, struct lab_row *row, double budget_ms, size_t number,
                        size_t count)
{
    const uint64_t wholes[] = {[LAB_ONE_WAY] = options->messages,
                               [LAB_ROUND_TRIP] = options->round_trips,
                               [LAB_TRANSFER] = options->transfer_bytes};
    struct lab_figure *figures[] = {
        [LAB_ONE_WAY] = row->one_way, [LAB_ROUND_TRIP] = row->round_trip, [LAB_TRANSFER] = row->transfer};

    for (int workload = 0; workload < 3; workload++)
        for (int placement = 0; placement < LAB_PLACEMENTS; placement++) {
            const struct workload *what = &workloads[workload];
            struct lab_task task = {.workload = (enum lab_workload)workload,
                                    .placement = (enum lab_placement)placement,
                                    .message_bytes = what->message_bytes,
                                    .directory = options->directory,
                                    .timeout_ms = TIMEOUT_MS};
            show_progress(options, row->entry->name, what->name, number, count);
            figures[workload][placement] =
                measure(options, row->entry->transport, &task, wholes[workload], budget_ms * what->share_percent / 100);
        }
}

static size_t count_measurable(const struct lab_entry *const *entries, size_t count)
{
    size_t measurable = 0;

    for (size_t i = 0; i < count; i++)
        measurable += entries[i]->transport != NULL && entries[i]->missing == NULL;
    return measurable;
}

static void fail_all(struct lab_row *row, int error)
{
    for (int placement = 0; placement < LAB_PLACEMENTS; placement++)
        row->one_way[placement].error = row->round_trip[placement].error = row->transfer[placement].error = error;
}

struct lab_row *lab_bench_run(const struct lab_bench_options *options, const struct lab_entry *const *entries,
                              size_t count, size_t *ret_rows)
{
    struct lab_row *rows = calloc(count + 1, sizeof(*rows));
    size_t done = 0, measured = 0, measurable = count_measurable(entries, count);
    uint64_t start_ms = clock_now_ms();

    if (rows == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (entries[i]->transport == NULL)
            continue;
        rows[done].entry = entries[i];
        if (entries[i]->missing != NULL)
            fail_all(&rows[done], -ENOPKG);
        else {
            /* What the rows before did not need is there for the others. */
            double left_ms = (double)options->budget_ms - (double)(clock_now_ms() - start_ms);
            double share_ms = left_ms / (double)(measurable - measured);
            measure_row(options, &rows[done],
                        options->budget_ms == 0 ? 0
                        : share_ms > 1          ? share_ms
                                                : 1,
                        ++measured, measurable);
        }
        done++;
    }
    if (options->progress != NULL)
        fprintf(options->progress, "\r\033[K");
    *ret_rows = done;
    return rows;
}

double lab_bench_per_million(const struct lab_figure *figure)
{
    return figure->median.total_ms * 1e6 / (double)figure->median.messages;
}

double lab_bench_per_gigabyte(const struct lab_figure *figure)
{
    return figure->median.total_ms * 1e9 / ((double)figure->median.messages * (double)figure->median.message_bytes);
}
