#include <stdio.h>
#include <string.h>

#include "broker/viewer/viewer_draw.h"
#include "broker/viewer/viewer_draw_parts.h"
#include "broker/viewer/viewer_style.h"

void viewer_draw_header(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen)
{
    const struct viewer_rect *area = &layout->header;
    int sandbox = screen_text_columns(model->sandbox), room = area->columns - 2;

    screen_fill(screen, area->x, area->y, area->columns, area->rows, viewer_style(screen, VIEWER_ROLE_BAR), " ");
    struct screen_style style = viewer_style(screen, VIEWER_ROLE_BAR);
    style.attributes |= SCREEN_BOLD;
    int used = screen_text(screen, area->x + 1, area->y, room, style, model->heading);
    if (used + 2 + sandbox <= room)
        screen_text(screen, area->columns - 1 - sandbox, area->y, sandbox, viewer_style(screen, VIEWER_ROLE_BAR_FAINT),
                    model->sandbox);
}

/* A column of the table: shown from so many columns of the whole on. */
enum viewer_column {
    COLUMN_STATE,
    COLUMN_PID,
    COLUMN_FRAMES,
    COLUMN_RATE,
    COLUMN_LOST,
    COLUMN_IN,
    COLUMN_OUT,
    COLUMN_COUNT
};

static const struct {
    const char *name;
    int columns, from_columns;
} viewer_columns[COLUMN_COUNT] = {
    [COLUMN_STATE] = {"state", 13, 0},  [COLUMN_PID] = {"pid", 8, 56},   [COLUMN_FRAMES] = {"frames", 8, 38},
    [COLUMN_RATE] = {"fps", 5, 72},     [COLUMN_LOST] = {"lost", 5, 64}, [COLUMN_IN] = {"msgs in", 8, 80},
    [COLUMN_OUT] = {"msgs out", 9, 80},
};

static int viewer_table_title_columns(int columns)
{
    int left = columns - 6;

    for (int i = 0; i < COLUMN_COUNT; i++)
        if (columns >= viewer_columns[i].from_columns)
            left -= viewer_columns[i].columns;
    return left;
}

static void viewer_format_column(enum viewer_column column, const struct viewer_row *row, char *out, size_t out_size)
{
    switch (column) {
    case COLUMN_STATE:
        snprintf(out, out_size, "%s", tab_state_name(row->state));
        break;
    case COLUMN_PID:
        snprintf(out, out_size, row->pid ? "%d" : "-", (int)row->pid);
        break;
    case COLUMN_FRAMES:
        snprintf(out, out_size, "%llu", (unsigned long long)row->frames);
        break;
    case COLUMN_RATE:
        snprintf(out, out_size, row->frames_per_second < 0.5f ? "-" : "%.0f", (double)row->frames_per_second);
        break;
    case COLUMN_LOST:
        snprintf(out, out_size, "%llu", (unsigned long long)row->lost);
        break;
    case COLUMN_IN:
        snprintf(out, out_size, "%llu", (unsigned long long)row->messages_in);
        break;
    case COLUMN_OUT:
        snprintf(out, out_size, "%llu", (unsigned long long)row->messages_out);
        break;
    case COLUMN_COUNT:
        break;
    }
}

static void viewer_draw_cells(const struct viewer_row *row, int x, int y, int columns, struct screen_style style,
                              struct screen *screen)
{
    for (int i = 0; i < COLUMN_COUNT; i++) {
        char text[32];
        if (columns < viewer_columns[i].from_columns)
            continue;
        if (row)
            viewer_format_column(i, row, text, sizeof(text));
        else
            snprintf(text, sizeof(text), "%s", viewer_columns[i].name);
        int used = screen_text_columns(text), width = viewer_columns[i].columns;
        int indent = i == COLUMN_STATE ? 1 : width - used;
        struct screen_style cell = style;
        if (row && i == COLUMN_STATE)
            cell = viewer_style(screen, viewer_style_of_state(row->state));
        if (row && i == COLUMN_LOST && row->lost > 0)
            cell = viewer_style(screen, VIEWER_ROLE_BAD);
        screen_text(screen, x + indent, y, width - indent, cell, text);
        x += width;
    }
}

void viewer_draw_table(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen)
{
    const struct viewer_rect *area = &layout->table;
    int title = viewer_table_title_columns(area->columns);
    struct screen_style faint = viewer_style(screen, VIEWER_ROLE_FAINT);

    if (area->rows < 1)
        return;
    screen_text(screen, area->x + 5, area->y, title, faint, "title");
    viewer_draw_cells(NULL, area->x + 5 + title, area->y, area->columns, faint, screen);
    for (size_t i = 0; i < layout->table_count; i++) {
        size_t index = layout->table_first + i;
        const struct viewer_row *row = &model->rows[index];
        int y = area->y + 1 + (int)i;
        bool active = index == model->active;
        struct screen_style style = viewer_style(screen, active ? VIEWER_ROLE_STRONG : VIEWER_ROLE_TEXT);
        screen_text(screen, area->x, y, 1, viewer_style(screen, VIEWER_ROLE_WARNING), active ? "▸" : " ");
        screen_printf(screen, area->x + 1, y, 3, faint, "%3zu", index + 1);
        screen_text(screen, area->x + 5, y, title, style, row->title);
        viewer_draw_cells(row, area->x + 5 + title, y, area->columns, style, screen);
    }
}

void viewer_draw_tile(const struct viewer_model *model, const struct viewer_layout *layout, size_t index,
                      struct screen *screen)
{
    struct viewer_rect tile = layout->tiles[index], area = viewer_draw_tile_area(layout, index);
    const struct viewer_row *row = &model->rows[index];
    enum viewer_role role = index == model->active ? VIEWER_ROLE_STRONG : VIEWER_ROLE_FAINT;

    if (tile.rows == 0)
        return;
    viewer_draw_picture(row, area, screen);
    if (tile.rows == area.rows)
        return;
    if (viewer_draw_is_sad(row) || row->state == TAB_UNRESPONSIVE || row->state == TAB_FAILED)
        role = viewer_style_of_state(row->state);
    screen_printf(screen, tile.x, tile.y + tile.rows - 1, tile.columns, viewer_style(screen, role), "%zu %s", index + 1,
                  row->title);
}
