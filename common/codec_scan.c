/* The strict half of codec.h: a walk over raw protobuf bytes, driven by nothing but the descriptors.
 *
 * What is refused is what protobuf-c's own packer never writes. Order of fields and written-out defaults are let pass:
 * they are harmless and other packers produce them. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/codec_private.h"
#include "common/text.h"

enum {
    CODEC_SCAN_FIELDS = CODEC_TYPES, /* per message; the counts live on the stack, CODEC_DEPTH times */
};

struct codec_scan_input {
    const uint8_t *at, *end;
};

struct codec_scan_limit {
    const char *field;
    unsigned limit;
};

/* By the field's name in its descriptor. A bytes or string field that is not listed holds LIMIT_DETAIL_BYTES. */
static const struct codec_scan_limit codec_scan_lengths[] = {
    {"path", LIMIT_PATH_BYTES},
    {"url", LIMIT_URL_BYTES},
    {"title", LIMIT_TITLE_BYTES},
    {"text", LIMIT_LOG_TEXT_BYTES},
};

/* A repeated field that is not listed holds CODEC_REPEATED elements. */
static const struct codec_scan_limit codec_scan_counts[] = {
    {"damage", LIMIT_DAMAGE_RECTS},
    {"handled", LIMIT_HANDLED},
    {"modules", LIMIT_MODULES},
    {"warnings", LIMIT_WARNINGS},
};

static unsigned codec_scan_limit_of(const struct codec_scan_limit *limits, size_t n_limits, const char *field,
                                    unsigned otherwise)
{
    for (size_t i = 0; i < n_limits; i++)
        if (strcmp(limits[i].field, field) == 0)
            return limits[i].limit;
    return otherwise;
}

static unsigned codec_scan_max_length(const ProtobufCFieldDescriptor *field)
{
    return codec_scan_limit_of(codec_scan_lengths, sizeof(codec_scan_lengths) / sizeof(codec_scan_lengths[0]),
                               field->name, LIMIT_DETAIL_BYTES);
}

static unsigned codec_scan_max_count(const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED)
        return 1;
    return codec_scan_limit_of(codec_scan_counts, sizeof(codec_scan_counts) / sizeof(codec_scan_counts[0]), field->name,
                               CODEC_REPEATED);
}

static enum violation codec_scan_long_varint(struct codec_scan_input *input, uint64_t *ret_value)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;

        if (input->at == input->end)
            return VIOLATION_TRUNCATED_FIELD;
        byte = *input->at++;
        if (shift == 63 && byte > 1)
            return VIOLATION_BAD_NUMBER;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80)
            continue;
        if (byte == 0 && shift > 0)
            return VIOLATION_BAD_NUMBER; /* longer than it needs to be: two spellings of one number */
        *ret_value = value;
        return VIOLATION_NONE;
    }
    return VIOLATION_BAD_NUMBER;
}

/* Most are keys, lengths and small numbers. */
static inline enum violation codec_scan_varint(struct codec_scan_input *input, uint64_t *ret_value)
{
    if (input->at == input->end || (*input->at & 0x80) != 0)
        return codec_scan_long_varint(input, ret_value);
    *ret_value = *input->at++;
    return VIOLATION_NONE;
}

/* Takes the next size_bytes out of the input. */
static enum violation codec_scan_take(struct codec_scan_input *input, uint64_t size_bytes,
                                      struct codec_scan_input *ret_part)
{
    if (size_bytes > (uint64_t)(input->end - input->at))
        return VIOLATION_TRUNCATED_FIELD;
    *ret_part = (struct codec_scan_input){.at = input->at, .end = input->at + size_bytes};
    input->at += size_bytes;
    return VIOLATION_NONE;
}

