#include "broker/watchdog.h"

void watchdog_init(struct watchdog *watchdog, uint64_t now_ms)
{
    *watchdog = (struct watchdog){.beat_changed_ms = now_ms, .ping_sent_ms = now_ms};
}

void watchdog_pinged(struct watchdog *watchdog, uint64_t ping_id, uint64_t now_ms)
{
    watchdog->ping_id = ping_id;
    watchdog->ping_sent_ms = now_ms;
}

bool watchdog_ponged(struct watchdog *watchdog, uint64_t ping_id, uint64_t beat, uint64_t busy_request_id,
                     uint64_t now_ms)
{
    if (ping_id == 0 || ping_id != watchdog->ping_id)
        return false;
    watchdog->ping_id = 0;
    if (beat != watchdog->beat || busy_request_id != watchdog->busy_request_id || busy_request_id == 0)
        watchdog->beat_changed_ms = now_ms;
    watchdog->beat = beat;
    watchdog->busy_request_id = busy_request_id;
    return true;
}

void watchdog_heard(struct watchdog *watchdog, uint64_t now_ms)
{
    watchdog->beat_changed_ms = now_ms;
}

static uint64_t silent_ms(const struct watchdog *watchdog, const struct watchdog_limits *limits, uint64_t now_ms)
{
    uint64_t unanswered = watchdog->ping_id != 0 ? now_ms - watchdog->ping_sent_ms : 0;
    uint64_t stalled =
        watchdog->busy_request_id != 0 && !limits->ignores_stalls ? now_ms - watchdog->beat_changed_ms : 0;
    return unanswered > stalled ? unanswered : stalled;
}

enum watchdog_verdict watchdog_judge(struct watchdog *watchdog, const struct watchdog_limits *limits,
                                     uint64_t oldest_request_ms, uint64_t now_ms)
{
    if (limits->request_ms != 0 && oldest_request_ms != 0 && now_ms - oldest_request_ms >= limits->request_ms)
        return WATCHDOG_TIMEOUT;
    uint64_t silence = silent_ms(watchdog, limits, now_ms);
    if (silence >= (uint64_t)limits->unresponsive_ms + limits->hung_ms)
        return WATCHDOG_HUNG;
    bool was_unresponsive = watchdog->is_unresponsive;
    watchdog->is_unresponsive = silence >= limits->unresponsive_ms;
    if (watchdog->is_unresponsive && !was_unresponsive)
        return WATCHDOG_UNRESPONSIVE;
    if (was_unresponsive && !watchdog->is_unresponsive)
        return WATCHDOG_RECOVERED;
    if (watchdog->ping_id == 0 && now_ms - watchdog->ping_sent_ms >= limits->ping_interval_ms)
        return WATCHDOG_PING;
    return WATCHDOG_FINE;
}

uint32_t watchdog_tick_ms(const struct watchdog_limits *limits)
{
    uint32_t tick =
        limits->ping_interval_ms < limits->unresponsive_ms / 4 ? limits->ping_interval_ms : limits->unresponsive_ms / 4;
    if (limits->request_ms != 0 && limits->request_ms / 4 < tick)
        tick = limits->request_ms / 4;
    return tick < 10 ? 10 : tick;
}
