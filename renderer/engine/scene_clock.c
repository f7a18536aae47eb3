#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "renderer/engine/scene.h"

static const int64_t CLOCK_SECOND_NS = 1000000000, CLOCK_LATEST_S = 8000000000; // in the year 2223
/* Further apart than this, and the wall clock was set or the scene began anew. */
static const int64_t CLOCK_DRIFT_NS = 1500000000;

static const uint32_t scene_clock_accents[] = {0xff6b57, 0x4ac6ff, 0x7bd968, 0xf7c948, 0xc792ff};

struct scene_clock_state {
    bool fixed; // about:clock?at=SECONDS: no wall clock at all
    bool started;
    int64_t begin_ns;                     // wall clock, local, at time_ns 0
    int64_t second;                       // shown in the frame before
    float hand_x, hand_y, tail_x, tail_y; // the second hand in the frame before
    unsigned accent;
};

/* At scale 1, one below the other: time and date, and with the zone. */
enum { CLOCK_DATE_PX = 58, CLOCK_TEXT_PX = 76 };

/* Where things go. */
struct scene_clock_layout {
    float centre_x, centre_y, radius;
    int text_x, text_y, text_scale; // x: middle of the lines
    bool time_only, zone;           // what there is room for
};

static void scene_clock_init(void *memory, const char *query)
{
    struct scene_clock_state *state = memory;
    if (strncmp(query, "at=", 3) == 0) {
        state->fixed = state->started = true;
        int64_t seconds = strtoll(query + 3, NULL, 10);
        state->begin_ns = (seconds < 0 || seconds > CLOCK_LATEST_S ? 0 : seconds) * CLOCK_SECOND_NS;
    }
}

/* Local wall-clock time of a frame. clock_gettime() is the vDSO's: no system call. */
static int64_t scene_clock_now(struct scene_clock_state *state, uint64_t time_ns)
{
    if (!state->fixed) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        int64_t begin_ns = (now.tv_sec + scene_utc_offset_s()) * CLOCK_SECOND_NS + now.tv_nsec - (int64_t)time_ns;
        if (!state->started || llabs(begin_ns - state->begin_ns) > CLOCK_DRIFT_NS)
            state->begin_ns = begin_ns;
        state->started = true;
    }
    return state->begin_ns + (int64_t)time_ns;
}

static struct scene_clock_layout scene_clock_layout(const struct scene_canvas *canvas)
{
    int width = canvas->width_px, height = canvas->height_px;
    bool beside = width > height * 3 / 2;
    int dial_width = beside ? width * 11 / 20 : width, dial_height = beside ? height : height * 7 / 10;
    int text_width = beside ? width - dial_width : width, text_height = beside ? height : height - dial_height;
    struct scene_clock_layout layout = {
        .centre_x = (float)dial_width / 2,
        .centre_y = (float)dial_height / 2,
        .radius = (float)(dial_width < dial_height ? dial_width : dial_height) * 0.44f,
        .text_x = beside ? dial_width + text_width / 2 : width / 2,
        .text_scale = scene_canvas_text_scale(text_width, text_height, 20, 5),
    };
    layout.time_only = text_height < CLOCK_DATE_PX || text_width < 20 * SCENE_TEXT_WIDTH_PX;
    layout.zone = text_height >= CLOCK_TEXT_PX;
    int used = layout.time_only ? SCENE_TEXT_HEIGHT_PX
               : layout.zone    ? CLOCK_TEXT_PX * layout.text_scale
                                : CLOCK_DATE_PX;
    layout.text_y = (beside ? 0 : dial_height) + (text_height - used) / 2;
    return layout;
}

/* `turn` 0…1, clockwise from twelve. */
static void scene_clock_ray(const struct scene_clock_layout *layout, float turn, float reach, float *ret_x,
                            float *ret_y)
{
    float angle = turn * (float)(2 * M_PI);
    *ret_x = layout->centre_x + sinf(angle) * layout->radius * reach;
    *ret_y = layout->centre_y - cosf(angle) * layout->radius * reach;
}

static void scene_clock_spoke(const struct scene_canvas *canvas, const struct scene_clock_layout *layout, float turn,
                              float from, float to, float thickness, uint32_t colour)
{
    float x0, y0, x1, y1, half = fmaxf(layout->radius * thickness, 0.6f);
    scene_clock_ray(layout, turn, from, &x0, &y0);
    scene_clock_ray(layout, turn, to, &x1, &y1);
    scene_canvas_line(canvas, x0, y0, x1, y1, half, half * 0.8f, colour);
}

static void scene_clock_dial(const struct scene_canvas *canvas, const struct scene_clock_layout *layout)
{
    scene_canvas_disc(canvas, layout->centre_x, layout->centre_y, layout->radius * 1.06f, 0x2c3550);
    scene_canvas_disc(canvas, layout->centre_x, layout->centre_y, layout->radius * 1.03f, 0x11151f);
    for (int i = 0; i < 60; i++)
        if (i % 5 != 0 && layout->radius >= 40)
            scene_clock_spoke(canvas, layout, (float)i / 60, 0.95f, 0.985f, 0.004f, 0x58637f);
    int scale = (int)(layout->radius / 90) < 1 ? 1 : (int)(layout->radius / 90);
    for (int i = 1; i <= 12; i++) {
        scene_clock_spoke(canvas, layout, (float)i / 12, 0.90f, 0.98f, 0.012f, 0xd8deec);
        char numeral[4];
        float x, y;
        snprintf(numeral, sizeof(numeral), "%d", i);
        scene_clock_ray(layout, (float)i / 12, 0.77f, &x, &y);
        if (layout->radius >= 60)
            scene_canvas_text(canvas, (int)x - scene_canvas_text_width(numeral, scale) / 2,
                              (int)y - SCENE_TEXT_HEIGHT_PX * scale / 2, scale, 0xaab4cb, numeral);
    }
}

