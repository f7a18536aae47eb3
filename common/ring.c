#include "common/ring.h"

#include <string.h>

/* Stands for "the rest of the memory up to its end is unused, go on at the beginning". */
#define WRAP_MARK 0xffffffffu

size_t ring_memory_bytes(uint64_t capacity)
{
    return sizeof(struct ring_memory) + capacity;
}

size_t ring_largest_frame(uint64_t capacity)
{
    return capacity / 4 - RING_FRAME_HEADER_BYTES;
}

static uint64_t frame_bytes(size_t size_bytes)
{
    return (RING_FRAME_HEADER_BYTES + size_bytes + RING_FRAME_ALIGN - 1) & ~(uint64_t)(RING_FRAME_ALIGN - 1);
}

void ring_producer_init(struct ring_producer *producer, struct ring_memory *memory, uint64_t capacity)
{
    *producer = (struct ring_producer){.memory = memory, .capacity = capacity};
}

void ring_consumer_init(struct ring_consumer *consumer, struct ring_memory *memory, uint64_t capacity)
{
    *consumer = (struct ring_consumer){.memory = memory, .capacity = capacity};
}

/* Bytes that a frame takes from where the tail stands, the unused end of the memory included. */
static uint64_t bytes_needed(const struct ring_producer *producer, size_t size_bytes)
{
    uint64_t to_the_end = producer->capacity - (producer->tail & (producer->capacity - 1));
    uint64_t frame = frame_bytes(size_bytes);

    return frame <= to_the_end ? frame : to_the_end + frame;
}

/* An index of the consumer's that lies outside of what was published is a lie, and is not taken. */
static enum ring_result find_room(struct ring_producer *producer, uint64_t needed)
{
    if (producer->tail + needed - producer->head_cached <= producer->capacity)
        return RING_OK;
    uint64_t head = __atomic_load_n(&producer->memory->head, __ATOMIC_ACQUIRE);
    if (head < producer->head_cached || head > producer->published)
        return RING_CORRUPT;
    producer->head_cached = head;
    return producer->tail + needed - head <= producer->capacity ? RING_OK : RING_FULL;
}

static void write_length(struct ring_producer *producer, uint32_t length)
{
    memcpy(producer->memory->data + (producer->tail & (producer->capacity - 1)), &length, sizeof(length));
}

enum ring_result ring_producer_push(struct ring_producer *producer, size_t size_bytes, unsigned char **ret_payload)
{
    if (size_bytes > ring_largest_frame(producer->capacity))
        return RING_FULL;
    uint64_t needed = bytes_needed(producer, size_bytes), frame = frame_bytes(size_bytes);
    enum ring_result result = find_room(producer, needed);
    if (result != RING_OK)
        return result;
    if (needed != frame) {
        write_length(producer, WRAP_MARK);
        producer->tail += needed - frame;
    }
    write_length(producer, (uint32_t)size_bytes);
    *ret_payload = producer->memory->data + (producer->tail & (producer->capacity - 1)) + RING_FRAME_HEADER_BYTES;
    producer->tail += frame;
    return RING_OK;
}

/* The fences pair with those in the ..._sleeps() functions: either the sleeper sees the index, or we see its mark. */
static bool take_mark(uint32_t *mark)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return __atomic_load_n(mark, __ATOMIC_RELAXED) != 0 && __atomic_exchange_n(mark, 0, __ATOMIC_RELAXED) != 0;
}

static void set_mark(uint32_t *mark)
{
    __atomic_store_n(mark, 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

bool ring_producer_publish(struct ring_producer *producer)
{
    if (producer->published == producer->tail)
        return false;
    __atomic_store_n(&producer->memory->tail, producer->tail, __ATOMIC_RELEASE);
    producer->published = producer->tail;
    return take_mark(&producer->memory->consumer_sleeps);
}

bool ring_producer_sleeps(struct ring_producer *producer, size_t size_bytes)
{
    set_mark(&producer->memory->producer_sleeps);
    if (find_room(producer, bytes_needed(producer, size_bytes)) == RING_FULL)
        return true;
    ring_producer_woke(producer);
    return false;
}

void ring_producer_woke(struct ring_producer *producer)
{
    __atomic_store_n(&producer->memory->producer_sleeps, 0, __ATOMIC_RELAXED);
}

/* Read once: the other side may write it again while we look. */
static uint32_t length_at(const struct ring_consumer *consumer, uint64_t index)
{
    const unsigned char *at = consumer->memory->data + (index & (consumer->capacity - 1));

    return __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED);
}

static bool find_frame(struct ring_consumer *consumer)
{
    if (consumer->head == consumer->tail_cached)
        consumer->tail_cached = __atomic_load_n(&consumer->memory->tail, __ATOMIC_ACQUIRE);
    return consumer->head != consumer->tail_cached;
}

/* What lies between the indices must be no more than the ring, and whole frames. */
static enum ring_result read_length(struct ring_consumer *consumer, uint32_t *ret_length)
{
    uint64_t available = consumer->tail_cached - consumer->head;
    uint64_t to_the_end = consumer->capacity - (consumer->head & (consumer->capacity - 1));
    uint32_t length;

    if (available > consumer->capacity || available % RING_FRAME_ALIGN != 0)
        return RING_CORRUPT;
    length = length_at(consumer, consumer->head);
    if (length == WRAP_MARK) {
        if (to_the_end >= available) /* a wrap is followed by a frame */
            return RING_CORRUPT;
        consumer->head += to_the_end;
        available -= to_the_end;
        to_the_end = consumer->capacity;
        length = length_at(consumer, 0);
    }
    if (length > ring_largest_frame(consumer->capacity) || frame_bytes(length) > available ||
        frame_bytes(length) > to_the_end)
        return RING_CORRUPT;
    *ret_length = length;
    return RING_OK;
}

enum ring_result ring_consumer_peek(struct ring_consumer *consumer, const unsigned char **ret_payload,
                                    size_t *ret_size_bytes)
{
    uint32_t length;

    if (!find_frame(consumer))
        return RING_EMPTY;
    enum ring_result result = read_length(consumer, &length);
    if (result != RING_OK)
        return result;
    *ret_payload = consumer->memory->data + (consumer->head & (consumer->capacity - 1)) + RING_FRAME_HEADER_BYTES;
    *ret_size_bytes = length;
    consumer->head += frame_bytes(length);
    return RING_OK;
}

enum ring_result ring_consumer_pop(struct ring_consumer *consumer, void *out, size_t out_bytes, size_t *ret_size_bytes)
{
    const unsigned char *payload;
    size_t size_bytes;
    enum ring_result result = ring_consumer_peek(consumer, &payload, &size_bytes);

    if (result != RING_OK)
        return result;
    if (size_bytes > out_bytes)
        return RING_CORRUPT;
    memcpy(out, payload, size_bytes);
    *ret_size_bytes = size_bytes;
    return RING_OK;
}

bool ring_consumer_release(struct ring_consumer *consumer)
{
    if (consumer->published == consumer->head)
        return false;
    __atomic_store_n(&consumer->memory->head, consumer->head, __ATOMIC_RELEASE);
    consumer->published = consumer->head;
    return take_mark(&consumer->memory->producer_sleeps);
}

bool ring_consumer_sleeps(struct ring_consumer *consumer)
{
    set_mark(&consumer->memory->consumer_sleeps);
    if (!find_frame(consumer))
        return true;
    ring_consumer_woke(consumer);
    return false;
}

void ring_consumer_woke(struct ring_consumer *consumer)
{
    __atomic_store_n(&consumer->memory->consumer_sleeps, 0, __ATOMIC_RELAXED);
}
