/* test_lab.c - the lab by its program: every story holds, every transport carries what it is given, bad usage is said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/process.h"
#include "tests/support/pseudo_terminal.h"
#include "tests/support/scratch.h"

static json_t *run_json(const char *const *argv, int expected_code)
{
    const struct process_options options = {.timeout_ms = 240000};
    struct process_result result;
    json_error_t error;

    process_run(argv, &options, &result);
    if (result.timed_out || result.exit_code != expected_code)
        print_message("%s%s\n", result.out, result.err);
    assert_false(result.timed_out);
    assert_int_equal(result.exit_code, expected_code);
    json_t *json = json_loads(result.out, 0, &error);
    if (json == NULL)
        fail_msg("no JSON: %s", error.text);
    process_result_free(&result);
    return json;
}

/* Lines of a table in /proc/sysvipc: objects that are there, and a heading. */
static size_t count_lines(const char *path)
{
    FILE *file = fopen(path, "re");
    size_t lines = 0;
    int byte;

    while (file != NULL && (byte = fgetc(file)) != EOF)
        lines += byte == '\n';
    if (file != NULL)
        fclose(file);
    return lines;
}

static void every_story_holds_and_leaves_nothing_behind(void **state)
{
    const char *argv[] = {"bulkhead-lab", "show", "--json", NULL};
    size_t queues = count_lines("/proc/sysvipc/msg"), memories = count_lines("/proc/sysvipc/shm");
    json_t *stories = run_json(argv, 0), *story;
    size_t i;

    (void)state;
    assert_true(json_array_size(stories) >= 26);
    json_array_foreach(stories, i, story) {
        if (!json_is_true(json_object_get(story, "holds")))
            fail_msg("%s does not hold", process_json_text(story, "name"));
        assert_true(json_array_size(json_object_get(story, "steps")) > 0);
    }
    json_decref(stories);
    assert_int_equal(count_lines("/proc/sysvipc/msg"), queues);
    assert_int_equal(count_lines("/proc/sysvipc/shm"), memories);
}

/* What a line of text costs a story must not change how it ends: printing sets errno. */
static void every_story_holds_as_text_as_well(void **state)
{
    struct process_result result;

    (void)state;
    process_run((const char *const[]){"bulkhead-lab", "show", NULL}, NULL, &result);
    if (result.exit_code != 0)
        fprintf(stderr, "%s%s\n", result.out, result.err); /* longer than print_message() takes */
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "✓"));
    assert_null(strstr(result.out, "✗"));
    process_result_free(&result);
}

static void assert_figures(const json_t *row, const char *workload)
{
    const json_t *placements = json_object_get(row, workload), *figure;
    const char *placement, *missing = json_string_value(json_object_get(row, "not_installed"));

    json_object_foreach((json_t *)(uintptr_t)placements, placement, figure) {
        const char *error = json_string_value(json_object_get(figure, "error"));
        if (error != NULL && strcmp(error, "EOPNOTSUPP") != 0 && (missing == NULL || strcmp(error, "ENOPKG") != 0))
            fail_msg("%s, %s, %s: %s", process_json_text(row, "name"), workload, placement, error);
        if (error == NULL)
            assert_true(json_number_value(json_object_get(figure, "total_ms")) > 0);
    }
}

/* A claim that was measured holds or does not, by the two figures; and where it does not, it is said why. */
static void assert_claims(const json_t *row)
{
    const json_t *claims = json_object_get(row, "claims"), *claim;
    size_t i;

    json_array_foreach(claims, i, claim) {
        double claimed = json_number_value(json_object_get(claim, "claimed"));
        double measured = json_number_value(json_object_get(claim, "measured"));
        const char *unit = process_json_text(claim, "unit");
        bool is_time = strcmp(unit, "ms") == 0;
        bool holds = is_time ? measured <= claimed : measured >= claimed;
        assert_true(unit[0] != '\0' && claimed > 0 && measured > 0);
        assert_true(json_is_true(json_object_get(claim, "holds")) == holds);
        assert_true(json_is_string(json_object_get(claim, "why")) == !holds);
    }
}

