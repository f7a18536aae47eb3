/* frame_store.h - the broker's side of frame memory: makes and seals the memfd, keeps the latest frame, lends frames
 * out.
 *
 * Geometry, generation and who holds which buffer are the broker's own record. At most FRAME_BUFFERS buffers: one being
 * painted, one latest, one lent. Pixels are read where they lie; a reader that must not see a torn picture copies with
 * frame_copy(), which tells when the renderer wrote meanwhile.
 */
#ifndef BULKHEAD_FRAME_STORE_H
#define BULKHEAD_FRAME_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/frame_layout.h"

struct frame_store;

/* A painted frame. Borrowed from the store: valid until it is returned or the store destroyed. */
struct frame {
    struct frame_geometry geometry;
    const uint8_t *pixels; /* shared with the renderer: may change under a hostile one */
    uint32_t generation, buffer, sequence, page;
    uint32_t paint_us, skipped;
    uint64_t received_ns; /* frame_ready taken from the channel */
    uint64_t sent_ns;     /* the renderer's claim */
    uint64_t request_id;
    uint32_t damage_count; /* 0 = everything */
    struct {
        uint32_t x_px, y_px, width_px, height_px;
    } damage[LIMIT_DAMAGE_RECTS];
};

int frame_store_create(struct frame_store **ret_store);
void frame_store_destroy(struct frame_store *store); /* takes NULL */

/* New memory of this size, sealed GROW|SHRINK|SEAL; the frames before it stay readable until the first new frame. 0
 * with an owned fd for the Resize message, or -errno. */
int frame_store_resize(struct frame_store *store, const struct frame_geometry *geometry, int *ret_fd,
                       uint32_t *ret_generation);
bool frame_store_geometry(const struct frame_store *store, struct frame_geometry *ret_geometry);

/* Takes a frame_ready. VIOLATION_NONE; the frame is now the latest and ret_released lists the buffers to give back
 * (room for FRAME_BUFFERS). A frame of an older generation is dropped silently with *ret_is_stale. */
enum violation frame_store_accept(struct frame_store *store, const Bulkhead__FrameReady *ready,
                                  const struct frame *facts, uint32_t ret_released[FRAME_BUFFERS],
                                  uint32_t *ret_released_count, bool *ret_is_stale);

/* The latest frame, or NULL before the first. Valid until the next frame_store_accept(). */
const struct frame *frame_store_latest(const struct frame_store *store);

/* Keeps the latest frame's buffer from being reused until frame_store_return(). NULL before the first. */
const struct frame *frame_store_borrow(struct frame_store *store);
/* True with *ret_buffer and *ret_generation when the buffer is to be given back to the renderer now. */
bool frame_store_return(struct frame_store *store, const struct frame *frame, uint32_t *ret_generation,
                        uint32_t *ret_buffer);

/* The renderer is gone: nobody paints any more, buffers need not be given back, a new renderer may get a new
 * generation. */
void frame_store_detach(struct frame_store *store);

/* Copies rows into out (stride out_stride_bytes). False if the renderer wrote to the buffer meanwhile (a torn copy). */
bool frame_copy(const struct frame *frame, struct frame_store *store, uint8_t *out, uint32_t out_stride_bytes);

/* Memory of all frames that are readable or may be painted: what a renderer may have touched. */
size_t frame_store_held_bytes(const struct frame_store *store);

/* Frames that were overwritten while lent: a fact about a misbehaving renderer. */
uint64_t frame_store_torn(const struct frame_store *store);

#endif
