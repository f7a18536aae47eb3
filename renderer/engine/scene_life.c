#include <string.h>

#include "renderer/engine/scene.h"

enum {
    LIFE_WIDTH = 160,
    LIFE_HEIGHT = 120,
    LIFE_ALIVE = 0x80, /* in a cell's byte; below it the age, or, when dead, what is left of its glow */
    LIFE_GLOW = 10,
    LIFE_TILES = 4, /* each way, for damage: 16 is what a frame may report */
    LIFE_GENERATION_NS = 1000000000 / 12,
    LIFE_CATCH_UP = 8,
    LIFE_SEED_EVERY = 64,
};

/* What changed within a tile since the frame before, in cells; right < left = nothing. */
struct scene_life_span {
    uint8_t left, top, right, bottom;
};

struct scene_life_state {
    uint8_t cells[LIFE_HEIGHT][LIFE_WIDTH], next[LIFE_HEIGHT][LIFE_WIDTH];
    uint32_t colours[256];
    struct scene_life_span changed[LIFE_TILES][LIFE_TILES];
    uint64_t generation;
    uint32_t random;
};

static void scene_life_colours(struct scene_life_state *state)
{
    static const uint32_t ages[] = {0xfff7c2, 0xffd166, 0xf78c6b, 0xef476f, 0xb5478f, 0x6a4ba8, 0x3f5fb5, 0x2f7fb5};
    for (unsigned i = 0; i < 128; i++) {
        unsigned step = i < 2 ? 0 : i < 4 ? 1 : i < 8 ? 2 : i < 14 ? 3 : i < 24 ? 4 : i < 40 ? 5 : i < 64 ? 6 : 7;
        unsigned glow = i < LIFE_GLOW ? i : LIFE_GLOW;
        state->colours[LIFE_ALIVE | i] = ages[step];
        state->colours[i] = scene_canvas_mix(0x0d1020, 0x47307a, glow * 256 / LIFE_GLOW);
    }
}

static void scene_life_nothing_changed(struct scene_life_state *state)
{
    memset(state->changed, 0, sizeof(state->changed));
    for (int i = 0; i < LIFE_TILES * LIFE_TILES; i++)
        state->changed[i / LIFE_TILES][i % LIFE_TILES].left = LIFE_WIDTH;
}

static void scene_life_soup(struct scene_life_state *state, int x, int y, int width, int height)
{
    for (int row = y; row < y + height; row++)
        for (int column = x; column < x + width; column++)
            if (scene_random(&state->random) >> 8 & 1)
                state->cells[(row + LIFE_HEIGHT) % LIFE_HEIGHT][(column + LIFE_WIDTH) % LIFE_WIDTH] = LIFE_ALIVE;
}

static void scene_life_seed(struct scene_life_state *state)
{
    memset(state->cells, 0, sizeof(state->cells));
    for (int i = 0; i < 26; i++) {
        uint32_t place = scene_random(&state->random);
        scene_life_soup(state, (int)(place % LIFE_WIDTH), (int)(place / LIFE_WIDTH % LIFE_HEIGHT), 16, 14);
    }
}

static void scene_life_init(void *memory, const char *query)
{
    struct scene_life_state *state = memory;
    state->random = 88172645;
    for (; *query; query++)
        state->random = state->random * 31 + (unsigned char)*query + 1;
    state->random |= 1;
    scene_life_colours(state);
    scene_life_nothing_changed(state);
    scene_life_seed(state);
}

static void scene_life_mark(struct scene_life_state *state, int x, int y)
{
    struct scene_life_span *span = &state->changed[y * LIFE_TILES / LIFE_HEIGHT][x * LIFE_TILES / LIFE_WIDTH];
    if (span->left > span->right) {
        *span = (struct scene_life_span){(uint8_t)x, (uint8_t)y, (uint8_t)x, (uint8_t)y};
        return;
    }
    span->left = (uint8_t)(x < span->left ? x : span->left);
    span->right = (uint8_t)(x > span->right ? x : span->right);
    span->bottom = (uint8_t)(y > span->bottom ? y : span->bottom);
    span->top = (uint8_t)(y < span->top ? y : span->top);
}

/* Conway's rule, with an age for the living and a glow for the dead. */
static uint8_t scene_life_rule(uint8_t cell, int neighbours)
{
    bool alive = cell & LIFE_ALIVE;
    if (neighbours == 3 || (alive && neighbours == 2))
        return alive ? (uint8_t)(cell < 0xff ? cell + 1 : cell) : LIFE_ALIVE;
    return alive ? LIFE_GLOW : cell ? (uint8_t)(cell - 1) : 0;
}

