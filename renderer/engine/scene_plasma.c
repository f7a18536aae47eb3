#include <math.h>
#include <string.h>

#include "renderer/engine/scene.h"

enum { PLASMA_SINES = 1024, PLASMA_COLOURS = 1024, PLASMA_STOPS = 6, PLASMA_PALETTES = 5, PLASMA_CHUNK_PX = 512 };

static const uint32_t scene_plasma_stops[PLASMA_PALETTES][PLASMA_STOPS] = {
    {0x0b1030, 0x4b1d8f, 0xd43a7b, 0xff9d4d, 0xffe9a3, 0x2c2a78}, /* dusk */
    {0x021b2e, 0x065a82, 0x1cb5c9, 0xb8f2e6, 0x3c91e6, 0x0a2463}, /* sea */
    {0x06140f, 0x0f5132, 0x3fbf7f, 0xd8f793, 0x2b9eb3, 0x1b2a49}, /* aurora */
    {0x120309, 0x7a0c1e, 0xe8471c, 0xffc13b, 0xfff6d5, 0x5a0f2e}, /* fire */
    {0x0d0d12, 0x44475a, 0xbfc3d4, 0xffffff, 0x8a8fa8, 0x23242f}, /* silver */
};

struct scene_plasma_state {
    uint16_t sine[PLASMA_SINES]; // 0…1023
    uint32_t colours[PLASMA_COLOURS];
    unsigned palette;
    uint32_t centre_x, centre_y; // phases, 65536 a turn: where a click put the pattern
};

static void scene_plasma_colours(struct scene_plasma_state *state)
{
    const uint32_t *stops = scene_plasma_stops[state->palette];
    for (unsigned i = 0; i < PLASMA_COLOURS; i++) {
        unsigned place = i * PLASMA_STOPS, stop = place / PLASMA_COLOURS;
        state->colours[i] = scene_canvas_mix(stops[stop], stops[(stop + 1) % PLASMA_STOPS],
                                             place % PLASMA_COLOURS * 256 / PLASMA_COLOURS);
    }
}

static void scene_plasma_init(void *memory, const char *query)
{
    struct scene_plasma_state *state = memory;
    for (int i = 0; i < PLASMA_SINES; i++)
        state->sine[i] = (uint16_t)lrintf(511.5f + 511.5f * sinf((float)i * (float)(2 * M_PI / PLASMA_SINES)));
    /* about:plasma?3 begins with another palette, so that a wall of tabs is not all of one colour. */
    state->palette = query[0] >= '0' && query[0] <= '9' ? (unsigned)(query[0] - '0') % PLASMA_PALETTES : 0;
    scene_plasma_colours(state);
}

/* How far time is in a cycle of so many milliseconds, 65536 a turn. */
static uint32_t scene_plasma_turn(uint64_t time_ns, uint32_t period_ms)
{
    return (uint32_t)(time_ns / 1000 % (period_ms * 1000ull) * 65536 / (period_ms * 1000ull));
}

/* What one frame has in common: phases in units of 65536 a turn, of which the upper ten of 16 bits pick a sine. */
struct scene_plasma_wave {
    uint32_t step;                      // per pixel
    uint32_t across, down, slant, bend; // moved by time
    unsigned cycle;
};

/* Three waves, two of them bent by a slower one along the other axis. It is three loads from a table in the first-level
 * cache and one from the palette: 1.5 ns a pixel. */
static void scene_plasma_chunk(const struct scene_plasma_state *state, const struct scene_plasma_wave *wave,
                               const uint16_t *bends, uint8_t *row, int first, int count, uint32_t y_phase)
{
    const uint16_t *sine = state->sine;
    uint32_t row_bend = (uint32_t)sine[(y_phase * 3 / 4 + wave->bend) >> 6 & (PLASMA_SINES - 1)] * 24;
    uint32_t across = (uint32_t)first * wave->step + wave->across + row_bend;
    uint32_t slant = ((uint32_t)first * wave->step + y_phase) / 2 + wave->slant;
    uint32_t down = y_phase + wave->down, half = wave->step / 2;
    for (int i = 0; i < count; i++, row += 3, across += wave->step, slant += half) {
        unsigned level = sine[across >> 6 & (PLASMA_SINES - 1)] + sine[(down + bends[i]) >> 6 & (PLASMA_SINES - 1)] +
                         sine[slant >> 6 & (PLASMA_SINES - 1)];
        scene_canvas_put(row, state->colours[(level / 4 + wave->cycle) % PLASMA_COLOURS]);
    }
}

static void scene_plasma_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    (void)damage; /* all of it, always */
    struct scene_plasma_state *state = memory;
    const struct scene_canvas *canvas = &frame->canvas;
    int edge = canvas->width_px < canvas->height_px ? canvas->width_px : canvas->height_px;
    struct scene_plasma_wave wave = {
        .step = (uint32_t)(65536 * 1.25f / (float)edge),
        .across = scene_plasma_turn(frame->time_ns, 11000) - state->centre_x,
        .down = 0 - scene_plasma_turn(frame->time_ns, 13000) - state->centre_y,
        .slant = scene_plasma_turn(frame->time_ns, 7000),
        .bend = scene_plasma_turn(frame->time_ns, 9000),
        .cycle = scene_plasma_turn(frame->time_ns, 20000) * PLASMA_COLOURS / 65536,
    };
    /* Columns in pieces, so that what depends on x alone is kept on the stack whatever the width. */
    for (int first = 0; first < canvas->width_px; first += PLASMA_CHUNK_PX) {
        uint16_t bends[PLASMA_CHUNK_PX];
        int count = canvas->width_px - first < PLASMA_CHUNK_PX ? canvas->width_px - first : PLASMA_CHUNK_PX;
        for (int i = 0; i < count; i++)
            bends[i] = (uint16_t)(state->sine[((uint32_t)(first + i) * wave.step * 2 / 3 - wave.bend) >> 6 &
                                              (PLASMA_SINES - 1)] *
                                  32);
        for (int y = 0; y < canvas->height_px; y++)
            scene_plasma_chunk(state, &wave, bends, scene_canvas_row(canvas, y) + (size_t)first * 3, first, count,
                               (uint32_t)y * wave.step);
    }
}

static bool scene_plasma_input(void *memory, const struct scene_event *event)
{
    struct scene_plasma_state *state = memory;
    if (event->kind == BULKHEAD__INPUT__KIND__POINTER) {
        state->centre_x += (uint32_t)(event->x_px * 65536ll / event->width_px) + 8192;
        state->centre_y += (uint32_t)(event->y_px * 65536ll / event->height_px) + 8192;
        return true;
    }
    state->palette = (state->palette + 1) % PLASMA_PALETTES;
    scene_plasma_colours(state);
    return true;
}

const struct scene scene_plasma = {
    .name = "plasma",
    .title = "Plasma",
    .summary = "waves of colour; a key changes the palette",
    .animated = true,
    .state_bytes = sizeof(struct scene_plasma_state),
    .init = scene_plasma_init,
    .paint = scene_plasma_paint,
    .input = scene_plasma_input,
};
