/* crash_store.h - crash reports in a directory: numbered, bounded, written whole, read with suspicion.
 *
 * One file a report, crash-0012.json, mode 0600, in a directory of mode 0700 that belongs to this user. A report gets
 * its name in one step and only if nobody has that name, so several brokers may write at once, without a lock that
 * one could hold for ever; each then removes the oldest reports that are too many. Other files are left alone. No
 * fsync: a report lost in a power cut is no great loss.
 */
#ifndef BULKHEAD_CRASH_STORE_H
#define BULKHEAD_CRASH_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/crash/crash_report.h"

struct crash_store;

/* Of the whole directory. The newest report stays even if it alone is larger. */
struct crash_store_bounds {
    uint32_t reports; /* at least 1 */
    uint64_t bytes;
};

/* What is in a directory may be anybody's when it is only read; what is changed must be ours alone. */
enum crash_store_use {
    CRASH_STORE_READ,
    CRASH_STORE_REMOVE,
    CRASH_STORE_WRITE, /* makes the directory first */
};

/* Opens `directory`, or the user's own if it is NULL. 0, or -errno with the directory and
 * what is wrong (escaped) in ret_why; -ENOENT: it does not exist; -ENXIO: nothing says where the user's own is. */
int crash_store_open(const char *directory, enum crash_store_use use, struct crash_store **ret_store, char *ret_why,
                     size_t why_bytes);
/* Takes NULL. */
void crash_store_close(struct crash_store *store);

/* As it was given or found, escaped. */
const char *crash_store_directory(const struct crash_store *store);
/* "DIRECTORY/crash-0012.json", escaped. */
void crash_store_path(const struct crash_store *store, uint32_t number, char *out, size_t out_bytes);

/* Writes a report under the next number and removes what is over the bounds. 0 or -errno; nothing is left behind then.
 */
int crash_store_add(struct crash_store *store, const struct crash_report *report,
                    const struct crash_store_bounds *bounds, uint32_t *ret_number);

/* Numbers, oldest first; owned by the caller (free). 0 or -errno. */
int crash_store_list(const struct crash_store *store, uint32_t **ret_numbers, size_t *ret_count);
/* 0 with *ret_report owned by the caller; -ENOENT; -EINVAL: damaged, ret_why says how; or -errno. */
int crash_store_read(const struct crash_store *store, uint32_t number, struct crash_report **ret_report, char *ret_why,
                     size_t why_bytes);
/* Size of its file; 0 if it is gone. */
uint64_t crash_store_size_bytes(const struct crash_store *store, uint32_t number);
/* Removes every report. 0, or -errno of the first that could not be, with its number in ret_kept (0: the directory
 * could not be looked at). */
int crash_store_clear(struct crash_store *store, size_t *ret_removed, uint32_t *ret_kept);

#endif
