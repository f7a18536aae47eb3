/* encode_image.h - pixels to PNG, PPM or raw bytes, row by row into an output.
 *
 * Pixels may lie in memory that a hostile renderer still writes to: every row is read once (libpng copies it before it
 * filters and compresses), and nothing but the choice of a filter depends on their values. Safe from any thread.
 *
 * PNG: zlib's default level and strategy, and no filter for pages, which is what `mutool draw` 1.21 writes, so that
 * times and sizes compare like with like; the SUB filter for photographs.
 */
#ifndef BULKHEAD_ENCODE_IMAGE_H
#define BULKHEAD_ENCODE_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/output/output.h"

enum encode_format {
    ENCODE_PNG,
    ENCODE_PPM, /* P6 */
    ENCODE_RAW, /* RGB, 8 bits each, rows without padding, no header */
};

/* RGB, 8 bits each. */
struct encode_image {
    const uint8_t *pixels;
    uint32_t width_px, height_px, stride_bytes;
};

struct encode_options {
    enum encode_format format;
    int png_level; /* 0..9; -1 = zlib's default */
    float dpi;     /* noted in the PNG; 0 = not */
};

enum { ENCODE_PNG_LEVEL_DEFAULT = -1 };

/* "png", "ppm" ("pnm" too), "raw" ("rgb" too). False if it is none of them. */
bool encode_format_parse(const char *name, enum encode_format *ret_format);
const char *encode_format_extension(enum encode_format format); /* "png", "ppm", "rgb" */

/* 0, -errno of a write, -ECANCELED once *cancel (may be NULL) is true, -ENOMEM, or -EIO if libpng refuses. */
int encode_image_write(const struct encode_image *image, const struct encode_options *options, struct output *output,
                       const atomic_bool *cancel);

#endif
