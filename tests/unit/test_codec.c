#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/codec.h"
#include "tests/support/wire.h"

enum { HELLO = 10, FORKED = 11, FRAME_READY = 14, OPEN_FILE = 15, PONG = 17, LOG = 18, ERROR = 19, ACTIVITY = 20 };
enum { NAVIGATE = 12, MEASURE = 13, PING = 21 };
enum { PACK_SPARE_BYTES = 16 };

static const struct codec *const codecs[] = {&codec_to_renderer, &codec_to_broker};

/* The scratch of one test: three messages to nest, and an arena. */
struct fixture {
    struct wire envelope, inner, element;
    struct codec_arena arena;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    *state = fixture;
    return fixture ? codec_arena_init(&fixture->arena) : -1;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    codec_arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

/* A copy that ends where its malloc'd memory ends, so that a sanitizer sees any read beyond it. */
static enum violation scan_exactly(const struct codec *codec, const unsigned char *bytes, size_t size)
{
    unsigned char *copy = malloc(size > 0 ? size : 1);
    enum violation violation;

    assert_non_null(copy);
    memcpy(copy, bytes, size);
    violation = codec_scan(codec, copy, size);
    free(copy);
    return violation;
}

static enum violation scan(const struct codec *codec, const struct wire *wire)
{
    return scan_exactly(codec, wire->bytes, wire->size);
}

/* The verdict on an envelope to the broker whose member `type` is fixture->inner. */
static enum violation scan_inner(struct fixture *fixture, unsigned type)
{
    fixture->envelope.size = 0;
    wire_message(&fixture->envelope, type, &fixture->inner);
    fixture->inner.size = 0;
    return scan(&codec_to_broker, &fixture->envelope);
}

static void for_each_type(struct fixture *fixture, unsigned elements, size_t length,
                          void (*check)(struct fixture *fixture, const struct codec *codec, unsigned type))
{
    for (size_t i = 0; i < 2; i++) {
        unsigned types[CODEC_TYPES];
        size_t count = codec_types(codecs[i], types);

        assert_in_range(count, 12, CODEC_TYPES);
        for (size_t j = 0; j < count; j++) {
            fixture->envelope.size = 0;
            wire_sample(&fixture->envelope, codecs[i], types[j], elements, length);
            check(fixture, codecs[i], types[j]);
        }
    }
}

static void names_come_from_the_descriptors_and_fit_the_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        unsigned types[CODEC_TYPES];
        size_t count = codec_types(codecs[i], types);

        assert_int_equal(count, codecs[i]->descriptor->n_fields - 2); /* all but request_id and sent_ns */
        for (size_t j = 0; j < count; j++) {
            assert_in_range(types[j], j > 0 ? types[j - 1] + 1 : 1, CODEC_TYPES - 1);
            assert_non_null(codec_type_name(codecs[i], types[j]));
        }
    }
    assert_string_equal(codec_type_name(&codec_to_broker, FRAME_READY), "frame_ready");
    assert_string_equal(codec_type_name(&codec_to_renderer, PING), "ping");
    assert_null(codec_type_name(&codec_to_broker, 1)); /* request_id is no message */
    assert_null(codec_type_name(&codec_to_broker, 0));
    assert_null(codec_type_name(&codec_to_broker, 63));
    assert_null(codec_type_name(&codec_to_broker, UINT32_MAX));
}

static void check_descriptor(const ProtobufCMessageDescriptor *descriptor, unsigned depth)
{
    assert_in_range(depth, 1, CODEC_DEPTH);
    assert_in_range(descriptor->n_fields, 0, CODEC_TYPES);
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];

        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            assert_int_equal(depth, 1); /* the scanner knows one oneof, the envelope's */
        else if (i > 0)                 /* and the packer that its members come last */
            assert_false(descriptor->fields[i - 1].flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
        /* What codec_unpack() makes no sense of. */
        assert_int_not_equal(field->type, PROTOBUF_C_TYPE_STRING);
        assert_int_not_equal(field->label, PROTOBUF_C_LABEL_OPTIONAL);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            assert_int_equal(field->type, PROTOBUF_C_TYPE_MESSAGE);
        if (field->type == PROTOBUF_C_TYPE_MESSAGE)
            check_descriptor(field->descriptor, depth + 1);
    }
}

