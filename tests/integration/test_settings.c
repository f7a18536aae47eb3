/* In somebody's container there are no namespaces of our own to be had; on an old kernel, no Landlock and a few others
 * (tests/support/in_setting_main.c plays both). Everything works there all the same, says what it lacks, refuses when
 * told to, and what is left holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "broker/exit_codes.h"
#include "broker/layers.h"
#include "tests/support/process.h"

enum { ARGUMENTS_MAX = 16, EXIT_NOT_HERE = 77 };

/* One of the settings, and the layers that it has not. */
static const struct setting {
    const char *name;
    const char *lacks[10];
    const char *requirable; /* what it has */
} container = {"container",
               {"user-namespace", "mount-namespace", "pid-namespace", "net-namespace", "ipc-namespace", "uts-namespace",
                "cgroup-namespace", "empty-root"},
               "seccomp,no-capabilities"},
  old_kernel = {
      "linux-5.10",
      {"landlock-files", "landlock-network", "landlock-scopes", "memory-deny-write-execute", "channel-refuses-fds"},
      "seccomp,user-namespace"};

static void run_in(const struct setting *setting, struct process_result *result, const char *const *arguments)
{
    char helper[600], program[600];
    const char *argv[ARGUMENTS_MAX] = {helper, setting->name, program};
    const char *build = getenv("BULKHEAD_BUILD");
    size_t count = 3;
    snprintf(helper, sizeof helper, "%s/tests/in-setting", build != NULL ? build : "build/release");
    snprintf(program, sizeof program, "%s/bulkhead", build != NULL ? build : "build/release");
    while (*arguments != NULL && count + 1 < ARGUMENTS_MAX)
        argv[count++] = *arguments++;
    process_run(argv, &(struct process_options){0}, result);
    assert_false(result->timed_out);
    if (result->exit_code == EXIT_NOT_HERE)
        skip(); /* said on stderr */
}
#define RUN_IN(setting, result, ...) run_in(setting, result, (const char *const[]){__VA_ARGS__, NULL})

static json_t *parse(const struct process_result *result)
{
    json_error_t error;
    json_t *object = json_loads(result->out, 0, &error);
    if (object == NULL)
        fail_msg("no JSON: %s; stderr: %s", error.text, result->err);
    return object;
}

static bool is_in_force(const json_t *report, const char *layer)
{
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(report, "sandbox"), "layers"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), layer) == 0)
            return json_is_true(json_object_get(row, "in_force"));
    }
    fail_msg("no layer %s in the report", layer);
    return false;
}

static void check_report(const struct setting *setting)
{
    struct process_result result;
    RUN_IN(setting, &result, "info", "--json", "demo/pages/tour.pdf");
    assert_int_equal(result.exit_code, 0);
    json_t *report = parse(&result);
    for (size_t i = 0; setting->lacks[i] != NULL; i++) {
        assert_false(is_in_force(report, setting->lacks[i]));
        assert_non_null(strstr(result.err, setting->lacks[i]));
    }
    assert_true(is_in_force(report, "seccomp"));
    assert_true(is_in_force(report, "no-new-privs"));
    assert_true(is_in_force(report, "no-capabilities"));
    assert_true(is_in_force(report, "closed-fds"));
    json_decref(report);
    process_result_free(&result);
}

static void check_require(const struct setting *setting)
{
    struct process_result result;
    for (size_t i = 0; setting->lacks[i] != NULL; i++) {
        RUN_IN(setting, &result, "info", "--require", setting->lacks[i], "demo/pages/tour.pdf");
        assert_int_equal(result.exit_code, EXIT_CODE_LAYER_MISSING);
        assert_non_null(strstr(result.err, setting->lacks[i]));
        process_result_free(&result);
    }
    RUN_IN(setting, &result, "info", "--require", setting->requirable, "demo/pages/tour.pdf");
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
}

static bool is_listed_not_here(const json_t *host, const char *layer)
{
    const json_t *row;
    size_t i;
    json_array_foreach(json_object_get(host, "layers"), i, row)
    {
        if (strcmp(json_string_value(json_object_get(row, "name")), layer) == 0)
            return json_is_false(json_object_get(row, "here"));
    }
    return false;
}

/* What a host has not is not wanted: the page says so and is content. */
static json_t *check_page(const struct setting *setting)
{
    struct process_result result;
    RUN_IN(setting, &result, "sandbox", "--json");
    assert_int_equal(result.exit_code, 0);
    json_t *page = parse(&result);
    for (size_t i = 0; setting->lacks[i] != NULL; i++)
        assert_true(is_listed_not_here(json_object_get(page, "host"), setting->lacks[i]));
    process_result_free(&result);
    return page;
}

static void check_attempts(const struct setting *setting)
{
    struct process_result result;
    RUN_IN(setting, &result, "attack", "--family", "kernel", "--family", "processes", "--json");
    assert_int_equal(result.exit_code, 0);
    json_t *report = parse(&result);
    assert_true(json_integer_value(json_object_get(report, "tried")) >= 40);
    assert_int_equal(json_integer_value(json_object_get(report, "held")),
                     json_integer_value(json_object_get(report, "tried")));
    json_decref(report);
    process_result_free(&result);
}

static void in_a_container_documents_are_read_and_what_is_missing_is_said(void **state)
{
    (void)state;
    check_report(&container);
}

static void in_a_container_a_required_layer_that_cannot_be_had_is_refused(void **state)
{
    (void)state;
    check_require(&container);
}

static void in_a_container_the_sandbox_page_knows_where_it_is(void **state)
{
    (void)state;
    json_t *page = check_page(&container);
    const char *surroundings = json_string_value(json_object_get(json_object_get(page, "host"), "surroundings"));
    assert_non_null(strstr(surroundings, "a user namespace"));
    assert_non_null(strstr(surroundings, "a seccomp filter"));
    json_decref(page);
}

static void in_a_container_what_is_left_holds(void **state)
{
    (void)state;
    check_attempts(&container);
}

static void on_an_old_kernel_documents_are_read_and_what_is_missing_is_said(void **state)
{
    (void)state;
    check_report(&old_kernel);
}

static void on_an_old_kernel_a_required_layer_that_cannot_be_had_is_refused(void **state)
{
    (void)state;
    check_require(&old_kernel);
}

static void on_an_old_kernel_the_sandbox_page_says_what_it_has_not(void **state)
{
    (void)state;
    json_decref(check_page(&old_kernel));
}

static void on_an_old_kernel_what_is_left_holds(void **state)
{
    (void)state;
    check_attempts(&old_kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_a_container_documents_are_read_and_what_is_missing_is_said),
        cmocka_unit_test(in_a_container_a_required_layer_that_cannot_be_had_is_refused),
        cmocka_unit_test(in_a_container_the_sandbox_page_knows_where_it_is),
        cmocka_unit_test(in_a_container_what_is_left_holds),
        cmocka_unit_test(on_an_old_kernel_documents_are_read_and_what_is_missing_is_said),
        cmocka_unit_test(on_an_old_kernel_a_required_layer_that_cannot_be_had_is_refused),
        cmocka_unit_test(on_an_old_kernel_the_sandbox_page_says_what_it_has_not),
        cmocka_unit_test(on_an_old_kernel_what_is_left_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
