#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/viewer/thumbnail.h"

/* A frame over memory of our own, with a stride wider than its rows. */
static struct frame fake_frame(uint8_t *pixels, uint32_t width_px, uint32_t height_px, uint32_t stride_bytes)
{
    return (struct frame){.geometry = {width_px, height_px, stride_bytes, 1}, .pixels = pixels};
}

static void averages_the_pixels_a_target_covers(void **state)
{
    (void)state;
    uint8_t pixels[2][16] = {{0, 0, 0, 100, 10, 0, 8, 8, 8, 8, 8, 8, 99, 99, 99, 99},
                             {200, 20, 0, 100, 10, 0, 8, 8, 8, 8, 8, 9, 99, 99, 99, 99}};
    struct frame frame = fake_frame(pixels[0], 4, 2, 16);
    struct thumbnail thumbnail = {0};

    assert_int_equal(thumbnail_scale(&thumbnail, &frame, 2, 1), 0);
    static const uint8_t expected[] = {100, 10, 0, 8, 8, 8};
    assert_memory_equal(thumbnail.rgb, expected, sizeof(expected));
    thumbnail_fini(&thumbnail);
}

static void agrees_with_a_plain_box_filter_at_odd_sizes(void **state)
{
    (void)state;
    enum { W = 53, H = 31, STRIDE = 160, TW = 17, TH = 9 };
    static uint8_t pixels[STRIDE * H];
    for (size_t i = 0; i < sizeof(pixels); i++)
        pixels[i] = (uint8_t)(i * 7919 >> 3);
    struct frame frame = fake_frame(pixels, W, H, STRIDE);
    struct thumbnail thumbnail = {0};

    assert_int_equal(thumbnail_scale(&thumbnail, &frame, TW, TH), 0);
    for (int y = 0; y < TH; y++)
        for (int x = 0; x < TW; x++)
            for (int c = 0; c < 3; c++) {
                unsigned sum = 0, count = 0;
                for (int sy = y * H / TH; sy < (y + 1) * H / TH; sy++)
                    for (int sx = x * W / TW; sx < (x + 1) * W / TW; sx++, count++)
                        sum += pixels[sy * STRIDE + sx * 3 + c];
                assert_int_equal(thumbnail.rgb[(y * TW + x) * 3 + c], (sum + count / 2) / count);
            }
    thumbnail_fini(&thumbnail);
}

static void takes_the_nearest_pixel_when_the_frame_is_smaller(void **state)
{
    (void)state;
    uint8_t pixels[8] = {10, 20, 30, 40, 50, 60};
    struct frame frame = fake_frame(pixels, 2, 1, 8);
    struct thumbnail thumbnail = {0};

    assert_int_equal(thumbnail_scale(&thumbnail, &frame, 4, 2), 0);
    static const uint8_t row[] = {10, 20, 30, 10, 20, 30, 40, 50, 60, 40, 50, 60};
    assert_memory_equal(thumbnail.rgb, row, sizeof(row));
    assert_memory_equal(thumbnail.rgb + sizeof(row), row, sizeof(row));
    thumbnail_fini(&thumbnail);
}

static void keeps_a_white_frame_of_any_size_white(void **state)
{
    (void)state;
    enum { EDGE = 4000 };
    uint8_t *pixels = malloc((size_t)EDGE * EDGE * 3);
    memset(pixels, 255, (size_t)EDGE * EDGE * 3);
    struct frame frame = fake_frame(pixels, EDGE, EDGE, EDGE * 3);
    struct thumbnail thumbnail = {0};

    assert_int_equal(thumbnail_scale(&thumbnail, &frame, 1, 2), 0); /* 8 million pixels of 255: sums need 64 bits */
    for (int i = 0; i < 6; i++)
        assert_int_equal(thumbnail.rgb[i], 255);
    thumbnail_fini(&thumbnail);
    free(pixels);
}

static void fits_with_the_frames_proportions(void **state)
{
    (void)state;
    static const struct {
        uint32_t width, height;
        int columns, rows;
        uint32_t fit_width, fit_height;
    } cases[] = {
        {640, 480, 80, 60, 80, 60}, {640, 480, 40, 40, 40, 30}, {600, 800, 40, 10, 15, 20},
        {10000, 1, 20, 10, 20, 2},  {1, 10000, 20, 10, 1, 20},  {640, 480, 0, 0, 1, 2},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct frame_geometry geometry = {cases[i].width, cases[i].height, 0, 1};
        uint32_t width, height;
        thumbnail_fit(&geometry, cases[i].columns, cases[i].rows, &width, &height);
        assert_int_equal(width, cases[i].fit_width);
        assert_int_equal(height, cases[i].fit_height);
    }
}

static struct screen *fake_screen(enum screen_colours colours, bool utf8)
{
    struct screen *screen;

