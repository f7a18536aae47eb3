/* The manual pages and the program say the same: options, exit codes, layers, and the policy's keys, defaults, ranges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/policy_file.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

enum { WORDS = 96, WORD_BYTES = 40 };

/* What a page or a help text lists, in its order. */
struct words {
    size_t count;
    char words[WORDS][WORD_BYTES];
};

static void words_add(struct words *words, const char *word, size_t length)
{
    assert_true(length > 0 && length < WORD_BYTES);
    assert_true(words->count < WORDS);
    snprintf(words->words[words->count++], WORD_BYTES, "%.*s", (int)length, word);
}

static bool words_have(const struct words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->words[i], word) == 0)
            return true;
    return false;
}

/* Names what only one of the two has, and fails if there is anything of the kind. */
static void expect_same(const struct words *manual, const struct words *program, const char *what)
{
    size_t differences = 0;
    assert_true(program->count > 0);
    for (size_t i = 0; i < program->count; i++)
        if (!words_have(manual, program->words[i]) && ++differences)
            print_message("%s: the manual lacks %s\n", what, program->words[i]);
    for (size_t i = 0; i < manual->count; i++)
        if (!words_have(program, manual->words[i]) && ++differences)
            print_message("%s: only the manual has %s\n", what, manual->words[i]);
    assert_int_equal(differences, 0);
}

static char *read_page(const char *name)
{
    char path[SCRATCH_PATH];
    size_t bytes;
    snprintf(path, sizeof path, "demo/man/%s", name);
    char *text = scratch_read(path, &bytes);
    if (text == NULL)
        fail_msg("there is no %s", path);
    return text;
}

/* Standard output of a command; owned. */
static char *run_command(const char *const *argv)
{
    struct process_result result;
    process_run(argv, NULL, &result);
    assert_int_equal(result.exit_code, 0);
    char *text = strdup(result.out);
    assert_non_null(text);
    process_result_free(&result);
    return text;
}

static char *run(const char *first, const char *second)
{
    const char *const argv[] = {"bulkhead", first, second, NULL};
    return run_command(argv);
}

/* Calls fn for every line of text, which it cuts up and frees. */
static void each_line(char *text, void (*fn)(const char *line, struct words *words), struct words *words)
{
    char *rest = NULL;
    *words = (struct words){0};
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        fn(line, words);
    free(text);
}

/* "  -o, --output OUT …" or "      --height PX …": an option begins a row, at the left. */
static void take_option_of_help(const char *line, struct words *words)
{
    enum { LEFT = 8 };
    const char *option = strstr(line, "--");
    if (line[0] == ' ' && option != NULL && option - line < LEFT)
        words_add(words, option + 2, strcspn(option + 2, " "));
}

/* ".It Fl o Ar out , Fl -output Ar out". */
static void take_option_of_page(const char *line, struct words *words)
{
    const char *option = strncmp(line, ".It Fl ", 7) == 0 ? strstr(line, "Fl -") : NULL;
    if (option != NULL)
        words_add(words, option + 4, strcspn(option + 4, " "));
}

static void compare_options(const char *command, const char *page)
{
    struct words manual, program;
    each_line(read_page(page), take_option_of_page, &manual);
    each_line(run(command, "--help"), take_option_of_help, &program);
    expect_same(&manual, &program, page);
}

static void every_option_of_the_lab_is_in_its_manual_and_no_other(void **state)
{
    const char *const argv[] = {"bulkhead-lab", "--help", NULL};
    struct words manual, program;
    (void)state;
    each_line(read_page("bulkhead-lab.1"), take_option_of_page, &manual);
    each_line(run_command(argv), take_option_of_help, &program);
    expect_same(&manual, &program, "bulkhead-lab.1");
}

static void every_option_is_in_the_manual_and_no_other(void **state)
{
    (void)state;
    compare_options("render", "bulkhead-render.1");
    compare_options("info", "bulkhead-info.1");
    compare_options("open", "bulkhead-open.1");
    compare_options("cast", "bulkhead-cast.1");
    compare_options("attack", "bulkhead-attack.1");
    compare_options("crashes", "bulkhead-crashes.1");
    compare_options("sandbox", "bulkhead-sandbox.1");
}

static void take_code(const char *line, const char *format, struct words *words)
{
    int code;
    char name[24], both[WORD_BYTES];
    if (sscanf(line, format, &code, name) == 2) {
        snprintf(both, sizeof both, "%d %s", code, name);
        words_add(words, both, strlen(both));
    }
}

