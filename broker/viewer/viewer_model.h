/* viewer_model.h - what the viewer shows, as plain data: filled by viewer.c, drawn by viewer_draw.c.
 *
 * Strings are escaped, borrowed, never NULL unless said so. Drawing depends on nothing else, so tests draw made-up
 * tabs.
 */
#ifndef BULKHEAD_VIEWER_MODEL_H
#define BULKHEAD_VIEWER_MODEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/document/tab.h"
#include "broker/viewer/thumbnail.h"

enum { VIEWER_TABS = 256 };

enum viewer_mode {
    VIEWER_PAGE,     /* one tab fills the screen */
    VIEWER_OVERVIEW, /* a table of all tabs and their pictures */
};

struct viewer_row {
    const char *title, *format;
    enum tab_state state;
    pid_t pid; /* 0: none */
    uint64_t frames, lost, messages_in, messages_out;
    float frames_per_second;
    uint32_t page, page_count;       /* page from 0; page_count 0 = not known */
    float zoom;                      /* 1 = as it fits */
    uint32_t scroll_permille;        /* how far down the page, 1000 = its end */
    uint32_t shown_permille;         /* how much of its height is in sight */
    const struct thumbnail *picture; /* NULL or empty before the first frame */
    const char *problem;             /* how the renderer ended or why the document could not be opened; "" = neither */
};

struct viewer_text {
    const char *title, *text; /* text NULL: not shown */
};

struct viewer_model {
    enum viewer_mode mode;
    const struct viewer_row *rows; // [count]
    size_t count, active;
    const char *heading;       /* left end of the top bar */
    const char *sandbox;       /* "sandbox: 20 of 20 layers" */
    const char *narration;     /* what the demo is at; "" = no such line */
    const char *keys;          /* hint line */
    const char *const *events; // [event_count], oldest first
    size_t event_count;
    struct viewer_text panel;   /* beside the pictures of the overview */
    struct viewer_text overlay; /* over everything */
    size_t overlay_scroll;      /* its first line in sight */
};

#endif
