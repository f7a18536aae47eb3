#include <errno.h>
#include <string.h>

#include "broker/viewer/viewer_private.h"

/* A row of the key table. */
struct viewer_binding {
    void (*act)(struct viewer *viewer, struct viewer_tab *tab);
    uint32_t key;
    bool crash_tests; /* only when they were asked for */
};

static void viewer_act_quit(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_quit(viewer);
}

static void viewer_act_next(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_activate(viewer, (viewer->active + 1) % viewer->count);
}

static void viewer_act_previous(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_activate(viewer, (viewer->active + viewer->count - 1) % viewer->count);
}

static void viewer_act_down(struct viewer *viewer, struct viewer_tab *tab)
{
    if (viewer->mode == VIEWER_OVERVIEW)
        viewer_act_next(viewer, tab);
    else
        viewer_tab_scroll(tab, 0, 0.125f);
}

static void viewer_act_up(struct viewer *viewer, struct viewer_tab *tab)
{
    if (viewer->mode == VIEWER_OVERVIEW)
        viewer_act_previous(viewer, tab);
    else
        viewer_tab_scroll(tab, 0, -0.125f);
}

static void viewer_act_left(struct viewer *viewer, struct viewer_tab *tab)
{
    if (viewer->mode == VIEWER_OVERVIEW)
        viewer_act_previous(viewer, tab);
    else
        viewer_tab_scroll(tab, -0.125f, 0);
}

static void viewer_act_right(struct viewer *viewer, struct viewer_tab *tab)
{
    if (viewer->mode == VIEWER_OVERVIEW)
        viewer_act_next(viewer, tab);
    else
        viewer_tab_scroll(tab, 0.125f, 0);
}

static void viewer_act_page_down(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_scroll(tab, 0, 0.9f);
}

static void viewer_act_page_up(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_scroll(tab, 0, -0.9f);
}

static void viewer_act_top(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_go(tab, tab->place.page, false);
}

static void viewer_act_bottom(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_go(tab, tab->place.page, true);
}

static void viewer_act_page_next(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_go(tab, (long)tab->place.page + 1, false);
}

static void viewer_act_page_previous(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_go(tab, (long)tab->place.page - 1, false);
}

static void viewer_act_zoom_in(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_zoom(tab, 1.25f);
}

static void viewer_act_zoom_out(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_zoom(tab, 0.8f);
}

static void viewer_act_zoom_reset(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)viewer;
    viewer_tab_zoom(tab, 0);
}

static void viewer_act_fit(struct viewer *viewer, struct viewer_tab *tab)
{
    tab->fit_page = !tab->fit_page;
    viewer_tab_zoom(tab, 0);
    viewer_say(viewer, "%s: %s", tab->title, tab->fit_page ? "whole page" : "page width");
}

static void viewer_act_reload(struct viewer *viewer, struct viewer_tab *tab)
{
    int r = viewer_reload(viewer, viewer_index(tab), false);

    if (r == -EPERM)
        viewer_say(viewer, "%s ended badly too often and is quarantined: R reloads it all the same", tab->title);
    else if (r < 0)
        viewer_say(viewer, "%s: cannot reload: %s", tab->title, strerror(-r));
}

static void viewer_act_reload_forced(struct viewer *viewer, struct viewer_tab *tab)
{
    viewer_reload(viewer, viewer_index(tab), true);
}

static void viewer_act_close(struct viewer *viewer, struct viewer_tab *tab)
{
    viewer_close(viewer, viewer_index(tab));
}

static void viewer_act_mode(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_set_mode(viewer, viewer->mode == VIEWER_PAGE ? VIEWER_OVERVIEW : VIEWER_PAGE);
}

static void viewer_act_open(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_set_mode(viewer, VIEWER_PAGE);
}

static void viewer_act_help(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_overlay_open(viewer, VIEWER_OVERLAY_HELP);
}

static void viewer_act_info(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_overlay_open(viewer, VIEWER_OVERLAY_INFO);
}

static void viewer_act_events(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_overlay_open(viewer, VIEWER_OVERLAY_EVENTS);
}

static void viewer_act_sandbox(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    viewer_overlay_open(viewer, VIEWER_OVERLAY_SANDBOX);
}

static void viewer_act_redraw(struct viewer *viewer, struct viewer_tab *tab)
{
    (void)tab;
    screen_invalidate(viewer->screen);
    viewer_touch(viewer);
}

static void viewer_crash(struct viewer *viewer, struct viewer_tab *tab, Bulkhead__CrashTest__Kind kind,
                         const char *what)
{
    int r = tab_crash_test(tab->tab, kind);

    if (r < 0)
        viewer_say(viewer, "%s: %s: %s", tab->title, what, strerror(-r));
    else
        viewer_say(viewer, "%s: told its renderer to %s", tab->title, what);
}

static void viewer_act_crash(struct viewer *viewer, struct viewer_tab *tab)
{
    viewer_crash(viewer, tab, BULKHEAD__CRASH_TEST__KIND__WILD_WRITE, "write where nothing is mapped");
}

static void viewer_act_hang(struct viewer *viewer, struct viewer_tab *tab)
{
    viewer_crash(viewer, tab, BULKHEAD__CRASH_TEST__KIND__HANG, "hang");
}

static void viewer_act_memory(struct viewer *viewer, struct viewer_tab *tab)
{
    viewer_crash(viewer, tab, BULKHEAD__CRASH_TEST__KIND__OUT_OF_MEMORY, "eat all the memory it gets");
}

