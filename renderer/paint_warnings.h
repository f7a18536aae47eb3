/* paint_warnings.h - what an engine complained of during one job, until the answer takes it along.
 *
 * Bounded, without allocation: a complaint is kept once; when there is no room, damage takes the place of a note, and
 * damage that finds none is counted. The paint thread's alone.
 */
#ifndef BULKHEAD_PAINT_WARNINGS_H
#define BULKHEAD_PAINT_WARNINGS_H

#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "renderer/engine/engine.h"

struct paint_warning {
    Bulkhead__Warning__Kind kind;
    uint32_t page;
    char detail[ENGINE_DETAIL_BYTES];
};

struct paint_warnings {
    uint32_t page; // that complaints are about from here on, from 1; 0 = the document
    uint32_t left_out;
    size_t count;
    struct paint_warning list[LIMIT_WARNINGS];
};

/* Room for the messages of a whole list. */
struct paint_warnings_packed {
    Bulkhead__Warning storage[LIMIT_WARNINGS], *list[LIMIT_WARNINGS];
};

/* Forgets those there are. */
void paint_warnings_begin(struct paint_warnings *warnings, uint32_t page);
/* Copies text, clipped. */
void paint_warnings_add(struct paint_warnings *warnings, Bulkhead__Warning__Kind kind, const char *text);
/* Fills ret_packed, which borrows the text. Returns how many there are. */
size_t paint_warnings_pack(const struct paint_warnings *warnings, struct paint_warnings_packed *ret_packed);

#endif
