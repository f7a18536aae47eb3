#include <stdio.h>
#include <string.h>

#include "renderer/engine/scene.h"

enum { TESTCARD_SWEEP_MS = 4000 };

struct scene_testcard_state {
    uint32_t key;
    int pointer_x, pointer_y; // -1 = none yet
    int sweep_px;             // in the frame before
};

static void scene_testcard_init(void *memory, const char *query)
{
    struct scene_testcard_state *state = memory;
    (void)query;
    state->pointer_x = state->pointer_y = -1;
}

static void scene_testcard_bars(const struct scene_canvas *canvas, int top, int bottom)
{
    static const uint32_t bars[] = {0xffffff, 0xffff00, 0x00ffff, 0x00ff00, 0xff00ff, 0xff0000, 0x0000ff, 0x000000};
    for (int i = 0; i < 8; i++) {
        int left = (int)((int64_t)canvas->width_px * i / 8), right = (int)((int64_t)canvas->width_px * (i + 1) / 8);
        scene_canvas_rect(canvas, left, top, right - left, bottom - top, bars[i]);
    }
}

/* Copies the first of some equal rows into the others: rows are cheap to write, columns are not. */
static void scene_testcard_repeat(const struct scene_canvas *canvas, int top, int bottom, int every)
{
    for (int y = top + every; y < bottom; y++)
        memcpy(scene_canvas_row(canvas, y), scene_canvas_row(canvas, y - every), (size_t)canvas->width_px * 3);
}

static void scene_testcard_ramps(const struct scene_canvas *canvas, int top, int bottom)
{
    static const uint32_t ends[] = {0xffffff, 0xff0000, 0x00ff00, 0x0000ff};
    for (int i = 0; i < 4; i++) {
        int from = top + (bottom - top) * i / 4, to = top + (bottom - top) * (i + 1) / 4;
        for (int x = 0; from < to && x < canvas->width_px; x++)
            scene_canvas_put(scene_canvas_row(canvas, from) + (size_t)x * 3,
                             scene_canvas_mix(0, ends[i], (unsigned)((int64_t)x * 256 / canvas->width_px)));
        scene_testcard_repeat(canvas, from, to, 1);
    }
}

/* Stripes as thin as pixels are: a picture that was scaled or cut shows it here first. */
static void scene_testcard_stripes(const struct scene_canvas *canvas, int top, int bottom)
{
    int half = canvas->width_px / 2;
    for (int y = top; y < bottom && y < top + 2; y++) {
        scene_canvas_rect(canvas, 0, y, canvas->width_px, 1, 0x000000);
        for (int x = 0; x < half; x += 2)
            scene_canvas_rect(canvas, x, y, 1, 1, 0xffffff);
        if (y == top)
            scene_canvas_rect(canvas, half, y, canvas->width_px - half, 1, 0xffffff);
    }
    scene_testcard_repeat(canvas, top, bottom, 2);
}

/* A line of figures that change with every frame, on a ground of its own. */
static void scene_testcard_figures(const struct scene_testcard_state *state, const struct scene_frame *frame,
                                   struct engine_damage *damage, int top)
{
    const struct scene_canvas *canvas = &frame->canvas;
    int scale = scene_canvas_text_scale(canvas->width_px, canvas->height_px, 30, 16), height = 24 * scale;
    char text[96];
    snprintf(text, sizeof(text), "%dx%d  frame %u  %llu.%03u s", canvas->width_px, canvas->height_px, frame->sequence,
             (unsigned long long)(frame->time_ns / 1000000000), (unsigned)(frame->time_ns / 1000000 % 1000));
    scene_canvas_rect(canvas, 0, top, canvas->width_px, height, 0x101418);
    scene_canvas_text(canvas, 6 * scale, top + 3 * scale, scale, 0xffffff, text);
    if (state->key) {
        snprintf(text, sizeof(text), "key U+%04X", state->key);
        scene_canvas_text(canvas, canvas->width_px - 12 * SCENE_TEXT_WIDTH_PX * scale, top + 3 * scale, scale, 0xffd166,
                          text);
    }
    scene_add_damage(frame, damage, 0, top, canvas->width_px, height);
}

static void scene_testcard_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    struct scene_testcard_state *state = memory;
    const struct scene_canvas *canvas = &frame->canvas;
    int height = canvas->height_px, sweep_width = canvas->width_px / 40 + 1, ramps = height / 2,
        stripes = height * 3 / 4;
    int sweep = (int)((int64_t)(frame->time_ns / 1000000 % TESTCARD_SWEEP_MS) * canvas->width_px / TESTCARD_SWEEP_MS);

    scene_testcard_bars(canvas, 0, ramps);
    scene_testcard_ramps(canvas, ramps, stripes);
    scene_testcard_stripes(canvas, stripes, height);
    scene_canvas_rect(canvas, sweep, 0, sweep_width, stripes, 0x808080);
    if (sweep != state->sweep_px) {
        scene_add_damage(frame, damage, sweep, 0, sweep_width, stripes);
        scene_add_damage(frame, damage, state->sweep_px, 0, sweep_width, stripes);
    }
    state->sweep_px = sweep;
    scene_testcard_figures(state, frame, damage, stripes);
    if (state->pointer_x >= 0) {
        scene_canvas_rect(canvas, 0, state->pointer_y, canvas->width_px, 1, 0xff3b30);
        scene_canvas_rect(canvas, state->pointer_x, 0, 1, height, 0xff3b30);
    }
}

static bool scene_testcard_input(void *memory, const struct scene_event *event)
{
    struct scene_testcard_state *state = memory;
    if (event->kind == BULKHEAD__INPUT__KIND__POINTER) {
        state->pointer_x = event->x_px;
        state->pointer_y = event->y_px;
    } else {
        state->key = event->code;
    }
    return true;
}

const struct scene scene_testcard = {
    .name = "testcard",
    .title = "Test card",
    .summary = "bars, ramps, pixels; shows keys and clicks",
    .animated = true,
    .state_bytes = sizeof(struct scene_testcard_state),
    .init = scene_testcard_init,
    .paint = scene_testcard_paint,
    .input = scene_testcard_input,
};
