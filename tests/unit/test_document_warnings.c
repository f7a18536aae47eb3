/* A document's list of what its engines complained of: checked, escaped, bounded, and news told from what is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/document/document_warnings.h"
#include "common/codec.h"

enum { PAGES = 3 };
static const Bulkhead__Warning__Kind DAMAGE = BULKHEAD__WARNING__KIND__DAMAGE, NOTE = BULKHEAD__WARNING__KIND__NOTE;

static struct document_warnings warnings;

static int clear(void **state)
{
    (void)state;
    document_warnings_fini(&warnings);
    return 0;
}

static enum violation take(Bulkhead__Warning__Kind kind, uint32_t page, const char *words, uint32_t left_out,
                           size_t *ret_news)
{
    Bulkhead__Warning warning = BULKHEAD__WARNING__INIT, *list[] = {&warning};
    warning.kind = kind;
    warning.page = page;
    warning.detail = codec_bytes(words, strlen(words));
    return document_warnings_take(&warnings, list, 1, left_out, PAGES, ret_news);
}

static void only_damage_that_was_not_known_is_news(void **state)
{
    (void)state;
    size_t news = 7;
    assert_int_equal(take(DAMAGE, 2, "torn", 0, &news), VIOLATION_NONE);
    assert_int_equal(news, 1);
    assert_int_equal(take(DAMAGE, 2, "torn", 5, &news), VIOLATION_NONE);
    assert_int_equal(news, 0);
    assert_int_equal(warnings.left_out, 0); /* painted again */
    assert_int_equal(take(NOTE, 2, "odd", 0, &news), VIOLATION_NONE);
    assert_int_equal(news, 0);
    assert_int_equal(take(DAMAGE, 3, "torn", 5, &news), VIOLATION_NONE);
    assert_int_equal(news, 1);
    assert_int_equal(document_warnings_damage_total(&warnings), 7);
    assert_int_equal(document_warnings_damage(&warnings, 1)->page, 3);
    assert_null(document_warnings_damage(&warnings, 2));
    assert_int_equal(warnings.count, 3);
}

static void a_page_that_is_not_there_is_a_violation_and_changes_nothing(void **state)
{
    (void)state;
    Bulkhead__Warning good = BULKHEAD__WARNING__INIT, bad = BULKHEAD__WARNING__INIT, *list[] = {&good, &bad};
    size_t news = 7;
    bad.page = PAGES + 1;
    assert_int_equal(document_warnings_take(&warnings, list, 2, 1, PAGES, &news), VIOLATION_BAD_PAGE);
    assert_int_equal(news, 7);
    assert_int_equal(warnings.count, 0);
    assert_int_equal(take(DAMAGE, PAGES, "last", 0, &news), VIOLATION_NONE);
}

static void each_kind_has_its_own_bound(void **state)
{
    (void)state;
    size_t news;
    char words[32];
    for (int i = 0; i < DOCUMENT_WARNINGS_KEPT + 5; i++) {
        snprintf(words, sizeof words, "odd %d", i);
        take(NOTE, 1, words, 0, &news);
    }
    assert_int_equal(warnings.left_out, 0);
    for (int i = 0; i < DOCUMENT_WARNINGS_KEPT + 5; i++) {
        snprintf(words, sizeof words, "torn %d", i);
        take(DAMAGE, 1, words, 0, &news);
    }
    assert_int_equal(news, 0);
    assert_int_equal(warnings.damage_count, DOCUMENT_WARNINGS_KEPT);
    assert_int_equal(warnings.count, 2 * DOCUMENT_WARNINGS_KEPT);
    assert_int_equal(warnings.left_out, 5);
}

static void what_was_left_out_never_wraps_around(void **state)
{
    (void)state;
    size_t news;
    take(DAMAGE, 1, "a", UINT32_MAX - 1, &news);
    take(DAMAGE, 1, "b", UINT32_MAX, &news);
    assert_int_equal(warnings.left_out, UINT32_MAX);
    assert_true(document_warnings_damage_total(&warnings) == UINT32_MAX + 2ull);
}

static void words_are_shown_escaped_with_page_and_rest(void **state)
{
    (void)state;
    size_t news;
    char text[384];
    take(DAMAGE, 0, "\033[2J\xff", 0, &news);
    take(DAMAGE, 2, "torn", 0, &news);
    document_warnings_format(text, sizeof text, document_warnings_damage(&warnings, 0), 0);
    assert_string_equal(text, "\\x1b[2J\\xff");
    document_warnings_format(text, sizeof text, document_warnings_damage(&warnings, 1), 4);
    assert_string_equal(text, "page 2: torn (and 4 more)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(only_damage_that_was_not_known_is_news, clear),
        cmocka_unit_test_teardown(a_page_that_is_not_there_is_a_violation_and_changes_nothing, clear),
        cmocka_unit_test_teardown(each_kind_has_its_own_bound, clear),
        cmocka_unit_test_teardown(what_was_left_out_never_wraps_around, clear),
        cmocka_unit_test_teardown(words_are_shown_escaped_with_page_and_rest, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
