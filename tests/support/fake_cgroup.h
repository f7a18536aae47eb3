/* fake_cgroup.h - a cgroup v2 tree in a temporary directory, with as much of the kernel behind it as dividing it needs.
 *
 * A test that uses it is linked with --wrap for mkdirat, unlinkat, openat and write (see the Makefile): they play the
 * kernel below fake_cgroup::tree and pass everything else on. New directories have their files, controllers are handed
 * on by cgroup.subtree_control and only by cgroups without processes, a pid written to cgroup.procs moves, and what
 * holds somebody is not removed.
 */
#ifndef BULKHEAD_TESTS_FAKE_CGROUP_H
#define BULKHEAD_TESTS_FAKE_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct fake_cgroup {
    char directory[64]; /* of everything */
    char proc[80];      /* for cgroup_create() */
    char tree[80];      /* the mount point: the root of what is seen */
};

/* cmocka set-up and teardown; *state is a struct fake_cgroup. This process is in the tree's root, which is the root of
 * its cgroup namespace and has the controllers cpu, memory and pids. Teardown fails on descriptors left open. */
int fake_cgroup_make(void **state);
int fake_cgroup_remove(void **state);

/* A file of the tree ("cgroup.procs"), without the kernel's say: what it holds, what it is to hold; NULL removes it. */
const char *fake_cgroup_get(const struct fake_cgroup *fake, const char *path); /* "" if it is not there; static */
void fake_cgroup_set(const struct fake_cgroup *fake, const char *path, const char *text);
void fake_cgroup_mkdir(const struct fake_cgroup *fake, const char *path); /* as the kernel would */
/* The same for files of `proc`: "self/cgroup". */
void fake_cgroup_set_proc(const struct fake_cgroup *fake, const char *path, const char *text);
/* All names below the tree, sorted, one a line; owned by the caller. */
char *fake_cgroup_list(const struct fake_cgroup *fake);

/* From now on writing files of which the path ends so (or making and removing such directories) fails; NULL: none. */
void fake_cgroup_fail(const char *path_end, int error);
/* How often something was written to such a file. */
unsigned fake_cgroup_writes(const char *path_end);

#endif
