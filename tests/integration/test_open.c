/* `bulkhead open` and the demo, by a user who types and looks. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "broker/command/exit_codes.h"
#include "tests/support/process.h"
#include "tests/support/pseudo_terminal.h"
#include "tests/support/scratch.h"

#define OPEN(terminal, columns, rows, state, ...)                                                                      \
    open_with(terminal, columns, rows, state, (const char *const[]){"bulkhead", "open", __VA_ARGS__, NULL})

/* The session file goes into the test's own directory. */
static void open_with(struct pseudo_terminal *terminal, int columns, int rows, void **state, const char *const *argv)
{
    char directory[SCRATCH_PATH], home[SCRATCH_PATH + 32];

    snprintf(home, sizeof(home), "XDG_STATE_HOME=%s", scratch_path(state, "state", directory));
    pseudo_terminal_start(terminal, columns, rows, argv, (const char *const[]){home, NULL});
}

static void quit(struct pseudo_terminal *terminal, int code)
{
    pseudo_terminal_type(terminal, "q");
    assert_int_equal(pseudo_terminal_wait(terminal), code);
    assert_true(pseudo_terminal_is_restored(terminal));
    pseudo_terminal_end(terminal);
}

static void shows_a_document_and_gives_the_terminal_back(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 100, 30, state, document_path("sample.pdf"));
    pseudo_terminal_expect(&terminal, "▀");
    pseudo_terminal_expect(&terminal, "1/3  100%  PDF  live");
    pseudo_terminal_type(&terminal, "n");
    pseudo_terminal_expect(&terminal, "2/3  100%  PDF");
    pseudo_terminal_type(&terminal, "?");
    pseudo_terminal_expect(&terminal, "next page, page before");
    pseudo_terminal_type(&terminal, "?i");
    pseudo_terminal_expect(&terminal, "Files it asked for");
    pseudo_terminal_type(&terminal, "\033g");
    pseudo_terminal_expect(&terminal, "msgs out");
    quit(&terminal, 0);
}

static void shows_who_crashed_and_reloads_it(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 100, 30, state, "--crash-tests", document_path("sample.html"), "about:plasma");
    pseudo_terminal_expect(&terminal, "HTML  live");
    pseudo_terminal_expect(&terminal, "▀");
    pseudo_terminal_type(&terminal, "C");
    pseudo_terminal_expect(&terminal, "crashed: SIGSEGV");
    pseudo_terminal_expect(&terminal, "r reload");
    pseudo_terminal_expect(&terminal, "HTML  sad");
    pseudo_terminal_type(&terminal, "i");
    pseudo_terminal_expect(&terminal, "crash_test_write_pixel");
    pseudo_terminal_type(&terminal, "ie");
    pseudo_terminal_expect(&terminal, "sample.html: crash report: /tmp/");
    pseudo_terminal_type(&terminal, "e2");
    pseudo_terminal_expect(&terminal, "scene  live");
    pseudo_terminal_type(&terminal, "1r");
    pseudo_terminal_expect(&terminal, "HTML  live");
    quit(&terminal, 0);
}

static void shows_what_the_renderer_of_the_tab_in_front_is_in(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 100, 40, state, document_path("sample.pdf"), "about:plasma");
    pseudo_terminal_expect(&terminal, "PDF  live");
    pseudo_terminal_type(&terminal, "s");
    pseudo_terminal_expect(&terminal, "layers in force");
    pseudo_terminal_expect(&terminal, ": sample.pdf"); /* "renderer 1, pid 812: sample.pdf" */
    pseudo_terminal_expect(&terminal, "user-namespace");
    assert_false(pseudo_terminal_shows(&terminal, ": about:plasma"));
    pseudo_terminal_type(&terminal, "2");
    pseudo_terminal_expect(&terminal, ": about:plasma");
    pseudo_terminal_type(&terminal, " ");
    pseudo_terminal_expect(&terminal, "parent of ");
    pseudo_terminal_type(&terminal, "s");
    pseudo_terminal_expect(&terminal, "scene  live");
    quit(&terminal, 0);
}

static void does_not_misbehave_unless_it_was_allowed_to(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 80, 24, state, document_path("sample.txt"));
    pseudo_terminal_expect(&terminal, "text  live");
    pseudo_terminal_type(&terminal, "CHMS?");
    pseudo_terminal_expect(&terminal, "next page");
    assert_false(pseudo_terminal_shows(&terminal, "a wild write"));
    pseudo_terminal_type(&terminal, "?e");
    pseudo_terminal_expect(&terminal, "Events");
    assert_false(pseudo_terminal_shows(&terminal, "told its renderer"));
    pseudo_terminal_type(&terminal, "e");
    pseudo_terminal_expect(&terminal, "text  live");
    quit(&terminal, 0);
}

