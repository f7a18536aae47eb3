#include "broker/yuv.h"

#include <string.h>

enum { BLACK_Y = 16, NEUTRAL = 128, SHIFT = 16, HALF = 1 << (SHIFT - 1) };

/* BT.601: E'Y = 0.299 R + 0.587 G + 0.114 B; Y' = 16 + 219 E'Y, Cb = 128 + 224 (E'B - E'Y) / 1.772 and Cr = 128 +
 * 224 (E'R - E'Y) / 1.402, here for R, G and B up to 255 and times 2^16. Each row of chroma adds up to 0, so that every
 * grey comes out as 128. */
enum {
    Y_R = 16829,
    Y_G = 33039,
    Y_B = 6416,
    CB_R = -9714,
    CB_G = -19070,
    CB_B = 28784,
    CR_R = 28784,
    CR_G = -24103,
    CR_B = -4681,
};

static uint32_t chroma_edge(uint32_t edge_px, enum yuv_chroma chroma)
{
    return chroma == YUV_420 ? (edge_px + 1) / 2 : edge_px;
}

static size_t chroma_bytes(uint32_t width_px, uint32_t height_px, enum yuv_chroma chroma)
{
    return (size_t)chroma_edge(width_px, chroma) * chroma_edge(height_px, chroma);
}

size_t yuv_frame_bytes(uint32_t width_px, uint32_t height_px, enum yuv_chroma chroma)
{
    return (size_t)width_px * height_px + 2 * chroma_bytes(width_px, height_px, chroma);
}

void yuv_fill_black(uint8_t *planes, uint32_t width_px, uint32_t height_px, enum yuv_chroma chroma)
{
    size_t luma = (size_t)width_px * height_px;

    memset(planes, BLACK_Y, luma);
    memset(planes + luma, NEUTRAL, 2 * chroma_bytes(width_px, height_px, chroma));
}

static uint8_t luma_of(const uint8_t *rgb)
{
    return (uint8_t)(BLACK_Y + ((Y_R * rgb[0] + Y_G * rgb[1] + Y_B * rgb[2] + HALF) >> SHIFT));
}

/* Of a sum over `count` pixels (1, 2 or 4). The shift of a negative number rounds down with gcc and clang, and the half
 * that was added makes that the nearest. */
static uint8_t chroma_of(const int32_t sum[3], int32_t red, int32_t green, int32_t blue, int32_t count)
{
    int32_t value = red * sum[0] + green * sum[1] + blue * sum[2];
    int32_t shift = SHIFT + (count == 4 ? 2 : count == 2 ? 1 : 0);

    return (uint8_t)(NEUTRAL + ((value + (1 << (shift - 1))) >> shift));
}

static void fill_luma(uint8_t *out, const uint8_t *rgb, uint32_t width_px)
{
    for (uint32_t x = 0; x < width_px; x++)
        out[x] = luma_of(rgb + (size_t)x * 3);
}

/* One row of both chroma planes. lower: the second row of pixels, or NULL at an odd height's end. */
static void fill_chroma(uint8_t *cb, uint8_t *cr, const uint8_t *upper, const uint8_t *lower, uint32_t width_px,
                        uint32_t step)
{
    for (uint32_t x = 0; x < width_px; x += step) {
        uint32_t across = step == 2 && x + 1 < width_px ? 2 : 1;
        int32_t sum[3] = {0}, count = 0;

        for (uint32_t i = 0; i < across; i++) {
            for (int c = 0; c < 3; c++)
                sum[c] += upper[(size_t)(x + i) * 3 + (size_t)c] + (lower ? lower[(size_t)(x + i) * 3 + (size_t)c] : 0);
            count += lower ? 2 : 1;
        }
        cb[x / step] = chroma_of(sum, CB_R, CB_G, CB_B, count);
        cr[x / step] = chroma_of(sum, CR_R, CR_G, CR_B, count);
    }
}

void yuv_from_rgb(uint8_t *planes, const struct yuv_place *place, const uint8_t *rgb, uint32_t rgb_width_px,
                  uint32_t rgb_height_px, uint32_t stride_bytes)
{
    uint32_t step = place->chroma == YUV_420 ? 2 : 1, row_bytes = chroma_edge(place->width_px, place->chroma);
    size_t luma = (size_t)place->width_px * place->height_px;
    uint8_t *cb = planes + luma, *cr = cb + chroma_bytes(place->width_px, place->height_px, place->chroma);

    for (uint32_t y = 0; y < rgb_height_px; y++) {
        const uint8_t *row = rgb + (size_t)y * stride_bytes;
        fill_luma(planes + (size_t)(place->y_px + y) * place->width_px + place->x_px, row, rgb_width_px);
        if (y % step != 0)
            continue;
        size_t at = (size_t)((place->y_px + y) / step) * row_bytes + place->x_px / step;
        fill_chroma(cb + at, cr + at, row, step == 2 && y + 1 < rgb_height_px ? row + stride_bytes : NULL, rgb_width_px,
                    step);
    }
}
