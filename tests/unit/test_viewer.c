// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/viewer/viewer_draw.h"

/* A screen with made-up tabs. */
struct stage {
    struct viewer_row rows[VIEWER_TABS];
    struct viewer_model model;
    struct viewer_layout layout;
    struct thumbnail picture;
    uint8_t rgb[32 * 32 * 3];
    struct screen *screen;
};

static const char *const events[] = {"first event", "second event", "third event"};

static int setup(void **state)
{
    struct stage *stage = calloc(1, sizeof(*stage));

    memset(stage->rgb, 0xc0, sizeof(stage->rgb));
    stage->picture = (struct thumbnail){.width_px = 32, .height_px = 32, .rgb = stage->rgb};
    for (size_t i = 0; i < VIEWER_TABS; i++)
        stage->rows[i] = (struct viewer_row){.title = "문서 document",
                                             .format = "PDF",
                                             .state = TAB_LIVE,
                                             .pid = 4242,
                                             .frames = 17,
                                             .page_count = 9,
                                             .zoom = 1,
                                             .picture = &stage->picture,
                                             .problem = ""};
    stage->model = (struct viewer_model){.mode = VIEWER_OVERVIEW,
                                         .rows = stage->rows,
                                         .count = 6,
                                         .heading = "Bulkhead",
                                         .sandbox = "sandbox: 20 of 20 layers",
                                         .narration = "",
                                         .keys = "q quit",
                                         .events = events,
                                         .event_count = 3};
    assert_int_equal(screen_create(SCREEN_TRUE_COLOUR, true, &stage->screen), 0);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;

    screen_destroy(stage->screen);
    free(stage);
    return 0;
}

static void draw(struct stage *stage, int columns, int rows)
{
    assert_int_equal(screen_resize(stage->screen, columns, rows), 0);
    viewer_layout_make(&stage->model, columns, rows, &stage->layout);
    viewer_draw(&stage->model, &stage->layout, stage->screen);
}

/* One line of the screen as text. */
static const char *line_of(const struct stage *stage, int y)
{
    static char line[4096];

    line[0] = '\0';
    for (int x = 0; x < screen_columns(stage->screen); x++)
        strcat(line, screen_cell(stage->screen, x, y)->glyph);
    return line;
}

static bool shows(const struct stage *stage, const char *text)
{
    for (int y = 0; y < screen_rows(stage->screen); y++)
        if (strstr(line_of(stage, y), text))
            return true;
    return false;
}

static bool is_inside(struct viewer_rect rect, int columns, int rows)
{
    return rect.columns == 0 || rect.rows == 0 ||
           (rect.x >= 0 && rect.y >= 0 && rect.columns > 0 && rect.rows > 0 && rect.x + rect.columns <= columns &&
            rect.y + rect.rows <= rows);
}

static bool overlap(struct viewer_rect a, struct viewer_rect b)
{
    return a.columns && a.rows && b.columns && b.rows && a.x < b.x + b.columns && b.x < a.x + a.columns &&
           a.y < b.y + b.rows && b.y < a.y + a.rows;
}

static void keeps_every_part_on_the_screen_and_apart_at_any_size(void **state)
{
    struct stage *stage = *state;
    static const size_t counts[] = {0, 1, 6, 10, 100, VIEWER_TABS};

    for (int rows = 1; rows <= 60; rows++)
        for (int columns = 1; columns <= 200; columns += 7)
            for (size_t i = 0; i < 24; i++) {
                stage->model.count = counts[i % 6];
                stage->model.active = stage->model.count ? stage->model.count - 1 : 0;
                stage->model.mode = i / 6 % 2 ? VIEWER_PAGE : VIEWER_OVERVIEW;
                stage->model.panel.text = i / 12 ? "text" : NULL;
                viewer_layout_make(&stage->model, columns, rows, &stage->layout);
                const struct viewer_layout *l = &stage->layout;
                const struct viewer_rect parts[] = {l->header, l->narration, l->table,  l->panel,
                                                    l->page,   l->status,    l->events, l->keys};
                for (size_t a = 0; a < 8; a++) {
                    assert_true(is_inside(parts[a], columns, rows));
                    for (size_t b = 0; b < a; b++)
                        assert_false(overlap(parts[a], parts[b]));
                    for (size_t t = 0; t < stage->model.count; t++)
                        assert_false(overlap(parts[a], l->tiles[t]));
                }
                for (size_t t = 0; t < stage->model.count; t++)
                    assert_true(is_inside(l->tiles[t], columns, rows));
                if (l->table_count > 0)
                    assert_in_range(stage->model.active, l->table_first, l->table_first + l->table_count - 1);
            }
    stage->model.count = 6;
}

