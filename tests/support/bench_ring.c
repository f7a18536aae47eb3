/* What a ring of shared memory would buy: the same protobuf messages, scanned, unpacked and counted the same way, once
 * by the channel's socket and once by common/ring.h, without a broker on either. The ring's consumer copies a message
 * out before it looks at it. Both sides look for 50 us before they sleep on a futex; with one core for both they yield.
 */
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/ring.h"
#include "tests/support/bench_peers.h"

enum {
    CAPACITY_BYTES = 1024 * 1024,
    MESSAGE_BYTES = 1024,
    SPIN_NS = 50 * 1000,
    LOOKS = 64, /* between looks at the clock */
    PUBLISH_EVERY = 32,
    OPEN_MAX = 64, /* calls */
    FLUSH_EVERY = CHANNEL_PACKET_SOFT_BYTES / MESSAGE_BYTES,
};

struct task {
    struct ring_memory *rings[2]; // [0] towards the child
    int pair[2];
    uint32_t count;
    unsigned publish_every; // answers
    enum bench_placement placement;
};

/* One side of a ring each way. */
struct side {
    struct ring_producer out;
    struct ring_consumer in;
    enum bench_placement placement;
    unsigned unpublished;
    struct counters counters;
    struct codec_arena arena;
    unsigned char message[CHANNEL_MESSAGE_BYTES];
};

static void fail(const char *what)
{
    fprintf(stderr, "benchmark: ring: %s\n", what);
    exit(1);
}

