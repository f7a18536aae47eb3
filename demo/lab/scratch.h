/* scratch.h - a directory for the names that some mechanisms have in the file system. */
#ifndef BULKHEAD_LAB_SCRATCH_H
#define BULKHEAD_LAB_SCRATCH_H

#include <stddef.h>

/* Makes a new, private directory below /tmp; 0 or -1 with errno. */
int lab_scratch_create(char *ret_path, size_t path_bytes);
/* Removes it with the files in it (no directories are made there). */
void lab_scratch_remove(const char *path);

#endif
