/* recorded.h - a recording (broker/trace/recording.h) as the script: each renderer in it is played to a real broker,
 * tab and frame store anew.
 *
 * What the broker had asked is asked again, what the renderer said is said again, in that order, byte for byte but for
 * what cannot be the same twice: ids of requests and of the renderer, the generation of its frames, times. Pongs are
 * left out: the broker pings when it wants. Pixels are not in a recording.
 */
#ifndef BULKHEAD_FUZZ_RECORDED_H
#define BULKHEAD_FUZZ_RECORDED_H

#include <stddef.h>
#include <stdint.h>

#include "broker/exit_cause.h"

struct recorded_facts {
    unsigned renderers; // that were given a document
    unsigned messages;  // said again
    unsigned left_out;
    unsigned infos, bounds, frames, failures;
    unsigned ends[EXIT_CAUSE_COUNT];
    enum violation violation; // of the last end
};

/* Plays all of it. 0, or -EBADMSG: it is no recording. Aborts where something does not hold that always must. */
int recorded_play(const uint8_t *data, size_t size_bytes, struct recorded_facts *ret_facts);

#endif
