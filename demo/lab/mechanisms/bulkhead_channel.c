/* bulkhead_channel.c - Bulkhead's own channel: protobuf messages over one seqpacket socket, many in a packet, each one
 * scanned, unpacked and counted by the code that the broker and its renderers use.
 *
 * The left side speaks as a renderer does (a log line's text carries the bytes), the right one as the broker (a URL's).
 * What is queued in one turn of the loop travels together; a turn is so many messages here. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/channel.h"
#include "common/fd.h"
#include "demo/lab/entry.h"

enum {
    TURN_MESSAGES = 60, /* of 1 KB: what fits into a packet */
    /* Nothing larger travels here: a document is handed over as a descriptor, a picture as memory. */
    TRANSFER_BYTES = LIMIT_LOG_TEXT_BYTES,
};

struct lab_link {
    int fds[2]; // the broker's, the renderer's; -1 from join on
    bool is_broker;
    struct channel *channel;
    struct counters counters;
    unsigned queued; // since the last flush
};

static int bulkhead_channel_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = calloc(1, sizeof(*link));
    int rc;

    (void)shape;
    if (link == NULL)
        return -ENOMEM;
    rc = channel_socketpair(true, &link->fds[0], &link->fds[1]);
    if (rc < 0) {
        free(link);
        return rc;
    }
    *ret_link = link;
    return 0;
}

static int bulkhead_channel_join(struct lab_link *link, enum lab_side side)
{
    int fd;

    link->is_broker = side == LAB_RIGHT;
    fd = fd_steal(&link->fds[link->is_broker ? 0 : 1]);
    fd_close_many(link->fds, 2);
    return channel_create(fd, link->is_broker ? CHANNEL_BROKER : CHANNEL_RENDERER, &link->counters, &link->channel);
}

static int wait_for(const struct lab_link *link, short events)
{
    struct pollfd ready = {.fd = channel_fd(link->channel), .events = events};

    return poll(&ready, 1, -1) < 0 && errno != EINTR ? -errno : 0;
}

static int bulkhead_channel_flush(struct lab_link *link)
{
    int rc;

    link->queued = 0;
    while ((rc = channel_flush(link->channel)) == CHANNEL_PENDING) {
        rc = wait_for(link, POLLOUT);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int send_as_renderer(struct lab_link *link, const void *data, size_t size_bytes)
{
    Bulkhead__Log log = BULKHEAD__LOG__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;

    log.text = codec_bytes(data, size_bytes);
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    envelope.log = &log;
    return channel_send(link->channel, &envelope.base, NULL, 0);
}

static int send_as_broker(struct lab_link *link, const void *data, size_t size_bytes)
{
    Bulkhead__Navigate navigate = BULKHEAD__NAVIGATE__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    navigate.url = codec_bytes(data, size_bytes);
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE;
    envelope.navigate = &navigate;
    return channel_send(link->channel, &envelope.base, NULL, 0);
}

static int bulkhead_channel_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    int rc;

    do {
        rc = link->is_broker ? send_as_broker(link, data, size_bytes) : send_as_renderer(link, data, size_bytes);
        if (rc < 0)
            return rc;
        if (rc == CHANNEL_FULL || ++link->queued == TURN_MESSAGES) {
            int flushed = bulkhead_channel_flush(link);
            if (flushed < 0)
                return flushed;
        }
    } while (rc == CHANNEL_FULL);
    return 0;
}

static const ProtobufCBinaryData *bytes_of(const struct lab_link *link, const struct channel_message *message)
{
    if (link->is_broker)
        return message->to_broker->message_case == BULKHEAD__TO_BROKER__MESSAGE_LOG ? &message->to_broker->log->text
                                                                                    : NULL;
    return message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE
               ? &message->to_renderer->navigate->url
               : NULL;
}

/* Each side waits as it does in earnest: a renderer for its broker alone. */
static int await_message(struct lab_link *link, struct channel_message *ret_message)
{
    int rc;

    if (!link->is_broker)
        return channel_receive_waiting(link->channel, ret_message);
    while ((rc = channel_receive(link->channel, ret_message)) == CHANNEL_EMPTY) {
        rc = wait_for(link, POLLIN);
        if (rc < 0)
            return rc;
    }
    return rc;
}

static int bulkhead_channel_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    struct channel_message message;
    int rc = await_message(link, &message);

    if (rc != CHANNEL_OK)
        return rc < 0 ? rc : rc == CHANNEL_END ? -EPIPE : -EBADMSG;
    const ProtobufCBinaryData *bytes = bytes_of(link, &message);
    if (bytes == NULL || bytes->len != size_bytes)
        return -EBADMSG;
    memcpy(data, bytes->data, size_bytes);
    return 0;
}

