#include "demo/loss.h"

/* Where a stretch begins and ends between two ticks is chance. */
enum { LOSS_EDGES = 1 };

static uint64_t loss_due(const struct loss_stretch *stretch, uint32_t frames_per_second)
{
    return stretch->duration_ns / 1000 * frames_per_second / 1000000;
}

static uint64_t loss_missing(const struct loss_stretch *stretch, uint32_t frames_per_second)
{
    uint64_t due = loss_due(stretch, frames_per_second), got = stretch->painted + LOSS_EDGES;

    return due > got ? due - got : 0;
}

void loss_judge(const struct loss_stretch *quiet, const struct loss_stretch *crash, uint32_t frames_per_second,
                struct loss *ret_loss)
{
    struct loss loss = {
        .due = loss_due(crash, frames_per_second),
        .painted = crash->painted,
        .missing = loss_missing(crash, frames_per_second),
        .late = crash->late,
    };
    uint64_t missing_quiet = loss_missing(quiet, frames_per_second);
    double scale = quiet->duration_ns > 0 ? (double)crash->duration_ns / (double)quiet->duration_ns : 0;

    loss.quiet = (uint64_t)((double)missing_quiet * scale + 0.5);
    uint64_t explained = loss.quiet + loss.late;
    loss.lost = loss.missing > explained ? loss.missing - explained : 0;
    *ret_loss = loss;
}
