/* scene.h - what a native scene is: a const table row, a few bytes of state for each document, and a way to paint them.
 *
 * A scene fills whatever canvas it is given; scale and rotation do not apply to it. It paints every pixel each time
 * (there are three buffers, with old frames in them) and says what differs from the frame it painted before. It knows
 * nothing of processes, channels or MuPDF. The picture follows from the state, time_ns and the canvas alone, exceptions
 * being the clock's hour and what another page wrote into memory that this one shares with it.
 */
#ifndef BULKHEAD_SCENE_H
#define BULKHEAD_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer/engine/engine.h"
#include "renderer/engine/scene_canvas.h"
#include "renderer/engine/scene_signal.h"

struct scene_frame {
    struct scene_canvas canvas;
    uint64_t time_ns; /* since the scene began; may start again from 0 */
    uint32_t sequence;
    int scroll_x_px, scroll_y_px;
    struct scene_signal *signal; /* this page's end of the shared buffer, if it has one */
};

struct scene_event {
    Bulkhead__Input__Kind kind;
    uint32_t code;           /* of the key, or the pointer's button */
    int x_px, y_px;          /* within the canvas */
    int width_px, height_px; /* of the canvas last painted */
};

struct scene {
    const char *name; /* what follows "about:" */
    const char *title;
    const char *summary; /* one line for about:about */
    bool animated;
    size_t state_bytes; /* zeroed before init */
    /* `query` is what followed '?', or "". May be NULL. */
    void (*init)(void *state, const char *query);
    /* *damage comes with count 0, which means everything; a scene may say less. It is ignored after a change of size
     * or an input, so a scene need not look for either. */
    void (*paint)(void *state, const struct scene_frame *frame, struct engine_damage *damage);
    /* True if the picture changes by it. May be NULL. */
    bool (*input)(void *state, const struct scene_event *event);
};

extern const struct scene scene_about, scene_blank, scene_bounce, scene_clock, scene_life, scene_plasma, scene_scope,
    scene_stars, scene_testcard, scene_text, scene_wave;

/* Every scene, ends with NULL. */
extern const struct scene *const scene_list[];

/* Adds a rectangle, clipped to the canvas; nothing if it is empty, "everything" once the rectangles run out. */
void scene_add_damage(const struct scene_frame *frame, struct engine_damage *damage, int x, int y, int width,
                      int height);
/* For a frame that may equal the one before: count 0 would mean everything, so one pixel stands for nothing. */
void scene_damage_at_least_one(struct engine_damage *damage);

/* Local time less UTC as it was when the zygote warmed up: the zone's file cannot be read from within the cell. */
int32_t scene_utc_offset_s(void);

/* A small deterministic generator (xorshift32, Marsaglia 2003); *state must not be 0. */
static inline uint32_t scene_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

#endif
