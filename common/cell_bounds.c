#include "common/cell_bounds.h"

#include <sys/resource.h>

const struct cell_bound cell_bounds[] = {
    /* Log pipes, channel, document, frame memory, and a file the document asked for; poll() needs it above the count
     * of its fds. */
    {RLIMIT_NOFILE, 32},
    /* Ignored for root, which a renderer is not. */
    {RLIMIT_NPROC, 0},
    {RLIMIT_CORE, 0},
    /* Stops write() and ftruncate() from growing any file, memfds too; stores into a mapping are not its business. */
    {RLIMIT_FSIZE, 0},
    /* The main thread's own; RLIMIT_DATA leaves stacks out, and outside it may be unlimited. */
    {RLIMIT_STACK, 8ull << 20},
    {RLIMIT_MEMLOCK, 0},
    {RLIMIT_MSGQUEUE, 0},
    {RLIMIT_RTPRIO, 0},
    {RLIMIT_NICE, 0},
    /* No limit on what is used, and far above any honest need: it bounds the page tables, which no other limit counts
     * (one byte for 512 mapped). */
    {RLIMIT_AS, 256ull << 30},
};
const size_t cell_bound_count = sizeof(cell_bounds) / sizeof(cell_bounds[0]);

/* Above the container ranges and below 2^31 in systemd's table of ids (https://systemd.io/UIDS-GIDS/); in a container
 * with only 65536 of them, one from its unused gap below 61184. */
const uid_t cell_unused_ids[CELL_UNUSED_IDS] = {0x70000000 + 0xb41c, 61151};
