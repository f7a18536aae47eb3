/* Messages as fast as the socket takes them: most are odd but allowed, so that the stream lasts; now and then one is
 * damaged, or is of a kind that nobody asked for. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/hostile.h"
#include "tests/support/wire.h"

enum {
    PACKET_MESSAGES = 32,
    TEXT_BYTES = 200,
    DAMAGED_ONE_IN = 2048, /* messages */
    ALIEN_ONE_IN = 8192,
    FLIPS = 8,
};

struct mutant {
    struct attacker *self;
    unsigned seed;
    struct wire packet;
};

static unsigned roll(struct mutant *mutant, unsigned sides)
{
    return (unsigned)rand_r(&mutant->seed) % sides;
}

static void put(struct mutant *mutant, Bulkhead__ToBroker *envelope)
{
    struct wire *packet = &mutant->packet;
    envelope->sent_ns = clock_now_ns();
    uint32_t size = (uint32_t)bulkhead__to_broker__get_packed_size(envelope);
    memcpy(packet->bytes + packet->size, &size, sizeof size);
    bulkhead__to_broker__pack(envelope, packet->bytes + packet->size + sizeof size);
    packet->size += size + sizeof size;
}

static void put_log(struct mutant *mutant)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Log message = BULKHEAD__LOG__INIT;
    unsigned char text[TEXT_BYTES];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (unsigned char)roll(mutant, 256);
    message.level = BULKHEAD__LOG__LEVEL__INFO;
    message.text = codec_bytes(text, roll(mutant, sizeof text));
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    envelope.log = &message;
    put(mutant, &envelope);
}

static void put_activity(struct mutant *mutant)
{
    enum { ITEMS = 16 };
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Activity message = BULKHEAD__ACTIVITY__INIT;
    Bulkhead__Handled items[ITEMS], *list[ITEMS];
    uint64_t now_ns = clock_now_ns();
    message.n_handled = roll(mutant, ITEMS);
    for (size_t i = 0; i < message.n_handled; i++) {
        bulkhead__handled__init(&items[i]);
        items[i].end_ns = now_ns - roll(mutant, 1000);
        items[i].start_ns = items[i].end_ns - roll(mutant, 1000);
        list[i] = &items[i];
    }
    message.handled = list;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_ACTIVITY;
    envelope.activity = &message;
    put(mutant, &envelope);
}

/* Of a request that was answered already: late, not hostile. */
static void put_progress(struct mutant *mutant)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Progress message = BULKHEAD__PROGRESS__INIT;
    message.total = roll(mutant, 1 << 30);
    message.done = message.total / 2;
    envelope.request_id = mutant->self->navigate_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PROGRESS;
    envelope.progress = &message;
    put(mutant, &envelope);
}

/* Honest in form, and of a kind, with numbers, that fit no conversation. */
static void put_alien(struct mutant *mutant)
{
    static struct wire message;
    unsigned types[CODEC_TYPES];
    size_t count = codec_types(&codec_to_broker, types);
    message.size = 0;
    wire_sample(&message, &codec_to_broker, types[roll(mutant, (unsigned)count)], roll(mutant, 4), roll(mutant, 64));
    wire_frame(&mutant->packet, &message);
}

static void put_message(struct mutant *mutant)
{
    size_t start = mutant->packet.size;
    if (roll(mutant, ALIEN_ONE_IN) == 0)
        put_alien(mutant);
    else if (roll(mutant, 2) == 0)
        put_log(mutant);
    else if (roll(mutant, 2) == 0)
        put_activity(mutant);
    else
        put_progress(mutant);
    size_t size = mutant->packet.size - start;
    if (size > 0 && roll(mutant, DAMAGED_ONE_IN) == 0)
        for (unsigned flips = 1 + roll(mutant, FLIPS); flips > 0; flips--)
            mutant->packet.bytes[start + roll(mutant, (unsigned)size)] ^= (unsigned char)(1u << roll(mutant, 8));
}

static bool mutates(struct attacker *self)
{
    static struct mutant mutant;
    mutant = (struct mutant){.self = self, .seed = (unsigned)getpid()};
    do {
        struct channel_message *message;
        while ((message = hostile_hear(self, 0)) != NULL)
            if (message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_PING)
                attacker_say_pong(self, message->to_renderer->request_id);
        mutant.packet.size = 0;
        for (unsigned count = 1 + roll(&mutant, PACKET_MESSAGES); count > 0; count--)
            put_message(&mutant);
    } while (attacker_send(self, mutant.packet.bytes, mutant.packet.size));
    return false;
}

const struct attack hostile_mutant_attacks[] = {
    {"mutant", ATTACK_WHEN_LIVE, mutates},
    {0},
};
