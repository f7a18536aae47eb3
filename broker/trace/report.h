/* report.h - what the program knows, as text for people: the table of messages, the report of an end.
 *
 * Pure: structures in, text out. Every string handed in is escaped already, so what comes out may go to a terminal.
 */
#ifndef BULKHEAD_REPORT_H
#define BULKHEAD_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "broker/exit_cause.h"
#include "common/counters.h"

struct report_row {
    const char *direction; /* codec name: "to_renderer", "to_broker" */
    const char *type;      /* the oneof member's name */
    uint64_t messages, bytes, fds, drops;
    uint64_t p50_ns, p99_ns; /* 0 = no latency known */
};

enum { REPORT_ROWS = 2 * CODEC_TYPES };

/* One row for each message type that was sent, received or dropped, downwards first, in the order of the protocol. */
size_t report_counters(const struct counters *counters, struct report_row ret_rows[REPORT_ROWS]);

/* The same as an aligned table with a total for each direction. Owned by the caller (free); NULL when out of memory. */
char *report_counters_text(const struct counters *counters);

/* Several lines: the one word, what the kernel said, what the renderer claimed, the backtrace (NULL = none, or not
 * yet). Owned by the caller (free); NULL when out of memory. */
char *report_end_text(const struct exit_report *report, const char *backtrace);

/* "812 ns", "4.1 µs", "12 ms", "2.0 s"; "-" for 0. */
void report_format_duration(char *out, size_t out_size, uint64_t ns);

#endif
