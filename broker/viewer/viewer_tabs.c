#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/viewer/viewer_private.h"
#include "common/clock.h"

enum { VIEWER_OVERVIEW_WIDTH_PX = 480, VIEWER_OVERVIEW_HEIGHT_PX = 360 };

static bool viewer_tab_is_scene(const struct viewer_tab *tab)
{
    const struct tab_info *info = tab_info(tab->tab);

    return info && info->animated;
}

/* Whether it is the page that fills the screen; every other tab is painted for the overview. */
static bool viewer_tab_is_in_front(const struct viewer_tab *tab)
{
    const struct viewer *viewer = tab->viewer;

    return viewer->terminal && viewer->mode == VIEWER_PAGE && viewer->count > 0 && viewer->tabs[viewer->active] == tab;
}

static bool viewer_tab_is_wanted(const struct viewer_tab *tab)
{
    return tab->viewer->mode == VIEWER_OVERVIEW || tab->viewer->options->keep_painting || viewer_tab_is_in_front(tab);
}

/* The room a frame has, in pixels: the page in front, or the overview's box. */
static void viewer_tab_room(const struct viewer_tab *tab, uint32_t *ret_width_px, uint32_t *ret_height_px)
{
    const struct viewer_options *options = tab->viewer->options;

    if (viewer_tab_is_in_front(tab)) {
        viewer_page_pixels(tab->viewer, ret_width_px, ret_height_px);
        return;
    }
    *ret_width_px = options->overview_width_px ? options->overview_width_px : VIEWER_OVERVIEW_WIDTH_PX;
    *ret_height_px = options->overview_height_px ? options->overview_height_px : VIEWER_OVERVIEW_HEIGHT_PX;
}

/* Pixels a point. Portrait pages fit by width, to be scrolled; landscape ones and pictures as a whole. */
static float viewer_tab_scale(const struct viewer_tab *tab, uint32_t width_px, uint32_t height_px)
{
    float by_width = (float)width_px / tab->page_width_pt, by_height = (float)height_px / tab->page_height_pt;
    float whole = by_width < by_height ? by_width : by_height;

    if (!viewer_tab_is_in_front(tab))
        return whole;
    const struct tab_info *info = tab_info(tab->tab);
    bool flows = info && (info->reflowable || info->page_count > 1);
    bool portrait = tab->page_height_pt > tab->page_width_pt;
    return (tab->fit_page || !(portrait || flows) ? whole : by_width) * tab->place.zoom;
}

static int32_t viewer_clamp(float value, float most)
{
    return (int32_t)lroundf(value < 0 || most < 0 ? 0 : value > most ? most : value);
}

/* The view to ask for; false while the size of the page is not known. Also keeps the place within the page. */
static bool viewer_tab_view(struct viewer_tab *tab, struct tab_view *ret_view)
{
    uint32_t width_px, height_px;

    viewer_tab_room(tab, &width_px, &height_px);
    if (viewer_tab_is_scene(tab)) {
        *ret_view = (struct tab_view){.width_px = width_px,
                                      .height_px = height_px,
                                      .scale_x = 1,
                                      .scale_y = 1,
                                      .frames_per_second = tab->viewer->options->scene_frames_per_second};
        return true;
    }
    if (tab->page_width_pt < 0.5f || tab->page_height_pt < 0.5f || tab->measured_page != tab->place.page)
        return false;
    float scale = viewer_tab_scale(tab, width_px, height_px);
    float page_width_px = ceilf(tab->page_width_pt * scale), page_height_px = ceilf(tab->page_height_pt * scale);
    struct tab_view view = {.page = tab->place.page, .scale_x = scale, .scale_y = scale};
    view.width_px = page_width_px < (float)width_px ? (uint32_t)page_width_px : width_px;
    view.height_px = page_height_px < (float)height_px ? (uint32_t)page_height_px : height_px;
    view.width_px += view.width_px == 0;
    view.height_px += view.height_px == 0;
    if (viewer_tab_is_in_front(tab)) {
        view.scroll_x_px = viewer_clamp(tab->place.scroll_x_pt * scale, page_width_px - (float)view.width_px);
        view.scroll_y_px = viewer_clamp(tab->place.scroll_y_pt * scale, page_height_px - (float)view.height_px);
        tab->place.scroll_x_pt = (float)view.scroll_x_px / scale;
        tab->place.scroll_y_pt = (float)view.scroll_y_px / scale;
    }
    *ret_view = view;
    return true;
}