static void draws_at_any_size_without_falling_off(void **state)
{
    struct stage *stage = *state;

    stage->rows[1].state = TAB_SAD;
    stage->rows[1].problem = "crashed: SIGSEGV (address not mapped) at 0x10";
    stage->rows[2].state = TAB_FAILED;
    stage->rows[3].picture = NULL;
    stage->model.narration = "a story";
    stage->model.overlay = (struct viewer_text){"Help", "one line\nanother line which is rather long\n"};
    for (int rows = 1; rows <= 30; rows++)
        for (int columns = 1; columns <= 130; columns += 3)
            for (int mode = 0; mode < 2; mode++) {
                stage->model.mode = mode;
                stage->model.active = (size_t)(columns % 4);
                draw(stage, columns, rows);
            }
}

static void shows_a_row_of_figures_for_every_tab(void **state)
{
    struct stage *stage = *state;

    stage->rows[2].title = "the third";
    stage->rows[2].frames = 123456;
    stage->rows[2].lost = 7;
    stage->rows[2].messages_in = 987;
    stage->rows[2].messages_out = 654;
    draw(stage, 120, 40);
    const char *line = line_of(stage, stage->layout.table.y + 3);
    assert_non_null(strstr(line, "the third"));
    assert_non_null(strstr(line, "live"));
    assert_non_null(strstr(line, "4242"));
    assert_non_null(strstr(line, "123456"));
    assert_non_null(strstr(line, " 7 "));
    assert_non_null(strstr(line, "987"));
    assert_non_null(strstr(line, "654"));
    assert_true(shows(stage, "sandbox: 20 of 20 layers"));
    assert_true(shows(stage, "third event"));
}

static void shows_the_sad_tab_over_its_last_good_frame(void **state)
{
    struct stage *stage = *state;

    stage->model.mode = VIEWER_PAGE;
    stage->rows[0].state = TAB_SAD;
    stage->rows[0].problem = "crashed: SIGSEGV at 0x10";
    draw(stage, 80, 24);
    assert_true(shows(stage, "crashed: SIGSEGV at 0x10"));
    assert_true(shows(stage, "r reload"));
    /* Beside the box the picture is still there, grey. */
    const struct viewer_rect area = viewer_draw_page_area(&stage->layout);
    int left = area.x + (area.columns - 32) / 2, top = area.y + (area.rows - 16) / 2;
    uint32_t colour = screen_cell(stage->screen, left, top)->style.background;
    assert_true(colour != SCREEN_DEFAULT && (colour & 0xff) < 0xc0);
    assert_int_equal(colour >> 16, colour & 0xff);
}

static void has_a_way_out_for_a_quarantined_document(void **state)
{
    struct stage *stage = *state;

    stage->model.mode = VIEWER_PAGE;
    stage->rows[0].state = TAB_QUARANTINED;
    stage->rows[0].problem = "crashed";
    draw(stage, 80, 24);
    assert_true(shows(stage, "R reloads it"));
}

static void is_usable_on_forty_by_twelve(void **state)
{
    struct stage *stage = *state;

    stage->model.active = 5;
    stage->rows[5].title = "last";
    draw(stage, 40, 12);
    assert_true(shows(stage, "last"));
    assert_true(shows(stage, "third event"));
    assert_true(stage->layout.tiles[5].rows >= 2);
    stage->model.mode = VIEWER_PAGE;
    draw(stage, 40, 12);
    assert_true(shows(stage, "6 last"));
    assert_true(shows(stage, "1/9"));
    assert_true(stage->layout.page.rows >= 8);
}

static void shows_the_active_tab_among_more_than_fit(void **state)
{
    struct stage *stage = *state;

    stage->model.mode = VIEWER_PAGE;
    stage->model.count = 100;
    stage->model.active = 77;
    stage->rows[77].title = "here";
    draw(stage, 60, 20);
    assert_non_null(strstr(line_of(stage, 0), "78 here"));
    assert_true(screen_text_columns(line_of(stage, 0)) == 60);
}

