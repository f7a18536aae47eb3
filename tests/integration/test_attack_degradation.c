/* What becomes of the attacks where a layer is missing: each comes out as broker/attack/attack_list_unlike.c foresees,
 * and all others as in a whole cell. */
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
#include "broker/layers.h"
#include "tests/support/process.h"

enum { RUN_MS = 120 * 1000, ARGUMENTS = 160 };

#define BIT(name) LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__##name)

/* Of every family one or two: what another layer than seccomp stops as well, what only another layer stops, and what no
 * layer changes. */
static const char *const samples[] = {
    "open-passwd", "fork",     "kill-broker", "setuid-root",       "socket-inet", "uname",         "seccomp-listener",
    "mmap-exec",   "int-0x80", "null-write",  "mmap-beyond-limit", "push-1-fd",   "broker-killed",
};

static json_t *run(const char *const *argv, int exit_code)
{
    const struct process_options options = {.timeout_ms = RUN_MS};
    struct process_result result;
    json_error_t error;
    process_run(argv, &options, &result);
    assert_false(result.timed_out);
    json_t *object = json_loads(result.out, 0, &error);
    if (object == NULL)
        fail_msg("no JSON: %s; stderr: %s", error.text, result.err);
    if (exit_code >= 0)
        assert_int_equal(result.exit_code, exit_code);
    process_result_free(&result);
    return object;
}

static unsigned count_failures(const json_t *object, const char *without)
{
    unsigned failures = 0;
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(object, "attempts"), i, row) {
        const json_t *observed = json_object_get(row, "observed");
        if (json_object_get(row, "skipped") != NULL || json_is_true(json_object_get(row, "holds")))
            continue;
        print_message("without %s, %s: %s (%s): %s\n", without, process_json_text(row, "name"),
                      process_json_text(observed, "outcome"), process_json_text(observed, "detail"),
                      process_json_text(row, "why_not"));
        failures++;
    }
    return failures;
}

/* Tries these, and fails if one comes out in another way. */
static void expect_as_foreseen(const char *without, const char *const *names, size_t count)
{
    const char *argv[ARGUMENTS] = {"bulkhead", "attack", "--json", "--without", without};
    size_t used = 5;
    for (size_t i = 0; i < count; i++) {
        assert_true(used < ARGUMENTS - 1);
        argv[used++] = names[i];
    }
    json_t *object = run(argv, -1);
    assert_int_equal(json_array_size(json_object_get(object, "attempts")), count);
    assert_int_equal(count_failures(object, without), 0);
    json_decref(object);
}

/* The layers of a whole cell here that nobody knows to be in force. */
static layer_set missing_here(void)
{
    const char *const argv[] = {"bulkhead", "sandbox", "--json", NULL};
    json_t *page = run(argv, -1);
    layer_set missing = 0, one;
    const char *bad;
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(json_object_get(page, "score"), "not_in_force"), i, name)
        if (layer_set_parse(json_string_value(name), &one, &bad) == 0)
            missing |= one;
    json_decref(page);
    return missing;
}

/* Without a filter the attacks are made in earnest: not where they could reach more than renderers. */
static bool may_go_without_a_filter(void)
{
    const layer_set needed = BIT(USER_NAMESPACE) | BIT(PID_NAMESPACE) | BIT(NET_NAMESPACE) | BIT(IPC_NAMESPACE) |
                             BIT(EMPTY_ROOT) | BIT(UNPRIVILEGED_ID) | BIT(NO_CAPABILITIES);
    return (missing_here() & needed) == 0;
}

static void each_missing_layer_changes_what_is_foreseen_and_no_more(void **state)
{
    (void)state;
    for (unsigned i = 0; i < LAYERS; i++)
        if ((LAYER_BIT(i) & (BIT(SECCOMP) | BIT(NO_NEW_PRIVS))) == 0)
            expect_as_foreseen(layer_name(i), samples, sizeof samples / sizeof samples[0]);
}

static void without_its_filter_the_layers_behind_it_hold_as_foreseen(void **state)
{
    const char *names[ARGUMENTS];
    size_t count = 0;
    (void)state;
    if (!may_go_without_a_filter()) {
        print_message("skipped: here is no cell to attack in without a filter\n");
        skip();
    }
    for (size_t i = 0; i < attack_list_count(); i++)
        if (attack_list_unlike(attack_list_row(i), BIT(SECCOMP)) != NULL && count < ARGUMENTS)
            names[count++] = attack_list_row(i)->name;
    assert_true(count > 80);
    expect_as_foreseen("seccomp", names, count);
    /* The kernel takes neither filter nor Landlock domain without it. */
    expect_as_foreseen("no-new-privs", samples, sizeof samples / sizeof samples[0]);
}

static void without_several_layers_what_is_foreseen_for_one_holds(void **state)
{
    const char *const names[] = {"open-passwd", "push-1-fd", "mmap-beyond-limit", "socket-inet"};
    (void)state;
    expect_as_foreseen("landlock,channel-refuses-fds,resource-limits", names, 4);
    expect_as_foreseen("namespaces,memory-deny-write-execute", names, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_missing_layer_changes_what_is_foreseen_and_no_more),
        cmocka_unit_test(without_its_filter_the_layers_behind_it_hold_as_foreseen),
        cmocka_unit_test(without_several_layers_what_is_foreseen_for_one_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