static void take_code_of_help(const char *line, struct words *words)
{
    take_code(line, " %d %23s", words);
}

static void take_code_of_page(const char *line, struct words *words)
{
    take_code(line, ".It %d Sy %23s", words);
}

static void every_exit_code_is_in_the_manual_and_no_other(void **state)
{
    struct words manual, program;
    (void)state;
    each_line(read_page("bulkhead.1"), take_code_of_page, &manual);
    each_line(run("help", "exit-codes"), take_code_of_help, &program);
    expect_same(&manual, &program, "exit codes");
}

/* "  user-namespace             renderers own …" */
static void take_row_of_help(const char *line, struct words *words)
{
    if (strncmp(line, "  ", 2) == 0 && line[2] != ' ')
        words_add(words, line + 2, strcspn(line + 2, " "));
}

static void take_item_of_page(const char *line, struct words *words)
{
    if (strncmp(line, ".It Cm ", 7) == 0)
        words_add(words, line + 7, strcspn(line + 7, " "));
}

static void every_layer_is_in_the_manual_and_no_other(void **state)
{
    struct words manual, program;
    (void)state;
    char *page = read_page("bulkhead.1");
    char *section = strstr(page, ".Sh LAYERS"), *end = strstr(page, ".Sh ENVIRONMENT");
    assert_true(section != NULL && end > section);
    *end = '\0';
    char *layers = strdup(section);
    free(page);
    each_line(layers, take_item_of_page, &manual);
    each_line(run("help", "layers"), take_row_of_help, &program);
    expect_same(&manual, &program, "layers");
}

static void every_policy_key_is_in_the_manual_and_no_other(void **state)
{
    struct words manual, program;
    (void)state;
    each_line(read_page("bulkhead-policy.5"), take_item_of_page, &manual);
    each_line(run("help", "policy"), take_row_of_help, &program);
    assert_string_equal(program.words[0], "key"); /* the head of the table */
    memmove(program.words[0], program.words[1], --program.count * sizeof program.words[0]);
    expect_same(&manual, &program, "policy");
}

/* Whether a policy file with this one key is taken. */
static bool is_taken(void **state, const char *key, unsigned long long value)
{
    struct policy policy;
    char text[128], path[SCRATCH_PATH], why[256];
    policy_init_defaults(&policy);
    snprintf(text, sizeof text, "{\"%s\": %llu}", key, value);
    scratch_write(state, "policy.json", text, strlen(text));
    return policy_load(&policy, scratch_path(state, "policy.json", path), why, sizeof why) == 0;
}

/* Whether `bulkhead help policy` shows this default for the key. */
static bool is_default(const char *table, const char *key, const char *value)
{
    char shown[24], row_key[WORD_BYTES];
    for (const char *row = table; row != NULL; row = strchr(row, '\n'), row = row != NULL ? row + 1 : NULL)
        if (sscanf(row, "  %39s %23s", row_key, shown) == 2 && strcmp(row_key, key) == 0)
            return strcmp(shown, value) == 0;
    return false;
}

static void defaults_and_ranges_of_the_policy_are_as_the_manual_says(void **state)
{
    char key[WORD_BYTES] = "", value[24], *rest = NULL;
    unsigned long long least, most;
    size_t defaults = 0, ranges = 0;
    char *page = read_page("bulkhead-policy.5"), *table = run("help", "policy");
    for (char *line = strtok_r(page, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        sscanf(line, ".It Cm %39s", key);
        if (sscanf(line, "Default %23[a-z0-9]", value) != 1)
            continue;
        defaults++;
        assert_true(is_default(table, key, value));
        if (sscanf(line, "Default %*[0-9], from %llu to %llu", &least, &most) != 2)
            continue;
        ranges++;
        if (!is_taken(state, key, least) || !is_taken(state, key, most) || is_taken(state, key, most + 1) ||
            (least > 0 && is_taken(state, key, least - 1)))
            fail_msg("%s is not from %llu to %llu", key, least, most);
    }
    free(table);
    free(page);
    assert_true(ranges > 0);
    assert_int_equal(defaults, ranges + 1); /* files_allowed is true or false */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(every_option_is_in_the_manual_and_no_other),
        TEST(every_option_of_the_lab_is_in_its_manual_and_no_other),
        TEST(every_exit_code_is_in_the_manual_and_no_other),
        TEST(every_layer_is_in_the_manual_and_no_other),
        TEST(every_policy_key_is_in_the_manual_and_no_other),
        TEST(defaults_and_ranges_of_the_policy_are_as_the_manual_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
