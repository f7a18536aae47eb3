#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

#include "common/channel.h"
#include "common/fd.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16; newer than the headers of Debian 12 */
#endif

int channel_socketpair(bool refuse_fds, int *ret_broker_fd, int *ret_renderer_fd)
{
    int pair[2], off = 0, error;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return -errno;
    error = fd_set_nonblocking(pair[0], true);
    if (error < 0) {
        fd_close_many(pair, 2);
        return error;
    }
    if (refuse_fds)
        setsockopt(pair[0], SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
    *ret_broker_fd = pair[0];
    *ret_renderer_fd = pair[1];
    return 0;
}

int channel_refuses_fds(int fd)
{
    int lets_through = 1;
    socklen_t size = sizeof(lets_through);

    if (getsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &lets_through, &size) < 0)
        return -errno;
    return lets_through ? -EPERM : 0;
}
