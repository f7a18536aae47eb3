#include "tests/support/bench_talk.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "tests/support/bench.h"

enum { ANSWER_MS = 20000, NS_PER_US = 1000 };

static void fail(const char *what)
{
    fprintf(stderr, "benchmark: %s\n", what);
    exit(1);
}

static void ask(struct bench_talk *talk, uint64_t now_ns)
{
    talk->asked_ns[talk->asked % REQUESTS_OPEN] = now_ns;
    talk->asked++;
    if (tab_measure(talk->tab, 0) == 0)
        fail("a measure was not taken");
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    (void)tab;
    (void)request_id;
    struct bench_talk *talk = userdata;
    uint64_t now_ns = clock_now_ns();
    if (bounds->x1_pt != 612)
        fail("a wrong answer");
    if (talk->times_ns != NULL)
        talk->times_ns[talk->answered] = (uint32_t)(now_ns - talk->asked_ns[talk->answered % REQUESTS_OPEN]);
    talk->answered++;
    if (talk->asked < talk->wanted)
        ask(talk, now_ns);
}

static void on_state(struct tab *tab, enum tab_state state, void *userdata)
{
    (void)tab;
    ((struct bench_talk *)userdata)->is_live = state == TAB_LIVE;
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    (void)tab;
    ((struct bench_talk *)userdata)->has_ended = true;
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

void bench_talk_begin(struct bench_talk *talk, enum bench_placement placement, const char *trace_path)
{
    static const struct tab_listener listener = {.state = on_state, .bounds = on_bounds, .ended = on_ended};
    static const struct tab_options plain = {0};
    *talk = (struct bench_talk){.broker = make_broker(trace_path)};
    if (document_open("about:talks", &talk->document) != DOCUMENT_OK ||
        tab_open(talk->broker, talk->document, &plain, &listener, talk, &talk->tab) < 0)
        fail("there is no tab");
    bench_until(talk->broker, &talk->is_live, ANSWER_MS, "the renderer did not start");
    bench_pin(0, false, placement);
    bench_pin(tab_pid(talk->tab), true, placement);
}

void bench_talk_end(struct bench_talk *talk)
{
    tab_close(talk->tab);
    document_unref(talk->document);
    broker_destroy(talk->broker);
}

static void order(struct bench_talk *talk, Bulkhead__Input__Kind kind, uint32_t code, size_t size_bytes)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;
    input.kind = kind;
    input.code = code;
    input.x_px = (int32_t)size_bytes;
    tab_input(talk->tab, &input);
}

void bench_talk_look(struct bench_talk *talk, uint32_t look_us)
{
    talk->look_ns = look_us * (uint64_t)NS_PER_US;
    order(talk, BULKHEAD__INPUT__KIND__POINTER, look_us, 0);
}

/* A turn of the loop that looks before it sleeps. */
static int turn(struct bench_talk *talk)
{
    struct loop *loop = broker_loop(talk->broker);
    uint32_t before = talk->answered;
    int result = 0;
    if (talk->look_ns > 0)
        for (uint64_t end_ns = clock_now_ns() + talk->look_ns; talk->answered == before && clock_now_ns() < end_ns;)
            if ((result = loop_run_once(loop, 0)) < 0)
                return result;
    return talk->answered == before ? loop_run_once(loop, ANSWER_MS) : result;
}

/* Asks until so many were asked, and lets them go as one packet. */
static void ask_up_to(struct bench_talk *talk, uint32_t asked)
{
    while (talk->asked < asked && talk->asked < talk->wanted)
        ask(talk, clock_now_ns());
    if (loop_run_once(broker_loop(talk->broker), 0) < 0)
        fail("the loop");
}

uint64_t bench_talk_calls(struct bench_talk *talk, const struct bench_load *load, uint32_t *times_ns)
{
    uint64_t start_ns = clock_now_ns(), deadline_ms = clock_now_ms() + ANSWER_MS;
    talk->asked = talk->answered = 0;
    talk->wanted = load->count;
    talk->times_ns = times_ns;
    ask_up_to(talk, (load->open + 1) / 2);
    ask_up_to(talk, load->open);
    while (talk->answered < load->count)
        if (turn(talk) < 0 || clock_now_ms() > deadline_ms)
            fail("no answer");
    return clock_now_ns() - start_ns;
}

static void add_counters(const struct bench_talk *talk, struct counters *counters)
{
    counters_init(counters);
    tab_add_counters(talk->tab, counters);
}

static uint64_t received_logs(const struct bench_talk *talk)
{
    struct counters counters;
    add_counters(talk, &counters);
    uint64_t count = counters.to_broker[BULKHEAD__TO_BROKER__MESSAGE_LOG].messages;
    counters_fini(&counters);
    return count;
}

uint64_t bench_talk_flood(struct bench_talk *talk, uint32_t count, size_t size_bytes)
{
    static const struct bench_load one = {.count = 1, .open = 1};
    uint64_t before = received_logs(talk);
    order(talk, BULKHEAD__INPUT__KIND__KEY, count, size_bytes);
    uint64_t took_ns = bench_talk_calls(talk, &one, NULL);
    order(talk, BULKHEAD__INPUT__KIND__KEY, 0, 0);
    if (received_logs(talk) - before != count)
        fail("messages were lost");
    return took_ns;
}

struct bench_packets bench_talk_packets(const struct bench_talk *talk)
{
    struct counters counters;
    add_counters(talk, &counters);
    struct bench_packets packets = {.in = counters.packets_in, .out = counters.packets_out};
    counters_fini(&counters);
    return packets;
}
