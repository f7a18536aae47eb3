#include "renderer/engine/scene.h"

enum { TEXT_COLUMNS = 36, TEXT_ROWS = 11, TEXT_PX_PER_S = 26, TEXT_LINE_PX = 24, TEXT_TITLE_RISE_PX = 15 };

enum scene_text_style { TEXT_TITLE, TEXT_PLAIN, TEXT_STRONG, TEXT_PAIR };

struct scene_text_line {
    enum scene_text_style style;
    const char *text, *second; // TEXT_PAIR: a language and its greeting
};

static const struct scene_text_line scene_text_lines[] = {
    {TEXT_TITLE, "Bulkhead", NULL},
    {TEXT_PLAIN, "A process that owns nothing", NULL},
    {TEXT_PLAIN, "is painting these lines.", NULL},
    {TEXT_PLAIN, "", NULL},
    {TEXT_PAIR, "English", "Hello, world"},
    {TEXT_PAIR, "한국어", "안녕, 세상아"},
    {TEXT_PAIR, "日本語", "こんにちは世界"},
    {TEXT_PAIR, "中文", "你好，世界"},
    {TEXT_PAIR, "Ελληνικά", "Γεια σου κόσμε"},
    {TEXT_PAIR, "Русский", "Привет, мир"},
    {TEXT_PAIR, "Українська", "Привіт, світе"},
    {TEXT_PAIR, "Հայերեն", "Բարեւ, աշխարհ"},
    {TEXT_PAIR, "ქართული", "გამარჯობა"},
    {TEXT_PAIR, "Français", "Bonjour, le monde"},
    {TEXT_PAIR, "Deutsch", "Grüß dich, Welt"},
    {TEXT_PAIR, "Español", "¡Hola, mundo!"},
    {TEXT_PAIR, "Português", "Olá, mundo"},
    {TEXT_PAIR, "Polski", "Witaj, świecie"},
    {TEXT_PAIR, "Čeština", "Ahoj, světe"},
    {TEXT_PAIR, "Türkçe", "Merhaba, dünya"},
    {TEXT_PAIR, "Íslenska", "Halló, heimur"},
    {TEXT_PAIR, "Esperanto", "Saluton, mondo"},
    {TEXT_PLAIN, "", NULL},
    {TEXT_STRONG, "What it has", NULL},
    {TEXT_PLAIN, "one socket to answer on", NULL},
    {TEXT_PLAIN, "one piece of memory to paint in", NULL},
    {TEXT_PLAIN, "about twenty system calls", NULL},
    {TEXT_PLAIN, "", NULL},
    {TEXT_STRONG, "What it has not", NULL},
    {TEXT_PLAIN, "files, nor a place to look for them", NULL},
    {TEXT_PLAIN, "a network", NULL},
    {TEXT_PLAIN, "any right it could lose", NULL},
    {TEXT_PLAIN, "neighbours", NULL},
    {TEXT_PLAIN, "", NULL},
    {TEXT_STRONG, "And if it falls", NULL},
    {TEXT_PLAIN, "its last picture stays,", NULL},
    {TEXT_PLAIN, "the reason is told,", NULL},
    {TEXT_PLAIN, "and the others sail on.", NULL},
    {TEXT_PLAIN, "", NULL},
    {TEXT_PLAIN, "┌──────┬──────┬──────┬──────┐", NULL},
    {TEXT_PLAIN, "│  ok  │  ok  │▒▒▒▒▒▒│  ok  │", NULL},
    {TEXT_PLAIN, "└──────┴──────┴──────┴──────┘", NULL},
    {TEXT_PLAIN, "", NULL},
};

enum { TEXT_LINES = sizeof(scene_text_lines) / sizeof(*scene_text_lines) };

struct scene_text_state {
    int64_t offset_um;         // millionths of a line's pixel, at since_ns
    uint64_t since_ns, now_ns; // now: of the frame before
    int direction;             // 1, -1, or 0 at rest
    unsigned accent;
    int64_t shown_px;
};

static void scene_text_init(void *memory, const char *query)
{
    struct scene_text_state *state = memory;
    (void)query;
    state->direction = 1;
}

static int64_t scene_text_offset_um(const struct scene_text_state *state, uint64_t time_ns)
{
    int64_t elapsed_us = (int64_t)(time_ns / 1000) - (int64_t)(state->since_ns / 1000);
    return state->offset_um + elapsed_us * state->direction * TEXT_PX_PER_S;
}

