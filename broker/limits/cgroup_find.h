/* cgroup_find.h - where in the cgroup v2 tree this process is, and whether that place is its own to divide.
 *
 * Only reads. A cgroup is ours to divide when it was delegated (an ordinary user may write it; root was told so by
 * systemd or is at the root of a cgroup namespace), lives by itself (type "domain"), and holds no process but this one
 * and what it started: whoever divides a cgroup has to move all its processes.
 */
#ifndef BULKHEAD_CGROUP_FIND_H
#define BULKHEAD_CGROUP_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* The directory of our cgroup, as `proc` ("/proc") has it. 0, or -errno with why in words: -ENOENT without a cgroup v2
 * file system that shows us. */
int cgroup_find(const char *proc, char *ret_directory, size_t directory_bytes, char *ret_why, size_t why_bytes);

/* 0 if the cgroup is ours to divide; else -errno, with why in words. */
int cgroup_find_may_divide(const char *proc, int directory_fd, char *ret_why, size_t why_bytes);

#endif
