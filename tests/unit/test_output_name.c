#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/output/output_name.h"

static void assert_makes(const char *pattern, const char *stem, uint32_t page, uint32_t page_count, bool several,
                         const char *expected)
{
    struct output_name *name = NULL;
    const char *why = NULL;
    assert_int_equal(output_name_parse(pattern, "png", &name, &why), 0);
    char *path = output_name_make(name, stem, page, page_count, several);
    assert_string_equal(path, expected);
    free(path);
    output_name_free(name);
}

static void assert_refused(const char *pattern)
{
    struct output_name *name = NULL;
    const char *why = NULL;
    assert_int_equal(output_name_parse(pattern, "png", &name, &why), -EINVAL);
    assert_non_null(why);
    assert_null(name);
}

static void default_name_is_stem_and_page(void **state)
{
    (void)state;
    assert_makes(NULL, "report", 0, 1, false, "report-001.png");
    assert_makes(NULL, "report", 11, 1234, true, "report-0012.png");
}

static void pattern_takes_page_and_input(void **state)
{
    (void)state;
    assert_makes("out-%03d.png", "x", 4, 9, true, "out-005.png");
    assert_makes("%d", "x", 4, 9, true, "5");
    assert_makes("dir/%s-%4d.png", "x", 4, 9, true, "dir/x-   5.png");
    assert_makes("100%%-%s-%d.ppm", "a%sb", 0, 1, false, "100%-a%sb-1.ppm");
}

static void several_pages_without_a_pattern_get_numbers_before_the_extension(void **state)
{
    (void)state;
    assert_makes("out.png", "x", 0, 3, false, "out.png");
    assert_makes("out.png", "x", 1, 3, true, "out-002.png");
    assert_makes("a.b/out", "x", 1, 3, true, "a.b/out-002");
    assert_makes("a.b/.hidden", "x", 1, 3, true, "a.b/.hidden-002");
    assert_makes("a/%s.png", "x", 1, 3, true, "a/x-002.png");
    assert_makes("a/%s", "x.y", 1, 3, true, "a/x.y-002");
}

static bool may_clash(const char *pattern, const char *stem, const char *other)
{
    struct output_name *name = NULL;
    const char *why = NULL;
    assert_int_equal(output_name_parse(pattern, "png", &name, &why), 0);
    bool may = output_name_may_clash(name, stem, other);
    assert_int_equal(output_name_may_clash(name, other, stem), may);
    output_name_free(name);
    return may;
}

static void inputs_that_could_want_the_same_name_are_known_beforehand(void **state)
{
    (void)state;
    assert_makes("x/%s%d.png", "a", 10, 20, true, "x/a11.png");
    assert_makes("x/%s%d.png", "a1", 0, 1, false, "x/a11.png");
    assert_true(may_clash("x/%s%d.png", "a", "a1"));
    assert_true(may_clash(NULL, "a", "a-001"));
    assert_false(may_clash(NULL, "a", "b"));
    assert_true(may_clash("%d%s.png", "a", "1a"));
    assert_false(may_clash("%d%s.png", "a", "a1"));
    assert_true(may_clash("out.png", "a", "b"));
}

static void anything_else_after_a_percent_sign_is_refused(void **state)
{
    (void)state;
    const char *bad[] = {"%",   "%n",   "%x",  "%5s",  "a%03", "%-3d", "%+d",  "%ld",
                         "%*d", "%.3d", "%$d", "%1$d", "%d%d", "%s%s", "%99d", "%000000000000000010d",
                         ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_refused(bad[i]);
}

static void stems_drop_directories_and_extensions(void **state)
{
    char *inputs[] = {"/a/b/report.pdf", "-", "about:clock", ".profile", "archive.tar.gz"};
    char **stems = NULL;
    (void)state;
    assert_int_equal(output_name_stems(inputs, 5, &stems), 0);
    assert_string_equal(stems[0], "report");
    assert_string_equal(stems[1], "stdin");
    assert_string_equal(stems[2], "about-clock");
    assert_string_equal(stems[3], ".profile");
    assert_string_equal(stems[4], "archive.tar");
    output_name_stems_free(stems, 5);
}

static void stems_that_clash_are_told_apart(void **state)
{
    char *inputs[] = {"a/x.pdf", "b/x.pdf", "x.svg", "c/x.pdf", "x"};
    char **stems = NULL;
    (void)state;
    assert_int_equal(output_name_stems(inputs, 5, &stems), 0);
    for (size_t i = 0; i < 5; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(stems[i], stems[j]);
    assert_string_equal(stems[0], "x");
    assert_string_equal(stems[1], "x.pdf");
    assert_string_equal(stems[2], "x.svg");
    assert_string_equal(stems[3], "x.pdf-2");
    output_name_stems_free(stems, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_name_is_stem_and_page),
        cmocka_unit_test(pattern_takes_page_and_input),
        cmocka_unit_test(several_pages_without_a_pattern_get_numbers_before_the_extension),
        cmocka_unit_test(inputs_that_could_want_the_same_name_are_known_beforehand),
        cmocka_unit_test(anything_else_after_a_percent_sign_is_refused),
        cmocka_unit_test(stems_drop_directories_and_extensions),
        cmocka_unit_test(stems_that_clash_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
