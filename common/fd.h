/* fd.h - ownership of file descriptors.
 *
 * Every fd in this program is born CLOEXEC and lives in a field or local initialised to -1. "Takes" means the callee
 * closes it, on failure too; "borrows" means it does not.
 */
#ifndef BULKHEAD_FD_H
#define BULKHEAD_FD_H

#include <stddef.h>

/* Closes *fd if it is >= 0 and sets it to -1. Keeps errno. */
void fd_close(int *fd);

/* Returns *fd and leaves -1 behind: ownership moves to the caller. */
int fd_steal(int *fd);

/* A local that closes itself: `_fd_cleanup_ int fd = -1;` */
#define _fd_cleanup_ __attribute__((cleanup(fd_close)))

/* Closes every one of fds[0..count) and sets it to -1. */
void fd_close_many(int *fds, size_t count);

/* Closes whatever is open from first to last, both included; ~0u: to the end. Before Linux 5.9, which has a call for
 * it, the first 4096 one by one. */
void fd_close_between(unsigned first, unsigned last);

/* 0, or -errno. */
int fd_set_nonblocking(int fd, int on);

/* Writes all of data, through EINTR and short writes. 0, or -errno (-EPIPE, -ENOSPC, …). */
int fd_write_all(int fd, const void *data, size_t size_bytes);

/* Whether its effective id may do `mode` (R_OK, W_OK, X_OK) with it: 0 or -errno. */
int fd_access(int directory_fd, const char *path, int mode);

/* As many open files as this process may have: the usual 1024 are for programs that use select(2), and a broker of a
 * few hundred tabs needs more. */
void fd_raise_limit(void);

/* Number of open descriptors of this process, from /proc/self/fd; -errno if that cannot be read. For leak checks. */
int fd_count_open(void);

#endif
