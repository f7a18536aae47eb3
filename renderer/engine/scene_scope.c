/* An oscilloscope: shows what about:wave, in another tab and another process, writes into the shared buffer. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "renderer/engine/scene.h"
#include "renderer/engine/scene_trace.h"

enum { SCOPE_MOST_SHOWN = 999999999 };
/* Without a new sweep for so long, the signal has stopped; then the last one fades for as long again, but not away. */
static const uint64_t SCOPE_STOPPED_NS = 1000000000;
static const unsigned SCOPE_DIMMEST = 96;

static const uint32_t scope_phosphors[] = {0x5dffa0, 0xffb64a, 0x74c8ff};
enum { SCOPE_PHOSPHORS = sizeof(scope_phosphors) / sizeof(scope_phosphors[0]) };

/* How bright a sweep still is, by how many came after it. */
static const unsigned scope_afterglow[SWEEP_SLOTS] = {256, 104, 74, 54, 40, 29, 20, 13};

struct scene_scope_state {
    struct scene_signal_reader reader;
    struct scene_sweep sweeps[SWEEP_SLOTS]; // a ring: the newest is at (count - 1) % SWEEP_SLOTS
    uint64_t count;                         // of all sweeps taken
    unsigned phosphor;
    bool has_cursor;
    float cursor; // 0 = left edge of the canvas, 1 = right
};

static void scene_scope_take(struct scene_scope_state *state, const struct scene_signal *signal)
{
    struct scene_sweep sweeps[SWEEP_SLOTS];
    unsigned count = scene_signal_read(signal, &state->reader, sweeps);
    for (unsigned i = 0; i < count; i++)
        state->sweeps[state->count++ % SWEEP_SLOTS] = sweeps[i];
}

/* `back` sweeps before the newest, or NULL. */
static const struct scene_sweep *scene_scope_sweep(const struct scene_scope_state *state, uint64_t back)
{
    return back < state->count ? &state->sweeps[(state->count - 1 - back) % SWEEP_SLOTS] : NULL;
}

/* How old the newest sweep is, by what the writer says; one from the future is new. */
static uint64_t scene_scope_age_ns(const struct scene_sweep *newest)
{
    uint64_t now_ns = clock_now_ns();
    return now_ns > newest->written_ns ? now_ns - newest->written_ns : 0;
}

/* `most` for a sweep of now, down to `least` for one that is long past. */
static unsigned scene_scope_faded(unsigned most, unsigned least, uint64_t age_ns)
{
    uint64_t past_ns = age_ns < SCOPE_STOPPED_NS ? 0 : age_ns - SCOPE_STOPPED_NS;
    if (past_ns >= SCOPE_STOPPED_NS)
        return least;
    return most - (unsigned)((most - least) * past_ns / SCOPE_STOPPED_NS);
}

static void scene_scope_beams(const struct scene_scope_state *state, const struct scene_canvas *canvas,
                              const struct scene_trace_screen *screen, uint64_t age_ns)
{
    float beam = (float)screen->height_px / 190 + 0.6f;
    uint32_t colour = scope_phosphors[state->phosphor];
    for (unsigned back = SWEEP_SLOTS - 1; back > 0; back--) {
        const struct scene_sweep *sweep = scene_scope_sweep(state, back);
        if (sweep)
            scene_trace_beam(canvas, screen, sweep->samples, beam * 1.2f, colour,
                             scene_scope_faded(scope_afterglow[back], 0, age_ns));
    }
    const int16_t *samples = scene_scope_sweep(state, 0)->samples;
    scene_trace_beam(canvas, screen, samples, beam * 4, colour, scene_scope_faded(36, 8, age_ns));
    scene_trace_beam(canvas, screen, samples, beam, scene_canvas_mix(colour, 0xffffff, 112),
                     scene_scope_faded(256, SCOPE_DIMMEST, age_ns));
}

/* Nothing was ever received: the beam runs along the middle. */
static void scene_scope_idle(const struct scene_scope_state *state, const struct scene_frame *frame,
                             const struct scene_trace_screen *screen)
{
    static const int16_t silence[SWEEP_SAMPLES];
    float beam = (float)screen->height_px / 190 + 0.6f, x, y;
    scene_trace_beam(&frame->canvas, screen, silence, beam * 0.7f, scope_phosphors[state->phosphor], 60);
    scene_trace_point(screen, silence, (float)(frame->time_ns % 2000000000) / 2e9f, &x, &y);
    scene_canvas_disc(&frame->canvas, x, y, beam * 3, scope_phosphors[state->phosphor]);
}

static unsigned scene_scope_shown(uint64_t number)
{
    return (unsigned)(number < SCOPE_MOST_SHOWN ? number : SCOPE_MOST_SHOWN);
}

/* "12 ms", "3.4 s" */
static void scene_scope_time(char *out, size_t out_bytes, uint64_t age_ns)
{
    if (age_ns < SCOPE_STOPPED_NS)
        snprintf(out, out_bytes, "%u ms", (unsigned)(age_ns / 1000000));
    else
        snprintf(out, out_bytes, "%u.%u s", scene_scope_shown(age_ns / 1000000000),
                 (unsigned)(age_ns / 100000000 % 10));
}