static void the_messages_keep_to_what_the_scanner_can_tell(void **state)
{
    (void)state;
    check_descriptor(codec_to_renderer.descriptor, 1);
    check_descriptor(codec_to_broker.descriptor, 1);
}

static bool lies_within(const void *at, const struct wire *wire)
{
    return (const unsigned char *)at >= wire->bytes && (const unsigned char *)at < wire->bytes + wire->size;
}

/* By protobuf-c's own unpacker it is the same message, in memory of its own. */
static void check_against_protobuf_c(const struct codec *codec, const struct wire *wire,
                                     const ProtobufCMessage *envelope)
{
    ProtobufCMessage *theirs = protobuf_c_message_unpack(codec->descriptor, NULL, wire->size, wire->bytes);
    unsigned char *packed[2];
    size_t sizes[2];

    assert_non_null(theirs);
    for (int i = 0; i < 2; i++) {
        const ProtobufCMessage *message = i == 0 ? theirs : envelope;

        packed[i] = malloc(sizeof(wire->bytes));
        sizes[i] = protobuf_c_message_pack(message, packed[i]);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(packed[0], packed[1], sizes[0]);
    free(packed[0]);
    free(packed[1]);
    protobuf_c_message_free_unpacked(theirs, NULL);
}

static void bytes_stay_where_they_arrived(void **state)
{
    struct fixture *fixture = *state;
    ProtobufCMessage *envelope;
    const Bulkhead__Log *log;

    wire_bytes(&fixture->inner, 2, "as it came", 10);
    wire_message(&fixture->envelope, BULKHEAD__TO_BROKER__MESSAGE_LOG, &fixture->inner);
    assert_int_equal(
        codec_unpack(&codec_to_broker, &fixture->arena, fixture->envelope.bytes, fixture->envelope.size, &envelope),
        VIOLATION_NONE);
    log = ((Bulkhead__ToBroker *)envelope)->log;
    assert_true(lies_within(log->text.data, &fixture->envelope));
    assert_int_equal(log->text.len, 10);
    assert_memory_equal(log->text.data, "as it came", 10);
}

static void check_round_trip(struct fixture *fixture, const struct codec *codec, unsigned type)
{
    struct wire *wire = &fixture->envelope;
    unsigned char *packed = malloc(sizeof(wire->bytes));
    ProtobufCMessage *envelope = NULL;

    assert_int_equal(codec_unpack(codec, &fixture->arena, wire->bytes, wire->size, &envelope), VIOLATION_NONE);
    assert_int_equal(codec_type_of(envelope), type);
    assert_int_equal(protobuf_c_message_get_packed_size(envelope), wire->size);
    assert_int_equal(protobuf_c_message_pack(envelope, packed), wire->size);
    assert_memory_equal(packed, wire->bytes, wire->size);
    check_against_protobuf_c(codec, wire, envelope);
    free(packed);
}

/* Into exactly room_bytes, so that a sanitizer sees any write beyond. */
static size_t pack_into(const ProtobufCMessage *message, size_t room_bytes, const void *expected, size_t expected_size)
{
    unsigned char *room = malloc(room_bytes > 0 ? room_bytes : 1);
    size_t size;

    assert_non_null(room);
    size = codec_pack(message, room, room_bytes);
    if (size > 0) {
        assert_int_equal(size, expected_size);
        assert_memory_equal(room, expected, size);
    }
    free(room);
    return size;
}

static void check_packing(struct fixture *fixture, const struct codec *codec, unsigned type)
{
    const struct wire *wire = &fixture->envelope;
    ProtobufCMessage *envelope;

    (void)type;
    assert_int_equal(codec_unpack(codec, &fixture->arena, wire->bytes, wire->size, &envelope), VIOLATION_NONE);
    assert_int_equal(pack_into(envelope, wire->size + PACK_SPARE_BYTES, wire->bytes, wire->size), wire->size);
    for (size_t room = 0; room < wire->size; room += 1 + wire->size / 512)
        assert_int_equal(pack_into(envelope, room, wire->bytes, wire->size), 0);
    for (size_t room = wire->size; room < wire->size + PACK_SPARE_BYTES; room++)
        pack_into(envelope, room, wire->bytes, wire->size); /* fits or not; nothing is written beyond */
}

static void packs_what_protobuf_c_would_and_nothing_beyond_its_room(void **state)
{
    for_each_type(*state, 0, 1, check_packing);
    for_each_type(*state, 1, 1, check_packing);
    for_each_type(*state, LIMIT_DAMAGE_RECTS, 200, check_packing);
}

/* Of every type of number there is. */
struct numbers {
    ProtobufCMessage base;
    int32_t int32, sint32, enumerator, sfixed32;
    uint32_t uint32, fixed32;
    int64_t int64, sint64, sfixed64;
    uint64_t uint64, fixed64;
    protobuf_c_boolean boolean;
    float single;
    double twofold;
};

#define NUMBER(number, member, number_type)                                                                            \
    {                                                                                                                  \
        .name = #member, .id = number, .type = PROTOBUF_C_TYPE_##number_type, .label = PROTOBUF_C_LABEL_NONE,          \
        .offset = offsetof(struct numbers, member)                                                                     \
    }

static const ProtobufCFieldDescriptor number_fields[] = {
    NUMBER(1, int32, INT32),       NUMBER(2, sint32, SINT32),       NUMBER(3, enumerator, ENUM),
    NUMBER(4, sfixed32, SFIXED32), NUMBER(5, uint32, UINT32),       NUMBER(6, fixed32, FIXED32),
    NUMBER(7, int64, INT64),       NUMBER(8, sint64, SINT64),       NUMBER(9, sfixed64, SFIXED64),
    NUMBER(10, uint64, UINT64),    NUMBER(11, fixed64, FIXED64),    NUMBER(12, boolean, BOOL),
    NUMBER(1000, single, FLOAT),   NUMBER(300000, twofold, DOUBLE),
};

static const ProtobufCMessageDescriptor number_descriptor = {.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
                                                             .sizeof_message = sizeof(struct numbers),
                                                             .n_fields = 14,
                                                             .fields = number_fields};

static void packs_every_type_of_number_as_protobuf_c_does(void **state)
{
    const int64_t values[] = {0, 1, -1, 63, -64, 127, 128, 300, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        unsigned char expected[256];
        int64_t value = values[i];
        struct numbers numbers = {.base = {.descriptor = &number_descriptor},
                                  .int32 = (int32_t)value,
                                  .sint32 = (int32_t)value,
                                  .enumerator = (int32_t)value,
                                  .sfixed32 = (int32_t)value,
                                  .uint32 = (uint32_t)value,
                                  .fixed32 = (uint32_t)value,
                                  .int64 = value,
                                  .sint64 = value,
                                  .sfixed64 = value,
                                  .uint64 = (uint64_t)value,
                                  .fixed64 = (uint64_t)value,
                                  .boolean = value != 0,
                                  .single = value == 0 ? -0.0f : (float)value,
                                  .twofold = (double)value};
        size_t size = protobuf_c_message_pack(&numbers.base, expected);

        assert_int_equal(pack_into(&numbers.base, sizeof(expected), expected, size), size);
    }
}

static void every_message_comes_through_byte_for_byte(void **state)
{
    for_each_type(*state, 1, 1, check_round_trip);
    for_each_type(*state, LIMIT_DAMAGE_RECTS, 200, check_round_trip);
}

static void check_truncations(struct fixture *fixture, const struct codec *codec, unsigned type)
{
    (void)type;
    /* The member comes last and every field is set, so no shorter prefix is an honest message. */
    for (size_t size = 0; size < fixture->envelope.size; size++)
        assert_int_not_equal(scan_exactly(codec, fixture->envelope.bytes, size), VIOLATION_NONE);
}

static void no_message_passes_when_cut_short(void **state)
{
    for_each_type(*state, 2, 3, check_truncations);
}

static void check_flips(struct fixture *fixture, const struct codec *codec, unsigned type)
{
    struct wire *wire = &fixture->envelope;
    size_t refused = 0;

    (void)type;
    for (size_t bit = 0; bit < wire->size * 8; bit++) {
        ProtobufCMessage *envelope;
        enum violation violation;

        wire->bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        violation = codec_unpack(codec, &fixture->arena, wire->bytes, wire->size, &envelope);
        assert_int_not_equal(violation, VIOLATION_UNDECODABLE); /* what the scan lets pass can be unpacked */
        refused += violation != VIOLATION_NONE;
        if (violation == VIOLATION_NONE)
            check_against_protobuf_c(codec, wire, envelope);
        wire->bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(refused > 0);
}

static void what_the_scan_lets_pass_can_always_be_unpacked(void **state)
{
    for_each_type(*state, 2, 3, check_flips);
}

static void the_largest_messages_fit_the_arena(void **state)
{
    struct fixture *fixture = *state;
    ProtobufCMessage *envelope;

    /* As many elements as may be, first as small as can be, then as large as fit a message. */
    for (unsigned full = 0; full < 2; full++) {
        fixture->envelope.size = fixture->inner.size = fixture->element.size = 0;
        if (full)
            wire_fill(&fixture->element, 4, 'e', 400);
        for (unsigned i = 0; i < CODEC_REPEATED; i++)
            wire_message(&fixture->inner, 4, &fixture->element);
        fixture->element.size = 0;
        if (full)
            wire_fill(&fixture->element, 1, 'p', 400);
        for (unsigned i = 0; i < LIMIT_MODULES; i++)
            wire_message(&fixture->inner, 5, &fixture->element);
        wire_message(&fixture->envelope, HELLO, &fixture->inner);
        assert_int_equal(
            codec_unpack(&codec_to_broker, &fixture->arena, fixture->envelope.bytes, fixture->envelope.size, &envelope),
            VIOLATION_NONE);
        assert_int_equal(((Bulkhead__ToBroker *)envelope)->hello->n_layers, CODEC_REPEATED);
        assert_true(fixture->arena.used < fixture->arena.capacity);
    }
    assert_true(fixture->envelope.size > 120 * 1024); /* the second was large indeed */
}

static void the_arena_is_reused_for_every_message(void **state)
{
    struct fixture *fixture = *state;
    ProtobufCMessage *envelope;
    size_t used = 0;

    wire_sample(&fixture->envelope, &codec_to_broker, ACTIVITY, 5, 10);
    for (unsigned i = 0; i < 2000; i++) {
        assert_int_equal(
            codec_unpack(&codec_to_broker, &fixture->arena, fixture->envelope.bytes, fixture->envelope.size, &envelope),
            VIOLATION_NONE);
        if (i == 0)
            used = fixture->arena.used;
        assert_int_equal(fixture->arena.used, used);
    }
}

static void an_exhausted_arena_is_undecodable(void **state)
{
    struct fixture *fixture = *state;
    size_t capacity = fixture->arena.capacity;
    ProtobufCMessage *untouched = (ProtobufCMessage *)fixture, *envelope = untouched;

    wire_sample(&fixture->envelope, &codec_to_broker, ACTIVITY, 5, 10);
    for (size_t small = 0; small < 1024; small += 16) {
        enum violation violation;

        fixture->arena.capacity = small;
        violation =
            codec_unpack(&codec_to_broker, &fixture->arena, fixture->envelope.bytes, fixture->envelope.size, &envelope);
        if (violation == VIOLATION_NONE)
            break;
        assert_int_equal(violation, VIOLATION_UNDECODABLE);
        assert_ptr_equal(envelope, untouched);
        assert_in_range(small, 0, 900);
    }
    fixture->arena.capacity = capacity;
}

static void refuses_an_envelope_without_a_message(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(codec_scan(&codec_to_broker, NULL, 0), VIOLATION_NO_MESSAGE);
    wire_uint(&fixture->envelope, 1, 5);
    wire_uint(&fixture->envelope, 2, 5);
    assert_int_equal(scan(&codec_to_broker, &fixture->envelope), VIOLATION_NO_MESSAGE);
}

static void refuses_a_message_larger_than_any_packet(void **state)
{
    struct fixture *fixture = *state;

    fixture->envelope.size = CHANNEL_MESSAGE_BYTES + 1;
    assert_int_equal(scan(&codec_to_broker, &fixture->envelope), VIOLATION_OVERSIZED_MESSAGE);
}

static void refuses_fields_nobody_knows(void **state)
{
    struct fixture *fixture = *state;
    struct wire *inner = &fixture->inner;

    wire_uint(inner, 3, 1);
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_UNKNOWN_FIELD);
    wire_uint(inner, 0, 1);
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_UNKNOWN_FIELD);
    wire_varint(inner, UINT64_MAX);
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_UNKNOWN_FIELD);
    wire_varint(inner, 1ull << 32 | 1 << 3); /* field 1, had the number not been cut to 32 bits */
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_UNKNOWN_FIELD);
    assert_int_equal(scan_inner(fixture, 63), VIOLATION_UNKNOWN_FIELD);
    assert_int_equal(scan_inner(fixture, 9), VIOLATION_UNKNOWN_FIELD); /* between the ranges */
    assert_int_equal(scan_inner(fixture, 22), VIOLATION_UNKNOWN_FIELD);
}

