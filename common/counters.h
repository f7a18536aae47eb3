/* counters.h - messages, bytes, fds, drops and latency, for each message type and direction of one channel (or a sum).
 *
 * Plain memory, no locks: owned by whoever owns the channel. Latency is a log-linear histogram (8 steps an octave, 1 us
 * to 64 s; after HdrHistogram, https://hdrhistogram.org), so a percentile is exact to 12.5 % and a histogram can be
 * added up.
 */
#ifndef BULKHEAD_COUNTERS_H
#define BULKHEAD_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/limits.h"

enum { HISTOGRAM_BUCKETS = 8 * 27 };

struct histogram {
    uint64_t count;
    uint64_t max_ns;
    uint32_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The value below which `fraction` (0..1) of the samples lie, in ns; 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double fraction);

struct counter {
    uint64_t messages, bytes, fds, drops;
    struct histogram *latency; // NULL until the first sample; owned
};

/* Both directions of one peer, seen from the broker. */
struct counters {
    struct counter to_renderer[CODEC_TYPES]; // by message type (oneof field number)
    struct counter to_broker[CODEC_TYPES];
    uint64_t packets_out, packets_in;
};

void counters_init(struct counters *counters);
void counters_fini(struct counters *counters);
void counter_add(struct counter *counter, uint64_t bytes, uint64_t fds);
/* Silently drops the sample when memory is short. */
void counter_add_latency(struct counter *counter, uint64_t ns);
/* Adds `from` into `into`, histograms included. */
void counters_merge(struct counters *into, const struct counters *from);
/* Sum over the types of one direction. */
uint64_t counters_messages(const struct counter direction[CODEC_TYPES]);

#endif
