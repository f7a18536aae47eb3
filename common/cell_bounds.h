/* cell_bounds.h - what the cell holds every renderer to: the numbers it sets, and against which it is observed.
 *
 * Only constants. renderer/cell*.c sets them, broker/observe_judge*.c looks whether they are in force; neither has
 * numbers of its own.
 */
#ifndef BULKHEAD_CELL_BOUNDS_H
#define BULKHEAD_CELL_BOUNDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A limit of setrlimit(), soft and hard. A host that allows less already is left at that. RLIMIT_DATA is not among
 * them: that is each renderer's own. */
struct cell_bound {
    int resource;
    uint64_t most;
};
extern const struct cell_bound cell_bounds[];
extern const size_t cell_bound_count;

/* Ids nobody hands out, for user and group; the second where the first is not mapped. */
enum { CELL_UNUSED_IDS = 2 };
extern const uid_t cell_unused_ids[CELL_UNUSED_IDS];

#endif
