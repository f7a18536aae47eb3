/* engine.h - the seam between a renderer and what paints: MuPDF documents, native scenes, and whatever comes.
 *
 * An engine is a const table of functions. All but warm_up run on the paint thread, one at a time. An engine never sees
 * the channel: what it needs from outside it asks of its host. Nothing here may need a system call that policy.c does
 * not list; warm_up() runs in the zygote, before the cell is closed, and is the place for whatever does.
 */
#ifndef BULKHEAD_ENGINE_H
#define BULKHEAD_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "to_broker.pb-c.h"
#include "to_renderer.pb-c.h"

enum { ENGINE_DETAIL_BYTES = 256, ENGINE_DAMAGE_RECTS = 16 };

/* Why an engine could not: the code goes to the broker as it is, detail is the engine's own words. */
struct engine_error {
    Bulkhead__Error__Code code;
    char detail[ENGINE_DETAIL_BYTES];
};

/* What an engine may ask. Implemented by session.c; callable on the paint thread only. */
struct engine_host {
    void *session;
    /* Asks the broker for a file beneath the document's directory; blocks until answered. 0 with an owned read-only fd
     * and its size, or -errno (-ENOENT, -EACCES, …). */
    int (*open_file)(void *session, const char *path, int *ret_fd, uint64_t *ret_size_bytes);
    /* True once the running request was cancelled; cheap enough for an inner loop. */
    bool (*cancelled)(void *session);
    /* Work got on; also the watchdog's heartbeat. total 0 = not known. */
    void (*progress)(void *session, uint32_t done, uint32_t total);
    /* The step the engine is at, a string literal: goes into a crash record ("layout", "paint"). */
    void (*step)(void *session, const char *name);
    /* A complaint about the document while the request goes on; dropped if the request fails. */
    void (*warn)(void *session, Bulkhead__Warning__Kind kind, const char *text);
    /* An allocation failed for good: ends the process as out of memory. */
    void (*out_of_memory)(void *session, uint64_t requested_bytes) __attribute__((noreturn));
};

/* What to open. The engine borrows fds and host for the document's lifetime. */
struct engine_source {
    const char *url; /* "about:clock" or "" */
    int document_fd; /* read-only regular file, or -1 */
    /* What it was given of the memory that two pages share (common/sweep_layout.h), and the descriptor of a WRITER and
     * of a READER. */
    Bulkhead__Navigate__SharedBuffer shared_end;
    int shared_fd;
    uint64_t size_bytes;
    const char *password;                                  /* NULL if none was given */
    float layout_width_pt, layout_height_pt, layout_em_pt; /* 0 = the engine's default */
    const struct engine_host *host;
};

struct engine_info {
    char format[32];
    char title[256]; /* UTF-8 */
    uint32_t page_count;
    bool reflowable, animated;
};

struct engine_bounds {
    float x0_pt, y0_pt, x1_pt, y1_pt;
};

struct engine_rect {
    uint32_t x_px, y_px, width_px, height_px;
};

/* Where and what to paint. pixels: RGB, 8 bit, top row first (common/frame_layout.h). The buffer holds an old frame;
 * the engine paints all of width * height. Pixel (0,0) is (scroll_x, scroll_y) of the page's transformed bounding box,
 * which is rounded as fz_round_rect() does. */
struct engine_paint {
    uint8_t *pixels;
    uint32_t width_px, height_px, stride_bytes;
    uint32_t page;
    float scale_x, scale_y, rotate_deg;
    int32_t scroll_x_px, scroll_y_px;
    uint64_t time_ns;  /* scenes: time since the scene began */
    uint32_t sequence; /* scenes: frames since the scene began */
};

struct engine_damage {
    size_t count; /* 0 = everything */
    struct engine_rect rects[ENGINE_DAMAGE_RECTS];
};

struct engine_document; /* each engine's own */

struct engine {
    const char *name;
    const char *(*version)(void);
    /* In the zygote: make later forks cheap and system-call free. 0 or -errno. */
    int (*warm_up)(void);
    /* Whether this engine is the one for the source; the first that says yes is used. */
    bool (*accepts)(const struct engine_source *source);
    /* 0 with an owned document, or -1 with the error filled. */
    int (*open)(const struct engine_source *source, struct engine_document **ret_document, struct engine_error *error);
    void (*close)(struct engine_document *document);
    int (*info)(struct engine_document *document, struct engine_info *ret_info, struct engine_error *error);
    int (*measure)(struct engine_document *document, uint32_t page, struct engine_bounds *ret_bounds,
                   struct engine_error *error);
    int (*paint)(struct engine_document *document, const struct engine_paint *paint, struct engine_damage *ret_damage,
                 struct engine_error *error);
    /* Called from the session's other thread: make the paint under way stop soon. May be NULL. */
    void (*cancel)(struct engine_document *document);
    /* Called from the session's other thread while a paint is under way: how far it is. The two numbers differ from the
     * last ones whenever the engine got on, so they are a heartbeat too; *ret_total 0 = not known. May be NULL. */
    void (*poll_progress)(struct engine_document *document, uint32_t *ret_done, uint32_t *ret_total);
    /* Nothing was asked for a while: gives back memory that can be had again. What is painted afterwards is the same.
     * May be NULL. */
    void (*rest)(struct engine_document *document);
    /* A key or pointer event; true if the picture changed. May be NULL. */
    bool (*input)(struct engine_document *document, const Bulkhead__Input *input);
};

/* The engines of this executable, in order of asking; ends with NULL. engines.c lists them. */
extern const struct engine *const engines[];

#endif
