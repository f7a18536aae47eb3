/* bench_talk.h - a broker and one renderer that does nothing but talk (tests/support/hostile_talk.c), for benchmarks.
 *
 * The messages go through the real broker: read, scanned, unpacked, counted, dispatched to a tab; only the cell around
 * the renderer is left out. What fails ends the program.
 */
#ifndef BULKHEAD_BENCH_TALK_H
#define BULKHEAD_BENCH_TALK_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/document/tab.h"
#include "broker/requests.h"
#include "tests/support/bench_peers.h"

struct bench_talk {
    struct broker *broker;
    struct document *document;
    struct tab *tab;
    bool is_live, has_ended;
    uint32_t wanted, asked, answered; // calls
    uint64_t asked_ns[REQUESTS_OPEN]; // by the call's number
    uint32_t *times_ns;               // of each call; NULL = not noted
    uint64_t look_ns;
};

/* trace_path: NULL for none. */
void bench_talk_begin(struct bench_talk *talk, enum bench_placement placement, const char *trace_path);
void bench_talk_end(struct bench_talk *talk);

/* How long each side looks for something to do before it sleeps. */
void bench_talk_look(struct bench_talk *talk, uint32_t look_us);

/* Asks until load->count questions were answered, up to load->open of them under way, in two lots, so that both sides
 * have something to do. ns altogether, of each into times_ns (NULL: not wanted). placement and look_us are as they were
 * set before. */
uint64_t bench_talk_calls(struct bench_talk *talk, const struct bench_load *load, uint32_t *times_ns);

/* ns from the order until the answer that comes behind `count` messages of so many bytes. */
uint64_t bench_talk_flood(struct bench_talk *talk, uint32_t count, size_t size_bytes);

struct bench_packets {
    uint64_t in, out;
};
struct bench_packets bench_talk_packets(const struct bench_talk *talk);

#endif
