/* loss.h - what a crash cost a scene that goes on painting beside it: pure arithmetic.
 *
 * A scene owes a frame for every tick of its clock. What it owes and does not paint while its neighbour crashes is a
 * loss, except for as much as it lost in a quiet stretch of the same length right before, and as much as the machine
 * had no time for meanwhile (lateness.h).
 */
#ifndef BULKHEAD_DEMO_LOSS_H
#define BULKHEAD_DEMO_LOSS_H

#include <stdint.h>

/* What happened to one scene from one moment to another. */
struct loss_stretch {
    uint64_t duration_ns;
    uint64_t painted; /* frames that arrived */
    uint64_t late;    /* frames the machine had no time for */
};

struct loss {
    uint64_t due, painted, missing;
    uint64_t quiet; /* missing in the quiet stretch, for the same length */
    uint64_t late;
    uint64_t lost; /* what is left of missing: the crash's doing */
};

void loss_judge(const struct loss_stretch *quiet, const struct loss_stretch *crash, uint32_t frames_per_second,
                struct loss *ret_loss);

#endif
