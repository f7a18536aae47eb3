#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/viewer/screen.h"

static const struct screen_style plain = {SCREEN_DEFAULT, SCREEN_DEFAULT, 0};

static struct screen *fake_screen(enum screen_colours colours, bool utf8, int columns, int rows)
{
    struct screen *screen;

    assert_int_equal(screen_create(colours, utf8, &screen), 0);
    assert_int_equal(screen_resize(screen, columns, rows), 0);
    return screen;
}

/* A render whose result does not matter: afterwards the terminal shows what was drawn. */
static void settle(struct screen *screen)
{
    size_t size;

    assert_non_null(screen_render(screen, &size));
}

static void sends_nothing_when_nothing_changed(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 20, 3);
    size_t size = 1;

    screen_text(screen, 0, 0, 20, plain, "same");
    settle(screen);
    screen_clear(screen);
    screen_text(screen, 0, 0, 20, plain, "same");
    assert_string_equal(screen_render(screen, &size), "");
    assert_int_equal(size, 0);
    screen_destroy(screen);
}

static void sends_only_the_cells_that_changed(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 40, 3);
    size_t size;

    screen_text(screen, 0, 1, 40, plain, "frames 1234");
    settle(screen);
    screen_text(screen, 0, 1, 40, plain, "frames 1235");
    assert_string_equal(screen_render(screen, &size), "\033[2;11H\033[0m5\033[0m");
    screen_destroy(screen);
}

static void sends_everything_after_a_resize_or_when_told_to(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 10, 2);
    size_t size;

    settle(screen);
    screen_invalidate(screen);
    assert_non_null(strstr(screen_render(screen, &size), "\033[2J"));
    assert_int_equal(screen_resize(screen, 12, 2), 0);
    assert_non_null(strstr(screen_render(screen, &size), "\033[2J"));
    screen_destroy(screen);
}

static void states_a_colour_once_for_a_run_of_cells(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 10, 1);
    size_t size;

    settle(screen);
    screen_text(screen, 0, 0, 10, (struct screen_style){0x102030, 0x405060, 0}, "abc");
    assert_string_equal(screen_render(screen, &size),
                        "\033[1;1H\033[0m\033[38;2;16;32;48m\033[48;2;64;80;96mabc\033[0m");
    screen_destroy(screen);
}

static void falls_back_to_256_colours_and_to_none(void **state)
{
    (void)state;
    struct screen *fewer = fake_screen(SCREEN_256_COLOURS, true, 4, 1);
    struct screen *none = fake_screen(SCREEN_MONOCHROME, true, 4, 1);
    size_t size;

    settle(fewer);
    settle(none);
    screen_text(fewer, 0, 0, 4, (struct screen_style){0xff0000, SCREEN_DEFAULT, 0}, "x");
    screen_text(none, 0, 0, 4, (struct screen_style){0xff0000, SCREEN_DEFAULT, SCREEN_BOLD}, "x");
    assert_string_equal(screen_render(fewer, &size), "\033[1;1H\033[0m\033[38;5;196mx\033[0m");
    assert_string_equal(screen_render(none, &size), "\033[1;1H\033[0m\033[1mx\033[0m");
    screen_destroy(fewer);
    screen_destroy(none);
}

static void finds_the_nearest_of_256_colours(void **state)
{
    (void)state;
    static const int levels[] = {0, 95, 135, 175, 215, 255};

    /* Against trying all 240 of them. */
    for (uint32_t rgb = 0; rgb < 0x1000000; rgb += 0x01357) {
        int best = 0x7fffffff, got = 0;
        uint8_t index = screen_nearest_256(rgb);
        for (int i = 16; i < 256; i++) {
            int grey = 8 + 10 * (i - 232), cube = i - 16;
            int r = i >= 232 ? grey : levels[cube / 36], g = i >= 232 ? grey : levels[cube / 6 % 6];
            int b = i >= 232 ? grey : levels[cube % 6];
            int dr = r - (int)(rgb >> 16), dg = g - (int)(rgb >> 8 & 255), db = b - (int)(rgb & 255);
            int error = dr * dr + dg * dg + db * db;
            best = error < best ? error : best;
            got = i == index ? error : got;
        }
        assert_true(got <= best + 100); /* a tie or a near one between grey ramp and cube */
    }
}

