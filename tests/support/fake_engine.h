/* fake_engine.h - an engine whose every answer a test knows. A test that names fake_engine_url() has this one as its
 * only engine, instead of those of renderer/engine/engines.c.
 *
 * Opens urls "fake:WORD…"; the words choose what it does:
 *   animated       a scene                       slow        a paint goes on until it is cancelled
 *   file           title = contents of "inside"  steady      like slow, but it gets on (poll_progress)
 *   badtitle       title with a broken byte      chatty      a paint reports progress 1000 times
 *   damaged, oom   opening fails so              nan         bounds of page 1 are not numbers
 *   complaining    at every step                failing     a paint fails
 * Without a url it opens a document_fd: its first bytes are the title. Three pages, page p is 100 + p by 200 points.
 */
#ifndef BULKHEAD_TESTS_FAKE_ENGINE_H
#define BULKHEAD_TESTS_FAKE_ENGINE_H

#include <stdint.h>

enum { FAKE_ENGINE_PAGES = 3 };

/* Returns its argument. */
const char *fake_engine_url(const char *url);

/* The byte that fills a frame. */
uint8_t fake_engine_shade(uint32_t page, int32_t scroll_x_px, uint32_t sequence, uint32_t inputs);

#endif
