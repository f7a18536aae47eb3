/* bulkhead crashes as its user meets it: on a terminal and into a file, with what somebody damaged or forged, in
 * directories of all kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "broker/command/exit_codes.h"
#include "common/text.h"
#include "tests/support/process.h"
#include "tests/support/pseudo_terminal.h"
#include "tests/support/scratch.h"

#define RUN(result, options, ...) process_run((const char *const[]){__VA_ARGS__, NULL}, options, result)

/* A report of this misdeed in scratch's "crashes". */
static void misbehave(void **state, const char *kind)
{
    struct process_result result;
    char out[SCRATCH_PATH], directory[SCRATCH_PATH];
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-p", "1", "-o",
        scratch_path(state, "%d.png", out), "--crash-test", kind, "--crash-dir",
        scratch_path(state, "crashes", directory));
    assert_false(result.timed_out);
    process_result_free(&result);
}

/* Runs crashes on scratch's "crashes"; words may be NULL. */
static void run_crashes(void **state, struct process_result *ret_result, const char *word, const char *next)
{
    char directory[SCRATCH_PATH];
    RUN(ret_result, NULL, "bulkhead", "crashes", "--crash-dir", scratch_path(state, "crashes", directory), word,
        word != NULL ? next : NULL);
    assert_false(ret_result->timed_out);
}

static void list_show_and_clear_do_what_they_say(void **state)
{
    struct process_result result;
    misbehave(state, "wild-write");
    misbehave(state, "forbidden-syscall");
    run_crashes(state, &result, NULL, NULL);
    assert_memory_equal(result.out, "1  20", 5);
    assert_non_null(strstr(result.out, "  sample.pdf  crashed: SIGSEGV (address not mapped) at 0x10\n2  20"));
    assert_non_null(strstr(result.out, "  sample.pdf  sandbox violation: socket("));
    assert_non_null(strstr(result.out, "2 crash reports, "));
    process_result_free(&result);
    run_crashes(state, &result, "show", NULL);
    assert_memory_equal(result.out, "Crash report 2: sandbox violation: socket(", 42);
    assert_non_null(strstr(result.out, "/crashes/crash-0002.json\n"));
    process_result_free(&result);
    run_crashes(state, &result, "show", "1");
    assert_memory_equal(result.out, "Crash report 1: crashed: SIGSEGV", 32);
    process_result_free(&result);
    run_crashes(state, &result, "show", "3");
    assert_int_equal(result.exit_code, EXIT_CODE_NOT_FOUND);
    assert_string_equal(result.err, "bulkhead: there is no crash report 3 (bulkhead crashes lists them)\n");
    process_result_free(&result);
    run_crashes(state, &result, "clear", NULL);
    assert_string_equal(result.out, "2 crash reports removed\n");
    process_result_free(&result);
    run_crashes(state, &result, NULL, NULL);
    assert_string_equal(result.out, "no crash reports\n");
    process_result_free(&result);
    run_crashes(state, &result, "show", NULL);
    assert_int_equal(result.exit_code, EXIT_CODE_NOT_FOUND);
    process_result_free(&result);
}

/* What crashes wrote to a terminal of so many columns; owned by the caller. */
static char *on_a_terminal(void **state, int columns, const char *word)
{
    struct pseudo_terminal terminal;
    char directory[SCRATCH_PATH];
    const char *const argv[] = {"bulkhead", "crashes", "--crash-dir", scratch_path(state, "crashes", directory),
                                word,       NULL};
    pseudo_terminal_start(&terminal, columns, 50, argv, NULL);
    assert_int_equal(pseudo_terminal_wait(&terminal), EXIT_CODE_OK);
    char *out = strdup(terminal.output);
    pseudo_terminal_end(&terminal);
    assert_non_null(out);
    return out;
}

