#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/frame_layout.h"

static void header_fits_before_the_first_buffer(void **state)
{
    (void)state;
    assert_true(sizeof(struct frame_header) <= FRAME_DATA_OFFSET);
}

static void makes_strides_that_hold_a_row_and_are_valid(void **state)
{
    (void)state;
    for (uint32_t width = 1; width <= FRAME_EDGE_PX; width += width < 300 ? 1 : 997) {
        struct frame_geometry geometry;

        assert_true(frame_geometry_make(width, 7, 1 + width % FRAME_BUFFERS, &geometry));
        assert_int_equal(geometry.stride_bytes % 4, 0);
        assert_in_range(geometry.stride_bytes, width * 3, width * 3 + 3);
        assert_true(frame_geometry_is_valid(&geometry));
    }
}

static void takes_the_largest_sizes_and_nothing_beyond(void **state)
{
    struct frame_geometry geometry;

    (void)state;
    assert_true(frame_geometry_make(FRAME_EDGE_PX, 1, 1, &geometry));
    assert_true(frame_geometry_make(1, FRAME_EDGE_PX, 1, &geometry));
    assert_true(frame_geometry_is_valid(&geometry));
    assert_true(frame_geometry_make(16000, 16000, 3, &geometry));
    assert_true(frame_geometry_is_valid(&geometry));
    assert_false(frame_geometry_make(16001, 16000, 1, &geometry));
    assert_false(frame_geometry_make(FRAME_EDGE_PX + 1, 1, 1, &geometry));
    assert_false(frame_geometry_make(1, FRAME_EDGE_PX + 1, 1, &geometry));
    assert_false(frame_geometry_make(UINT32_MAX, UINT32_MAX, 1, &geometry));
    assert_false(frame_geometry_make(0, 1, 1, &geometry));
    assert_false(frame_geometry_make(1, 0, 1, &geometry));
    assert_false(frame_geometry_make(1, 1, 0, &geometry));
    assert_false(frame_geometry_make(1, 1, FRAME_BUFFERS + 1, &geometry));
}

static void leaves_the_result_alone_when_it_refuses(void **state)
{
    struct frame_geometry geometry = {.width_px = 77};

    (void)state;
    assert_false(frame_geometry_make(0, 5, 1, &geometry));
    assert_int_equal(geometry.width_px, 77);
}

static void refuses_strides_that_do_not_fit(void **state)
{
    struct frame_geometry geometry;

    (void)state;
    assert_true(frame_geometry_make(100, 100, 1, &geometry));
    geometry.stride_bytes = 296;
    assert_false(frame_geometry_is_valid(&geometry)); /* shorter than a row */
    geometry.stride_bytes = 301;
    assert_false(frame_geometry_is_valid(&geometry)); /* no multiple of 4 */
    geometry.stride_bytes = 320;
    assert_true(frame_geometry_is_valid(&geometry)); /* padded */
    geometry.stride_bytes = UINT32_MAX - 3;
    assert_false(frame_geometry_is_valid(&geometry)); /* more memory than any frame */
}

static void buffers_lie_on_pages_one_behind_the_other_and_fill_the_memory(void **state)
{
    struct frame_geometry geometry;

    (void)state;
    assert_true(frame_geometry_make(801, 601, 3, &geometry));
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(frame_buffer_offset(&geometry, i) % 4096, 0);
        assert_int_equal(frame_buffer_offset(&geometry, i), FRAME_DATA_OFFSET + i * frame_buffer_bytes(&geometry));
    }
    assert_true(frame_buffer_bytes(&geometry) >= (size_t)geometry.stride_bytes * 601);
    assert_true(frame_buffer_bytes(&geometry) < (size_t)geometry.stride_bytes * 601 + 4096);
    assert_int_equal(frame_memory_bytes(&geometry), frame_buffer_offset(&geometry, 2) + frame_buffer_bytes(&geometry));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_fits_before_the_first_buffer),
        cmocka_unit_test(makes_strides_that_hold_a_row_and_are_valid),
        cmocka_unit_test(takes_the_largest_sizes_and_nothing_beyond),
        cmocka_unit_test(leaves_the_result_alone_when_it_refuses),
        cmocka_unit_test(refuses_strides_that_do_not_fit),
        cmocka_unit_test(buffers_lie_on_pages_one_behind_the_other_and_fill_the_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