static void scene_life_step(struct scene_life_state *state)
{
    for (int y = 0; y < LIFE_HEIGHT; y++) {
        const uint8_t *above = state->cells[(y + LIFE_HEIGHT - 1) % LIFE_HEIGHT], *row = state->cells[y];
        const uint8_t *below = state->cells[(y + 1) % LIFE_HEIGHT];
        /* Living cells in the columns left of, at and right of x. */
        int left = (above[LIFE_WIDTH - 1] >> 7) + (row[LIFE_WIDTH - 1] >> 7) + (below[LIFE_WIDTH - 1] >> 7);
        int here = (above[0] >> 7) + (row[0] >> 7) + (below[0] >> 7);
        for (int x = 0; x < LIFE_WIDTH; x++) {
            int east = x + 1 < LIFE_WIDTH ? x + 1 : 0;
            int right = (above[east] >> 7) + (row[east] >> 7) + (below[east] >> 7);
            uint8_t cell = scene_life_rule(row[x], left + here + right - (row[x] >> 7));
            state->next[y][x] = cell;
            if (state->colours[cell] != state->colours[row[x]])
                scene_life_mark(state, x, y);
            left = here;
            here = right;
        }
    }
    memcpy(state->cells, state->next, sizeof(state->cells));
}

static void scene_life_advance(struct scene_life_state *state, uint64_t time_ns)
{
    uint64_t target = time_ns / LIFE_GENERATION_NS;
    /* Time that began anew, or a long sleep: skip what nobody saw. */
    if (target < state->generation)
        state->generation = target;
    else if (target - state->generation > LIFE_CATCH_UP)
        state->generation = target - LIFE_CATCH_UP;
    for (; state->generation < target; state->generation++) {
        /* Left alone, it would settle into still lives. The soup goes in before the step that reports its changes. */
        if (state->generation % LIFE_SEED_EVERY == LIFE_SEED_EVERY - 1) {
            int x = (int)(scene_random(&state->random) % LIFE_WIDTH),
                y = (int)(scene_random(&state->random) % LIFE_HEIGHT);
            scene_life_soup(state, x, y, 10, 10);
            for (int i = 0; i < 100; i++)
                scene_life_mark(state, (x + i % 10) % LIFE_WIDTH, (y + i / 10) % LIFE_HEIGHT);
        }
        scene_life_step(state);
    }
}

/* The first pixel of a cell. */
static int scene_life_edge(int cell, int cells, int size_px)
{
    return (int)((int64_t)cell * size_px / cells);
}

static void scene_life_row(const struct scene_life_state *state, const struct scene_canvas *canvas, int y)
{
    int top = scene_life_edge(y, LIFE_HEIGHT, canvas->height_px),
        bottom = scene_life_edge(y + 1, LIFE_HEIGHT, canvas->height_px);
    if (bottom <= top)
        return;
    int gap = canvas->width_px >= 4 * LIFE_WIDTH && bottom - top >= 4;
    for (int x = 0; x < LIFE_WIDTH; x++) {
        int left = scene_life_edge(x, LIFE_WIDTH, canvas->width_px),
            right = scene_life_edge(x + 1, LIFE_WIDTH, canvas->width_px);
        scene_canvas_rect(canvas, left, top, right - left, 1, state->colours[state->cells[y][x]]);
        if (gap)
            scene_canvas_rect(canvas, right - 1, top, 1, 1, state->colours[0]);
    }
    uint8_t *first = scene_canvas_row(canvas, top);
    for (int row = top + 1; row < bottom - gap; row++)
        memcpy(scene_canvas_row(canvas, row), first, (size_t)canvas->width_px * 3);
    if (gap)
        scene_canvas_rect(canvas, 0, bottom - 1, canvas->width_px, 1, state->colours[0]);
}

static void scene_life_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    struct scene_life_state *state = memory;
    int width = frame->canvas.width_px, height = frame->canvas.height_px;
    scene_life_advance(state, frame->time_ns);
    for (int y = 0; y < LIFE_HEIGHT; y++)
        scene_life_row(state, &frame->canvas, y);
    for (int i = 0; i < LIFE_TILES * LIFE_TILES; i++) {
        struct scene_life_span *span = &state->changed[i / LIFE_TILES][i % LIFE_TILES];
        if (span->left > span->right)
            continue;
        int left = scene_life_edge(span->left, LIFE_WIDTH, width),
            top = scene_life_edge(span->top, LIFE_HEIGHT, height);
        scene_add_damage(frame, damage, left, top, scene_life_edge(span->right + 1, LIFE_WIDTH, width) - left,
                         scene_life_edge(span->bottom + 1, LIFE_HEIGHT, height) - top);
    }
    scene_damage_at_least_one(damage);
    scene_life_nothing_changed(state);
}

static bool scene_life_input(void *memory, const struct scene_event *event)
{
    struct scene_life_state *state = memory;
    if (event->kind == BULKHEAD__INPUT__KIND__POINTER)
        scene_life_soup(state, (int)((int64_t)event->x_px * LIFE_WIDTH / event->width_px) - 6,
                        (int)((int64_t)event->y_px * LIFE_HEIGHT / event->height_px) - 6, 12, 12);
    else
        scene_life_seed(state);
    return true;
}

const struct scene scene_life = {
    .name = "life",
    .title = "Game of life",
    .summary = "a click adds cells, a key begins anew",
    .animated = true,
    .state_bytes = sizeof(struct scene_life_state),
    .init = scene_life_init,
    .paint = scene_life_paint,
    .input = scene_life_input,
};
