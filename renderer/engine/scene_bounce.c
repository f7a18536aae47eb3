#include <math.h>
#include <stdio.h>

#include "renderer/engine/scene.h"

enum { BOUNCE_BALLS = 12, BOUNCE_FIRST_BALLS = 5, BOUNCE_TICKS_PER_S = 120, BOUNCE_CATCH_UP_TICKS = 240 };

static const float BOUNCE_GRAVITY = 1.1f; // in shorter edges of the canvas a second, a second
static const float BOUNCE_MOST_SPEED = 2.4f, BOUNCE_LEAST_BOUNCE = 0.85f;

/* Lengths are in shorter edges of the canvas, so that a picture of any size shows the same play. */
struct scene_bounce_ball {
    float x, y, dx, dy, radius;
    uint32_t colour;
    struct engine_rect shown; // where the frame before had it
};

struct scene_bounce_state {
    struct scene_bounce_ball balls[BOUNCE_BALLS];
    unsigned count, oldest;
    uint32_t random;
    uint64_t tick;
    float width, height; // of the world
};

static float scene_bounce_chance(struct scene_bounce_state *state, float low, float high)
{
    return low + (high - low) * (float)(scene_random(&state->random) >> 8) / (float)(1 << 24);
}

static void scene_bounce_drop(struct scene_bounce_state *state, float x, float y)
{
    unsigned place = state->count < BOUNCE_BALLS ? state->count++ : state->oldest++ % BOUNCE_BALLS;
    state->balls[place] = (struct scene_bounce_ball){
        .x = x,
        .y = y,
        .dx = scene_bounce_chance(state, -0.6f, 0.6f),
        .dy = scene_bounce_chance(state, -0.8f, 0),
        .radius = scene_bounce_chance(state, 0.055f, 0.11f),
        .colour = scene_canvas_hue(scene_random(&state->random)),
    };
}

static void scene_bounce_init(void *memory, const char *query)
{
    struct scene_bounce_state *state = memory;
    state->random = 2463534242u;
    for (; *query; query++)
        state->random = state->random * 31 + (unsigned char)*query + 1;
    state->random |= 1;
    state->width = 4.0f / 3;
    state->height = 1;
    for (int i = 0; i < BOUNCE_FIRST_BALLS; i++)
        scene_bounce_drop(state, 0.2f + 0.2f * (float)i, scene_bounce_chance(state, 0.1f, 0.5f));
}

static void scene_bounce_wall(float *place, float *speed, float low, float high)
{
    if (*place < low || low > high) {
        *place = low;
        *speed = fabsf(*speed);
    } else if (*place > high) {
        *place = high;
        *speed = -fabsf(*speed);
    }
}

static void scene_bounce_move(const struct scene_bounce_state *state, struct scene_bounce_ball *ball)
{
    const float dt = 1.0f / BOUNCE_TICKS_PER_S;
    ball->dy += BOUNCE_GRAVITY * dt;
    ball->x += ball->dx * dt;
    ball->y += ball->dy * dt;
    scene_bounce_wall(&ball->x, &ball->dx, ball->radius, state->width - ball->radius);
    float falling = ball->dy;
    scene_bounce_wall(&ball->y, &ball->dy, ball->radius, state->height - ball->radius);
    /* A ball that would come to rest is thrown up again: a still picture is a dull demo. */
    if (falling > 0 && ball->dy <= 0 && ball->dy > -BOUNCE_LEAST_BOUNCE)
        ball->dy = -BOUNCE_LEAST_BOUNCE - ball->radius * 4;
    float speed = sqrtf(ball->dx * ball->dx + ball->dy * ball->dy);
    if (speed > BOUNCE_MOST_SPEED) {
        ball->dx *= BOUNCE_MOST_SPEED / speed;
        ball->dy *= BOUNCE_MOST_SPEED / speed;
    }
}

/* An elastic collision of masses that grow with the square of the radius. */
static void scene_bounce_collide(struct scene_bounce_ball *a, struct scene_bounce_ball *b)
{
    float nx = b->x - a->x, ny = b->y - a->y, reach = a->radius + b->radius, square = nx * nx + ny * ny;
    if (square >= reach * reach || square < 1e-9f)
        return;
    float distance = sqrtf(square), weight_a = a->radius * a->radius, weight_b = b->radius * b->radius;
    float share = weight_b / (weight_a + weight_b), overlap = reach - distance;
    nx /= distance;
    ny /= distance;
    a->x -= nx * overlap * share;
    a->y -= ny * overlap * share;
    b->x += nx * overlap * (1 - share);
    b->y += ny * overlap * (1 - share);
    float closing = (a->dx - b->dx) * nx + (a->dy - b->dy) * ny;
    if (closing <= 0)
        return;
    a->dx -= 2 * closing * share * nx;
    a->dy -= 2 * closing * share * ny;
    b->dx += 2 * closing * (1 - share) * nx;
    b->dy += 2 * closing * (1 - share) * ny;
}