static bool viewer_view_equal(const struct tab_view *a, const struct tab_view *b, bool with_scroll)
{
    return a->page == b->page && a->width_px == b->width_px && a->height_px == b->height_px &&
           a->scale_x == b->scale_x && a->scale_y == b->scale_y && a->frames_per_second == b->frames_per_second &&
           (!with_scroll || (a->scroll_x_px == b->scroll_x_px && a->scroll_y_px == b->scroll_y_px));
}

static void viewer_tab_measure(struct viewer_tab *tab)
{
    if (tab->measure_id || !tab_info(tab->tab) || tab->measured_page == tab->place.page)
        return;
    tab->measuring_page = tab->place.page;
    tab->measure_id = tab_measure(tab->tab, tab->place.page);
}

static void viewer_tab_pause(struct viewer_tab *tab)
{
    if (!tab->is_scene_running)
        return;
    tab_cancel(tab->tab, tab->scene_id);
    tab->is_scene_running = tab->has_asked = false;
    tab->paint_id = 0;
}

static void viewer_tab_ask(struct viewer_tab *tab, const struct tab_view *view)
{
    bool scroll_only = tab->has_asked && !tab->nudged && viewer_view_equal(view, &tab->asked, false) &&
                       !viewer_view_equal(view, &tab->asked, true);
    int error = 0;

    tab->paint_id =
        scroll_only ? tab_scroll(tab->tab, view->scroll_x_px, view->scroll_y_px) : tab_paint(tab->tab, view, &error);
    if (tab->paint_id == 0 && error < 0) {
        snprintf(tab->problem, sizeof(tab->problem), "cannot paint %ux%u pixels: %s", view->width_px, view->height_px,
                 strerror(-error));
        viewer_say(tab->viewer, "%s: %s", tab->title, tab->problem);
    }
    /* Remembered although it failed: asking the same again would fail again. */
    tab->asked = *view;
    tab->has_asked = true;
    tab->nudged = false;
    tab->is_scene_running = view->frames_per_second > 0 && tab->paint_id > 0;
    if (tab->is_scene_running)
        tab->scene_id = tab->paint_id;
    else
        tab->paints_asked += tab->paint_id > 0;
}

void viewer_tab_sync(struct viewer_tab *tab)
{
    struct tab_view view;

    if (!tab->tab || (tab_state(tab->tab) != TAB_LIVE && tab_state(tab->tab) != TAB_UNRESPONSIVE))
        return;
    if (!viewer_tab_is_wanted(tab)) {
        viewer_tab_pause(tab);
        return;
    }
    viewer_tab_measure(tab);
    if (tab->paint_id || !viewer_tab_view(tab, &view))
        return;
    if (!tab->has_asked || tab->nudged || !viewer_view_equal(&view, &tab->asked, true))
        viewer_tab_ask(tab, &view);
}

void viewer_sync_all(struct viewer *viewer)
{
    for (size_t i = 0; i < viewer->count; i++)
        viewer_tab_sync(viewer->tabs[i]);
}

bool viewer_nudge(struct viewer *viewer, size_t index)
{
    struct viewer_tab *tab = viewer->tabs[index];
    const struct tab_info *info = tab_info(tab->tab);

    if (!info || info->animated || tab->paint_id || tab->measure_id || tab_state(tab->tab) != TAB_LIVE)
        return false;
    if (info->page_count > 1)
        viewer_tab_go(tab, (long)((tab->place.page + 1) % info->page_count), false);
    else
        tab->nudged = true;
    viewer_tab_sync(tab);
    return true;
}