static void scene_clock_centred(const struct scene_canvas *canvas, const struct scene_clock_layout *layout, int y,
                                int scale, uint32_t colour, const char *text)
{
    scene_canvas_text(canvas, layout->text_x - scene_canvas_text_width(text, scale) / 2, y, scale, colour, text);
}

/* Days since 1970 to a date: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
static void scene_clock_date(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, day_of_era = z - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *ret_month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2));
}

static void scene_clock_text(const struct scene_canvas *canvas, const struct scene_clock_layout *layout, int64_t second,
                             bool fixed)
{
    static const char *const weekdays[] = {"Thursday", "Friday",  "Saturday", "Sunday",
                                           "Monday",   "Tuesday", "Wednesday"};
    int64_t days = (second >= 0 ? second : second - 86399) / 86400, within = second - days * 86400;
    int year, month, day, offset_min = fixed ? 0 : scene_utc_offset_s() / 60;
    char line[64];
    scene_clock_date(days, &year, &month, &day);
    snprintf(line, sizeof(line), "%02d:%02d:%02d", (int)(within / 3600), (int)(within / 60 % 60), (int)(within % 60));
    int scale = layout->time_only ? 1 : layout->text_scale * 2;
    scene_canvas_text_bold(canvas, layout->text_x - scene_canvas_text_width(line, scale) / 2, layout->text_y, scale,
                           0xffffff, line);
    if (layout->time_only)
        return;
    snprintf(line, sizeof(line), "%s %04d-%02d-%02d", weekdays[(days % 7 + 7) % 7], year, month, day);
    scene_clock_centred(canvas, layout, layout->text_y + 38 * layout->text_scale, layout->text_scale, 0xaab4cb, line);
    if (!layout->zone)
        return;
    if (offset_min == 0)
        snprintf(line, sizeof(line), "UTC");
    else
        snprintf(line, sizeof(line), "UTC%c%02d:%02d", offset_min < 0 ? '-' : '+', abs(offset_min) / 60,
                 abs(offset_min) % 60);
    scene_clock_centred(canvas, layout, layout->text_y + 58 * layout->text_scale, layout->text_scale, 0x66718c, line);
}

/* Between two frames of the same second only the second hand moves. */
static void scene_clock_hand(struct scene_clock_state *state, const struct scene_frame *frame,
                             const struct scene_clock_layout *layout, float turn, bool same_second,
                             struct engine_damage *damage)
{
    float tail_x, tail_y, x, y, margin = fmaxf(layout->radius * 0.05f, 1) + 2;
    scene_clock_ray(layout, turn, -0.18f, &tail_x, &tail_y);
    scene_clock_ray(layout, turn, 0.93f, &x, &y);
    if (same_second) {
        float left = fminf(fminf(x, tail_x), fminf(state->hand_x, state->tail_x)) - margin;
        float top = fminf(fminf(y, tail_y), fminf(state->hand_y, state->tail_y)) - margin;
        float right = fmaxf(fmaxf(x, tail_x), fmaxf(state->hand_x, state->tail_x)) + margin;
        float bottom = fmaxf(fmaxf(y, tail_y), fmaxf(state->hand_y, state->tail_y)) + margin;
        scene_add_damage(frame, damage, (int)left, (int)top, (int)(right - left) + 2, (int)(bottom - top) + 2);
    }
    state->hand_x = x;
    state->hand_y = y;
    state->tail_x = tail_x;
    state->tail_y = tail_y;
    uint32_t accent = scene_clock_accents[state->accent];
    scene_clock_spoke(&frame->canvas, layout, turn, -0.18f, 0.93f, 0.008f, accent);
    scene_canvas_disc(&frame->canvas, layout->centre_x, layout->centre_y, layout->radius * 0.045f, accent);
}

static void scene_clock_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    struct scene_clock_state *state = memory;
    const struct scene_canvas *canvas = &frame->canvas;
    struct scene_clock_layout layout = scene_clock_layout(canvas);
    int64_t now_ns = scene_clock_now(state, frame->time_ns), second = now_ns / CLOCK_SECOND_NS;
    int within = (int)((second % 86400 + 86400) % 86400);

    scene_canvas_gradient(canvas, 0x1c2336, 0x0a0d15);
    scene_clock_dial(canvas, &layout);
    scene_clock_text(canvas, &layout, second, state->fixed);
    scene_clock_spoke(canvas, &layout, (float)(within % 43200) / 43200, -0.08f, 0.52f, 0.032f, 0xf2f4fa);
    scene_clock_spoke(canvas, &layout, (float)(within % 3600) / 3600, -0.08f, 0.80f, 0.020f, 0xf2f4fa);
    float turn = (float)(now_ns % (60 * CLOCK_SECOND_NS)) / (float)(60 * CLOCK_SECOND_NS);
    scene_clock_hand(state, frame, &layout, turn, second == state->second, damage);
    state->second = second;
}

static bool scene_clock_input(void *memory, const struct scene_event *event)
{
    struct scene_clock_state *state = memory;
    (void)event;
    state->accent = (state->accent + 1) % (sizeof(scene_clock_accents) / sizeof(*scene_clock_accents));
    return true;
}

const struct scene scene_clock = {
    .name = "clock",
    .title = "Clock",
    .summary = "the time of day; a key changes the hand's colour",
    .animated = true,
    .state_bytes = sizeof(struct scene_clock_state),
    .init = scene_clock_init,
    .paint = scene_clock_paint,
    .input = scene_clock_input,
};