static struct ring_memory *map_ring(void)
{
    void *memory =
        mmap(NULL, ring_memory_bytes(CAPACITY_BYTES), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

static void task_open(struct task *task, uint32_t count, enum bench_placement placement)
{
    *task = (struct task){.rings = {map_ring(), map_ring()}, .count = count, .placement = placement};
    if (channel_socketpair(false, &task->pair[0], &task->pair[1]) < 0)
        fail("socketpair");
}

static struct side *side_open(const struct task *task, bool is_child)
{
    struct side *side = calloc(1, sizeof *side);
    if (side == NULL || codec_arena_init(&side->arena) < 0)
        fail("no memory");
    side->placement = task->placement;
    ring_producer_init(&side->out, task->rings[is_child], CAPACITY_BYTES);
    ring_consumer_init(&side->in, task->rings[!is_child], CAPACITY_BYTES);
    return side;
}

static void wake(uint32_t *mark)
{
    syscall(SYS_futex, mark, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* Whether it is time to sleep. */
static bool has_looked_enough(const struct side *side, uint64_t *start_ns)
{
    if (side->placement == BENCH_TOGETHER) {
        sched_yield();
        return true;
    }
    for (volatile int i = 0; i < LOOKS; i++)
        continue;
    if (*start_ns == 0)
        *start_ns = clock_now_ns();
    return clock_now_ns() - *start_ns > SPIN_NS;
}

static void publish(struct side *side)
{
    side->unpublished = 0;
    if (ring_producer_publish(&side->out))
        wake(&side->out.memory->consumer_sleeps);
}

static unsigned char *push(struct side *side, size_t size_bytes)
{
    unsigned char *payload;
    uint64_t start_ns = 0;
    enum ring_result result;
    while ((result = ring_producer_push(&side->out, size_bytes, &payload)) == RING_FULL) {
        publish(side);
        if (has_looked_enough(side, &start_ns) && ring_producer_sleeps(&side->out, size_bytes))
            syscall(SYS_futex, &side->out.memory->producer_sleeps, FUTEX_WAIT, 1, NULL, NULL, 0);
    }
    if (result != RING_OK)
        fail("push");
    return payload;
}

static void send_by_ring(struct side *side, ProtobufCMessage *envelope, struct counter *counter)
{
    unsigned char packed[CHANNEL_MESSAGE_BYTES];
    size_t size_bytes = codec_pack(envelope, packed, sizeof packed);
    memcpy(push(side, size_bytes), packed, size_bytes);
    counter_add(counter, size_bytes, 0);
    if (++side->unpublished == PUBLISH_EVERY)
        publish(side);
}

static void release(struct side *side)
{
    if (ring_consumer_release(&side->in))
        wake(&side->in.memory->producer_sleeps);
}

static ProtobufCMessage *receive_by_ring(struct side *side, const struct codec *codec, size_t *ret_size_bytes)
{
    uint64_t start_ns = 0;
    enum ring_result result;
    ProtobufCMessage *envelope = NULL;
    while ((result = ring_consumer_pop(&side->in, side->message, sizeof side->message, ret_size_bytes)) == RING_EMPTY) {
        release(side);
        if (side->unpublished > 0)
            publish(side);
        if (has_looked_enough(side, &start_ns) && ring_consumer_sleeps(&side->in))
            syscall(SYS_futex, &side->in.memory->consumer_sleeps, FUTEX_WAIT, 1, NULL, NULL, 0);
    }
    if (side->in.head - side->in.published > CAPACITY_BYTES / 4)
        release(side);
    if (result != RING_OK ||
        codec_unpack(codec, &side->arena, side->message, *ret_size_bytes, &envelope) != VIOLATION_NONE)
        fail("receive");
    return envelope;
}

/* As the channel and the peer count. */
static void account(struct counters *counters, const Bulkhead__ToBroker *envelope, size_t size_bytes)
{
    struct counter *counter = &counters->to_broker[envelope->message_case];
    counter_add(counter, size_bytes, 0);
    counter_add_latency(counter, clock_now_ns() - envelope->sent_ns);
}

/* A message of 1 KB that bears a number. */
struct numbered {
    Bulkhead__ToBroker envelope;
    Bulkhead__Log log;
    unsigned char text[MESSAGE_BYTES];
};

static void numbered_init(struct numbered *message)
{
    bulkhead__to_broker__init(&message->envelope);
    bulkhead__log__init(&message->log);
    memset(message->text, 0, sizeof message->text);
    message->log.text = codec_bytes(message->text, sizeof message->text);
    message->envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    message->envelope.log = &message->log;
}

static void check_number(const Bulkhead__ToBroker *envelope, uint32_t number)
{
    if (envelope->message_case != BULKHEAD__TO_BROKER__MESSAGE_LOG || envelope->log->text.len != MESSAGE_BYTES ||
        memcmp(envelope->log->text.data, &number, sizeof number) != 0)
        fail("a wrong message");
}

static void serve_ring_stream(void *userdata)
{
    const struct task *task = userdata;
    struct side *side = side_open(task, true);
    struct numbered message;
    numbered_init(&message);
    for (uint32_t i = 0; i < task->count; i++) {
        memcpy(message.text, &i, sizeof i);
        message.envelope.sent_ns = clock_now_ns();
        send_by_ring(side, &message.envelope.base, &side->counters.to_broker[message.envelope.message_case]);
    }
    publish(side);
}

static uint64_t ring_one_way(uint32_t count, enum bench_placement placement)
{
    struct task task;
    task_open(&task, count, placement);
    struct side *side = side_open(&task, false);
    pid_t pid = bench_child(serve_ring_stream, &task, placement);
    uint64_t start_ns = clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        size_t size_bytes;
        const Bulkhead__ToBroker *envelope =
            (const Bulkhead__ToBroker *)receive_by_ring(side, &codec_to_broker, &size_bytes);
        check_number(envelope, i);
        account(&side->counters, envelope, size_bytes);
    }
    uint64_t took_ns = clock_now_ns() - start_ns;
    bench_child_end(pid);
    return took_ns;
}

/* Answers a ping with a pong. */
static void serve_ring_calls(void *userdata)
{
    const struct task *task = userdata;
    struct side *side = side_open(task, true);
    Bulkhead__Pong pong = BULKHEAD__PONG__INIT;
    Bulkhead__ToBroker answer = BULKHEAD__TO_BROKER__INIT;
    answer.message_case = BULKHEAD__TO_BROKER__MESSAGE_PONG;
    answer.pong = &pong;
    for (uint32_t i = 0; i < task->count; i++) {
        size_t size_bytes;
        const Bulkhead__ToRenderer *order =
            (const Bulkhead__ToRenderer *)receive_by_ring(side, &codec_to_renderer, &size_bytes);
        answer.request_id = order->request_id;
        answer.sent_ns = clock_now_ns();
        send_by_ring(side, &answer.base, &side->counters.to_broker[answer.message_case]);
        publish(side);
    }
}

static void ring_round_trips(uint32_t count, enum bench_placement placement, uint32_t *times_ns)
{
    struct task task;
    Bulkhead__Ping ping = BULKHEAD__PING__INIT;
    Bulkhead__ToRenderer order = BULKHEAD__TO_RENDERER__INIT;
    order.message_case = BULKHEAD__TO_RENDERER__MESSAGE_PING;
    order.ping = &ping;
    task_open(&task, count, placement);
    struct side *side = side_open(&task, false);
    pid_t pid = bench_child(serve_ring_calls, &task, placement);
    for (uint32_t i = 0; i < count; i++) {
        size_t size_bytes;
        uint64_t start_ns = clock_now_ns();
        order.request_id = i + 1;
        order.sent_ns = start_ns;
        send_by_ring(side, &order.base, &side->counters.to_renderer[order.message_case]);
        publish(side);
        const Bulkhead__ToBroker *answer =
            (const Bulkhead__ToBroker *)receive_by_ring(side, &codec_to_broker, &size_bytes);
        if (answer->request_id != order.request_id)
            fail("a wrong answer");
        account(&side->counters, answer, size_bytes);
        times_ns[i] = (uint32_t)(clock_now_ns() - start_ns);
    }
    bench_child_end(pid);
}

/* Answers questions until there are no more. */
static void serve_ring_load(void *userdata)
{
    const struct task *task = userdata;
    struct side *side = side_open(task, true);
    Bulkhead__PageInfo info = BULKHEAD__PAGE_INFO__INIT;
    Bulkhead__ToBroker answer = BULKHEAD__TO_BROKER__INIT;
    info.x1_pt = 612;
    info.y1_pt = 792;
    answer.message_case = BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO;
    answer.page_info = &info;
    for (uint32_t i = 0; i < task->count; i++) {
        size_t size_bytes;
        const Bulkhead__ToRenderer *question =
            (const Bulkhead__ToRenderer *)receive_by_ring(side, &codec_to_renderer, &size_bytes);
        answer.request_id = question->request_id;
        answer.sent_ns = clock_now_ns();
        send_by_ring(side, &answer.base, &side->counters.to_broker[answer.message_case]);
        if (side->unpublished == task->publish_every)
            publish(side);
    }
    publish(side);
}

static void ask_by_ring(struct side *side, uint32_t number, uint64_t now_ns)
{
    Bulkhead__Measure measure = BULKHEAD__MEASURE__INIT;
    Bulkhead__ToRenderer question = BULKHEAD__TO_RENDERER__INIT;
    question.message_case = BULKHEAD__TO_RENDERER__MESSAGE_MEASURE;
    question.measure = &measure;
    question.request_id = number + 1;
    question.sent_ns = now_ns;
    send_by_ring(side, &question.base, &side->counters.to_renderer[question.message_case]);
}

static uint64_t ring_calls(const struct bench_load *load, uint32_t *times_ns)
{
    struct task task;
    uint32_t asked = 0;
    uint64_t asked_ns[OPEN_MAX];
    task_open(&task, load->count, load->placement);
    task.publish_every = load->open > 1 ? load->open / 2 : 1;
    struct side *side = side_open(&task, false);
    if (load->open > OPEN_MAX)
        fail("too many calls under way");
    pid_t pid = bench_child(serve_ring_load, &task, load->placement);
    uint64_t start_ns = clock_now_ns();
    for (uint32_t answered = 0; answered < load->count; answered++) {
        size_t size_bytes;
        for (; asked < load->count && asked < answered + load->open; asked++) {
            asked_ns[asked % OPEN_MAX] = clock_now_ns();
            ask_by_ring(side, asked, asked_ns[asked % OPEN_MAX]);
            if (side->unpublished == task.publish_every)
                publish(side);
        }
        const Bulkhead__ToBroker *answer =
            (const Bulkhead__ToBroker *)receive_by_ring(side, &codec_to_broker, &size_bytes);
        if (answer->request_id != answered + 1)
            fail("a wrong answer");
        account(&side->counters, answer, size_bytes);
        times_ns[answered] = (uint32_t)(clock_now_ns() - asked_ns[answered % OPEN_MAX]);
    }
    uint64_t took_ns = clock_now_ns() - start_ns;
    bench_child_end(pid);
    return took_ns;
}

static void flush_all(struct channel *channel)
{
    struct pollfd poll_fd = {.fd = channel_fd(channel), .events = POLLOUT};
    while (channel_flush(channel) == CHANNEL_PENDING)
        poll(&poll_fd, 1, -1);
}

static void serve_channel_stream(void *userdata)
{
    const struct task *task = userdata;
    struct channel *channel;
    struct numbered message;
    if (channel_create(task->pair[1], CHANNEL_RENDERER, NULL, &channel) < 0)
        fail("channel");
    numbered_init(&message);
    for (uint32_t i = 0; i < task->count; i++) {
        memcpy(message.text, &i, sizeof i);
        if (channel_send(channel, &message.envelope.base, NULL, 0) != CHANNEL_OK)
            fail("send");
        if (i % FLUSH_EVERY == FLUSH_EVERY - 1)
            flush_all(channel);
    }
    flush_all(channel);
}

static uint64_t channel_one_way(uint32_t count, enum bench_placement placement)
{
    static struct counters counters;
    struct task task;
    struct channel *channel;
    task_open(&task, count, placement);
    struct pollfd poll_fd = {.fd = task.pair[0], .events = POLLIN};
    pid_t pid = bench_child(serve_channel_stream, &task, placement);
    if (channel_create(task.pair[0], CHANNEL_BROKER, &counters, &channel) < 0)
        fail("channel");
    uint64_t start_ns = clock_now_ns();
    for (uint32_t i = 0; i < count; i++) {
        struct channel_message message;
        int result;
        while ((result = channel_receive(channel, &message)) == CHANNEL_EMPTY)
            poll(&poll_fd, 1, -1);
        if (result != CHANNEL_OK)
            fail("receive");
        check_number(message.to_broker, i);
        counter_add_latency(&counters.to_broker[message.type], message.received_ns - message.to_broker->sent_ns);
    }
    uint64_t took_ns = clock_now_ns() - start_ns;
    bench_child_end(pid);
    return took_ns;
}

const struct bench_peer bench_peer_channel = {"the channel alone, by socket", channel_one_way, NULL, NULL};
const struct bench_peer bench_peer_ring = {"the same by a ring of shared memory", ring_one_way, ring_round_trips,
                                           ring_calls};
