/* watchdog.h - decides when a renderer is unresponsive and when it is hung. Pure: times and answers in, verdicts out.
 *
 * Two ways to be silent: the channel thread does not answer a ping, or the engine is at a request and its beat stands
 * still. Silence of unresponsive_ms marks the renderer, hung_ms more condemns it. A request older than request_ms is
 * over its time whatever the beat says.
 */
#ifndef BULKHEAD_WATCHDOG_H
#define BULKHEAD_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

struct watchdog_limits {
    uint32_t ping_interval_ms, unresponsive_ms, hung_ms;
    uint32_t request_ms; /* 0 = none */
    bool ignores_stalls; /* an explicit time limit replaces the judgement of the engine's beat */
};

struct watchdog {
    uint64_t ping_id;      // 0 = none outstanding
    uint64_t ping_sent_ms; // of the outstanding or the last one
    uint64_t beat, busy_request_id;
    uint64_t beat_changed_ms;
    bool is_unresponsive;
};

enum watchdog_verdict {
    WATCHDOG_FINE,
    WATCHDOG_PING,         /* send one now */
    WATCHDOG_UNRESPONSIVE, /* just became so */
    WATCHDOG_RECOVERED,    /* just stopped being so */
    WATCHDOG_HUNG,
    WATCHDOG_TIMEOUT,
};

void watchdog_init(struct watchdog *watchdog, uint64_t now_ms);
void watchdog_pinged(struct watchdog *watchdog, uint64_t ping_id, uint64_t now_ms);
/* False: an answer to no ping of ours. */
bool watchdog_ponged(struct watchdog *watchdog, uint64_t ping_id, uint64_t beat, uint64_t busy_request_id,
                     uint64_t now_ms);
/* A frame, progress or answer came: the engine lives. */
void watchdog_heard(struct watchdog *watchdog, uint64_t now_ms);
/* Call every watchdog_tick_ms(). oldest_request_ms as requests_oldest_ms(). */
enum watchdog_verdict watchdog_judge(struct watchdog *watchdog, const struct watchdog_limits *limits,
                                     uint64_t oldest_request_ms, uint64_t now_ms);
uint32_t watchdog_tick_ms(const struct watchdog_limits *limits);

#endif
