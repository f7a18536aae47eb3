/* What calls with several under way cost at the least: packets of the same sizes on a bare socket with nothing in them,
 * and the messages with no socket to carry them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/codec.h"
#include "tests/support/bench.h"
#include "tests/support/bench_peers.h"

enum {
    QUESTION_BYTES = 17, /* the frame of a measure */
    ANSWER_BYTES = 27,   /* and of the page_info that answers it */
    LOTS = 2,
    PACKET_BYTES = 64 * ANSWER_BYTES,
    CODEC_LOT = 16,
    CODEC_LOTS = 255,
    CODEC_ROOM_BYTES = 256,
    NS_PER_US = 1000,
};

struct task {
    const struct bench_load *load;
    int pair[2];
};

static void fail(const char *what)
{
    fprintf(stderr, "benchmark: load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint32_t lot_of(const struct bench_load *load)
{
    return load->open > 1 ? load->open / LOTS : 1;
}

static void receive(const struct bench_load *load, int fd, size_t size_bytes)
{
    char packet[PACKET_BYTES];
    uint64_t start_ns = clock_now_ns();
    ssize_t size = -1;
    while (size < 0 && clock_now_ns() - start_ns < load->look_us * (uint64_t)NS_PER_US)
        size = recv(fd, packet, sizeof packet, MSG_DONTWAIT);
    if (size < 0)
        size = recv(fd, packet, sizeof packet, 0);
    if (size != (ssize_t)size_bytes)
        fail("recv");
}

static void send_packet(int fd, size_t size_bytes)
{
    static const char packet[PACKET_BYTES];
    if (send(fd, packet, size_bytes, MSG_NOSIGNAL) != (ssize_t)size_bytes)
        fail("send");
}

static void serve(void *userdata)
{
    const struct task *task = userdata;
    uint32_t lot = lot_of(task->load);
    for (uint32_t i = 0; i < task->load->count; i += lot) {
        receive(task->load, task->pair[1], (size_t)lot * QUESTION_BYTES);
        send_packet(task->pair[1], (size_t)lot * ANSWER_BYTES);
    }
}

static uint64_t packet_calls(const struct bench_load *load, uint32_t *times_ns)
{
    struct task task = {.load = load};
    uint32_t lot = lot_of(load);
    uint64_t asked_ns[LOTS] = {0};
    uint32_t asked = 0;
    if ((size_t)lot * ANSWER_BYTES > PACKET_BYTES || load->count % lot != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, task.pair) < 0)
        fail("a lot");
    pid_t pid = bench_child(serve, &task, load->placement);
    uint64_t start_ns = clock_now_ns();
    for (uint32_t answered = 0; answered < load->count; answered += lot) {
        for (; asked < load->count && asked < answered + load->open; asked += lot) {
            asked_ns[asked / lot % LOTS] = clock_now_ns();
            send_packet(task.pair[0], (size_t)lot * QUESTION_BYTES);
        }
        receive(load, task.pair[0], (size_t)lot * ANSWER_BYTES);
        uint64_t took_ns = clock_now_ns() - asked_ns[answered / lot % LOTS];
        for (uint32_t i = 0; i < lot; i++)
            times_ns[answered + i] = (uint32_t)took_ns;
    }
    uint64_t took_ns = clock_now_ns() - start_ns;
    bench_child_end(pid);
    close(task.pair[0]);
    close(task.pair[1]);
    return took_ns;
}

const struct bench_peer bench_peer_packets = {"the same packets on a bare socket, empty", NULL, NULL, packet_calls};

/* Packs, scans and unpacks a lot of one message. */
static void carry(const struct codec *codec, struct codec_arena *arena, const ProtobufCMessage *message)
{
    unsigned char room[CODEC_LOT][CODEC_ROOM_BYTES];
    size_t sizes[CODEC_LOT];
    ProtobufCMessage *envelope;
    for (int i = 0; i < CODEC_LOT; i++)
        if ((sizes[i] = codec_pack(message, room[i], sizeof room[i])) == 0)
            fail("codec_pack");
    for (int i = 0; i < CODEC_LOT; i++)
        if (codec_unpack(codec, arena, room[i], sizes[i], &envelope) != VIOLATION_NONE)
            fail("codec_unpack");
}

double bench_codec_call_ns(void)
{
    struct bench_samples samples = {0};
    struct codec_arena arena;
    Bulkhead__Measure measure = BULKHEAD__MEASURE__INIT;
    Bulkhead__ToRenderer question = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__PageInfo info = BULKHEAD__PAGE_INFO__INIT;
    Bulkhead__ToBroker answer = BULKHEAD__TO_BROKER__INIT;
    question.message_case = BULKHEAD__TO_RENDERER__MESSAGE_MEASURE;
    question.measure = &measure;
    info.x1_pt = 612;
    info.y1_pt = 792;
    answer.message_case = BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO;
    answer.page_info = &info;
    question.request_id = answer.request_id = 1000;
    question.sent_ns = answer.sent_ns = clock_now_ns();
    if (codec_arena_init(&arena) < 0)
        fail("no memory");
    for (int i = 0; i < CODEC_LOTS; i++) {
        uint64_t start_ns = clock_now_ns();
        carry(&codec_to_renderer, &arena, &question.base);
        carry(&codec_to_broker, &arena, &answer.base);
        bench_add(&samples, (double)(clock_now_ns() - start_ns) / CODEC_LOT);
    }
    codec_arena_fini(&arena);
    return bench_median(&samples);
}
