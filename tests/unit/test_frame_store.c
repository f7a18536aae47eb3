/* Frame memory from the broker's side, with this test as the renderer: latest wins, lent buffers stay, lies are caught.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/document/frame_store.h"
#include "common/fd.h"

struct fixture {
    struct frame_store *store;
    struct frame_geometry geometry;
    uint8_t *memory; // the renderer's mapping
    size_t size;
    int fd;
    uint32_t generation, sequence;
    int fds_before;
};

static int make(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->fds_before = fd_count_open();
    assert_int_equal(frame_store_create(&f->store), 0);
    assert_true(frame_geometry_make(40, 30, 3, &f->geometry));
    assert_int_equal(frame_store_resize(f->store, &f->geometry, &f->fd, &f->generation), 0);
    f->size = frame_memory_bytes(&f->geometry);
    f->memory = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
    assert_ptr_not_equal(f->memory, MAP_FAILED);
    *state = f;
    return 0;
}

static int unmake(void **state)
{
    struct fixture *f = *state;
    munmap(f->memory, f->size);
    close(f->fd);
    frame_store_destroy(f->store);
    int leaked = fd_count_open() - f->fds_before;
    free(f);
    return leaked;
}

/* Paints `value` into the buffer as an honest renderer does. */
static void paint(struct fixture *f, uint32_t buffer, uint8_t value)
{
    struct frame_header *header = (struct frame_header *)(void *)f->memory;
    header->buffers[buffer].begin++;
    memset(f->memory + frame_buffer_offset(&f->geometry, buffer), value,
           f->geometry.stride_bytes * f->geometry.height_px);
    header->buffers[buffer].end++;
}

static enum violation ready(struct fixture *f, uint32_t buffer, uint32_t released[FRAME_BUFFERS], uint32_t *count,
                            bool *is_stale)
{
    Bulkhead__FrameReady message = BULKHEAD__FRAME_READY__INIT;
    message.generation = f->generation;
    message.buffer = buffer;
    message.sequence = ++f->sequence;
    const struct frame facts = {0};
    return frame_store_accept(f->store, &message, &facts, released, count, is_stale);
}

static void the_latest_wins_and_the_one_before_goes_back(void **state)
{
    struct fixture *f = *state;
    uint32_t released[FRAME_BUFFERS], count;
    bool is_stale;
    assert_null(frame_store_latest(f->store));
    paint(f, 0, 11);
    assert_int_equal(ready(f, 0, released, &count, &is_stale), VIOLATION_NONE);
    assert_int_equal(count, 0);
    assert_int_equal(frame_store_latest(f->store)->pixels[0], 11);
    paint(f, 1, 22);
    assert_int_equal(ready(f, 1, released, &count, &is_stale), VIOLATION_NONE);
    assert_int_equal(count, 1);
    assert_int_equal(released[0], 0);
    assert_int_equal(frame_store_latest(f->store)->pixels[0], 22);
}

static void a_lent_buffer_stays_until_it_is_returned(void **state)
{
    struct fixture *f = *state;
    uint32_t released[FRAME_BUFFERS], count, generation, buffer;
    bool is_stale;
    ready(f, 0, released, &count, &is_stale);
    const struct frame *lent = frame_store_borrow(f->store);
    ready(f, 1, released, &count, &is_stale);
    assert_int_equal(count, 0);
    assert_int_equal(ready(f, 0, released, &count, &is_stale), VIOLATION_BAD_BUFFER); /* it is not the renderer's */
    assert_true(frame_store_return(f->store, lent, &generation, &buffer));
    assert_int_equal(buffer, 0);
    assert_int_equal(generation, f->generation);
    assert_int_equal(ready(f, 0, released, &count, &is_stale), VIOLATION_NONE);
}

static void returning_the_latest_gives_nothing_back(void **state)
{
    struct fixture *f = *state;
    uint32_t released[FRAME_BUFFERS], count, generation, buffer;
    bool is_stale;
    ready(f, 2, released, &count, &is_stale);
    const struct frame *lent = frame_store_borrow(f->store);
    assert_false(frame_store_return(f->store, lent, &generation, &buffer));
    assert_non_null(frame_store_latest(f->store));
}

