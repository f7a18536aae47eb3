/* observe_text.h - the files of /proc/PID as values: pure parsing, so that tests feed it text.
 *
 * The kernel writes these files, but names in them (a process's, a mount's, a mapping's) are chosen by others: a field
 * is looked for at the start of a line only, one that stands there twice is refused, and nothing is guessed. 0 or
 * -EBADMSG when the text is not what the kernel writes; what an older kernel leaves out is no error. Nothing allocates.
 */
#ifndef BULKHEAD_OBSERVE_TEXT_H
#define BULKHEAD_OBSERVE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

enum { OBSERVE_NOT_TOLD = -1, OBSERVE_WORDS_BYTES = 32, OBSERVE_LINE_BYTES = 96, OBSERVE_MOUNTS_MAX = 512 };
#define OBSERVE_UNLIMITED UINT64_MAX

/* /proc/PID/status, or of one thread. */
struct observe_status {
    uint32_t uids[4], gids[4]; /* real, effective, saved, of files; as the reader's user namespace numbers them */
    unsigned group_count;
    unsigned pid_depth;         /* pid namespaces it has a number in, from the reader's down; 0 = not told */
    int no_new_privs;           /* 0, 1 or OBSERVE_NOT_TOLD, as the next two */
    int seccomp_mode;           /* 2 = a filter */
    int seccomp_filters;        /* Linux 5.9 */
    uint64_t held_capabilities; /* inheritable, permitted, effective or ambient */
    uint64_t bounding_capabilities;
    char store_bypass[OBSERVE_WORDS_BYTES],
        indirect_branch[OBSERVE_WORDS_BYTES]; /* the kernel's words; "" = not told */
};
int observe_parse_status(const char *text, struct observe_status *ret_status);
/* Makes `all` as weak as the weaker of both, field by field: a process is as locked down as its freest thread. */
void observe_weaken_status(struct observe_status *all, const struct observe_status *thread);

/* /proc/PID/limits, by RLIMIT_ number. */
struct observe_limits {
    uint64_t soft[RLIM_NLIMITS], hard[RLIM_NLIMITS]; /* OBSERVE_UNLIMITED without one */
};
int observe_parse_limits(const char *text, struct observe_limits *ret_limits);
const char *observe_limit_name(int resource); /* "Max open files" */

/* /proc/PID/mountinfo. */
struct observe_mounts {
    size_t count;                          /* all of them; ids has no more than it has room for */
    unsigned ids[OBSERVE_MOUNTS_MAX];      /* unique on the host at any one time */
    char first_point[OBSERVE_WORDS_BYTES]; /* where the first is mounted, clipped */
    char first_type[OBSERVE_WORDS_BYTES];  /* its file system */
    bool is_first_read_only;
};
int observe_parse_mounts(const char *text, struct observe_mounts *ret_mounts);

/* /proc/PID/uid_map. */
struct observe_id_map {
    char first[OBSERVE_LINE_BYTES]; /* its first line, blanks folded: "65534 65534 1"; "" when nothing is mapped */
    uint64_t ids;                   /* how many are mapped */
};
int observe_parse_id_map(const char *text, struct observe_id_map *ret_map);

/* /proc/PID/net/dev. */
struct observe_network {
    unsigned count;
    char interfaces[OBSERVE_LINE_BYTES]; /* "lo, eth0", clipped */
};
int observe_parse_network(const char *text, struct observe_network *ret_network);

/* /proc/PID/maps. */
struct observe_maps {
    size_t count, writable_executable;
    char first[OBSERVE_LINE_BYTES]; /* the first that is both, clipped; not escaped */
};
int observe_parse_maps(const char *text, struct observe_maps *ret_maps);

/* /proc/PID/cgroup: the path in the unified hierarchy, or of the memory controller where that is of version 1. */
int observe_parse_cgroup(const char *text, char *ret_path, size_t path_bytes);

/* A target in /proc/PID/ns: whether it is "net:[4026531840]" for `name`. */
bool observe_is_namespace(const char *link, const char *name);

#endif
