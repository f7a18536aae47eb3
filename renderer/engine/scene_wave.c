/* A signal generator: what it paints it also writes into the shared buffer, for about:scope to show. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "renderer/engine/scene.h"
#include "renderer/engine/scene_trace.h"

enum { WAVE_PARTIALS = 3, WAVE_CYCLES_MOST = 9, WAVE_LEVEL_LEAST = 15 };

/* What the signal is the sum of. The drift is what makes it move, in turns a second. */
static const struct {
    float strength, multiple, drift;
    uint32_t colour;
} wave_partials[WAVE_PARTIALS] = {
    {0.58f, 1, 0.21f, 0x4ac6ff},
    {0.27f, 2, -0.34f, 0xc792ff},
    {0.15f, 5, 0.55f, 0x7bd968},
};

static float wave_sine(float turn)
{
    return sinf(turn * 6.2831853f);
}

static float wave_triangle(float turn)
{
    return 4 * fabsf(turn - floorf(turn + 0.5f)) - 1;
}

static float wave_square(float turn)
{
    return turn - floorf(turn) < 0.5f ? 1 : -1;
}

static float wave_sawtooth(float turn)
{
    return 2 * (turn - floorf(turn)) - 1;
}

/* Of a turn in, the value out: -1 to 1. */
static const struct {
    const char *name;
    float (*value)(float turn);
} wave_shapes[] = {
    {"sine", wave_sine}, {"triangle", wave_triangle}, {"square", wave_square}, {"sawtooth", wave_sawtooth}};

enum { WAVE_SHAPES = sizeof(wave_shapes) / sizeof(wave_shapes[0]) };

struct scene_wave_state {
    unsigned shape, cycles, level_percent;
    uint64_t number; // of the last sweep written
    int16_t sum[SWEEP_SAMPLES], parts[WAVE_PARTIALS][SWEEP_SAMPLES];
};

static void scene_wave_init(void *memory, const char *query)
{
    struct scene_wave_state *state = memory;
    state->cycles = 3;
    state->level_percent = 100;
    for (unsigned i = 0; i < WAVE_SHAPES; i++)
        if (strcmp(query, wave_shapes[i].name) == 0)
            state->shape = i;
}

static void scene_wave_compute(struct scene_wave_state *state, uint64_t time_ns)
{
    /* Whole turns are no difference; taken off first, while there is precision to keep the rest. */
    double seconds = (double)(time_ns % (1000 * 1000000000ull)) / 1e9;
    memset(state->sum, 0, sizeof(state->sum));
    for (unsigned part = 0; part < WAVE_PARTIALS; part++) {
        float turns = (float)fmod(seconds * (double)wave_partials[part].drift, 1);
        float step = (float)state->cycles * wave_partials[part].multiple / SWEEP_SAMPLES;
        float full = wave_partials[part].strength * (float)state->level_percent / 100 * INT16_MAX;
        for (int i = 0; i < SWEEP_SAMPLES; i++) {
            state->parts[part][i] = (int16_t)(full * wave_shapes[state->shape].value(turns + step * (float)i));
            state->sum[i] = (int16_t)(state->sum[i] + state->parts[part][i]);
        }
    }
}

static void scene_wave_words(const struct scene_wave_state *state, const struct scene_frame *frame,
                             const struct scene_trace_screen *screen)
{
    const struct scene_canvas *canvas = &frame->canvas;
    int scale = screen->text_scale, x = screen->x_px, lamp_px = 9 * scale;
    uint32_t lamp = 0x6b7590;
    char words[80] = "not shared";
    switch (frame->signal->end) {
    case BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER:
        lamp = 0x7bd968;
        snprintf(words, sizeof(words), "sweep %llu, for about:scope", (unsigned long long)state->number);
        break;
    case BULKHEAD__NAVIGATE__SHARED_BUFFER__TAKEN:
        lamp = 0xffb347;
        snprintf(words, sizeof(words), "another about:wave writes");
        break;
    default:
        break;
    }
    scene_canvas_rect(canvas, x, screen->below_px + (SCENE_TEXT_HEIGHT_PX * scale - lamp_px) / 2, lamp_px, lamp_px,
                      lamp);
    scene_canvas_text(canvas, x + 2 * lamp_px, screen->below_px, scale, 0xc3cadb, words);
    snprintf(words, sizeof(words), "%u cycles, level %u %%", state->cycles, state->level_percent);
    scene_canvas_text_bold(canvas, x, screen->above_px, scale, 0xffffff, wave_shapes[state->shape].name);
    scene_canvas_text(canvas, x + screen->width_px - scene_canvas_text_width(words, scale), screen->above_px, scale,
                      0x9aa5bd, words);
}

static void scene_wave_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    struct scene_wave_state *state = memory;
    const struct scene_canvas *canvas = &frame->canvas;
    struct scene_trace_screen screen = scene_trace_screen(canvas);
    float beam = (float)screen.height_px / 160 + 0.6f, x, y;
    (void)damage;

    scene_wave_compute(state, frame->time_ns);
    if (frame->signal->end == BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER)
        state->number = scene_signal_write(frame->signal, state->sum, clock_now_ns());

    scene_canvas_gradient(canvas, 0x262c40, 0x151927);
    scene_trace_graticule(canvas, &screen, 0x121624, 0x7d89b0);
    for (unsigned part = 0; part < WAVE_PARTIALS; part++)
        scene_trace_beam(canvas, &screen, state->parts[part], beam * 0.5f, wave_partials[part].colour, 130);
    scene_trace_beam(canvas, &screen, state->sum, beam * 3, 0xffb020, 40);
    scene_trace_beam(canvas, &screen, state->sum, beam, 0xffdf8c, 256);
    scene_trace_point(&screen, state->sum, (float)(frame->time_ns % 4000000000) / 4e9f, &x, &y);
    scene_canvas_disc(canvas, x, y, beam * 3, 0xffffff);
    if (screen.text_scale > 0)
        scene_wave_words(state, frame, &screen);
}

static bool scene_wave_input(void *memory, const struct scene_event *event)
{
    struct scene_wave_state *state = memory;
    if (event->kind == BULKHEAD__INPUT__KIND__KEY) {
        state->shape = (state->shape + 1) % WAVE_SHAPES;
        return true;
    }
    state->cycles = 1 + (unsigned)((int64_t)event->x_px * WAVE_CYCLES_MOST / event->width_px);
    state->level_percent = 100 - (unsigned)((int64_t)event->y_px * (100 - WAVE_LEVEL_LEAST) / event->height_px);
    return true;
}

const struct scene scene_wave = {
    .name = "wave",
    .title = "Signal generator",
    .summary = "writes for about:scope; click and key shape it",
    .animated = true,
    .state_bytes = sizeof(struct scene_wave_state),
    .init = scene_wave_init,
    .paint = scene_wave_paint,
    .input = scene_wave_input,
};
