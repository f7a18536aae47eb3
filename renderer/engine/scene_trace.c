#include "renderer/engine/scene_trace.h"

#include <math.h>

enum {
    TRACE_COLUMNS = 10, /* divisions */
    TRACE_ROWS = 8,
    TRACE_TEXT_COLUMNS = 33, /* of the longest line */
    TRACE_TEXT_ROWS = 20,    /* more than that is the screen's */
};
/* Of half the screen's height: full scale stays off its edge. */
static const float TRACE_GAIN = 0.92f;
/* Pixels in one column at which the beam has half its brightness, by its radius; and the least it has. */
static const float TRACE_HALF = 18, TRACE_LEAST = 0.4f;

struct scene_trace_screen scene_trace_screen(const struct scene_canvas *canvas)
{
    int edge = canvas->width_px < canvas->height_px ? canvas->width_px : canvas->height_px, margin = edge / 32;
    int scale = scene_canvas_text_scale(canvas->width_px, canvas->height_px, TRACE_TEXT_COLUMNS, TRACE_TEXT_ROWS);
    int line = SCENE_TEXT_HEIGHT_PX * scale, strip = line + margin;
    struct scene_trace_screen screen = {
        .x_px = margin, .y_px = margin, .width_px = canvas->width_px - 2 * margin, .text_scale = scale};

    if (canvas->height_px < 6 * strip || canvas->width_px < TRACE_TEXT_COLUMNS * SCENE_TEXT_WIDTH_PX)
        screen.text_scale = strip = 0;
    screen.y_px += strip;
    screen.height_px = canvas->height_px - 2 * screen.y_px;
    screen.above_px = margin;
    screen.below_px = canvas->height_px - margin - line;
    return screen;
}

void scene_trace_graticule(const struct scene_canvas *canvas, const struct scene_trace_screen *screen, uint32_t ground,
                           uint32_t lines)
{
    int x = screen->x_px, y = screen->y_px, width = screen->width_px, height = screen->height_px;

    scene_canvas_rect(canvas, x, y, width, height, ground);
    for (int i = 0; i <= TRACE_COLUMNS; i++)
        scene_canvas_rect_blend(canvas, x + (width - 1) * i / TRACE_COLUMNS, y, 1, height, lines,
                                i * 2 == TRACE_COLUMNS ? 128 : 56);
    for (int i = 0; i <= TRACE_ROWS; i++)
        scene_canvas_rect_blend(canvas, x, y + (height - 1) * i / TRACE_ROWS, width, 1, lines,
                                i * 2 == TRACE_ROWS ? 128 : 56);
}

/* Samples from sample to sample in a straight line; `at` within 0 and SWEEP_SAMPLES - 1. */
static float scene_trace_value(const int16_t samples[SWEEP_SAMPLES], float at)
{
    int before = (int)at, after = before + 1 < SWEEP_SAMPLES ? before + 1 : before;
    float share = at - (float)before;

    return (float)samples[before] * (1 - share) + (float)samples[after] * share;
}

static float scene_trace_y(const struct scene_trace_screen *screen, float value)
{
    float half = (float)screen->height_px / 2;

    return (float)screen->y_px + half - value / 32768 * half * TRACE_GAIN;
}

static float scene_trace_at(const struct scene_trace_screen *screen, float column)
{
    float at = column * (SWEEP_SAMPLES - 1) / (float)screen->width_px;

    return at < 0 ? 0 : at > SWEEP_SAMPLES - 1 ? SWEEP_SAMPLES - 1 : at;
}

/* What the beam passes in one column of pixels. */
static void scene_trace_extent(const struct scene_trace_screen *screen, const int16_t samples[SWEEP_SAMPLES],
                               int column, float *ret_top, float *ret_bottom)
{
    float from = scene_trace_at(screen, (float)column), to = scene_trace_at(screen, (float)column + 1);
    float first = scene_trace_value(samples, from), last = scene_trace_value(samples, to);
    float low = fminf(first, last), high = fmaxf(first, last);

    for (int i = (int)from + 1; i <= (int)to; i++) {
        low = fminf(low, (float)samples[i]);
        high = fmaxf(high, (float)samples[i]);
    }
    *ret_top = scene_trace_y(screen, high);
    *ret_bottom = scene_trace_y(screen, low);
}

void scene_trace_beam(const struct scene_canvas *canvas, const struct scene_trace_screen *screen,
                      const int16_t samples[SWEEP_SAMPLES], float radius_px, uint32_t colour, unsigned alpha)
{
    float softness = fmaxf(radius_px * 0.7f, 1); /* a wide beam is a glow */
    for (int column = 0; column < screen->width_px; column++) {
        float top, bottom, half = TRACE_HALF * radius_px;
        scene_trace_extent(screen, samples, column, &top, &bottom);
        float strength = fmaxf(half / (half + bottom - top), TRACE_LEAST) * (float)alpha;
        int first = (int)floorf(top - radius_px - 1), last = (int)ceilf(bottom + radius_px + 1);
        first = first < 0 ? 0 : first;
        last = last >= canvas->height_px ? canvas->height_px - 1 : last;
        for (int row = first; row <= last; row++) {
            float y = (float)row + 0.5f, outside = fmaxf(fmaxf(top - y, y - bottom), 0);
            float coverage = fminf(fmaxf((radius_px - outside + 0.5f) / softness, 0), 1);
            scene_canvas_blend(scene_canvas_row(canvas, row) + (uint64_t)(screen->x_px + column) * 3, colour,
                               (unsigned)(coverage * strength));
        }
    }
}

void scene_trace_point(const struct scene_trace_screen *screen, const int16_t samples[SWEEP_SAMPLES], float place,
                       float *ret_x, float *ret_y)
{
    float column = place * (float)screen->width_px;

    *ret_x = (float)screen->x_px + column;
    *ret_y = scene_trace_y(screen, scene_trace_value(samples, scene_trace_at(screen, column)));
}
