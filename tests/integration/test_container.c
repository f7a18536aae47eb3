/* In somebody's container (tests/support/in_container_main.c) there are no namespaces of our own to be had. Everything
 * works there all the same, says what it lacks, refuses when told to, and what is left holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "broker/command/exit_codes.h"
#include "broker/layers.h"
#include "tests/support/process.h"

enum { ARGUMENTS_MAX = 16, EXIT_NOT_HERE = 77 };

#ifdef BULKHEAD_SANITIZED /* where limits are left out (renderer/cell/cell_limits.c) */
enum { SOUND = EXIT_CODE_NOT_IN_FORCE };
#else
enum { SOUND = EXIT_CODE_OK };
#endif

/* Everything else is to be in force, if it is outside. */
static const char *const not_to_be_had[] = {"user-namespace", "mount-namespace", "pid-namespace",    "net-namespace",
                                            "ipc-namespace",  "uts-namespace",   "cgroup-namespace", "empty-root"};
enum { NOT_TO_BE_HAD = sizeof not_to_be_had / sizeof not_to_be_had[0] };

static void run_inside(struct process_result *result, const char *const *arguments)
{
    char container[600], program[600];
    const char *argv[ARGUMENTS_MAX] = {container, program};
    const char *build = getenv("BULKHEAD_BUILD");
    size_t count = 2;
    snprintf(container, sizeof container, "%s/tests/in-container", build != NULL ? build : "build/release");
    snprintf(program, sizeof program, "%s/bulkhead", build != NULL ? build : "build/release");
    while (*arguments != NULL && count + 1 < ARGUMENTS_MAX)
        argv[count++] = *arguments++;
    process_run(argv, &(struct process_options){0}, result);
    assert_false(result->timed_out);
    if (result->exit_code == EXIT_NOT_HERE)
        skip(); /* said on stderr */
}
#define INSIDE(result, ...) run_inside(result, (const char *const[]){__VA_ARGS__, NULL})

static bool is_in_force(const json_t *report, const char *layer)
{
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(report, "sandbox"), "layers"), i, row) {
        if (strcmp(process_json_text(row, "name"), layer) == 0)
            return json_is_true(json_object_get(row, "in_force"));
    }
    fail_msg("no layer %s in the report", layer);
    return false;
}

static void a_document_is_read_and_what_is_missing_is_said(void **state)
{
    struct process_result result;
    (void)state;
    INSIDE(&result, "info", "--json", "demo/pages/tour.pdf");
    assert_int_equal(result.exit_code, 0);
    json_t *report = process_json(&result);
    for (size_t i = 0; i < NOT_TO_BE_HAD; i++)
        assert_false(is_in_force(report, not_to_be_had[i]));
    assert_true(is_in_force(report, "seccomp"));
    assert_true(is_in_force(report, "no-new-privs"));
    assert_true(is_in_force(report, "no-capabilities"));
    assert_true(is_in_force(report, "closed-fds"));
    assert_non_null(strstr(result.err, "user-namespace"));
    json_decref(report);
    process_result_free(&result);
}

static void a_required_layer_that_cannot_be_had_is_refused(void **state)
{
    struct process_result result;
    (void)state;
    INSIDE(&result, "info", "--require", "pid-namespace", "demo/pages/tour.pdf");
    assert_int_equal(result.exit_code, EXIT_CODE_LAYER_MISSING);
    assert_non_null(strstr(result.err, "pid-namespace"));
    process_result_free(&result);
    INSIDE(&result, "info", "--require", "seccomp,no-capabilities", "demo/pages/tour.pdf");
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
}

static void the_sandbox_page_knows_where_it_is(void **state)
{
    struct process_result result;
    const json_t *row;
    size_t i, missing = 0;
    (void)state;
    INSIDE(&result, "sandbox", "--json");
    assert_int_equal(result.exit_code, SOUND); /* what the host has not is not wanted */
    json_t *page = process_json(&result);
    const json_t *host = json_object_get(page, "host");
    assert_non_null(strstr(process_json_text(host, "surroundings"), "a user namespace"));
    assert_non_null(strstr(process_json_text(host, "surroundings"), "a seccomp filter"));
    json_array_foreach(json_object_get(host, "layers"), i, row) {
        for (size_t k = 0; k < NOT_TO_BE_HAD; k++)
            if (strcmp(process_json_text(row, "name"), not_to_be_had[k]) == 0 &&
                json_is_false(json_object_get(row, "here")))
                missing++;
    }
    assert_int_equal(missing, NOT_TO_BE_HAD);
    json_decref(page);
    process_result_free(&result);
}

static void what_is_left_holds(void **state)
{
    struct process_result result;
    (void)state;
    INSIDE(&result, "attack", "--family", "kernel", "--family", "processes", "--json");
    assert_int_equal(result.exit_code, 0);
    json_t *report = process_json(&result);
    assert_true(json_integer_value(json_object_get(report, "tried")) >= 40);
    assert_int_equal(json_integer_value(json_object_get(report, "held")),
                     json_integer_value(json_object_get(report, "tried")));
    json_decref(report);
    process_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_read_and_what_is_missing_is_said),
        cmocka_unit_test(a_required_layer_that_cannot_be_had_is_refused),
        cmocka_unit_test(the_sandbox_page_knows_where_it_is),
        cmocka_unit_test(what_is_left_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