static void scene_bounce_advance(struct scene_bounce_state *state, uint64_t time_ns)
{
    uint64_t target = time_ns / (1000000000 / BOUNCE_TICKS_PER_S);
    /* Time that began anew, or a long sleep: skip what nobody saw. */
    if (target < state->tick)
        state->tick = target;
    else if (target - state->tick > BOUNCE_CATCH_UP_TICKS)
        state->tick = target - BOUNCE_CATCH_UP_TICKS;
    for (; state->tick < target; state->tick++) {
        for (unsigned i = 0; i < state->count; i++)
            scene_bounce_move(state, &state->balls[i]);
        for (unsigned i = 0; i < state->count; i++)
            for (unsigned j = i + 1; j < state->count; j++)
                scene_bounce_collide(&state->balls[i], &state->balls[j]);
    }
}

static void scene_bounce_ground(const struct scene_canvas *canvas, int edge)
{
    int step = edge / 8 < 8 ? 8 : edge / 8;
    scene_canvas_gradient(canvas, 0x232946, 0x121629);
    for (int x = step; x < canvas->width_px; x += step)
        scene_canvas_rect_blend(canvas, x, 0, 1, canvas->height_px, 0x8f9bd4, 28);
    for (int y = step; y < canvas->height_px; y += step)
        scene_canvas_rect_blend(canvas, 0, y, canvas->width_px, 1, 0x8f9bd4, 28);
}

static struct engine_rect scene_bounce_extent(const struct scene_bounce_ball *ball, float edge)
{
    float margin = ball->radius * edge + 2;
    int x = (int)floorf(ball->x * edge - margin), y = (int)floorf(ball->y * edge - margin);
    x = x < 0 ? 0 : x;
    y = y < 0 ? 0 : y;
    int right = (int)ceilf(ball->x * edge + margin), bottom = (int)ceilf(ball->y * edge + margin);
    return (struct engine_rect){x, y, right > x ? right - x : 0, bottom > y ? bottom - y : 0};
}

static void scene_bounce_damage(const struct scene_frame *frame, struct engine_damage *damage, struct engine_rect was,
                                struct engine_rect is)
{
    uint32_t left = was.x_px < is.x_px ? was.x_px : is.x_px, top = was.y_px < is.y_px ? was.y_px : is.y_px;
    uint32_t right_was = was.x_px + was.width_px, right_is = is.x_px + is.width_px;
    uint32_t bottom_was = was.y_px + was.height_px, bottom_is = is.y_px + is.height_px;
    scene_add_damage(frame, damage, (int)left, (int)top, (int)((right_was > right_is ? right_was : right_is) - left),
                     (int)((bottom_was > bottom_is ? bottom_was : bottom_is) - top));
}

static void scene_bounce_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    struct scene_bounce_state *state = memory;
    const struct scene_canvas *canvas = &frame->canvas;
    int edge = canvas->width_px < canvas->height_px ? canvas->width_px : canvas->height_px;
    state->width = (float)canvas->width_px / (float)edge;
    state->height = (float)canvas->height_px / (float)edge;
    scene_bounce_advance(state, frame->time_ns);
    scene_bounce_ground(canvas, edge);
    for (unsigned i = 0; i < state->count; i++) {
        struct scene_bounce_ball *ball = &state->balls[i];
        struct engine_rect extent = scene_bounce_extent(ball, (float)edge);
        scene_canvas_ball(canvas, ball->x * (float)edge, ball->y * (float)edge, ball->radius * (float)edge,
                          ball->colour);
        scene_bounce_damage(frame, damage, ball->shown, extent);
        ball->shown = extent;
    }
    char caption[48];
    snprintf(caption, sizeof(caption), "%u balls", state->count);
    scene_canvas_text(canvas, 8, 6, scene_canvas_text_scale(canvas->width_px, canvas->height_px, 40, 14), 0x9fa9d6,
                      caption);
    scene_damage_at_least_one(damage);
}

static bool scene_bounce_input(void *memory, const struct scene_event *event)
{
    struct scene_bounce_state *state = memory;
    if (event->kind == BULKHEAD__INPUT__KIND__POINTER) {
        float edge = (float)(event->width_px < event->height_px ? event->width_px : event->height_px);
        scene_bounce_drop(state, (float)event->x_px / edge, (float)event->y_px / edge);
        return true;
    }
    for (unsigned i = 0; i < state->count; i++) {
        state->balls[i].dy = scene_bounce_chance(state, -1.8f, -1.0f);
        state->balls[i].dx += scene_bounce_chance(state, -0.5f, 0.5f);
    }
    return true;
}

const struct scene scene_bounce = {
    .name = "bounce",
    .title = "Bouncing balls",
    .summary = "a click drops a ball, a key throws them all up",
    .animated = true,
    .state_bytes = sizeof(struct scene_bounce_state),
    .init = scene_bounce_init,
    .paint = scene_bounce_paint,
    .input = scene_bounce_input,
};
