#include "tests/support/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

int scratch_make(void **state)
{
    struct scratch *scratch = calloc(1, sizeof *scratch);
    snprintf(scratch->directory, sizeof scratch->directory, "/tmp/bulkhead-test-XXXXXX");
    *state = scratch;
    return mkdtemp(scratch->directory) != NULL ? 0 : -1;
}

int scratch_remove(void **state)
{
    struct scratch *scratch = *state;
    char command[160];
    snprintf(command, sizeof command, "chmod -R u+rwX %s; rm -rf %s", scratch->directory, scratch->directory);
    int status = system(command);
    free(scratch);
    return status;
}

const char *scratch_path(void **state, const char *name, char out[SCRATCH_PATH])
{
    const struct scratch *scratch = *state;
    snprintf(out, SCRATCH_PATH, "%s/%s", scratch->directory, name);
    return out;
}

void scratch_write(void **state, const char *name, const void *data, size_t bytes)
{
    char path[SCRATCH_PATH];
    int fd = open(scratch_path(state, name, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, bytes), (ssize_t)bytes);
    close(fd);
}

char *scratch_read(const char *path, size_t *ret_bytes)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    assert_int_equal(fstat(fd, &st), 0);
    char *data = malloc((size_t)st.st_size + 1);
    size_t used = 0;
    for (ssize_t got; used < (size_t)st.st_size && (got = read(fd, data + used, (size_t)st.st_size - used)) > 0;)
        used += (size_t)got;
    close(fd);
    data[used] = '\0';
    *ret_bytes = used;
    return data;
}

bool scratch_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

size_t scratch_count(void **state)
{
    const struct scratch *scratch = *state;
    size_t count = 0;
    DIR *directory = opendir(scratch->directory);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

const char *document_path(const char *name)
{
    static char ring[8][SCRATCH_PATH];
    static unsigned next;
    char *out = ring[next++ % 8];
    snprintf(out, SCRATCH_PATH, "tests/integration/documents/%s", name);
    return out;
}

static uint32_t big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

bool png_size(const char *path, uint32_t *ret_width, uint32_t *ret_height)
{
    size_t bytes;
    char *data = scratch_read(path, &bytes);
    bool is_png = data != NULL && bytes > 24 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
    if (is_png) {
        *ret_width = big_endian((unsigned char *)data + 16);
        *ret_height = big_endian((unsigned char *)data + 20);
    }
    free(data);
    return is_png;
}
