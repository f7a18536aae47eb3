#include "tests/support/wire.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void wire_raw(struct wire *wire, const void *data, size_t size_bytes)
{
    assert(size_bytes <= sizeof(wire->bytes) - wire->size);
    if (size_bytes > 0)
        memcpy(wire->bytes + wire->size, data, size_bytes);
    wire->size += size_bytes;
}

void wire_varint(struct wire *wire, uint64_t value)
{
    do {
        unsigned char byte = (unsigned char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));

        wire_raw(wire, &byte, 1);
        value >>= 7;
    } while (value > 0);
}

void wire_key(struct wire *wire, unsigned number, unsigned wire_type)
{
    wire_varint(wire, (uint64_t)number << 3 | wire_type);
}

void wire_uint(struct wire *wire, unsigned number, uint64_t value)
{
    wire_key(wire, number, WIRE_VARINT);
    wire_varint(wire, value);
}

void wire_float(struct wire *wire, unsigned number, float value)
{
    wire_key(wire, number, WIRE_32BIT);
    wire_raw(wire, &value, sizeof(value));
}

void wire_bytes(struct wire *wire, unsigned number, const void *data, size_t size_bytes)
{
    wire_key(wire, number, WIRE_BYTES);
    wire_varint(wire, size_bytes);
    wire_raw(wire, data, size_bytes);
}

void wire_fill(struct wire *wire, unsigned number, unsigned char fill, size_t size_bytes)
{
    wire_key(wire, number, WIRE_BYTES);
    wire_varint(wire, size_bytes);
    assert(size_bytes <= sizeof(wire->bytes) - wire->size);
    memset(wire->bytes + wire->size, fill, size_bytes);
    wire->size += size_bytes;
}

void wire_message(struct wire *wire, unsigned number, const struct wire *inner)
{
    wire_bytes(wire, number, inner->bytes, inner->size);
}

void wire_frame(struct wire *wire, const struct wire *message)
{
    uint32_t length = (uint32_t)message->size;

    wire_raw(wire, &length, sizeof(length));
    wire_raw(wire, message->bytes, message->size);
}

static void wire_sample_message(struct wire *wire, const ProtobufCMessageDescriptor *descriptor, unsigned elements,
                                size_t length);

static void wire_sample_field(struct wire *wire, const ProtobufCFieldDescriptor *field, unsigned elements,
                              size_t length)
{
    const ProtobufCEnumDescriptor *enumeration = field->descriptor;
    struct wire *inner;

    switch (field->type) {
    case PROTOBUF_C_TYPE_FLOAT:
        wire_float(wire, field->id, 1.5f);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        wire_fill(wire, field->id, 'x', length);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        wire_uint(wire, field->id, (uint64_t)enumeration->values[enumeration->n_values - 1].value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        wire_uint(wire, field->id, 1);
        break;
    case PROTOBUF_C_TYPE_INT32:
        wire_uint(wire, field->id, (uint64_t)-3);
        break;
    case PROTOBUF_C_TYPE_UINT32:
        wire_uint(wire, field->id, UINT32_MAX);
        break;
    case PROTOBUF_C_TYPE_UINT64:
        wire_uint(wire, field->id, UINT64_MAX);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        inner = calloc(1, sizeof(*inner));
        wire_sample_message(inner, field->descriptor, elements, length);
        wire_message(wire, field->id, inner);
        free(inner);
        break;
    default:
        assert(false && "a type the messages did not use when this was written");
    }
}

static void wire_sample_message(struct wire *wire, const ProtobufCMessageDescriptor *descriptor, unsigned elements,
                                size_t length)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        unsigned times = field->label == PROTOBUF_C_LABEL_REPEATED ? elements : 1;

        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            continue;
        while (times-- > 0)
            wire_sample_field(wire, field, elements, length);
    }
}

void wire_sample(struct wire *wire, const struct codec *codec, unsigned type, unsigned elements, size_t length)
{
    wire_sample_message(wire, codec->descriptor, elements, length);
    wire_sample_field(wire, protobuf_c_message_descriptor_get_field(codec->descriptor, type), elements, length);
}
