/* viewer_private.h - the viewer's structures, for viewer*.c alone. */
#ifndef BULKHEAD_VIEWER_PRIVATE_H
#define BULKHEAD_VIEWER_PRIVATE_H

#include <stdio.h>

#include "broker/viewer/terminal.h"
#include "broker/viewer/viewer.h"

enum { VIEWER_EVENTS = 64, VIEWER_TITLE_BYTES = 512, VIEWER_PASSWORD_BYTES = 128 };

enum viewer_overlay {
    VIEWER_OVERLAY_NONE,
    VIEWER_OVERLAY_HELP,
    VIEWER_OVERLAY_INFO,
    VIEWER_OVERLAY_EVENTS,
    VIEWER_OVERLAY_SANDBOX
};

struct viewer_tab {
    struct viewer *viewer; // viewer::tabs
    struct tab *tab;
    char title[VIEWER_TITLE_BYTES], problem[512];
    char *backtrace; /* of the last end, owned; NULL = not known */
    struct viewer_place place;
    bool fit_page; /* the whole page, not its width */

    /* bounds of the page shown; 0 = not known yet */
    uint32_t measured_page;
    float page_width_pt, page_height_pt;
    uint64_t measure_id;
    uint32_t measuring_page;

    struct tab_view asked; /* the view of the last paint */
    bool has_asked, is_scene_running, nudged;
    uint64_t paint_id;     /* the paint or scroll that has not been answered; 0 = none */
    uint64_t scene_id;     /* the endless paint of a scene, to cancel it by */
    uint64_t paints_asked; /* one-shot paints */

    struct thumbnail picture;
    bool is_picture_stale, needs_password;
    bool tries_password;           // reopened with one, and not known yet whether it fits
    uint64_t rate_frames, rate_ns; /* where the rate was last measured */
    float frames_per_second;
    uint64_t messages_in, messages_out; /* as of the last tick: adding them up is not free */
};

struct viewer {
    struct broker *broker;
    const struct viewer_options *options;
    const struct viewer_hooks *hooks;
    void *userdata;
    struct viewer_tab *tabs[VIEWER_TABS]; // viewer_tab::viewer
    size_t count, active;
    enum viewer_mode mode;

    struct terminal *terminal; /* NULL: nothing is drawn */
    struct screen *screen;
    struct loop_source *draw_timer, *tick_timer, *farewell;
    uint64_t drawn_ms;
    bool is_draw_due, is_armed;

    char *events[VIEWER_EVENTS]; // ring, owned
    size_t event_next, event_count;
    char narration[512], sandbox[160];
    char *panel_title, *panel_text;

    struct host_facts *host; /* owned; NULL before the sandbox was looked at */
    enum viewer_overlay overlay;
    char *overlay_text;
    size_t overlay_scroll;
    char password[VIEWER_PASSWORD_BYTES]; /* what was typed so far */
    bool is_typing_password;
};

/* viewer.c */
void viewer_touch(struct viewer *viewer); /* something that is shown has changed */
void viewer_quit(struct viewer *viewer);
size_t viewer_index(const struct viewer_tab *tab);
int viewer_reopen(struct viewer_tab *tab, const char *password);

/* viewer_tabs.c */
extern const struct tab_listener viewer_tab_listener;
/* Asks for the frame that is to be shown, unless it was asked for already or one is still owed. */
void viewer_tab_sync(struct viewer_tab *tab);
void viewer_sync_all(struct viewer *viewer);
void viewer_tab_scroll(struct viewer_tab *tab, float columns, float screens);
void viewer_tab_go(struct viewer_tab *tab, long page, bool to_end);
void viewer_tab_zoom(struct viewer_tab *tab, float factor);
/* How far down the page, and how much of it is in sight, in thousandths. */
void viewer_tab_progress(const struct viewer_tab *tab, uint32_t *ret_scroll_permille, uint32_t *ret_shown_permille);
/* Once a tick: frames a second, and the messages so far. */
void viewer_tab_measure_rate(struct viewer_tab *tab);

/* viewer_screen.c */
void viewer_draw_now(struct viewer *viewer);
/* Frame size for the page in front. */
void viewer_page_pixels(const struct viewer *viewer, uint32_t *ret_width_px, uint32_t *ret_height_px);

/* viewer_keys.c */
void viewer_key(struct viewer *viewer, uint32_t key);

/* viewer_password.c: whether the key was taken. Enter on a document that wants a password begins typing, Enter ends it.
 */
bool viewer_password_key(struct viewer *viewer, struct viewer_tab *tab, uint32_t key);
void viewer_password_ask(struct viewer_tab *tab, bool was_wrong);

/* viewer_info.c */
void viewer_overlay_open(struct viewer *viewer, enum viewer_overlay overlay);
/* Its text once more: always, and where that costs next to nothing. */
void viewer_overlay_renew(struct viewer *viewer);
void viewer_overlay_refresh(struct viewer *viewer);
const char *viewer_overlay_title(enum viewer_overlay overlay);

/* viewer_sandbox.c */
void viewer_print_sandbox(FILE *out, const struct broker *broker);
/* Looks at the processes: the renderer of the tab in front and its cell. Owned by the caller; NULL without memory. */
char *viewer_sandbox_page(struct viewer *viewer);

#endif
