/* codec_private.h - what the three walks over descriptors share. Private to codec*.c. */
#ifndef BULKHEAD_CODEC_PRIVATE_H
#define BULKHEAD_CODEC_PRIVATE_H

#include "common/codec.h"

/* As protobuf_c_message_descriptor_get_field(), which searches by halves what has one range or two. NULL if there is no
 * such field. */
static inline const ProtobufCFieldDescriptor *codec_field(const ProtobufCMessageDescriptor *descriptor, unsigned id)
{
    const ProtobufCIntRange *range = descriptor->field_ranges;

    /* One entry more than there are ranges says where the last one ends. */
    for (unsigned i = 0; i < descriptor->n_field_ranges; i++, range++) {
        unsigned index = id - (unsigned)range->start_value;

        if (index < range[1].orig_index - range->orig_index)
            return &descriptor->fields[range->orig_index + index];
    }
    return NULL;
}

#endif
