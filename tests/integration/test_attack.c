/* The attack suite: the console as a user runs it, row by row; and that it tells when something does not hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "broker/attack/attack_list.h"
#include "broker/command/exit_codes.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

enum { ALL_MS = 280 * 1000 };

static void attack(struct process_result *result, const char *const *arguments)
{
    const char *argv[12] = {"bulkhead", "attack"};
    const struct process_options options = {.timeout_ms = ALL_MS};
    size_t count = 2;
    for (; *arguments != NULL; arguments++)
        argv[count++] = *arguments;
    process_run(argv, &options, result);
    assert_false(result->timed_out);
}
#define ATTACK(result, ...) attack(result, (const char *const[]){__VA_ARGS__, NULL})

static void check_row(const json_t *row, const struct attack_row *expected, unsigned *failures)
{
    const json_t *observed = json_object_get(row, "observed");
    assert_string_equal(process_json_text(row, "name"), expected->name);
    if (json_object_get(row, "skipped") != NULL) {
        assert_non_null(expected->not_sanitized);
#ifndef BULKHEAD_SANITIZED
        fail_msg("%s was left out", expected->name);
#endif
        print_message("%s left out: %s\n", expected->name, expected->not_sanitized);
        return;
    }
    assert_true(json_is_true(json_object_get(json_object_get(row, "neighbours"), "paint")));
    if (json_is_true(json_object_get(row, "holds")))
        return;
    print_message("%s: %s (%s): %s\n", expected->name, process_json_text(observed, "outcome"),
                  process_json_text(observed, "detail"), process_json_text(row, "why_not"));
    ++*failures;
}

static void every_attempt_holds(void **state)
{
    struct process_result result;
    unsigned failures = 0;
    (void)state;
    ATTACK(&result, "--json");
    json_t *object = process_json(&result), *rows = json_object_get(object, "attempts");
    assert_int_equal(json_array_size(rows), attack_list_count());
    for (size_t i = 0; i < attack_list_count(); i++)
        check_row(json_array_get(rows, i), attack_list_row(i), &failures);
    assert_int_equal(failures, 0);
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    assert_null(strchr(result.out, '\033'));
    json_decref(object);
    process_result_free(&result);
}

static void without_its_filter_a_cell_is_said_not_to_hold(void **state)
{
    struct process_result result;
    (void)state;
    ATTACK(&result, "--json", "--judge-whole", "--without", "seccomp", "uname", "null-write");
    assert_int_equal(result.exit_code, EXIT_CODE_NOT_HELD);
    json_t *object = process_json(&result), *rows = json_object_get(object, "attempts");
    assert_int_equal(json_array_size(rows), 2);
    const json_t *uname = json_array_get(rows, 0), *null_write = json_array_get(rows, 1);
    assert_true(json_is_false(json_object_get(uname, "holds")));
    assert_string_equal(process_json_text(json_object_get(uname, "observed"), "outcome"), "succeeded");
    assert_true(json_is_true(json_object_get(null_write, "holds")));
    json_decref(object);
    process_result_free(&result);
}

static void a_table_has_a_line_for_each_and_fits_100_columns(void **state)
{
    struct process_result result;
    (void)state;
    ATTACK(&result, "socket-inet", "truncated-field");
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    assert_non_null(strstr(result.out, "socket(0x2, 0x1, 0x0"));
    assert_non_null(strstr(result.out, "truncated field"));
    assert_non_null(strstr(result.out, "2 attempts, 2 held, 0 did not"));
    for (const char *line = result.out; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 104); /* bytes: a mark and an ellipsis have three */
    process_result_free(&result);
}

static void the_list_explains_every_attempt(void **state)
{
    struct process_result result;
    (void)state;
    ATTACK(&result, "--list");
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    for (size_t i = 0; i < attack_list_count(); i++)
        assert_non_null(strstr(result.out, attack_list_row(i)->name));
    process_result_free(&result);
    ATTACK(&result, "--list", "--json", "--family", "memory");
    json_t *object = process_json(&result);
    assert_true(json_array_size(json_object_get(object, "attempts")) > 5);
    assert_null(strstr(result.out, "open-passwd"));
    json_decref(object);
    process_result_free(&result);
}

static void what_is_not_understood_is_said(void **state)
{
    struct process_result result;
    (void)state;
    ATTACK(&result, "no-such-thing");
    assert_int_equal(result.exit_code, EXIT_CODE_USAGE);
    assert_non_null(strstr(result.err, "there is no attempt \"no-such-thing\""));
    process_result_free(&result);
    /* Nothing tried is nothing held. */
    ATTACK(&result, "--family", "memory", "push-1-fd");
    assert_int_equal(result.exit_code, EXIT_CODE_USAGE);
    process_result_free(&result);
    ATTACK(&result, "--family", "x");
    assert_int_equal(result.exit_code, EXIT_CODE_USAGE);
    process_result_free(&result);
}

static void the_ordinary_renderer_contains_no_attack(void **state)
{
    static const char *const marks[] = {"attack_engine", "attacker_say", "attack:", "attack_calls"};
    const char *build = getenv("BULKHEAD_BUILD");
    const char *const programs[] = {"bulkhead-renderer", "bulkhead-attacker"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char path[SCRATCH_PATH];
        size_t bytes;
        snprintf(path, sizeof path, "%s/%s", build != NULL ? build : "build/release", programs[i]);
        char *program = scratch_read(path, &bytes);
        assert_non_null(program);
        for (size_t mark = 0; mark < sizeof marks / sizeof marks[0]; mark++) {
            bool is_there = memmem(program, bytes, marks[mark], strlen(marks[mark])) != NULL;
            assert_int_equal(is_there, i == 1); /* or the search itself would prove nothing */
        }
        free(program);
    }
}

static void the_ordinary_renderer_knows_no_attack_by_name(void **state)
{
    struct process_result result;
    const char *const argv[] = {"bulkhead", "info", "attack:execve", NULL};
    (void)state;
    process_run(argv, NULL, &result);
    assert_int_equal(result.exit_code, EXIT_CODE_NOT_FOUND); /* a file of that name, and there is none */
    process_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attempt_holds),
        cmocka_unit_test(without_its_filter_a_cell_is_said_not_to_hold),
        cmocka_unit_test(a_table_has_a_line_for_each_and_fits_100_columns),
        cmocka_unit_test(the_list_explains_every_attempt),
        cmocka_unit_test(what_is_not_understood_is_said),
        cmocka_unit_test(the_ordinary_renderer_contains_no_attack),
        cmocka_unit_test(the_ordinary_renderer_knows_no_attack_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
