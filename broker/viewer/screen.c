#include "broker/viewer/screen.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/viewer/screen_grid.h"
#include "common/text.h"

static const struct screen_style screen_plain = {SCREEN_DEFAULT, SCREEN_DEFAULT, 0};

int screen_create(enum screen_colours colours, bool utf8, struct screen **ret_screen)
{
    struct screen *screen = calloc(1, sizeof(*screen));

    if (!screen)
        return -ENOMEM;
    screen->colours = colours;
    screen->utf8 = utf8;
    screen->stale = true;
    *ret_screen = screen;
    return 0;
}

void screen_destroy(struct screen *screen)
{
    if (!screen)
        return;
    free(screen->drawn);
    free(screen->shown);
    free(screen->bytes);
    free(screen);
}

int screen_resize(struct screen *screen, int columns, int rows)
{
    size_t count = (size_t)columns * (size_t)rows;
    struct screen_cell *drawn = calloc(count ? count : 1, sizeof(*drawn));
    struct screen_cell *shown = calloc(count ? count : 1, sizeof(*shown));

    if (!drawn || !shown) {
        free(drawn);
        free(shown);
        return -ENOMEM;
    }
    free(screen->drawn);
    free(screen->shown);
    screen->drawn = drawn;
    screen->shown = shown;
    screen->columns = columns;
    screen->rows = rows;
    screen->stale = true;
    screen_clear(screen);
    return 0;
}

int screen_columns(const struct screen *screen)
{
    return screen->columns;
}

int screen_rows(const struct screen *screen)
{
    return screen->rows;
}

enum screen_colours screen_colours(const struct screen *screen)
{
    return screen->colours;
}

bool screen_is_utf8(const struct screen *screen)
{
    return screen->utf8;
}

static void screen_set(struct screen_cell *cell, struct screen_style style, const char *glyph, uint8_t columns)
{
    size_t length = strnlen(glyph, SCREEN_GLYPH_BYTES - 1);

    _Static_assert(sizeof(*cell) == SCREEN_GLYPH_BYTES + 1 + sizeof(style), "cells are compared as bytes");
    /* What lies behind the NUL counts too. */
    memset(cell, 0, sizeof(*cell));
    memcpy(cell->glyph, glyph, length);
    cell->columns = columns;
    cell->style = style;
}

/* Half of a wide character cannot be shown: whoever writes over one half blanks the other. */
static void screen_split_wide(struct screen *screen, int x, int y)
{
    struct screen_cell *cell = screen_at(screen, x, y);

    if (cell->columns == 0 && x > 0)
        screen_set(cell - 1, cell[-1].style, " ", 1);
    if (cell->columns == 2 && x + 1 < screen->columns)
        screen_set(cell + 1, cell[1].style, " ", 1);
}

void screen_put(struct screen *screen, int x, int y, struct screen_style style, const char *glyph)
{
    if (x < 0 || y < 0 || x >= screen->columns || y >= screen->rows)
        return;
    screen_split_wide(screen, x, y);
    screen_set(screen_at(screen, x, y), style, glyph, 1);
}

void screen_fill(struct screen *screen, int x, int y, int columns, int rows, struct screen_style style,
                 const char *glyph)
{
    for (int row = y; row < y + rows; row++)
        for (int column = x; column < x + columns; column++)
            screen_put(screen, column, row, style, glyph);
}

void screen_clear(struct screen *screen)
{
    for (int y = 0; y < screen->rows; y++)
        for (int x = 0; x < screen->columns; x++)
            screen_set(screen_at(screen, x, y), screen_plain, " ", 1);
}

void screen_box(struct screen *screen, int x, int y, int columns, int rows, struct screen_style style)
{
    if (columns < 2 || rows < 2)
        return;
    screen_fill(screen, x, y, columns, rows, style, " ");
    screen_fill(screen, x + 1, y, columns - 2, 1, style, "─");
    screen_fill(screen, x + 1, y + rows - 1, columns - 2, 1, style, "─");
    screen_fill(screen, x, y + 1, 1, rows - 2, style, "│");
    screen_fill(screen, x + columns - 1, y + 1, 1, rows - 2, style, "│");
    screen_put(screen, x, y, style, "╭");
    screen_put(screen, x + columns - 1, y, style, "╮");
    screen_put(screen, x, y + rows - 1, style, "╰");
    screen_put(screen, x + columns - 1, y + rows - 1, style, "╯");
}

