/* observe.h - what the kernel shows of one process from outside: facts read from /proc, no judgement.
 *
 * Each source is read for itself; what may not be read keeps its errno, for an ordinary user may read little of a
 * process that is not dumpable. The process must be a child of ours that was not reaped, so that its number is its own.
 * Plain data: nothing to free. Reading a renderer takes about a millisecond; a hostile one with many
 * mappings takes longer, up to a bound.
 */
#ifndef BULKHEAD_OBSERVE_H
#define BULKHEAD_OBSERVE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/observe/observe_text.h"

enum observe_source {
    OBSERVE_STATUS, /* of every thread */
    OBSERVE_LIMITS,
    OBSERVE_MOUNTS,
    OBSERVE_ID_MAP,
    OBSERVE_NETWORK,
    OBSERVE_CGROUP,
    OBSERVE_NAMESPACES,
    OBSERVE_ROOT,
    OBSERVE_FDS,
    OBSERVE_MAPS,
    OBSERVE_SOURCES,
};

enum observe_namespace {
    OBSERVE_NS_USER,
    OBSERVE_NS_MOUNT,
    OBSERVE_NS_PID,
    OBSERVE_NS_PID_FOR_CHILDREN,
    OBSERVE_NS_NET,
    OBSERVE_NS_IPC,
    OBSERVE_NS_UTS,
    OBSERVE_NS_CGROUP,
    OBSERVE_NAMESPACES_COUNT,
};

enum { OBSERVE_LINK_BYTES = 40, OBSERVE_FDS_MAX = 64, OBSERVE_TARGET_BYTES = 96 };

struct observe_fd {
    int number;
    char target[OBSERVE_TARGET_BYTES]; /* escaped, clipped */
};

struct observation {
    pid_t pid;
    int errors[OBSERVE_SOURCES]; /* errno of what could not be read or understood (EBADMSG); 0 = the fields below hold
                                  */
    unsigned threads;
    struct observe_status status; /* of the weakest thread in each respect */
    uid_t owner;                  /* of its files in /proc: root's unless it is dumpable; with OBSERVE_STATUS */
    struct observe_limits limits;
    struct observe_mounts mounts;
    struct observe_id_map id_map;
    struct observe_network network;
    char cgroup[256]; /* escaped */
    char namespaces[OBSERVE_NAMESPACES_COUNT][OBSERVE_LINK_BYTES];
    size_t root_entries; /* in its root directory */
    size_t fd_count;     /* all; fds has no more than it has room for */
    struct observe_fd fds[OBSERVE_FDS_MAX];
    struct observe_maps maps;
};

/* Reads all it may; nothing (EXDEV) where /proc is of another pid namespace. pid 0: this process itself. 0, or -ESRCH
 * when there is no such process (any more). */
int observe_process(pid_t pid, struct observation *ret_observation);

/* "/proc/PID/ns", for messages about what could not be read. */
const char *observe_source_name(enum observe_source source);

#endif
