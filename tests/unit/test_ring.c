/* test_ring.c - the shared-memory ring: order, wrapping, full and empty, and a producer or consumer that lies. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/ring.h"

enum { CAPACITY = 4096, MANY = 200000 };

struct fixture {
    struct ring_memory *memory;
    struct ring_producer producer;
    struct ring_consumer consumer;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->memory = aligned_alloc(RING_LINE_BYTES, ring_memory_bytes(CAPACITY));
    memset(fixture->memory, 0, ring_memory_bytes(CAPACITY));
    ring_producer_init(&fixture->producer, fixture->memory, CAPACITY);
    ring_consumer_init(&fixture->consumer, fixture->memory, CAPACITY);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    free(fixture->memory);
    free(fixture);
    return 0;
}

static enum ring_result push(struct fixture *fixture, const void *data, size_t size_bytes)
{
    unsigned char *payload;
    enum ring_result result = ring_producer_push(&fixture->producer, size_bytes, &payload);

    if (result == RING_OK)
        memcpy(payload, data, size_bytes);
    return result;
}

static void frames_of_every_size_come_out_as_they_went_in(void **state)
{
    struct fixture *fixture = *state;
    unsigned char in[1020], out[1020];
    size_t length;

    for (size_t size = 0; size <= ring_largest_frame(CAPACITY); size++) {
        memset(in, (int)(size & 0xff), sizeof(in));
        assert_int_equal(push(fixture, in, size), RING_OK);
        ring_producer_publish(&fixture->producer);
        assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_OK);
        assert_int_equal(length, size);
        assert_memory_equal(in, out, size);
        ring_consumer_release(&fixture->consumer);
    }
}

static void nothing_is_visible_before_it_is_published(void **state)
{
    struct fixture *fixture = *state;
    char out[16];
    size_t length;

    assert_int_equal(push(fixture, "one", 3), RING_OK);
    assert_int_equal(push(fixture, "two", 3), RING_OK);
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_EMPTY);
    ring_producer_publish(&fixture->producer);
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_OK);
    assert_memory_equal(out, "one", 3);
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_OK);
    assert_memory_equal(out, "two", 3);
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_EMPTY);
}

static void a_full_ring_says_so_until_space_is_given_back(void **state)
{
    struct fixture *fixture = *state;
    char frame[100] = {0}, out[100];
    size_t length;

    while (push(fixture, frame, sizeof(frame)) == RING_OK)
        continue;
    ring_producer_publish(&fixture->producer);
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_OK);
    assert_int_equal(push(fixture, frame, sizeof(frame)), RING_FULL);
    ring_consumer_release(&fixture->consumer);
    assert_int_equal(push(fixture, frame, sizeof(frame)), RING_OK);
}

static void a_frame_larger_than_the_largest_is_never_taken(void **state)
{
    struct fixture *fixture = *state;
    unsigned char *payload;

    assert_int_equal(ring_producer_push(&fixture->producer, ring_largest_frame(CAPACITY) + 1, &payload), RING_FULL);
    assert_int_equal(ring_producer_push(&fixture->producer, SIZE_MAX, &payload), RING_FULL);
}

static void a_sleeper_is_to_be_woken_once(void **state)
{
    struct fixture *fixture = *state;
    char out[16];
    size_t length;

    assert_true(ring_consumer_sleeps(&fixture->consumer));
    assert_int_equal(push(fixture, "x", 1), RING_OK);
    assert_true(ring_producer_publish(&fixture->producer));
    assert_int_equal(push(fixture, "y", 1), RING_OK);
    assert_false(ring_producer_publish(&fixture->producer));
    assert_false(ring_consumer_sleeps(&fixture->consumer)); /* there is something */
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_OK);
}

static void a_producer_that_sleeps_is_woken_by_space(void **state)
{
    struct fixture *fixture = *state;
    char frame[1000] = {0}, out[1000];
    size_t length;

    while (push(fixture, frame, sizeof(frame)) == RING_OK)
        continue;
    ring_producer_publish(&fixture->producer);
    assert_true(ring_producer_sleeps(&fixture->producer, sizeof(frame)));
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_OK);
    assert_true(ring_consumer_release(&fixture->consumer));
    assert_false(ring_producer_sleeps(&fixture->producer, sizeof(frame)));
}

