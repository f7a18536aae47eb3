#include "renderer/engine/scene_font.h"

static const uint16_t scene_font_box[SCENE_FONT_ROWS] = {
    0, 0, 0, 0, 0xfe, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0x82, 0xfe,
};

static const uint16_t *scene_font_find_narrow(uint32_t code_point)
{
    for (size_t i = 0; i < scene_font_range_count; i++) {
        const struct scene_font_range *range = &scene_font_ranges[i];
        if (code_point >= range->first && code_point - range->first < range->count)
            return scene_font_narrow[range->index + (code_point - range->first)];
    }
    return NULL;
}

static const uint32_t *scene_font_find_wide(uint32_t code_point)
{
    size_t low = 0, high = scene_font_wide_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (scene_font_wide_code_points[middle] == code_point)
            return scene_font_wide[middle];
        if (scene_font_wide_code_points[middle] < code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct scene_font_glyph scene_font_find(uint32_t code_point)
{
    const uint16_t *narrow = scene_font_find_narrow(code_point);
    const uint32_t *wide = narrow ? NULL : scene_font_find_wide(code_point);
    if (wide)
        return (struct scene_font_glyph){.width_px = SCENE_FONT_WIDE_PX, .wide = wide};
    return (struct scene_font_glyph){.width_px = SCENE_FONT_NARROW_PX, .narrow = narrow ? narrow : scene_font_box};
}

uint32_t scene_font_next(const char **text)
{
    static const uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)*text;
    if (*p == 0)
        return 0;
    int follow = *p < 0x80                 ? 0
                 : *p >= 0xf0 && *p < 0xf5 ? 3
                 : *p >= 0xe0 && *p < 0xf0 ? 2
                 : *p >= 0xc2 && *p < 0xe0 ? 1
                                           : -1;
    *text += 1;
    if (follow <= 0)
        return follow == 0 ? *p : 0xfffd;
    uint32_t code_point = *p & (0x3fu >> follow);
    for (int i = 1; i <= follow; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0xfffd;
        code_point = code_point << 6 | (p[i] & 0x3f);
    }
    if (code_point < smallest[follow])
        return 0xfffd;
    *text += follow;
    return code_point;
}
