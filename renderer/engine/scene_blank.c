#include "renderer/engine/scene.h"

static void scene_blank_paint(void *state, const struct scene_frame *frame, struct engine_damage *damage)
{
    (void)state;
    scene_canvas_fill(&frame->canvas, 0xffffff);
    scene_damage_at_least_one(damage);
}

const struct scene scene_blank = {
    .name = "blank",
    .title = "Blank page",
    .summary = "nothing, in white",
    .paint = scene_blank_paint,
};
