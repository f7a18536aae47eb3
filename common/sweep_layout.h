/* sweep_layout.h - the memory that two renderers share: one page writes sweeps of a signal, others read them.
 *
 * A sealed memfd of SWEEP_RING_BYTES, made by the broker (broker/document/shared_buffer.h), which never maps it. One
 * renderer has it writable, any number of others read-only. A writer fills the slots in turn and never waits for a
 * reader: who comes late finds the slot overwritten, and sees that by its ticket. The writer may be hostile: a reader
 * copies a sweep out, uses only the copy, takes no position and no count from here, and any 16 bits are a sample.
 */
#ifndef BULKHEAD_SWEEP_LAYOUT_H
#define BULKHEAD_SWEEP_LAYOUT_H

#include <stdint.h>

enum {
    SWEEP_SLOTS = 8, /* a power of two, so that numbers that wrap around stay in turn */
    SWEEP_SAMPLES = 512,
    SWEEP_RING_BYTES = 3 * 4096,
};

/* A seqlock. Sweep n lies in slot n % SWEEP_SLOTS. */
struct sweep_slot {
    _Atomic uint64_t ticket;     /* 2 n + 1 while sweep n is being written, 2 n once it is whole */
    _Atomic uint64_t written_ns; /* CLOCK_MONOTONIC */
    _Atomic int16_t samples[SWEEP_SAMPLES];
};

struct sweep_ring {
    _Atomic uint64_t latest; /* number of the last whole sweep, from 1; 0 = there was none yet */
    uint8_t unused[56];
    struct sweep_slot slots[SWEEP_SLOTS];
};

_Static_assert((SWEEP_SLOTS & (SWEEP_SLOTS - 1)) == 0, "slots are found by a mask");
_Static_assert(sizeof(struct sweep_ring) <= SWEEP_RING_BYTES, "the ring fits into its memory");

#endif
