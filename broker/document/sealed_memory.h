/* sealed_memory.h - memory that is a file without a name, of a size that nobody can change any more. */
#ifndef BULKHEAD_SEALED_MEMORY_H
#define BULKHEAD_SEALED_MEMORY_H

#include <stddef.h>

/* A memfd of zeros, sealed GROW|SHRINK|SEAL. 0 with an owned descriptor to read and write by, or -errno. */
int sealed_memory_create(const char *name, size_t size_bytes, int *ret_fd);

#endif
