/* bench_peers.h - what the channel is compared with: a bare socket and the libraries people take instead, driven
 * between two processes in the same way, so that the rows stand in one run.
 *
 * Each function forks a child for the other side, pins both, and ends the process if a message is lost or wrong. They
 * are called by way of bench_peer_one_way() and bench_peer_round_trips(), in a child, for a library with threads does
 * not bear being forked a second time.
 */
#ifndef BULKHEAD_BENCH_PEERS_H
#define BULKHEAD_BENCH_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum bench_placement { BENCH_APART, BENCH_TOGETHER };

/* Calls with several under way. */
struct bench_load {
    uint32_t count, open;
    uint32_t look_us; // how long each side looks for something to do before it sleeps
    enum bench_placement placement;
};

struct bench_peer {
    const char *name;
    /* `count` messages of 1 KB one way; ns from the first to the last one received. */
    uint64_t (*one_way)(uint32_t count, enum bench_placement placement);
    /* There and back, 64 bytes; ns of each into times_ns. */
    void (*round_trips)(uint32_t count, enum bench_placement placement, uint32_t *times_ns);
    /* Questions answered in lots of load->open / 2, two lots under way; ns altogether, and of each into times_ns. */
    uint64_t (*calls)(const struct bench_load *load, uint32_t *times_ns);
};

/* A seqpacket socket with blocking calls, nothing else. */
extern const struct bench_peer bench_peer_socket;
/* Both by a Unix socket (ipc://). NULL functions where the library's headers were not there at build time. */
extern const struct bench_peer bench_peer_zmq, bench_peer_nng;

/* The same protobuf messages as ours without the broker around them, by the channel's socket and by common/ring.h. */
extern const struct bench_peer bench_peer_channel, bench_peer_ring;

/* Packets of the size of so many questions and answers, with nothing in them. */
extern const struct bench_peer bench_peer_packets;

/* Millions of messages of 1 KB a second. Ends the program if it fails or takes longer than a minute. */
double bench_peer_one_way(const struct bench_peer *peer, uint32_t count, enum bench_placement placement);
/* As bench_peer::round_trips. */
void bench_peer_round_trips(const struct bench_peer *peer, uint32_t count, enum bench_placement placement,
                            uint32_t *times_ns);
/* Millions of calls a second; the rest as bench_peer::calls. */
double bench_peer_calls(const struct bench_peer *peer, const struct bench_load *load, uint32_t *times_ns);

/* What packing, scanning and unpacking a question and its answer costs by itself: ns, median of many lots. */
double bench_codec_call_ns(void);

/* Pins a process (0: this one): the first side to the first core that may be used, the second side to the next one. */
void bench_pin(pid_t pid, bool is_second_side, enum bench_placement placement);
unsigned bench_cores(void);

/* Runs `serve` in a pinned child; ends when it returns or this process does. */
pid_t bench_child(void (*serve)(void *userdata), void *userdata, enum bench_placement placement);
/* Waits for it; ends the program if it failed. */
void bench_child_end(pid_t pid);
/* For one that waits for more. */
void bench_child_kill(pid_t pid);

#endif