static void refuses_a_message_of_the_other_direction(void **state)
{
    struct fixture *fixture = *state;

    wire_sample(&fixture->envelope, &codec_to_renderer, 23, 1, 1); /* shutdown */
    assert_int_equal(scan(&codec_to_broker, &fixture->envelope), VIOLATION_UNKNOWN_FIELD);
}

static void refuses_doubled_fields_and_two_members(void **state)
{
    struct fixture *fixture = *state;

    wire_uint(&fixture->inner, 1, 1);
    wire_uint(&fixture->inner, 1, 1);
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_DUPLICATE_FIELD);

    fixture->envelope.size = 0;
    wire_message(&fixture->envelope, PONG, &fixture->inner);
    wire_message(&fixture->envelope, PONG, &fixture->inner);
    assert_int_equal(scan(&codec_to_broker, &fixture->envelope), VIOLATION_DUPLICATE_FIELD);

    fixture->envelope.size = 0;
    wire_message(&fixture->envelope, PONG, &fixture->inner);
    wire_message(&fixture->envelope, ERROR, &fixture->inner);
    assert_int_equal(scan(&codec_to_broker, &fixture->envelope), VIOLATION_DUPLICATE_FIELD);

    fixture->envelope.size = 0;
    wire_uint(&fixture->envelope, 1, 1);
    wire_message(&fixture->envelope, PONG, &fixture->inner);
    wire_uint(&fixture->envelope, 1, 1);
    assert_int_equal(scan(&codec_to_broker, &fixture->envelope), VIOLATION_DUPLICATE_FIELD);
}

