#include "broker/viewer/viewer_layout.h"

#include <string.h>

enum {
    VIEWER_LAYOUT_WIDE = 120,       /* columns from which the panel stands beside the pictures */
    VIEWER_LAYOUT_PANEL_LEAST = 60, /* a backtrace line is readable from here */
    VIEWER_LAYOUT_PANEL_MOST = 76,
    VIEWER_LAYOUT_TILE_MOST = 64, /* a tile larger than this says no more */
};

static struct viewer_rect viewer_layout_take_top(struct viewer_rect *from, int rows)
{
    rows = rows < 0 ? 0 : rows > from->rows ? from->rows : rows;
    struct viewer_rect taken = {from->x, from->y, from->columns, rows};

    from->y += rows;
    from->rows -= rows;
    return taken;
}

static struct viewer_rect viewer_layout_take_bottom(struct viewer_rect *from, int rows)
{
    rows = rows < 0 ? 0 : rows > from->rows ? from->rows : rows;
    from->rows -= rows;
    return (struct viewer_rect){from->x, from->y + from->rows, from->columns, rows};
}

static struct viewer_rect viewer_layout_take_right(struct viewer_rect *from, int columns)
{
    columns = columns < 0 ? 0 : columns > from->columns ? from->columns : columns;
    from->columns -= columns;
    return (struct viewer_rect){from->x + from->columns, from->y, columns, from->rows};
}

/* Tiles in `across` columns: the size of a picture in square pixels decides which number is best. Pictures are taken
 * as 4:3 on the average. */
static int viewer_layout_tile_score(const struct viewer_rect *area, int count, int across)
{
    int down = (count + across - 1) / across;
    if (down < 1)
        return 0;
    int columns = area->columns / across - 1, rows = area->rows / down - 1;
    int by_height = rows * 2 * 4 / 3;

    if (columns < 1 || rows < 1)
        return 0;
    return columns < by_height ? columns : by_height;
}

static void viewer_layout_tiles(struct viewer_layout *layout, struct viewer_rect area, int count)
{
    int best = 1;

    if (count < 1 || area.rows < 2 || area.columns < 4)
        return;
    for (int across = 2; across <= count; across++)
        if (viewer_layout_tile_score(&area, count, across) > viewer_layout_tile_score(&area, count, best))
            best = across;
    int down = count > best ? (count + best - 1) / best : 1;
    int columns = area.columns / best, rows = area.rows / down;
    if (columns > VIEWER_LAYOUT_TILE_MOST)
        columns = VIEWER_LAYOUT_TILE_MOST;
    if (rows < 2 || columns < 3)
        return;
    for (int i = 0; i < count; i++)
        layout->tiles[i] =
            (struct viewer_rect){area.x + i % best * columns, area.y + i / best * rows, columns - 1, rows};
}

/* The table scrolls so that the active tab is in sight. */
static void viewer_layout_table(struct viewer_layout *layout, const struct viewer_model *model)
{
    size_t room = layout->table.rows > 1 ? (size_t)layout->table.rows - 1 : 0;

    layout->table_count = model->count < room ? model->count : room;
    if (model->active >= layout->table_count)
        layout->table_first = model->active + 1 - layout->table_count;
}

static void viewer_layout_overview(struct viewer_layout *layout, const struct viewer_model *model,
                                   struct viewer_rect area)
{
    bool has_panel = model->panel.text != NULL;

    layout->narration = viewer_layout_take_top(&area, model->narration[0] ? 1 : 0);
    layout->keys = viewer_layout_take_bottom(&area, area.rows >= 14 && model->keys[0] ? 1 : 0);
    layout->events = viewer_layout_take_bottom(&area, area.rows >= 30 ? 4 : area.rows >= 20 ? 2 : 1);
    if (has_panel && area.columns >= VIEWER_LAYOUT_WIDE) {
        int columns = area.columns * 2 / 5;
        columns = columns < VIEWER_LAYOUT_PANEL_LEAST ? VIEWER_LAYOUT_PANEL_LEAST : columns;
        columns = columns > VIEWER_LAYOUT_PANEL_MOST ? VIEWER_LAYOUT_PANEL_MOST : columns;
        layout->panel = viewer_layout_take_right(&area, columns);
    }
    /* At most three fifths for the table; on small screens with a panel half, so that both can be read. */
    bool stacked = has_panel && layout->panel.rows == 0;
    int most = stacked ? area.rows / 2 : area.rows * 3 / 5;
    int wanted = (int)model->count + 1;
    layout->table = viewer_layout_take_top(&area, wanted < most ? wanted : most);
    if (stacked)
        layout->panel = viewer_layout_take_bottom(&area, area.rows >= 18 ? area.rows * 3 / 5 : area.rows);
    if (area.rows >= 6)
        viewer_layout_take_top(&area, 1);
    viewer_layout_tiles(layout, area, (int)model->count);
    viewer_layout_table(layout, model);
}

static void viewer_layout_page(struct viewer_layout *layout, const struct viewer_model *model, struct viewer_rect area)
{
    layout->narration = viewer_layout_take_top(&area, model->narration[0] && area.rows >= 10 ? 1 : 0);
    layout->keys = viewer_layout_take_bottom(&area, area.rows >= 20 && model->keys[0] ? 1 : 0);
    layout->events = viewer_layout_take_bottom(&area, area.rows >= 10 ? 1 : 0);
    layout->status = viewer_layout_take_bottom(&area, area.rows >= 4 ? 1 : 0);
    layout->page = area;
}

void viewer_layout_make(const struct viewer_model *model, int columns, int rows, struct viewer_layout *ret_layout)
{
    struct viewer_rect area = {0, 0, columns, rows};

    memset(ret_layout, 0, sizeof(*ret_layout));
    ret_layout->header = viewer_layout_take_top(&area, 1);
    if (model->mode == VIEWER_OVERVIEW)
        viewer_layout_overview(ret_layout, model, area);
    else
        viewer_layout_page(ret_layout, model, area);
}
