/* replay_main.c - runs a fuzz target over files, without a fuzzer: the committed corpus, or a crash that was found.
 *
 * Arguments are files, or directories whose files are taken. Fails when there was nothing to run.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path, unsigned *count)
{
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    unsigned char *data;
    ssize_t size;

    if (fd < 0 || fstat(fd, &stat) < 0 || !(data = malloc(stat.st_size > 0 ? (size_t)stat.st_size : 1))) {
        perror(path);
        return -1;
    }
    size = read(fd, data, (size_t)stat.st_size);
    if (size != stat.st_size) {
        fprintf(stderr, "%s: short read\n", path);
        free(data);
        return -1;
    }
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    ++*count;
    return 0;
}

static int replay_directory(const char *path, unsigned *count)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    int result = 0;

    if (!directory) {
        perror(path);
        return -1;
    }
    while (result == 0 && (entry = readdir(directory))) {
        char file[PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(file, sizeof(file), "%s/%s", path, entry->d_name) >= (int)sizeof(file))
            result = -1;
        else
            result = replay_file(file, count);
    }
    closedir(directory);
    return result;
}

int main(int argc, char **argv)
{
    unsigned count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat stat_buffer;
        int result;

        if (stat(argv[i], &stat_buffer) < 0) {
            perror(argv[i]);
            return 1;
        }
        result = S_ISDIR(stat_buffer.st_mode) ? replay_directory(argv[i], &count) : replay_file(argv[i], &count);
        if (result < 0)
            return 1;
    }
    printf("replayed %u inputs\n", count);
    return count > 0 ? 0 : 1;
}
