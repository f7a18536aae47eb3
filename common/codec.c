#include "common/codec.h"

#include <errno.h>
#include <sys/mman.h>

#include "common/codec_private.h"

enum {
    /* What the largest message may need unpacked: 256 elements of the largest struct in each of two repeated fields
     * (2 * 256 * 96) and their pointers. Only pages that are used cost memory. */
    CODEC_ARENA_BYTES = 128 * 1024,
};

const struct codec codec_to_renderer = {.descriptor = &bulkhead__to_renderer__descriptor, .name = "to_renderer"};
const struct codec codec_to_broker = {.descriptor = &bulkhead__to_broker__descriptor, .name = "to_broker"};

const char *codec_type_name(const struct codec *codec, unsigned type)
{
    const ProtobufCFieldDescriptor *field = codec_field(codec->descriptor, type);

    return field && (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) ? field->name : NULL;
}

size_t codec_types(const struct codec *codec, unsigned ret_types[CODEC_TYPES])
{
    const ProtobufCMessageDescriptor *descriptor = codec->descriptor;
    size_t count = 0;

    for (unsigned i = 0; i < descriptor->n_fields && count < CODEC_TYPES; i++)
        if (descriptor->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            ret_types[count++] = descriptor->fields[i].id;
    return count;
}

unsigned codec_type_of(const ProtobufCMessage *envelope)
{
    if (envelope->descriptor == codec_to_renderer.descriptor)
        return ((const Bulkhead__ToRenderer *)envelope)->message_case;
    return ((const Bulkhead__ToBroker *)envelope)->message_case;
}

int codec_arena_init(struct codec_arena *arena)
{
    /* Mapped, not malloc'd: an idle renderer pays only for the pages its largest message touched. */
    void *memory =
        mmap(NULL, CODEC_ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -ENOMEM;
    *arena = (struct codec_arena){
        .memory = memory,
        .capacity = CODEC_ARENA_BYTES,
    };
    return 0;
}

void codec_arena_fini(struct codec_arena *arena)
{
    if (arena->memory)
        munmap(arena->memory, arena->capacity);
    *arena = (struct codec_arena){0};
}