/* Lines are pale at the edges of the picture and bright in its middle. */
static uint32_t scene_text_fade(const struct scene_canvas *canvas, int y, uint32_t colour)
{
    int middle = canvas->height_px / 2, distance = y > middle ? y - middle : middle - y;
    int light = 256 + 96 - 352 * distance / (middle + 1);
    return scene_canvas_mix(0x10131f, colour, (unsigned)(light < 40 ? 40 : light > 256 ? 256 : light));
}

static void scene_text_line(const struct scene_canvas *canvas, int y, int scale, const struct scene_text_line *line,
                            unsigned accent)
{
    int middle = canvas->width_px / 2;
    uint32_t plain = scene_text_fade(canvas, y, 0xe9ecf5),
             strong = scene_text_fade(canvas, y, scene_canvas_hue(accent));
    switch (line->style) {
    case TEXT_TITLE:
        scene_canvas_text_bold(canvas, middle - scene_canvas_text_width(line->text, scale * 2) / 2,
                               y - TEXT_TITLE_RISE_PX * scale, scale * 2, strong, line->text);
        break;
    case TEXT_PLAIN:
        scene_canvas_text(canvas, middle - scene_canvas_text_width(line->text, scale) / 2, y, scale, plain, line->text);
        break;
    case TEXT_STRONG:
        scene_canvas_text_bold(canvas, middle - scene_canvas_text_width(line->text, scale) / 2, y, scale, strong,
                               line->text);
        break;
    case TEXT_PAIR:
        scene_canvas_text(canvas, middle - 4 * scale * SCENE_TEXT_WIDTH_PX - scene_canvas_text_width(line->text, scale),
                          y, scale, strong, line->text);
        scene_canvas_text(canvas, middle - 2 * scale * SCENE_TEXT_WIDTH_PX, y, scale, plain, line->second);
        break;
    }
}

static void scene_text_paint(void *memory, const struct scene_frame *frame, struct engine_damage *damage)
{
    struct scene_text_state *state = memory;
    const struct scene_canvas *canvas = &frame->canvas;
    int scale = scene_canvas_text_scale(canvas->width_px, canvas->height_px, TEXT_COLUMNS, TEXT_ROWS);
    int line_px = TEXT_LINE_PX * scale;
    int64_t all_px = (int64_t)line_px * TEXT_LINES;
    /* The first line begins in the middle of the picture. */
    int64_t top_px = scene_text_offset_um(state, frame->time_ns) * scale / 1000000 + frame->scroll_y_px -
                     canvas->height_px / 2 + line_px;

    scene_canvas_fill(canvas, 0x10131f);
    top_px = (top_px % all_px + all_px) % all_px;
    int first = (int)(top_px / line_px), y = -(int)(top_px % line_px);
    /* A title reaches up out of its line. */
    for (int i = first; y < canvas->height_px + TEXT_TITLE_RISE_PX * scale; i++, y += line_px) {
        const struct scene_text_line *line = &scene_text_lines[i % TEXT_LINES];
        scene_text_line(canvas, y, scale, line, state->accent * 37 + 96 + (unsigned)(i % TEXT_LINES) * 5);
    }
    if (top_px == state->shown_px)
        scene_damage_at_least_one(damage);
    state->shown_px = top_px;
    state->now_ns = frame->time_ns;
}

static bool scene_text_input(void *memory, const struct scene_event *event)
{
    struct scene_text_state *state = memory;
    state->offset_um = scene_text_offset_um(state, state->now_ns);
    state->since_ns = state->now_ns;
    if (event->kind == BULKHEAD__INPUT__KIND__POINTER)
        state->offset_um += (event->y_px - event->height_px / 2) * 1000000ll;
    else if (event->code == ' ')
        state->direction = state->direction ? 0 : 1;
    else
        state->direction = state->direction > 0 ? -1 : 1;
    state->accent++;
    return true;
}

const struct scene scene_text = {
    .name = "text",
    .title = "Scrolling text",
    .summary = "space stops it, other keys turn it round",
    .animated = true,
    .state_bytes = sizeof(struct scene_text_state),
    .init = scene_text_init,
    .paint = scene_text_paint,
    .input = scene_text_input,
};
