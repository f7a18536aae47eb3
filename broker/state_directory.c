#include "broker/state_directory.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int state_directory_path(const char *name, char *out, size_t out_bytes)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int length;

    /* Relative paths are invalid there and to be ignored. */
    if (state != NULL && state[0] == '/')
        length = snprintf(out, out_bytes, "%s/bulkhead/%s", state, name);
    else if (home != NULL && home[0] == '/')
        length = snprintf(out, out_bytes, "%s/.local/state/bulkhead/%s", home, name);
    else
        return -ENOENT;
    return length < 0 || (size_t)length >= out_bytes ? -ENAMETOOLONG : 0;
}

int state_directory_make_parents(const char *path)
{
    char *copy = strdup(path);
    int r = copy != NULL ? 0 : -ENOMEM;

    for (char *slash = copy != NULL && *copy != '\0' ? strchr(copy + 1, '/') : NULL; slash != NULL && r == 0;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        r = mkdir(copy, 0700) < 0 && errno != EEXIST ? -errno : 0;
        *slash = '/';
    }
    free(copy);
    return r;
}
