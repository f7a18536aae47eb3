/* codec.h - the two envelopes, ToRenderer and ToBroker: names, packing, strict scanning, unpacking.
 *
 * protobuf-c's parser is lenient: unknown members, doubled members, invalid UTF-8 and embedded NULs all pass it. So
 * codec_unpack() first walks the raw bytes against the descriptors (codec_scan) and refuses whatever an honest packer
 * would not have written, before anything is allocated; only then the message is made, in an arena of bounded size.
 * Strings and repeated scalars are not in this language (bytes and repeated messages are; tests/unit/test_codec.c).
 * A message's "type" is its field number in the envelope's oneof; everything is derived from the descriptors.
 */
#ifndef BULKHEAD_CODEC_H
#define BULKHEAD_CODEC_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "common/violation.h"
#include "to_broker.pb-c.h"
#include "to_renderer.pb-c.h"

/* One direction's language. Immutable, static. */
struct codec {
    const ProtobufCMessageDescriptor *descriptor;
    const char *name; /* "to_renderer", "to_broker" */
};

extern const struct codec codec_to_renderer;
extern const struct codec codec_to_broker;

/* The message's name ("frame_ready"), or NULL if `type` is no member of the oneof. */
const char *codec_type_name(const struct codec *codec, unsigned type);

/* Types of the oneof in ascending order: fills ret_types (room for CODEC_TYPES), returns how many. */
size_t codec_types(const struct codec *codec, unsigned ret_types[CODEC_TYPES]);

/* The oneof case of an envelope of either kind; 0 = not set. */
unsigned codec_type_of(const ProtobufCMessage *envelope);

/* Packs into room_bytes, byte for byte as protobuf-c does. The size, or 0 if it may not fit: some 15 bytes are wanted
 * beyond the last field. */
size_t codec_pack(const ProtobufCMessage *envelope, void *data, size_t room_bytes);

/* Strict wire scan of one envelope. VIOLATION_NONE, or why an honest peer cannot have written it. Allocates nothing. */
enum violation codec_scan(const struct codec *codec, const void *data, size_t size_bytes);

/* Memory for unpacked messages, reused: no malloc per message. Not shared between threads. */
struct codec_arena {
    unsigned char *memory; // codec_arena::capacity bytes
    size_t capacity, used;
};

int codec_arena_init(struct codec_arena *arena); /* 0 or -ENOMEM */
void codec_arena_fini(struct codec_arena *arena);

/* Scans, then unpacks into the arena. The result lives until the next codec_unpack() on that arena (never freed by the
 * caller), and as long as `data`, in which its bytes fields lie; nobody else may write there. VIOLATION_NONE with
 * *ret_envelope set, or the reason with *ret_envelope untouched. */
enum violation codec_unpack(const struct codec *codec, struct codec_arena *arena, const void *data, size_t size_bytes,
                            ProtobufCMessage **ret_envelope);

/* ProtobufCBinaryData over borrowed bytes, for filling messages. */
static inline ProtobufCBinaryData codec_bytes(const void *data, size_t size_bytes)
{
    return (ProtobufCBinaryData){.len = size_bytes, .data = (uint8_t *)(uintptr_t)data};
}

#endif
