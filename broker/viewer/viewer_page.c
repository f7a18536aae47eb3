#include <stdio.h>
#include <string.h>

#include "broker/viewer/viewer_draw.h"
#include "broker/viewer/viewer_draw_parts.h"
#include "broker/viewer/viewer_style.h"

enum { VIEWER_TAB_TITLE_COLUMNS = 24, VIEWER_MESSAGE_COLUMNS = 64, VIEWER_MORE_COLUMNS = 8 };

bool viewer_draw_is_sad(const struct viewer_row *row)
{
    return row->state == TAB_SAD || row->state == TAB_QUARANTINED;
}

static void viewer_draw_waiting(const struct viewer_row *row, struct viewer_rect area, struct screen *screen)
{
    struct screen_style style = viewer_style(screen, VIEWER_ROLE_FAINT);
    const char *text = row->state == TAB_LIVE ? "painting…" : row->state == TAB_LOADING ? "loading…" : "starting…";
    int columns = screen_text_columns(text);

    if (columns > area.columns)
        columns = area.columns;
    screen_text(screen, area.x + (area.columns - columns) / 2, area.y + area.rows / 2, columns, style, text);
}

/* A box in the middle with `lines`; as many of them as there is room for, the frame given up first. */
static void viewer_draw_notice(struct viewer_rect area, struct screen *screen, enum viewer_role role,
                               const char *const *lines, int count)
{
    struct screen_style style = viewer_style(screen, role);
    int width = 0;

    for (int i = 0; i < count; i++) {
        int columns = screen_text_columns(lines[i]) + 4;
        width = columns > width ? columns : width;
    }
    width = width < area.columns ? width : area.columns;
    bool framed = area.rows >= count + 7 && width >= 12;
    int height = framed ? count + 2 : count < area.rows ? count : area.rows;
    int x = area.x + (area.columns - width) / 2, y = area.y + (area.rows - height) / 2;
    if (framed)
        screen_box(screen, x, y, width, height, style);
    else
        screen_fill(screen, x, y, width, height, style, " ");
    int margin = framed ? 2 : 0;
    for (int i = 0; i < height - (framed ? 2 : 0); i++) {
        int columns = screen_text_columns(lines[i]), room = width - 2 * margin;
        int indent = columns < room ? (room - columns) / 2 : 0;
        screen_text(screen, x + margin + indent, y + (framed ? 1 : 0) + i, room - indent, style, lines[i]);
    }
}

/* A message of any length in a box in the middle. */
static void viewer_draw_message(struct viewer_rect area, struct screen *screen, const char *text)
{
    struct screen_style style = viewer_style(screen, VIEWER_ROLE_BOX_WARNING);
    int width = area.columns > VIEWER_MESSAGE_COLUMNS ? VIEWER_MESSAGE_COLUMNS : area.columns;
    struct viewer_rect inside = {area.x + (area.columns - width) / 2 + 2, area.y, width - 4, 0};
    int lines = (int)viewer_draw_text(screen, inside, style, text, 0);

    if (area.rows < lines + 2 || inside.columns < 8) {
        viewer_draw_notice(area, screen, VIEWER_ROLE_BOX_WARNING, &text, 1);
        return;
    }
    inside.y = area.y + (area.rows - lines) / 2;
    inside.rows = lines;
    if (lines == 1) {
        int columns = screen_text_columns(text);
        inside.x = area.x + (area.columns - columns) / 2;
        inside.columns = columns;
    }
    screen_box(screen, inside.x - 2, inside.y - 1, inside.columns + 4, lines + 2, style);
    viewer_draw_text(screen, inside, style, text, 0);
}

static void viewer_draw_sad(const struct viewer_row *row, struct viewer_rect area, struct screen *screen)
{
    const char *face = screen_is_utf8(screen) ? "☹" : ":(";
    const char *what = row->problem[0] ? row->problem : tab_state_name(row->state);
    const char *way_out =
        row->state == TAB_QUARANTINED ? "quarantined: R reloads it all the same" : "r reload · i details";
    const char *const large[] = {face, what, "every other tab goes on", way_out};
    const char *const small[] = {what};

    if (area.columns >= 44 && area.rows >= 11)
        viewer_draw_notice(area, screen, VIEWER_ROLE_BOX_BAD, large, 4);
    else
        viewer_draw_notice(area, screen, VIEWER_ROLE_BOX_BAD, small, 1);
}

void viewer_draw_picture(const struct viewer_row *row, struct viewer_rect area, struct screen *screen)
{
    bool sad = viewer_draw_is_sad(row);

    if (area.columns < 1 || area.rows < 1)
        return;
    if (row->picture && row->picture->width_px > 0) {
        int columns = (int)row->picture->width_px, rows = (int)(row->picture->height_px + 1) / 2;
        int x = area.x + (columns < area.columns ? (area.columns - columns) / 2 : 0);
        int y = area.y + (rows < area.rows ? (area.rows - rows) / 2 : 0);
        thumbnail_draw(row->picture, screen, x, y, area.columns, area.rows, sad ? THUMBNAIL_SAD : THUMBNAIL_PLAIN);
    } else if (!sad && row->state != TAB_FAILED && !row->problem[0]) {
        viewer_draw_waiting(row, area, screen);
    }
    if (sad) {
        viewer_draw_sad(row, area, screen);
    } else if (row->state == TAB_FAILED || row->state == TAB_UNRESPONSIVE || row->problem[0]) {
        viewer_draw_message(area, screen, row->problem[0] ? row->problem : tab_state_name(row->state));
    }
}

