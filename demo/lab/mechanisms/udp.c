/* udp.c - datagrams between any two hosts; what does not fit into a queue is lost without a word.
 *
 * As a transport for the benchmark it must lose nothing, or the run could not end: so the sender stops after every
 * window of messages until the receiver has said that it took them, which is the least that programs over UDP do. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/inet.h"

/* Messages of 8 KB are the largest here: with what the kernel adds, so many fit into a receive buffer as it comes. */
enum { WINDOW = 8 };

/* Two connected sockets; one pair carries messages, the other acknowledgements. */
struct socket_pair {
    int fds[2]; // by side
};

struct lab_link {
    struct socket_pair messages, acknowledgements;
    enum lab_side side;
    unsigned sent, received; // since the last acknowledgement
};

static void udp_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    fd_close_many(link->messages.fds, 2);
    fd_close_many(link->acknowledgements.fds, 2);
    free(link);
}

static int pair_open(struct socket_pair *pair)
{
    struct sockaddr_in addresses[2];

    for (int i = 0; i < 2; i++) {
        pair->fds[i] = lab_inet_bind(SOCK_DGRAM, &addresses[i]);
        if (pair->fds[i] < 0)
            return pair->fds[i];
    }
    for (int i = 0; i < 2; i++)
        if (connect(pair->fds[i], (struct sockaddr *)&addresses[1 - i], sizeof(addresses[0])) < 0)
            return -errno;
    return 0;
}

static int udp_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = calloc(1, sizeof(*link));

    (void)shape;
    if (link == NULL)
        return -ENOMEM;
    link->messages = link->acknowledgements = (struct socket_pair){{-1, -1}};
    int rc = pair_open(&link->messages);
    if (rc == 0)
        rc = pair_open(&link->acknowledgements);
    if (rc < 0) {
        udp_close(link);
        return rc;
    }
    *ret_link = link;
    return 0;
}

static int udp_join(struct lab_link *link, enum lab_side side)
{
    link->side = side;
    fd_close(&link->messages.fds[side == LAB_LEFT ? LAB_RIGHT : LAB_LEFT]);
    fd_close(&link->acknowledgements.fds[side == LAB_LEFT ? LAB_RIGHT : LAB_LEFT]);
    return 0;
}

static int udp_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    char acknowledgement;

    if (link->sent == WINDOW) {
        if (recv(link->acknowledgements.fds[link->side], &acknowledgement, 1, 0) != 1)
            return -EBADMSG;
        link->sent = 0;
    }
    if (send(link->messages.fds[link->side], data, size_bytes, 0) != (ssize_t)size_bytes)
        return -errno;
    link->sent++;
    return 0;
}

static int udp_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    ssize_t length = recv(link->messages.fds[link->side], data, size_bytes, MSG_TRUNC);

    if (length != (ssize_t)size_bytes)
        return length < 0 ? -errno : -EBADMSG;
    if (++link->received == WINDOW) {
        link->received = 0;
        if (send(link->acknowledgements.fds[link->side], "a", 1, 0) != 1)
            return -errno;
    }
    return 0;
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_POLLABLE | LAB_UNRELATED | LAB_MANY_PEERS |
                    LAB_CROSSES_HOSTS | LAB_MAY_LOSE,
    .transfer_bytes = 8 * 1024,
    .open = udp_open,
    .join = udp_join,
    .send = udp_send,
    .receive = udp_receive,
    .close = udp_close,
};

/* Sends `count` numbered datagrams without listening to anybody; returns how many came through. */
static long flood(int from, int to, long count)
{
    char datagram[1024] = {0};
    long arrived = 0;

    for (long i = 0; i < count; i++)
        (void)!send(from, datagram, sizeof(datagram), 0);
    while (recv(to, datagram, sizeof(datagram), MSG_DONTWAIT) > 0)
        arrived++;
    return arrived;
}

static void show(struct lab_stage *stage)
{
    enum { DATAGRAMS = 5000 };
    struct lab_shape shape = {.message_bytes = 1024};
    struct lab_link *link;
    char datagram[1024] = {0};
    long arrived, in_windows = 0;
    int rc = udp_open(&shape, &link);

    lab_say(stage, "Datagrams to an address: boundaries are kept, delivery is not promised.");
    if (rc < 0) {
        lab_claim(stage, false, "no sockets on loopback: %s", strerror(-rc));
        return;
    }
    lab_pitfall(stage, "A receiver that does not keep up loses datagrams, and nobody is told.");
    arrived = flood(link->messages.fds[0], link->messages.fds[1], DATAGRAMS);
    lab_number(stage, "sent, each send() a success", DATAGRAMS, "datagrams");
    lab_number(stage, "arrived", (double)arrived, "datagrams");
    lab_claim(stage, arrived > 0 && arrived < DATAGRAMS, "%ld were lost between two sockets of one process",
              DATAGRAMS - arrived);
    for (long i = 0; i < DATAGRAMS; i += WINDOW) {
        for (long k = 0; k < WINDOW && i + k < DATAGRAMS; k++)
            (void)!send(link->messages.fds[0], datagram, sizeof(datagram), 0);
        while (recv(link->messages.fds[1], datagram, sizeof(datagram), MSG_DONTWAIT) > 0)
            in_windows++;
    }
    lab_claim(stage, in_windows == DATAGRAMS, "in windows of %d, each read before the next, all %d arrive", WINDOW,
              DATAGRAMS);
    udp_close(link);
}

LAB_ENTRY(entry, .name = "udp", .family = "sockets", .summary = "datagrams between any two hosts, none promised",
          .pitfall = "what does not fit into the queue is lost without a word", .transport = &transport, .show = show);
