/* unix_stream.c - a connected pair of byte streams between two processes of one host. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/pair.h"
#include "demo/lab/stream.h"

static int unix_stream_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    (void)shape;
    return lab_pair_open(SOCK_STREAM, ret_link);
}

static int unix_stream_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    return fd_write_all(link->fd, data, size_bytes);
}

static int unix_stream_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    return lab_stream_read(link->fd, data, size_bytes);
}

static const struct lab_transport transport = {
    .capabilities = LAB_BOTH_WAYS | LAB_CARRIES_FDS | LAB_POLLABLE | LAB_UNRELATED,
    .transfer_bytes = 128 * 1024,
    .open = unix_stream_open,
    .join = lab_pair_join,
    .send = unix_stream_send,
    .receive = unix_stream_receive,
    .close = lab_pair_close,
};

/* What the reader gets from one read() when two messages were written before it looked. */
static ssize_t read_two_as_one(int fds[2], char *out, size_t out_bytes)
{
    (void)!write(fds[0], "left", 4);
    (void)!write(fds[0], "right", 5);
    return read(fds[1], out, out_bytes);
}

static void show(struct lab_stage *stage)
{
    char bytes[64] = {0};
    struct ucred peer = {0};
    socklen_t size = sizeof(peer);
    int fds[2];

    lab_say(stage, "socketpair() makes two connected ends; with a name in the file system strangers can connect, too.");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
        lab_claim(stage, false, "socketpair: %s", strerror(errno));
        return;
    }
    getsockopt(fds[0], SOL_SOCKET, SO_PEERCRED, &peer, &size);
    lab_claim(stage, peer.pid == getpid() && peer.uid == getuid(),
              "the kernel says who is at the other end: pid %d, uid %u", (int)peer.pid, (unsigned)peer.uid);
    lab_pitfall(stage, "It is a stream: two writes may come out of one read.");
    ssize_t length = read_two_as_one(fds, bytes, sizeof(bytes) - 1);
    lab_claim(stage, length == 9, "\"left\" and \"right\" arrived together, as \"%s\"", bytes);
    const unsigned char framed[] = {4, 'l', 'e', 'f', 't', 5, 'r', 'i', 'g', 'h', 't'};
    unsigned char size_byte = 0;
    (void)!write(fds[0], framed, sizeof(framed));
    memset(bytes, 0, sizeof(bytes));
    bool is_whole = lab_stream_read(fds[1], &size_byte, 1) == 0 && lab_stream_read(fds[1], bytes, size_byte) == 0;
    lab_claim(stage, is_whole && strcmp(bytes, "left") == 0,
              "with a length before each message the reader stops where the first one ends: \"%s\"", bytes);
    fd_close_many(fds, 2);
}

LAB_ENTRY(entry, .name = "unix-stream", .family = "sockets", .summary = "a two-way stream of bytes within one host",
          .pitfall = "messages run together", .claimed_messages_ms = 612, .transport = &transport, .show = show);
