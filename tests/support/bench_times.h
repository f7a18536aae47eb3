/* bench_times.h - times of many calls, and what is said of them: median, tails and mean, one row. */
#ifndef BULKHEAD_BENCH_TIMES_H
#define BULKHEAD_BENCH_TIMES_H

#include <stdint.h>

#include "tests/support/bench_peers.h"

struct bench_times {
    double p50_us, p99_us, p999_us, mean_us;
};

/* Room for so many times in ns, zeroed; owned by the caller, to be freed. */
uint32_t *bench_times_new(uint32_t count);
/* Sorts them. */
struct bench_times bench_times_of(uint32_t *times_ns, uint32_t count);

/* A row of bench_row() with the placement behind its name. */
void bench_placed_row(const char *name, enum bench_placement placement, double value, const char *unit,
                      const char *note);
void bench_times_row(const char *name, enum bench_placement placement, const struct bench_times *times);

#endif
