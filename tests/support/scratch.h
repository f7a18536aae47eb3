/* scratch.h - a directory of a test's own, and the documents of tests/integration. Removed with everything in it. */
#ifndef BULKHEAD_TEST_SCRATCH_H
#define BULKHEAD_TEST_SCRATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCRATCH_PATH = 512 };

/* cmocka setup and teardown: *state is a struct scratch. */
struct scratch {
    char directory[40];
};
int scratch_make(void **state);
int scratch_remove(void **state);

/* "DIRECTORY/name" into out; returns out. */
const char *scratch_path(void **state, const char *name, char out[SCRATCH_PATH]);
void scratch_write(void **state, const char *name, const void *data, size_t bytes);
/* Whole file, NUL-terminated, owned; NULL if it does not exist. */
char *scratch_read(const char *path, size_t *ret_bytes);
bool scratch_exists(const char *path);
/* Names in the directory but "." and "..". */
size_t scratch_count(void **state);

/* Path of a document ("sample.pdf") below tests/integration/documents; in a static ring of 8 buffers. */
const char *document_path(const char *name);

/* Width and height from a PNG's header; false if it is none. */
bool png_size(const char *path, uint32_t *ret_width, uint32_t *ret_height);

#endif
