#include "common/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void fd_close(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        close(*fd); // never retried on EINTR: Linux has freed the number already
    *fd = -1;
    errno = saved;
}

int fd_steal(int *fd)
{
    int stolen = *fd;

    *fd = -1;
    return stolen;
}

void fd_close_many(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fd_close(&fds[i]);
}

void fd_close_between(unsigned first, unsigned last)
{
    enum { OLD_KERNEL_FDS = 4096 };

    if (first > last || syscall(SYS_close_range, first, last, 0) == 0)
        return;
    for (unsigned fd = first; fd <= last && fd < OLD_KERNEL_FDS; fd++)
        close((int)fd);
}

int fd_set_nonblocking(int fd, int on)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    flags = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    return fcntl(fd, F_SETFL, flags) < 0 ? -errno : 0;
}

int fd_write_all(int fd, const void *data, size_t size_bytes)
{
    const uint8_t *at = data;

    while (size_bytes > 0) {
        ssize_t n = write(fd, at, size_bytes);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        at += n;
        size_bytes -= (size_t)n;
    }
    return 0;
}

int fd_access(int directory_fd, const char *path, int mode)
{
    if (faccessat(directory_fd, path, mode, AT_EACCESS) == 0)
        return 0;
    /* faccessat2 is behind it (Linux 5.8), to which older containers' filters say EPERM instead of ENOSYS, so that
     * glibc does not go on to the older call. That one asks for the real id, which is the effective one here. */
    if (errno == EPERM && geteuid() == getuid() && syscall(SYS_faccessat, directory_fd, path, mode) == 0)
        return 0;
    return -errno;
}

void fd_raise_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int fd_count_open(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    if (directory == NULL)
        return -errno;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count - 1; // without the directory's own
}