/* Length of the UTF-8 character at text, 0 if it is none that may be printed. */
static size_t screen_printable(const char *text)
{
    const unsigned char *b = (const unsigned char *)text;
    size_t length = b[0] < 0x80 ? 1 : b[0] >= 0xc2 && b[0] < 0xe0 ? 2 : (b[0] & 0xf0) == 0xe0 ? 3 : b[0] < 0xf5 ? 4 : 0;
    uint32_t code = length == 1 ? b[0] : length ? b[0] & (0x7fu >> length) : 0;

    if (b[0] >= 0x80 && b[0] < 0xc2)
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (b[i] & 0x3f);
    }
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool format = (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
                  (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || code == 0xad || code == 0x61c;
    bool broken = (length == 3 && code < 0x800) || (length == 4 && (code < 0x10000 || code > 0x10ffff)) ||
                  (code >= 0xd800 && code <= 0xdfff);
    return control || format || broken ? 0 : length;
}

/* Takes the next character of *text as `glyph`; returns its columns (0 = it combines with the one before). */
static int screen_next_glyph(const char **text, char glyph[SCREEN_GLYPH_BYTES])
{
    size_t length = screen_printable(*text);

    if (length == 0) {
        memcpy(glyph, "?", 2);
        *text += 1;
        return 1;
    }
    memcpy(glyph, *text, length);
    glyph[length] = '\0';
    *text += length;
    return (unsigned char)glyph[0] < 0x80 ? 1 : (int)text_columns(glyph);
}

static void screen_append_mark(struct screen *screen, int x, int y, const char *mark)
{
    if (x < 0 || y < 0 || x >= screen->columns || y >= screen->rows)
        return;
    struct screen_cell *cell = screen_at(screen, x, y);
    if (cell->columns == 0 && x > 0)
        cell--;
    size_t used = strlen(cell->glyph), more = strlen(mark);
    if (used + more < SCREEN_GLYPH_BYTES)
        memcpy(cell->glyph + used, mark, more);
}

static void screen_put_glyph(struct screen *screen, int x, int y, struct screen_style style, const char *glyph,
                             int columns)
{
    screen_put(screen, x, y, style, columns == 2 ? " " : glyph);
    if (columns != 2 || x < 0 || y < 0 || y >= screen->rows || x + 1 >= screen->columns)
        return;
    screen_put(screen, x + 1, y, style, " ");
    screen_set(screen_at(screen, x, y), style, glyph, 2);
    screen_set(screen_at(screen, x + 1, y), style, "", 0);
}

int screen_text_columns(const char *utf8)
{
    char glyph[SCREEN_GLYPH_BYTES];
    int total = 0;

    while (*utf8)
        total += screen_next_glyph(&utf8, glyph);
    return total;
}

int screen_text(struct screen *screen, int x, int y, int columns, struct screen_style style, const char *utf8)
{
    bool clipped = screen_text_columns(utf8) > columns;
    int room = clipped ? columns - 1 : columns, used = 0;
    char glyph[SCREEN_GLYPH_BYTES];

    if (columns <= 0)
        return 0;
    while (*utf8) {
        int wide = screen_next_glyph(&utf8, glyph);
        if (used + wide > room)
            break;
        if (wide == 0)
            screen_append_mark(screen, x + used - 1, y, glyph);
        else
            screen_put_glyph(screen, x + used, y, style, glyph, wide);
        used += wide;
    }
    if (clipped)
        screen_put(screen, x + used++, y, style, "…");
    return used;
}

int screen_printf(struct screen *screen, int x, int y, int columns, struct screen_style style, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return screen_text(screen, x, y, columns, style, text);
}

const struct screen_cell *screen_cell(const struct screen *screen, int x, int y)
{
    if (x < 0 || y < 0 || x >= screen->columns || y >= screen->rows)
        return NULL;
    return screen_at(screen, x, y);
}

void screen_invalidate(struct screen *screen)
{
    screen->stale = true;
}
