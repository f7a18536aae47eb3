#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/command/exit_codes.h"

static void codes_and_names_are_unique_and_ascending(void **state)
{
    size_t count;
    const struct exit_code_row *rows = exit_codes(&count);
    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].name && *rows[i].name && rows[i].meaning && *rows[i].meaning);
        assert_true(rows[i].code < 126 || rows[i].code == EXIT_CODE_SIGNAL);
        assert_true(i == 0 || rows[i].code > rows[i - 1].code);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(rows[i].name, rows[j].name);
        assert_ptr_equal(exit_code_find((int)rows[i].code), &rows[i]);
    }
}

static void every_document_problem_has_a_code_of_the_table(void **state)
{
    (void)state;
    for (int problem = DOCUMENT_OK + 1; problem <= DOCUMENT_SYSTEM_ERROR; problem++) {
        enum exit_code code = exit_code_of_problem((enum document_problem)problem);
        assert_non_null(exit_code_find((int)code));
        assert_int_not_equal(code, EXIT_CODE_OK);
        assert_int_not_equal(code, EXIT_CODE_INTERNAL);
    }
}

static void every_engine_error_has_a_code_of_the_table(void **state)
{
    const ProtobufCEnumDescriptor *descriptor = &bulkhead__error__code__descriptor;
    (void)state;
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        enum exit_code code = exit_code_of_error((Bulkhead__Error__Code)descriptor->values[i].value);
        assert_non_null(exit_code_find((int)code));
        assert_int_not_equal(code, EXIT_CODE_OK);
    }
}

static void every_end_and_kill_has_a_code_of_the_table(void **state)
{
    (void)state;
    for (int cause = 0; cause < EXIT_CAUSE_COUNT; cause++) {
        for (int reason = KILL_NONE; reason <= KILL_TIMEOUT; reason++) {
            struct exit_report report = {.cause = (enum exit_cause)cause, .kill_reason = (enum kill_reason)reason};
            enum exit_code code = exit_code_of_end(&report);
            assert_non_null(exit_code_find((int)code));
            assert_int_not_equal(code, EXIT_CODE_OK);
            assert_int_not_equal(code, EXIT_CODE_INTERNAL);
        }
    }
}

static void output_errors_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of_output(0), EXIT_CODE_OK);
    assert_int_equal(exit_code_of_output(-EISDIR), EXIT_CODE_OUTPUT_IS_DIRECTORY);
    assert_int_equal(exit_code_of_output(-ENOSPC), EXIT_CODE_DISK_FULL);
    assert_int_equal(exit_code_of_output(-EPIPE), EXIT_CODE_OUTPUT_CLOSED);
    assert_int_equal(exit_code_of_output(-EACCES), EXIT_CODE_OUTPUT_UNWRITABLE);
}

static void signals_share_one_row(void **state)
{
    (void)state;
    assert_string_equal(exit_code_name(130), "interrupted");
    assert_string_equal(exit_code_name(143), "interrupted");
    assert_string_equal(exit_code_name(99), "unknown");
}

static void table_is_printed_whole(void **state)
{
    char *text = NULL;
    size_t size = 0, count;
    FILE *out = open_memstream(&text, &size);
    (void)state;
    exit_codes_print(out);
    fclose(out);
    const struct exit_code_row *rows = exit_codes(&count);
    for (size_t i = 0; i < count; i++) {
        assert_non_null(strstr(text, rows[i].name));
        assert_non_null(strstr(text, rows[i].meaning));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_names_are_unique_and_ascending),
        cmocka_unit_test(every_document_problem_has_a_code_of_the_table),
        cmocka_unit_test(every_engine_error_has_a_code_of_the_table),
        cmocka_unit_test(every_end_and_kill_has_a_code_of_the_table),
        cmocka_unit_test(output_errors_are_told_apart),
        cmocka_unit_test(signals_share_one_row),
        cmocka_unit_test(table_is_printed_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
