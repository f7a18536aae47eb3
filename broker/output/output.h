/* output.h - a file that is there whole or not at all.
 *
 * A regular file is written under no name (O_TMPFILE) or a temporary one in the same directory and gets its name in one
 * step, so that neither a crash, a full disk nor Ctrl-C leaves half a picture, and a reader never sees one. "-" is
 * standard output; what exists and is no regular file (a FIFO, /dev/null) is written to directly and never replaced.
 * No fsync: a picture lost in a power cut can be painted again, and waiting for the disk costs more than painting.
 * Used by encoder threads: an output belongs to one thread at a time, and nothing here is shared between outputs.
 */
#ifndef BULKHEAD_OUTPUT_H
#define BULKHEAD_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct output;

/* Files that no output may replace: the run's inputs, its trace and its recording. Filled before any output is opened,
 * read-only after that. */
struct output_guard {
    size_t count;
    struct output_guard_entry {
        dev_t device;
        ino_t inode;
        int why; // OUTPUT_IS_INPUT or OUTPUT_IS_RECORD
    } * entries; // output_guard::count, owned
};

/* What output_open() says when the target is one of the guard's files: no errno means that. */
enum { OUTPUT_IS_INPUT = 1, OUTPUT_IS_RECORD = 2 };

/* Adds the file at `path`, if there is one, with what is to be said of it. 0 or -ENOMEM. */
int output_guard_add(struct output_guard *guard, const char *path, int why);
void output_guard_fini(struct output_guard *guard);

/* Whether a path can become an output, without touching it: 0, the guard's word, or -errno (-EISDIR: it is a directory
 * or ends in a slash, -ENOENT: its directory is missing, -EACCES, -EROFS, …). For refusing before any work is done. */
int output_check(const char *path, const struct output_guard *guard);

/* Starts a file. guard (borrowed, for this call) may be NULL. As output_check(). While cancel_fd (borrowed, -1 for
 * none) is readable, writes to pipes and terminals fail with -ECANCELED, waiting ones too. */
int output_open(const char *path, const struct output_guard *guard, int cancel_fd, struct output **ret_output);
/* Buffered. 0 or -errno; the first error stays. */
int output_write(struct output *output, const void *data, size_t size_bytes);
/* Writes the rest and gives the file its name. 0 or -errno (the file is then removed). Frees. */
int output_commit(struct output *output);
/* Removes what was written and frees. Takes NULL. */
void output_abandon(struct output *output);

#endif
