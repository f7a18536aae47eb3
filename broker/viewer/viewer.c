#include "broker/viewer/viewer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/viewer/viewer_private.h"
#include "common/clock.h"

enum {
    /* Terminals show no more; scenes paint 60 frames a second all the same. */
    VIEWER_DRAW_INTERVAL_MS = 33,
    VIEWER_TICK_MS = 500,
};

static void viewer_arm(struct viewer *viewer)
{
    uint64_t at_ms = viewer->drawn_ms + VIEWER_DRAW_INTERVAL_MS, now_ms = clock_now_ms();

    if (viewer->is_armed)
        return;
    viewer->is_armed = true;
    loop_timer_set(viewer->draw_timer, at_ms > now_ms ? at_ms : now_ms);
}

void viewer_touch(struct viewer *viewer)
{
    if (!viewer->terminal)
        return;
    viewer->is_draw_due = true;
    /* A terminal that is behind gets its next frame when it has caught up: viewer_handle_drained. */
    if (terminal_is_drained(viewer->terminal))
        viewer_arm(viewer);
}

static int viewer_handle_draw(struct loop_source *source, void *userdata)
{
    struct viewer *viewer = userdata;

    (void)source;
    viewer->is_armed = false;
    if (!viewer->terminal || !viewer->is_draw_due || !terminal_is_drained(viewer->terminal))
        return 0;
    viewer->is_draw_due = false;
    viewer->drawn_ms = clock_now_ms();
    viewer_draw_now(viewer);
    return 0;
}

static int viewer_handle_tick(struct loop_source *source, void *userdata)
{
    struct viewer *viewer = userdata;

    loop_timer_set(source, clock_now_ms() + VIEWER_TICK_MS);
    for (size_t i = 0; i < viewer->count; i++)
        viewer_tab_measure_rate(viewer->tabs[i]);
    viewer_sandbox_line(viewer->broker, viewer->sandbox, sizeof(viewer->sandbox));
    viewer_overlay_refresh(viewer);
    viewer_touch(viewer);
    return 0;
}

int viewer_create(struct broker *broker, const struct viewer_options *options, const struct viewer_hooks *hooks,
                  void *userdata, struct viewer **ret_viewer)
{
    struct viewer *viewer = calloc(1, sizeof(*viewer));

    if (!viewer)
        return -ENOMEM;
    viewer->broker = broker;
    viewer->options = options;
    viewer->hooks = hooks;
    viewer->userdata = userdata;
    viewer->mode = options->mode;
    int r = loop_add_timer(broker_loop(broker), viewer_handle_draw, viewer, &viewer->draw_timer);
    if (r == 0)
        r = loop_add_timer(broker_loop(broker), viewer_handle_tick, viewer, &viewer->tick_timer);
    if (r < 0) {
        viewer_destroy(viewer);
        return r;
    }
    loop_timer_set(viewer->tick_timer, clock_now_ms());
    *ret_viewer = viewer;
    return 0;
}

static void viewer_tab_free(struct viewer_tab *tab)
{
    tab_close(tab->tab);
    thumbnail_fini(&tab->picture);
    free(tab->backtrace);
    free(tab);
}

void viewer_destroy(struct viewer *viewer)
{
    if (!viewer)
        return;
    viewer_detach_terminal(viewer);
    for (size_t i = 0; i < viewer->count; i++)
        viewer_tab_free(viewer->tabs[i]);
    loop_source_remove(&viewer->draw_timer);
    loop_source_remove(&viewer->tick_timer);
    loop_source_remove(&viewer->farewell);
    for (size_t i = 0; i < VIEWER_EVENTS; i++)
        free(viewer->events[i]);
    free(viewer->panel_title);
    free(viewer->panel_text);
    free(viewer->overlay_text);
    free(viewer->host);
    explicit_bzero(viewer->password, sizeof(viewer->password));
    free(viewer);
}

static void viewer_handle_key(struct terminal *terminal, uint32_t key, void *userdata)
{
    (void)terminal;
    viewer_key(userdata, key);
}

static void viewer_handle_resized(struct terminal *terminal, int columns, int rows, void *userdata)
{
    struct viewer *viewer = userdata;

    (void)terminal;
    if (screen_resize(viewer->screen, columns, rows) < 0)
        return;
    viewer_sync_all(viewer);
    viewer_touch(viewer);
}

