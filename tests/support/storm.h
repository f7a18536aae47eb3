/* storm.h - a real broker under a storm, in this process: many renderers killed at random moments, or hostile ones that
 * send mutated messages as fast as they can, beside neighbours that paint. Counts what happened and judges nothing; the
 * test asserts on it, the benchmark prints it.
 */
#ifndef BULKHEAD_TESTS_STORM_H
#define BULKHEAD_TESTS_STORM_H

#include <stddef.h>
#include <stdint.h>

#include "broker/exit_cause.h"

enum { STORM_NEIGHBOURS = 2, STORM_VICTIMS = 4 };

enum storm_kill {
    STORM_SIGKILL,     /* from outside */
    STORM_SIGSEGV,     /* from outside */
    STORM_WILD_WRITE,  /* by its own code, on the paint thread: in the middle of a frame */
    STORM_MID_MESSAGE, /* by its own code: half a message, and a kill by the broker */
    STORM_EXIT,        /* by its own code, without a word */
    STORM_KILLS,
};

struct storm_result {
    uint64_t ordered[STORM_KILLS]; /* how many were killed how; of a mutation storm, nothing */
    uint64_t renderers;            /* attacked, all told */
    uint64_t ends;                 /* reported */
    uint64_t ends_again;           /* reported more than once: of these, none may be */
    uint64_t causes[EXIT_CAUSE_COUNT];
    uint64_t messages; /* of attackers, that the broker read */
    uint64_t neighbour_frames, neighbour_lost, neighbour_ends;
    double seconds;
    size_t fds_before, fds_after;           /* open in this process, with the neighbours up */
    size_t zombies, processes_left;         /* children of ours: before, and after the end of the broker */
    size_t resident_before, resident_after; /* bytes of this process: after a tenth of the storm, and at its end */
};

/* Called now and then with how much of the storm is over; may be NULL. */
typedef void (*storm_progress_fn)(size_t done, size_t total);

/* Kills so many renderers of scenes, STORM_VICTIMS at a time, each at a random moment of its first life_ms_max. The
 * same seed orders the same kills. 0 or -errno (no broker, or it did not get there: -ETIME). */
int storm_kill(unsigned renderers, unsigned life_ms_max, unsigned seed, storm_progress_fn progress,
               struct storm_result *ret_result);
/* STORM_VICTIMS hostile renderers (hostile_mutant.c) send for so long; one that is killed is followed by the next. */
int storm_mutate(unsigned duration_ms, storm_progress_fn progress, struct storm_result *ret_result);

#endif
