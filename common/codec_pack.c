/* A message into bytes, in one walk: protobuf-c's packer needs one to know the size and another to write, each with a
 * look at every member for every field. Byte for byte the same comes out; tests and the fuzzer compare the two. */
#include <stdbool.h>
#include <string.h>

#include "common/codec_private.h"

enum {
    CODEC_PACK_KEY_BYTES = 5,
    CODEC_PACK_VARINT_BYTES = 10,
    CODEC_PACK_VARINT_BITS = 7,
};

struct codec_pack_output {
    uint8_t *at;
    const uint8_t *end;
};

static bool codec_pack_message(const ProtobufCMessage *message, struct codec_pack_output *output);

static bool codec_pack_has_room(const struct codec_pack_output *output, size_t size_bytes)
{
    return size_bytes <= (size_t)(output->end - output->at);
}

static uint8_t *codec_pack_varint(uint8_t *at, uint64_t value)
{
    for (; value >= 1 << CODEC_PACK_VARINT_BITS; value >>= CODEC_PACK_VARINT_BITS)
        *at++ = (uint8_t)(value | 1 << CODEC_PACK_VARINT_BITS);
    *at++ = (uint8_t)value;
    return at;
}

static void codec_pack_key(const ProtobufCFieldDescriptor *field, ProtobufCWireType wire_type,
                           struct codec_pack_output *output)
{
    output->at = codec_pack_varint(output->at, (uint64_t)field->id << 3 | wire_type);
}

static void codec_pack_number(const ProtobufCFieldDescriptor *field, uint64_t value, struct codec_pack_output *output)
{
    if (value == 0)
        return;
    codec_pack_key(field, PROTOBUF_C_WIRE_TYPE_VARINT, output);
    output->at = codec_pack_varint(output->at, value);
}

/* The wire is little-endian, and so are we (codec_scan.c). */
static void codec_pack_fixed(const ProtobufCFieldDescriptor *field, ProtobufCWireType wire_type, const void *member,
                             size_t size_bytes, struct codec_pack_output *output)
{
    codec_pack_key(field, wire_type, output);
    memcpy(output->at, member, size_bytes);
    output->at += size_bytes;
}

static uint64_t codec_pack_zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static bool codec_pack_bytes(const ProtobufCFieldDescriptor *field, const ProtobufCBinaryData *member,
                             struct codec_pack_output *output)
{
    if (member->len == 0)
        return true;
    codec_pack_key(field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, output);
    output->at = codec_pack_varint(output->at, member->len);
    if (!codec_pack_has_room(output, member->len))
        return false;
    memcpy(output->at, member->data, member->len);
    output->at += member->len;
    return true;
}

static bool codec_pack_member_message(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *member,
                                      struct codec_pack_output *output)
{
    uint8_t *length, *content;
    size_t size_bytes, more_bytes = 0;

    if (!codec_pack_has_room(output, CODEC_PACK_KEY_BYTES + CODEC_PACK_VARINT_BYTES))
        return false;
    if (member == NULL)
        return true;
    codec_pack_key(field, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, output);
    length = output->at++;
    content = output->at;
    if (!codec_pack_message(member, output))
        return false;
    size_bytes = (size_t)(output->at - content);
    /* Most messages are short enough for a length of one byte; others move over. */
    for (size_t rest = size_bytes >> CODEC_PACK_VARINT_BITS; rest > 0; rest >>= CODEC_PACK_VARINT_BITS)
        more_bytes++;
    if (!codec_pack_has_room(output, more_bytes))
        return false;
    if (more_bytes > 0)
        memmove(content + more_bytes, content, size_bytes);
    output->at += more_bytes;
    codec_pack_varint(length, size_bytes);
    return true;
}

/* A field that is no repeated one. */
static bool codec_pack_value(const ProtobufCFieldDescriptor *field, const void *member,
                             struct codec_pack_output *output)
{
    if (!codec_pack_has_room(output, CODEC_PACK_KEY_BYTES + CODEC_PACK_VARINT_BYTES))
        return false;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        codec_pack_number(field, (uint64_t)(int64_t) * (const int32_t *)member, output);
        return true;
    case PROTOBUF_C_TYPE_UINT32:
        codec_pack_number(field, *(const uint32_t *)member, output);
        return true;
    case PROTOBUF_C_TYPE_BOOL:
        codec_pack_number(field, *(const protobuf_c_boolean *)member != 0, output);
        return true;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        codec_pack_number(field, *(const uint64_t *)member, output);
        return true;
    case PROTOBUF_C_TYPE_SINT32:
        codec_pack_number(field, codec_pack_zigzag(*(const int32_t *)member), output);
        return true;
    case PROTOBUF_C_TYPE_SINT64:
        codec_pack_number(field, codec_pack_zigzag(*(const int64_t *)member), output);
        return true;
    case PROTOBUF_C_TYPE_FLOAT:
        if (*(const float *)member != 0)
            codec_pack_fixed(field, PROTOBUF_C_WIRE_TYPE_32BIT, member, 4, output);
        return true;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
        if (*(const uint32_t *)member != 0)
            codec_pack_fixed(field, PROTOBUF_C_WIRE_TYPE_32BIT, member, 4, output);
        return true;
    case PROTOBUF_C_TYPE_DOUBLE:
        if (*(const double *)member != 0)
            codec_pack_fixed(field, PROTOBUF_C_WIRE_TYPE_64BIT, member, 8, output);
        return true;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
        if (*(const uint64_t *)member != 0)
            codec_pack_fixed(field, PROTOBUF_C_WIRE_TYPE_64BIT, member, 8, output);
        return true;
    case PROTOBUF_C_TYPE_BYTES:
        return codec_pack_bytes(field, member, output);
    case PROTOBUF_C_TYPE_MESSAGE:
        return codec_pack_member_message(field, *(const ProtobufCMessage *const *)member, output);
    case PROTOBUF_C_TYPE_STRING:
        return false; /* codec.h says that there are none */
    }
    return false;
}

static bool codec_pack_elements(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message,
                                struct codec_pack_output *output)
{
    size_t count = *(const size_t *)((const char *)message + field->quantifier_offset);
    const ProtobufCMessage *const *elements =
        *(const ProtobufCMessage *const *const *)((const char *)message + field->offset);
    bool is_fine = field->type == PROTOBUF_C_TYPE_MESSAGE; /* nor repeated scalars */

    for (size_t i = 0; i < count && is_fine; i++)
        is_fine = codec_pack_member_message(field, elements[i], output);
    return is_fine;
}

static bool codec_pack_message(const ProtobufCMessage *message, struct codec_pack_output *output)
{
    const ProtobufCMessageDescriptor *descriptor = message->descriptor;
    bool is_fine = true;

    for (unsigned i = 0; i < descriptor->n_fields && is_fine; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        const char *member = (const char *)message + field->offset;

        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            is_fine = codec_pack_elements(field, message, output);
            continue;
        }
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            /* The last of the fields are the members of the one oneof (tests/unit/test_codec.c), and one of them is
             * set. */
            field = codec_field(descriptor, *(const uint32_t *)((const char *)message + field->quantifier_offset));
            return field == NULL || codec_pack_value(field, (const char *)message + field->offset, output);
        }
        is_fine = codec_pack_value(field, member, output);
    }
    return is_fine;
}

size_t codec_pack(const ProtobufCMessage *envelope, void *data, size_t room_bytes)
{
    struct codec_pack_output output = {.at = data, .end = (const uint8_t *)data + room_bytes};

    return codec_pack_message(envelope, &output) ? (size_t)(output.at - (uint8_t *)data) : 0;
}
