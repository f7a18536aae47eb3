/* tcp.c - a stream of bytes between any two hosts, here over loopback. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/inet.h"
#include "demo/lab/stream.h"

struct lab_link {
    int listener; // until the sides have met
    int fd;
    struct sockaddr_in address;
};

static void tcp_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    fd_close(&link->listener);
    fd_close(&link->fd);
    free(link);
}

static int tcp_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = malloc(sizeof(*link));

    (void)shape;
    if (link == NULL)
        return -ENOMEM;
    link->fd = -1;
    link->listener = lab_inet_bind(SOCK_STREAM, &link->address);
    if (link->listener < 0 || listen(link->listener, 1) < 0) {
        int error = link->listener < 0 ? link->listener : -errno;
        tcp_close(link);
        return error;
    }
    *ret_link = link;
    return 0;
}

static void set_nodelay(int fd, int on)
{
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int tcp_join(struct lab_link *link, enum lab_side side)
{
    if (side == LAB_RIGHT)
        link->fd = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC);
    else
        link->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        return -errno;
    if (side == LAB_LEFT && connect(link->fd, (struct sockaddr *)&link->address, sizeof(link->address)) < 0)
        return -errno;
    set_nodelay(link->fd, 1);
    fd_close(&link->listener);
    return 0;
}

static int tcp_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    return fd_write_all(link->fd, data, size_bytes);
}

static int tcp_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    return lab_stream_read(link->fd, data, size_bytes);
}

static const struct lab_transport transport = {
    .capabilities = LAB_BOTH_WAYS | LAB_POLLABLE | LAB_UNRELATED | LAB_CROSSES_HOSTS,
    .transfer_bytes = 128 * 1024,
    .open = tcp_open,
    .join = tcp_join,
    .send = tcp_send,
    .receive = tcp_receive,
    .close = tcp_close,
};

/* A connection between two sockets of this process. -errno if it cannot be had. */
static int connect_pair(int listener, const struct sockaddr_in *address, int fds[2])
{
    fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    fds[1] = -1;
    if (fds[0] < 0 || connect(fds[0], (const struct sockaddr *)address, sizeof(*address)) < 0)
        return -errno;
    fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    return fds[1] < 0 ? -errno : 0;
}

/* A server that closes its connection first, so that its address stays in TIME_WAIT, and then starts anew there. */
static int serve_twice(int reuse)
{
    struct sockaddr_in address;
    _fd_cleanup_ int first = lab_inet_bind(SOCK_STREAM, &address);
    _fd_cleanup_ int second = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fds[2] = {-1, -1};
    char byte;

    setsockopt(first, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
    if (first < 0 || listen(first, 1) < 0)
        return -EIO;
    int rc = connect_pair(first, &address, fds);
    fd_close(&fds[1]);
    if (rc == 0)
        (void)!read(fds[0], &byte, 1); /* the end: it has closed */
    fd_close(&fds[0]);
    fd_close(&first);
    setsockopt(second, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
    if (rc == 0 && (bind(second, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(second, 1) < 0))
        rc = -errno;
    return rc;
}

static void show_reuse(struct lab_stage *stage)
{
    lab_pitfall(stage, "A server that closes first leaves its address in TIME_WAIT for a minute.");
    lab_claim(stage, serve_twice(0) == -EADDRINUSE, "started again it cannot have its port: EADDRINUSE");
    lab_claim(stage, serve_twice(1) == 0, "with SO_REUSEADDR, set both times, it can");
}

/* Two small writes, then an answer: the second write waits for the first one's acknowledgement unless told not to. */
static double exchange_ms(int fds[2], int nodelay)
{
    enum { EXCHANGES = 8 };
    char bytes[2], answer = 'a';

    set_nodelay(fds[0], nodelay);
    uint64_t start_ns = clock_now_ns();
    for (int i = 0; i < EXCHANGES; i++) {
        if (fd_write_all(fds[0], "h", 1) < 0 || fd_write_all(fds[0], "b", 1) < 0 ||
            lab_stream_read(fds[1], bytes, 2) < 0 || fd_write_all(fds[1], &answer, 1) < 0 ||
            lab_stream_read(fds[0], &answer, 1) < 0)
            return -1;
    }
    return (double)(clock_now_ns() - start_ns) / 1e6 / EXCHANGES;
}

static void show_nodelay(struct lab_stage *stage)
{
    struct sockaddr_in address;
    int listener = lab_inet_bind(SOCK_STREAM, &address), fds[2] = {-1, -1};

    if (listener >= 0 && listen(listener, 1) == 0 && connect_pair(listener, &address, fds) == 0) {
        double slow = exchange_ms(fds, 0), fast = exchange_ms(fds, 1);
        lab_say(stage,
                "A header and a body in two writes, then an answer: Nagle's algorithm holds the body back until");
        lab_say(stage, "the header is acknowledged, and the receiver delays that acknowledgement.");
        lab_number(stage, "an exchange as TCP comes", slow, "ms");
        lab_number(stage, "the same with TCP_NODELAY", fast, "ms");
        lab_claim(stage, slow >= 0 && fast >= 0, "both exchanges came to their end");
    }
    fd_close_many(fds, 2);
    fd_close(&listener);
}

static void show(struct lab_stage *stage)
{
    lab_say(stage, "A connection between any two hosts; reliable, ordered, and a stream like a pipe.");
    show_reuse(stage);
    show_nodelay(stage);
}

LAB_ENTRY(entry, .name = "tcp", .family = "sockets", .summary = "a reliable stream between any two hosts",
          .pitfall = "an address in TIME_WAIT cannot be bound again", .claimed_messages_ms = 1250,
          .claimed_transfer_ms = 1800, .transport = &transport, .show = show);
