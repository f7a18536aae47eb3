/* Many pages, many inputs: what goes on when renderers end in the middle, who waits for whom, and what is left behind.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "broker/command/exit_codes.h"
#include "tests/support/process.h"
#include "tests/support/pseudo_terminal.h"
#include "tests/support/scratch.h"

#define RUN(result, options, ...) process_run((const char *const[]){__VA_ARGS__, NULL}, options, result)

/* Eleven pages. */
static const char tour[] = "demo/pages/tour.pdf";
enum { TOUR_PAGES = 11 };

static json_t *report_of(const struct process_result *result)
{
    json_error_t error;
    json_t *root = json_loads(result->out, 0, &error);
    if (!root)
        print_message("exit %d\n%s\n%s\n", result->exit_code, result->out, result->err);
    assert_non_null(root);
    return root;
}

static json_t *first_file(json_t *root)
{
    return json_array_get(json_object_get(root, "files"), 0);
}

static size_t count_pages(json_t *file, const char *status)
{
    size_t i, count = 0;
    json_t *page;
    json_array_foreach(json_object_get(file, "pages"), i, page)
        count += strcmp(process_json_text(page, "status"), status) == 0;
    return count;
}

static void pages_after_a_crash_are_painted_by_a_fresh_renderer(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    scratch_path(state, "%d.png", out);
    RUN(&result, NULL, "bulkhead", "render", tour, "-o", out, "--jobs", "1", "--crash-test", "wild-write", "--json");
    assert_int_equal(result.exit_code, EXIT_CODE_CRASHED);
    json_t *root = report_of(&result), *file = first_file(root);
    assert_int_equal(count_pages(file, "ok"), TOUR_PAGES - 1);
    assert_int_equal(json_array_size(json_object_get(file, "ends")), 1);
    json_t *end = json_object_get(file, "end");
    assert_int_equal(json_integer_value(json_object_get(end, "page")), 1);
    assert_true(json_array_size(json_object_get(end, "backtrace")) > 0);
    json_decref(root);
    assert_int_equal(scratch_count(state), TOUR_PAGES - 1);
    process_result_free(&result);
}

static void a_document_that_ends_every_renderer_is_given_up(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    scratch_path(state, "%d.png", out);
    RUN(&result, NULL, "bulkhead", "render", tour, "-o", out, "--jobs", "1", "--crash-test", "abort,every", "--json");
    assert_int_equal(result.exit_code, EXIT_CODE_CRASHED);
    json_t *root = report_of(&result), *file = first_file(root);
    assert_int_equal(json_array_size(json_object_get(file, "ends")), 3); /* the policy's quarantine_ends */
    assert_int_equal(count_pages(file, "failed"), TOUR_PAGES);
    json_t *last = json_array_get(json_object_get(file, "pages"), TOUR_PAGES - 1);
    assert_string_equal(process_json_text(json_object_get(last, "error"), "name"), "quarantined");
    json_decref(root);
    assert_int_equal(scratch_count(state), 0);
    process_result_free(&result);
}

static void several_renderers_write_the_same_pages_as_one(void **state)
{
    struct process_result result;
    char one[SCRATCH_PATH], many[SCRATCH_PATH];
    scratch_path(state, "one-%02d.ppm", one);
    scratch_path(state, "many-%02d.ppm", many);
    RUN(&result, NULL, "bulkhead", "render", tour, "-o", one, "--jobs", "1");
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
    RUN(&result, NULL, "bulkhead", "render", tour, "-o", many, "--jobs", "3");
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
    for (int page = 1; page <= TOUR_PAGES; page++) {
        char name[32];
        size_t bytes_one, bytes_many;
        snprintf(name, sizeof(name), "one-%02d.ppm", page);
        char *data_one = scratch_read(scratch_path(state, name, one), &bytes_one);
        snprintf(name, sizeof(name), "many-%02d.ppm", page);
        char *data_many = scratch_read(scratch_path(state, name, many), &bytes_many);
        assert_non_null(data_one);
        assert_non_null(data_many);
        assert_int_equal(bytes_one, bytes_many);
        assert_memory_equal(data_one, data_many, bytes_one);
        free(data_one);
        free(data_many);
    }
}

