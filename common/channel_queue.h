/* channel_queue.h - frames that wait for their socket: one channel's outgoing bytes and the fds that go with some of
 * them.
 *
 * Private to channel.c. A frame is [u32 little-endian length][protobuf]; frames lie one behind the other, so that a
 * packet is a stretch of this memory and nothing is copied to coalesce. Owns the fds until their packet is popped.
 */
#ifndef BULKHEAD_CHANNEL_QUEUE_H
#define BULKHEAD_CHANNEL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"

enum { CHANNEL_FRAME_HEADER_BYTES = 4 };

/* The fds of one frame. */
struct channel_queue_fds {
    size_t offset; // of the frame in channel_queue::memory
    size_t n_fds;
    int fds[CHANNEL_MESSAGE_FDS];
};

struct channel_queue {
    unsigned char *memory; // CHANNEL_QUEUE_BYTES, touched only as far as it was ever filled
    size_t start, end;     // what is queued
    struct channel_queue_fds with_fds[CHANNEL_QUEUE_FDS]; // oldest first
    size_t n_with_fds, n_fds;
};

/* What the next sendmsg carries. Borrowed from the queue until channel_queue_pop() or _push(). */
struct channel_packet {
    const unsigned char *data;
    size_t size_bytes;
    const int *fds;
    size_t n_fds;
};

int channel_queue_init(struct channel_queue *queue); /* 0 or -ENOMEM */
void channel_queue_fini(struct channel_queue *queue);

/* Where the next message will lie if it fits there, and how many bytes there are: who knows a message's size only once
 * it is written writes it there, and then pushes it. */
size_t channel_queue_room(const struct channel_queue *queue, unsigned char **ret_message);

/* Room for a message, header written: the caller fills size_bytes there, at once. NULL when the queue is full; the fds
 * are taken only if it is not. */
unsigned char *channel_queue_push(struct channel_queue *queue, size_t size_bytes, int *fds, size_t n_fds);

/* False when nothing is queued. */
bool channel_queue_peek(const struct channel_queue *queue, struct channel_packet *ret_packet);
/* Drops the packet that was peeked and closes its fds. */
void channel_queue_pop(struct channel_queue *queue, const struct channel_packet *packet);
void channel_queue_clear(struct channel_queue *queue);

#endif
