/* engine_driver.h - an engine's host for tests: answers for the session, from a directory, in this process.
 *
 * Refuses what the broker refuses (absolute paths, "..", links out of the directory), and keeps a list of what was
 * asked.
 */
#ifndef BULKHEAD_TESTS_ENGINE_DRIVER_H
#define BULKHEAD_TESTS_ENGINE_DRIVER_H

#include <stdatomic.h>

#include "renderer/engine/engine.h"

enum { ENGINE_DRIVER_WARNINGS = 32, ENGINE_DRIVER_ASKED = 16, ENGINE_DRIVER_PATH_BYTES = 256 };

struct engine_driver {
    struct engine_host host;
    int directory_fd; // of the document; -1 = nothing may be opened
    char asked[ENGINE_DRIVER_ASKED][ENGINE_DRIVER_PATH_BYTES];
    unsigned asked_count, granted_count, progress_count;
    struct {
        Bulkhead__Warning__Kind kind;
        char text[ENGINE_DETAIL_BYTES];
    } warnings[ENGINE_DRIVER_WARNINGS]; // the first ones
    unsigned warning_count;
    _Atomic bool cancelled;
    _Atomic(const char *) step; // the last one
    const char *cancel_at_step; // NULL, or where the host cancels as the session's other thread would
    unsigned interpreted_count; // times a page was interpreted
    int document_fd;
    uint64_t size_bytes;
    struct engine_document *document;
};

/* Opens the files, no more: so that the engine can be called with the doors shut. Fails the test if there is no such
 * file. */
void engine_driver_prepare(struct engine_driver *driver, const char *path);
/* The engine's own result. */
int engine_driver_load(struct engine_driver *driver, const char *password, struct engine_error *ret_error);
/* Both. */
int engine_driver_open(struct engine_driver *driver, const char *path, const char *password,
                       struct engine_error *ret_error);
void engine_driver_close(struct engine_driver *driver);

struct engine_driver_picture {
    uint8_t *pixels; // owned
    uint32_t width_px, height_px, stride_bytes;
};

/* The whole page at that scale, in a buffer of its own, sized as the broker sizes frames. The engine's own result. */
int engine_driver_paint(struct engine_driver *driver, uint32_t page, float scale_x, float scale_y, float rotate_deg,
                        struct engine_driver_picture *ret_picture, struct engine_error *ret_error);

/* The size such a picture has: the transformed bounds rounded as fz_round_rect() does. */
void engine_driver_size(const struct engine_bounds *bounds, float scale_x, float scale_y, float rotate_deg,
                        uint32_t *ret_width_px, uint32_t *ret_height_px);

#endif