static void pages_reach_a_pipe_in_order(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    size_t offset = 0;
    scratch_path(state, "%d.ppm", out);
    RUN(&result, NULL, "bulkhead", "render", tour, "-o", out, "--dpi", "30");
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
    RUN(&result, NULL, "bulkhead", "render", tour, "-o", "-", "-f", "ppm", "--dpi", "30", "--jobs", "4");
    assert_int_equal(result.exit_code, 0);
    for (int page = 1; page <= TOUR_PAGES; page++) {
        char name[32];
        size_t bytes;
        snprintf(name, sizeof(name), "%d.ppm", page);
        char *data = scratch_read(scratch_path(state, name, out), &bytes);
        assert_non_null(data);
        assert_true(offset + bytes <= result.out_bytes);
        assert_memory_equal(result.out + offset, data, bytes);
        offset += bytes;
        free(data);
    }
    assert_int_equal(offset, result.out_bytes);
    process_result_free(&result);
}

static void a_reader_that_goes_away_ends_the_run(void **state)
{
    struct process_result result;
    const struct process_options closed = {.closes_stdout = true};
    (void)state;
    RUN(&result, &closed, "bulkhead", "render", tour, "demo/pages/sea.jpg", "-o", "-", "-f", "raw");
    assert_int_equal(result.exit_code, EXIT_CODE_OUTPUT_CLOSED);
    assert_non_null(strstr(result.err, "tour.pdf"));
    assert_non_null(strstr(result.err, "sea.jpg"));
    process_result_free(&result);
}

struct output_wait {
    void **state;
    size_t wanted;
};

static bool has_outputs(void *userdata)
{
    struct output_wait *wait = userdata;
    return scratch_count(wait->state) >= wait->wanted;
}

/* The second input is slow enough that the interrupt comes while it is at work. */
static void an_interrupt_keeps_finished_pages_and_leaves_no_half_ones(void **state)
{
    char out[SCRATCH_PATH], policy[SCRATCH_PATH];
    static const char quick[] = "{\"shutdown_deadline_ms\": 300}";
    int out_fd = -1;
    scratch_write(state, "policy.json", quick, sizeof(quick) - 1);
    scratch_path(state, "policy.json", policy);
    const char *argv[] = {"bulkhead", "render", "demo/pages/sea.jpg",
                          tour,       "-o",     scratch_path(state, "%s.png", out),
                          "--jobs",   "1",      "--policy",
                          policy,     "--dpi",  "600",
                          "--pages",  "1",      NULL};
    pid_t pid = process_start(argv, NULL, &out_fd);
    struct output_wait wait = {state, 2};
    assert_true(process_wait_until(has_outputs, &wait, 20000));
    kill(pid, SIGINT);
    int code = process_wait(pid, 10000);
    close(out_fd);
    assert_true(code == 128 + SIGINT || code == 0); /* 0: it was faster */
    assert_true(scratch_exists(scratch_path(state, "sea.png", out)));
    uint32_t width, height;
    assert_true(png_size(out, &width, &height));
    assert_true(scratch_count(state) <= 3);
    if (scratch_exists(scratch_path(state, "tour.png", out)))
        assert_true(png_size(out, &width, &height));
}

