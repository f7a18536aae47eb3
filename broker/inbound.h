/* inbound.h - the table of what a renderer may say, and when.
 *
 * One row for each message: the states in which it is allowed and its handler. inbound_dispatch() checks the row; the
 * handlers, in renderer.c, may assume it. Shape, lengths and enums were checked by the codec before.
 */
#ifndef BULKHEAD_INBOUND_H
#define BULKHEAD_INBOUND_H

#include "broker/renderer.h"

typedef enum violation (*inbound_fn)(struct renderer *renderer, const struct channel_message *message);

struct inbound_row {
    unsigned states; /* bit per enum renderer_state */
    inbound_fn handle;
};

/* Indexed by the field number in ToBroker; a row without a handler is never allowed. */
extern const struct inbound_row inbound_rows[CODEC_TYPES];

enum violation inbound_dispatch(struct renderer *renderer, const struct channel_message *message);

#endif
