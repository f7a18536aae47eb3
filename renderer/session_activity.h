/* session_activity.h - what this renderer did and when, kept in a small ring and told the broker now and then.
 *
 * Two rows of a trace: the main thread's messages (type = field number in ToRenderer, start = taken from the socket,
 * end = answered or handed on) and the engine's slices (type 0, with a label). Each row is written by one thread in its
 * own order, so its slices nest. What finds the ring full pushes the oldest out.
 */
#ifndef BULKHEAD_SESSION_ACTIVITY_H
#define BULKHEAD_SESSION_ACTIVITY_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer/session_channel.h"

enum { SESSION_ACTIVITY_RING = 64, SESSION_ACTIVITY_BATCH = 32 };

struct session_activity_entry {
    unsigned type;
    uint64_t request_id, sent_ns, start_ns, end_ns;
    const char *label; // a literal; NULL when type != 0
};

struct session_activity {
    pthread_mutex_t lock;
    size_t first, count;
    struct session_activity_entry ring[SESSION_ACTIVITY_RING];
};

void session_activity_init(struct session_activity *activity);
void session_activity_add(struct session_activity *activity, const struct session_activity_entry *entry);
/* Queues one Activity message if at least `minimum` (> 0) entries have gathered. Does not flush. */
void session_activity_report(struct session_activity *activity, struct session_channel *channel, size_t minimum);

#endif
