/* yuv.h - frames as players take them: R'G'B' pixels to Y'CbCr planes.
 *
 * The standard is ITU-R BT.601, 8 bits, limited range: Y' from 16 to 235, Cb and Cr from 16 to 240 around 128, from
 * R'G'B' of the full range 0..255. Chroma of 4:2:0 is the mean of the 2x2 pixels it stands for and lies in their
 * middle, which YUV4MPEG2 calls C420jpeg. Each value is the nearest level, ties aside. Pure: no I/O.
 */
#ifndef BULKHEAD_YUV_H
#define BULKHEAD_YUV_H

#include <stddef.h>
#include <stdint.h>

enum yuv_chroma { YUV_420, YUV_444 };

/* Planes one after the other: Y, Cb, Cr, rows without padding. Odd sizes round the chroma planes up. */
size_t yuv_frame_bytes(uint32_t width_px, uint32_t height_px, enum yuv_chroma chroma);

void yuv_fill_black(uint8_t *planes, uint32_t width_px, uint32_t height_px, enum yuv_chroma chroma);

/* Where a picture goes in planes of width_px x height_px; it fits. x_px and y_px are even, so that its chroma is its
 * own. */
struct yuv_place {
    uint32_t width_px, height_px;
    enum yuv_chroma chroma;
    uint32_t x_px, y_px;
};

/* The picture: 3 bytes a pixel, rows stride_bytes apart. */
void yuv_from_rgb(uint8_t *planes, const struct yuv_place *place, const uint8_t *rgb, uint32_t rgb_width_px,
                  uint32_t rgb_height_px, uint32_t stride_bytes);

#endif
