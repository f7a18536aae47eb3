#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/violation.h"

static void every_violation_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VIOLATION_COUNT; i++) {
        assert_string_not_equal(violation_name(i), "unknown violation");
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(violation_name(i), violation_name(j));
    }
}

static void names_use_small_letters_and_blanks_only(void **state)
{
    (void)state;
    for (unsigned i = 0; i < VIOLATION_COUNT; i++)
        assert_int_equal(strspn(violation_name(i), "abcdefghijklmnopqrstuvwxyz "), strlen(violation_name(i)));
}

static void numbers_out_of_range_are_named_unknown(void **state)
{
    (void)state;
    assert_string_equal(violation_name(VIOLATION_COUNT), "unknown violation");
    assert_string_equal(violation_name((enum violation) - 1), "unknown violation");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_violation_has_a_name_of_its_own),
        cmocka_unit_test(names_use_small_letters_and_blanks_only),
        cmocka_unit_test(numbers_out_of_range_are_named_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
