#include "common/counters.h"

#include <stdlib.h>
#include <string.h>

enum {
    /* Below 1024 ns the steps are linear; from there on each octave has as many steps. */
    COUNTERS_FIRST_OCTAVE_BIT = 10,
    COUNTERS_STEP_BITS = 3,
    COUNTERS_STEPS = 1 << COUNTERS_STEP_BITS,
};

static unsigned counters_bucket_of(uint64_t ns)
{
    unsigned octave, shift, bucket;

    if (ns < 1u << COUNTERS_FIRST_OCTAVE_BIT)
        return (unsigned)(ns >> (COUNTERS_FIRST_OCTAVE_BIT - COUNTERS_STEP_BITS));
    octave = 63u - (unsigned)__builtin_clzll(ns);
    shift = octave - COUNTERS_STEP_BITS;
    bucket =
        (octave - COUNTERS_FIRST_OCTAVE_BIT + 1) * COUNTERS_STEPS + (unsigned)((ns >> shift) & (COUNTERS_STEPS - 1));
    return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The first value that is above everything in the bucket. */
static uint64_t counters_bucket_end(unsigned bucket)
{
    unsigned octave = bucket / COUNTERS_STEPS, step = bucket % COUNTERS_STEPS;

    if (octave == 0)
        return (uint64_t)(step + 1) << (COUNTERS_FIRST_OCTAVE_BIT - COUNTERS_STEP_BITS);
    return (uint64_t)(COUNTERS_STEPS + step + 1) << (octave + COUNTERS_FIRST_OCTAVE_BIT - 1 - COUNTERS_STEP_BITS);
}

static uint32_t counters_add_saturated(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

void histogram_add(struct histogram *histogram, uint64_t ns)
{
    uint32_t *bucket = &histogram->buckets[counters_bucket_of(ns)];

    *bucket = counters_add_saturated(*bucket, 1);
    histogram->count++;
    if (ns > histogram->max_ns)
        histogram->max_ns = ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] = counters_add_saturated(into->buckets[i], from->buckets[i]);
    into->count += from->count;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
}

uint64_t histogram_percentile(const struct histogram *histogram, double fraction)
{
    uint64_t rank, seen = 0;

    if (histogram->count == 0)
        return 0;
    if (!(fraction > 0))
        fraction = 0;
    if (fraction >= 1)
        return histogram->max_ns;
    rank = (uint64_t)(fraction * (double)histogram->count);
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
        seen += histogram->buckets[i];
        if (seen > rank) {
            uint64_t end = counters_bucket_end(i);
            return end < histogram->max_ns ? end : histogram->max_ns;
        }
    }
    return histogram->max_ns; /* the last bucket has no upper end */
}

void counters_init(struct counters *counters)
{
    memset(counters, 0, sizeof(*counters));
}

void counters_fini(struct counters *counters)
{
    for (unsigned i = 0; i < CODEC_TYPES; i++) {
        free(counters->to_renderer[i].latency);
        free(counters->to_broker[i].latency);
    }
    memset(counters, 0, sizeof(*counters));
}

void counter_add(struct counter *counter, uint64_t bytes, uint64_t fds)
{
    counter->messages++;
    counter->bytes += bytes;
    counter->fds += fds;
}

static struct histogram *counters_latency_of(struct counter *counter)
{
    if (!counter->latency)
        counter->latency = calloc(1, sizeof(*counter->latency));
    return counter->latency;
}

void counter_add_latency(struct counter *counter, uint64_t ns)
{
    struct histogram *latency = counters_latency_of(counter);

    if (latency)
        histogram_add(latency, ns);
}

static void counters_merge_one(struct counter *into, const struct counter *from)
{
    struct histogram *latency;

    into->messages += from->messages;
    into->bytes += from->bytes;
    into->fds += from->fds;
    into->drops += from->drops;
    if (!from->latency)
        return;
    latency = counters_latency_of(into);
    if (latency)
        histogram_merge(latency, from->latency);
}

void counters_merge(struct counters *into, const struct counters *from)
{
    for (unsigned i = 0; i < CODEC_TYPES; i++) {
        counters_merge_one(&into->to_renderer[i], &from->to_renderer[i]);
        counters_merge_one(&into->to_broker[i], &from->to_broker[i]);
    }
    into->packets_out += from->packets_out;
    into->packets_in += from->packets_in;
}

uint64_t counters_messages(const struct counter direction[CODEC_TYPES])
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < CODEC_TYPES; i++)
        sum += direction[i].messages;
    return sum;
}
