/* frame_layout.h - the shape of frame memory: a sealed memfd made by the broker and mapped by both sides.
 *
 *     offset 0                    struct frame_header (one page)
 *     FRAME_DATA_OFFSET           buffer 0: height * stride bytes, rounded up to a page
 *     ...                         buffer 1, buffer 2
 *
 * Pixels are RGB, 8 bits each, 3 bytes a pixel, rows top to bottom: what MuPDF paints exactly as `mutool draw` does (a
 * fourth byte changes the rounding of transparency groups by up to 2 levels in 4 of 108 corpus files, measured) and
 * what libpng takes without conversion. Geometry comes from the broker's Resize message, never from this memory.
 * Renderers only ever write here; the broker copies what it reads from the header once and believes none of it.
 */
#ifndef BULKHEAD_FRAME_LAYOUT_H
#define BULKHEAD_FRAME_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

enum { FRAME_BYTES_PER_PIXEL = 3, FRAME_DATA_OFFSET = 4096 };

/* Written by the renderer around each paint, like a seqlock: begin is raised before the first pixel, end after the
 * last. begin != end, or a change during a copy, means the buffer was reused while the broker held it. */
struct frame_header {
    struct {
        _Atomic uint32_t begin;
        _Atomic uint32_t end;
    } buffers[FRAME_BUFFERS];
};

struct frame_geometry {
    uint32_t width_px, height_px;
    uint32_t stride_bytes; /* multiple of 4, >= width * 3 */
    uint32_t buffer_count; /* 1..FRAME_BUFFERS */
};

/* Fills stride for a size; false if the size is 0 or over FRAME_EDGE_PX / FRAME_AREA_PX or the count is out of range.
 */
bool frame_geometry_make(uint32_t width_px, uint32_t height_px, uint32_t buffer_count,
                         struct frame_geometry *ret_geometry);
/* Whether all numbers are in range and fit together (for numbers that came in a message). */
bool frame_geometry_is_valid(const struct frame_geometry *geometry);
size_t frame_buffer_bytes(const struct frame_geometry *geometry); /* rounded up to a page */
size_t frame_memory_bytes(const struct frame_geometry *geometry); /* the whole memfd */
size_t frame_buffer_offset(const struct frame_geometry *geometry, uint32_t buffer);

#endif
