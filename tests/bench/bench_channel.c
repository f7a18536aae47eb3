/* The channel as it is used: protobuf-c messages from another process through a real broker - read, scanned, unpacked,
 * counted, dispatched to a tab - with nothing left out but the cell around the renderer. In the same run, for
 * comparison: a bare seqpacket socket, libzmq and nng.
 *
 * "apart" is a core for each of the two processes, "together" one core for both: on a virtual machine waking a process
 * on another core costs ten times as much as waking one on this core, so they are two different tables.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "tests/support/bench.h"
#include "tests/support/bench_peers.h"

enum {
    ROUNDS = 5,
    TRACE_ROUNDS = 15,
    PEER_ROUNDS = 3,
    ONE_WAY_MESSAGES = 500 * 1000,
    PEER_MESSAGES = 200 * 1000,
    MESSAGE_BYTES = 1024,
    ROUND_TRIPS = 20 * 1000,
    PEER_ROUND_TRIPS = 4 * 1000,
    CALLS = 300 * 1000,
    CALLS_OPEN = 16,
    SPIN_US = 50,
    ANSWER_MS = 20000,
    TRANSFER_BYTES = 1000 * 1000 * 1000,
};

static const char *const placement_names[] = {[BENCH_APART] = "apart", [BENCH_TOGETHER] = "together"};

/* A broker, and one renderer that talks. */
struct talk {
    struct broker *broker;
    struct document *document;
    struct tab *tab;
    bool is_live, has_ended;
    uint32_t wanted, asked, answered; // calls
    uint64_t asked_ns[CALLS_OPEN];    // by the call's number
    uint32_t *times_ns;               // of each call; NULL = not noted
    uint64_t spin_ns;
};

static void fail(const char *what)
{
    fprintf(stderr, "benchmark: %s\n", what);
    exit(1);
}

static void ask(struct talk *talk)
{
    talk->asked_ns[talk->asked % CALLS_OPEN] = clock_now_ns();
    talk->asked++;
    if (tab_measure(talk->tab, 0) == 0)
        fail("a measure was not taken");
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    (void)tab;
    (void)request_id;
    struct talk *talk = userdata;
    if (bounds->x1_pt != 612)
        fail("a wrong answer");
    if (talk->times_ns != NULL)
        talk->times_ns[talk->answered] = (uint32_t)(clock_now_ns() - talk->asked_ns[talk->answered % CALLS_OPEN]);
    talk->answered++;
    if (talk->asked < talk->wanted)
        ask(talk);
}

static void on_state(struct tab *tab, enum tab_state state, void *userdata)
{
    (void)tab;
    ((struct talk *)userdata)->is_live = state == TAB_LIVE;
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    (void)tab;
    ((struct talk *)userdata)->has_ended = true;
    fail(report->summary);
}

static void on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    (void)broker;
    (void)error;
    (void)userdata;
    fail(why);
}

/* No limit on the rate: that limit is there to be in the way. */
static struct broker *make_broker(const char *trace_path)
{
    static const struct broker_listener listener = {.cell_failed = on_cell_failed};
    struct policy policy;
    struct broker *broker;
    policy_init_defaults(&policy);
    policy.messages_per_second = 100 * 1000 * 1000;
    policy.unresponsive_after_ms = policy.hung_after_ms = 60000;
    const struct broker_options options = {.renderer_path = bench_program("tests/hostile-renderer"),
                                           .trace_path = trace_path,
                                           .policy = &policy,
                                           .no_crash_reports = true};
    if (broker_create(&options, &listener, NULL, &broker) < 0)
        fail("there is no broker");
    return broker;
}

static void talk_begin(struct talk *talk, enum bench_placement placement, const char *trace_path)
{
    static const struct tab_listener listener = {.state = on_state, .bounds = on_bounds, .ended = on_ended};
    static const struct tab_options plain = {0};
    *talk = (struct talk){.broker = make_broker(trace_path)};
    if (document_open("about:talks", &talk->document) != DOCUMENT_OK ||
        tab_open(talk->broker, talk->document, &plain, &listener, talk, &talk->tab) < 0)
        fail("there is no tab");
    bench_until(talk->broker, &talk->is_live, ANSWER_MS, "the renderer did not start");
    bench_pin(0, false, placement);
    bench_pin(tab_pid(talk->tab), true, placement);
}