static void viewer_tab_label(const struct viewer_row *row, size_t index, char *out, size_t out_size)
{
    snprintf(out, out_size, "%zu %s", index + 1, row->title);
}

static int viewer_tab_columns(const struct viewer_row *row, size_t index)
{
    char label[600];

    viewer_tab_label(row, index, label, sizeof(label));
    int columns = screen_text_columns(label);
    return (columns < VIEWER_TAB_TITLE_COLUMNS ? columns : VIEWER_TAB_TITLE_COLUMNS) + 2;
}

/* That there are more tabs than are to be seen, to the left or to the right. */
static void viewer_draw_more(struct viewer_rect area, struct screen *screen, bool left, bool right)
{
    struct screen_style style = viewer_style(screen, VIEWER_ROLE_BAR);

    if (area.columns < VIEWER_MORE_COLUMNS)
        return;
    if (left)
        screen_text(screen, area.x, area.y, 1, style, screen_is_utf8(screen) ? "‹" : "<");
    if (right)
        screen_text(screen, area.x + area.columns - 1, area.y, 1, style, screen_is_utf8(screen) ? "›" : ">");
}

void viewer_draw_tab_bar(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen)
{
    const struct viewer_rect *area = &layout->header;
    size_t first = model->active;
    int room = area->columns, x = area->x;

    screen_fill(screen, area->x, area->y, area->columns, area->rows, viewer_style(screen, VIEWER_ROLE_BAR), " ");
    if (model->count == 0)
        return;
    /* As many tabs before the one in front as there is room for. */
    room -= viewer_tab_columns(&model->rows[first], first);
    while (first > 0 && room >= viewer_tab_columns(&model->rows[first - 1], first - 1))
        first--, room -= viewer_tab_columns(&model->rows[first], first);
    size_t i = first;
    bool is_cut = false;
    for (; i < model->count && x < area->x + area->columns; i++) {
        const struct viewer_row *row = &model->rows[i];
        bool bad = viewer_draw_is_sad(row) || row->state == TAB_FAILED;
        enum viewer_role role = i == model->active ? VIEWER_ROLE_BAR_ACTIVE
                                : bad              ? VIEWER_ROLE_BAR_BAD
                                                   : VIEWER_ROLE_BAR;
        char label[600];
        int columns = viewer_tab_columns(row, i), left = area->x + area->columns - x;
        viewer_tab_label(row, i, label, sizeof(label));
        is_cut = columns > left;
        columns = is_cut ? left : columns;
        screen_fill(screen, x, area->y, columns, 1, viewer_style(screen, role), " ");
        screen_text(screen, x + 1, area->y, columns - 2, viewer_style(screen, role), label);
        x += columns;
    }
    viewer_draw_more(*area, screen, first > 0, is_cut || i < model->count);
}

static void viewer_draw_scroll_bar(const struct viewer_row *row, struct viewer_rect area, struct screen *screen)
{
    struct screen_style style = viewer_style(screen, VIEWER_ROLE_FAINT);
    int x = area.x + area.columns - 1;

    if (row->shown_permille == 0 || row->shown_permille >= 1000 || area.rows < 3)
        return;
    int length = (int)((uint32_t)area.rows * row->shown_permille / 1000);
    length = length < 1 ? 1 : length;
    int start = (int)((uint32_t)(area.rows - length) * row->scroll_permille / 1000);
    screen_fill(screen, x, area.y, 1, area.rows, style, "│");
    screen_fill(screen, x, area.y + start, 1, length, style, "█");
}

void viewer_draw_page(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen)
{
    if (model->count == 0)
        return;
    viewer_draw_picture(&model->rows[model->active], viewer_draw_page_area(layout), screen);
    viewer_draw_scroll_bar(&model->rows[model->active], layout->page, screen);
}

void viewer_draw_status(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen)
{
    const struct viewer_rect *area = &layout->status;
    struct screen_style bar = viewer_style(screen, VIEWER_ROLE_BAR),
                        faint = viewer_style(screen, VIEWER_ROLE_BAR_FAINT);
    char page[32] = "", text[256];

    if (area->rows == 0 || model->count == 0)
        return;
    const struct viewer_row *row = &model->rows[model->active];
    if (row->page_count > 0)
        snprintf(page, sizeof(page), "%u/%u  ", row->page + 1, row->page_count);
    snprintf(text, sizeof(text), "%s%.0f%%  %s%s%s", page, (double)row->zoom * 100, row->format,
             row->format[0] ? "  " : "", tab_state_name(row->state));
    screen_fill(screen, area->x, area->y, area->columns, 1, bar, " ");
    int x = area->x + 1 + screen_text(screen, area->x + 1, area->y, area->columns - 2, bar, text);
    char pid[32] = "-";
    if (row->pid)
        snprintf(pid, sizeof(pid), "%d", (int)row->pid);
    snprintf(text, sizeof(text), "pid %s  frames %llu  lost %llu  in %llu  out %llu", pid,
             (unsigned long long)row->frames, (unsigned long long)row->lost, (unsigned long long)row->messages_in,
             (unsigned long long)row->messages_out);
    int right = area->x + area->columns - 1, sandbox = screen_text_columns(model->sandbox);
    if (x + 2 + screen_text_columns(text) < right)
        x += 2 + screen_text(screen, x + 2, area->y, right - x - 2, faint, text);
    if (x + 2 + sandbox < right)
        screen_text(screen, right - sandbox, area->y, sandbox, faint, model->sandbox);
}
