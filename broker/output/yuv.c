#include "broker/output/yuv.h"

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

/* Of the sum of 1 << pixels_log2 pixels. The shift of a negative number rounds down with gcc and clang, and the half
 * that was added makes that the nearest. */
static uint8_t chroma_of(int32_t weighted_sum, int pixels_log2)
{
    int shift = SHIFT + pixels_log2;

    return (uint8_t)(NEUTRAL + ((weighted_sum + (1 << (shift - 1))) >> shift));
}

static void fill_luma(uint8_t *out, const uint8_t *rgb, uint32_t width_px)
{
    for (uint32_t x = 0; x < width_px; x++)
        out[x] = luma_of(rgb + (size_t)x * 3);
}

static void fill_chroma_444(uint8_t *cb, uint8_t *cr, const uint8_t *rgb, uint32_t width_px)
{
    for (uint32_t x = 0; x < width_px; x++, rgb += 3) {
        cb[x] = chroma_of(CB_R * rgb[0] + CB_G * rgb[1] + CB_B * rgb[2], 0);
        cr[x] = chroma_of(CR_R * rgb[0] + CR_G * rgb[1] + CR_B * rgb[2], 0);
    }
}

/* Of two rows of pixels. What is missing at an odd edge is its neighbour once more, which leaves the mean as it is. */
static void fill_chroma_420(uint8_t *cb, uint8_t *cr, const uint8_t *upper, const uint8_t *lower, uint32_t width_px)
{
    for (uint32_t x = 0; x < width_px; x += 2, upper += 6, lower += 6) {
        size_t next = x + 1 < width_px ? 3 : 0;
        int32_t red = upper[0] + upper[next] + lower[0] + lower[next];
        int32_t green = upper[1] + upper[next + 1] + lower[1] + lower[next + 1];
        int32_t blue = upper[2] + upper[next + 2] + lower[2] + lower[next + 2];

        cb[x / 2] = chroma_of(CB_R * red + CB_G * green + CB_B * blue, 2);
        cr[x / 2] = chroma_of(CR_R * red + CR_G * green + CR_B * blue, 2);
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
        if (place->chroma == YUV_420)
            fill_chroma_420(cb + at, cr + at, row, y + 1 < rgb_height_px ? row + stride_bytes : row, rgb_width_px);
        else
            fill_chroma_444(cb + at, cr + at, row, rgb_width_px);
    }
}