static void refuses_every_other_wire_type(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned wire_type = 1; wire_type < 8; wire_type++) {
        wire_key(&fixture->inner, 1, wire_type); /* a varint field */
        wire_raw(&fixture->inner, "\0\0\0\0\0\0\0", 8);
        assert_int_equal(scan_inner(fixture, PONG), VIOLATION_WRONG_WIRE_TYPE);
    }
    wire_uint(&fixture->inner, 1, 1); /* a bytes field */
    assert_int_equal(scan_inner(fixture, OPEN_FILE), VIOLATION_WRONG_WIRE_TYPE);
    fixture->envelope.size = 0;
    wire_uint(&fixture->envelope, PONG, 1); /* a message */
    assert_int_equal(scan(&codec_to_broker, &fixture->envelope), VIOLATION_WRONG_WIRE_TYPE);
}

static void refuses_lengths_beyond_the_end(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t lengths[] = {4, 1000, UINT32_MAX, 1ull << 63, UINT64_MAX};

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        wire_key(&fixture->inner, 1, WIRE_BYTES);
        wire_varint(&fixture->inner, lengths[i]);
        wire_raw(&fixture->inner, "abc", 3);
        assert_int_equal(scan_inner(fixture, OPEN_FILE), VIOLATION_TRUNCATED_FIELD);
    }
    wire_key(&fixture->inner, 1, WIRE_VARINT);
    wire_raw(&fixture->inner, "\xff", 1);
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_TRUNCATED_FIELD);
}

