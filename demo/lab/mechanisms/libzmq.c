/* libzmq.c - ZeroMQ from its package, as it comes, over a Unix socket (ipc://): a pair of sockets, an I/O thread each.
 */
#include "demo/lab/entry.h"

#ifdef LAB_HAVE_ZMQ
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

struct lab_link {
    char address[160];
    void *context, *socket; // made after the fork: neither survives one
};

static int libzmq_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = calloc(1, sizeof(*link));

    if (link == NULL)
        return -ENOMEM;
    snprintf(link->address, sizeof(link->address), "ipc://%s/zmq", shape->directory);
    *ret_link = link;
    return 0;
}

/* Whoever connects before the other listens tries again, every millisecond. */
static int libzmq_join(struct lab_link *link, enum lab_side side)
{
    const int at_once = 0, soon_ms = 1;
    int rc;

    link->context = zmq_ctx_new();
    link->socket = link->context != NULL ? zmq_socket(link->context, ZMQ_PAIR) : NULL;
    if (link->socket == NULL)
        return -zmq_errno();
    zmq_setsockopt(link->socket, ZMQ_LINGER, &at_once, sizeof(at_once));
    zmq_setsockopt(link->socket, ZMQ_RECONNECT_IVL, &soon_ms, sizeof(soon_ms));
    rc = side == LAB_LEFT ? zmq_bind(link->socket, link->address) : zmq_connect(link->socket, link->address);
    return rc < 0 ? -zmq_errno() : 0;
}

static int libzmq_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    return zmq_send(link->socket, data, size_bytes, 0) < 0 ? -zmq_errno() : 0;
}

static int libzmq_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    int length = zmq_recv(link->socket, data, size_bytes, 0);

    return length < 0 ? -zmq_errno() : length == (int)size_bytes ? 0 : -EBADMSG;
}

/* The process that opened it may have joined no side. */
static void libzmq_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    if (link->socket != NULL)
        zmq_close(link->socket);
    if (link->context != NULL)
        zmq_ctx_term(link->context);
    free(link);
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_POLLABLE | LAB_UNRELATED | LAB_CROSSES_HOSTS,
    .transfer_bytes = 64 * 1024,
    .open = libzmq_open,
    .join = libzmq_join,
    .send = libzmq_send,
    .receive = libzmq_receive,
    .close = libzmq_close,
};
#define MISSING NULL
#else
static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_POLLABLE | LAB_UNRELATED | LAB_CROSSES_HOSTS,
};
#define MISSING "libzmq3-dev"
#endif

LAB_ENTRY(entry, .name = "libzmq", .family = "libraries", .summary = "ZeroMQ's pair sockets, by ipc://",
          .missing = MISSING, .transport = &transport);
