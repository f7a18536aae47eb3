/* Questions and answers through a real broker: one at a time, and with many under way. In the same run, taken by turns:
 * the same packets on a bare socket with nothing in them, the messages with no socket to carry them, a ring of shared
 * memory with no broker, libzmq and nng. What is between the broker and these is the broker's. On a machine with other
 * work to do all of them sink, the ratios less; "nice -n -20" helps.
 *
 * "apart" is a core for each of the two processes, "together" one core for both: on a virtual machine waking a process
 * on another core costs ten times as much as waking one on this core, so they are two different tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "tests/support/bench.h"
#include "tests/support/bench_talk.h"
#include "tests/support/bench_times.h"

enum {
    ROUNDS = 15, /* short ones: on a busy machine some are undisturbed */
    ROUND_TRIPS = 2 * 1000,
    CALLS = 16 * 1000,
    LOOK_US = 50,
};

/* One way to call, over all rounds. */
struct measured {
    struct bench_samples rates, p50s, p99s, p999s, means;
};

static void note(struct measured *measured, double rate, uint32_t *times_ns, uint32_t count)
{
    struct bench_times times = bench_times_of(times_ns, count);
    bench_add(&measured->rates, rate);
    bench_add(&measured->p50s, times.p50_us);
    bench_add(&measured->p99s, times.p99_us);
    bench_add(&measured->p999s, times.p999_us);
    bench_add(&measured->means, times.mean_us);
}

static struct bench_times medians(const struct measured *measured)
{
    return (struct bench_times){.p50_us = bench_median(&measured->p50s),
                                .p99_us = bench_median(&measured->p99s),
                                .p999_us = bench_median(&measured->p999s),
                                .mean_us = bench_median(&measured->means)};
}

/* Of figures that were taken by turns. */
static double median_ratio(const struct bench_samples *these, const struct bench_samples *those)
{
    struct bench_samples ratios = {0};
    for (size_t i = 0; i < these->count; i++)
        bench_add(&ratios, these->values[i] / those->values[i]);
    return bench_median(&ratios);
}

static void call(struct bench_talk *talk, const struct bench_load *load, uint32_t *times_ns, struct measured *measured)
{
    bench_talk_look(talk, load->look_us);
    uint64_t took_ns = bench_talk_calls(talk, load, times_ns);
    note(measured, load->count * 1e3 / (double)took_ns, times_ns, load->count);
}

static void call_peer(const struct bench_peer *peer, const struct bench_load *load, uint32_t *times_ns,
                      struct measured *measured)
{
    double rate = bench_peer_calls(peer, load, times_ns);
    note(measured, rate, times_ns, load->count);
}

static void round_trip_peer(const struct bench_peer *peer, enum bench_placement placement, uint32_t *times_ns,
                            struct measured *measured)
{
    bench_peer_round_trips(peer, ROUND_TRIPS, placement, times_ns);
    note(measured, 0, times_ns, ROUND_TRIPS);
}

static void times_row(const char *name, enum bench_placement placement, const struct measured *measured)
{
    struct bench_times times = medians(measured);
    bench_times_row(name, placement, &times);
}

static void library_rows(enum bench_placement placement, uint32_t *times_ns)
{
    static const struct bench_peer *const libraries[] = {&bench_peer_zmq, &bench_peer_nng};
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        struct measured theirs = {0};
        if (libraries[i]->round_trips == NULL)
            continue;
        round_trip_peer(libraries[i], placement, times_ns, &theirs);
        times_row(libraries[i]->name, placement, &theirs);
    }
}

static void round_trip_rows(enum bench_placement placement)
{
    const struct bench_load sleeping = {.count = ROUND_TRIPS, .open = 1, .placement = placement};
    struct bench_load looking = sleeping;
    struct measured ours = {0}, bare = {0}, ours_looking = {0}, bare_looking = {0}, ring = {0};
    uint32_t *times_ns = bench_times_new(ROUND_TRIPS);
    struct bench_talk talk;
    looking.look_us = LOOK_US;
    bench_talk_begin(&talk, placement, NULL);
    for (int i = 0; i < ROUNDS; i++) {
        call(&talk, &sleeping, times_ns, &ours);
        round_trip_peer(&bench_peer_socket, placement, times_ns, &bare);
        if (placement == BENCH_APART) {
            call(&talk, &looking, times_ns, &ours_looking);
            call_peer(&bench_peer_packets, &looking, times_ns, &bare_looking);
        }
        round_trip_peer(&bench_peer_ring, placement, times_ns, &ring);
    }
    bench_talk_end(&talk);
    times_row("Bulkhead's channel", placement, &ours);
    times_row("a bare seqpacket socket, blocking", placement, &bare);
    bench_row("  Bulkhead / bare", median_ratio(&ours.p50s, &bare.p50s), "x", "(target: at most 1.25)");
    if (placement == BENCH_APART) {
        times_row("Bulkhead's, looking for 50 us first (goal: 10)", placement, &ours_looking);
        times_row("a bare seqpacket socket, looking", placement, &bare_looking);
        bench_row("  Bulkhead / bare", median_ratio(&ours_looking.p50s, &bare_looking.p50s), "x", NULL);
    }
    times_row("a ring of shared memory, no broker", placement, &ring);
    library_rows(placement, times_ns);
    free(times_ns);
}

