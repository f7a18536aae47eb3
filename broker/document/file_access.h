/* file_access.h - what a document may open besides itself: regular files beneath its own directory, read-only.
 *
 * The kernel does the judging (openat2 with RESOLVE_BENEATH, NO_SYMLINKS, NO_MAGICLINKS, NO_XDEV), not string matching.
 * Pure of state: the caller keeps the count and the audit trail.
 */
#ifndef BULKHEAD_FILE_ACCESS_H
#define BULKHEAD_FILE_ACCESS_H

#include <stddef.h>
#include <stdint.h>

#include "to_renderer.pb-c.h"

/* Opens path (not NUL-terminated, the renderer's word) beneath directory_fd. GRANTED with an owned fd and its size, or
 * the refusal. Never blocks on FIFOs. */
Bulkhead__OpenFileReply__Status file_access_open(int directory_fd, const void *path, size_t path_bytes,
                                                 uint64_t limit_bytes, int *ret_fd, uint64_t *ret_size_bytes);

#endif