static void every_transport_carries_what_it_is_given(void **state)
{
    char plot[SCRATCH_PATH];
    const char *argv[] = {"bulkhead-lab",
                          "bench",
                          "--json",
                          "--rounds",
                          "1",
                          "--messages",
                          "2000",
                          "--round-trips",
                          "100",
                          "--transfer",
                          "2M",
                          "--plot",
                          scratch_path(state, "chart.svg", plot),
                          NULL};
    json_t *table = run_json(argv, 0), *rows = json_object_get(table, "rows"), *row;
    size_t i, bytes, claims = 0;

    assert_true(json_array_size(rows) >= 18);
    json_array_foreach(rows, i, row) {
        assert_figures(row, "one_way");
        assert_figures(row, "round_trip");
        assert_figures(row, "transfer");
        assert_claims(row);
        claims += json_array_size(json_object_get(row, "claims"));
    }
    assert_true(claims >= 15);
    json_decref(table);
    char *svg = scratch_read(plot, &bytes);
    assert_non_null(svg);
    assert_non_null(strstr(svg, "<svg"));
    assert_non_null(strstr(svg, "</svg>"));
    free(svg);
}

/* A million messages that cost a system call or ten each have no room in a second. */
static void where_time_is_short_fewer_messages_are_measured_and_said(void **state)
{
    const char *argv[] = {"bulkhead-lab", "bench", "memfd",      "--json",  "--rounds", "1",
                          "--budget",     "1",     "--messages", "1000000", NULL};
    json_t *table = run_json(argv, 0), *row = json_array_get(json_object_get(table, "rows"), 0);
    const json_t *figure = json_object_get(json_object_get(row, "one_way"), "one_core");
    json_int_t messages = json_integer_value(json_object_get(figure, "messages"));

    (void)state;
    double others_percent = json_real_value(json_object_get(table, "others_percent"));
    assert_int_equal(json_integer_value(json_object_get(table, "budget_ms")), 1000);
    assert_true(others_percent >= 0 && others_percent <= 100);
    assert_true(messages > 0 && messages < 1000000);
    json_decref(table);
}

/* Which of how many, while it works; then that line is gone, and no line of the table is longer than 80 columns. */
static void a_terminal_shows_how_far_the_table_is_and_has_room_for_it(void **state)
{
    const char *argv[] = {"bulkhead-lab", "bench",      "--rounds", "1",    "--messages", "2000", "--round-trips",
                          "100",          "--transfer", "1M",       "pipe", "ring-spin",  NULL};
    struct pseudo_terminal terminal;

    (void)state;
    pseudo_terminal_start(&terminal, 80, 60, argv, NULL);
    assert_int_equal(pseudo_terminal_wait(&terminal), 0);
    assert_non_null(strstr(terminal.output, "1 of 2: pipe, one way"));
    assert_non_null(strstr(terminal.output, "2 of 2: ring-spin, a large transfer"));
    assert_non_null(strstr(terminal.output, "\r\033[KMedians of 1;"));
    assert_non_null(strstr(terminal.output, "two cores   one core  claimed  holds   measured"));
    for (const char *line = strstr(terminal.output, "1 KB one way"); line != NULL; line = strchr(line + 1, '\n'))
        assert_true(strcspn(line + 1, "\r\n") <= 80);
    assert_non_null(strstr(terminal.output, "ring-spin, 1 million messages a second"));
    pseudo_terminal_end(&terminal);
}

/* The one story told; its steps of this kind that begin with `text`. */
static size_t count_steps(const json_t *stories, const char *kind, const char *text)
{
    json_t *steps = json_object_get(json_array_get(stories, 0), "steps"), *step;
    size_t i, count = 0;

    json_array_foreach(steps, i, step) {
        const char *found = json_string_value(json_object_get(step, "text"));
        count += found != NULL && strcmp(process_json_text(step, "kind"), kind) == 0 &&
                 strncmp(found, text, strlen(text)) == 0;
    }
    return count;
}

