#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/output/yuv.h"

struct colour {
    uint8_t rgb[3], yuv[3];
};

/* BT.601, 8 bits, limited range: the published values of 100 % colour bars. */
static const struct colour bars[] = {
    {{255, 255, 255}, {235, 128, 128}}, {{255, 255, 0}, {210, 16, 146}},  {{0, 255, 255}, {170, 166, 16}},
    {{0, 255, 0}, {145, 54, 34}},       {{255, 0, 255}, {106, 202, 222}}, {{255, 0, 0}, {81, 90, 240}},
    {{0, 0, 255}, {41, 240, 110}},      {{0, 0, 0}, {16, 128, 128}},
};

static void colour_bars_have_their_published_values(void **state)
{
    const struct yuv_place place = {.width_px = 1, .height_px = 1, .chroma = YUV_444};

    (void)state;
    for (size_t i = 0; i < sizeof(bars) / sizeof(bars[0]); i++) {
        uint8_t yuv[3] = {0};
        yuv_from_rgb(yuv, &place, bars[i].rgb, 1, 1, 4);
        assert_memory_equal(yuv, bars[i].yuv, 3);
    }
}

static void assert_near(uint8_t level, double expected)
{
    if (fabs(level - expected) > 0.51)
        fail_msg("%u is not the level nearest to %f", level, expected);
}

static void every_colour_is_the_level_nearest_to_the_standards_formula(void **state)
{
    const struct yuv_place place = {.width_px = 1, .height_px = 1, .chroma = YUV_444};

    (void)state;
    for (int r = 0; r < 256; r += 5)
        for (int g = 0; g < 256; g += 5)
            for (int b = 0; b < 256; b += 5) {
                const uint8_t rgb[3] = {(uint8_t)r, (uint8_t)g, (uint8_t)b};
                double luma = 0.299 * r / 255 + 0.587 * g / 255 + 0.114 * b / 255;
                uint8_t yuv[3];
                yuv_from_rgb(yuv, &place, rgb, 1, 1, 4);
                assert_near(yuv[0], 16 + 219 * luma);
                assert_near(yuv[1], 128 + 224 * (b / 255.0 - luma) / 1.772);
                assert_near(yuv[2], 128 + 224 * (r / 255.0 - luma) / 1.402);
            }
}

static void every_grey_has_neutral_chroma(void **state)
{
    const struct yuv_place place = {.width_px = 2, .height_px = 2, .chroma = YUV_420};

    (void)state;
    for (int level = 0; level < 256; level++) {
        uint8_t rgb[12], yuv[6];
        memset(rgb, level, sizeof(rgb));
        yuv_from_rgb(yuv, &place, rgb, 2, 2, 6);
        assert_int_equal(yuv[4], 128);
        assert_int_equal(yuv[5], 128);
    }
}

/* Red and blue side by side: chroma in their middle is that of their mean. */
static void chroma_of_four_pixels_is_that_of_their_mean(void **state)
{
    const struct yuv_place whole = {.width_px = 2, .height_px = 2, .chroma = YUV_420};
    const struct yuv_place one = {.width_px = 1, .height_px = 1, .chroma = YUV_444};
    const uint8_t rgb[12] = {255, 0, 0, 0, 0, 255, 1, 0, 0, 0, 0, 1}, mean[3] = {64, 0, 64};
    uint8_t yuv[6], expected[3];

    (void)state;
    yuv_from_rgb(yuv, &whole, rgb, 2, 2, 6);
    yuv_from_rgb(expected, &one, mean, 1, 1, 4);
    assert_int_equal(yuv[0], 81);
    assert_int_equal(yuv[1], 41);
    assert_int_equal(yuv[4], expected[1]);
    assert_int_equal(yuv[5], expected[2]);
}

/* 3 x 3 in 7 x 5, at 2, 2: a last column and row of chroma that stand for two pixels, and for one. */
static void odd_sizes_and_what_is_around_the_picture_are_right(void **state)
{
    enum { W = 7, H = 5, CW = 4, CH = 3 };
    const struct yuv_place place = {.width_px = W, .height_px = H, .chroma = YUV_420, .x_px = 2, .y_px = 2};
    uint8_t rgb[3 * 12], planes[W * H + 2 * CW * CH + 1];

    (void)state;
    assert_int_equal(yuv_frame_bytes(W, H, YUV_420), sizeof(planes) - 1);
    assert_int_equal(yuv_frame_bytes(W, H, YUV_444), 3 * W * H);
    planes[sizeof(planes) - 1] = 0xee;
    yuv_fill_black(planes, W, H, YUV_420);
    for (int i = 0; i < 12; i++)
        memcpy(rgb + (size_t)i * 3, (const uint8_t[]){0, 255, 0}, 3);
    yuv_from_rgb(planes, &place, rgb, 3, 3, 12);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            assert_int_equal(planes[y * W + x], x >= 2 && x < 5 && y >= 2 ? 145 : 16);
    for (int y = 0; y < CH; y++)
        for (int x = 0; x < CW; x++) {
            assert_int_equal(planes[W * H + y * CW + x], (x == 1 || x == 2) && y >= 1 ? 54 : 128);
            assert_int_equal(planes[W * H + CW * CH + y * CW + x], (x == 1 || x == 2) && y >= 1 ? 34 : 128);
        }
    assert_int_equal(planes[sizeof(planes) - 1], 0xee);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colour_bars_have_their_published_values),
        cmocka_unit_test(every_colour_is_the_level_nearest_to_the_standards_formula),
        cmocka_unit_test(every_grey_has_neutral_chroma),
        cmocka_unit_test(chroma_of_four_pixels_is_that_of_their_mean),
        cmocka_unit_test(odd_sizes_and_what_is_around_the_picture_are_right),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
