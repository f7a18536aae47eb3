/* fuzz_codec.c - any bytes as an envelope of either direction.
 *
 * Beyond "no crash": whatever the scan lets pass can be unpacked, to the message that protobuf-c makes of it, what
 * protobuf-c packs of it passes again, and our packer writes the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* `packed` is what became of our message. */
static void check_against_protobuf_c(const struct codec *codec, const uint8_t *data, size_t size, const uint8_t *packed,
                                     size_t packed_size)
{
    ProtobufCMessage *theirs = protobuf_c_message_unpack(codec->descriptor, NULL, size, data);
    uint8_t *repacked = malloc(packed_size + 1);

    require(theirs != NULL && repacked != NULL && protobuf_c_message_get_packed_size(theirs) == packed_size);
    require(protobuf_c_message_pack(theirs, repacked) == packed_size);
    require(memcmp(packed, repacked, packed_size) == 0);
    free(repacked);
    protobuf_c_message_free_unpacked(theirs, NULL);
}

static void check_packer(const ProtobufCMessage *envelope, const uint8_t *packed, size_t packed_size)
{
    enum { SPARE_BYTES = 16 };
    uint8_t *ours = malloc(packed_size + SPARE_BYTES);

    require(ours != NULL && codec_pack(envelope, ours, packed_size + SPARE_BYTES) == packed_size);
    require(memcmp(ours, packed, packed_size) == 0);
    free(ours);
}

static void fuzz_direction(const struct codec *codec, const uint8_t *data, size_t size)
{
    struct codec_arena arena;
    ProtobufCMessage *envelope;
    enum violation violation;
    uint8_t *packed;
    size_t packed_size;

    require(codec_arena_init(&arena) == 0);
    violation = codec_unpack(codec, &arena, data, size, &envelope);
    require(violation != VIOLATION_UNDECODABLE);
    if (violation == VIOLATION_NONE) {
        unsigned type = codec_type_of(envelope);

        require(codec_type_name(codec, type) != NULL);
        packed_size = protobuf_c_message_get_packed_size(envelope);
        require(packed_size <= size); /* fields only ever vanish: defaults that were written out */
        packed = malloc(packed_size);
        require(packed != NULL && protobuf_c_message_pack(envelope, packed) == packed_size);
        check_against_protobuf_c(codec, data, size, packed, packed_size);
        check_packer(envelope, packed, packed_size);
        require(codec_unpack(codec, &arena, packed, packed_size, &envelope) == VIOLATION_NONE);
        require(codec_type_of(envelope) == type);
        free(packed);
    }
    codec_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_direction(&codec_to_renderer, data, size);
    fuzz_direction(&codec_to_broker, data, size);
    return 0;
}