static void a_pipeline_of_given_commands_runs_and_each_end_is_told(void **state)
{
    const char *argv[] = {"bulkhead-lab", "show",        "--json", "pipeline", "--", "echo",
                          "ab,b,a",       "|",           "grep",   "a",        "|",  "sh",
                          "-c",           "cat; exit 3", "|",      "wc",       "-l", NULL};
    json_t *stories = run_json(argv, 0);

    (void)state;
    assert_int_equal(count_steps(stories, "quote", "1"), 1);
    assert_int_equal(count_steps(stories, "say", "stage 1, echo ab,b,a: exit code 0"), 1);
    assert_int_equal(count_steps(stories, "say", "stage 3, sh -c cat; exit 3: exit code 3"), 1);
    assert_int_equal(count_steps(stories, "say", "stage 4, wc -l: exit code 0"), 1);
    json_decref(stories);
}

static void a_command_that_is_not_there_fails_the_show_and_is_named(void **state)
{
    const char *argv[] = {"bulkhead-lab", "show", "--json", "pipeline",        "--",
                          "echo",         "x",    "|",      "no-such-command", NULL};
    const char *empty_stage[] = {"bulkhead-lab", "show", "--json", "pipeline", "--", "echo", "|", "|", "cat", NULL};
    json_t *stories = run_json(argv, 1);

    (void)state;
    assert_int_equal(count_steps(stories, "say", "stage 2, no-such-command: could not be started: "), 1);
    json_decref(stories);
    json_decref(run_json(empty_stage, 1));
}

static double median_us(const json_t *row, const char *call)
{
    return json_number_value(json_object_get(json_object_get(row, call), "median_us"));
}

static const char *error_of(const json_t *row, const char *call)
{
    return json_string_value(json_object_get(json_object_get(row, call), "error"));
}

/* 900 descriptors are within every limit; a million are beyond RLIMIT_NOFILE, or there is memory for them. */
static void poll_pays_for_each_descriptor_and_select_says_where_it_ends(void **state)
{
    char plot[SCRATCH_PATH];
    const char *argv[] = {"bulkhead-lab", "multiplex", "--json", "--plot", scratch_path(state, "lines.svg", plot),
                          "10",           "900",       "1500",   NULL};
    json_t *table = run_json(argv, 0), *rows = json_object_get(table, "rows");
    const json_t *few = json_array_get(rows, 0), *many = json_array_get(rows, 1), *beyond = json_array_get(rows, 2);
    size_t bytes;

    assert_int_equal(json_array_size(rows), 3);
    assert_true(median_us(few, "epoll") > 0);
    assert_true(median_us(many, "poll") / median_us(few, "poll") >
                2 * median_us(many, "epoll") / median_us(few, "epoll"));
    assert_true(median_us(many, "select") > median_us(few, "select"));
    if (json_integer_value(json_object_get(table, "allowed")) >= 1500) {
        assert_string_equal(error_of(beyond, "select"), "FD_SETSIZE");
        assert_true(median_us(beyond, "poll") > 0 && median_us(beyond, "epoll") > 0);
    } else
        assert_string_equal(error_of(beyond, "poll"), "EMFILE");
    json_decref(table);
    char *svg = scratch_read(plot, &bytes);
    assert_non_null(svg);
    assert_non_null(strstr(svg, "</svg>"));
    free(svg);
}

/* Under a limit of our own the table says so, and has the most that fits. */
static void a_limit_on_descriptors_is_said_and_measured_up_to(void **state)
{
    static const char as_user[] = "ulimit -n 600 && exec \"$0\" multiplex --json";
    static const char as_root[] = "ulimit -n 600 && exec setpriv --bounding-set -all \"$0\" multiplex --json";
    const char *build = getenv("BULKHEAD_BUILD");
    char program[SCRATCH_PATH];
    const char *argv[] = {"/bin/sh", "-c", geteuid() == 0 ? as_root : as_user, program, NULL};

    snprintf(program, sizeof(program), "%s/bulkhead-lab", build != NULL ? build : "build/release");
    json_t *table = run_json(argv, 0), *rows = json_object_get(table, "rows");
    json_int_t allowed = json_integer_value(json_object_get(table, "allowed"));
    const json_t *row;
    size_t i;
    bool has_most = false;

    (void)state;
    assert_true(allowed > 0 && allowed < 600);
    json_array_foreach(rows, i, row) {
        json_int_t descriptors = json_integer_value(json_object_get(row, "descriptors"));
        has_most |= descriptors == allowed;
        if (descriptors > allowed)
            assert_string_equal(error_of(row, "epoll"), "EMFILE");
        else
            assert_true(median_us(row, "epoll") > 0);
    }
    assert_true(has_most);
    json_decref(table);
}

