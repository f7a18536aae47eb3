#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker/output/page_size.h"
#include "common/limits.h"

struct sample {
    float dpi;
    uint32_t width_px, height_px;
    float rotate_deg;
    float page_width_pt, page_height_pt;
    uint32_t expected_width_px, expected_height_px;
};

/* What `mutool draw` (1.21.1; -r, -w, -h, -R) made of PDFs with these page sizes. dpi 0 without a width or height:
 * -r 96. */
static const struct sample samples[] = {
    {300, 333, 0, 33, 419.53f, 297.64f, 334, 310},
    {0, 640, 768, 90, 612.0f, 792.0f, 640, 495},
    {300, 0, 768, 180, 595.276f, 841.89f, 544, 768},
    {60, 0, 0, 33, 289.472f, 1303.839f, 795, 1043},
    {73, 0, 0, 0, 612.0f, 792.0f, 621, 803},
    {300, 0, 0, 90, 99.999f, 33.001f, 138, 417},
    {72, 1024, 0, 0, 595.32f, 841.92f, 596, 842},
    {0, 333, 480, 0, 99.999f, 33.001f, 333, 110},
    {72, 0, 768, 33, 478.738f, 1231.407f, 638, 768},
    {72, 1024, 0, 45, 612.0f, 792.0f, 994, 993},
    {0, 0, 777, 90, 612.0f, 792.0f, 1006, 777},
    {150, 640, 777, 180, 196.15f, 384.208f, 397, 777},
    {219, 640, 480, 0, 419.53f, 297.64f, 640, 455},
    {150, 333, 480, 0, 595.276f, 841.89f, 333, 471},
    {72, 640, 480, 0, 99.999f, 33.001f, 100, 33},
    {72, 1024, 0, 0, 419.53f, 297.64f, 420, 298},
    {0, 333, 480, 180, 139.818f, 908.961f, 74, 480},
    {0, 1024, 480, 90, 612.0f, 792.0f, 622, 480},
    {181, 1024, 0, 0, 595.276f, 841.89f, 1024, 1449},
    {0, 1024, 777, 0, 663.142f, 240.883f, 1024, 372},
    {300, 640, 768, 180, 1464.491f, 691.239f, 640, 303},
    {96, 333, 0, 33, 595.276f, 841.89f, 334, 359},
    {150, 333, 777, 270, 1304.342f, 286.578f, 171, 777},
    {150, 0, 480, 270, 595.32f, 841.92f, 679, 480},
    {87, 640, 480, 0, 847.785f, 1009.095f, 404, 480},
    {72, 640, 480, 33, 99.999f, 33.001f, 102, 83},
    {72, 640, 480, 45, 419.53f, 297.64f, 481, 480},
    {72, 640, 777, 0, 419.53f, 297.64f, 420, 298},
    {72, 0, 768, 0, 595.32f, 841.92f, 544, 768},
    {96, 640, 777, 180, 99.999f, 33.001f, 134, 45},
    {96, 333, 0, 90, 595.276f, 841.89f, 333, 236},
    {96, 0, 0, 0, 419.53f, 297.64f, 560, 397},
    {0, 333, 0, 45, 595.276f, 841.89f, 334, 333},
    {150, 0, 0, 270, 99.999f, 33.001f, 69, 209},
    {124, 0, 777, 270, 595.32f, 841.92f, 1099, 777},
    {72, 333, 777, 270, 595.32f, 841.92f, 333, 236},
    {96, 1024, 777, 270, 595.32f, 841.92f, 1024, 725},
    {96, 0, 0, 0, 711.859f, 252.028f, 950, 337},
    {0, 640, 777, 0, 612.0f, 792.0f, 601, 777},
    {96, 1024, 0, 33, 99.999f, 33.001f, 136, 110},
};

static void sizes_are_those_of_mutool_draw(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        const struct sample *s = &samples[i];
        struct page_size_request request = {s->dpi, s->width_px, s->height_px, s->rotate_deg};
        struct page_size_bounds bounds = {0, 0, s->page_width_pt, s->page_height_pt};
        struct page_size size;
        assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_OK);
        if (size.width_px != s->expected_width_px || size.height_px != s->expected_height_px)
            fail_msg("sample %zu: %ux%u, not %ux%u", i, size.width_px, size.height_px, s->expected_width_px,
                     s->expected_height_px);
    }
}

static void a_width_alone_keeps_the_shape(void **state)
{
    struct page_size_request request = {.width_px = 1000};
    struct page_size_bounds bounds = {0, 0, 500, 250};
    struct page_size size;
    (void)state;
    assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_OK);
    assert_int_equal(size.width_px, 1000);
    assert_int_equal(size.height_px, 500);
    assert_true(size.scale == 2.0f);
}

static void bounds_need_not_start_at_zero(void **state)
{
    struct page_size_request request = {.dpi = 72};
    struct page_size_bounds bounds = {-100.5f, 10, 100.5f, 20};
    struct page_size size;
    (void)state;
    assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_OK);
    assert_int_equal(size.width_px, 202);
    assert_int_equal(size.height_px, 10);
}

static void too_large_tells_the_size_and_a_dpi_that_fits(void **state)
{
    struct page_size_request request = {.dpi = 96};
    struct page_size_bounds bounds = {0, 0, 100000, 100000};
    struct page_size size;
    (void)state;
    assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_TOO_LARGE);
    assert_int_equal(size.width_px, 133334);
    assert_int_equal(size.height_px, 133334);
    request.dpi = (float)page_size_largest_dpi(&bounds, 0);
    assert_int_equal(request.dpi, 11);
    assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_OK);
    request.dpi++;
    assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_TOO_LARGE);
}

static void area_is_limited_as_well_as_edges(void **state)
{
    struct page_size_request request = {.dpi = 72};
    struct page_size_bounds bounds = {0, 0, 16001, 16001};
    struct page_size size;
    (void)state;
    assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_TOO_LARGE);
    bounds = (struct page_size_bounds){0, 0, 16000, 16000};
    assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_OK);
    bounds = (struct page_size_bounds){0, 0, FRAME_EDGE_PX + 1, 1};
    assert_int_equal(page_size_compute(&request, &bounds, &size), PAGE_SIZE_TOO_LARGE);
}

static void pages_without_area_or_numbers_are_empty(void **state)
{
    struct page_size_request request = {.dpi = 72};
    const struct page_size_bounds bad[] = {
        {0, 0, 0, 10},     {0, 0, 10, 0},        {10, 0, 10, 10},        {0, 0, NAN, 10},
        {0, NAN, 10, NAN}, {0, 0, INFINITY, 10}, {-INFINITY, 0, 10, 10}, {0, 0, 1e-30f, 1e-30f},
    };
    struct page_size size;
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        enum page_size_result result = page_size_compute(&request, &bad[i], &size);
        if (result == PAGE_SIZE_OK)
            fail_msg("bounds %zu made %ux%u", i, size.width_px, size.height_px);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_those_of_mutool_draw),
        cmocka_unit_test(a_width_alone_keeps_the_shape),
        cmocka_unit_test(bounds_need_not_start_at_zero),
        cmocka_unit_test(too_large_tells_the_size_and_a_dpi_that_fits),
        cmocka_unit_test(area_is_limited_as_well_as_edges),
        cmocka_unit_test(pages_without_area_or_numbers_are_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
