/* The second half of codec_unpack(): a message out of bytes that codec_scan() has let pass, driven by the descriptors.
 *
 * protobuf-c's own unpacker checks once more what was checked, keeps a table of members, and copies every bytes field;
 * for the small messages of this protocol that is most of what a message costs (the figures are in ARCHITECTURE.md).
 * Here bytes stay where they arrived. Tests and the fuzzer compare the two. */
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "common/codec_private.h"

enum { CODEC_ARENA_ALIGNMENT = 16 };

struct codec_unpack_input {
    const uint8_t *at, *end;
};

static bool codec_unpack_message(const ProtobufCMessageDescriptor *descriptor, struct codec_unpack_input input,
                                 struct codec_arena *arena, ProtobufCMessage **ret_message);

static void *codec_unpack_alloc(struct codec_arena *arena, size_t size_bytes)
{
    void *memory = arena->memory + arena->used;

    if (size_bytes > arena->capacity - arena->used)
        return NULL;
    /* The capacity is a multiple of the alignment, so rounding up cannot pass it. */
    arena->used += (size_bytes + CODEC_ARENA_ALIGNMENT - 1) & ~(size_t)(CODEC_ARENA_ALIGNMENT - 1);
    return memory;
}

static inline uint64_t codec_unpack_varint(struct codec_unpack_input *input)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        byte = *input->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    return value;
}

static struct codec_unpack_input codec_unpack_part(struct codec_unpack_input *input)
{
    size_t size_bytes = codec_unpack_varint(input);
    struct codec_unpack_input part = {.at = input->at, .end = input->at + size_bytes};

    input->at = part.end;
    return part;
}

static void codec_unpack_copy(struct codec_unpack_input *input, void *member, size_t size_bytes)
{
    memcpy(member, input->at, size_bytes);
    input->at += size_bytes;
}

static uint64_t codec_unpack_zigzag(uint64_t value)
{
    return value >> 1 ^ -(value & 1);
}

static bool codec_unpack_bytes(struct codec_unpack_input *input, ProtobufCBinaryData *member)
{
    struct codec_unpack_input part = codec_unpack_part(input);
    size_t size_bytes = (size_t)(part.end - part.at);

    *member = codec_bytes(size_bytes > 0 ? part.at : NULL, size_bytes);
    return true;
}

/* One value of a field that is no repeated one. */
static bool codec_unpack_value(const ProtobufCFieldDescriptor *field, struct codec_unpack_input *input,
                               struct codec_arena *arena, void *member)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM:
        *(uint32_t *)member = (uint32_t)codec_unpack_varint(input);
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        *(uint64_t *)member = codec_unpack_varint(input);
        return true;
    case PROTOBUF_C_TYPE_SINT32:
        *(uint32_t *)member = (uint32_t)codec_unpack_zigzag(codec_unpack_varint(input));
        return true;
    case PROTOBUF_C_TYPE_SINT64:
        *(uint64_t *)member = codec_unpack_zigzag(codec_unpack_varint(input));
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        *(protobuf_c_boolean *)member = codec_unpack_varint(input) != 0;
        return true;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        codec_unpack_copy(input, member, 4); /* the wire is little-endian, and so are we (codec_scan.c) */
        return true;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        codec_unpack_copy(input, member, 8);
        return true;
    case PROTOBUF_C_TYPE_BYTES:
        return codec_unpack_bytes(input, member);
    case PROTOBUF_C_TYPE_MESSAGE:
        return codec_unpack_message(field->descriptor, codec_unpack_part(input), arena, member);
    case PROTOBUF_C_TYPE_STRING:
        return false; /* would need an end of its own; codec.h says that there are none */
    }
    return false;
}

static void codec_unpack_skip(struct codec_unpack_input *input, unsigned wire_type)
{
    if (wire_type == PROTOBUF_C_WIRE_TYPE_VARINT)
        codec_unpack_varint(input);
    else if (wire_type == PROTOBUF_C_WIRE_TYPE_32BIT)
        input->at += 4;
    else if (wire_type == PROTOBUF_C_WIRE_TYPE_64BIT)
        input->at += 8;
    else
        codec_unpack_part(input);
}

/* How many more of this field there are. */
static size_t codec_unpack_count(struct codec_unpack_input input, unsigned id)
{
    size_t count = 0;

    while (input.at < input.end) {
        uint64_t key = codec_unpack_varint(&input);

        count += key >> 3 == id;
        codec_unpack_skip(&input, (unsigned)(key & 7));
    }
    return count;
}

/* Room for all of them is made when the first one is met. */
static bool codec_unpack_element(const ProtobufCFieldDescriptor *field, struct codec_unpack_input *input,
                                 struct codec_arena *arena, ProtobufCMessage *message)
{
    size_t *count = (size_t *)((char *)message + field->quantifier_offset);
    ProtobufCMessage ***elements = (ProtobufCMessage ***)((char *)message + field->offset);

    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false; /* nor repeated scalars */
    if (*count == 0) {
        struct codec_unpack_input rest = *input;

        codec_unpack_part(&rest);
        *elements = codec_unpack_alloc(arena, (1 + codec_unpack_count(rest, field->id)) * sizeof(**elements));
    }
    if (!*elements)
        return false;
    return codec_unpack_value(field, input, arena, *elements + (*count)++);
}

static bool codec_unpack_message(const ProtobufCMessageDescriptor *descriptor, struct codec_unpack_input input,
                                 struct codec_arena *arena, ProtobufCMessage **ret_message)
{
    ProtobufCMessage *message = codec_unpack_alloc(arena, descriptor->sizeof_message);
    bool is_fine = message != NULL;

    if (is_fine)
        descriptor->message_init(message);
    while (is_fine && input.at < input.end) {
        unsigned id = (unsigned)(codec_unpack_varint(&input) >> 3);
        const ProtobufCFieldDescriptor *field = codec_field(descriptor, id);

        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            is_fine = codec_unpack_element(field, &input, arena, message);
            continue;
        }
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            *(uint32_t *)((char *)message + field->quantifier_offset) = id;
        is_fine = codec_unpack_value(field, &input, arena, (char *)message + field->offset);
    }
    *ret_message = message;
    return is_fine;
}

enum violation codec_unpack(const struct codec *codec, struct codec_arena *arena, const void *data, size_t size_bytes,
                            ProtobufCMessage **ret_envelope)
{
    enum violation violation = codec_scan(codec, data, size_bytes);
    struct codec_unpack_input input = {.at = data, .end = (const uint8_t *)data + size_bytes};
    ProtobufCMessage *envelope;

    if (violation != VIOLATION_NONE)
        return violation;
    assert(arena->memory);
    arena->used = 0;
    if (!codec_unpack_message(codec->descriptor, input, arena, &envelope))
        return VIOLATION_UNDECODABLE;
    *ret_envelope = envelope;
    return VIOLATION_NONE;
}
