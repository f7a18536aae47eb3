/* scene_signal.h - a page's end of the memory that it shares with another page: writing sweeps, or reading them.
 *
 * Owns the mapping. The writer never waits; the reader never believes: it copies a sweep, looks whether the slot stayed
 * the same meanwhile, and makes do with the copy. A hostile writer can make it show any sweep and count wrong, no more:
 * slots are found by a mask, a read looks at SWEEP_SLOTS of them at most, and no address or size comes from there.
 */
#ifndef BULKHEAD_SCENE_SIGNAL_H
#define BULKHEAD_SCENE_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/sweep_layout.h"
#include "to_renderer.pb-c.h"

struct scene_signal {
    Bulkhead__Navigate__SharedBuffer end;
    struct sweep_ring *ring; // NULL for NONE and TAKEN; a READER's is read-only memory
};

/* A sweep of one's own. */
struct scene_sweep {
    uint64_t number; /* from 1 */
    uint64_t written_ns;
    int16_t samples[SWEEP_SAMPLES];
};

/* Where a reader is; zero before the first look. */
struct scene_signal_reader {
    bool has_looked;
    uint64_t latest;
    uint64_t missed; /* overwritten before it was looked for */
    uint64_t torn;   /* changed while it was being copied, or never finished */
};

/* Maps the fd of a WRITER or READER (borrowed, and not needed afterwards). 0 or -errno. */
int scene_signal_map(struct scene_signal *signal, Bulkhead__Navigate__SharedBuffer end, int fd);
void scene_signal_unmap(struct scene_signal *signal);

/* Publishes one sweep. Its number; 0 if this end does not write. */
uint64_t scene_signal_write(struct scene_signal *signal, const int16_t samples[SWEEP_SAMPLES], uint64_t now_ns);

/* Copies out the whole sweeps that are new since the last look, oldest first; a first look gets the newest alone. How
 * many; 0 if this end does not read. */
unsigned scene_signal_read(const struct scene_signal *signal, struct scene_signal_reader *reader,
                           struct scene_sweep ret_sweeps[SWEEP_SLOTS]);

#endif