static void goes_on_at_any_size(void **state)
{
    static const int sizes[][2] = {{40, 12}, {1, 1}, {200, 60}, {5, 3}, {300, 4}, {80, 24}};
    struct pseudo_terminal terminal;

    OPEN(&terminal, 80, 24, state, "--overview", document_path("sample.pdf"), document_path("sample.svg"),
         "about:plasma");
    pseudo_terminal_expect(&terminal, "live");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        pseudo_terminal_resize(&terminal, sizes[i][0], sizes[i][1]);
        pseudo_terminal_type(&terminal, i % 2 ? "g2" : "g3");
    }
    pseudo_terminal_expect(&terminal, "sandbox: ");
    quit(&terminal, 0);
}

static void asks_for_the_password_of_an_encrypted_document(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 80, 24, state, document_path("encrypted.pdf"));
    pseudo_terminal_expect(&terminal, "it wants a password");
    pseudo_terminal_type(&terminal, "\rnope\r");
    pseudo_terminal_expect(&terminal, "that was not its password");
    pseudo_terminal_type(&terminal, "\rhunter2\r");
    pseudo_terminal_expect(&terminal, ": opened with its password");
    pseudo_terminal_expect(&terminal, "PDF  live");
    assert_null(strstr(terminal.output, "hunter"));
    quit(&terminal, 0);
}

static void says_why_a_page_cannot_be_shown_at_all(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 80, 24, state, document_path("truncated.jpg"));
    pseudo_terminal_expect(&terminal, "truncated.jpg: jpeg error: ");
    pseudo_terminal_expect(&terminal, "╭");
    quit(&terminal, 0);
}

static void says_that_a_document_may_be_incomplete(void **state)
{
    struct pseudo_terminal terminal;

    char path[SCRATCH_PATH];
    size_t bytes;
    char *picture = scratch_read(document_path("sample.jpg"), &bytes);

    assert_non_null(picture);
    scratch_write(state, "half.jpg", picture, bytes / 2);
    free(picture);
    OPEN(&terminal, 80, 24, state, scratch_path(state, "half.jpg", path));
    pseudo_terminal_expect(&terminal, "half.jpg: warning: page 1: premature end of file in jpeg (and 1 more)");
    pseudo_terminal_type(&terminal, "i");
    pseudo_terminal_expect(&terminal, "It may be incomplete");
    pseudo_terminal_type(&terminal, "i");
    quit(&terminal, 0);
}

static void opens_the_tabs_of_last_time_where_they_stood(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 80, 24, state, document_path("sample.pdf"), document_path("sample.svg"));
    pseudo_terminal_expect(&terminal, "1/3  100%  PDF");
    pseudo_terminal_type(&terminal, "nn+");
    pseudo_terminal_expect(&terminal, "3/3  125%");
    quit(&terminal, 0);
    OPEN(&terminal, 80, 24, state, "--restore");
    pseudo_terminal_expect(&terminal, "3/3  125%  PDF");
    pseudo_terminal_type(&terminal, "2");
    pseudo_terminal_expect(&terminal, "SVG  live");
    quit(&terminal, 0);
}

static void expect_one_saved_tab(void **state)
{
    char path[SCRATCH_PATH];
    size_t size;
    char *session = scratch_read(scratch_path(state, "state/bulkhead/session.json", path), &size);

    assert_non_null(session);
    json_t *root = json_loads(session, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(root, "tabs")), 1);
    json_decref(root);
    free(session);
}

static void saves_the_tabs_when_it_is_asked_to_end(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 80, 24, state, document_path("sample.pdf"));
    pseudo_terminal_expect(&terminal, "PDF  live");
    kill(terminal.pid, SIGTERM);
    assert_int_equal(pseudo_terminal_wait(&terminal), 128 + SIGTERM);
    assert_true(pseudo_terminal_is_restored(&terminal));
    pseudo_terminal_end(&terminal);
    expect_one_saved_tab(state);
}

static void saves_the_tabs_when_its_window_is_closed(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 80, 24, state, "about:plasma");
    pseudo_terminal_expect(&terminal, "scene  live");
    assert_int_equal(pseudo_terminal_hang_up(&terminal), 0);
    pseudo_terminal_end(&terminal);
    expect_one_saved_tab(state);
}

static void refuses_a_damaged_session(void **state)
{
    struct pseudo_terminal terminal;
    char path[SCRATCH_PATH];

    OPEN(&terminal, 80, 24, state, "about:blank");
    pseudo_terminal_expect(&terminal, "scene  live");
    quit(&terminal, 0);
    scratch_path(state, "state/bulkhead/session.json", path);
    FILE *file = fopen(path, "w");
    fputs("{\"version\": 1, \"active\": 0, \"tabs\": [{\"location\": \"/etc/passwd\", \"page\": -1}]}", file);
    fclose(file);
    OPEN(&terminal, 80, 24, state, "--restore");
    assert_int_equal(pseudo_terminal_wait(&terminal), EXIT_CODE_UNREADABLE);
    assert_non_null(strstr(terminal.output, "damaged"));
    pseudo_terminal_end(&terminal);
}

