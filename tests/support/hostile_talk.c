/* A renderer for benchmarks that is hostile in nothing but the amount: "talks" sends as much as its channel takes. A
 * key says what: its code is how many log messages go before each answer to a measure, its x their size in bytes. A
 * pointer's code is how many microseconds it looks for input before it sleeps. */
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/hostile.h"

struct talker {
    struct attacker *self;
    uint32_t floods;
    size_t text_bytes;
    uint64_t spin_ns;
};

static void flush_all(struct talker *talker)
{
    struct pollfd poll_fd = {.fd = talker->self->fd, .events = POLLOUT};
    while (channel_flush(talker->self->channel) == CHANNEL_PENDING)
        poll(&poll_fd, 1, -1);
}

/* Looks for as long as it was told to, then sleeps. */
static int receive(struct talker *talker, struct channel_message *ret_message)
{
    uint64_t deadline = talker->spin_ns > 0 ? clock_now_ns() + talker->spin_ns : 0;
    while (deadline > 0 && clock_now_ns() < deadline) {
        int result = channel_receive(talker->self->channel, ret_message);
        if (result != CHANNEL_EMPTY)
            return result;
    }
    return channel_receive_waiting(talker->self->channel, ret_message);
}

/* As a renderer would in one turn: what fills a packet goes as one. */
static void flood(struct talker *talker)
{
    static uint8_t text[LIMIT_LOG_TEXT_BYTES];
    size_t unsent_bytes = 0;
    Bulkhead__Log log = BULKHEAD__LOG__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    log.text = codec_bytes(text, talker->text_bytes);
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    envelope.log = &log;
    for (uint32_t i = 0; i < talker->floods; i++) {
        memcpy(text, &i, talker->text_bytes < sizeof i ? talker->text_bytes : sizeof i);
        if (channel_send(talker->self->channel, &envelope.base, NULL, 0) != CHANNEL_OK)
            _exit(73);
        unsent_bytes += talker->text_bytes;
        if (unsent_bytes < CHANNEL_PACKET_SOFT_BYTES)
            continue;
        unsent_bytes = 0;
        flush_all(talker);
    }
}

static void answer_measure(struct talker *talker, const Bulkhead__ToRenderer *order)
{
    Bulkhead__PageInfo info = BULKHEAD__PAGE_INFO__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    flood(talker);
    info.page = order->measure->page;
    info.x1_pt = 612;
    info.y1_pt = 792;
    envelope.request_id = order->request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO;
    envelope.page_info = &info;
    if (channel_send(talker->self->channel, &envelope.base, NULL, 0) != CHANNEL_OK)
        _exit(73);
}

static void take_input(struct talker *talker, const Bulkhead__Input *input)
{
    if (input->kind == BULKHEAD__INPUT__KIND__POINTER) {
        talker->spin_ns = input->code * (uint64_t)1000;
        return;
    }
    talker->floods = input->code;
    talker->text_bytes = (size_t)input->x_px < LIMIT_LOG_TEXT_BYTES ? (size_t)input->x_px : LIMIT_LOG_TEXT_BYTES;
}

static void obey(struct talker *talker, const Bulkhead__ToRenderer *order)
{
    switch (order->message_case) {
    case BULKHEAD__TO_RENDERER__MESSAGE_MEASURE:
        answer_measure(talker, order);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_INPUT:
        take_input(talker, order->input);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_PING:
        flush_all(talker); /* before what goes past the queue */
        attacker_say_pong(talker->self, order->request_id);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN:
        _exit(0);
    default:
        break;
    }
}

static bool talks(struct attacker *self)
{
    struct talker talker = {.self = self};
    for (;;) {
        struct channel_message message;
        /* As a renderer does: what came in one packet is answered in one. */
        for (unsigned i = 0; i < CHANNEL_TURN_MESSAGES; i++) {
            if (receive(&talker, &message) != CHANNEL_OK)
                _exit(0);
            obey(&talker, message.to_renderer);
            if (!channel_has_buffered(self->channel))
                break;
        }
        flush_all(&talker);
    }
}

const struct attack hostile_talk_attacks[] = {
    {"talks", ATTACK_WHEN_LIVE, talks},
    {0},
};
