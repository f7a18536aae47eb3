/* frame_target.h - the renderer's side of frame memory: the mapping, and who holds which buffer.
 *
 * A buffer is free, being painted, or handed out; a handed-out buffer is the broker's until it gives it back and is
 * never touched here. Owns the mapping. Takes no locks: the paint thread's lock guards who holds what; the mapping
 * itself changes only on the paint thread.
 */
#ifndef BULKHEAD_FRAME_TARGET_H
#define BULKHEAD_FRAME_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "common/frame_layout.h"

struct frame_target {
    uint8_t *memory; // NULL before the first resize
    struct frame_geometry geometry;
    uint32_t generation;
    bool is_handed_out[FRAME_BUFFERS];
};

void frame_target_init(struct frame_target *target);
void frame_target_fini(struct frame_target *target);

/* Maps new memory and lets the old go; every buffer is free then. Takes fd, a memfd of frame_memory_bytes(geometry):
 * the size is the broker's word and not looked at. 0 or -errno, and then there is no memory at all. */
int frame_target_resize(struct frame_target *target, int fd, uint32_t generation,
                        const struct frame_geometry *geometry);

/* A free buffer's number, or -EAGAIN when the broker holds them all. */
int frame_target_find_free(const struct frame_target *target);

/* Marks the buffer as being written, in shared memory, and returns its pixels. */
uint8_t *frame_target_begin(struct frame_target *target, uint32_t buffer);
void frame_target_end(struct frame_target *target, uint32_t buffer);

/* The buffer is the broker's from now on. */
void frame_target_hand_out(struct frame_target *target, uint32_t buffer);
/* The broker gave it back. False when it is not of this generation or was not handed out. */
bool frame_target_release(struct frame_target *target, uint32_t generation, uint32_t buffer);

#endif
