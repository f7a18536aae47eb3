/* channel.h - one end of a SOCK_SEQPACKET socketpair that carries protobuf envelopes and, downwards only, fds.
 *
 * Owns its socket and its queue. Never blocks (but for channel_receive_waiting()), never exits, never calls back: the
 * owner polls channel_fd() and calls channel_receive() and channel_flush(). One thread may receive while another sends.
 * Messages queued between two flushes share packets of frames [u32 little-endian length][protobuf]; a message with fds
 * travels in a packet of its own, so an fd can never be taken for another message's. What arrives is scanned (codec.h)
 * before it is unpacked; the receiver checks state and ids.
 *
 * Return values: 0 fine; < 0 is -errno, our own failure; > 0 a named condition of the peer (enum channel_result).
 */
#ifndef BULKHEAD_CHANNEL_H
#define BULKHEAD_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/codec.h"
#include "common/counters.h"
#include "common/limits.h"
#include "common/violation.h"

enum channel_result {
    CHANNEL_OK = 0,
    CHANNEL_EMPTY = 1,     /* receive: nothing to read now */
    CHANNEL_END = 2,       /* receive: the peer is gone and everything it sent was read */
    CHANNEL_VIOLATION = 3, /* receive: channel_violation() says what; the channel is dead */
    CHANNEL_FULL = 4,      /* send: the queue's cap is reached; the message was dropped and counted */
    CHANNEL_PENDING = 5,   /* flush: the socket is full; poll for EPOLLOUT */
};

enum channel_side { CHANNEL_BROKER, CHANNEL_RENDERER };

struct channel;

/* A received message. The envelope lives until the next channel_receive(); fds belong to the message until taken
 * (channel_message_take_fd); the next channel_receive() closes those that were left. */
struct channel_message {
    struct channel *channel; // owns the fds until they are taken; NULL in a message that a test made by hand
    const struct codec *codec;
    union {
        const Bulkhead__ToRenderer *to_renderer;
        const Bulkhead__ToBroker *to_broker;
        const ProtobufCMessage *envelope;
    };
    unsigned type;        /* oneof field number */
    const uint8_t *bytes; /* as it arrived, size_bytes of them; NULL in a message that a test made by hand */
    size_t size_bytes;
    uint64_t received_ns;
    size_t n_fds;
    int fds[CHANNEL_MESSAGE_FDS];
};

/* A CLOEXEC SEQPACKET socketpair; the broker's end is non-blocking by itself as well. With `refuse_fds` the broker's
 * end refuses fds from its peer (SO_PASSRIGHTS=0) where the kernel can (6.16); channel_refuses_fds() says whether. 0 or
 * -errno. */
int channel_socketpair(bool refuse_fds, int *ret_broker_fd, int *ret_renderer_fd);
/* 0 if the kernel refuses fds on the way to this socket, -EPERM if it lets them through, -ENOPROTOOPT if it is too old
 * to refuse any, or another -errno. */
int channel_refuses_fds(int fd);

/* Takes fd. The broker side sends ToRenderer and receives ToBroker without fds; the renderer side the reverse.
 * `counters` is borrowed and may be NULL; latency is the receiver's to add, once it has checked sent_ns. */
int channel_create(int fd, enum channel_side side, struct counters *counters, struct channel **ret_channel);
/* Closes the socket and drops what is queued. Takes NULL. */
void channel_destroy(struct channel *channel);

int channel_fd(const struct channel *channel);

/* Queues one envelope (ToRenderer on the broker's side, ToBroker on the renderer's; sent_ns is filled in here). Takes
 * the fds, on failure too. Bytes and elements beyond limits.h are not clipped here: the peer would call them a
 * violation. CHANNEL_OK, CHANNEL_FULL, or -errno (-EMSGSIZE: larger than CHANNEL_MESSAGE_BYTES). */
int channel_send(struct channel *channel, ProtobufCMessage *envelope, int *fds, size_t n_fds);

/* Writes what is queued. CHANNEL_OK when all is written (or the peer is gone: receive will tell), CHANNEL_PENDING, or
 * -errno (-ETOOMANYREFS, -EPERM: the kernel will not carry these fds to this peer; what was queued stays queued). */
int channel_flush(struct channel *channel);
bool channel_wants_flush(const struct channel *channel);

/* The next message. CHANNEL_OK with *ret_message filled, CHANNEL_EMPTY, CHANNEL_END, CHANNEL_VIOLATION, or -errno.
 * Reads on through ECONNRESET: on SEQPACKET a peer that died with unread input yields ECONNRESET first and its last
 * messages after it (measured on 6.18). */
int channel_receive(struct channel *channel, struct channel_message *ret_message);

/* The same for a renderer with nothing else to wait for: sleeps where channel_receive() would say CHANNEL_EMPTY, which
 * saves a poll for each packet. The socket must be a renderer's end of channel_socketpair(). */
int channel_receive_waiting(struct channel *channel, struct channel_message *ret_message);

/* Whether a packet already read still holds messages: poll will not report those. */
bool channel_has_buffered(const struct channel *channel);

/* Why the last receive said CHANNEL_VIOLATION. */
enum violation channel_violation(const struct channel *channel);

/* The packet's bytes from the frame on that could not be read, header first; 0 if the packet was refused as a whole.
 * Valid until the channel is destroyed. */
size_t channel_refused(const struct channel *channel, const uint8_t **ret_bytes);

/* Moves fd `index` out of the message; the caller owns it. -1 if it was taken already. */
int channel_message_take_fd(struct channel_message *message, size_t index);

#endif
