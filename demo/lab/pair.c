#include "demo/lab/pair.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/fd.h"

int lab_pair_open(int type, struct lab_link **ret_link)
{
    struct lab_link *link = malloc(sizeof(*link));

    if (link == NULL)
        return -ENOMEM;
    link->fd = -1;
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, link->fds) < 0) {
        int error = -errno;
        free(link);
        return error;
    }
    *ret_link = link;
    return 0;
}

int lab_pair_join(struct lab_link *link, enum lab_side side)
{
    link->fd = fd_steal(&link->fds[side]);
    fd_close_many(link->fds, 2);
    return 0;
}

void lab_pair_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    fd_close(&link->fd);
    fd_close_many(link->fds, 2);
    free(link);
}

int lab_pair_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    ssize_t length;

    do
        length = send(link->fd, data, size_bytes, MSG_NOSIGNAL);
    while (length < 0 && errno == EINTR);
    return length == (ssize_t)size_bytes ? 0 : length < 0 ? -errno : -EMSGSIZE;
}

int lab_pair_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    ssize_t length;

    do
        length = recv(link->fd, data, size_bytes, MSG_TRUNC);
    while (length < 0 && errno == EINTR);
    return length == (ssize_t)size_bytes ? 0 : length < 0 ? -errno : length == 0 ? -EPIPE : -EBADMSG;
}