static void talk_end(struct talk *talk)
{
    tab_close(talk->tab);
    document_unref(talk->document);
    broker_destroy(talk->broker);
}

/* A turn of the loop that looks for spin_ns before it sleeps. */
static int turn(struct talk *talk)
{
    uint32_t before = talk->answered;
    int result = 0;
    if (talk->spin_ns > 0)
        for (uint64_t end_ns = clock_now_ns() + talk->spin_ns; talk->answered == before && clock_now_ns() < end_ns;)
            if ((result = loop_run_once(broker_loop(talk->broker), 0)) < 0)
                return result;
    return talk->answered == before ? loop_run_once(broker_loop(talk->broker), ANSWER_MS) : result;
}

/* Asks, with up to `open` questions under way, until `count` were answered; ns altogether. */
static uint64_t talk_calls(struct talk *talk, uint32_t count, uint32_t open, uint32_t *times_ns)
{
    uint64_t start_ns = clock_now_ns(), deadline_ms = clock_now_ms() + ANSWER_MS;
    talk->asked = talk->answered = 0;
    talk->wanted = count;
    talk->times_ns = times_ns;
    while (talk->asked < open && talk->asked < count)
        ask(talk);
    while (talk->answered < count) {
        if (turn(talk) < 0 || clock_now_ms() > deadline_ms)
            fail("no answer");
    }
    return clock_now_ns() - start_ns;
}

static uint64_t received_logs(const struct talk *talk)
{
    struct counters counters;
    counters_init(&counters);
    tab_add_counters(talk->tab, &counters);
    uint64_t count = counters.to_broker[BULKHEAD__TO_BROKER__MESSAGE_LOG].messages;
    counters_fini(&counters);
    return count;
}

static void talk_order(struct talk *talk, Bulkhead__Input__Kind kind, uint32_t code, size_t size_bytes)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;
    input.kind = kind;
    input.code = code;
    input.x_px = (int32_t)size_bytes;
    tab_input(talk->tab, &input);
}

/* ns from the order until the answer that comes behind `count` messages. */
static uint64_t talk_flood(struct talk *talk, uint32_t count, size_t size_bytes)
{
    uint64_t before = received_logs(talk);
    talk_order(talk, BULKHEAD__INPUT__KIND__KEY, count, size_bytes);
    uint64_t took_ns = talk_calls(talk, 1, 1, NULL);
    talk_order(talk, BULKHEAD__INPUT__KIND__KEY, 0, 0);
    if (received_logs(talk) - before != count)
        fail("messages were lost");
    return took_ns;
}

static void row(const char *name, enum bench_placement placement, double value, const char *unit, const char *note)
{
    char text[80];
    snprintf(text, sizeof text, "%s, %s", name, placement_names[placement]);
    bench_row(text, value, unit, note);
}

static double flood_rate(struct talk *talk)
{
    return ONE_WAY_MESSAGES * 1e3 / (double)talk_flood(talk, ONE_WAY_MESSAGES, MESSAGE_BYTES);
}

static double one_way(enum bench_placement placement)
{
    struct bench_samples rates = {0};
    struct talk talk;
    talk_begin(&talk, placement, NULL);
    for (int i = 0; i < ROUNDS; i++)
        bench_add(&rates, flood_rate(&talk));
    talk_end(&talk);
    return bench_median(&rates);
}

static double transfer(enum bench_placement placement, size_t size_bytes)
{
    struct bench_samples times = {0};
    struct talk talk;
    talk_begin(&talk, placement, NULL);
    for (int i = 0; i < PEER_ROUNDS; i++)
        bench_add(&times, (double)talk_flood(&talk, (uint32_t)(TRANSFER_BYTES / size_bytes), size_bytes) / 1e6);
    talk_end(&talk);
    return bench_median(&times);
}

static double peer_one_way(const struct bench_peer *peer, enum bench_placement placement)
{
    struct bench_samples rates = {0};
    for (int i = 0; i < PEER_ROUNDS; i++)
        bench_add(&rates, bench_peer_one_way(peer, PEER_MESSAGES, placement));
    return bench_median(&rates);
}

