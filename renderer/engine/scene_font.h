/* scene_font.h - the scenes' compiled-in bitmap font: "Fixed" 9x18 and, for East Asian characters, 18x18.
 *
 * The glyphs are from X.Org's font-misc-misc (Debian: xfonts-base), whose COPYING reads in full: "Public domain font.
 * Share and enjoy." scene_font_data.c is made from it by demo/pages/sources/make-font.py: Latin, Greek, Cyrillic,
 * Armenian, Georgian, arrows, lines and blocks entirely; of the wide characters, those that the scenes' sources use.
 */
#ifndef BULKHEAD_SCENE_FONT_H
#define BULKHEAD_SCENE_FONT_H

#include <stddef.h>
#include <stdint.h>

enum { SCENE_FONT_ROWS = 18, SCENE_FONT_NARROW_PX = 9, SCENE_FONT_WIDE_PX = 18 };

/* One character: `rows`, each with its leftmost pixel in bit width_px - 1. */
struct scene_font_glyph {
    int width_px;
    const uint32_t *wide;   // SCENE_FONT_ROWS rows, or NULL
    const uint16_t *narrow; // SCENE_FONT_ROWS rows, or NULL
};

/* Always succeeds: a box stands for what is missing. */
struct scene_font_glyph scene_font_find(uint32_t code_point);
/* Decodes one code point and moves *text past it; 0 at the end; U+FFFD for what is not UTF-8. */
uint32_t scene_font_next(const char **text);

/* The generated tables, sorted by code point. */
struct scene_font_range {
    uint32_t first, count, index; // of scene_font_narrow
};
extern const struct scene_font_range scene_font_ranges[];
extern const size_t scene_font_range_count;
extern const uint16_t scene_font_narrow[][SCENE_FONT_ROWS];
extern const uint32_t scene_font_wide_code_points[];
extern const uint32_t scene_font_wide[][SCENE_FONT_ROWS];
extern const size_t scene_font_wide_count;

#endif