void viewer_paints(const struct viewer *viewer, size_t index, uint64_t *ret_asked, uint64_t *ret_owed)
{
    const struct viewer_tab *tab = viewer->tabs[index];

    *ret_asked = tab->paints_asked;
    *ret_owed = tab->paint_id && !tab->is_scene_running;
}

void viewer_tab_go(struct viewer_tab *tab, long page, bool to_end)
{
    const struct tab_info *info = tab_info(tab->tab);

    if (!info || page < 0 || page >= (long)info->page_count)
        return;
    tab->place.page = (uint32_t)page;
    tab->place.scroll_x_pt = 0;
    tab->place.scroll_y_pt = to_end ? 1e9f : 0;
    viewer_tab_sync(tab);
    viewer_touch(tab->viewer);
}

void viewer_tab_scroll(struct viewer_tab *tab, float columns, float screens)
{
    float scale = tab->asked.scale_x;
    float page_px = ceilf(tab->page_height_pt * scale), rest_px = page_px - (float)tab->asked.height_px;

    if (!tab->has_asked || scale <= 0)
        return;
    float at_px = tab->place.scroll_y_pt * scale;
    if (screens > 0 && at_px >= rest_px - 0.5f) {
        viewer_tab_go(tab, (long)tab->place.page + 1, false);
        return;
    }
    if (screens < 0 && at_px < 0.5f) {
        viewer_tab_go(tab, (long)tab->place.page - 1, true);
        return;
    }
    at_px += screens * (float)tab->asked.height_px;
    at_px = at_px > rest_px ? rest_px : at_px;
    tab->place.scroll_y_pt = at_px > 0 ? at_px / scale : 0;
    tab->place.scroll_x_pt += columns * (float)tab->asked.width_px / scale;
    viewer_tab_sync(tab);
    viewer_touch(tab->viewer);
}

void viewer_tab_zoom(struct viewer_tab *tab, float factor)
{
    float zoom = factor > 0 ? tab->place.zoom * factor : 1;

    if (zoom < 0.1f || zoom > 20 || viewer_tab_is_scene(tab))
        return;
    /* About the middle of what is in sight. */
    if (tab->has_asked && tab->asked.scale_x > 0 && factor > 0) {
        float shift = (1 - 1 / factor) / 2 / tab->asked.scale_x;
        tab->place.scroll_x_pt += (float)tab->asked.width_px * shift;
        tab->place.scroll_y_pt += (float)tab->asked.height_px * shift;
    }
    tab->place.zoom = zoom;
    viewer_tab_sync(tab);
    viewer_touch(tab->viewer);
}

void viewer_tab_progress(const struct viewer_tab *tab, uint32_t *ret_scroll_permille, uint32_t *ret_shown_permille)
{
    float page_px = tab->page_height_pt * tab->asked.scale_y, shown_px = (float)tab->asked.height_px;

    *ret_scroll_permille = 0;
    *ret_shown_permille = 1000;
    if (!tab->has_asked || viewer_tab_is_scene(tab) || page_px <= shown_px + 1)
        return;
    float scroll = tab->place.scroll_y_pt * tab->asked.scale_y / (page_px - shown_px);
    *ret_scroll_permille = (uint32_t)(scroll > 1 ? 1000 : scroll < 0 ? 0 : scroll * 1000);
    *ret_shown_permille = (uint32_t)(shown_px * 1000 / page_px);
}

void viewer_tab_measure_rate(struct viewer_tab *tab)
{
    uint64_t now_ns = clock_now_ns(), frames = tab_frames_received(tab->tab);

    if (tab->rate_ns && now_ns > tab->rate_ns)
        tab->frames_per_second = (float)(frames - tab->rate_frames) * 1e9f / (float)(now_ns - tab->rate_ns);
    tab->rate_ns = now_ns;
    tab->rate_frames = frames;

    struct counters sum;
    counters_init(&sum);
    tab_add_counters(tab->tab, &sum);
    tab->messages_in = counters_messages(sum.to_broker);
    tab->messages_out = counters_messages(sum.to_renderer);
    counters_fini(&sum);
}