static void viewer_handle_drained(struct terminal *terminal, void *userdata)
{
    struct viewer *viewer = userdata;

    (void)terminal;
    if (viewer->is_draw_due)
        viewer_arm(viewer);
}

static void viewer_handle_lost(struct terminal *terminal, void *userdata)
{
    (void)terminal;
    viewer_quit(userdata);
}

static const struct terminal_listener viewer_terminal_listener = {
    .key = viewer_handle_key,
    .resized = viewer_handle_resized,
    .drained = viewer_handle_drained,
    .lost = viewer_handle_lost,
};

int viewer_attach_terminal(struct viewer *viewer, const char *device)
{
    struct terminal_facts facts;
    int columns, rows, r;

    terminal_detect_own(&facts);
    r = screen_create(facts.colours, facts.utf8, &viewer->screen);
    if (r == 0)
        r = terminal_open(broker_loop(viewer->broker), device, &viewer_terminal_listener, viewer, &viewer->terminal);
    if (r == 0) {
        terminal_size(viewer->terminal, &columns, &rows);
        r = screen_resize(viewer->screen, columns, rows);
    }
    if (r < 0) {
        viewer_detach_terminal(viewer);
        return r;
    }
    viewer_sync_all(viewer);
    viewer_touch(viewer);
    return 0;
}

void viewer_detach_terminal(struct viewer *viewer)
{
    terminal_close(viewer->terminal);
    screen_destroy(viewer->screen);
    viewer->terminal = NULL;
    viewer->screen = NULL;
}

static int viewer_handle_farewell(struct loop_source *source, void *userdata)
{
    struct viewer *viewer = userdata;

    (void)source;
    loop_source_remove(&viewer->farewell);
    if (viewer->hooks->quit)
        viewer->hooks->quit(viewer, viewer->userdata);
    else
        loop_stop(broker_loop(viewer->broker), 0);
    return 0;
}

/* Deferred: whoever quits may destroy the viewer, and we may be deep inside its terminal or one of its tabs. */
void viewer_quit(struct viewer *viewer)
{
    if (!viewer->farewell)
        loop_defer(broker_loop(viewer->broker), viewer_handle_farewell, viewer, &viewer->farewell);
}

size_t viewer_index(const struct viewer_tab *tab)
{
    size_t index = 0;

    while (index < tab->viewer->count && tab->viewer->tabs[index] != tab)
        index++;
    return index;
}

int viewer_open(struct viewer *viewer, struct document *document, const struct viewer_place *place, size_t *ret_index)
{
    if (viewer->count == VIEWER_TABS)
        return -EMFILE;
    struct viewer_tab *tab = calloc(1, sizeof(*tab));
    if (!tab)
        return -ENOMEM;
    tab->viewer = viewer;
    tab->place = place ? *place : (struct viewer_place){.zoom = 1};
    snprintf(tab->title, sizeof(tab->title), "%s", document_name(document));
    if (viewer->options->no_files)
        document_disable_files(document);
    /* In its place before it is opened: callbacks may come at once. */
    viewer->tabs[viewer->count++] = tab;
    int r = tab_open(viewer->broker, document, &viewer->options->tab, &viewer_tab_listener, tab, &tab->tab);
    if (r < 0) {
        viewer->count--;
        free(tab);
        return r;
    }
    *ret_index = viewer->count - 1;
    viewer_touch(viewer);
    return 0;
}

/* The same document in a new tab of the broker's, in the same place: for reloading what still lives, and passwords. */
int viewer_reopen(struct viewer_tab *tab, const char *password)
{
    struct tab_options options = tab->viewer->options->tab;
    struct tab *old = tab->tab;
    struct document *document = NULL;

    enum document_problem problem = document_open(document_location(tab_document(old)), &document);
    if (problem != DOCUMENT_OK) {
        viewer_say(tab->viewer, "%s: %s", tab->title, document_problem_text(problem));
        return -ENOENT;
    }
    if (password)
        options.password = password;
    if (tab->viewer->options->no_files)
        document_disable_files(document);
    tab->has_asked = tab->is_scene_running = tab->needs_password = false;
    tab->tries_password = password != NULL;
    tab->paint_id = tab->scene_id = tab->measure_id = tab->paints_asked = 0;
    tab->page_width_pt = tab->page_height_pt = 0;
    tab->problem[0] = '\0';
    tab->tab = NULL;
    tab_close(old);
    int r = tab_open(tab->viewer->broker, document, &options, &viewer_tab_listener, tab, &tab->tab);
    document_unref(document);
    if (r < 0) {
        viewer_say(tab->viewer, "%s: %s", tab->title, strerror(-r));
        viewer_close(tab->viewer, viewer_index(tab));
    }
    return r;
}

