#include "tests/fuzz/inbound/messages.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/frame_layout.h"
#include "tests/fuzz/inbound/fake_cell.h"

static uint64_t live_number(struct world *world)
{
    struct insight *insight = &world->insight;
    uint8_t choice = script_take(&world->script);
    const uint64_t live[] = {insight->page,
                             insight->generation,
                             insight->sequence + 1,
                             insight->sequence % 3,
                             insight->renderer_id,
                             insight->width_px,
                             insight->height_px,
                             PROTOCOL_VERSION,
                             1,
                             world->view.page,
                             world->asked,
                             clock_now_ns(),
                             0,
                             choice,
                             3,
                             UINT32_MAX};

    if (choice >= 0xc0)
        return insight->request_ids[choice % INSIGHT_REQUESTS];
    return live[choice % (sizeof(live) / sizeof(live[0]))];
}

static uint64_t take_value(struct world *world)
{
    uint8_t kind = script_take(&world->script) % 8;

    return kind < 5 ? live_number(world) : script_take_number(&world->script, 1 + kind % 3 * 3);
}

static void put_bytes(struct world *world, struct wire *wire, unsigned number)
{
    static const char *const paths[] = {"style.css", "sub/inner.txt",    "../outside", "/etc/passwd", "link", "sub",
                                        ".",         "sub/../style.css", "PDF"};
    uint8_t choice = script_take(&world->script);
    uint8_t raw[64];
    size_t length = choice % sizeof(raw);

    if (choice < 0x80) {
        const char *path = paths[choice % (sizeof(paths) / sizeof(paths[0]))];
        wire_bytes(wire, number, path, strlen(path));
        return;
    }
    for (size_t i = 0; i < length; i++)
        raw[i] = script_take(&world->script);
    wire_bytes(wire, number, raw, length);
}

static void put_message(struct world *world, struct wire *wire, const ProtobufCMessageDescriptor *descriptor,
                        unsigned depth);

static void put_field(struct world *world, struct wire *wire, const ProtobufCFieldDescriptor *field, unsigned depth)
{
    uint32_t bits;
    float number;
    struct wire *inner;

    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(world, wire, field->id);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        bits = (uint32_t)script_take_number(&world->script, 4);
        memcpy(&number, &bits, sizeof(number));
        wire_float(wire, field->id, script_take(&world->script) & 1 ? number : 100.5f);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        inner = depth < CODEC_DEPTH ? calloc(1, sizeof(*inner)) : NULL;
        if (inner != NULL) {
            put_message(world, inner, field->descriptor, depth + 1);
            if (inner->size + 16 < sizeof(wire->bytes) - wire->size)
                wire_message(wire, field->id, inner);
            free(inner);
        }
        break;
    default:
        wire_uint(wire, field->id, take_value(world));
    }
}

/* Fields in ascending order, each left out, put in, or (repeated ones, or by way of damage) put in more than once. */
static void put_message(struct world *world, struct wire *wire, const ProtobufCMessageDescriptor *descriptor,
                        unsigned depth)
{
    for (unsigned i = 0; i < descriptor->n_fields && wire->size < 4096; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        uint8_t control = script_take(&world->script);
        unsigned times = field->label == PROTOBUF_C_LABEL_REPEATED ? control % 4 : control % 8 != 0;

        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            continue;
        while (times-- > 0)
            put_field(world, wire, field, depth);
    }
}

static void send_bytes(const void *data, size_t size)
{
    const struct fake_renderer *renderer = fake_cell_youngest();

    if (renderer != NULL && renderer->channel >= 0)
        (void)!send(renderer->channel, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void messages_send_any(struct world *world)
{
    static struct wire message, frame;
    unsigned types[CODEC_TYPES];
    size_t count = codec_types(&codec_to_broker, types);
    unsigned type = types[script_take(&world->script) % count];
    uint8_t id = script_take(&world->script);

    message.size = frame.size = 0;
    if (id != 0)
        wire_uint(&message, 1, id < 0x40 ? live_number(world) : world->insight.request_ids[id % INSIGHT_REQUESTS]);
    if (script_take(&world->script) & 1)
        wire_uint(&message, 2, clock_now_ns());
    put_field(world, &message, protobuf_c_message_descriptor_get_field(codec_to_broker.descriptor, type), 1);
    wire_frame(&frame, &message);
    send_bytes(frame.bytes, frame.size);
    if (type == BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY)
        world->insight.sequence++;
}

void messages_send_envelope(uint64_t request_id, unsigned type, const struct wire *inner)
{
    static struct wire message, frame;

    message.size = frame.size = 0;
    if (request_id != 0)
        wire_uint(&message, 1, request_id);
    wire_message(&message, type, inner);
    wire_frame(&frame, &message);
    send_bytes(frame.bytes, frame.size);
}

/* The value, or what the script wants in its place: one field in four. */
static void put_honest(struct world *world, struct wire *wire, unsigned number, uint64_t value)
{
    uint8_t control = script_take(&world->script);

    if (control % 4 == 3)
        value = control < 0x80 ? script_take(&world->script) : take_value(world);
    if (value != 0) /* proto3 does not send zeros */
        wire_uint(wire, number, value);
}

void messages_answer_almost_honestly(struct world *world)
{
    static struct wire inner;
    struct insight *insight = &world->insight;

    inner.size = 0;
    if (script_take(&world->script) % 4 == 0) {
        put_honest(world, &inner, 1, insight->measured_page);
        wire_float(&inner, 4, 100);
        wire_float(&inner, 5, 100);
        messages_send_envelope(insight->measure_id, BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO, &inner);
        return;
    }
    put_honest(world, &inner, 1, insight->generation);
    put_honest(world, &inner, 2, insight->sequence % FRAME_BUFFERS);
    put_honest(world, &inner, 3, insight->sequence + 1);
    put_honest(world, &inner, 4, insight->page);
    messages_send_envelope(insight->paint_id, BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY, &inner);
    insight->sequence++;
}

void messages_send_raw(struct world *world)
{
    uint8_t packet[128];
    size_t length = script_take(&world->script) % sizeof(packet);

    for (size_t i = 0; i < length; i++)
        packet[i] = script_take(&world->script);
    send_bytes(packet, length);
}