static void default_names_stand_in_the_working_directory(void **state)
{
    struct process_result result;
    char expected[SCRATCH_PATH], document[4096], program[4096], *here = getcwd(NULL, 0);
    const char *build = getenv("BULKHEAD_BUILD");
    snprintf(document, sizeof(document), "%s/demo/pages/sea.jpg", here);
    snprintf(program, sizeof(program), "%s%s%s/bulkhead", build && build[0] == '/' ? "" : here,
             build && build[0] == '/' ? "" : "/", build ? build : "build/release");
    struct scratch *scratch = *state;
    assert_int_equal(chdir(scratch->directory), 0);
    RUN(&result, NULL, program, "render", document, document, "--width", "64");
    assert_int_equal(chdir(here), 0);
    free(here);
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
    assert_true(scratch_exists(scratch_path(state, "sea-001.png", expected)));
    assert_true(scratch_exists(scratch_path(state, "sea.jpg-001.png", expected)));
}

static void a_name_that_json_cannot_say_is_there_byte_for_byte_as_well(void **state)
{
    static const char name[] = "\xff\n.pdf";
    struct process_result result;
    char in[SCRATCH_PATH], out[SCRATCH_PATH], hex[2 * SCRATCH_PATH + 1] = "";
    size_t bytes;
    char *document = scratch_read(document_path("sample.pdf"), &bytes);
    assert_non_null(document);
    scratch_write(state, name, document, bytes);
    free(document);
    scratch_path(state, name, in);
    scratch_path(state, "%s.png", out);
    RUN(&result, NULL, "bulkhead", "render", "--json", "-p", "1", "-o", out, in);
    json_t *root = report_of(&result), *file = first_file(root);
    json_t *page = json_array_get(json_object_get(file, "pages"), 0);
    assert_non_null(strstr(process_json_text(file, "input"), "/\\xff\\x0a.pdf"));
    for (size_t i = 0; in[i]; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)in[i]);
    assert_string_equal(process_json_text(file, "input_hex"), hex);
    const char *output_hex = process_json_text(page, "output_hex");
    assert_true(strlen(output_hex) > 12);
    assert_string_equal(output_hex + strlen(output_hex) - 12, "ff0a2e706e67");
    json_decref(root);
    process_result_free(&result);

    RUN(&result, NULL, "bulkhead", "info", "--json", document_path("sample.pdf"));
    root = report_of(&result);
    assert_string_equal(process_json_text(first_file(root), "input"), document_path("sample.pdf"));
    assert_null(json_object_get(first_file(root), "input_hex"));
    json_decref(root);
    process_result_free(&result);
}

static void a_terminal_shows_how_far_it_is_until_something_is_said(void **state)
{
    struct pseudo_terminal terminal;
    char out[SCRATCH_PATH];
    const char *const argv[] = {"bulkhead",
                                "render",
                                tour,
                                "-p",
                                "1-3",
                                "-o",
                                scratch_path(state, "%d.png", out),
                                "--crash-test",
                                "hang",
                                "--timeout",
                                "2",
                                "--no-crash-reports",
                                NULL};
    pseudo_terminal_start(&terminal, 80, 24, argv, NULL);
    assert_int_equal(pseudo_terminal_wait(&terminal), EXIT_CODE_TIMEOUT);
    const char *bar = strstr(terminal.output, "\r\033[K0/3 [........................] tour.pdf");
    assert_non_null(bar);
    const char *error = strstr(bar, "took too long"), *gone = strstr(bar + 1, "\r\033[K");
    assert_true(error != NULL && gone != NULL && gone < error);
    pseudo_terminal_end(&terminal);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(pages_after_a_crash_are_painted_by_a_fresh_renderer),
        TEST(a_document_that_ends_every_renderer_is_given_up),
        TEST(several_renderers_write_the_same_pages_as_one),
        TEST(pages_reach_a_pipe_in_order),
        TEST(a_reader_that_goes_away_ends_the_run),
        TEST(an_interrupt_keeps_finished_pages_and_leaves_no_half_ones),
        TEST(a_name_that_json_cannot_say_is_there_byte_for_byte_as_well),
        TEST(default_names_stand_in_the_working_directory),
        TEST(a_terminal_shows_how_far_it_is_until_something_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
