/* unix_seqpacket.c - connected, ordered, and the kernel keeps the boundaries: what Bulkhead's channel is made of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/pair.h"

static int unix_seqpacket_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    (void)shape;
    return lab_pair_open(SOCK_SEQPACKET, ret_link);
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_CARRIES_FDS | LAB_POLLABLE | LAB_UNRELATED,
    .transfer_bytes = 128 * 1024,
    .open = unix_seqpacket_open,
    .join = lab_pair_join,
    .send = lab_pair_send,
    .receive = lab_pair_receive,
    .close = lab_pair_close,
};

static void show_death_with_unread_input(struct lab_stage *stage)
{
    char bytes[16] = {0};
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return;
    (void)!send(fds[1], "last words", 10, MSG_NOSIGNAL);
    (void)!send(fds[0], "never read", 10, MSG_NOSIGNAL);
    fd_close(&fds[1]);
    lab_pitfall(stage, "A peer that dies with unread input makes the next read fail, before its last message.");
    ssize_t length = recv(fds[0], bytes, sizeof(bytes), 0);
    lab_claim(stage, length < 0 && errno == ECONNRESET, "the first read after its death says ECONNRESET");
    length = recv(fds[0], bytes, sizeof(bytes) - 1, 0);
    lab_claim(stage, length == 10, "whoever reads on gets what it had still said: \"%s\"", bytes);
    fd_close(&fds[0]);
}

static void show(struct lab_stage *stage)
{
    char bytes[16] = {0};
    int fds[2];

    lab_say(stage, "Like a stream it is connected and ordered; like a datagram it keeps boundaries.");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0) {
        lab_claim(stage, false, "socketpair: %s", strerror(errno));
        return;
    }
    (void)!send(fds[0], "left", 4, MSG_NOSIGNAL);
    (void)!send(fds[0], "right", 5, MSG_NOSIGNAL);
    lab_claim(stage, recv(fds[1], bytes, sizeof(bytes), 0) == 4, "two sends, and the first read gets the first alone");
    lab_claim(stage, recv(fds[1], bytes, 2, MSG_TRUNC) == 5,
              "a buffer too small loses the rest, and MSG_TRUNC tells: 5 bytes there, 2 taken");
    fd_close_many(fds, 2);
    show_death_with_unread_input(stage);
}

LAB_ENTRY(entry, .name = "unix-seqpacket", .family = "sockets",
          .summary = "a two-way connection that keeps messages apart",
          .pitfall = "a dead peer's ECONNRESET comes before its last message", .claimed_messages_ms = 612,
          .transport = &transport, .show = show);