static void an_inner_length_cannot_reach_out_of_its_message(void **state)
{
    struct fixture *fixture = *state;

    fixture->envelope.size = 0;
    wire_key(&fixture->inner, 1, WIRE_BYTES);
    wire_varint(&fixture->inner, 2);
    wire_message(&fixture->envelope, OPEN_FILE, &fixture->inner);
    wire_uint(&fixture->envelope, 1, 1); /* bytes that the inner field would like to swallow */
    assert_int_equal(scan(&codec_to_broker, &fixture->envelope), VIOLATION_TRUNCATED_FIELD);
}

static void refuses_numbers_out_of_range_and_second_spellings(void **state)
{
    struct fixture *fixture = *state;
    struct wire *inner = &fixture->inner;

    wire_key(inner, 1, WIRE_VARINT);
    wire_raw(inner, "\x80\x00", 2); /* zero, two bytes long */
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_BAD_NUMBER);
    wire_key(inner, 1, WIRE_VARINT);
    wire_raw(inner, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10); /* 65 bits */
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_BAD_NUMBER);
    wire_key(inner, 1, WIRE_VARINT);
    wire_raw(inner, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_BAD_NUMBER);
    wire_raw(inner, "\x88\x00\x01", 3); /* the key itself */
    assert_int_equal(scan_inner(fixture, PONG), VIOLATION_BAD_NUMBER);
    wire_uint(inner, 1, UINT32_MAX + 1ull); /* uint32 */
    assert_int_equal(scan_inner(fixture, FORKED), VIOLATION_BAD_NUMBER);
    wire_uint(inner, 2, INT32_MAX + 1ull); /* int32 */
    assert_int_equal(scan_inner(fixture, FORKED), VIOLATION_BAD_NUMBER);
    wire_uint(inner, 2, (uint64_t)INT32_MIN - 1);
    assert_int_equal(scan_inner(fixture, FORKED), VIOLATION_BAD_NUMBER);
    wire_uint(inner, 2, (uint64_t)(int64_t)INT32_MIN);
    assert_int_equal(scan_inner(fixture, FORKED), VIOLATION_NONE);
    wire_uint(inner, 4, 2); /* bool */
    assert_int_equal(scan_inner(fixture, 12), VIOLATION_BAD_NUMBER);
}