static void says_that_there_are_more_tabs_than_fit(void **state)
{
    struct stage *stage = *state;

    stage->model.mode = VIEWER_PAGE;
    stage->model.active = 3;
    draw(stage, 40, 12);
    assert_non_null(strstr(line_of(stage, 0), "‹"));
    assert_non_null(strstr(line_of(stage, 0), "›"));
    stage->model.active = 0;
    draw(stage, 40, 12);
    assert_null(strstr(line_of(stage, 0), "‹"));
    stage->model.active = 5;
    draw(stage, 40, 12);
    assert_null(strstr(line_of(stage, 0), "›"));
    draw(stage, 150, 12);
    assert_null(strstr(line_of(stage, 0), "‹"));
}

static void shows_only_whole_keys(void **state)
{
    struct stage *stage = *state;

    stage->model.keys = "q quit · ? help · r reload";
    draw(stage, 40, 24);
    assert_true(shows(stage, "r reload"));
    draw(stage, 26, 24);
    assert_true(shows(stage, "? help"));
    assert_false(shows(stage, "· r"));
}

static void stands_the_panel_beside_the_pictures_when_there_is_room(void **state)
{
    struct stage *stage = *state;

    stage->model.panel = (struct viewer_text){"Crash report", "#0 scene_plasma_paint"};
    draw(stage, 160, 48);
    assert_true(stage->layout.panel.x > 80);
    assert_true(stage->layout.tiles[0].rows > 4);
    assert_true(shows(stage, "Crash report"));
    draw(stage, 80, 24);
    assert_int_equal(stage->layout.panel.x, 0);
    assert_true(shows(stage, "#0 scene_plasma_paint"));
}

static void scrolls_long_texts(void **state)
{
    struct stage *stage = *state;
    char text[4000] = "";

    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "line number %d\n", i);
    stage->model.overlay = (struct viewer_text){"Info", text};
    draw(stage, 80, 24);
    assert_true(shows(stage, "line number 0 "));
    assert_false(shows(stage, "line number 90 "));
    stage->model.overlay_scroll = 85;
    draw(stage, 80, 24);
    assert_false(shows(stage, "line number 0 "));
    assert_true(shows(stage, "line number 90 "));
}

static void breaks_lines_at_spaces_and_wide_characters_whole(void **state)
{
    struct stage *stage = *state;
    struct viewer_rect area = {0, 0, 10, 10};
    struct screen_style style = {SCREEN_DEFAULT, SCREEN_DEFAULT, 0};

    assert_int_equal(screen_resize(stage->screen, 10, 10), 0);
    assert_int_equal(viewer_draw_text(stage->screen, area, style, "alpha beta gamma\n\n한국어한국어\n", 0), 5);
    assert_non_null(strstr(line_of(stage, 0), "alpha beta"));
    assert_non_null(strstr(line_of(stage, 1), "gamma"));
    assert_non_null(strstr(line_of(stage, 3), "한국어한국"));
    assert_non_null(strstr(line_of(stage, 4), "어"));
    assert_int_equal(screen_resize(stage->screen, 24, 10), 0);
    area.columns = 24;
    assert_int_equal(viewer_draw_text(stage->screen, area, style, "r     reload with a new renderer\nno columns", 0),
                     3);
    assert_non_null(strstr(line_of(stage, 1), "      renderer"));
    assert_non_null(strstr(line_of(stage, 2), "no columns"));
    area.columns = 1; /* narrower than a wide character: gets on all the same */
    assert_true(viewer_draw_text(stage->screen, area, style, "한국", 0) > 0);
}

#define stage_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        stage_test(keeps_every_part_on_the_screen_and_apart_at_any_size),
        stage_test(draws_at_any_size_without_falling_off),
        stage_test(shows_a_row_of_figures_for_every_tab),
        stage_test(shows_the_sad_tab_over_its_last_good_frame),
        stage_test(has_a_way_out_for_a_quarantined_document),
        stage_test(is_usable_on_forty_by_twelve),
        stage_test(shows_the_active_tab_among_more_than_fit),
        stage_test(says_that_there_are_more_tabs_than_fit),
        stage_test(shows_only_whole_keys),
        stage_test(stands_the_panel_beside_the_pictures_when_there_is_room),
        stage_test(scrolls_long_texts),
        stage_test(breaks_lines_at_spaces_and_wide_characters_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
