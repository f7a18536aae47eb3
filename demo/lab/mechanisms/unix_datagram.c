/* unix_datagram.c - messages without a connection; within one host none is lost, a full queue makes the sender wait. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/pair.h"

static int unix_datagram_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    (void)shape;
    return lab_pair_open(SOCK_DGRAM, ret_link);
}

static const struct lab_transport transport = {
    .capabilities =
        LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_CARRIES_FDS | LAB_POLLABLE | LAB_UNRELATED | LAB_MANY_PEERS,
    .transfer_bytes = 128 * 1024,
    .open = unix_datagram_open,
    .join = lab_pair_join,
    .send = lab_pair_send,
    .receive = lab_pair_receive,
    .close = lab_pair_close,
};

static void show(struct lab_stage *stage)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    _fd_cleanup_ int server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    _fd_cleanup_ int client = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    _fd_cleanup_ int second = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char bytes[16] = {0};
    long queued = 0;

    snprintf(name.sun_path, sizeof(name.sun_path), "%s/datagrams", lab_stage_directory(stage));
    lab_say(stage, "A server binds a name; anybody may send to it, without a connection.");
    if (bind(server, (struct sockaddr *)&name, sizeof(name)) < 0) {
        lab_claim(stage, false, "bind: %s", strerror(errno));
        return;
    }
    (void)!sendto(client, "one", 3, 0, (struct sockaddr *)&name, sizeof(name));
    (void)!sendto(second, "two", 3, 0, (struct sockaddr *)&name, sizeof(name));
    lab_claim(stage, recv(server, bytes, sizeof(bytes), 0) == 3 && recv(server, bytes, sizeof(bytes), 0) == 3,
              "two clients, two messages, one socket");
    while (sendto(client, "more", 4, MSG_DONTWAIT, (struct sockaddr *)&name, sizeof(name)) == 4)
        queued++;
    lab_claim(stage, errno == EAGAIN && queued > 0,
              "%ld messages wait (net.unix.max_dgram_qlen and one); then the sender would block, nothing is lost",
              queued);
    lab_pitfall(stage, "The name stays when the server is gone.");
    fd_close(&server);
    ssize_t sent = sendto(client, "x", 1, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&name, sizeof(name));
    lab_claim(stage, sent < 0 && errno == ECONNREFUSED, "sending to it says ECONNREFUSED");
    server = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    lab_claim(stage, bind(server, (struct sockaddr *)&name, sizeof(name)) < 0 && errno == EADDRINUSE,
              "and a new server cannot bind it: EADDRINUSE");
    unlink(name.sun_path);
    lab_claim(stage, bind(server, (struct sockaddr *)&name, sizeof(name)) == 0, "after unlink() it can");
    unlink(name.sun_path);
}

LAB_ENTRY(entry, .name = "unix-datagram", .family = "sockets", .summary = "messages to a name, without a connection",
          .pitfall = "a server's name outlives it", .claimed_messages_ms = 612, .transport = &transport, .show = show);
