/* measure.h - drives one transport between two processes: messages one way, round trips, one large transfer.
 *
 * The right side is a forked child. Each message carries its number and the receiver checks every one, so a transport
 * that loses, doubles or reorders fails instead of winning. Both sides are pinned: one core each, or both on one.
 */
#ifndef BULKHEAD_LAB_MEASURE_H
#define BULKHEAD_LAB_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "demo/lab/entry.h"

enum lab_placement {
    LAB_APART,    /* each on a core of its own */
    LAB_TOGETHER, /* both on one core */
};
enum { LAB_PLACEMENTS = 2 };

enum lab_workload {
    LAB_ONE_WAY,    /* `messages` of message_bytes from left to right, then one word back */
    LAB_ROUND_TRIP, /* `messages` of message_bytes there and back, one after the other */
    LAB_TRANSFER,   /* transfer_bytes in messages as large as the transport likes, then one word back */
};

struct lab_task {
    enum lab_workload workload;
    enum lab_placement placement;
    size_t message_bytes;
    uint64_t messages;
    uint64_t transfer_bytes;
    const char *directory; /* scratch, borrowed */
    int timeout_ms;        /* for the whole run */
};

/* What one side cost, by getrusage(2). */
struct lab_cost {
    double user_ms, system_ms;
    uint64_t switches; /* of context, asked for or not */
};

struct lab_result {
    double total_ms;
    uint64_t messages; /* that were sent, each of message_bytes */
    size_t message_bytes;
    struct lab_cost cost[2]; /* by enum lab_side */
    /* Round trips only. */
    double p50_us, p99_us, p999_us;
};

/* 0; -EOPNOTSUPP with only one core asked to be two; -ETIMEDOUT; -EBADMSG: something arrived wrong; or -errno. */
int lab_measure(const struct lab_transport *transport, const struct lab_task *task, struct lab_result *ret_result);

/* Pins this process: LAB_LEFT to the first allowed core, LAB_RIGHT to the second, or both to the first. */
int lab_pin(enum lab_side side, enum lab_placement placement);
/* How many cores this process may use. */
int lab_cores(void);

#endif
