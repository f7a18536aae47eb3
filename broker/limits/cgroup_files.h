/* cgroup_files.h - the small text files of a cgroup, read and written whole, below a directory's descriptor.
 *
 * Knows the three shapes the kernel gives them: one value ("max", "8"), words ("memory pids"), and lines of key and
 * value ("oom_kill 1"). Follows no link. 0 or -errno; a file that says something else than its shape is -EBADMSG.
 */
#ifndef BULKHEAD_CGROUP_FILES_H
#define BULKHEAD_CGROUP_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_UNLIMITED UINT64_MAX

int cgroup_file_write(int directory_fd, const char *path, const char *text);
int cgroup_file_write_number(int directory_fd, const char *path, uint64_t number);

/* One value; "max" is CGROUP_UNLIMITED. */
int cgroup_file_read_number(int directory_fd, const char *path, uint64_t *ret_number);
/* The value behind `key`; -ENOENT if neither the file nor the key is there. */
int cgroup_file_read_key(int directory_fd, const char *path, const char *key, uint64_t *ret_number);
/* The whole of a short file without its last newline; -EMSGSIZE if it does not fit. */
int cgroup_file_read(int directory_fd, const char *path, char *out, size_t out_bytes);
/* Whether `word` is one of the words of `text`. */
bool cgroup_text_has_word(const char *text, const char *word);

/* Calls fn for each process of a cgroup.procs; 0 is one that this pid namespace does not see. Ends at the first that
 * is not answered with 0, and returns that. */
int cgroup_file_each_pid(int directory_fd, const char *path, int (*fn)(pid_t pid, void *userdata), void *userdata);

#endif
