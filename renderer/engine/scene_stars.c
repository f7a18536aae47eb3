#include <math.h>

#include "renderer/engine/scene.h"

enum { STARS_COUNT = 480 };

static const float STARS_SPEEDS[] = {0.10f, 0.25f, 0.6f}; // depths a second
static const float STARS_NEAR = 0.03f;

struct scene_stars_star {
    float x, y, depth; // -1…1, -1…1, 0…1
    uint32_t colour;
};

struct scene_stars_state {
    struct scene_stars_star stars[STARS_COUNT];
    double travelled; // at since_ns
    uint64_t since_ns, now_ns;
    unsigned speed;
    float centre_x, centre_y; // of the view, 0…1
};

static void scene_stars_init(void *memory, const char *query)
{
    static const uint32_t colours[] = {0xffffff, 0xdfe9ff, 0xfff1d6, 0xbcd4ff, 0xffd9c2};
    struct scene_stars_state *state = memory;
    uint32_t random = 123456789;
    (void)query;
    for (int i = 0; i < STARS_COUNT; i++) {
        struct scene_stars_star *star = &state->stars[i];
        star->x = (float)(int32_t)scene_random(&random) / 2147483648.0f;
        star->y = (float)(int32_t)scene_random(&random) / 2147483648.0f;
        star->depth = (float)(scene_random(&random) >> 8) / (float)(1 << 24);
        star->colour = colours[scene_random(&random) % 5];
    }
    state->speed = 1;
    state->centre_x = state->centre_y = 0.5f;
}

static double scene_stars_travelled(const struct scene_stars_state *state, uint64_t time_ns)
{
    double elapsed = ((double)time_ns - (double)state->since_ns) / 1e9;
    return state->travelled + elapsed * (double)STARS_SPEEDS[state->speed];
}

static void scene_stars_star(const struct scene_stars_state *state, const struct scene_canvas *canvas,
                             const struct scene_stars_star *star, double travelled)
{
    float edge = (float)(canvas->width_px > canvas->height_px ? canvas->width_px : canvas->height_px) / 2;
    float depth = star->depth - (float)(travelled - floor(travelled));
    depth = depth < 0 ? depth + 1 : depth;
    float trail = STARS_SPEEDS[state->speed] * 0.06f, behind = depth + trail;
    if (depth < STARS_NEAR)
        return;
    float centre_x = state->centre_x * (float)canvas->width_px, centre_y = state->centre_y * (float)canvas->height_px;
    float x = centre_x + star->x / depth * edge * 0.6f, y = centre_y + star->y / depth * edge * 0.6f;
    float x0 = centre_x + star->x / behind * edge * 0.6f, y0 = centre_y + star->y / behind * edge * 0.6f;
    if (x < -50 || y < -50 || x > (float)canvas->width_px + 50 || y > (float)canvas->height_px + 50)
        return;
    /* Faint when it appears far off, bright and broad when it passes. */
    float light = 1 - depth, radius = 0.45f + light * light * edge * 0.009f;
    uint32_t colour = scene_canvas_mix(0x04050d, star->colour, (unsigned)(48 + light * 208));
    scene_canvas_line(canvas, x0, y0, x, y, radius * 0.3f, radius, colour);
}

static void scene_stars_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    struct scene_stars_state *state = memory;
    (void)damage;
    double travelled = scene_stars_travelled(state, frame->time_ns);
    scene_canvas_gradient(&frame->canvas, 0x03040a, 0x0a0d20);
    for (int i = 0; i < STARS_COUNT; i++)
        scene_stars_star(state, &frame->canvas, &state->stars[i], travelled);
    state->now_ns = frame->time_ns;
}

static bool scene_stars_input(void *memory, const struct scene_event *event)
{
    struct scene_stars_state *state = memory;
    if (event->kind == BULKHEAD__INPUT__KIND__POINTER) {
        state->centre_x = (float)event->x_px / (float)event->width_px;
        state->centre_y = (float)event->y_px / (float)event->height_px;
        return true;
    }
    state->travelled = scene_stars_travelled(state, state->now_ns);
    state->since_ns = state->now_ns;
    state->speed = (state->speed + 1) % (sizeof(STARS_SPEEDS) / sizeof(*STARS_SPEEDS));
    return true;
}

const struct scene scene_stars = {
    .name = "stars",
    .title = "Stars",
    .summary = "a click steers, a key changes the speed",
    .animated = true,
    .state_bytes = sizeof(struct scene_stars_state),
    .init = scene_stars_init,
    .paint = scene_stars_paint,
    .input = scene_stars_input,
};
