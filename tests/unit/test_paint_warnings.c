/* What an engine complains of during one job: kept once, in order, within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "renderer/paint_warnings.h"

static const Bulkhead__Warning__Kind DAMAGE = BULKHEAD__WARNING__KIND__DAMAGE, NOTE = BULKHEAD__WARNING__KIND__NOTE;

static void fill(struct paint_warnings *warnings, Bulkhead__Warning__Kind kind, const char *word, int count)
{
    for (int i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s %d", word, i);
        paint_warnings_add(warnings, kind, text);
    }
}

static void what_is_said_again_of_the_same_page_is_kept_once(void **state)
{
    (void)state;
    struct paint_warnings warnings = {0};
    paint_warnings_begin(&warnings, 0);
    paint_warnings_add(&warnings, DAMAGE, "torn");
    paint_warnings_add(&warnings, DAMAGE, "torn");
    warnings.page = 1;
    paint_warnings_add(&warnings, DAMAGE, "torn");
    struct paint_warnings_packed packed;
    assert_int_equal(paint_warnings_pack(&warnings, &packed), 2);
    assert_int_equal(packed.list[0]->page, 0);
    assert_int_equal(packed.list[1]->page, 1);
    assert_int_equal(packed.list[1]->detail.len, 4);
    assert_memory_equal(packed.list[1]->detail.data, "torn", 4);
    paint_warnings_begin(&warnings, 2);
    assert_int_equal(paint_warnings_pack(&warnings, &packed), 0);
}

static void damage_takes_the_place_of_notes_and_is_counted_when_there_is_none_left(void **state)
{
    (void)state;
    struct paint_warnings warnings = {0};
    paint_warnings_begin(&warnings, 3);
    fill(&warnings, DAMAGE, "torn", LIMIT_WARNINGS - 2);
    fill(&warnings, NOTE, "odd", 5);
    assert_int_equal(warnings.count, LIMIT_WARNINGS);
    assert_int_equal(warnings.left_out, 0);
    fill(&warnings, DAMAGE, "burnt", 4);
    assert_int_equal(warnings.count, LIMIT_WARNINGS);
    assert_int_equal(warnings.left_out, 2);
    for (size_t i = 0; i < warnings.count; i++)
        assert_int_equal(warnings.list[i].kind, DAMAGE);
    assert_string_equal(warnings.list[0].detail, "torn 0");
    assert_string_equal(warnings.list[LIMIT_WARNINGS - 2].detail, "burnt 0");
    assert_string_equal(warnings.list[LIMIT_WARNINGS - 1].detail, "burnt 1");
}

static void long_words_are_clipped(void **state)
{
    (void)state;
    char text[2 * ENGINE_DETAIL_BYTES];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct paint_warnings warnings = {0};
    paint_warnings_add(&warnings, DAMAGE, text);
    assert_int_equal(strlen(warnings.list[0].detail), ENGINE_DETAIL_BYTES - 1);
    text[sizeof text - 2] = 'y';
    paint_warnings_add(&warnings, DAMAGE, text);
    assert_int_equal(warnings.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_again_of_the_same_page_is_kept_once),
        cmocka_unit_test(damage_takes_the_place_of_notes_and_is_counted_when_there_is_none_left),
        cmocka_unit_test(long_words_are_clipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
