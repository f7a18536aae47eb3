#include "renderer/engine/scene_canvas.h"

#include <math.h>
#include <string.h>

#include "renderer/engine/scene_font.h"

/* Points beyond this are clipped before they become integers: a float out of int's range would be undefined. */
static const float SCENE_CANVAS_FAR = 1e6f;

static float scene_canvas_clampf(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

static int scene_canvas_floor(float value, int low, int high)
{
    int whole = (int)floorf(scene_canvas_clampf(value, -SCENE_CANVAS_FAR, SCENE_CANVAS_FAR));
    return whole < low ? low : whole > high ? high : whole;
}

uint32_t scene_canvas_mix(uint32_t from, uint32_t to, unsigned alpha)
{
    uint32_t mixed = 0;
    for (int shift = 0; shift < 24; shift += 8)
        mixed |= (((from >> shift & 255) * (256 - alpha) + (to >> shift & 255) * alpha) >> 8) << shift;
    return mixed;
}

uint32_t scene_canvas_hue(unsigned hue)
{
    static const uint32_t wheel[] = {0xff5d5d, 0xffa24a, 0xf7d94c, 0x7bd968, 0x3fd0b6, 0x4aa8ff, 0x8d7bff, 0xf26fd0};
    unsigned step = hue % 256 / 32;
    return scene_canvas_mix(wheel[step], wheel[(step + 1) % 8], hue % 32 * 8);
}

/* The first pixel, then twice as many each time: memcpy is faster than any loop of three-byte stores. */
static void scene_canvas_run(uint8_t *pixels, int count, uint32_t colour)
{
    if (count <= 0)
        return;
    size_t size = (size_t)count * 3, done = 3;
    scene_canvas_put(pixels, colour);
    while (done < size) {
        size_t step = done < size - done ? done : size - done;
        memcpy(pixels + done, pixels, step);
        done += step;
    }
}

/* False if nothing of the rectangle is on the canvas. */
static int scene_canvas_clip(const struct scene_canvas *canvas, int *x, int *y, int *width, int *height)
{
    int64_t right = (int64_t)*x + *width, bottom = (int64_t)*y + *height;
    if (right > canvas->width_px)
        right = canvas->width_px;
    if (bottom > canvas->height_px)
        bottom = canvas->height_px;
    if (*x < 0)
        *x = 0;
    if (*y < 0)
        *y = 0;
    if (*x >= right || *y >= bottom)
        return 0;
    *width = (int)(right - *x);
    *height = (int)(bottom - *y);
    return 1;
}

void scene_canvas_fill(const struct scene_canvas *canvas, uint32_t colour)
{
    scene_canvas_rect(canvas, 0, 0, canvas->width_px, canvas->height_px, colour);
}

void scene_canvas_gradient(const struct scene_canvas *canvas, uint32_t top, uint32_t bottom)
{
    for (int y = 0; y < canvas->height_px; y++)
        scene_canvas_run(scene_canvas_row(canvas, y), canvas->width_px,
                         scene_canvas_mix(top, bottom, (unsigned)((int64_t)y * 256 / canvas->height_px)));
}

void scene_canvas_rect(const struct scene_canvas *canvas, int x, int y, int width, int height, uint32_t colour)
{
    if (!scene_canvas_clip(canvas, &x, &y, &width, &height))
        return;
    uint8_t *first = scene_canvas_row(canvas, y) + (size_t)x * 3;
    scene_canvas_run(first, width, colour);
    for (int i = 1; i < height; i++)
        memcpy(first + (size_t)i * canvas->stride_bytes, first, (size_t)width * 3);
}

void scene_canvas_rect_blend(const struct scene_canvas *canvas, int x, int y, int width, int height, uint32_t colour,
                             unsigned alpha)
{
    if (!scene_canvas_clip(canvas, &x, &y, &width, &height))
        return;
    for (int row = y; row < y + height; row++) {
        uint8_t *pixel = scene_canvas_row(canvas, row) + (size_t)x * 3;
        for (int i = 0; i < width; i++, pixel += 3)
            scene_canvas_blend(pixel, colour, alpha);
    }
}

static unsigned scene_canvas_coverage(float inside_px)
{
    return (unsigned)(scene_canvas_clampf(inside_px + 0.5f, 0, 1) * 256);
}

/* The pixels a shape of that extent may touch, clipped; empty boxes have *bottom < *top or *right < *left. */
struct scene_canvas_box {
    int left, top, right, bottom;
};

static struct scene_canvas_box scene_canvas_box(const struct scene_canvas *canvas, float x0, float y0, float x1,
                                                float y1)
{
    return (struct scene_canvas_box){
        .left = scene_canvas_floor(x0 - 1, 0, canvas->width_px),
        .top = scene_canvas_floor(y0 - 1, 0, canvas->height_px),
        .right = scene_canvas_floor(x1 + 1, -1, canvas->width_px - 1),
        .bottom = scene_canvas_floor(y1 + 1, -1, canvas->height_px - 1),
    };
}

void scene_canvas_disc(const struct scene_canvas *canvas, float x, float y, float radius, uint32_t colour)
{
    struct scene_canvas_box box = scene_canvas_box(canvas, x - radius, y - radius, x + radius, y + radius);
    for (int row = box.top; row <= box.bottom; row++) {
        float dy = (float)row + 0.5f - y, core = (radius - 1) * (radius - 1) - dy * dy;
        float half = radius > 1 && core > 0 ? sqrtf(core) : 0;
        int from = scene_canvas_floor(x - half + 1, box.left, box.right + 1);
        int to = half > 1 ? scene_canvas_floor(x + half - 1, from, box.right + 1) : from;
        uint8_t *pixels = scene_canvas_row(canvas, row);
        for (int column = box.left; column <= box.right; column++) {
            if (column == from && to > from) {
                scene_canvas_run(pixels + (size_t)from * 3, to - from, colour);
                column = to;
                if (column > box.right)
                    break;
            }
            float dx = (float)column + 0.5f - x;
            scene_canvas_blend(pixels + (size_t)column * 3, colour,
                               scene_canvas_coverage(radius - sqrtf(dx * dx + dy * dy)));
        }
    }
}

void scene_canvas_ball(const struct scene_canvas *canvas, float x, float y, float radius, uint32_t colour)
{
    struct scene_canvas_box box = scene_canvas_box(canvas, x - radius, y - radius, x + radius, y + radius);
    uint32_t dark = scene_canvas_mix(colour, 0x05060c, 176);
    float light_x = x - radius * 0.35f, light_y = y - radius * 0.4f, reach = radius * 1.45f;
    for (int row = box.top; row <= box.bottom; row++) {
        float dy = (float)row + 0.5f - y, ly = (float)row + 0.5f - light_y;
        uint8_t *pixel = scene_canvas_row(canvas, row) + (size_t)box.left * 3;
        for (int column = box.left; column <= box.right; column++, pixel += 3) {
            float dx = (float)column + 0.5f - x, square = dx * dx + dy * dy;
            if (square > (radius + 1) * (radius + 1))
                continue;
            float lx = (float)column + 0.5f - light_x;
            float shade = scene_canvas_clampf((lx * lx + ly * ly) / (reach * reach), 0, 1);
            uint32_t lit = scene_canvas_mix(colour, dark, (unsigned)(shade * 256));
            float gleam = 1 - (lx * lx + ly * ly) / (radius * radius * 0.16f);
            if (gleam > 0)
                lit = scene_canvas_mix(lit, 0xffffff, (unsigned)(gleam * gleam * 220));
            scene_canvas_blend(pixel, lit, scene_canvas_coverage(radius - sqrtf(square)));
        }
    }
}

void scene_canvas_line(const struct scene_canvas *canvas, float x0, float y0, float x1, float y1, float radius0,
                       float radius1, uint32_t colour)
{
    float radius = fmaxf(radius0, radius1), dx = x1 - x0, dy = y1 - y0, length2 = dx * dx + dy * dy;
    struct scene_canvas_box box = scene_canvas_box(canvas, fminf(x0, x1) - radius, fminf(y0, y1) - radius,
                                                   fmaxf(x0, x1) + radius, fmaxf(y0, y1) + radius);
    for (int row = box.top; row <= box.bottom; row++) {
        uint8_t *pixel = scene_canvas_row(canvas, row) + (size_t)box.left * 3;
        for (int column = box.left; column <= box.right; column++, pixel += 3) {
            float px = (float)column + 0.5f - x0, py = (float)row + 0.5f - y0;
            float along = length2 > 0 ? scene_canvas_clampf((px * dx + py * dy) / length2, 0, 1) : 0;
            float ex = px - along * dx, ey = py - along * dy;
            float inside = radius0 + (radius1 - radius0) * along - sqrtf(ex * ex + ey * ey);
            if (inside > -0.5f)
                scene_canvas_blend(pixel, colour, scene_canvas_coverage(inside));
        }
    }
}

static void scene_canvas_glyph(const struct scene_canvas *canvas, int x, int y, int scale, uint32_t colour,
                               const struct scene_font_glyph *glyph)
{
    for (int row = 0; row < SCENE_FONT_ROWS; row++) {
        uint32_t bits = glyph->wide ? glyph->wide[row] : glyph->narrow[row];
        for (int column = 0; bits && column < glyph->width_px; column++) {
            int from = column;
            while (column < glyph->width_px && bits >> (glyph->width_px - 1 - column) & 1)
                column++;
            if (column > from)
                scene_canvas_rect(canvas, x + from * scale, y + row * scale, (column - from) * scale, scale, colour);
        }
    }
}

void scene_canvas_text(const struct scene_canvas *canvas, int x, int y, int scale, uint32_t colour, const char *text)
{
    if (y >= canvas->height_px || y + SCENE_FONT_ROWS * scale <= 0)
        return;
    for (uint32_t code_point; (code_point = scene_font_next(&text)) != 0 && x < canvas->width_px;) {
        struct scene_font_glyph glyph = scene_font_find(code_point);
        if (x + glyph.width_px * scale > 0)
            scene_canvas_glyph(canvas, x, y, scale, colour, &glyph);
        x += glyph.width_px * scale;
    }
}

void scene_canvas_text_bold(const struct scene_canvas *canvas, int x, int y, int scale, uint32_t colour,
                            const char *text)
{
    scene_canvas_text(canvas, x, y, scale, colour, text);
    scene_canvas_text(canvas, x + (scale + 1) / 2, y, scale, colour, text);
}

int scene_canvas_text_width(const char *text, int scale)
{
    int width = 0;
    for (uint32_t code_point; (code_point = scene_font_next(&text)) != 0;)
        width += scene_font_find(code_point).width_px * scale;
    return width;
}

int scene_canvas_text_scale(int width_px, int height_px, int columns, int rows)
{
    int by_width = width_px / (columns * SCENE_TEXT_WIDTH_PX), by_height = height_px / (rows * SCENE_TEXT_HEIGHT_PX);
    int scale = by_width < by_height ? by_width : by_height;
    return scale < 1 ? 1 : scale;
}
