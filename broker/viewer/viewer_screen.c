#include <stdlib.h>

#include "broker/viewer/viewer_draw.h"
#include "broker/viewer/viewer_private.h"

/* Frame pixels for each pixel of the terminal, each way: the box filter makes up for small type. */
enum { VIEWER_DENSITY = 2 };

static const char viewer_keys_page[] =
    "q quit · ? help · 1-9 tab · ↑↓ space scroll · n/p page · +/- zoom · f fit · g overview · i info · s sandbox · "
    "r reload · x close";
static const char viewer_keys_overview[] =
    "q quit · ? help · 1-9 tab · enter open · i info · s sandbox · e events · r reload · x close";

static void viewer_fill_row(const struct viewer_tab *tab, struct viewer_row *row)
{
    const struct tab_info *info = tab_info(tab->tab);

    *row = (struct viewer_row){
        .title = tab->title,
        .format = info ? info->format : "",
        .state = tab_state(tab->tab),
        .pid = tab_pid(tab->tab),
        .frames = tab_frames_received(tab->tab),
        .lost = tab_frames_lost(tab->tab),
        .messages_in = tab->messages_in,
        .messages_out = tab->messages_out,
        .frames_per_second = tab->frames_per_second,
        .page = tab->place.page,
        .page_count = info ? info->page_count : 0,
        .zoom = tab->place.zoom,
        .picture = &tab->picture,
        .problem = tab->problem,
    };
    if (tab->viewer->mode == VIEWER_PAGE)
        viewer_tab_progress(tab, &row->scroll_permille, &row->shown_permille);
}

static size_t viewer_fill_events(const struct viewer *viewer, const char *events[VIEWER_EVENTS])
{
    size_t first = (viewer->event_next + VIEWER_EVENTS - viewer->event_count) % VIEWER_EVENTS;

    for (size_t i = 0; i < viewer->event_count; i++)
        events[i] = viewer->events[(first + i) % VIEWER_EVENTS];
    return viewer->event_count;
}

static void viewer_fill_model(const struct viewer *viewer, struct viewer_row *rows, const char **events,
                              struct viewer_model *model)
{
    for (size_t i = 0; i < viewer->count; i++)
        viewer_fill_row(viewer->tabs[i], &rows[i]);
    *model = (struct viewer_model){
        .mode = viewer->mode,
        .rows = rows,
        .count = viewer->count,
        .active = viewer->active,
        .heading = viewer->options->heading,
        .sandbox = viewer->sandbox,
        .narration = viewer->narration,
        .keys = viewer->mode == VIEWER_PAGE ? viewer_keys_page : viewer_keys_overview,
        .events = events,
        .event_count = viewer_fill_events(viewer, events),
        .panel = {viewer->panel_title, viewer->panel_text},
        .overlay = {viewer_overlay_title(viewer->overlay), viewer->overlay_text},
        .overlay_scroll = viewer->overlay_scroll,
    };
}

void viewer_page_pixels(const struct viewer *viewer, uint32_t *ret_width_px, uint32_t *ret_height_px)
{
    const struct viewer_model model = {.mode = VIEWER_PAGE, .narration = viewer->narration, .keys = viewer_keys_page};
    struct viewer_layout *layout = malloc(sizeof(*layout));
    struct viewer_rect area = {0, 0, 80, 24};

    if (layout) {
        viewer_layout_make(&model, screen_columns(viewer->screen), screen_rows(viewer->screen), layout);
        area = viewer_draw_page_area(layout);
    }
    free(layout);
    *ret_width_px = (uint32_t)(area.columns > 0 ? area.columns : 1) * VIEWER_DENSITY;
    *ret_height_px = (uint32_t)(area.rows > 0 ? area.rows : 1) * 2 * VIEWER_DENSITY;
}

/* Scales the latest frame for where it is shown, if either has changed. */
static void viewer_update_picture(struct viewer_tab *tab, struct viewer_rect area)
{
    const struct frame *frame = tab_frame(tab->tab);
    uint32_t width_px, height_px;

    if (!frame || area.columns < 1 || area.rows < 1)
        return;
    thumbnail_fit(&frame->geometry, area.columns, area.rows, &width_px, &height_px);
    /* Frames for the page are painted for the terminal's pixels: a small page is not blown up. */
    if (tab->viewer->mode == VIEWER_PAGE && frame->geometry.width_px / VIEWER_DENSITY < width_px && tab->has_asked &&
        frame->geometry.width_px == tab->asked.width_px && frame->geometry.width_px >= 2 * VIEWER_DENSITY &&
        frame->geometry.height_px >= 2 * VIEWER_DENSITY) {
        width_px = frame->geometry.width_px / VIEWER_DENSITY;
        height_px = frame->geometry.height_px / VIEWER_DENSITY;
    }
    if (!tab->is_picture_stale && tab->picture.width_px == width_px && tab->picture.height_px == height_px)
        return;
    if (thumbnail_scale(&tab->picture, frame, width_px, height_px) == 0)
        tab->is_picture_stale = false;
}

static void viewer_update_pictures(struct viewer *viewer, const struct viewer_layout *layout)
{
    if (viewer->count == 0)
        return;
    if (viewer->mode == VIEWER_PAGE)
        viewer_update_picture(viewer->tabs[viewer->active], viewer_draw_page_area(layout));
    for (size_t i = 0; viewer->mode == VIEWER_OVERVIEW && i < viewer->count; i++)
        viewer_update_picture(viewer->tabs[i], viewer_draw_tile_area(layout, i));
}

void viewer_draw_now(struct viewer *viewer)
{
    struct viewer_row *rows = calloc(VIEWER_TABS, sizeof(*rows));
    struct viewer_layout *layout = malloc(sizeof(*layout));
    const char *events[VIEWER_EVENTS];
    struct viewer_model model;
    size_t size_bytes;

    if (rows && layout) {
        viewer_fill_model(viewer, rows, events, &model);
        viewer_layout_make(&model, screen_columns(viewer->screen), screen_rows(viewer->screen), layout);
        viewer_update_pictures(viewer, layout);
        viewer_draw(&model, layout, viewer->screen);
        const char *bytes = screen_render(viewer->screen, &size_bytes);
        if (bytes)
            terminal_write(viewer->terminal, bytes, size_bytes);
    }
    free(rows);
    free(layout);
}