static void refuses_floats_that_are_no_numbers(void **state)
{
    struct fixture *fixture = *state;
    const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wire_float(&fixture->inner, 6, bad[i]);
        assert_int_equal(scan_inner(fixture, 12), VIOLATION_BAD_NUMBER);
    }
    wire_float(&fixture->inner, 6, -3.4e38f);
    assert_int_equal(scan_inner(fixture, 12), VIOLATION_NONE);
}

static void refuses_enum_values_without_a_name(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t bad[] = {13, 99, UINT32_MAX, (uint64_t)-1, 1ull << 32, (1ull << 32) + 1};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        wire_uint(&fixture->inner, 1, bad[i]);
        assert_int_equal(scan_inner(fixture, ERROR), VIOLATION_UNKNOWN_ENUM);
    }
    wire_uint(&fixture->inner, 1, 12);
    assert_int_equal(scan_inner(fixture, ERROR), VIOLATION_NONE);
}

static void check_length(struct fixture *fixture, unsigned type, unsigned field, size_t limit)
{
    wire_fill(&fixture->inner, field, 'x', limit);
    assert_int_equal(scan_inner(fixture, type), VIOLATION_NONE);
    wire_fill(&fixture->inner, field, 'x', limit + 1);
    assert_int_equal(scan_inner(fixture, type), VIOLATION_TOO_LONG);
}

static void refuses_bytes_longer_than_their_field_allows(void **state)
{
    check_length(*state, OPEN_FILE, 1, LIMIT_PATH_BYTES);
    check_length(*state, LOG, 2, LIMIT_LOG_TEXT_BYTES);
    check_length(*state, 12, 3, LIMIT_TITLE_BYTES);
    check_length(*state, ERROR, 2, LIMIT_DETAIL_BYTES);
    check_length(*state, HELLO, 3, LIMIT_DETAIL_BYTES);
}

static void check_count(struct fixture *fixture, unsigned type, unsigned field, unsigned limit)
{
    fixture->element.size = 0;
    for (unsigned i = 0; i < limit; i++)
        wire_message(&fixture->inner, field, &fixture->element);
    assert_int_equal(scan_inner(fixture, type), VIOLATION_NONE);
    for (unsigned i = 0; i < limit + 1; i++)
        wire_message(&fixture->inner, field, &fixture->element);
    assert_int_equal(scan_inner(fixture, type), VIOLATION_TOO_MANY_ELEMENTS);
}

static void refuses_more_elements_than_their_field_allows(void **state)
{
    check_count(*state, FRAME_READY, 5, LIMIT_DAMAGE_RECTS);
    check_count(*state, ACTIVITY, 1, LIMIT_HANDLED);
    check_count(*state, HELLO, 5, LIMIT_MODULES);
    check_count(*state, HELLO, 4, CODEC_REPEATED);
}

/* The messages of today use neither strings nor packed numbers nor deep nesting, but those of tomorrow may:
 *     message Tree { oneof one { Tree child = 1; string name = 2; }  repeated uint32 numbers = 3;
 *                    repeated float floats = 4; sint32 signed = 5; double ratio = 6; fixed64 id = 7; } */
extern const ProtobufCMessageDescriptor tree_descriptor;
#define TREE_FIELD(field_name, number, field_label, field_type, field_flags, field_descriptor)                         \
    {                                                                                                                  \
        .name = field_name, .id = number, .label = PROTOBUF_C_LABEL_##field_label,                                     \
        .type = PROTOBUF_C_TYPE_##field_type, .flags = field_flags, .descriptor = field_descriptor                     \
    }
