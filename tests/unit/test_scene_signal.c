/* Sweeps through shared memory: in order, once, whole; and what becomes of a reader whose writer is hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "renderer/engine/scene_signal.h"

enum { GUARD_BYTES = 4096, SWEEPS_OF_A_THREAD = 20000, HOSTILE_ROUNDS = 3000 };

/* The ring between two pages that nobody may touch, at its very end: what reads past it faults. */
struct bench {
    uint8_t *memory;
    struct sweep_ring *ring;
    struct scene_signal writer, reader;
    struct scene_signal_reader place;
    struct scene_sweep sweeps[SWEEP_SLOTS];
};

static const size_t bench_bytes = SWEEP_RING_BYTES + 2 * GUARD_BYTES;

static int make_bench(void **state)
{
    static struct bench bench;
    uint8_t *memory = mmap(NULL, bench_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    size_t offset = (SWEEP_RING_BYTES - sizeof(struct sweep_ring)) & ~(size_t)63;

    if (memory == MAP_FAILED || mprotect(memory + GUARD_BYTES, SWEEP_RING_BYTES, PROT_READ | PROT_WRITE) < 0)
        return -1;
    bench = (struct bench){.memory = memory, .ring = (void *)(memory + GUARD_BYTES + offset)};
    bench.writer = (struct scene_signal){BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER, bench.ring};
    bench.reader = (struct scene_signal){BULKHEAD__NAVIGATE__SHARED_BUFFER__READER, bench.ring};
    *state = &bench;
    return 0;
}

static int remove_bench(void **state)
{
    struct bench *bench = *state;

    return munmap(bench->memory, bench_bytes);
}

/* All samples are `value`. */
static uint64_t write_flat(struct scene_signal *writer, int16_t value)
{
    int16_t samples[SWEEP_SAMPLES];

    for (int i = 0; i < SWEEP_SAMPLES; i++)
        samples[i] = value;
    return scene_signal_write(writer, samples, 1000u + (unsigned)value);
}

static void assert_flat(const struct scene_sweep *sweep, int16_t value)
{
    assert_int_equal(sweep->written_ns, 1000u + (unsigned)value);
    for (int i = 0; i < SWEEP_SAMPLES; i++)
        assert_int_equal(sweep->samples[i], value);
}

static unsigned look(struct bench *bench)
{
    unsigned count = scene_signal_read(&bench->reader, &bench->place, bench->sweeps);

    assert_true(count <= SWEEP_SLOTS);
    return count;
}

static void what_is_written_is_read_in_order_and_once(void **state)
{
    struct bench *bench = *state;

    assert_int_equal(look(bench), 0);
    for (int16_t value = 1; value <= 3; value++)
        assert_int_equal(write_flat(&bench->writer, value), value);
    assert_int_equal(look(bench), 3);
    for (int16_t value = 1; value <= 3; value++) {
        assert_int_equal(bench->sweeps[value - 1].number, value);
        assert_flat(&bench->sweeps[value - 1], value);
    }
    assert_int_equal(look(bench), 0);
    for (int16_t value = 4; value < 4 + SWEEP_SLOTS; value++)
        write_flat(&bench->writer, value);
    assert_int_equal(look(bench), SWEEP_SLOTS);
    assert_flat(&bench->sweeps[SWEEP_SLOTS - 1], 3 + SWEEP_SLOTS);
    assert_int_equal(bench->place.missed + bench->place.torn, 0);
}

static void one_who_comes_late_gets_the_newest_and_has_missed_nothing(void **state)
{
    struct bench *bench = *state;

    for (int16_t value = 1; value <= 30; value++)
        write_flat(&bench->writer, value);
    assert_int_equal(look(bench), 1);
    assert_flat(&bench->sweeps[0], 30);
    assert_int_equal(bench->place.missed + bench->place.torn, 0);
}

static void what_was_overwritten_before_it_was_read_is_counted(void **state)
{
    struct bench *bench = *state;

    look(bench);
    for (int16_t value = 1; value <= SWEEP_SLOTS + 5; value++)
        write_flat(&bench->writer, value);
    assert_int_equal(look(bench), SWEEP_SLOTS);
    assert_flat(&bench->sweeps[0], 6);
    assert_int_equal(bench->place.missed, 5);
    assert_int_equal(bench->place.torn, 0);
}

static void a_sweep_under_the_pen_is_left_out_and_counted(void **state)
{
    struct bench *bench = *state;

    look(bench);
    for (int16_t value = 1; value <= 3; value++)
        write_flat(&bench->writer, value);
    bench->ring->slots[2].ticket++; /* as it is while sweep 2 is written, and stays if the writer dies of it */
    assert_int_equal(look(bench), 2);
    assert_flat(&bench->sweeps[0], 1);
    assert_flat(&bench->sweeps[1], 3);
    assert_int_equal(bench->place.torn, 1);
}

static void the_next_writer_goes_on_where_the_last_one_died(void **state)
{
    struct bench *bench = *state;

    look(bench);
    write_flat(&bench->writer, 1);
    bench->ring->slots[2].ticket = 5; /* in the middle of sweep 2, which was not published */
    assert_int_equal(look(bench), 1);
    assert_int_equal(write_flat(&bench->writer, 2), 2);
    assert_int_equal(look(bench), 1);
    assert_flat(&bench->sweeps[0], 2);
    assert_int_equal(bench->place.missed + bench->place.torn, 0);
}

static void numbers_that_end_begin_anew(void **state)
{
    struct bench *bench = *state;

    bench->ring->latest = UINT64_MAX - 1;
    look(bench);
    assert_true(write_flat(&bench->writer, 1) == UINT64_MAX);
    assert_int_equal(look(bench), 1);
    assert_int_equal(write_flat(&bench->writer, 2), 1); /* 0 is for "none yet" */
    look(bench);
    for (int16_t value = 3; value <= 5; value++)
        write_flat(&bench->writer, value);
    assert_int_equal(look(bench), 3);
    assert_flat(&bench->sweeps[2], 5);
}

/* Publishes flat sweeps as fast as it can, each of another value than the one it overwrites. */
static void *write_many(void *argument)
{
    struct bench *bench = argument;

    for (int i = 0; i < SWEEPS_OF_A_THREAD; i++)
        write_flat(&bench->writer, (int16_t)(i % 1000));
    return NULL;
}

static void no_torn_sweep_is_ever_taken_for_a_whole_one(void **state)
{
    struct bench *bench = *state;
    uint64_t seen = 0;
    pthread_t thread;

    look(bench);
    assert_int_equal(pthread_create(&thread, NULL, write_many, bench), 0);
    while (bench->place.latest < SWEEPS_OF_A_THREAD) {
        unsigned count = look(bench);
        for (unsigned i = 0; i < count; i++)
            assert_flat(&bench->sweeps[i], (int16_t)((bench->sweeps[i].number - 1) % 1000));
        seen += count;
    }
    pthread_join(thread, NULL);
    assert_int_equal(seen + bench->place.missed + bench->place.torn, SWEEPS_OF_A_THREAD);
    assert_true(seen > 0);
}

static void scribble(struct bench *bench, uint32_t *random)
{
    uint32_t *words = (uint32_t *)(void *)bench->ring;

    for (size_t i = 0; i < sizeof(struct sweep_ring) / sizeof(*words); i++)
        words[i] = *random = *random * 1664525 + 1013904223;
}

static void whatever_stands_there_a_look_is_short_and_stays_within(void **state)
{
    static const uint64_t numbers[] = {0, 1, 7, 8, 1ull << 32, 1ull << 63, UINT64_MAX - 8, UINT64_MAX - 1, UINT64_MAX};
    enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
    struct bench *bench = *state;
    uint32_t random = 7;

    for (unsigned round = 0; round < HOSTILE_ROUNDS; round++) {
        scribble(bench, &random);
        uint64_t latest = round % 3 ? numbers[random % NUMBERS] + random / NUMBERS % 9 : bench->ring->latest;
        bench->ring->latest = latest;
        for (unsigned i = 0; i < SWEEP_SLOTS; i++)
            if (random >> i & 1)
                bench->ring->slots[(latest - i) & (SWEEP_SLOTS - 1)].ticket = 2 * (latest - i);
        look(bench);
    }
    assert_int_equal(look(bench), 0); /* nothing new */
}

static void who_has_no_end_neither_reads_nor_writes(void **state)
{
    struct bench *bench = *state;
    struct scene_signal none = {0}, taken = {BULKHEAD__NAVIGATE__SHARED_BUFFER__TAKEN, NULL};

    write_flat(&bench->writer, 1);
    assert_int_equal(write_flat(&none, 2), 0);
    assert_int_equal(write_flat(&taken, 2), 0);
    assert_int_equal(write_flat(&bench->reader, 2), 0);
    assert_int_equal(scene_signal_read(&none, &bench->place, bench->sweeps), 0);
    assert_int_equal(scene_signal_read(&taken, &bench->place, bench->sweeps), 0);
    assert_int_equal(scene_signal_read(&bench->writer, &bench->place, bench->sweeps), 0);
    assert_int_equal(look(bench), 1);
    assert_flat(&bench->sweeps[0], 1);
}

static void what_cannot_be_mapped_is_said(void **state)
{
    struct scene_signal signal = {0};

    (void)state;
    assert_int_equal(scene_signal_map(&signal, BULKHEAD__NAVIGATE__SHARED_BUFFER__READER, -1), -EBADF);
    assert_null(signal.ring);
    assert_int_equal(scene_signal_map(&signal, BULKHEAD__NAVIGATE__SHARED_BUFFER__TAKEN, -1), 0);
    assert_null(signal.ring);
    scene_signal_unmap(&signal);
}

#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, make_bench, remove_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(what_is_written_is_read_in_order_and_once),
        ON_A_BENCH(one_who_comes_late_gets_the_newest_and_has_missed_nothing),
        ON_A_BENCH(what_was_overwritten_before_it_was_read_is_counted),
        ON_A_BENCH(a_sweep_under_the_pen_is_left_out_and_counted),
        ON_A_BENCH(the_next_writer_goes_on_where_the_last_one_died),
        ON_A_BENCH(numbers_that_end_begin_anew),
        ON_A_BENCH(no_torn_sweep_is_ever_taken_for_a_whole_one),
        ON_A_BENCH(whatever_stands_there_a_look_is_short_and_stays_within),
        ON_A_BENCH(who_has_no_end_neither_reads_nor_writes),
        cmocka_unit_test(what_cannot_be_mapped_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