static int compare_times(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

struct times {
    double p50_us, p99_us, p999_us, mean_us;
};

static double at_fraction_us(const uint32_t *sorted_ns, uint32_t count, uint64_t per_mille)
{
    uint64_t at = count * per_mille / 1000;
    return sorted_ns[at] / 1e3;
}

static struct times summarise(uint32_t *times_ns, uint32_t count)
{
    uint64_t sum = 0;
    qsort(times_ns, count, sizeof *times_ns, compare_times);
    for (uint32_t i = 0; i < count; i++)
        sum += times_ns[i];
    return (struct times){.p50_us = at_fraction_us(times_ns, count, 500),
                          .p99_us = at_fraction_us(times_ns, count, 990),
                          .p999_us = at_fraction_us(times_ns, count, 999),
                          .mean_us = (double)sum / count / 1e3};
}

static void times_row(const char *name, enum bench_placement placement, const struct times *times)
{
    char note[96];
    snprintf(note, sizeof note, "p99 %.1f, p99.9 %.1f, mean %.1f", times->p99_us, times->p999_us, times->mean_us);
    row(name, placement, times->p50_us, "us", note);
}

static uint32_t *new_times(uint32_t count)
{
    uint32_t *times_ns = calloc(count, sizeof *times_ns);
    if (times_ns == NULL)
        fail("no memory");
    return times_ns;
}

static struct times peer_round_trips(const struct bench_peer *peer, uint32_t count, enum bench_placement placement)
{
    uint32_t *times_ns = new_times(count);
    bench_peer_round_trips(peer, count, placement, times_ns);
    struct times times = summarise(times_ns, count);
    free(times_ns);
    return times;
}

/* spin_us: how long each side looks before it sleeps. */
static struct times calls(enum bench_placement placement, uint32_t count, uint32_t open, uint32_t spin_us,
                          double *ret_per_second)
{
    uint32_t *times_ns = new_times(count);
    struct talk talk;
    talk_begin(&talk, placement, NULL);
    talk.spin_ns = spin_us * (uint64_t)1000;
    talk_order(&talk, BULKHEAD__INPUT__KIND__POINTER, spin_us, 0);
    talk_calls(&talk, count / 10, open, NULL); /* warm */
    uint64_t took_ns = talk_calls(&talk, count, open, times_ns);
    talk_end(&talk);
    *ret_per_second = count * 1e9 / (double)took_ns;
    struct times times = summarise(times_ns, count);
    free(times_ns);
    return times;
}

static const struct bench_peer *const peers[] = {&bench_peer_zmq, &bench_peer_nng};
enum { PEERS = sizeof peers / sizeof peers[0] };

static void one_way_rows(enum bench_placement placement)
{
    double ours = one_way(placement);
    row("Bulkhead's channel", placement, ours, "M/s", placement == BENCH_APART ? "(target: 1.5)" : NULL);
    row(bench_peer_socket.name, placement, peer_one_way(&bench_peer_socket, placement), "M/s", NULL);
    for (int i = 0; i < PEERS; i++) {
        if (peers[i]->one_way == NULL) {
            bench_note("%s: not installed when this was built", peers[i]->name);
            continue;
        }
        double theirs = peer_one_way(peers[i], placement);
        char name[64];
        row(peers[i]->name, placement, theirs, "M/s", NULL);
        snprintf(name, sizeof name, "  Bulkhead / %s", peers[i]->name);
        bench_row(name, ours / theirs, "x", NULL);
    }
}

static void round_trip_rows(enum bench_placement placement)
{
    double per_second;
    struct times ours = calls(placement, ROUND_TRIPS, 1, 0, &per_second);
    struct times bare = peer_round_trips(&bench_peer_socket, ROUND_TRIPS, placement);
    times_row("Bulkhead's channel, p50", placement, &ours);
    times_row("a bare seqpacket socket, blocking, p50", placement, &bare);
    if (placement == BENCH_APART) {
        struct times spun = calls(placement, ROUND_TRIPS, 1, SPIN_US, &per_second);
        times_row("Bulkhead's, both sides look for 50 us first, p50", placement, &spun);
    }
    bench_row("  Bulkhead / bare, p50", ours.p50_us / bare.p50_us, "x", "(target: at most 1.25)");
    for (int i = 0; i < PEERS; i++) {
        if (peers[i]->round_trips == NULL)
            continue;
        char name[64];
        struct times theirs = peer_round_trips(peers[i], PEER_ROUND_TRIPS, placement);
        snprintf(name, sizeof name, "%s, p50", peers[i]->name);
        times_row(name, placement, &theirs);
    }
}

static void pipelined_row(const char *name, enum bench_placement placement, uint32_t spin_us)
{
    double per_second;
    struct times times = calls(placement, CALLS, CALLS_OPEN, spin_us, &per_second);
    row(name, placement, per_second / 1e6, "M/s", "(target: 1.2)");
    times_row("  each, p50", placement, &times);
}

static void pipelined_rows(enum bench_placement placement)
{
    pipelined_row("calls, 16 under way", placement, 0);
    if (placement == BENCH_APART)
        pipelined_row("the same, both sides look for 50 us first", placement, SPIN_US);
}

/* Two brokers at once, one of them tracing, asked by turns. */
static void trace_rows(enum bench_placement placement)
{
    char path[] = "/tmp/bulkhead-bench-trace-XXXXXX";
    struct bench_samples rates = {0}, trips = {0};
    struct talk talks[2];
    uint32_t *times_ns = new_times(ROUND_TRIPS);
    int fd = mkstemp(path);
    if (fd < 0 || close(fd) < 0)
        fail("no place for a trace");
    for (int i = 0; i < 2; i++)
        talk_begin(&talks[i], placement, i == 1 ? path : NULL);
    for (int i = 0; i < TRACE_ROUNDS; i++) {
        double rate[2], trip[2];
        for (int traced = 0; traced < 2; traced++) {
            rate[traced] = flood_rate(&talks[traced]);
            talk_calls(&talks[traced], ROUND_TRIPS / 4, 1, times_ns);
            trip[traced] = summarise(times_ns, ROUND_TRIPS / 4).mean_us;
        }
        bench_add(&rates, rate[0] / rate[1]);
        bench_add(&trips, trip[1] / trip[0]);
    }
    for (int i = 0; i < 2; i++)
        talk_end(&talks[i]);
    unlink(path);
    free(times_ns);
    row("messages one way, without / with --trace", placement, bench_median(&rates), "x", "(target: under 1.1)");
    row("round trips, mean, with / without --trace", placement, bench_median(&trips), "x", "(target: under 1.1)");
}

/* Whether shared memory would be worth its complexity. */
static void ring_rows(enum bench_placement placement)
{
    double by_socket = peer_one_way(&bench_peer_channel, placement),
           by_ring = peer_one_way(&bench_peer_ring, placement);
    struct times times = peer_round_trips(&bench_peer_ring, ROUND_TRIPS, placement);
    row(bench_peer_channel.name, placement, by_socket, "M/s", "one way, 1 KB");
    row(bench_peer_ring.name, placement, by_ring, "M/s", NULL);
    bench_row("  ring / socket", by_ring / by_socket, "x", NULL);
    times_row("ping and pong by the ring, p50", placement, &times);
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    log_set_level(LOG_NONE);
    for (int placement = BENCH_APART; placement <= BENCH_TOGETHER; placement++) {
        if (*only == '\0' || strcmp(only, "one-way") == 0) {
            bench_title("1 KB messages one way, through the broker's dispatch (tests/bench/bench_channel.c)");
            one_way_rows((enum bench_placement)placement);
            row("1 GB in messages of 2 KB", (enum bench_placement)placement,
                transfer((enum bench_placement)placement, LIMIT_LOG_TEXT_BYTES), "ms", NULL);
        }
        if (*only == '\0' || strcmp(only, "round-trip") == 0) {
            bench_title("Request and reply, through the broker's loop (tests/bench/bench_channel.c)");
            round_trip_rows((enum bench_placement)placement);
        }
        if (*only == '\0' || strcmp(only, "calls") == 0) {
            bench_title("Calls, many under way (tests/bench/bench_channel.c)");
            pipelined_rows((enum bench_placement)placement);
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