static const uint8_t codec_scan_wire_types[] = {
    [PROTOBUF_C_TYPE_INT32] = PROTOBUF_C_WIRE_TYPE_VARINT,
    [PROTOBUF_C_TYPE_SINT32] = PROTOBUF_C_WIRE_TYPE_VARINT,
    [PROTOBUF_C_TYPE_INT64] = PROTOBUF_C_WIRE_TYPE_VARINT,
    [PROTOBUF_C_TYPE_SINT64] = PROTOBUF_C_WIRE_TYPE_VARINT,
    [PROTOBUF_C_TYPE_UINT32] = PROTOBUF_C_WIRE_TYPE_VARINT,
    [PROTOBUF_C_TYPE_UINT64] = PROTOBUF_C_WIRE_TYPE_VARINT,
    [PROTOBUF_C_TYPE_BOOL] = PROTOBUF_C_WIRE_TYPE_VARINT,
    [PROTOBUF_C_TYPE_ENUM] = PROTOBUF_C_WIRE_TYPE_VARINT,
    [PROTOBUF_C_TYPE_SFIXED32] = PROTOBUF_C_WIRE_TYPE_32BIT,
    [PROTOBUF_C_TYPE_FIXED32] = PROTOBUF_C_WIRE_TYPE_32BIT,
    [PROTOBUF_C_TYPE_FLOAT] = PROTOBUF_C_WIRE_TYPE_32BIT,
    [PROTOBUF_C_TYPE_SFIXED64] = PROTOBUF_C_WIRE_TYPE_64BIT,
    [PROTOBUF_C_TYPE_FIXED64] = PROTOBUF_C_WIRE_TYPE_64BIT,
    [PROTOBUF_C_TYPE_DOUBLE] = PROTOBUF_C_WIRE_TYPE_64BIT,
    [PROTOBUF_C_TYPE_STRING] = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
    [PROTOBUF_C_TYPE_BYTES] = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
    [PROTOBUF_C_TYPE_MESSAGE] = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
};

static inline ProtobufCWireType codec_scan_wire_type(ProtobufCType type)
{
    return (ProtobufCWireType)codec_scan_wire_types[type];
}

static bool codec_scan_fits_int32(uint64_t value)
{
    return (int64_t)value >= INT32_MIN && (int64_t)value <= INT32_MAX;
}

static enum violation codec_scan_varint_value(const ProtobufCFieldDescriptor *field, uint64_t value)
{
    bool fits = true;

    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        if (!codec_scan_fits_int32(value) ||
            !protobuf_c_enum_descriptor_get_value(field->descriptor, (int)(int64_t)value))
            return VIOLATION_UNKNOWN_ENUM;
    } else if (field->type == PROTOBUF_C_TYPE_BOOL) {
        fits = value <= 1;
    } else if (field->type == PROTOBUF_C_TYPE_INT32) {
        fits = codec_scan_fits_int32(value);
    } else if (field->type == PROTOBUF_C_TYPE_UINT32 || field->type == PROTOBUF_C_TYPE_SINT32) {
        fits = value <= UINT32_MAX;
    }
    return fits ? VIOLATION_NONE : VIOLATION_BAD_NUMBER;
}

static enum violation codec_scan_fixed(const ProtobufCFieldDescriptor *field, struct codec_scan_input *input)
{
    size_t size_bytes = codec_scan_wire_type(field->type) == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8;
    struct codec_scan_input part;
    enum violation violation = codec_scan_take(input, size_bytes, &part);
    float as_float;
    double as_double;

    if (violation != VIOLATION_NONE)
        return violation;
    /* The wire is little-endian, and so is every machine this runs on (asserted in codec_scan). */
    if (field->type == PROTOBUF_C_TYPE_FLOAT) {
        memcpy(&as_float, part.at, sizeof(as_float));
        return isfinite(as_float) ? VIOLATION_NONE : VIOLATION_BAD_NUMBER;
    }
    if (field->type == PROTOBUF_C_TYPE_DOUBLE) {
        memcpy(&as_double, part.at, sizeof(as_double));
        return isfinite(as_double) ? VIOLATION_NONE : VIOLATION_BAD_NUMBER;
    }
    return VIOLATION_NONE;
}

static enum violation codec_scan_scalar(const ProtobufCFieldDescriptor *field, struct codec_scan_input *input)
{
    enum violation violation;
    uint64_t value;

    if (codec_scan_wire_type(field->type) != PROTOBUF_C_WIRE_TYPE_VARINT)
        return codec_scan_fixed(field, input);
    violation = codec_scan_varint(input, &value);
    return violation != VIOLATION_NONE ? violation : codec_scan_varint_value(field, value);
}

static enum violation codec_scan_message(const ProtobufCMessageDescriptor *descriptor, struct codec_scan_input input,
                                         unsigned depth);

static enum violation codec_scan_length_prefixed(const ProtobufCFieldDescriptor *field, struct codec_scan_input part,
                                                 unsigned depth)
{
    size_t size_bytes = (size_t)(part.end - part.at);

    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return codec_scan_message(field->descriptor, part, depth + 1);
    /* No limit is less than this one, so that most fields need no look at the list. */
    if (size_bytes > LIMIT_DETAIL_BYTES && size_bytes > codec_scan_max_length(field))
        return VIOLATION_TOO_LONG;
    if (field->type == PROTOBUF_C_TYPE_STRING && !text_is_utf8(part.at, size_bytes))
        return VIOLATION_BAD_STRING;
    return VIOLATION_NONE;
}

