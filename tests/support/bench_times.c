#include "tests/support/bench_times.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/support/bench.h"

static const char *const placement_names[] = {[BENCH_APART] = "apart", [BENCH_TOGETHER] = "together"};

uint32_t *bench_times_new(uint32_t count)
{
    uint32_t *times_ns = calloc(count, sizeof *times_ns);
    if (times_ns == NULL) {
        fprintf(stderr, "benchmark: no memory\n");
        exit(1);
    }
    return times_ns;
}

static int compare_times(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double at_fraction_us(const uint32_t *sorted_ns, uint32_t count, uint64_t per_mille)
{
    uint64_t at = count * per_mille / 1000;
    return sorted_ns[at] / 1e3;
}

struct bench_times bench_times_of(uint32_t *times_ns, uint32_t count)
{
    uint64_t sum = 0;
    qsort(times_ns, count, sizeof *times_ns, compare_times);
    for (uint32_t i = 0; i < count; i++)
        sum += times_ns[i];
    return (struct bench_times){.p50_us = at_fraction_us(times_ns, count, 500),
                                .p99_us = at_fraction_us(times_ns, count, 990),
                                .p999_us = at_fraction_us(times_ns, count, 999),
                                .mean_us = (double)sum / count / 1e3};
}

void bench_placed_row(const char *name, enum bench_placement placement, double value, const char *unit,
                      const char *note)
{
    char text[80];
    snprintf(text, sizeof text, "%s, %s", name, placement_names[placement]);
    bench_row(text, value, unit, note);
}

void bench_times_row(const char *name, enum bench_placement placement, const struct bench_times *times)
{
    char note[96];
    snprintf(note, sizeof note, "p99 %.1f, p99.9 %.1f, mean %.1f", times->p99_us, times->p999_us, times->mean_us);
    bench_placed_row(name, placement, times->p50_us, "us", note);
}
