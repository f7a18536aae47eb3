#include "demo/lab/inet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/fd.h"

int lab_inet_bind(int type, struct sockaddr_in *ret_address)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0) {
        int error = -errno;
        fd_close(&fd);
        return error;
    }
    *ret_address = address;
    return fd;
}