static void assert_refused(const char *const *argv, const char *words)
{
    struct process_result result;

    process_run(argv, NULL, &result);
    assert_int_equal(result.exit_code, 2);
    if (strstr(result.err, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, result.err);
    process_result_free(&result);
}

static void bad_usage_is_named(void **state)
{
    const char *no_command[] = {"bulkhead-lab", NULL};
    const char *unknown_command[] = {"bulkhead-lab", "measure", NULL};
    const char *unknown_name[] = {"bulkhead-lab", "show", "pigeon", NULL};
    const char *bad_number[] = {"bulkhead-lab", "bench", "--rounds", "0", NULL};
    const char *bad_size[] = {"bulkhead-lab", "bench", "--transfer", "5", NULL};

    const char *bad_budget[] = {"bulkhead-lab", "bench", "--budget", "soon", NULL};
    const char *bad_crowd[] = {"bulkhead-lab", "multiplex", "10", "0", NULL};
    const char *words_for_nobody[] = {"bulkhead-lab", "show", "pipe", "--", "ls", NULL};
    const char *words_for_two[] = {"bulkhead-lab", "show", "pipe", "pipeline", "--", "ls", NULL};
    const char *no_words[] = {"bulkhead-lab", "show", "pipeline", "--", NULL};

    (void)state;
    assert_refused(words_for_nobody, "after --");
    assert_refused(words_for_two, "after --");
    assert_refused(no_words, "COMMAND");
    assert_refused(no_command, "usage");
    assert_refused(unknown_command, "\"measure\"");
    assert_refused(unknown_name, "\"pigeon\"");
    assert_refused(bad_number, "--rounds");
    assert_refused(bad_size, "--transfer");
    assert_refused(bad_budget, "--budget");
    assert_refused(bad_crowd, "\"0\"");
}

static void the_list_names_every_mechanism_once(void **state)
{
    const char *argv[] = {"bulkhead-lab", "list", "--json", NULL};
    json_t *list = run_json(argv, 0), *names = json_object(), *entry;
    size_t i;

    (void)state;
    json_array_foreach(list, i, entry) {
        const char *name = process_json_text(entry, "name");
        assert_true(name[0] != '\0');
        assert_null(json_object_get(names, name));
        json_object_set_new(names, name, json_true());
        assert_true(json_is_true(json_object_get(entry, "show")) || json_is_true(json_object_get(entry, "bench")));
    }
    assert_int_equal(json_object_size(names), json_array_size(list));
    json_decref(names);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_story_holds_and_leaves_nothing_behind),
        cmocka_unit_test(every_story_holds_as_text_as_well),
        cmocka_unit_test(a_pipeline_of_given_commands_runs_and_each_end_is_told),
        cmocka_unit_test(a_command_that_is_not_there_fails_the_show_and_is_named),
        cmocka_unit_test_setup_teardown(every_transport_carries_what_it_is_given, scratch_make, scratch_remove),
        cmocka_unit_test(a_terminal_shows_how_far_the_table_is_and_has_room_for_it),
        cmocka_unit_test(where_time_is_short_fewer_messages_are_measured_and_said),
        cmocka_unit_test_setup_teardown(poll_pays_for_each_descriptor_and_select_says_where_it_ends, scratch_make,
                                        scratch_remove),
        cmocka_unit_test(a_limit_on_descriptors_is_said_and_measured_up_to),
        cmocka_unit_test(bad_usage_is_named),
        cmocka_unit_test(the_list_names_every_mechanism_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