/* But for a word that is longer than a line, such as the directory's path. */
static void assert_no_wider(const char *text, size_t columns)
{
    char *copy = strdup(text), *rest = copy;
    assert_non_null(copy);
    for (char *line; (line = strsep(&rest, "\r\n")) != NULL;)
        if (text_columns(line) > columns && strstr(line, "/crashes") == NULL)
            fail_msg("%zu columns, but %zu: \"%s\"", columns, text_columns(line), line);
    free(copy);
}

static void a_report_is_as_wide_as_the_terminal_and_never_cut_in_a_file(void **state)
{
    static const int widths[] = {60, 80, 120};
    struct process_result result;
    misbehave(state, "forbidden-syscall");
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        char *text = on_a_terminal(state, widths[i], "show");
        assert_non_null(strstr(text, "\nModules: "));
        assert_no_wider(text, widths[i] < 80 ? 80 : (size_t)widths[i]); /* its tables take 80 */
        text[strcspn(text, "\r\n")] = '\0';                             /* the words before its first line count, too */
        assert_no_wider(text, (size_t)widths[i]);
        free(text);
    }
    char *text = on_a_terminal(state, 80, "show");
    assert_non_null(strstr(text, "\r\n     [bulkhead-renderer]")); /* of a frame, under its address */
    assert_non_null(strstr(text, "Landlock ABI"));
    free(text);
    run_crashes(state, &result, "show", NULL);
    assert_null(strstr(result.out, "\n     [bulkhead-renderer]"));
    assert_non_null(strstr(result.out, ") [bulkhead-renderer]\n"));
    process_result_free(&result);
}

static void the_list_is_as_wide_as_the_terminal_and_never_cut_in_a_file(void **state)
{
    struct process_result result;
    char path[SCRATCH_PATH];
    misbehave(state, "forbidden-syscall");
    scratch_write(state, "crashes/crash-0002.json", "{\"format\": \"bulkhead crash report\", \"format\": 1}", 48);
    misbehave(state, "unexpected-exit");
    char *text = on_a_terminal(state, 60, "list");
    assert_no_wider(text, 60);
    assert_non_null(strstr(text, "  sample.pdf  sandbox violation: socket"));
    assert_non_null(strstr(text, "…\r\n2  -                 -           cannot be read: no JSON"));
    assert_non_null(strstr(text, "…\r\n3  20"));
    free(text);
    run_crashes(state, &result, "list", NULL);
    assert_null(strstr(result.out, "…"));
    assert_non_null(strstr(result.out, "  sandbox violation: socket(0x2, 0x1, 0x0, "));
    assert_non_null(strstr(result.out, ")\n2  -")); /* its last argument, whatever was in that register */
    process_result_free(&result);
    assert_true(scratch_exists(scratch_path(state, "crashes/crash-0003.json", path)));
}

static void words_it_does_not_know_are_refused(void **state)
{
    static const char *const wrong[][2] = {{"frobnicate", NULL}, {"list", "1"},  {"show", "x"},    {"show", "0"},
                                           {"show", "-1"},       {"clear", "1"}, {"--nope", NULL}, {"--crash-dir", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct process_result result;
        RUN(&result, NULL, "bulkhead", "crashes", wrong[i][0], wrong[i][1]);
        assert_int_equal(result.exit_code, EXIT_CODE_USAGE);
        assert_non_null(strstr(result.err, "bulkhead help crashes"));
        process_result_free(&result);
    }
}

static void a_damaged_report_is_named_and_the_others_are_listed(void **state)
{
    struct process_result result;
    char path[SCRATCH_PATH];
    misbehave(state, "abort");
    misbehave(state, "abort");
    assert_int_equal(truncate(scratch_path(state, "crashes/crash-0001.json", path), 1000), 0);
    run_crashes(state, &result, NULL, NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "cannot be read: no JSON, line "));
    assert_non_null(strstr(result.out, "crashed: SIGABRT"));
    process_result_free(&result);
    run_crashes(state, &result, "show", "1");
    assert_int_equal(result.exit_code, EXIT_CODE_DAMAGED);
    assert_non_null(strstr(result.err, "crash report 1 cannot be read: no JSON, line "));
    process_result_free(&result);
    assert_int_equal(truncate(path, 0), 0);
    char directory[SCRATCH_PATH];
    RUN(&result, NULL, "bulkhead", "crashes", "show", "1", "--json", "--crash-dir",
        scratch_path(state, "crashes", directory));
    assert_int_equal(result.exit_code, EXIT_CODE_DAMAGED);
    json_t *root = json_loads(result.out, 0, NULL);
    assert_string_equal(process_json_text(root, "error"), "it is empty");
    json_decref(root);
    process_result_free(&result);
}

