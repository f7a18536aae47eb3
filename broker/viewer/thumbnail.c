#include "broker/viewer/thumbnail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void thumbnail_fini(struct thumbnail *thumbnail)
{
    free(thumbnail->rgb);
    *thumbnail = (struct thumbnail){0};
}

void thumbnail_fit(const struct frame_geometry *geometry, int columns, int rows, uint32_t *ret_width_px,
                   uint32_t *ret_height_px)
{
    uint64_t width = columns > 0 ? (uint64_t)columns : 1, height = rows > 0 ? (uint64_t)rows * 2 : 2;

    if (geometry->width_px * height > geometry->height_px * width)
        height = (geometry->height_px * width + geometry->width_px / 2) / geometry->width_px;
    else
        width = (geometry->width_px * height + geometry->height_px / 2) / geometry->height_px;
    *ret_width_px = width ? (uint32_t)width : 1;
    *ret_height_px = height > 2 ? (uint32_t)height : 2;
}

/* Source pixels [*ret_first, *ret_end) that target pixel i of n covers; never empty. */
static void thumbnail_span(uint32_t i, uint32_t n, uint32_t source, uint32_t *ret_first, uint32_t *ret_end)
{
    uint32_t first = (uint32_t)((uint64_t)i * source / n), end = (uint32_t)((uint64_t)(i + 1) * source / n);

    *ret_first = first;
    *ret_end = end > first ? end : first + 1;
}

/* Adds one source row into the sums of a target row: `sums` holds width * 3 numbers. */
static void thumbnail_add_row(const uint8_t *row, uint32_t source_width, uint32_t width, uint64_t *sums)
{
    for (uint32_t x = 0; x < width; x++) {
        uint32_t first, end, red = 0, green = 0, blue = 0;
        thumbnail_span(x, width, source_width, &first, &end);
        for (const uint8_t *p = row + (size_t)first * 3, *stop = row + (size_t)end * 3; p < stop; p += 3) {
            red += p[0];
            green += p[1];
            blue += p[2];
        }
        sums[x * 3] += red;
        sums[x * 3 + 1] += green;
        sums[x * 3 + 2] += blue;
    }
}

static void thumbnail_divide_row(const uint64_t *sums, uint32_t source_width, uint32_t width, uint32_t rows,
                                 uint8_t *out)
{
    for (uint32_t x = 0; x < width; x++) {
        uint32_t first, end;
        thumbnail_span(x, width, source_width, &first, &end);
        uint64_t count = (uint64_t)(end - first) * rows;
        for (uint32_t c = 0; c < 3; c++)
            out[x * 3 + c] = (uint8_t)((sums[x * 3 + c] + count / 2) / count);
    }
}

static int thumbnail_reserve(struct thumbnail *thumbnail, size_t size_bytes)
{
    if (size_bytes <= thumbnail->capacity_bytes)
        return 0;
    uint8_t *grown = realloc(thumbnail->rgb, size_bytes);
    if (!grown)
        return -ENOMEM;
    thumbnail->rgb = grown;
    thumbnail->capacity_bytes = size_bytes;
    return 0;
}

int thumbnail_scale(struct thumbnail *thumbnail, const struct frame *frame, uint32_t width_px, uint32_t height_px)
{
    const struct frame_geometry *from = &frame->geometry;
    uint64_t *sums = malloc((size_t)width_px * 3 * sizeof(*sums));

    if (!sums || thumbnail_reserve(thumbnail, (size_t)width_px * height_px * 3) < 0) {
        free(sums);
        return -ENOMEM;
    }
    for (uint32_t y = 0; y < height_px; y++) {
        uint32_t first, end;
        thumbnail_span(y, height_px, from->height_px, &first, &end);
        memset(sums, 0, (size_t)width_px * 3 * sizeof(*sums));
        for (uint32_t row = first; row < end; row++)
            thumbnail_add_row(frame->pixels + (size_t)row * from->stride_bytes, from->width_px, width_px, sums);
        thumbnail_divide_row(sums, from->width_px, width_px, end - first, thumbnail->rgb + (size_t)y * width_px * 3);
    }
    free(sums);
    thumbnail->width_px = width_px;
    thumbnail->height_px = height_px;
    return 0;
}

static uint32_t thumbnail_luminance(uint32_t rgb)
{
    return ((rgb >> 16 & 0xff) * 54 + (rgb >> 8 & 0xff) * 183 + (rgb & 0xff) * 19) >> 8;
}

static uint32_t thumbnail_pixel(const struct thumbnail *thumbnail, uint32_t x, uint32_t y, enum thumbnail_tone tone)
{
    const uint8_t *p = thumbnail->rgb + ((size_t)y * thumbnail->width_px + x) * 3;
    uint32_t rgb = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

    if (tone == THUMBNAIL_SAD)
        rgb = (24 + thumbnail_luminance(rgb) * 2 / 5) * 0x010101u;
    return rgb;
}

static uint32_t thumbnail_mean(uint32_t a, uint32_t b)
{
    return ((a ^ b) & 0xfefefeu) / 2 + (a & b);
}

static void thumbnail_draw_cell(struct screen *screen, int x, int y, uint32_t upper, uint32_t lower, bool has_lower)
{
    static const char ramp[][2] = {" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"};
    uint32_t mean = has_lower ? thumbnail_mean(upper, lower) : upper;

    if (screen_colours(screen) == SCREEN_MONOCHROME)
        screen_put(screen, x, y, (struct screen_style){SCREEN_DEFAULT, SCREEN_DEFAULT, 0},
                   ramp[thumbnail_luminance(mean) * 10 / 256]);
    else if (!screen_is_utf8(screen))
        screen_put(screen, x, y, (struct screen_style){SCREEN_DEFAULT, mean, 0}, " ");
    else if (has_lower && upper == lower)
        screen_put(screen, x, y, (struct screen_style){SCREEN_DEFAULT, upper, 0}, " ");
    else
        screen_put(screen, x, y, (struct screen_style){upper, has_lower ? lower : SCREEN_DEFAULT, 0}, "▀");
}

void thumbnail_draw(const struct thumbnail *thumbnail, struct screen *screen, int x, int y, int columns, int rows,
                    enum thumbnail_tone tone)
{
    for (int row = 0; row < rows && (uint32_t)row * 2 < thumbnail->height_px; row++) {
        uint32_t top = (uint32_t)row * 2;
        bool has_lower = top + 1 < thumbnail->height_px;
        for (int column = 0; column < columns && (uint32_t)column < thumbnail->width_px; column++) {
            uint32_t upper = thumbnail_pixel(thumbnail, (uint32_t)column, top, tone);
            uint32_t lower = has_lower ? thumbnail_pixel(thumbnail, (uint32_t)column, top + 1, tone) : 0;
            thumbnail_draw_cell(screen, x + column, y + row, upper, lower, has_lower);
        }
    }
}
