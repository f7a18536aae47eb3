/* `bulkhead sandbox` as a user runs it: what it says of a whole cell, of one that lacks a layer, and of a liar. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "broker/command/exit_codes.h"
#include "broker/layers.h"
#include "common/policy_table.h"
#include "common/text.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

/* The sanitizers need memory that no limit allows. */
#ifdef BULKHEAD_SANITIZED
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

static void sandbox(struct process_result *result, const char *const *environment, const char *const *arguments)
{
    const char *argv[12] = {"bulkhead", "sandbox"};
    const struct process_options options = {.environment = environment};
    for (size_t count = 2; *arguments != NULL; arguments++)
        argv[count++] = *arguments;
    process_run(argv, &options, result);
    assert_false(result->timed_out);
}
#define SANDBOX(result, ...) sandbox(result, NULL, (const char *const[]){__VA_ARGS__, NULL})

/* The first process of that role; NULL if there is none. */
static const json_t *process_of(const json_t *page, const char *role)
{
    size_t i;
    const json_t *process;
    json_array_foreach(json_object_get(page, "processes"), i, process)
        if (strcmp(process_json_text(process, "role"), role) == 0)
            return process;
    return NULL;
}

static const json_t *row_of(const json_t *process, const char *layer)
{
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(process, "layers"), i, row)
        if (strcmp(process_json_text(row, "name"), layer) == 0)
            return row;
    return NULL;
}

static bool is_observed(const json_t *row, const char *observed)
{
    return strcmp(process_json_text(row, "observed"), observed) == 0;
}

static bool is_listed_missing(const json_t *page, const char *layer)
{
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(json_object_get(page, "score"), "not_in_force"), i, name)
        if (json_is_string(name) && strcmp(json_string_value(name), layer) == 0)
            return true;
    return false;
}

static size_t count_role(const json_t *page, const char *role)
{
    size_t i, count = 0;
    const json_t *process;
    json_array_foreach(json_object_get(page, "processes"), i, process)
        count += strcmp(process_json_text(process, "role"), role) == 0;
    return count;
}

static void every_wanted_layer_of_a_whole_cell_is_seen_or_told(void **state)
{
    struct process_result result;
    size_t i, k;
    const json_t *process, *row;
    (void)state;
    SANDBOX(&result, "--json", "demo/pages/tour.pdf", "demo/pages/hull.png");
    json_t *page = process_json(&result);
    assert_int_equal(result.exit_code, IS_SANITIZED ? EXIT_CODE_NOT_IN_FORCE : EXIT_CODE_OK);
    assert_int_equal(count_role(page, "renderer"), 2);
    assert_int_equal(count_role(page, "zygote"), 1);
    const char *shown =
        process_json_text(process_of(page, "renderer"), "what"); /* which of both is ready first is not ours */
    assert_true(strcmp(shown, "tour.pdf") == 0 || strcmp(shown, "hull.png") == 0);
    assert_int_equal(json_array_size(json_object_get(process_of(page, "renderer"), "layers")), LAYERS);
    json_array_foreach(json_object_get(page, "processes"), i, process)
        json_array_foreach(json_object_get(process, "layers"), k, row)
            if (json_is_true(json_object_get(row, "is_bad")) &&
                !(IS_SANITIZED && strcmp(process_json_text(row, "name"), "resource-limits") == 0))
                fail_msg("%s: %s is %s", process_json_text(process, "role"), process_json_text(row, "name"),
                         process_json_text(row, "observed"));
    json_decref(page);
    process_result_free(&result);
}

/* An ordinary user may not look: then it is not said to be seen. */
static void what_cannot_be_seen_from_here_is_not_counted_as_seen(void **state)
{
    static const char *const hidden[] = {"ipc-namespace", "uts-namespace", "closed-fds"};
    struct process_result result;
    (void)state;
    SANDBOX(&result, "--json");
    json_t *page = process_json(&result);
    const json_t *renderer = process_of(page, "renderer");
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        const json_t *row = row_of(renderer, hidden[i]), *outside = json_object_get(row, "outside");
        if (strcmp(process_json_text(row, "wanted"), "yes") != 0)
            continue; /* a host without namespaces */
        assert_true(is_observed(row, geteuid() == 0 ? "in force" : "claimed"));
        if (geteuid() != 0)
            assert_string_equal(process_json_text(outside, "error"), "EACCES");
    }
    if (geteuid() == 0) /* and what nobody may see not by root either */
        assert_false(is_observed(row_of(renderer, "landlock-files"), "in force"));
    json_decref(page);
    process_result_free(&result);
}

