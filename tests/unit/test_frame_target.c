/* The renderer's side of frame memory, against a memfd as the broker makes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "renderer/frame_target.h"

static struct frame_geometry geometry_of(uint32_t width_px, uint32_t height_px, uint32_t buffers)
{
    struct frame_geometry geometry;

    assert_true(frame_geometry_make(width_px, height_px, buffers, &geometry));
    return geometry;
}

static int memfd_for(const struct frame_geometry *geometry)
{
    int fd = memfd_create("frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)frame_memory_bytes(geometry)), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
    return fd;
}

static int setup(void **state)
{
    static struct frame_target target;

    frame_target_init(&target);
    *state = &target;
    return 0;
}

static int teardown(void **state)
{
    frame_target_fini(*state);
    return 0;
}

static void has_no_buffer_before_the_first_resize(void **state)
{
    assert_int_equal(frame_target_find_free(*state), -EAGAIN);
    assert_false(frame_target_release(*state, 0, 0));
}

static void hands_out_each_buffer_once(void **state)
{
    struct frame_geometry geometry = geometry_of(10, 10, 2);

    assert_int_equal(frame_target_resize(*state, memfd_for(&geometry), 5, &geometry), 0);
    assert_int_equal(frame_target_find_free(*state), 0);
    frame_target_hand_out(*state, 0);
    assert_int_equal(frame_target_find_free(*state), 1);
    frame_target_hand_out(*state, 1);
    assert_int_equal(frame_target_find_free(*state), -EAGAIN);
    assert_true(frame_target_release(*state, 5, 0));
    assert_int_equal(frame_target_find_free(*state), 0);
}

static void ignores_releases_that_make_no_sense(void **state)
{
    struct frame_geometry geometry = geometry_of(10, 10, 2);

    assert_int_equal(frame_target_resize(*state, memfd_for(&geometry), 5, &geometry), 0);
    frame_target_hand_out(*state, 0);
    assert_false(frame_target_release(*state, 4, 0)); /* of the memory before */
    assert_false(frame_target_release(*state, 5, 1)); /* not handed out */
    assert_false(frame_target_release(*state, 5, 2)); /* beyond the count */
    assert_false(frame_target_release(*state, 5, 4000000000u));
    assert_int_equal(frame_target_find_free(*state), 1);
}

static void frees_every_buffer_with_new_memory(void **state)
{
    struct frame_geometry small = geometry_of(10, 10, 1), large = geometry_of(300, 200, 1);

    assert_int_equal(frame_target_resize(*state, memfd_for(&small), 1, &small), 0);
    frame_target_hand_out(*state, 0);
    assert_int_equal(frame_target_resize(*state, memfd_for(&large), 2, &large), 0);
    assert_int_equal(frame_target_find_free(*state), 0);
    assert_false(frame_target_release(*state, 1, 0));
}

static void refuses_a_geometry_that_does_not_fit_together(void **state)
{
    struct frame_geometry geometry = geometry_of(10, 10, 1);
    int fds = fd_count_open(), fd = memfd_for(&geometry);

    geometry.stride_bytes = 8;
    assert_int_equal(frame_target_resize(*state, fd, 1, &geometry), -EINVAL);
    assert_int_equal(frame_target_find_free(*state), -EAGAIN);
    assert_int_equal(fd_count_open(), fds); /* taken, on failure too */
}

static void keeps_no_memory_when_mapping_fails(void **state)
{
    struct frame_geometry geometry = geometry_of(10, 10, 1);

    assert_int_equal(frame_target_resize(*state, -1, 1, &geometry), -EBADF);
    assert_int_equal(frame_target_find_free(*state), -EAGAIN);
}

static void marks_a_buffer_for_as_long_as_it_is_written(void **state)
{
    struct frame_geometry geometry = geometry_of(10, 10, 2);
    _fd_cleanup_ int fd = memfd_for(&geometry);
    const struct frame_header *header = mmap(NULL, frame_memory_bytes(&geometry), PROT_READ, MAP_SHARED, fd, 0);
    uint8_t *pixels;

    assert_int_equal(frame_target_resize(*state, fcntl(fd, F_DUPFD_CLOEXEC, 0), 1, &geometry), 0);
    for (uint32_t round = 1; round <= 3; round++) {
        pixels = frame_target_begin(*state, 1);
        assert_int_equal(header->buffers[1].begin, round);
        assert_int_equal(header->buffers[1].end, round - 1);
        pixels[0] = (uint8_t)round;
        frame_target_end(*state, 1);
        assert_int_equal(header->buffers[1].end, round);
        assert_int_equal(((const uint8_t *)header)[frame_buffer_offset(&geometry, 1)], round);
    }
    assert_int_equal(header->buffers[0].begin, 0);
    munmap((void *)(uintptr_t)header, frame_memory_bytes(&geometry));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(has_no_buffer_before_the_first_resize),         CASE(hands_out_each_buffer_once),
        CASE(ignores_releases_that_make_no_sense),           CASE(frees_every_buffer_with_new_memory),
        CASE(refuses_a_geometry_that_does_not_fit_together), CASE(keeps_no_memory_when_mapping_fails),
        CASE(marks_a_buffer_for_as_long_as_it_is_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
