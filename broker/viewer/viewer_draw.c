#include "broker/viewer/viewer_draw.h"

#include <stdio.h>
#include <string.h>

#include "broker/viewer/viewer_draw_parts.h"
#include "broker/viewer/viewer_style.h"

enum { VIEWER_INDENT = 4, VIEWER_COLUMN_BYTES = 128, VIEWER_KEYS_BYTES = 256 };

struct viewer_rect viewer_draw_page_area(const struct viewer_layout *layout)
{
    struct viewer_rect area = layout->page;

    if (area.columns > 2)
        area.columns -= 1; /* the scroll bar */
    return area;
}

struct viewer_rect viewer_draw_tile_area(const struct viewer_layout *layout, size_t index)
{
    struct viewer_rect area = layout->tiles[index];

    if (area.rows >= 2)
        area.rows -= 1;
    return area;
}

/* Bytes of the next line of text that fit into `columns`; breaks at a space if there is one in the last half. */
static size_t viewer_draw_line_bytes(const char *text, int columns)
{
    size_t end = strcspn(text, "\n"), cut = 0, space = 0;
    char line[512];

    while (cut < end && cut < sizeof(line) - 1) {
        size_t next = cut + 1;
        while (next < end && ((unsigned char)text[next] & 0xc0) == 0x80)
            next++;
        if (next >= sizeof(line))
            break;
        memcpy(line, text, next);
        line[next] = '\0';
        if (screen_text_columns(line) > columns)
            break;
        if (text[cut] == ' ')
            space = cut;
        cut = next;
    }
    if (cut == end)
        return end;
    return space > cut / 2 ? space : cut ? cut : 1;
}

/* Where the rest of a line that is broken stands: under its second column, if it has one ("r     reload …"), else a
 * little to the right. */
static int viewer_draw_indent(const char *line, int columns)
{
    const char *start = line + strspn(line, " "), *gap = strstr(start, "  ");
    char left[VIEWER_COLUMN_BYTES];

    if (columns < 4 * VIEWER_INDENT)
        return 0;
    size_t bytes = gap ? (size_t)(gap - line) + strspn(gap, " ") : 0;
    if (bytes == 0 || bytes >= sizeof(left) || memchr(line, '\n', bytes) || !line[bytes])
        return VIEWER_INDENT;
    memcpy(left, line, bytes);
    left[bytes] = '\0';
    int indent = screen_text_columns(left);
    return indent <= columns / 2 ? indent : VIEWER_INDENT;
}

size_t viewer_draw_text(struct screen *screen, struct viewer_rect area, struct screen_style style, const char *text,
                        size_t first)
{
    size_t count = 0;
    const char *start = text;
    char line[512];
    int indent = 0;

    if (area.columns < 1)
        return 0;
    while (*text) {
        size_t length = viewer_draw_line_bytes(text, area.columns - indent);
        size_t clipped = length < sizeof(line) - 1 ? length : sizeof(line) - 1;
        memcpy(line, text, clipped);
        line[clipped] = '\0';
        if (count >= first && count - first < (size_t)area.rows)
            screen_text(screen, area.x + indent, area.y + (int)(count - first), area.columns - indent, style, line);
        text += length;
        bool is_broken = *text && *text != '\n';
        indent = is_broken ? viewer_draw_indent(start, area.columns) : 0;
        if (*text == '\n' || *text == ' ')
            text++;
        if (!is_broken)
            start = text;
        count++;
    }
    return count;
}

static void viewer_draw_events(const struct viewer_model *model, struct viewer_rect area, struct screen *screen)
{
    size_t shown = model->event_count < (size_t)area.rows ? model->event_count : (size_t)area.rows;

    for (size_t i = 0; i < shown; i++) {
        size_t index = model->event_count - shown + i;
        bool newest = index + 1 == model->event_count;
        screen_text(screen, area.x + 1, area.y + (int)i, area.columns - 2,
                    viewer_style(screen, newest ? VIEWER_ROLE_TEXT : VIEWER_ROLE_FAINT), model->events[index]);
    }
}

static void viewer_draw_line(struct viewer_rect area, struct screen *screen, enum viewer_role role, const char *text)
{
    if (area.rows == 0)
        return;
    screen_fill(screen, area.x, area.y, area.columns, 1, viewer_style(screen, role), " ");
    screen_text(screen, area.x + 1, area.y, area.columns - 2, viewer_style(screen, role), text);
}

