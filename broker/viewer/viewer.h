/* viewer.h - documents in tabs, in a terminal: what `bulkhead open` is and what the demo is made from.
 *
 * Owns its tabs and the terminal; borrows the broker, whose loop runs everything. Without a terminal (none was
 * attached) it keeps tabs and figures all the same and draws nothing, so the demo tells one story with or without one.
 * Tabs are named by their place, from 0; a place changes when a tab before it is closed.
 */
#ifndef BULKHEAD_VIEWER_H
#define BULKHEAD_VIEWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/document/tab.h"
#include "broker/viewer/viewer_model.h"

struct viewer;

struct viewer_options {
    enum viewer_mode mode; /* to begin with */
    bool crash_tests;      /* keys C, H, M and S are honoured (the broker must allow them too) */
    bool keep_painting;    /* tabs out of sight go on being painted, for the overview */
    uint32_t scene_frames_per_second;
    uint32_t overview_width_px, overview_height_px; /* frames painted for the overview fit into this; 0 = 480x360 */
    struct tab_options tab;                         /* for every tab; its strings are borrowed */
    bool no_files;                                  /* documents may not ask for what lies beside them */
    const char *heading;                            /* borrowed */
};

/* The program's part; all may be NULL. */
struct viewer_hooks {
    void (*state)(struct viewer *viewer, size_t index, enum tab_state state, void *userdata);
    void (*frame)(struct viewer *viewer, size_t index, const struct frame *frame, void *userdata);
    void (*ended)(struct viewer *viewer, size_t index, const struct exit_report *report, void *userdata);
    /* Every line of the event line, also without a terminal. */
    void (*said)(struct viewer *viewer, const char *line, void *userdata);
    /* The user wants to leave, or the terminal or the last tab is gone. NULL: the loop is stopped with 0. */
    void (*quit)(struct viewer *viewer, void *userdata);
};

/* Options and hooks are borrowed for the viewer's life. 0 or -errno. */
int viewer_create(struct broker *broker, const struct viewer_options *options, const struct viewer_hooks *hooks,
                  void *userdata, struct viewer **ret_viewer);
/* Closes all tabs and gives the terminal back. Takes NULL. */
void viewer_destroy(struct viewer *viewer);

/* Takes over the terminal (device NULL: standard output's) and draws from now on. 0 or -errno. */
int viewer_attach_terminal(struct viewer *viewer, const char *device);
/* Gives the terminal back; the tabs go on. */
void viewer_detach_terminal(struct viewer *viewer);

/* Where a tab stands in its document. */
struct viewer_place {
    uint32_t page;
    float zoom;                     /* 1 = as it fits */
    float scroll_x_pt, scroll_y_pt; /* upper left corner in sight */
};

/* Opens a tab behind the others (takes a reference of its own on the document). place may be NULL. 0 or -errno
 * (-EMFILE: VIEWER_TABS are open). */
int viewer_open(struct viewer *viewer, struct document *document, const struct viewer_place *place, size_t *ret_index);
void viewer_close(struct viewer *viewer, size_t index);
/* A new renderer for the tab, also when its old one lives. 0 or -errno as tab_reload(). */
int viewer_reload(struct viewer *viewer, size_t index, bool force);

size_t viewer_count(const struct viewer *viewer);
size_t viewer_active(const struct viewer *viewer);
void viewer_activate(struct viewer *viewer, size_t index);
struct tab *viewer_tab(const struct viewer *viewer, size_t index);
const char *viewer_title(const struct viewer *viewer, size_t index); /* escaped, never empty */
void viewer_place(const struct viewer *viewer, size_t index, struct viewer_place *ret_place);
/* The last end's backtrace once it is known, else NULL. */
const char *viewer_backtrace(const struct viewer *viewer, size_t index);

/* Asks a document for one more frame: of its next page (after the last comes the first), or of the same again. False
 * while one is still owed, and for scenes, which need no asking. */
bool viewer_nudge(struct viewer *viewer, size_t index);
/* One-shot paints asked for so far, and those still owed (0 or 1). */
void viewer_paints(const struct viewer *viewer, size_t index, uint64_t *ret_asked, uint64_t *ret_owed);

/* Forward the broker's listener to these. */
void viewer_say(struct viewer *viewer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void viewer_take_backtrace(struct viewer *viewer, const struct exit_report *report, const char *text);

/* The line under the top bar; "" removes it. Copied, as are title and text (text NULL removes the panel). */
void viewer_narrate(struct viewer *viewer, const char *text);
void viewer_set_panel(struct viewer *viewer, const char *title, const char *text);
void viewer_set_mode(struct viewer *viewer, enum viewer_mode mode);

/* The cell's layers as last reported, in one line. out is NUL-terminated. */
void viewer_sandbox_line(const struct broker *broker, char *out, size_t out_bytes);
/* The processes as they are found to be just now, a line for each layer (sandbox_text.h). Owned by the caller; NULL
 * where they cannot be looked at. */
char *viewer_sandbox_text(struct viewer *viewer);

#endif
