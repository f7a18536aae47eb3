#include "demo/lab/stream.h"

#include <errno.h>
#include <unistd.h>

int lab_stream_read(int fd, void *data, size_t size_bytes)
{
    unsigned char *at = data;

    while (size_bytes > 0) {
        ssize_t length = read(fd, at, size_bytes);

        if (length == 0)
            return -EPIPE;
        if (length < 0) {
            if (errno != EINTR)
                return -errno;
            continue;
        }
        at += length;
        size_bytes -= (size_t)length;
    }
    return 0;
}