/* Every word of the memory is the producer's to write; whatever it holds, the consumer refuses or copies within it. */
static void a_lying_producer_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static const uint64_t tails[] = {1, 4, 7, CAPACITY + 8, UINT64_MAX, UINT64_MAX - 7, 1ull << 63};
    static const uint32_t lengths[] = {0xfffffffe, 0xffffffff, CAPACITY, CAPACITY / 4, 61, 1u << 31};
    unsigned char out[CAPACITY];
    size_t length;

    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        ring_consumer_init(&fixture->consumer, fixture->memory, CAPACITY);
        fixture->memory->tail = tails[i];
        assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_CORRUPT);
    }
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        ring_consumer_init(&fixture->consumer, fixture->memory, CAPACITY);
        fixture->memory->tail = 64;
        memcpy(fixture->memory->data, &lengths[i], sizeof(lengths[i]));
        assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_CORRUPT);
    }
}

static void a_frame_larger_than_the_readers_room_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char out[8];
    size_t length;

    assert_int_equal(push(fixture, "more than eight", 15), RING_OK);
    ring_producer_publish(&fixture->producer);
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_CORRUPT);
}

static void a_lying_consumer_frees_nothing(void **state)
{
    struct fixture *fixture = *state;
    char frame[1000] = {0};

    while (push(fixture, frame, sizeof(frame)) == RING_OK)
        continue;
    ring_producer_publish(&fixture->producer);
    fixture->memory->head = fixture->producer.published + 8;
    assert_int_equal(push(fixture, frame, sizeof(frame)), RING_CORRUPT);
    fixture->memory->head = UINT64_MAX;
    assert_int_equal(push(fixture, frame, sizeof(frame)), RING_CORRUPT);
}

static void what_is_written_after_the_copy_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    char out[16] = {0};
    size_t length;

    assert_int_equal(push(fixture, "honest", 6), RING_OK);
    ring_producer_publish(&fixture->producer);
    assert_int_equal(ring_consumer_pop(&fixture->consumer, out, sizeof(out), &length), RING_OK);
    memset(fixture->memory->data, 0xff, CAPACITY);
    assert_int_equal(length, 6);
    assert_memory_equal(out, "honest", 6);
}

static void *produce(void *userdata)
{
    struct fixture *fixture = userdata;

    for (uint32_t i = 0; i < MANY; i++) {
        uint32_t frame[40] = {i};
        size_t size = sizeof(uint32_t) * (1 + i % 40);
        while (push(fixture, frame, size) == RING_FULL)
            ring_producer_publish(&fixture->producer);
        if (i % 7 == 0)
            ring_producer_publish(&fixture->producer);
    }
    ring_producer_publish(&fixture->producer);
    return NULL;
}

static void two_threads_lose_and_reorder_nothing(void **state)
{
    struct fixture *fixture = *state;
    uint32_t frame[40];
    pthread_t producer;
    size_t length;

    assert_int_equal(pthread_create(&producer, NULL, produce, fixture), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        enum ring_result result;
        while ((result = ring_consumer_pop(&fixture->consumer, frame, sizeof(frame), &length)) == RING_EMPTY)
            ring_consumer_release(&fixture->consumer);
        assert_int_equal(result, RING_OK);
        assert_int_equal(frame[0], i);
        assert_int_equal(length, sizeof(uint32_t) * (1 + i % 40));
        ring_consumer_release(&fixture->consumer);
    }
    pthread_join(producer, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_of_every_size_come_out_as_they_went_in, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_visible_before_it_is_published, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_ring_says_so_until_space_is_given_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_frame_larger_than_the_largest_is_never_taken, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sleeper_is_to_be_woken_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_producer_that_sleeps_is_woken_by_space, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lying_producer_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_frame_larger_than_the_readers_room_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lying_consumer_frees_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_written_after_the_copy_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(two_threads_lose_and_reorder_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
