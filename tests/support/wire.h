/* wire.h - protobuf bytes written by hand, right or wrong, for tests and fuzz seeds.
 *
 * Never checks what it writes beyond the room it has.
 */
#ifndef BULKHEAD_TESTS_WIRE_H
#define BULKHEAD_TESTS_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "common/codec.h"

enum { WIRE_VARINT = 0, WIRE_64BIT = 1, WIRE_BYTES = 2, WIRE_32BIT = 5 };

struct wire {
    size_t size;
    unsigned char bytes[160 * 1024];
};

void wire_raw(struct wire *wire, const void *data, size_t size_bytes);
void wire_varint(struct wire *wire, uint64_t value);
void wire_key(struct wire *wire, unsigned number, unsigned wire_type);
void wire_uint(struct wire *wire, unsigned number, uint64_t value); /* key and varint */
void wire_float(struct wire *wire, unsigned number, float value);
void wire_bytes(struct wire *wire, unsigned number, const void *data, size_t size_bytes);
/* A field of `size_bytes` times the byte `fill`. */
void wire_fill(struct wire *wire, unsigned number, unsigned char fill, size_t size_bytes);
void wire_message(struct wire *wire, unsigned number, const struct wire *inner);
/* The frame of channel.h: length and message. */
void wire_frame(struct wire *wire, const struct wire *message);

/* An honest envelope of this type with every field set to something that is not its default, repeated fields
 * `elements` times, bytes fields `length` long: exactly what protobuf-c would pack. */
void wire_sample(struct wire *wire, const struct codec *codec, unsigned type, unsigned elements, size_t length);

#endif