static void viewer_on_state(struct tab *tab, enum tab_state state, void *userdata)
{
    struct viewer_tab *own = userdata;
    struct viewer *viewer = own->viewer;

    own->tab = tab;
    if (state == TAB_LIVE)
        own->problem[0] = '\0';
    viewer_touch(viewer);
    if (viewer->hooks->state)
        viewer->hooks->state(viewer, viewer_index(own), state, viewer->userdata);
}

static void viewer_on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    struct viewer_tab *own = userdata;

    if (info->title[0])
        snprintf(own->title, sizeof(own->title), "%s", info->title);
    if (own->tries_password) /* or the line before, that it did not fit, would stand on */
        viewer_say(own->viewer, "%s: opened with its password", own->title);
    own->tries_password = false;
    if (own->place.page >= info->page_count)
        own->place.page = 0;
    own->page_width_pt = info->page_width_pt;
    own->page_height_pt = info->page_height_pt;
    /* A first page that could not be measured is asked about, to hear why. */
    own->measured_page = info->page_width_pt > 0 && info->page_height_pt > 0 ? 0 : UINT32_MAX;
    (void)tab;
    viewer_tab_sync(own);
}

static void viewer_on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    struct viewer_tab *own = userdata;

    (void)tab;
    if (request_id != own->measure_id)
        return;
    own->measure_id = 0;
    own->measured_page = bounds->page;
    own->page_width_pt = bounds->x1_pt - bounds->x0_pt;
    own->page_height_pt = bounds->y1_pt - bounds->y0_pt;
    viewer_tab_sync(own);
}

static void viewer_on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    struct viewer_tab *own = userdata;
    struct viewer *viewer = own->viewer;

    (void)tab;
    own->paint_id = 0;
    own->problem[0] = '\0';
    own->is_picture_stale = true;
    viewer_touch(viewer);
    viewer_tab_sync(own);
    if (viewer->hooks->frame)
        viewer->hooks->frame(viewer, viewer_index(own), frame, viewer->userdata);
}

static void viewer_on_failed(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                             void *userdata)
{
    struct viewer_tab *own = userdata;

    (void)tab;
    if (request_id && request_id == own->measure_id) {
        /* Show it at the size of the page before rather than not at all. */
        own->measure_id = 0;
        own->measured_page = own->measuring_page;
    }
    if (request_id && request_id == own->paint_id)
        own->paint_id = 0;
    if (code == BULKHEAD__ERROR__CODE__CANCELLED)
        return;
    own->needs_password =
        code == BULKHEAD__ERROR__CODE__PASSWORD_REQUIRED || code == BULKHEAD__ERROR__CODE__PASSWORD_WRONG;
    snprintf(own->problem, sizeof(own->problem), "%s", detail[0] ? detail : "the document could not be shown");
    viewer_say(own->viewer, "%s: %s", own->title, own->problem);
    if (own->needs_password)
        viewer_password_ask(own, code == BULKHEAD__ERROR__CODE__PASSWORD_WRONG);
    viewer_tab_sync(own);
}

static void viewer_on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct viewer_tab *own = userdata;
    struct viewer *viewer = own->viewer;

    own->tab = tab;
    own->paint_id = own->measure_id = own->scene_id = 0;
    own->is_scene_running = false;
    free(own->backtrace);
    own->backtrace = NULL;
    snprintf(own->problem, sizeof(own->problem), "%s", report->summary);
    own->is_picture_stale = true;
    viewer_overlay_refresh(viewer);
    viewer_touch(viewer);
    if (viewer->hooks->ended)
        viewer->hooks->ended(viewer, viewer_index(own), report, viewer->userdata);
}

const struct tab_listener viewer_tab_listener = {
    .state = viewer_on_state,
    .info = viewer_on_info,
    .bounds = viewer_on_bounds,
    .frame = viewer_on_frame,
    .failed = viewer_on_failed,
    .ended = viewer_on_ended,
};