static void viewer_act_syscall(struct viewer *viewer, struct viewer_tab *tab)
{
    viewer_crash(viewer, tab, BULKHEAD__CRASH_TEST__KIND__FORBIDDEN_SYSCALL, "make a forbidden system call");
}

static const struct viewer_binding viewer_bindings[] = {
    {.key = 'q', .act = viewer_act_quit},
    {.key = 3 /* ^C */, .act = viewer_act_quit},
    {.key = '\t', .act = viewer_act_next},
    {.key = TERMINAL_KEY_BACK_TAB, .act = viewer_act_previous},
    {.key = TERMINAL_KEY_DOWN, .act = viewer_act_down},
    {.key = 'j', .act = viewer_act_down},
    {.key = TERMINAL_KEY_UP, .act = viewer_act_up},
    {.key = 'k', .act = viewer_act_up},
    {.key = TERMINAL_KEY_LEFT, .act = viewer_act_left},
    {.key = TERMINAL_KEY_RIGHT, .act = viewer_act_right},
    {.key = TERMINAL_KEY_PAGE_DOWN, .act = viewer_act_page_down},
    {.key = ' ', .act = viewer_act_page_down},
    {.key = TERMINAL_KEY_PAGE_UP, .act = viewer_act_page_up},
    {.key = 'b', .act = viewer_act_page_up},
    {.key = TERMINAL_KEY_HOME, .act = viewer_act_top},
    {.key = TERMINAL_KEY_END, .act = viewer_act_bottom},
    {.key = 'n', .act = viewer_act_page_next},
    {.key = 'p', .act = viewer_act_page_previous},
    {.key = '+', .act = viewer_act_zoom_in},
    {.key = '=', .act = viewer_act_zoom_in},
    {.key = '-', .act = viewer_act_zoom_out},
    {.key = '0', .act = viewer_act_zoom_reset},
    {.key = 'f', .act = viewer_act_fit},
    {.key = 'r', .act = viewer_act_reload},
    {.key = 'R', .act = viewer_act_reload_forced},
    {.key = 'x', .act = viewer_act_close},
    {.key = 'g', .act = viewer_act_mode},
    {.key = '\r', .act = viewer_act_open},
    {.key = '?', .act = viewer_act_help},
    {.key = TERMINAL_KEY_F1, .act = viewer_act_help},
    {.key = 'i', .act = viewer_act_info},
    {.key = 'e', .act = viewer_act_events},
    {.key = 's', .act = viewer_act_sandbox},
    {.key = 12 /* ^L */, .act = viewer_act_redraw},
    {.key = 'C', .act = viewer_act_crash, .crash_tests = true},
    {.key = 'H', .act = viewer_act_hang, .crash_tests = true},
    {.key = 'M', .act = viewer_act_memory, .crash_tests = true},
    {.key = 'S', .act = viewer_act_syscall, .crash_tests = true},
};

static void viewer_scroll_overlay(struct viewer *viewer, long lines)
{
    long at = (long)viewer->overlay_scroll + lines;
    long last = 0;

    for (const char *c = viewer->overlay_text ? viewer->overlay_text : ""; *c; c++)
        last += *c == '\n';
    viewer->overlay_scroll = (size_t)(at < 0 ? 0 : at >= last ? (last ? last - 1 : 0) : at);
}

/* Whether the overlay took the key. Keys that act on tabs close it or go on beneath it. */
static bool viewer_overlay_key(struct viewer *viewer, uint32_t key)
{
    int page = screen_rows(viewer->screen) - 5;

    if (viewer->overlay == VIEWER_OVERLAY_NONE)
        return false;
    if (key == TERMINAL_KEY_DOWN || key == 'j')
        viewer_scroll_overlay(viewer, 1);
    else if (key == TERMINAL_KEY_UP || key == 'k')
        viewer_scroll_overlay(viewer, -1);
    else if (key == TERMINAL_KEY_PAGE_DOWN || key == ' ')
        viewer_scroll_overlay(viewer, page);
    else if (key == TERMINAL_KEY_PAGE_UP || key == 'b')
        viewer_scroll_overlay(viewer, -page);
    else if (key == TERMINAL_KEY_ESCAPE || key == 'q' || key == '\r')
        viewer_overlay_open(viewer, VIEWER_OVERLAY_NONE);
    else
        return false;
    viewer_touch(viewer);
    return true;
}

/* What the viewer has no use for goes to the page: the about: scenes answer to keys. */
static void viewer_pass_key(struct viewer_tab *tab, uint32_t key)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;

    if (key < ' ' || key > 0x10ffff || document_url(tab_document(tab->tab))[0] == '\0')
        return;
    input.kind = BULKHEAD__INPUT__KIND__KEY;
    input.code = key;
    tab_input(tab->tab, &input);
}

void viewer_key(struct viewer *viewer, uint32_t key)
{
    if (viewer_overlay_key(viewer, key))
        return;
    if (viewer->count == 0)
        return;
    struct viewer_tab *tab = viewer->tabs[viewer->active];
    if (viewer_password_key(viewer, tab, key))
        return;
    if (key >= '1' && key <= '9') {
        viewer_activate(viewer, key - '1');
        return;
    }
    for (size_t i = 0; i < sizeof(viewer_bindings) / sizeof(viewer_bindings[0]); i++)
        if (viewer_bindings[i].key == key && (!viewer_bindings[i].crash_tests || viewer->options->crash_tests)) {
            viewer_bindings[i].act(viewer, tab);
            return;
        }
    viewer_pass_key(tab, key);
}