static void clear_names_what_it_cannot_remove(void **state)
{
    struct process_result result;
    char path[SCRATCH_PATH], line[2 * SCRATCH_PATH];
    misbehave(state, "abort");
    assert_int_equal(mkdir(scratch_path(state, "crashes/crash-0002.json", path), 0700), 0);
    run_crashes(state, &result, "clear", NULL);
    assert_int_not_equal(result.exit_code, 0);
    assert_string_equal(result.out, "1 crash report removed\n");
    snprintf(line, sizeof line, "bulkhead: %s could not be removed: is a directory\n", path);
    assert_string_equal(result.err, line);
    process_result_free(&result);
}

/* Another user's reports may be looked at, by root for one; they are not ours to remove. */
static void reports_that_are_not_ours_are_shown_but_not_removed(void **state)
{
    struct process_result result;
    char directory[SCRATCH_PATH], path[SCRATCH_PATH];
    misbehave(state, "abort");
    scratch_path(state, "crashes", directory);
    if (geteuid() == 0)
        assert_int_equal(chown(directory, 12345, 12345), 0);
    else
        assert_int_equal(chmod(directory, 0777), 0);
    run_crashes(state, &result, "show", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "crashed: SIGABRT"));
    process_result_free(&result);
    run_crashes(state, &result, "clear", NULL);
    assert_int_equal(result.exit_code, EXIT_CODE_NO_PERMISSION);
    assert_non_null(strstr(result.err, geteuid() == 0 ? "belongs to another user" : "chmod go-w"));
    process_result_free(&result);
    assert_true(scratch_exists(scratch_path(state, "crashes/crash-0001.json", path)));
    if (geteuid() == 0)
        return; /* there is no file that root may not read */
    assert_int_equal(chmod(path, 0), 0);
    run_crashes(state, &result, "show", "1");
    assert_int_equal(result.exit_code, EXIT_CODE_NO_PERMISSION);
    process_result_free(&result);
}

static void crashes_says_why_it_cannot_look(void **state)
{
    static const char *const homeless[] = {"XDG_STATE_HOME=", "HOME=", NULL};
    const struct process_options no_home = {.environment = homeless};
    struct process_result result;
    (void)state;
    RUN(&result, &no_home, "bulkhead", "crashes");
    assert_int_equal(result.exit_code, EXIT_CODE_UNREADABLE);
    assert_non_null(strstr(result.err, "neither XDG_STATE_HOME nor HOME says where (--crash-dir DIR"));
    process_result_free(&result);
    RUN(&result, NULL, "bulkhead", "crashes", "--crash-dir", "/nowhere/at/all");
    assert_int_equal(result.exit_code, EXIT_CODE_UNREADABLE);
    assert_non_null(strstr(result.err, "/nowhere/at/all: No such file or directory"));
    process_result_free(&result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(list_show_and_clear_do_what_they_say),
        TEST(a_report_is_as_wide_as_the_terminal_and_never_cut_in_a_file),
        TEST(the_list_is_as_wide_as_the_terminal_and_never_cut_in_a_file),
        TEST(words_it_does_not_know_are_refused),
        TEST(a_damaged_report_is_named_and_the_others_are_listed),
        TEST(clear_names_what_it_cannot_remove),
        TEST(reports_that_are_not_ours_are_shown_but_not_removed),
        TEST(crashes_says_why_it_cannot_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
