#include <stdio.h>

#include "renderer/engine/scene.h"

static void scene_about_row(const struct scene_canvas *canvas, int x, int y, int scale, const struct scene *scene,
                            unsigned index)
{
    char name[32];
    snprintf(name, sizeof(name), "about:%s", scene->name);
    scene_canvas_rect(canvas, x, y + 5 * scale, 8 * scale, 8 * scale, scene_canvas_hue(index * 29));
    scene_canvas_text(canvas, x + 16 * scale, y, scale, 0xf2f4fa, name);
    scene_canvas_text(canvas, x + 16 * scale + 16 * SCENE_TEXT_WIDTH_PX * scale, y, scale, 0x9aa5bd, scene->summary);
}

static void scene_about_paint(void *state, const struct scene_frame *frame, struct engine_damage *damage)
{
    (void)state;
    const struct scene_canvas *canvas = &frame->canvas;
    int scale = scene_canvas_text_scale(canvas->width_px, canvas->height_px, 68, 20), line = 24 * scale;
    int x = 20 * scale - frame->scroll_x_px, y = 16 * scale - frame->scroll_y_px;

    scene_canvas_gradient(canvas, 0x171c2b, 0x0c0f18);
    scene_canvas_text_bold(canvas, x, y, 2 * scale, 0xffffff, "Bulkhead");
    scene_canvas_text(canvas, x, y + 40 * scale, scale, 0x9aa5bd, "native scenes, each in a renderer of its own");
    y += 76 * scale;
    for (unsigned i = 0; scene_list[i]; i++, y += line)
        scene_about_row(canvas, x, y, scale, scene_list[i], i);
    scene_damage_at_least_one(damage);
}

const struct scene scene_about = {
    .name = "about",
    .title = "About pages",
    .summary = "this list",
    .paint = scene_about_paint,
};