static void leaves_no_mess_when_it_is_killed(void **state)
{
    struct pseudo_terminal terminal;

    OPEN(&terminal, 80, 24, state, "about:plasma");
    pseudo_terminal_expect(&terminal, "▀");
    kill(terminal.pid, SIGKILL);
    assert_int_equal(pseudo_terminal_wait(&terminal), 128 + SIGKILL);
    assert_true(pseudo_terminal_is_restored(&terminal));
    pseudo_terminal_end(&terminal);
}

static void says_what_to_do_without_a_terminal(void **state)
{
    struct process_result result;

    (void)state;
    process_run((const char *const[]){"bulkhead", "open", document_path("sample.pdf"), NULL}, NULL, &result);
    assert_int_equal(result.exit_code, EXIT_CODE_USAGE);
    assert_non_null(strstr(result.err, "bulkhead render"));
    assert_int_equal(result.out_bytes, 0);
    process_result_free(&result);
}

static size_t count_files(const char *directory, const char *ending)
{
    DIR *entries = opendir(directory);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(entries);
    while ((entry = readdir(entries)))
        count += strlen(entry->d_name) > strlen(ending) &&
                 strcmp(entry->d_name + strlen(entry->d_name) - strlen(ending), ending) == 0;
    closedir(entries);
    return count;
}

static void tells_the_demo_as_plain_lines_and_checks_itself(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    size_t size;

#ifdef BULKHEAD_SANITIZED
    skip(); /* no memory limit can hold a renderer with AddressSanitizer's shadow memory */
#endif
    scratch_path(state, "out", out);
    process_run((const char *const[]){"bulkhead-demo", "--pages", "demo/pages", "--out", out, NULL}, NULL, &result);
    if (result.exit_code != 0)
        fprintf(stderr, "%s%s\n", result.out, result.err); /* longer than print_message() takes */
    assert_int_equal(result.exit_code, 0);
    assert_null(strchr(result.out, '\033'));
    static const char *const parts[] = {"crashed: SIGSEGV",
                                        "crash_test_write_pixel",
                                        "hung",
                                        "crash_test_spin",
                                        "out of memory",
                                        "crash_test_devour",
                                        "sandbox violation",
                                        "crash_test_open_socket",
                                        "to_renderer",
                                        "frame_ready",
                                        "0 lost"};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_non_null(strstr(result.out, parts[i]));
    assert_null(strstr(result.out, "NOT SO"));
    assert_int_equal(count_files(out, ".png"), 10);
    char *trace = scratch_read(scratch_path(state, "out/trace.json", out), &size);
    assert_non_null(trace);
    json_t *events = json_loads(trace, 0, NULL);
    assert_true(json_array_size(events) > 1000);
    json_decref(events);
    free(trace);
    process_result_free(&result);
}

/* A second and a half of a sleeping broker when it learns of the crash: its neighbours' frames are not taken. */
static void notices_when_a_crash_costs_the_neighbours_frames(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];

    process_run((const char *const[]){"bulkhead-demo", "--stall", "1500", "--pages", "demo/pages", "--out",
                                      scratch_path(state, "out", out), NULL},
                NULL, &result);
    assert_int_equal(result.exit_code, EXIT_CODE_SOME_FAILED);
    assert_non_null(strstr(result.out, "✗ NOT SO: all 9 neighbours painted on: "));
    assert_non_null(strstr(result.out, "NOT everything happened as told: 1 step was not so"));
    process_result_free(&result);
}

static void says_so_when_the_demo_cannot_find_its_documents(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];

    scratch_path(state, "out", out);
    process_run((const char *const[]){"bulkhead-demo", "--pages", "/nowhere", "--out", out, NULL}, NULL, &result);
    assert_int_equal(result.exit_code, EXIT_CODE_SOME_FAILED);
    assert_non_null(strstr(result.err, "--pages"));
    process_result_free(&result);
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        scratch_test(shows_a_document_and_gives_the_terminal_back),
        scratch_test(shows_who_crashed_and_reloads_it),
        scratch_test(shows_what_the_renderer_of_the_tab_in_front_is_in),
        scratch_test(does_not_misbehave_unless_it_was_allowed_to),
        scratch_test(goes_on_at_any_size),
        scratch_test(asks_for_the_password_of_an_encrypted_document),
        scratch_test(says_why_a_page_cannot_be_shown_at_all),
        scratch_test(says_that_a_document_may_be_incomplete),
        scratch_test(opens_the_tabs_of_last_time_where_they_stood),
        scratch_test(saves_the_tabs_when_it_is_asked_to_end),
        scratch_test(saves_the_tabs_when_its_window_is_closed),
        scratch_test(refuses_a_damaged_session),
        scratch_test(leaves_no_mess_when_it_is_killed),
        scratch_test(says_what_to_do_without_a_terminal),
        scratch_test(tells_the_demo_as_plain_lines_and_checks_itself),
        scratch_test(notices_when_a_crash_costs_the_neighbours_frames),
        scratch_test(says_so_when_the_demo_cannot_find_its_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
