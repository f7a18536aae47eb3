#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/output/page_range.h"

/* "1 2 3" counted from 1, or "missing N". */
static void resolve(const char *text, uint32_t page_count, char out[256])
{
    struct page_range *range = NULL;
    size_t offset = 0, count = 0, used = 0;
    uint32_t *pages = NULL;
    int64_t missing = 0;
    assert_int_equal(page_range_parse(text, &range, &offset), 0);
    out[0] = '\0';
    int r = page_range_resolve(range, page_count, &pages, &count, &missing);
    if (r == -ERANGE) {
        snprintf(out, 256, "missing %lld", (long long)missing);
    } else {
        assert_int_equal(r, 0);
        for (size_t i = 0; i < count; i++)
            used += (size_t)snprintf(out + used, 256 - used, "%s%u", i ? " " : "", pages[i] + 1);
        free(pages);
    }
    page_range_free(range);
}

static void assert_resolves(const char *text, uint32_t page_count, const char *expected)
{
    char out[256];
    resolve(text, page_count, out);
    assert_string_equal(out, expected);
}

static void assert_refused_at(const char *text, size_t expected_offset)
{
    struct page_range *range = NULL;
    size_t offset = 999;
    assert_int_equal(page_range_parse(text, &range, &offset), -EINVAL);
    assert_null(range);
    assert_int_equal(offset, expected_offset);
}

static void no_range_means_all_pages(void **state)
{
    (void)state;
    assert_resolves(NULL, 3, "1 2 3");
    assert_resolves("", 1, "1");
}

static void ranges_keep_the_order_asked_for(void **state)
{
    (void)state;
    assert_resolves("1-3,5,-1", 9, "1 2 3 5 9");
    assert_resolves("5-2", 9, "5 4 3 2");
    assert_resolves("7-", 9, "7 8 9");
}

static void negative_numbers_count_from_the_end(void **state)
{
    (void)state;
    assert_resolves("-3--1", 9, "7 8 9");
    assert_resolves("2--2", 5, "2 3 4");
    assert_resolves("-1-1", 3, "3 2 1");
}

static void a_page_named_twice_comes_once(void **state)
{
    (void)state;
    assert_resolves("3,1-4,-1", 4, "3 1 2 4");
}

static void names_the_page_that_is_not_there(void **state)
{
    (void)state;
    assert_resolves("1,7", 3, "missing 7");
    assert_resolves("1-7", 3, "missing 7");
    assert_resolves("-4", 3, "missing -4");
    assert_resolves("1", 0, "missing 1");
}

static void says_where_a_range_stops_making_sense(void **state)
{
    (void)state;
    assert_refused_at("0", 0);
    assert_refused_at("1,,2", 2);
    assert_refused_at("1,", 2);
    assert_refused_at("a", 0);
    assert_refused_at("1-3x", 3);
    assert_refused_at("1 2", 1);
    assert_refused_at("1000001", 0);
    assert_refused_at("99999999999999999999999", 0);
    assert_refused_at("1---1", 2);
}

static void a_million_pages_resolve(void **state)
{
    struct page_range *range = NULL;
    size_t offset = 0, count = 0;
    uint32_t *pages = NULL;
    int64_t missing = 0;
    (void)state;
    assert_int_equal(page_range_parse("-1-1,1-", &range, &offset), 0);
    assert_int_equal(page_range_resolve(range, 1000000, &pages, &count, &missing), 0);
    assert_int_equal(count, 1000000);
    assert_int_equal(pages[0], 999999);
    assert_int_equal(pages[999999], 0);
    free(pages);
    page_range_free(range);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_range_means_all_pages),
        cmocka_unit_test(ranges_keep_the_order_asked_for),
        cmocka_unit_test(negative_numbers_count_from_the_end),
        cmocka_unit_test(a_page_named_twice_comes_once),
        cmocka_unit_test(names_the_page_that_is_not_there),
        cmocka_unit_test(says_where_a_range_stops_making_sense),
        cmocka_unit_test(a_million_pages_resolve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