void viewer_close(struct viewer *viewer, size_t index)
{
    struct viewer_tab *tab = viewer->tabs[index];

    viewer->count--;
    memmove(&viewer->tabs[index], &viewer->tabs[index + 1], (viewer->count - index) * sizeof(viewer->tabs[0]));
    if (viewer->active > index || (viewer->active == viewer->count && viewer->active > 0))
        viewer->active--;
    viewer_tab_free(tab);
    if (viewer->count == 0)
        viewer_quit(viewer);
    viewer_sync_all(viewer);
    viewer_touch(viewer);
}

int viewer_reload(struct viewer *viewer, size_t index, bool force)
{
    struct viewer_tab *tab = viewer->tabs[index];
    int r = tab_reload(tab->tab, force);

    if (r == -EBUSY)
        return viewer_reopen(tab, NULL);
    viewer_touch(viewer);
    return r;
}

size_t viewer_count(const struct viewer *viewer)
{
    return viewer->count;
}

size_t viewer_active(const struct viewer *viewer)
{
    return viewer->active;
}

void viewer_activate(struct viewer *viewer, size_t index)
{
    if (index >= viewer->count)
        return;
    viewer->active = index;
    viewer->tabs[index]->is_picture_stale = true;
    viewer_overlay_renew(viewer);
    viewer_sync_all(viewer);
    viewer_touch(viewer);
}

void viewer_set_mode(struct viewer *viewer, enum viewer_mode mode)
{
    viewer->mode = mode;
    for (size_t i = 0; i < viewer->count; i++)
        viewer->tabs[i]->is_picture_stale = true;
    viewer_sync_all(viewer);
    viewer_touch(viewer);
}

struct tab *viewer_tab(const struct viewer *viewer, size_t index)
{
    return viewer->tabs[index]->tab;
}

const char *viewer_title(const struct viewer *viewer, size_t index)
{
    return viewer->tabs[index]->title;
}

void viewer_place(const struct viewer *viewer, size_t index, struct viewer_place *ret_place)
{
    *ret_place = viewer->tabs[index]->place;
}

const char *viewer_backtrace(const struct viewer *viewer, size_t index)
{
    return viewer->tabs[index]->backtrace;
}

void viewer_say(struct viewer *viewer, const char *format, ...)
{
    char *line = NULL;
    va_list arguments;

    va_start(arguments, format);
    int length = vasprintf(&line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    free(viewer->events[viewer->event_next]);
    viewer->events[viewer->event_next] = line;
    viewer->event_next = (viewer->event_next + 1) % VIEWER_EVENTS;
    viewer->event_count += viewer->event_count < VIEWER_EVENTS;
    viewer_touch(viewer);
    if (viewer->hooks->said)
        viewer->hooks->said(viewer, line, viewer->userdata);
}

void viewer_take_backtrace(struct viewer *viewer, const struct exit_report *report, const char *text)
{
    for (size_t i = 0; i < viewer->count; i++) {
        struct viewer_tab *tab = viewer->tabs[i];
        const struct exit_report *end = tab_last_end(tab->tab);
        if (!end || end->renderer_id != report->renderer_id)
            continue;
        free(tab->backtrace);
        tab->backtrace = strdup(text);
    }
    viewer_overlay_refresh(viewer);
    viewer_touch(viewer);
}

void viewer_narrate(struct viewer *viewer, const char *text)
{
    snprintf(viewer->narration, sizeof(viewer->narration), "%s", text);
    viewer_touch(viewer);
}

void viewer_set_panel(struct viewer *viewer, const char *title, const char *text)
{
    free(viewer->panel_title);
    free(viewer->panel_text);
    viewer->panel_title = text ? strdup(title) : NULL;
    viewer->panel_text = text ? strdup(text) : NULL;
    viewer_touch(viewer);
}
