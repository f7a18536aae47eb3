/* insight.h - what the renderer's side knows at this moment, as an honest one would: read from what the broker sends to
 * the youngest renderer. All zero is a valid start; insight_leave() ends it. */
#ifndef BULKHEAD_FUZZ_INSIGHT_H
#define BULKHEAD_FUZZ_INSIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "common/channel.h"

enum { INSIGHT_REQUESTS = 8 };

struct insight {
    unsigned renderer_id;
    struct channel *channel;                // owned; reads what the broker sends
    uint64_t request_ids[INSIGHT_REQUESTS]; // the last ones
    unsigned request_count;
    uint64_t paint_id, measure_id;
    uint32_t generation, width_px, height_px, page, measured_page, sequence;
    void *frames; // the frame memory, mapped; NULL = none
    size_t frames_bytes;
};

/* Reads what the broker has sent; of another renderer than before, everything begins anew. */
void insight_hear(struct insight *insight);
/* Forgets the renderer. */
void insight_leave(struct insight *insight);
/* The id of the newest request. */
uint64_t insight_newest_request(const struct insight *insight);

#endif