static void bulkhead_channel_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    channel_destroy(link->channel);
    fd_close_many(link->fds, 2);
    free(link);
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_CARRIES_FDS | LAB_POLLABLE,
    .transfer_bytes = TRANSFER_BYTES,
    .open = bulkhead_channel_open,
    .join = bulkhead_channel_join,
    .send = bulkhead_channel_send,
    .receive = bulkhead_channel_receive,
    .flush = bulkhead_channel_flush,
    .close = bulkhead_channel_close,
};

/* Sends one message from the renderer's end and says what the broker's end makes of it. */
static int pass(struct channel *from, struct channel *to, ProtobufCMessage *envelope, struct channel_message *message)
{
    int rc = channel_send(from, envelope, NULL, 0);

    if (rc == CHANNEL_OK)
        rc = channel_flush(from);
    return rc == CHANNEL_OK ? channel_receive(to, message) : rc;
}

static void show_messages(struct lab_stage *stage, struct channel *broker, struct channel *renderer)
{
    Bulkhead__Log log = BULKHEAD__LOG__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    struct channel_message message;
    char text[LIMIT_LOG_TEXT_BYTES + 1];

    memset(text, 'x', sizeof(text));
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    envelope.log = &log;
    log.text = codec_bytes("painted", 7);
    int rc = pass(renderer, broker, &envelope.base, &message);
    lab_claim(stage, rc == CHANNEL_OK && message.to_broker->log->text.len == 7,
              "a message came, whole, and is known by its name: \"%s\"",
              rc == CHANNEL_OK ? codec_type_name(message.codec, message.type) : "");
    lab_pitfall(stage, "Unpacking is not checking: protobuf takes any length, any doubled or unknown member.");
    log.text = codec_bytes(text, sizeof(text));
    rc = pass(renderer, broker, &envelope.base, &message);
    lab_claim(stage, rc == CHANNEL_VIOLATION,
              "a text one byte over its limit is refused before anything is made of it: %s",
              rc == CHANNEL_VIOLATION ? violation_name(channel_violation(broker)) : "not refused");
    rc = channel_receive(broker, &message);
    lab_claim(stage, rc == CHANNEL_VIOLATION, "and the channel is dead from then on: no second chance");
}

static void show(struct lab_stage *stage)
{
    struct counters counters = {0};
    struct channel *broker = NULL, *renderer = NULL;
    int fds[2];

    lab_say(stage,
            "Envelopes of protobuf, many in one packet of a seqpacket socket, each scanned before it is unpacked.");
    if (channel_socketpair(true, &fds[0], &fds[1]) < 0 ||
        channel_create(fds[0], CHANNEL_BROKER, &counters, &broker) < 0 ||
        channel_create(fds[1], CHANNEL_RENDERER, NULL, &renderer) < 0)
        lab_claim(stage, false, "a channel was made");
    else
        show_messages(stage, broker, renderer);
    channel_destroy(broker);
    channel_destroy(renderer);
}

LAB_ENTRY(entry, .name = "bulkhead-channel", .family = "Bulkhead",
          .summary = "what Bulkhead itself talks by: checked messages, many in a packet",
          .pitfall = "unpacking is not checking", .transport = &transport, .show = show);