static void lets_no_control_character_out(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 60, 1);
    size_t size;

    settle(screen);
    screen_text(screen, 0, 0, 60, plain,
                "a\033]0;x\007b\r\n\x7f\xc2\x9b"
                "31mc\xe2\x80\xae"
                "d\xff\xc0\xaf\xed\xa0\x80"
                "e");
    const char *bytes = screen_render(screen, &size);
    assert_null(strstr(bytes, "\033]"));
    assert_null(strchr(bytes, '\007'));
    assert_null(strchr(bytes, '\r'));
    assert_null(strchr(bytes, '\x7f'));
    assert_null(strstr(bytes, "\xc2\x9b"));
    assert_null(strstr(bytes, "\xe2\x80\xae"));
    assert_null(strchr(bytes, '\xff'));
    assert_non_null(strstr(bytes, "a?]0;x?b"));
    screen_destroy(screen);
}

static void keeps_wide_characters_whole(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 6, 1);

    assert_int_equal(screen_text(screen, 0, 0, 6, plain, "한국어"), 6);
    assert_string_equal(screen_cell(screen, 2, 0)->glyph, "국");
    assert_int_equal(screen_cell(screen, 3, 0)->columns, 0);
    screen_put(screen, 3, 0, plain, "x"); /* over the right half: the left half goes */
    assert_string_equal(screen_cell(screen, 2, 0)->glyph, " ");
    assert_string_equal(screen_cell(screen, 3, 0)->glyph, "x");
    screen_put(screen, 4, 0, plain, "y"); /* over the left half: the right half goes */
    assert_int_equal(screen_cell(screen, 5, 0)->columns, 1);
    screen_destroy(screen);
}

static void clips_text_with_an_ellipsis_and_never_half_a_character(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 10, 2);

    assert_int_equal(screen_text(screen, 0, 0, 4, plain, "abcdef"), 4);
    assert_string_equal(screen_cell(screen, 3, 0)->glyph, "…");
    /* Four columns: one wide character, the ellipsis, and nothing where half a character would be. */
    assert_int_equal(screen_text(screen, 0, 1, 4, plain, "한국어"), 3);
    assert_string_equal(screen_cell(screen, 2, 1)->glyph, "…");
    assert_string_equal(screen_cell(screen, 3, 1)->glyph, " ");
    screen_destroy(screen);
}

static void puts_combining_marks_with_their_letter(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 10, 1);

    assert_int_equal(screen_text(screen, 0, 0, 10, plain, "e\xcc\x81x"), 2);
    assert_string_equal(screen_cell(screen, 0, 0)->glyph, "e\xcc\x81");
    assert_string_equal(screen_cell(screen, 1, 0)->glyph, "x");
    screen_destroy(screen);
}

static void does_not_trust_the_cursor_after_unusual_characters(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 10, 1);
    size_t size;

    settle(screen);
    screen_text(screen, 0, 0, 10, plain, "한x");
    assert_non_null(strstr(screen_render(screen, &size), "한\033[1;3H"));
    screen_destroy(screen);
}

static void shows_look_alikes_without_utf8(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_MONOCHROME, false, 5, 3);
    size_t size;

    screen_box(screen, 0, 0, 5, 3, plain);
    screen_text(screen, 1, 1, 3, plain, "한x");
    const char *bytes = screen_render(screen, &size);
    for (size_t i = 0; i < size; i++)
        assert_true((unsigned char)bytes[i] < 0x80);
    assert_non_null(strstr(bytes, "+---+"));
    screen_destroy(screen);
}

static void clips_whatever_is_drawn_outside(void **state)
{
    (void)state;
    struct screen *screen = fake_screen(SCREEN_TRUE_COLOUR, true, 3, 2);

    screen_text(screen, -2, 0, 10, plain, "abcdef");
    assert_string_equal(screen_cell(screen, 0, 0)->glyph, "c");
    screen_text(screen, 2, 1, 10, plain, "한한");
    screen_box(screen, -5, -5, 50, 50, plain);
    screen_fill(screen, 1, -9, 100, 100, plain, "z");
    assert_null(screen_cell(screen, 3, 0));
    assert_null(screen_cell(screen, 0, -1));
    screen_destroy(screen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_nothing_when_nothing_changed),
        cmocka_unit_test(sends_only_the_cells_that_changed),
        cmocka_unit_test(sends_everything_after_a_resize_or_when_told_to),
        cmocka_unit_test(states_a_colour_once_for_a_run_of_cells),
        cmocka_unit_test(falls_back_to_256_colours_and_to_none),
        cmocka_unit_test(finds_the_nearest_of_256_colours),
        cmocka_unit_test(lets_no_control_character_out),
        cmocka_unit_test(keeps_wide_characters_whole),
        cmocka_unit_test(clips_text_with_an_ellipsis_and_never_half_a_character),
        cmocka_unit_test(puts_combining_marks_with_their_letter),
        cmocka_unit_test(does_not_trust_the_cursor_after_unusual_characters),
        cmocka_unit_test(shows_look_alikes_without_utf8),
        cmocka_unit_test(clips_whatever_is_drawn_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