static const ProtobufCFieldDescriptor tree_fields[] = {
    TREE_FIELD("child", 1, NONE, MESSAGE, PROTOBUF_C_FIELD_FLAG_ONEOF, &tree_descriptor),
    TREE_FIELD("name", 2, NONE, STRING, PROTOBUF_C_FIELD_FLAG_ONEOF, NULL),
    TREE_FIELD("numbers", 3, REPEATED, UINT32, PROTOBUF_C_FIELD_FLAG_PACKED, NULL),
    TREE_FIELD("floats", 4, REPEATED, FLOAT, 0, NULL),
    TREE_FIELD("signed", 5, NONE, SINT32, 0, NULL),
    TREE_FIELD("ratio", 6, NONE, DOUBLE, 0, NULL),
    TREE_FIELD("id", 7, NONE, FIXED64, 0, NULL),
};
static const ProtobufCIntRange tree_ranges[] = {{1, 0}, {0, 7}};
const ProtobufCMessageDescriptor tree_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "Tree",
    .n_fields = sizeof(tree_fields) / sizeof(tree_fields[0]),
    .fields = tree_fields,
    .n_field_ranges = 1,
    .field_ranges = tree_ranges,
};
static const struct codec tree_codec = {.descriptor = &tree_descriptor, .name = "tree"};

/* Scans fixture->envelope with a name appended, so that it is complete. */
static enum violation scan_tree(struct fixture *fixture)
{
    enum violation violation;

    wire_fill(&fixture->envelope, 2, 'n', 1);
    violation = scan(&tree_codec, &fixture->envelope);
    fixture->envelope.size = 0;
    return violation;
}

static void refuses_nesting_beyond_the_depth(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned depth = 2; depth <= 1000; depth++) {
        fixture->inner = fixture->envelope;
        fixture->envelope.size = 0;
        wire_message(&fixture->envelope, 1, &fixture->inner);
        assert_int_equal(scan(&tree_codec, &fixture->envelope),
                         depth <= CODEC_DEPTH ? VIOLATION_NONE : VIOLATION_TOO_DEEP);
    }
}

static void refuses_strings_that_are_not_text(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {{"a\0b", 3},  {"\xff", 1}, {"\xc3", 1}, {"\xc0\x80", 2}, {"\xed\xa0\x80", 3}, {"\xf4\x90\x80\x80", 4},
               {"ok\x80", 3}};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fixture->envelope.size = 0;
        wire_bytes(&fixture->envelope, 2, bad[i].bytes, bad[i].size);
        assert_int_equal(scan(&tree_codec, &fixture->envelope), VIOLATION_BAD_STRING);
    }
    fixture->envelope.size = 0;
    wire_bytes(&fixture->envelope, 2, "\xed\x95\x9c\xea\xb8\x80", 6);
    assert_int_equal(scan(&tree_codec, &fixture->envelope), VIOLATION_NONE);
    fixture->envelope.size = 0;
    wire_fill(&fixture->envelope, 2, 'x', LIMIT_DETAIL_BYTES + 1);
    assert_int_equal(scan(&tree_codec, &fixture->envelope), VIOLATION_TOO_LONG);
}

static void counts_packed_elements_like_single_ones(void **state)
{
    struct fixture *fixture = *state;

    wire_fill(&fixture->envelope, 3, 1, CODEC_REPEATED); /* that many varints of one byte */
    assert_int_equal(scan_tree(fixture), VIOLATION_NONE);
    wire_fill(&fixture->envelope, 3, 1, CODEC_REPEATED + 1);
    assert_int_equal(scan_tree(fixture), VIOLATION_TOO_MANY_ELEMENTS);
    wire_fill(&fixture->envelope, 3, 1, CODEC_REPEATED);
    wire_uint(&fixture->envelope, 3, 1); /* and one more outside the pack */
    assert_int_equal(scan_tree(fixture), VIOLATION_TOO_MANY_ELEMENTS);
}

