/* scene_trace.h - a sweep as the beam of an oscilloscope draws it, and the screen it is drawn on.
 *
 * Any samples may be given: they are scaled to the box. Nothing is painted outside of the canvas, or of the box by more
 * than the beam's radius.
 */
#ifndef BULKHEAD_SCENE_TRACE_H
#define BULKHEAD_SCENE_TRACE_H

#include "common/sweep_layout.h"
#include "renderer/engine/scene_canvas.h"

/* A screen with a line of text above it and one below, where there is room for them. */
struct scene_trace_screen {
    int x_px, y_px, width_px, height_px; // at least 1 x 1, within the canvas
    int text_scale;                      // 0 = no room for text
    int above_px, below_px;              // y of the two lines
};

struct scene_trace_screen scene_trace_screen(const struct scene_canvas *canvas);
/* Ten by eight divisions and the two axes. */
void scene_trace_graticule(const struct scene_canvas *canvas, const struct scene_trace_screen *screen, uint32_t ground,
                           uint32_t lines);
/* The beam: the steeper it goes, the fainter it is. `alpha` as in scene_canvas_blend(). */
void scene_trace_beam(const struct scene_canvas *canvas, const struct scene_trace_screen *screen,
                      const int16_t samples[SWEEP_SAMPLES], float radius_px, uint32_t colour, unsigned alpha);
/* Where the beam is at `place` (0 = left end, 1 = right end). */
void scene_trace_point(const struct scene_trace_screen *screen, const int16_t samples[SWEEP_SAMPLES], float place,
                       float *ret_x, float *ret_y);

#endif
