/* The channel as it is used, one way: protobuf-c messages from another process through a real broker - read, scanned,
 * unpacked, counted, dispatched to a tab - with nothing left out but the cell around the renderer. In the same run, for
 * comparison: a bare seqpacket socket, libzmq and nng. (Requests and replies: bench_calls.c.)
 *
 * "apart" is a core for each of the two processes, "together" one core for both: on a virtual machine waking a process
 * on another core costs ten times as much as waking one on this core, so they are two different tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "tests/support/bench.h"
#include "tests/support/bench_talk.h"
#include "tests/support/bench_times.h"

enum {
    ROUNDS = 5,
    TRACE_ROUNDS = 15,
    PEER_ROUNDS = 3,
    ONE_WAY_MESSAGES = 500 * 1000,
    PEER_MESSAGES = 200 * 1000,
    MESSAGE_BYTES = 1024,
    ROUND_TRIPS = 5 * 1000,
    TRANSFER_BYTES = 1000 * 1000 * 1000,
};

static void fail(const char *what)
{
    fprintf(stderr, "benchmark: %s\n", what);
    exit(1);
}

static double flood_rate(struct bench_talk *talk)
{
    return ONE_WAY_MESSAGES * 1e3 / (double)bench_talk_flood(talk, ONE_WAY_MESSAGES, MESSAGE_BYTES);
}

static double one_way(enum bench_placement placement)
{
    struct bench_samples rates = {0};
    struct bench_talk talk;
    bench_talk_begin(&talk, placement, NULL);
    for (int i = 0; i < ROUNDS; i++)
        bench_add(&rates, flood_rate(&talk));
    bench_talk_end(&talk);
    return bench_median(&rates);
}

static double transfer(enum bench_placement placement, size_t size_bytes)
{
    struct bench_samples times = {0};
    struct bench_talk talk;
    bench_talk_begin(&talk, placement, NULL);
    for (int i = 0; i < PEER_ROUNDS; i++)
        bench_add(&times, (double)bench_talk_flood(&talk, (uint32_t)(TRANSFER_BYTES / size_bytes), size_bytes) / 1e6);
    bench_talk_end(&talk);
    return bench_median(&times);
}

static double peer_one_way(const struct bench_peer *peer, enum bench_placement placement)
{
    struct bench_samples rates = {0};
    for (int i = 0; i < PEER_ROUNDS; i++)
        bench_add(&rates, bench_peer_one_way(peer, PEER_MESSAGES, placement));
    return bench_median(&rates);
}

static const struct bench_peer *const peers[] = {&bench_peer_zmq, &bench_peer_nng};
enum { PEERS = sizeof peers / sizeof peers[0] };

static void one_way_rows(enum bench_placement placement)
{
    double ours = one_way(placement);
    bench_placed_row("Bulkhead's channel", placement, ours, "M/s", placement == BENCH_APART ? "(target: 1.5)" : NULL);
    bench_placed_row(bench_peer_socket.name, placement, peer_one_way(&bench_peer_socket, placement), "M/s", NULL);
    for (int i = 0; i < PEERS; i++) {
        if (peers[i]->one_way == NULL) {
            bench_note("%s: not installed when this was built", peers[i]->name);
            continue;
        }
        double theirs = peer_one_way(peers[i], placement);
        char name[64];
        bench_placed_row(peers[i]->name, placement, theirs, "M/s", NULL);
        snprintf(name, sizeof name, "  Bulkhead / %s", peers[i]->name);
        bench_row(name, ours / theirs, "x", NULL);
    }
}

/* Two brokers at once, one of them tracing, asked by turns. */
static void trace_rows(enum bench_placement placement)
{
    static const struct bench_load one_by_one = {.count = ROUND_TRIPS, .open = 1};
    char path[] = "/tmp/bulkhead-bench-trace-XXXXXX";
    struct bench_samples rates = {0}, trips = {0};
    struct bench_talk talks[2];
    uint32_t *times_ns = bench_times_new(ROUND_TRIPS);
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) < 0)
        fail("no place for a trace");
    for (int i = 0; i < 2; i++)
        bench_talk_begin(&talks[i], placement, i == 1 ? path : NULL);
    for (int i = 0; i < TRACE_ROUNDS; i++) {
        double rate[2], trip[2];
        for (int traced = 0; traced < 2; traced++) {
            rate[traced] = flood_rate(&talks[traced]);
            bench_talk_calls(&talks[traced], &one_by_one, times_ns);
            trip[traced] = bench_times_of(times_ns, ROUND_TRIPS).mean_us;
        }
        bench_add(&rates, rate[0] / rate[1]);
        bench_add(&trips, trip[1] / trip[0]);
    }
    for (int i = 0; i < 2; i++)
        bench_talk_end(&talks[i]);
    unlink(path);
    free(times_ns);
    bench_placed_row("messages one way, without / with --trace", placement, bench_median(&rates), "x",
                     "(target: under 1.1)");
    bench_placed_row("round trips, mean, with / without --trace", placement, bench_median(&trips), "x",
                     "(target: under 1.1)");
}

/* Whether shared memory would be worth its complexity. */
static void ring_rows(enum bench_placement placement)
{
    double by_socket = peer_one_way(&bench_peer_channel, placement),
           by_ring = peer_one_way(&bench_peer_ring, placement);
    bench_placed_row(bench_peer_channel.name, placement, by_socket, "M/s", "one way, 1 KB");
    bench_placed_row(bench_peer_ring.name, placement, by_ring, "M/s", NULL);
    bench_row("  ring / socket", by_ring / by_socket, "x", NULL);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    log_set_level(LOG_NONE);
    for (int placement = BENCH_APART; placement <= BENCH_TOGETHER; placement++) {
        if (*only == '\0' || strcmp(only, "one-way") == 0) {
            bench_title("1 KB messages one way, through the broker's dispatch (tests/bench/bench_channel.c)");
            one_way_rows((enum bench_placement)placement);
            bench_placed_row("1 GB in messages of 2 KB", (enum bench_placement)placement,
                             transfer((enum bench_placement)placement, LIMIT_LOG_TEXT_BYTES), "ms", NULL);
        }
        if (*only == '\0' || strcmp(only, "trace") == 0) {
            bench_title("What tracing costs (tests/bench/bench_channel.c)");
            trace_rows((enum bench_placement)placement);
        }
        if (*only == '\0' || strcmp(only, "ring") == 0) {
            bench_title("A prototype: shared memory in place of the socket, no broker (tests/support/bench_ring.c)");
            ring_rows((enum bench_placement)placement);
        }
    }
    return 0;
}
