/* fuzz_channel.c - any bytes as a renderer's packets into the broker's end of a channel.
 *
 * Input: packets, each [u16 little-endian: low 15 bits length, top bit "with an fd"][bytes]. The socketpair is one of
 * an older kernel, which lets fds through. Beyond "no crash": a channel ends as END or with a named violation, every
 * message has a name, and no descriptor is left over. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/fd.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_WITH_FD = 0x8000 };

static void send_packet(int socket, const uint8_t *data, size_t size, int fd)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd >= 0) {
        control.align =
            (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
        memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
        header.msg_control = &control;
        header.msg_controllen = sizeof(control);
    }
    require(sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)size);
}

/* What the broker makes of the packets so far. */
static int drain(struct channel *channel)
{
    struct channel_message message;
    int result;

    while ((result = channel_receive(channel, &message)) == CHANNEL_OK) {
        require(codec_type_name(message.codec, message.type) != NULL);
        require(message.n_fds == 0);
    }
    if (result == CHANNEL_VIOLATION) {
        require(channel_violation(channel) != VIOLATION_NONE && channel_violation(channel) != VIOLATION_UNDECODABLE);
        require(!channel_has_buffered(channel));
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int open_fds = fd_count_open(), pair[2], result = CHANNEL_EMPTY;
    struct counters counters;
    struct channel *channel;

    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    counters_init(&counters);
    require(channel_create(pair[0], CHANNEL_BROKER, &counters, &channel) == 0);
    while (size >= 2 && result == CHANNEL_EMPTY) {
        size_t head = (size_t)data[0] | (size_t)data[1] << 8, length = head & ~(size_t)FUZZ_WITH_FD;

        data += 2;
        size -= 2;
        if (length > size)
            length = size;
        send_packet(pair[1], data, length, head & FUZZ_WITH_FD ? pair[1] : -1);
        data += length;
        size -= length;
        result = drain(channel);
        require(result == CHANNEL_EMPTY || result == CHANNEL_VIOLATION);
    }
    close(pair[1]);
    result = drain(channel);
    require(result == CHANNEL_END || result == CHANNEL_VIOLATION);
    channel_destroy(channel);
    counters_fini(&counters);
    require(fd_count_open() == open_fds);
    return 0;
}