static void scene_scope_condition(const struct scene_signal *signal, bool has_sweep, uint64_t age_ns, char *out,
                                  size_t out_bytes, uint32_t *ret_lamp)
{
    *ret_lamp = 0xffb347;
    if (signal->end != BULKHEAD__NAVIGATE__SHARED_BUFFER__READER) {
        *ret_lamp = 0x6b7580;
        snprintf(out, out_bytes, "no shared buffer");
    } else if (!has_sweep) {
        snprintf(out, out_bytes, "no signal: open about:wave");
    } else if (age_ns >= SCOPE_STOPPED_NS) {
        snprintf(out, out_bytes, "signal stopped");
    } else {
        *ret_lamp = 0x5dff80;
        snprintf(out, out_bytes, "live");
    }
}

static void scene_scope_words(const struct scene_scope_state *state, const struct scene_frame *frame,
                              const struct scene_trace_screen *screen, uint64_t age_ns)
{
    const struct scene_canvas *canvas = &frame->canvas;
    const struct scene_sweep *newest = scene_scope_sweep(state, 0);
    int scale = screen->text_scale, x = screen->x_px, right = screen->x_px + screen->width_px, lamp_px = 9 * scale;
    char words[96], age[24] = "-";
    uint32_t lamp;

    scene_scope_condition(frame->signal, newest != NULL, age_ns, words, sizeof(words), &lamp);
    int width = scene_canvas_text_width(words, scale);
    scene_canvas_rect(canvas, right - width - 2 * lamp_px,
                      screen->above_px + (SCENE_TEXT_HEIGHT_PX * scale - lamp_px) / 2, lamp_px, lamp_px, lamp);
    scene_canvas_text(canvas, right - width, screen->above_px, scale, 0xc9d6d0, words);
    if (newest)
        scene_scope_time(age, sizeof(age), age_ns);
    snprintf(words, sizeof(words), "sweep %u", newest ? scene_scope_shown(newest->number) : 0);
    if (newest)
        scene_canvas_text_bold(canvas, x, screen->above_px, scale, 0xffffff, words);
    snprintf(words, sizeof(words), "age %s   missed %u   torn %u", age, scene_scope_shown(state->reader.missed),
             scene_scope_shown(state->reader.torn));
    scene_canvas_text(canvas, x, screen->below_px, scale, 0x9db5aa, words);
}

/* The line a click has put there, and what the sweep is worth at it. */
static void scene_scope_cursor(const struct scene_scope_state *state, const struct scene_canvas *canvas,
                               const struct scene_trace_screen *screen)
{
    const struct scene_sweep *newest = scene_scope_sweep(state, 0);
    int column = (int)(state->cursor * (float)canvas->width_px) - screen->x_px;
    char words[24];
    if (!state->has_cursor || column < 0 || column >= screen->width_px)
        return;
    for (int y = 0; y < screen->height_px; y += 6)
        scene_canvas_rect_blend(canvas, screen->x_px + column, screen->y_px + y, 1,
                                screen->height_px - y < 3 ? screen->height_px - y : 3, 0xffffff, 150);
    if (!newest || screen->text_scale == 0)
        return;
    int sample = newest->samples[column * SWEEP_SAMPLES / screen->width_px];
    snprintf(words, sizeof(words), "%+.2f", (double)sample / -INT16_MIN);
    int x = screen->x_px + screen->width_px - scene_canvas_text_width(words, screen->text_scale);
    scene_canvas_text(canvas, x, screen->below_px, screen->text_scale, 0xffffff, words);
}

static void scene_scope_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    struct scene_scope_state *state = memory;
    const struct scene_canvas *canvas = &frame->canvas;
    struct scene_trace_screen screen = scene_trace_screen(canvas);
    (void)damage;

    scene_scope_take(state, frame->signal);
    const struct scene_sweep *newest = scene_scope_sweep(state, 0);
    uint64_t age_ns = newest ? scene_scope_age_ns(newest) : 0;
    scene_canvas_gradient(canvas, 0x2c3431, 0x161b19);
    scene_trace_graticule(canvas, &screen, 0x06120d, 0x4c9a78);
    if (newest)
        scene_scope_beams(state, canvas, &screen, age_ns);
    else
        scene_scope_idle(state, frame, &screen);
    if (screen.text_scale > 0)
        scene_scope_words(state, frame, &screen, age_ns);
    scene_scope_cursor(state, canvas, &screen);
}

static bool scene_scope_input(void *memory, const struct scene_event *event)
{
    struct scene_scope_state *state = memory;
    if (event->kind == BULKHEAD__INPUT__KIND__KEY) {
        state->phosphor = (state->phosphor + 1) % SCOPE_PHOSPHORS;
        return true;
    }
    state->has_cursor = true;
    state->cursor = (float)event->x_px / (float)event->width_px;
    return true;
}

const struct scene scene_scope = {
    .name = "scope",
    .title = "Oscilloscope",
    .summary = "shows what about:wave in another tab writes",
    .animated = true,
    .state_bytes = sizeof(struct scene_scope_state),
    .paint = scene_scope_paint,
    .input = scene_scope_input,
};
