#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/viewer/screen.h"
#include "broker/viewer/screen_grid.h"

/* Unchanged cells between two changed ones are sent again when that is shorter than moving the cursor over them. */
enum { SCREEN_RENDER_BRIDGE = 4 };

/* Where the terminal's cursor and colours are while bytes are written. */
struct screen_render {
    struct screen *screen;
    int x, y; /* -1: not known */
    struct screen_style style;
    bool style_known, failed;
};

static void screen_render_bytes(struct screen_render *render, const char *bytes, size_t size_bytes)
{
    struct screen *screen = render->screen;

    if (screen->size_bytes + size_bytes + 1 > screen->capacity) {
        size_t capacity = (screen->size_bytes + size_bytes + 1) * 2;
        char *grown = realloc(screen->bytes, capacity);
        if (!grown) {
            render->failed = true;
            return;
        }
        screen->bytes = grown;
        screen->capacity = capacity;
    }
    memcpy(screen->bytes + screen->size_bytes, bytes, size_bytes);
    screen->size_bytes += size_bytes;
    screen->bytes[screen->size_bytes] = '\0';
}

static void screen_render_format(struct screen_render *render, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void screen_render_format(struct screen_render *render, const char *format, ...)
{
    char text[64];
    va_list arguments;

    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    screen_render_bytes(render, text, (size_t)length);
}

uint8_t screen_nearest_256(uint32_t rgb)
{
    static const int levels[6] = {0, 95, 135, 175, 215, 255};
    int channel[3] = {(int)(rgb >> 16 & 0xff), (int)(rgb >> 8 & 0xff), (int)(rgb & 0xff)};
    int index[3], cube_error = 0, grey_error = 0;
    int grey = ((channel[0] + channel[1] + channel[2]) / 3 - 3) / 10;

    grey = grey < 0 ? 0 : grey > 23 ? 23 : grey;
    for (int i = 0; i < 3; i++) {
        index[i] = channel[i] < 48 ? 0 : channel[i] < 115 ? 1 : (channel[i] - 35) / 40;
        cube_error += (channel[i] - levels[index[i]]) * (channel[i] - levels[index[i]]);
        grey_error += (channel[i] - (8 + 10 * grey)) * (channel[i] - (8 + 10 * grey));
    }
    return (uint8_t)(grey_error < cube_error ? 232 + grey : 16 + 36 * index[0] + 6 * index[1] + index[2]);
}

static void screen_render_colour(struct screen_render *render, uint32_t colour, int base)
{
    if (render->screen->colours == SCREEN_MONOCHROME)
        return;
    if (colour == SCREEN_DEFAULT)
        screen_render_format(render, "\033[%dm", base + 9);
    else if (render->screen->colours == SCREEN_TRUE_COLOUR)
        screen_render_format(render, "\033[%d;2;%u;%u;%um", base + 8, colour >> 16 & 0xff, colour >> 8 & 0xff,
                             colour & 0xff);
    else
        screen_render_format(render, "\033[%d;5;%um", base + 8, screen_nearest_256(colour));
}

static void screen_render_style(struct screen_render *render, const struct screen_style *style)
{
    static const struct {
        uint32_t attribute;
        const char *code;
    } codes[] = {
        {SCREEN_BOLD, "\033[1m"}, {SCREEN_DIM, "\033[2m"}, {SCREEN_REVERSE, "\033[7m"}, {SCREEN_UNDERLINE, "\033[4m"}};

    if (!render->style_known || render->style.attributes != style->attributes) {
        screen_render_bytes(render, "\033[0m", 4);
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
            if (style->attributes & codes[i].attribute)
                screen_render_bytes(render, codes[i].code, strlen(codes[i].code));
        render->style.foreground = render->style.background = SCREEN_DEFAULT;
    }
    if (render->style.foreground != style->foreground)
        screen_render_colour(render, style->foreground, 30);
    if (render->style.background != style->background)
        screen_render_colour(render, style->background, 40);
    render->style = *style;
    render->style_known = true;
}

/* What stands for a glyph on a terminal without UTF-8. */
static const char *screen_render_ascii(const char *glyph)
{
    static const char *const look_alikes[][2] = {
        {"─", "-"}, {"│", "|"}, {"╭", "+"}, {"╮", "+"}, {"╰", "+"}, {"╯", "+"}, {"…", "~"}, {"●", "*"}, {"○", "o"},
        {"✓", "+"}, {"✗", "x"}, {"▶", ">"}, {"▸", ">"}, {"·", "."}, {"×", "x"}, {"–", "-"}, {"—", "-"}, {"█", "#"},
        {"▀", "#"}, {"▄", "#"}, {"→", ">"}, {"←", "<"}, {"↑", "^"}, {"↓", "v"}, {"⚠", "!"}, {"☠", "X"}, {"µ", "u"},
    };

    if ((unsigned char)glyph[0] < 0x80)
        return glyph[0] && glyph[1] == '\0' ? glyph : "?";
    for (size_t i = 0; i < sizeof(look_alikes) / sizeof(look_alikes[0]); i++)
        if (strcmp(glyph, look_alikes[i][0]) == 0)
            return look_alikes[i][1];
    return "?";
}

static void screen_render_cell(struct screen_render *render, int x, int y)
{
    const struct screen_cell *cell = screen_at(render->screen, x, y);

    if (cell->columns == 0)
        return;
    if (render->y != y || render->x != x)
        screen_render_format(render, "\033[%d;%dH", y + 1, x + 1);
    screen_render_style(render, &cell->style);
    if (render->screen->utf8) {
        screen_render_bytes(render, cell->glyph, strlen(cell->glyph));
    } else {
        screen_render_bytes(render, screen_render_ascii(cell->glyph), 1);
        if (cell->columns == 2)
            screen_render_bytes(render, " ", 1);
    }
    /* Terminals disagree about the width of anything unusual: after it the cursor's place is not taken for granted. */
    bool usual = cell->columns == 1 && (!render->screen->utf8 || strlen(cell->glyph) <= 3);
    render->x = usual ? x + 1 : -1;
    render->y = usual ? y : -1;
}

static bool screen_render_changed(const struct screen *screen, int x, int y)
{
    size_t at = (size_t)y * (size_t)screen->columns + (size_t)x;

    return screen->stale || memcmp(&screen->drawn[at], &screen->shown[at], sizeof(screen->drawn[at])) != 0;
}

static void screen_render_row(struct screen_render *render, int y)
{
    struct screen *screen = render->screen;

    for (int x = 0; x < screen->columns; x++) {
        /* The right half of a wide character that was overwritten on the left needs nothing: its lead is sent. */
        bool changed = screen_render_changed(screen, x, y) ||
                       (screen_at(screen, x, y)->columns == 2 && screen_render_changed(screen, x + 1, y));
        if (!changed)
            continue;
        int gap = render->y == y && render->x >= 0 ? x - render->x : 0;
        for (int bridge = x - gap; gap > 0 && gap <= SCREEN_RENDER_BRIDGE && bridge < x; bridge++)
            screen_render_cell(render, bridge, y);
        screen_render_cell(render, x, y);
    }
}

const char *screen_render(struct screen *screen, size_t *ret_bytes)
{
    struct screen_render render = {.screen = screen, .x = -1, .y = -1};

    screen->size_bytes = 0;
    screen_render_bytes(&render, "", 0);
    if (screen->stale)
        screen_render_bytes(&render, "\033[0m\033[2J", 8);
    for (int y = 0; y < screen->rows; y++)
        screen_render_row(&render, y);
    if (render.style_known)
        screen_render_bytes(&render, "\033[0m", 4);
    if (render.failed)
        return NULL;
    memcpy(screen->shown, screen->drawn, (size_t)screen->columns * (size_t)screen->rows * sizeof(*screen->drawn));
    screen->stale = false;
    *ret_bytes = screen->size_bytes;
    return screen->bytes;
}