static void lies_about_buffers_sequence_damage_and_generation_are_named(void **state)
{
    struct fixture *f = *state;
    uint32_t released[FRAME_BUFFERS], count;
    bool is_stale;
    const struct frame facts = {0};
    assert_int_equal(ready(f, 3, released, &count, &is_stale), VIOLATION_BAD_BUFFER);
    assert_int_equal(ready(f, 0, released, &count, &is_stale), VIOLATION_NONE);
    f->sequence = 0;
    assert_int_equal(ready(f, 1, released, &count, &is_stale), VIOLATION_BAD_SEQUENCE);
    Bulkhead__FrameReady message = BULKHEAD__FRAME_READY__INIT;
    message.generation = f->generation + 1;
    message.sequence = 100;
    assert_int_equal(frame_store_accept(f->store, &message, &facts, released, &count, &is_stale),
                     VIOLATION_BAD_GEOMETRY);
    const uint32_t bad[][4] = {{39, 0, 2, 1}, {0, 30, 1, 1}, {UINT32_MAX, 0, 2, 1}, {0, 0, UINT32_MAX, 1}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        Bulkhead__Rect rect = BULKHEAD__RECT__INIT, *list[] = {&rect};
        rect.x_px = bad[i][0];
        rect.y_px = bad[i][1];
        rect.width_px = bad[i][2];
        rect.height_px = bad[i][3];
        message.generation = f->generation;
        message.buffer = 1;
        message.n_damage = 1;
        message.damage = list;
        assert_int_equal(frame_store_accept(f->store, &message, &facts, released, &count, &is_stale),
                         VIOLATION_BAD_GEOMETRY);
    }
}

static void the_memory_is_sealed_against_its_size_changing(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ftruncate(f->fd, 0), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(f->fd, (off_t)f->size * 2), -1);
    assert_int_equal(fcntl(f->fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void writing_to_a_buffer_the_broker_holds_is_seen(void **state)
{
    struct fixture *f = *state;
    uint32_t released[FRAME_BUFFERS], count;
    bool is_stale;
    uint8_t copy[40 * 3 * 30];
    paint(f, 0, 1);
    ready(f, 0, released, &count, &is_stale);
    assert_true(frame_copy(frame_store_latest(f->store), f->store, copy, 40 * 3));
    assert_int_equal(copy[sizeof copy - 1], 1);
    assert_int_equal(frame_store_torn(f->store), 0);
    paint(f, 0, 2);
    assert_false(frame_copy(frame_store_latest(f->store), f->store, copy, 40 * 3));
    assert_int_equal(frame_store_torn(f->store), 1);
}

static void the_last_frame_outlives_resize_and_renderer(void **state)
{
    struct fixture *f = *state;
    uint32_t released[FRAME_BUFFERS], count, generation;
    bool is_stale;
    int fd;
    paint(f, 0, 77);
    ready(f, 0, released, &count, &is_stale);
    const struct frame *lent = frame_store_borrow(f->store);
    frame_store_detach(f->store);
    struct frame_geometry smaller;
    assert_false(frame_store_geometry(f->store, &smaller));
    assert_true(frame_geometry_make(8, 8, 3, &smaller));
    assert_int_equal(frame_store_resize(f->store, &smaller, &fd, &generation), 0);
    close(fd);
    assert_int_equal(generation, f->generation + 1);
    assert_int_equal(frame_store_latest(f->store)->pixels[0], 77);
    assert_int_equal(frame_store_latest(f->store)->geometry.width_px, 40);
    f->sequence = 0;
    assert_int_equal(ready(f, 1, released, &count, &is_stale), VIOLATION_NONE); /* late frame of the old memory */
    assert_true(is_stale);
    uint32_t old_generation, buffer;
    assert_false(frame_store_return(f->store, lent, &old_generation, &buffer));
    f->generation = generation;
    assert_int_equal(ready(f, 1, released, &count, &is_stale), VIOLATION_NONE);
    assert_int_equal(count, 0);
    assert_int_equal(frame_store_latest(f->store)->geometry.width_px, 8);
}

static void refuses_sizes_no_picture_has(void **state)
{
    struct fixture *f = *state;
    struct frame_geometry bad = {.width_px = 100, .height_px = 100, .stride_bytes = 100, .buffer_count = 3};
    int fd;
    uint32_t generation;
    assert_int_equal(frame_store_resize(f->store, &bad, &fd, &generation), -EOVERFLOW);
    assert_false(frame_geometry_make(100000, 100000, 3, &bad));
    assert_false(frame_geometry_make(0, 1, 3, &bad));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_latest_wins_and_the_one_before_goes_back, make, unmake),
        cmocka_unit_test_setup_teardown(a_lent_buffer_stays_until_it_is_returned, make, unmake),
        cmocka_unit_test_setup_teardown(returning_the_latest_gives_nothing_back, make, unmake),
        cmocka_unit_test_setup_teardown(lies_about_buffers_sequence_damage_and_generation_are_named, make, unmake),
        cmocka_unit_test_setup_teardown(the_memory_is_sealed_against_its_size_changing, make, unmake),
        cmocka_unit_test_setup_teardown(writing_to_a_buffer_the_broker_holds_is_seen, make, unmake),
        cmocka_unit_test_setup_teardown(the_last_frame_outlives_resize_and_renderer, make, unmake),
        cmocka_unit_test_setup_teardown(refuses_sizes_no_picture_has, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
