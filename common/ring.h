/* ring.h - messages through shared memory: one producer, one consumer, no lock, no system call while both are awake.
 *
 * The memory holds two indices on cache lines of their own, a sleep flag beside each, and a power of two of bytes with
 * frames [u32 length][payload], each on an 8-byte boundary; a frame never wraps. Indices count bytes and never wrap
 * either. After the single-producer queue of D. Lemire's and M. Thompson's descriptions: each side caches the other's
 * index and reads it anew only when the ring looks full (empty); publishing is a step of its own, so that a batch costs
 * one store that the other core sees.
 *
 * The consumer trusts nothing in the memory: it copies a frame out once and checks indices and lengths on its own copy,
 * so what the producer writes afterwards changes nothing. The producer in turn believes an index only within bounds.
 * Waiting is the owner's: ring_consumer_sleeps() and ring_producer_publish() say who has to be woken, and how
 * (futex, eventfd) is not the ring's concern. Neither side owns the memory.
 */
#ifndef BULKHEAD_RING_H
#define BULKHEAD_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* Two lines: the prefetcher fetches them in pairs. */
    RING_LINE_BYTES = 128,
    RING_FRAME_ALIGN = 8,
    RING_FRAME_HEADER_BYTES = 4,
};

/* What lies in the shared memory; made of zeros. */
struct ring_memory {
    _Alignas(RING_LINE_BYTES) uint64_t tail; // published by the producer
    uint32_t producer_sleeps;
    _Alignas(RING_LINE_BYTES) uint64_t head; // published by the consumer
    uint32_t consumer_sleeps;
    _Alignas(RING_LINE_BYTES) unsigned char data[];
};

enum ring_result {
    RING_OK = 0,
    RING_EMPTY = 1,
    RING_FULL = 2,
    RING_CORRUPT = 3, /* the other side wrote what no honest one would */
};

struct ring_producer {
    struct ring_memory *memory;
    uint64_t capacity;    // of memory->data
    uint64_t tail;        // behind the last frame pushed
    uint64_t published;   // what the consumer can see of it
    uint64_t head_cached; // the consumer's index when it was last read
};

struct ring_consumer {
    struct ring_memory *memory;
    uint64_t capacity;
    uint64_t head;        // of the next frame
    uint64_t published;   // what the producer can see of it
    uint64_t tail_cached; // the producer's index when it was last read
};

/* Bytes of memory for a ring of so many data bytes (a power of two, at least 4096). */
size_t ring_memory_bytes(uint64_t capacity);
/* The largest frame: a quarter of the ring, so that one frame never waits for an empty ring. */
size_t ring_largest_frame(uint64_t capacity);

void ring_producer_init(struct ring_producer *producer, struct ring_memory *memory, uint64_t capacity);
/* Where to write a frame of size_bytes, not yet visible; the caller fills it before it publishes. RING_OK, RING_FULL
 * (also for a frame larger than the largest), or RING_CORRUPT. */
enum ring_result ring_producer_push(struct ring_producer *producer, size_t size_bytes, unsigned char **ret_payload);
/* Makes all frames pushed visible. Whether the consumer sleeps and must be woken; it is then no longer marked so. */
bool ring_producer_publish(struct ring_producer *producer);
/* Marks the producer asleep. False if there is room for size_bytes by now: do not sleep. */
bool ring_producer_sleeps(struct ring_producer *producer, size_t size_bytes);

void ring_consumer_init(struct ring_consumer *consumer, struct ring_memory *memory, uint64_t capacity);
/* Copies the next frame into out. RING_OK with its size, RING_EMPTY, or RING_CORRUPT (an index or a length out of
 * bounds, or a frame larger than out_bytes): nothing more can be read then. */
enum ring_result ring_consumer_pop(struct ring_consumer *consumer, void *out, size_t out_bytes, size_t *ret_size_bytes);
/* The next frame where it lies, for a consumer that trusts the producer; valid until ring_consumer_release(). */
enum ring_result ring_consumer_peek(struct ring_consumer *consumer, const unsigned char **ret_payload,
                                    size_t *ret_size_bytes);
/* Gives the space of all frames taken back. Whether the producer sleeps and must be woken. */
bool ring_consumer_release(struct ring_consumer *consumer);
/* Marks the consumer asleep. False if a frame came meanwhile: do not sleep. */
bool ring_consumer_sleeps(struct ring_consumer *consumer);
/* Takes the mark back: something else woke us. */
void ring_consumer_woke(struct ring_consumer *consumer);
void ring_producer_woke(struct ring_producer *producer);

#endif
