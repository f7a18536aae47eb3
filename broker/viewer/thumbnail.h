/* thumbnail.h - a frame as a small picture in character cells.
 *
 * Box-filtered downscale, own code; two pixels a cell by "▀" (upper pixel = foreground, lower = background), one pixel
 * a cell where the terminal has no UTF-8, letters by brightness where it has no colours. Pixels may lie in memory a
 * renderer can still write: they are read once each and only ever used as colours.
 */
#ifndef BULKHEAD_THUMBNAIL_H
#define BULKHEAD_THUMBNAIL_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/document/frame_store.h"
#include "broker/viewer/screen.h"

/* Owned by whoever has it; zero-initialised = empty. */
struct thumbnail {
    uint32_t width_px, height_px;
    uint8_t *rgb; // thumbnail::width_px * thumbnail::height_px * 3 bytes
    size_t capacity_bytes;
};

void thumbnail_fini(struct thumbnail *thumbnail);

/* The largest size with the frame's proportions within columns x rows cells (square pixels, two a cell). At least 1x2.
 */
void thumbnail_fit(const struct frame_geometry *geometry, int columns, int rows, uint32_t *ret_width_px,
                   uint32_t *ret_height_px);

/* Scales the whole frame. Each pixel is the mean of the source pixels it covers; where the source is smaller, the
 * nearest. 0 or -ENOMEM. */
int thumbnail_scale(struct thumbnail *thumbnail, const struct frame *frame, uint32_t width_px, uint32_t height_px);

enum thumbnail_tone {
    THUMBNAIL_PLAIN,
    THUMBNAIL_SAD, /* grey and dark: the last good frame of a renderer that is gone */
};

/* Draws with the upper left corner in cell (x, y), clipped to columns x rows. */
void thumbnail_draw(const struct thumbnail *thumbnail, struct screen *screen, int x, int y, int columns, int rows,
                    enum thumbnail_tone tone);

#endif