static void calls_row(const char *name, enum bench_placement placement, const struct measured *measured)
{
    struct bench_times times = medians(measured);
    char text[96];
    snprintf(text, sizeof text, "mean %.1f us, p99 %.1f", times.mean_us, times.p99_us);
    bench_placed_row(name, placement, bench_median(&measured->rates), "M/s", text);
}

static size_t best_round(const struct measured *measured)
{
    size_t best = 0;
    for (size_t i = 1; i < measured->rates.count; i++)
        if (measured->rates.values[i] > measured->rates.values[best])
            best = i;
    return best;
}

static const char *holds(const struct measured *measured, double rate, double mean_us)
{
    size_t best = best_round(measured);
    if (bench_median(&measured->rates) >= rate && bench_median(&measured->means) < mean_us)
        return "yes";
    return measured->rates.values[best] >= rate && measured->means.values[best] < mean_us ? "in the best round" : "no";
}

static void goal_rows(const struct measured *measured)
{
    size_t best = best_round(measured);
    char text[48];
    snprintf(text, sizeof text, "mean %.1f us", measured->means.values[best]);
    bench_row("    Bulkhead, the best round", measured->rates.values[best], "M/s", text);
    bench_note("  goals: 1.0 M/s at a mean under 50 us: %s; 1.2 M/s under 15 us: %s", holds(measured, 1.0, 50),
               holds(measured, 1.2, 15));
}

/* "open" under way, by socket and otherwise, by turns. */
static void depth_rows(struct bench_talk *talk, uint32_t open, enum bench_placement placement, uint32_t *times_ns)
{
    const struct bench_load sleeping = {.count = CALLS, .open = open, .placement = placement};
    struct bench_load looking = sleeping;
    struct measured ours = {0}, ours_looking = {0}, bare = {0}, ring = {0};
    bool may_look = placement == BENCH_APART; /* with one core, whoever looks keeps the other from answering */
    char name[48];
    looking.look_us = may_look ? LOOK_US : 0;
    for (int i = 0; i < ROUNDS; i++) {
        call(talk, &sleeping, times_ns, &ours);
        if (may_look)
            call(talk, &looking, times_ns, &ours_looking);
        call_peer(&bench_peer_packets, &looking, times_ns, &bare);
        call_peer(&bench_peer_ring, &looking, times_ns, &ring);
    }
    const struct measured *best = may_look ? &ours_looking : &ours;
    snprintf(name, sizeof name, "%u calls under way", open);
    calls_row(name, placement, &ours);
    if (may_look)
        calls_row("  both sides look for 50 us first", placement, &ours_looking);
    calls_row("  the same packets on a bare socket, empty", placement, &bare);
    bench_row("    Bulkhead / bare", median_ratio(&best->rates, &bare.rates), "x", NULL);
    calls_row("  a ring of shared memory, no broker", placement, &ring);
    goal_rows(best);
}

static void call_rows(enum bench_placement placement)
{
    static const uint32_t depths[] = {16, REQUESTS_OPEN}; /* more a renderer is never asked at once */
    uint32_t *times_ns = bench_times_new(CALLS);
    struct bench_talk talk;
    bench_talk_begin(&talk, placement, NULL);
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++)
        depth_rows(&talk, depths[i], placement, times_ns);
    bench_talk_end(&talk);
    double codec_ns = bench_codec_call_ns();
    bench_row("packing, scanning, unpacking both messages of a call", codec_ns, "ns", "on one core, no socket, warm");
    free(times_ns);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    log_set_level(LOG_NONE);
    for (int placement = BENCH_APART; placement <= BENCH_TOGETHER; placement++) {
        if (*only == '\0' || strcmp(only, "round-trip") == 0) {
            bench_title("Request and reply, p50, through the broker's loop (tests/bench/bench_calls.c)");
            round_trip_rows((enum bench_placement)placement);
        }
        if (*only == '\0' || strcmp(only, "calls") == 0) {
            bench_title("Calls, many under way (tests/bench/bench_calls.c)");
            call_rows((enum bench_placement)placement);
        }
    }
    return 0;
}