static void looks_into_packed_numbers(void **state)
{
    struct fixture *fixture = *state;
    const float floats[] = {1, 2, NAN};

    wire_bytes(&fixture->envelope, 3, "\x01\x80", 2);
    assert_int_equal(scan_tree(fixture), VIOLATION_TRUNCATED_FIELD);
    wire_bytes(&fixture->envelope, 3, "\xff\xff\xff\xff\x1f", 5);
    assert_int_equal(scan_tree(fixture), VIOLATION_BAD_NUMBER);
    wire_bytes(&fixture->envelope, 4, floats, 2 * sizeof(float));
    assert_int_equal(scan_tree(fixture), VIOLATION_NONE);
    wire_bytes(&fixture->envelope, 4, floats, 2 * sizeof(float) - 1);
    assert_int_equal(scan_tree(fixture), VIOLATION_TRUNCATED_FIELD);
    wire_bytes(&fixture->envelope, 4, floats, sizeof(floats));
    assert_int_equal(scan_tree(fixture), VIOLATION_BAD_NUMBER);
    wire_float(&fixture->envelope, 4, 1); /* not packed */
    assert_int_equal(scan_tree(fixture), VIOLATION_NONE);
}

static void checks_the_number_types_no_message_uses_yet(void **state)
{
    struct fixture *fixture = *state;
    const double infinite = INFINITY, finite = 1e300;

    wire_uint(&fixture->envelope, 5, UINT32_MAX);
    assert_int_equal(scan_tree(fixture), VIOLATION_NONE);
    wire_uint(&fixture->envelope, 5, UINT32_MAX + 1ull);
    assert_int_equal(scan_tree(fixture), VIOLATION_BAD_NUMBER);
    wire_key(&fixture->envelope, 6, WIRE_64BIT);
    wire_raw(&fixture->envelope, &infinite, sizeof(infinite));
    assert_int_equal(scan_tree(fixture), VIOLATION_BAD_NUMBER);
    wire_key(&fixture->envelope, 6, WIRE_64BIT);
    wire_raw(&fixture->envelope, &finite, sizeof(finite));
    assert_int_equal(scan_tree(fixture), VIOLATION_NONE);
    wire_key(&fixture->envelope, 7, WIRE_64BIT);
    wire_raw(&fixture->envelope, &infinite, sizeof(infinite)); /* any 8 bytes will do */
    assert_int_equal(scan_tree(fixture), VIOLATION_NONE);
    wire_fill(&fixture->envelope, 2, 'n', 1);
    wire_key(&fixture->envelope, 7, WIRE_64BIT);
    wire_raw(&fixture->envelope, "1234567", 7);
    assert_int_equal(scan(&tree_codec, &fixture->envelope), VIOLATION_TRUNCATED_FIELD);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_from_the_descriptors_and_fit_the_tables),
        cmocka_unit_test(the_messages_keep_to_what_the_scanner_can_tell),
        with_fixture(packs_what_protobuf_c_would_and_nothing_beyond_its_room),
        cmocka_unit_test(packs_every_type_of_number_as_protobuf_c_does),
        with_fixture(every_message_comes_through_byte_for_byte),
        with_fixture(no_message_passes_when_cut_short),
        with_fixture(what_the_scan_lets_pass_can_always_be_unpacked),
        with_fixture(bytes_stay_where_they_arrived),
        with_fixture(the_largest_messages_fit_the_arena),
        with_fixture(the_arena_is_reused_for_every_message),
        with_fixture(an_exhausted_arena_is_undecodable),
        with_fixture(refuses_an_envelope_without_a_message),
        with_fixture(refuses_a_message_larger_than_any_packet),
        with_fixture(refuses_fields_nobody_knows),
        with_fixture(refuses_a_message_of_the_other_direction),
        with_fixture(refuses_doubled_fields_and_two_members),
        with_fixture(refuses_every_other_wire_type),
        with_fixture(refuses_lengths_beyond_the_end),
        with_fixture(an_inner_length_cannot_reach_out_of_its_message),
        with_fixture(refuses_numbers_out_of_range_and_second_spellings),
        with_fixture(refuses_floats_that_are_no_numbers),
        with_fixture(refuses_enum_values_without_a_name),
        with_fixture(refuses_bytes_longer_than_their_field_allows),
        with_fixture(refuses_more_elements_than_their_field_allows),
        with_fixture(refuses_nesting_beyond_the_depth),
        with_fixture(refuses_strings_that_are_not_text),
        with_fixture(counts_packed_elements_like_single_ones),
        with_fixture(looks_into_packed_numbers),
        with_fixture(checks_the_number_types_no_message_uses_yet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
