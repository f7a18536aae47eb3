/* message_ring.h - the last messages exchanged with one peer, kept for the report of its end.
 *
 * Plain memory, no I/O, nothing of a message's content. Each way has a ring of its own, so that a peer that floods
 * cannot push out what it was asked; messages alike in a row (same type, same request) are one entry with a count.
 */
#ifndef BULKHEAD_MESSAGE_RING_H
#define BULKHEAD_MESSAGE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/violation.h"

enum {
    MESSAGE_RING_WAYS = 2,
    MESSAGE_RING_ENTRIES = 24, /* each way: a document's whole opening, or a few frames of a scene */
    MESSAGE_RING_LISTED = MESSAGE_RING_WAYS * MESSAGE_RING_ENTRIES,
};

struct message_ring_entry {
    bool is_upward;           // from the peer
    unsigned type;            // oneof field number; 0 = refused before its type was known
    enum violation violation; // why it was refused
    uint64_t request_id;
    uint64_t at_ns; // CLOCK_MONOTONIC, of the last of them
    uint64_t count; // how many in a row
    uint64_t bytes; // of the last of them
    uint32_t fds;
};

/* All zero is empty. */
struct message_ring {
    struct message_ring_way {
        size_t next, count;
        struct message_ring_entry entries[MESSAGE_RING_ENTRIES];
    } ways[MESSAGE_RING_WAYS];
};

/* Copies the entry; its count is one message. */
void message_ring_add(struct message_ring *ring, const struct message_ring_entry *entry);
/* The last message from the peer was refused: is_unread when it could not even be unpacked and was not added. */
void message_ring_refuse(struct message_ring *ring, enum violation violation, bool is_unread, uint64_t now_ns);
/* Both ways, oldest first. Returns how many. */
size_t message_ring_list(const struct message_ring *ring, struct message_ring_entry ret_entries[MESSAGE_RING_LISTED]);

#endif
