#include "demo/lab/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int lab_scratch_create(char *ret_path, size_t path_bytes)
{
    snprintf(ret_path, path_bytes, "/tmp/bulkhead-lab-XXXXXX");
    return mkdtemp(ret_path) == NULL ? -1 : 0;
}

void lab_scratch_remove(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory != NULL)
        closedir(directory);
    rmdir(path);
}
