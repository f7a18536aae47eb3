/* tab.h - one document and the renderer that paints it just now. A tab outlives its renderers.
 *
 * A tab asks the broker for a renderer (the spare if there is one), navigates it, keeps the latest frame, and tells its
 * listener what happens. When the renderer ends the tab goes sad, keeps its last good frame, and may be reloaded:
 * by hand, or by itself with back-off (250 ms, doubled, at most 8 s). A document that ends badly QUARANTINE_ENDS times
 * is quarantined: the tab then refuses to reload unless forced.
 */
#ifndef BULKHEAD_TAB_H
#define BULKHEAD_TAB_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/broker.h"
#include "broker/document/document.h"
#include "broker/document/frame_store.h"
#include "broker/exit_cause.h"
#include "common/counters.h"

struct tab;

enum tab_state {
    TAB_STARTING,     /* waits for a renderer */
    TAB_LOADING,      /* navigate sent */
    TAB_LIVE,         /* document_info received */
    TAB_UNRESPONSIVE, /* the watchdog is counting */
    TAB_FAILED,       /* the renderer is fine, the document could not be opened (see failed()) */
    TAB_SAD,          /* the renderer ended */
    TAB_QUARANTINED,  /* sad, and reloading needs force */
    TAB_CLOSED,
};

const char *tab_state_name(enum tab_state state);

/* What the document is, in the renderer's words; strings escaped. */
struct tab_info {
    char format[64];
    char title[512];
    uint32_t page_count;
    bool reflowable, animated;
    float page_width_pt, page_height_pt;
};

struct tab_bounds {
    uint32_t page;
    float x0_pt, y0_pt, x1_pt, y1_pt;
};

/* All are called from the event loop and may be NULL; a tab may be closed from any of them. */
struct tab_listener {
    void (*state)(struct tab *tab, enum tab_state state, void *userdata);
    void (*info)(struct tab *tab, const struct tab_info *info, void *userdata);
    void (*bounds)(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata);
    void (*frame)(struct tab *tab, const struct frame *frame, void *userdata);
    void (*progress)(struct tab *tab, uint64_t request_id, uint32_t done, uint32_t total, void *userdata);
    /* A request could not be done; request_id is the one tab_… returned (navigation: 0). detail is escaped. */
    void (*failed)(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                   void *userdata);
    /* The renderer ended; exactly once per renderer. The report lives for the call. */
    void (*ended)(struct tab *tab, const struct exit_report *report, void *userdata);
};

struct tab_options {
    const char *password;                                  /* NULL = none; copied */
    float layout_width_pt, layout_height_pt, layout_em_pt; /* 0 = engine's default */
    bool auto_reload;                                      /* with back-off */
    uint32_t timeout_ms;    /* a request that takes longer ends the renderer (KILL_TIMEOUT); 0 = the policy's */
    uint32_t paint_buffers; /* 1..FRAME_BUFFERS; 0 = FRAME_BUFFERS */
};

/* Opens a tab on a document (takes a reference of its own). The listener is borrowed for the tab's life. 0 or -errno.
 */
int tab_open(struct broker *broker, struct document *document, const struct tab_options *options,
             const struct tab_listener *listener, void *userdata, struct tab **ret_tab);
/* Ends the renderer (asks, then kills) and frees the tab. No callback after this. Borrowed frames must have been
 * returned. Takes NULL. */
void tab_close(struct tab *tab);

/* Requests; each returns its id (> 0), or 0 when the tab cannot take one in its state. Answers come to the listener. */
uint64_t tab_measure(struct tab *tab, uint32_t page);

struct tab_view {
    uint32_t page;
    uint32_t width_px, height_px; /* of the frame */
    float scale_x, scale_y, rotate_deg;
    int32_t scroll_x_px, scroll_y_px;
    uint32_t frames_per_second, frame_limit; /* scenes */
};
/* Paints; gives the renderer new frame memory first if the size changed. Remembered for reload. -errno in *ret_error
 * when 0 is returned because of our own failure (-EOVERFLOW: over the frame limits, -ENOMEM). */
uint64_t tab_paint(struct tab *tab, const struct tab_view *view, int *ret_error);
uint64_t tab_scroll(struct tab *tab, int32_t x_px, int32_t y_px);
void tab_input(struct tab *tab, const Bulkhead__Input *input);
void tab_cancel(struct tab *tab, uint64_t request_id);
/* Starts a new renderer for the document; paints the remembered view once it is live. 0, -EBUSY (its renderer lives),
 * -EPERM (quarantined and not forced), or -errno. */
int tab_reload(struct tab *tab, bool force);
/* Sends crash_test; -EPERM unless the broker allows crash tests. */
int tab_crash_test(struct tab *tab, Bulkhead__CrashTest__Kind kind);

enum tab_state tab_state(const struct tab *tab);
struct document *tab_document(const struct tab *tab);
const struct tab_info *tab_info(const struct tab *tab); /* NULL until known */
const struct frame *tab_frame(const struct tab *tab);   /* latest good frame, also while sad; NULL before the first */
struct frame_store *tab_frames(const struct tab *tab);
/* Lends the latest frame out across loop turns (to an encoder thread). */
const struct frame *tab_borrow_frame(struct tab *tab);
void tab_return_frame(struct tab *tab, const struct frame *frame);
const struct exit_report *tab_last_end(const struct tab *tab); /* NULL if no renderer of this tab has ended */
pid_t tab_pid(const struct tab *tab);                          /* 0 when there is none */
unsigned tab_renderer_id(const struct tab *tab);               /* 0 when there is none */
/* Messages of the renderer of now and those before it. */
void tab_add_counters(const struct tab *tab, struct counters *into);
uint64_t tab_frames_received(const struct tab *tab);
/* Scene frames the renderer says it could not paint for want of a buffer, plus those that arrived torn. */
uint64_t tab_frames_lost(const struct tab *tab);
uint64_t tab_ping_p99_ns(const struct tab *tab);

#endif
