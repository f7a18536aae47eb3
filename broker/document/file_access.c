#include "broker/document/file_access.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/limits.h"

static int open_beneath(int directory_fd, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    int fd;
    /* EAGAIN: a rename or mount raced with the walk and the kernel could not be sure; ask again. */
    for (int tries = 0; tries < 8; tries++) {
        fd = (int)syscall(SYS_openat2, directory_fd, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return fd >= 0 ? fd : -errno;
}

static Bulkhead__OpenFileReply__Status status_of_errno(int error)
{
    switch (-error) {
    case ENOENT:
    case ENOTDIR:
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_FOUND;
    case EXDEV:
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE;
    case ELOOP:
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__IS_LINK;
    case ENXIO: /* a FIFO or socket, opened without blocking */
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_A_FILE;
    case ENAMETOOLONG:
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__BAD_PATH;
    default:
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__UNREADABLE;
    }
}

/* Asked of what is not there. */
static bool is_file_url(const char *name)
{
    return strncasecmp(name, "file:/", 6) == 0;
}

/* "//host/…", or "http://…", with one slash where an engine has tidied it up. Only asked of what is not there. */
static bool looks_remote(const char *name)
{
    if (strncmp(name, "//", 2) == 0)
        return true;
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-";
    size_t scheme = strspn(name, letters);
    return scheme >= 2 && strncmp(name + scheme, ":/", 2) == 0;
}

static Bulkhead__OpenFileReply__Status judge(int fd, uint64_t limit_bytes, uint64_t *ret_size_bytes)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__UNREADABLE;
    if (!S_ISREG(st.st_mode))
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_A_FILE;
    if ((uint64_t)st.st_size > limit_bytes)
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__TOO_LARGE;
    *ret_size_bytes = (uint64_t)st.st_size;
    return BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED;
}

Bulkhead__OpenFileReply__Status file_access_open(int directory_fd, const void *path, size_t path_bytes,
                                                 uint64_t limit_bytes, int *ret_fd, uint64_t *ret_size_bytes)
{
    char name[LIMIT_PATH_BYTES + 1];
    if (directory_fd < 0)
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__DISABLED;
    if (path_bytes == 0 || path_bytes >= sizeof name || memchr(path, '\0', path_bytes) != NULL)
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__BAD_PATH;
    memcpy(name, path, path_bytes);
    name[path_bytes] = '\0';
    _fd_cleanup_ int fd = open_beneath(directory_fd, name);
    if (fd < 0) {
        int error = fd;
        fd = -1;
        if (error == -ENOENT && is_file_url(name))
            return BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE;
        if ((error == -ENOENT || error == -EXDEV) && looks_remote(name))
            return BULKHEAD__OPEN_FILE_REPLY__STATUS__REMOTE;
        return status_of_errno(error);
    }
    Bulkhead__OpenFileReply__Status status = judge(fd, limit_bytes, ret_size_bytes);
    if (status == BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED)
        *ret_fd = fd_steal(&fd);
    return status;
}