    assert_int_equal(screen_create(colours, utf8, &screen), 0);
    assert_int_equal(screen_resize(screen, 4, 3), 0);
    return screen;
}

static struct thumbnail fake_thumbnail(uint8_t rgb[2 * 3 * 3])
{
    return (struct thumbnail){.width_px = 2, .height_px = 3, .rgb = rgb};
}

static void draws_two_pixels_a_cell_as_upper_half_blocks(void **state)
{
    (void)state;
    uint8_t rgb[] = {255, 0, 0, 1, 2, 3, 0, 255, 0, 1, 2, 3, 0, 0, 255, 9, 9, 9};
    struct thumbnail thumbnail = fake_thumbnail(rgb);
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true);

    thumbnail_draw(&thumbnail, screen, 1, 1, 4, 4, THUMBNAIL_PLAIN);
    const struct screen_cell *cell = screen_cell(screen, 1, 1);
    assert_string_equal(cell->glyph, "▀");
    assert_int_equal(cell->style.foreground, 0xff0000);
    assert_int_equal(cell->style.background, 0x00ff00);
    /* Both halves alike need no glyph; an odd last row shows the terminal's own background below. */
    assert_string_equal(screen_cell(screen, 2, 1)->glyph, " ");
    assert_int_equal(screen_cell(screen, 2, 1)->style.background, 0x010203);
    assert_int_equal(screen_cell(screen, 1, 2)->style.foreground, 0x0000ff);
    assert_int_equal(screen_cell(screen, 1, 2)->style.background, SCREEN_DEFAULT);
    assert_string_equal(screen_cell(screen, 3, 1)->glyph, " ");
    screen_destroy(screen);
}

static void draws_one_colour_a_cell_without_utf8_and_letters_without_colours(void **state)
{
    (void)state;
    uint8_t rgb[] = {100, 0, 0, 255, 255, 255, 200, 0, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0};
    struct thumbnail thumbnail = fake_thumbnail(rgb);
    struct screen *ascii = fake_screen(SCREEN_256_COLOURS, false), *plain = fake_screen(SCREEN_MONOCHROME, false);

    thumbnail_draw(&thumbnail, ascii, 0, 0, 4, 4, THUMBNAIL_PLAIN);
    assert_string_equal(screen_cell(ascii, 0, 0)->glyph, " ");
    assert_int_equal(screen_cell(ascii, 0, 0)->style.background, 0x960000);
    thumbnail_draw(&thumbnail, plain, 0, 0, 4, 4, THUMBNAIL_PLAIN);
    assert_string_equal(screen_cell(plain, 1, 0)->glyph, "@");
    assert_string_equal(screen_cell(plain, 0, 1)->glyph, " ");
    screen_destroy(ascii);
    screen_destroy(plain);
}

static void shows_the_picture_of_a_gone_renderer_grey_and_dark(void **state)
{
    (void)state;
    uint8_t rgb[] = {255, 255, 255, 255, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0};
    struct thumbnail thumbnail = fake_thumbnail(rgb);
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true);

    thumbnail_draw(&thumbnail, screen, 0, 0, 4, 4, THUMBNAIL_SAD);
    for (int x = 0; x < 2; x++) {
        uint32_t colour = screen_cell(screen, x, 0)->style.background;
        assert_int_equal(colour >> 16, colour & 0xff);
        assert_int_equal(colour >> 8 & 0xff, colour & 0xff);
        assert_true((colour & 0xff) < 160);
    }
    screen_destroy(screen);
}

static void clips_to_the_cells_it_was_given(void **state)
{
    (void)state;
    uint8_t rgb[2 * 3 * 3];
    memset(rgb, 7, sizeof(rgb));
    struct thumbnail thumbnail = fake_thumbnail(rgb);
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true);

    thumbnail_draw(&thumbnail, screen, 3, 2, 1, 1, THUMBNAIL_PLAIN);
    thumbnail_draw(&thumbnail, screen, -1, -1, 2, 2, THUMBNAIL_PLAIN);
    assert_int_equal(screen_cell(screen, 0, 0)->style.foreground, 0x070707);
    assert_int_equal(screen_cell(screen, 1, 0)->style.background, SCREEN_DEFAULT);
    screen_destroy(screen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_the_pixels_a_target_covers),
        cmocka_unit_test(agrees_with_a_plain_box_filter_at_odd_sizes),
        cmocka_unit_test(takes_the_nearest_pixel_when_the_frame_is_smaller),
        cmocka_unit_test(keeps_a_white_frame_of_any_size_white),
        cmocka_unit_test(fits_with_the_frames_proportions),
        cmocka_unit_test(draws_two_pixels_a_cell_as_upper_half_blocks),
        cmocka_unit_test(draws_one_colour_a_cell_without_utf8_and_letters_without_colours),
        cmocka_unit_test(shows_the_picture_of_a_gone_renderer_grey_and_dark),
        cmocka_unit_test(clips_to_the_cells_it_was_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
