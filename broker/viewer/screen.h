/* screen.h - a grid of character cells, drawn into at will and turned into the fewest bytes that change the terminal.
 *
 * Owns two grids: what is being drawn and what the terminal shows. Never touches a descriptor. Whatever text is put in,
 * only printable characters come out: control bytes, C1, bidi marks and broken UTF-8 become "?" here, whether or not
 * they were escaped before. Drawing outside the grid is clipped, so callers need not check sizes.
 */
#ifndef BULKHEAD_SCREEN_H
#define BULKHEAD_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum screen_colours { SCREEN_MONOCHROME, SCREEN_256_COLOURS, SCREEN_TRUE_COLOUR };

/* 0xRRGGBB, or the terminal's own. */
#define SCREEN_DEFAULT 0xff000000u

enum { SCREEN_BOLD = 1, SCREEN_DIM = 2, SCREEN_REVERSE = 4, SCREEN_UNDERLINE = 8 };

struct screen_style {
    uint32_t foreground, background;
    uint32_t attributes; /* SCREEN_BOLD | …; as wide as the others: cells are compared as bytes and have no padding */
};

enum { SCREEN_GLYPH_BYTES = 11 };

struct screen_cell {
    char glyph[SCREEN_GLYPH_BYTES]; /* UTF-8, NUL-terminated: one character and what combines with it */
    uint8_t columns;                /* 1 or 2; 0 = the right half of the wide one before it */
    struct screen_style style;
};

struct screen;

/* utf8: whether the terminal shows it; without, glyphs come out as ASCII look-alikes. 0 or -ENOMEM. */
int screen_create(enum screen_colours colours, bool utf8, struct screen **ret_screen);
void screen_destroy(struct screen *screen); /* takes NULL */

/* A blank grid; everything is sent again by the next render. 0, or -ENOMEM with the old grid in place. */
int screen_resize(struct screen *screen, int columns, int rows);
int screen_columns(const struct screen *screen);
int screen_rows(const struct screen *screen);
enum screen_colours screen_colours(const struct screen *screen);
bool screen_is_utf8(const struct screen *screen);

/* Blanks the grid that is being drawn. */
void screen_clear(struct screen *screen);

/* Writes text from (x, y) rightwards into at most `columns` columns, clipped with "…". Returns the columns used. */
int screen_text(struct screen *screen, int x, int y, int columns, struct screen_style style, const char *utf8);
int screen_printf(struct screen *screen, int x, int y, int columns, struct screen_style style, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
/* Columns screen_text() would use without a limit. */
int screen_text_columns(const char *utf8);

/* One character in one cell; `glyph` is trusted to be one column wide. */
void screen_put(struct screen *screen, int x, int y, struct screen_style style, const char *glyph);
void screen_fill(struct screen *screen, int x, int y, int columns, int rows, struct screen_style style,
                 const char *glyph);
/* A frame with rounded corners, blank inside. */
void screen_box(struct screen *screen, int x, int y, int columns, int rows, struct screen_style style);

/* The cell as drawn; NULL outside the grid. */
const struct screen_cell *screen_cell(const struct screen *screen, int x, int y);

/* The bytes that bring the terminal from what it shows to what is drawn; "" when nothing changed. Owned by the screen
 * until the next call. The caller must send all of them, in order. NULL when out of memory. */
const char *screen_render(struct screen *screen, size_t *ret_bytes);
/* Forgets what the terminal shows. */
void screen_invalidate(struct screen *screen);

/* The nearest of the 240 fixed colours of xterm's palette (16..255). */
uint8_t screen_nearest_256(uint32_t rgb);

#endif