/* What a process has for other reasons when the layer is left out: the kernel gives it, and so it is observed. */
static bool is_there_anyway(const json_t *page, const char *layer)
{
    const json_t *user_namespace = row_of(process_of(page, "renderer"), "user-namespace");
    bool has_namespace = is_observed(user_namespace, "in force") || is_observed(user_namespace, "claimed");
    if (strcmp(layer, "no-new-privs") == 0) /* whoever has it hands it on: in a container, for one */
        return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
    if (geteuid() == 0 && strcmp(layer, "no-capabilities") == 0)
        return !has_namespace; /* the change of id takes root's */
    if (geteuid() == 0)        /* the change of id makes it undumpable, and all descriptors close on exec */
        return strcmp(layer, "not-dumpable") == 0 || strcmp(layer, "closed-fds") == 0;
    /* nor has an ordinary user capabilities, but in a user namespace of its own */
    return strcmp(layer, "unprivileged-id") == 0 || strcmp(layer, "no-capabilities") == 0;
}

static void check_without(const char *layer, const json_t *page, int exit_code)
{
    const json_t *row = row_of(process_of(page, "renderer"), layer);
    bool is_in_force = is_observed(row, "in force"), is_wanted = strcmp(process_json_text(row, "wanted"), "yes") == 0;
    if (is_in_force || is_observed(row, "claimed") || is_observed(row, "contradicted")) {
        if (!is_in_force || !is_there_anyway(page, layer))
            fail_msg("without %s it is %s", layer, process_json_text(row, "observed"));
        assert_int_equal(exit_code, IS_SANITIZED ? EXIT_CODE_NOT_IN_FORCE : EXIT_CODE_OK);
        return;
    }
    assert_int_equal(json_is_true(json_object_get(row, "is_bad")), is_wanted);
    if (is_wanted && exit_code != EXIT_CODE_NOT_IN_FORCE)
        fail_msg("without %s the exit code is %d", layer, exit_code);
    assert_int_equal(is_listed_missing(page, layer), strcmp(process_json_text(row, "wanted"), "optional") != 0);
}

static void every_layer_that_is_left_out_is_told_and_the_exit_code_says_so(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LAYERS; i++) {
        struct process_result result;
        const char *layer = layer_name(i);
        SANDBOX(&result, "--json", "--without", layer);
        json_t *page = process_json(&result);
        check_without(layer, page, result.exit_code);
        const json_t *word = json_object_get(row_of(process_of(page, "renderer"), layer), "word");
        if (!layer_is_of_broker(i))
            assert_string_equal(process_json_text(word, "evidence"), "left out by request");
        json_decref(page);
        process_result_free(&result);
    }
}

static void a_required_layer_that_is_missing_has_its_own_exit_code_and_the_page_is_shown(void **state)
{
    struct process_result result;
    (void)state;
    SANDBOX(&result, "--require", "seccomp", "--without", "seccomp");
    assert_int_equal(result.exit_code, EXIT_CODE_LAYER_MISSING);
    assert_non_null(strstr(result.out, "seccomp missing in renderer 1, required"));
    process_result_free(&result);
    SANDBOX(&result, "--require", "seccomp");
    assert_int_equal(result.exit_code, IS_SANITIZED ? EXIT_CODE_NOT_IN_FORCE : EXIT_CODE_OK);
    assert_non_null(strstr(result.out, "required"));
    process_result_free(&result);
}

/* The hostile renderer has no cell, and says that it has a filter. */
static void a_process_that_claims_what_it_has_not_is_contradicted(void **state)
{
    char renderer[512];
    const char *environment[] = {renderer, NULL};
    struct process_result result;
    (void)state;
    snprintf(renderer, sizeof renderer, "BULKHEAD_RENDERER=%s/tests/hostile-renderer", getenv("BULKHEAD_BUILD"));
    sandbox(&result, environment, (const char *const[]){"--json", "about:title", NULL});
    json_t *page = process_json(&result);
    assert_int_equal(result.exit_code, EXIT_CODE_NOT_IN_FORCE);
    const json_t *row = row_of(process_of(page, "renderer"), "seccomp");
    assert_true(is_observed(row, "contradicted"));
    assert_string_equal(process_json_text(json_object_get(row, "word"), "evidence"), "believe me");
    assert_true(is_listed_missing(page, "seccomp"));
    json_decref(page);
    process_result_free(&result);
}