static enum violation codec_scan_count(const ProtobufCFieldDescriptor *field, uint16_t *count)
{
    if (*count > 0 && *count >= codec_scan_max_count(field))
        return field->label == PROTOBUF_C_LABEL_REPEATED ? VIOLATION_TOO_MANY_ELEMENTS : VIOLATION_DUPLICATE_FIELD;
    ++*count;
    return VIOLATION_NONE;
}

static enum violation codec_scan_packed(const ProtobufCFieldDescriptor *field, struct codec_scan_input part,
                                        uint16_t *count)
{
    enum violation violation = VIOLATION_NONE;

    while (part.at < part.end && violation == VIOLATION_NONE) {
        violation = codec_scan_count(field, count);
        if (violation == VIOLATION_NONE)
            violation = codec_scan_scalar(field, &part);
    }
    return violation;
}

static enum violation codec_scan_field(const ProtobufCFieldDescriptor *field, unsigned wire_type,
                                       struct codec_scan_input *input, unsigned depth, uint16_t *count)
{
    ProtobufCWireType expected = codec_scan_wire_type(field->type);
    bool is_scalar = expected != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    bool is_packed =
        is_scalar && field->label == PROTOBUF_C_LABEL_REPEATED && wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    struct codec_scan_input part;
    enum violation violation;
    uint64_t size_bytes;

    if (wire_type != expected && !is_packed)
        return VIOLATION_WRONG_WIRE_TYPE;
    if (!is_packed) {
        violation = codec_scan_count(field, count);
        if (violation != VIOLATION_NONE)
            return violation;
        if (is_scalar)
            return codec_scan_scalar(field, input);
    }
    violation = codec_scan_varint(input, &size_bytes);
    if (violation == VIOLATION_NONE)
        violation = codec_scan_take(input, size_bytes, &part);
    if (violation != VIOLATION_NONE)
        return violation;
    return is_packed ? codec_scan_packed(field, part, count) : codec_scan_length_prefixed(field, part, depth);
}

static enum violation codec_scan_key(const ProtobufCMessageDescriptor *descriptor, struct codec_scan_input *input,
                                     const ProtobufCFieldDescriptor **ret_field, unsigned *ret_wire_type)
{
    const ProtobufCFieldDescriptor *field;
    enum violation violation;
    uint64_t key;

    violation = codec_scan_varint(input, &key);
    if (violation != VIOLATION_NONE)
        return violation;
    /* Field numbers have 29 bits. */
    field = key > UINT32_MAX ? NULL : codec_field(descriptor, (unsigned)(key >> 3));
    if (!field)
        return VIOLATION_UNKNOWN_FIELD;
    *ret_field = field;
    *ret_wire_type = (unsigned)(key & 7);
    return VIOLATION_NONE;
}

/* No message here has more than one oneof, so one flag tells its members' doubling. */
static enum violation codec_scan_message(const ProtobufCMessageDescriptor *descriptor, struct codec_scan_input input,
                                         unsigned depth)
{
    uint16_t counts[CODEC_SCAN_FIELDS]; // those that `seen` has a bit for
    uint64_t seen = 0;                  // by the field's place in the descriptor
    bool has_member = false;

    _Static_assert(CODEC_SCAN_FIELDS <= 64, "a bit for each");
    assert(descriptor->n_fields <= CODEC_SCAN_FIELDS);
    if (depth > CODEC_DEPTH)
        return VIOLATION_TOO_DEEP;
    while (input.at < input.end) {
        const ProtobufCFieldDescriptor *field;
        unsigned wire_type, index;
        enum violation violation = codec_scan_key(descriptor, &input, &field, &wire_type);

        if (violation != VIOLATION_NONE)
            return violation;
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            if (has_member)
                return VIOLATION_DUPLICATE_FIELD;
            has_member = true;
        }
        index = (unsigned)(field - descriptor->fields);
        if ((seen >> index & 1) == 0)
            counts[index] = 0;
        seen |= (uint64_t)1 << index;
        violation = codec_scan_field(field, wire_type, &input, depth, &counts[index]);
        if (violation != VIOLATION_NONE)
            return violation;
    }
    return depth == 1 && !has_member ? VIOLATION_NO_MESSAGE : VIOLATION_NONE;
}

enum violation codec_scan(const struct codec *codec, const void *data, size_t size_bytes)
{
    struct codec_scan_input input;

    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "floats are read as they lie on the wire");
    if (size_bytes > CHANNEL_MESSAGE_BYTES)
        return VIOLATION_OVERSIZED_MESSAGE;
    if (size_bytes == 0)
        return VIOLATION_NO_MESSAGE; /* and data may be NULL */
    input = (struct codec_scan_input){.at = data, .end = (const uint8_t *)data + size_bytes};
    return codec_scan_message(codec->descriptor, input, 1);
}