/* As many of the keys, "q quit · ? help · …", as fit as a whole. */
static void viewer_draw_keys(struct viewer_rect area, struct screen *screen, const char *keys)
{
    static const char between[] = " · ";
    char shown[VIEWER_KEYS_BYTES];
    char *end = shown + snprintf(shown, sizeof(shown), "%s", keys);

    while (end && screen_text_columns(shown) > area.columns - 2) {
        char *next = NULL;
        for (char *at = strstr(shown, between); at; at = strstr(at + 1, between))
            next = at;
        if ((end = next))
            *end = '\0';
    }
    viewer_draw_line(area, screen, VIEWER_ROLE_FAINT, shown);
}

static void viewer_draw_panel(const struct viewer_text *panel, struct viewer_rect area, struct screen *screen)
{
    struct screen_style style = viewer_style(screen, VIEWER_ROLE_BOX);

    if (area.rows < 3 || !panel->text)
        return;
    screen_box(screen, area.x, area.y, area.columns, area.rows, style);
    style.attributes |= SCREEN_BOLD;
    screen_printf(screen, area.x + 2, area.y, area.columns - 4, style, " %s ", panel->title);
    style.attributes = 0;
    struct viewer_rect inside = {area.x + 2, area.y + 1, area.columns - 4, area.rows - 2};
    viewer_draw_text(screen, inside, style, panel->text, 0);
}

static int viewer_draw_overlay_width(const struct screen *screen)
{
    int columns = screen_columns(screen);
    return columns > 104 ? 100 : columns - 4;
}

int viewer_draw_overlay_columns(const struct screen *screen)
{
    int columns = viewer_draw_overlay_width(screen) - 4;
    return columns > 0 ? columns : 0;
}

static void viewer_draw_overlay(const struct viewer_model *model, struct screen *screen)
{
    int columns = screen_columns(screen), rows = screen_rows(screen);
    int width = viewer_draw_overlay_width(screen), height = rows - 2;
    struct screen_style style = viewer_style(screen, VIEWER_ROLE_BOX);

    if (width < 8 || height < 4) {
        width = columns;
        height = rows;
    }
    struct viewer_rect inside = {(columns - width) / 2 + 2, (rows - height) / 2 + 1, width - 4, 0};
    /* Counted without drawing, so that the box is only as high as its text. */
    size_t lines = viewer_draw_text(screen, inside, style, model->overlay.text, 0);
    if ((size_t)height > lines + 2)
        height = (int)lines + 2;
    inside = (struct viewer_rect){(columns - width) / 2 + 2, (rows - height) / 2 + 1, width - 4, height - 2};
    screen_box(screen, inside.x - 2, inside.y - 1, width, height, style);
    viewer_draw_text(screen, inside, style, model->overlay.text, model->overlay_scroll);
    style.attributes |= SCREEN_BOLD;
    screen_printf(screen, inside.x, inside.y - 1, inside.columns, style, " %s ", model->overlay.title);
    if (lines > (size_t)inside.rows)
        screen_printf(screen, inside.x, inside.y + inside.rows, inside.columns, style, " %zu–%zu of %zu · ↑↓ scroll ",
                      model->overlay_scroll + 1, model->overlay_scroll + (size_t)inside.rows, lines);
}

void viewer_draw(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen)
{
    screen_clear(screen);
    if (model->mode == VIEWER_OVERVIEW) {
        viewer_draw_header(model, layout, screen);
        viewer_draw_table(model, layout, screen);
        for (size_t i = 0; i < model->count; i++)
            viewer_draw_tile(model, layout, i, screen);
        viewer_draw_panel(&model->panel, layout->panel, screen);
    } else {
        viewer_draw_tab_bar(model, layout, screen);
        viewer_draw_page(model, layout, screen);
        viewer_draw_status(model, layout, screen);
    }
    if (model->narration[0])
        viewer_draw_line(layout->narration, screen, VIEWER_ROLE_NARRATION, model->narration);
    viewer_draw_events(model, layout->events, screen);
    viewer_draw_keys(layout->keys, screen, model->keys);
    if (model->overlay.text)
        viewer_draw_overlay(model, screen);
}