static void the_page_fits_80_columns_and_ends_with_the_score(void **state)
{
    struct process_result result;
    (void)state;
    SANDBOX(&result, "demo/pages/tour.pdf", "about:clock");
    assert_null(strchr(result.out, '\033'));
    assert_non_null(strstr(result.out, "renderer 2"));
    assert_non_null(strstr(result.out, "layers in force: "));
    for (char *line = strtok(result.out, "\n"); line != NULL; line = strtok(NULL, "\n"))
        if (text_columns(line) > 80)
            fail_msg("%s", line);
    process_result_free(&result);
}

static void a_document_that_cannot_be_opened_is_told_beside_the_page(void **state)
{
    struct process_result result;
    (void)state;
    SANDBOX(&result, "demo/pages/no-such.pdf");
    assert_int_equal(result.exit_code, EXIT_CODE_NOT_FOUND);
    assert_non_null(strstr(result.err, "no-such.pdf"));
    assert_string_equal(result.out, "");
    process_result_free(&result);
    SANDBOX(&result, document_path("encrypted.pdf"));
    assert_int_equal(result.exit_code, IS_SANITIZED ? EXIT_CODE_NOT_IN_FORCE : EXIT_CODE_PASSWORD_REQUIRED);
    assert_non_null(strstr(result.err, "--password-file"));
    process_result_free(&result);
    SANDBOX(&result, "about:no-such-page");
    assert_int_not_equal(result.exit_code, EXIT_CODE_OK);
    assert_non_null(strstr(result.err, "about:no-such-page"));
    assert_non_null(strstr(result.out, "layers in force")); /* its renderer lives */
    process_result_free(&result);
}

static bool has_children(void *userdata)
{
    pid_t pids[4];
    return process_descendants(*(const pid_t *)userdata, pids, 4) > 0;
}

static void a_signal_while_it_waits_for_its_input_ends_it(void **state)
{
    char program[512], fifo[SCRATCH_PATH];
    int out;
    snprintf(program, sizeof program, "%s/bulkhead", getenv("BULKHEAD_BUILD"));
    scratch_path(state, "fifo", fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int writer = open(fifo, O_RDWR | O_CLOEXEC); /* held open: the input does not end */
    const char *const argv[] = {"/bin/sh", "-c", "exec \"$0\" sandbox - <\"$1\"", program, fifo, NULL};
    pid_t pid = process_start(argv, NULL, &out);
    assert_true(process_wait_until(has_children, &pid, 20000)); /* the zygote: signals are listened to */
    kill(pid, SIGINT);
    assert_int_equal(process_wait(pid, 20000), EXIT_CODE_SIGNAL + SIGINT);
    close(out);
    close(writer);
}

static void the_allowed_system_calls_are_listed_with_their_number(void **state)
{
    struct process_result result;
    char count[64];
    (void)state;
    SANDBOX(&result, "--syscalls");
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    snprintf(count, sizeof count, "%zu system calls allowed", policy_count_calls(POLICY_RENDERER, false));
    assert_non_null(strstr(result.out, count));
    assert_non_null(strstr(result.out, "recvmsg"));
    process_result_free(&result);
    SANDBOX(&result, "--syscalls", "--json");
    json_t *object = process_json(&result);
    assert_int_equal(json_array_size(json_object_get(object, "roles")), POLICY_ROLES);
    json_decref(object);
    process_result_free(&result);
    SANDBOX(&result, "--syscalls", "demo/pages/tour.pdf");
    assert_int_equal(result.exit_code, EXIT_CODE_USAGE);
    process_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wanted_layer_of_a_whole_cell_is_seen_or_told),
        cmocka_unit_test(what_cannot_be_seen_from_here_is_not_counted_as_seen),
        cmocka_unit_test(every_layer_that_is_left_out_is_told_and_the_exit_code_says_so),
        cmocka_unit_test(a_required_layer_that_is_missing_has_its_own_exit_code_and_the_page_is_shown),
        cmocka_unit_test(a_process_that_claims_what_it_has_not_is_contradicted),
        cmocka_unit_test(the_page_fits_80_columns_and_ends_with_the_score),
        cmocka_unit_test(a_document_that_cannot_be_opened_is_told_beside_the_page),
        cmocka_unit_test_setup_teardown(a_signal_while_it_waits_for_its_input_ends_it, scratch_make, scratch_remove),
        cmocka_unit_test(the_allowed_system_calls_are_listed_with_their_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
