/* nng.c - nng from its package, as it comes, over a Unix socket (ipc://): a pair of sockets, threads behind each. */
#include "demo/lab/entry.h"

#ifdef LAB_HAVE_NNG
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdio.h>
#include <stdlib.h>

struct lab_link {
    char address[160];
    nng_socket socket;
    bool is_open; // after join
};

static int nng_error(int code)
{
    return code == 0 ? 0 : (code & NNG_ESYSERR) ? -(code & ~NNG_ESYSERR) : -EIO;
}

static int nng_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = calloc(1, sizeof(*link));

    if (link == NULL)
        return -ENOMEM;
    snprintf(link->address, sizeof(link->address), "ipc://%s/nng", shape->directory);
    *ret_link = link;
    return 0;
}

/* Whoever dials before the other listens tries again, every millisecond. */
static int nng_join(struct lab_link *link, enum lab_side side)
{
    int rc = nng_pair0_open(&link->socket);

    if (rc != 0)
        return nng_error(rc);
    link->is_open = true;
    nng_socket_set_ms(link->socket, NNG_OPT_RECONNMINT, 1);
    rc = side == LAB_LEFT ? nng_listen(link->socket, link->address, NULL, 0)
                          : nng_dial(link->socket, link->address, NULL, NNG_FLAG_NONBLOCK);
    return nng_error(rc);
}

/* Its API takes what is sent as not const, and copies it. */
static int nng_send_message(struct lab_link *link, const void *data, size_t size_bytes)
{
    return nng_error(nng_send(link->socket, (void *)(uintptr_t)data, size_bytes, 0));
}

static int nng_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    size_t length = size_bytes;
    int rc = nng_recv(link->socket, data, &length, 0);

    return rc != 0 ? nng_error(rc) : length == size_bytes ? 0 : -EBADMSG;
}

static void nng_close_link(struct lab_link *link)
{
    if (link == NULL)
        return;
    if (link->is_open)
        nng_close(link->socket);
    free(link);
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_POLLABLE | LAB_UNRELATED | LAB_CROSSES_HOSTS,
    .transfer_bytes = 64 * 1024,
    .open = nng_open,
    .join = nng_join,
    .send = nng_send_message,
    .receive = nng_receive,
    .close = nng_close_link,
};
#define MISSING NULL
#else
static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_POLLABLE | LAB_UNRELATED | LAB_CROSSES_HOSTS,
};
#define MISSING "libnng-dev"
#endif

LAB_ENTRY(entry, .name = "nng", .family = "libraries", .summary = "nng's pair sockets, by ipc://", .missing = MISSING,
          .transport = &transport);
