/* scene_canvas.h - drawing for the native scenes: clipped shapes, smooth edges and text on 24-bit RGB rows.
 *
 * Borrows the pixels. Every call clips to the canvas, whatever coordinates it is given; none allocates or fails.
 * Colours are 0xRRGGBB. Coordinates are pixels, y downwards; floats name points, so the centre of pixel 0 is 0.5.
 */
#ifndef BULKHEAD_SCENE_CANVAS_H
#define BULKHEAD_SCENE_CANVAS_H

#include <stdint.h>

struct scene_canvas {
    uint8_t *pixels;
    int width_px, height_px;
    uint32_t stride_bytes;
};

static inline uint8_t *scene_canvas_row(const struct scene_canvas *canvas, int y)
{
    return canvas->pixels + (uint64_t)y * canvas->stride_bytes;
}

static inline void scene_canvas_put(uint8_t *pixel, uint32_t colour)
{
    pixel[0] = (uint8_t)(colour >> 16);
    pixel[1] = (uint8_t)(colour >> 8);
    pixel[2] = (uint8_t)colour;
}

/* `alpha` 0 (nothing) … 256 (all of colour). */
static inline void scene_canvas_blend(uint8_t *pixel, uint32_t colour, unsigned alpha)
{
    for (int i = 0; i < 3; i++) {
        unsigned channel = colour >> (16 - 8 * i) & 255;
        pixel[i] = (uint8_t)((pixel[i] * (256 - alpha) + channel * alpha) >> 8);
    }
}

/* The colour `alpha`/256 of the way from one to the other. */
uint32_t scene_canvas_mix(uint32_t from, uint32_t to, unsigned alpha);
/* A colour of the wheel: hue 0…255, at a brightness and paleness that suit a dark ground. */
uint32_t scene_canvas_hue(unsigned hue);

void scene_canvas_fill(const struct scene_canvas *canvas, uint32_t colour);
void scene_canvas_gradient(const struct scene_canvas *canvas, uint32_t top, uint32_t bottom);
void scene_canvas_rect(const struct scene_canvas *canvas, int x, int y, int width, int height, uint32_t colour);
void scene_canvas_rect_blend(const struct scene_canvas *canvas, int x, int y, int width, int height, uint32_t colour,
                             unsigned alpha);
void scene_canvas_disc(const struct scene_canvas *canvas, float x, float y, float radius, uint32_t colour);
/* A disc lit from the upper left. */
void scene_canvas_ball(const struct scene_canvas *canvas, float x, float y, float radius, uint32_t colour);
/* A line with round ends whose half-width goes from radius0 to radius1. */
void scene_canvas_line(const struct scene_canvas *canvas, float x0, float y0, float x1, float y1, float radius0,
                       float radius1, uint32_t colour);

enum { SCENE_TEXT_WIDTH_PX = 9, SCENE_TEXT_HEIGHT_PX = 18 };

/* UTF-8, one line, `scale` times 9 x 18 pixels a character (East Asian ones are twice as wide); (x, y) is the upper
 * left corner. A character the font lacks is painted as a box. */
void scene_canvas_text(const struct scene_canvas *canvas, int x, int y, int scale, uint32_t colour, const char *text);
/* The same, each stroke twice as wide. */
void scene_canvas_text_bold(const struct scene_canvas *canvas, int x, int y, int scale, uint32_t colour,
                            const char *text);
int scene_canvas_text_width(const char *text, int scale);
/* The largest whole scale >= 1 at which `columns` x `rows` characters fit into width x height. */
int scene_canvas_text_scale(int width_px, int height_px, int columns, int rows);

#endif
