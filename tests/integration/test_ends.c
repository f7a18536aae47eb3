/* Every end of the taxonomy, reached in a real renderer by the real program, told by its name, its code and its report.
 */
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
#include "tests/support/scratch.h"

#define RUN(result, options, ...) process_run((const char *const[]){__VA_ARGS__, NULL}, options, result)

/* A watchdog that does not make the tests wait. */
static const char quick_policy[] = "{\"ping_interval_ms\": 100, \"unresponsive_after_ms\": 400, \"hung_after_ms\": 400,"
                                   " \"request_timeout_ms\": 20000, \"messages_per_second\": 2000,"
                                   " \"memory_limit_bytes\": 134217728}"; /* soon used up, before it looks hung */

static const struct end_case {
    const char *kind;
    int code;
    const char *cause;  /* end.cause in --json */
    const char *detail; /* in end.summary */
} ends[] = {
    {"wild-write", EXIT_CODE_CRASHED, "crashed", "SIGSEGV"},
    {"null-call", EXIT_CODE_CRASHED, "crashed", "SIGSEGV"},
    {"stack-overflow", EXIT_CODE_CRASHED, "crashed", "SIGSEGV"},
    {"abort", EXIT_CODE_CRASHED, "crashed", "SIGABRT"},
    {"divide-by-zero", EXIT_CODE_CRASHED, "crashed", "SIGFPE"},
    {"crash-in-handler", EXIT_CODE_CRASHED, "crashed", "SIGSEGV"},
    {"forbidden-syscall", EXIT_CODE_SANDBOX_VIOLATION, "sandbox violation", "socket("},
#ifndef BULKHEAD_SANITIZED // no memory limit there
    {"out-of-memory", EXIT_CODE_OUT_OF_MEMORY, "out of memory", "could not be had"},
#endif
    {"hang", EXIT_CODE_HUNG, "hung", "no answer"},
    {"stop-reading", EXIT_CODE_HUNG, "hung", "no answer"},
    {"unexpected-exit", EXIT_CODE_UNEXPECTED_EXIT, "unexpected exit", "status 0"},
    {"bad-message", EXIT_CODE_BAD_MESSAGE, "bad message", "oversized"},
    {"flood", EXIT_CODE_BAD_MESSAGE, "bad message", "flood"},
};

static void check_end(const struct end_case *expected, const struct process_result *result)
{
    json_error_t error;
    json_t *root = json_loads(result->out, 0, &error);
    if (root == NULL || result->exit_code != expected->code)
        print_message("%s: exit %d\n%s\n%s\n", expected->kind, result->exit_code, result->out, result->err);
    assert_non_null(root);
    assert_int_equal(result->exit_code, expected->code);
    json_t *end = json_object_get(json_array_get(json_object_get(root, "files"), 0), "end");
    const char *summary = process_json_text(end, "summary");
    assert_string_equal(process_json_text(end, "cause"), expected->cause);
    if (strstr(summary, expected->detail) == NULL)
        print_message("%s: \"%s\" is not in \"%s\"\n", expected->kind, expected->detail, summary);
    assert_non_null(strstr(summary, expected->detail));
    json_decref(root);
}

static void every_end_is_told_by_its_name_and_code(void **state)
{
    char out[SCRATCH_PATH], policy[SCRATCH_PATH];
    scratch_write(state, "policy.json", quick_policy, sizeof quick_policy - 1);
    scratch_path(state, "policy.json", policy);
#ifdef BULKHEAD_SANITIZED
    print_message("left out: out-of-memory, for a sanitizer build has no memory limit\n");
#endif
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct process_result result;
        RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", scratch_path(state, "%d.png", out),
            "--crash-test", ends[i].kind, "--policy", policy, "--memory", "96M", "--json");
        assert_false(result.timed_out);
        check_end(&ends[i], &result);
        assert_non_null(strstr(result.err, "sample.pdf"));
        process_result_free(&result);
    }
}

static void a_refused_call_comes_with_the_row_that_would_allow_it(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    json_error_t error;
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", scratch_path(state, "%d.png", out),
        "--pages", "1", "--crash-test", "forbidden-syscall", "--json");
    json_t *root = json_loads(result.out, 0, &error);
    json_t *file = json_array_get(json_object_get(root, "files"), 0);
    json_t *advice = json_object_get(json_object_get(file, "end"), "policy_advice");
    assert_string_equal(process_json_text(advice, "add"), "{CALL(socket), RENDERER, .why = \"WHY\"},");
    assert_string_equal(process_json_text(advice, "to"), "common/policy_table.c");
    assert_non_null(strstr(process_json_text(advice, "opens"), "network namespace"));
    assert_non_null(strstr(result.err, "to allow it, add to common/policy_table.c: {CALL(socket), RENDERER,"));
    assert_non_null(strstr(result.err, "\nbulkhead: that lets it make sockets; "));
    json_decref(root);
    process_result_free(&result);
}

static json_int_t audited(json_t *root, const char *call)
{
    json_t *calls = json_object_get(json_object_get(root, "audit"), "calls"), *row;
    json_int_t count = 0;
    size_t i;
    json_array_foreach(calls, i, row) {
        if (strcmp(process_json_text(row, "call"), call) == 0)
            count += json_integer_value(json_object_get(row, "count"));
    }
    return count;
}

static void an_audit_counts_what_was_called_allowed_or_not(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    json_error_t error;
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", scratch_path(state, "%d.png", out),
        "--pages", "1", "--crash-test", "forbidden-syscall", "--json", "--audit");
    json_t *root = json_loads(result.out, 0, &error);
    assert_int_equal(result.exit_code, EXIT_CODE_SANDBOX_VIOLATION);
    assert_int_equal(audited(root, "socket"), 1);
    assert_true(audited(root, "recvmsg") > 0 && audited(root, "sendmsg") > 0 && audited(root, "mmap") > 0);
    json_decref(root);
    process_result_free(&result);
    RUN(&result, NULL, "bulkhead", "info", document_path("sample.pdf"), "--audit");
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    assert_non_null(strstr(result.out, "System calls of 1 renderer, counted by itself:"));
    assert_non_null(strstr(result.err, "note: under audit each system call traps"));
    assert_non_null(strstr(result.out, "recvmsg          runs        any\n"));
    process_result_free(&result);
    RUN(&result, NULL, "bulkhead", "info", document_path("sample.pdf"), "--json");
    assert_null(strstr(result.out, "\"audit\""));
    assert_null(strstr(result.err, "under audit"));
    process_result_free(&result);
}

static void a_time_limit_is_kept_and_named(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", scratch_path(state, "%d.png", out),
        "--pages", "1", "--crash-test", "hang", "--timeout", "1");
    assert_int_equal(result.exit_code, EXIT_CODE_TIMEOUT);
    assert_non_null(strstr(result.err, "--timeout"));
    process_result_free(&result);
    assert_int_equal(scratch_count(state), 0);
}

static void a_real_document_that_loops_for_ever_is_ended_too(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    RUN(&result, NULL, "bulkhead", "render", document_path("loop.pdf"), "-o", scratch_path(state, "%d.png", out),
        "--timeout", "2");
    assert_false(result.timed_out);
    assert_true(result.exit_code != EXIT_CODE_INTERNAL && result.exit_code < 128);
    process_result_free(&result);
}

static void a_crash_stops_no_neighbour(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    scratch_path(state, "%s.png", out);
    RUN(&result, NULL, "bulkhead", "render", document_path("deep.pdf"), document_path("huge.png"),
        document_path("sample.svg"), document_path("sample.png"), document_path("deep.svg"), "-o", out, "--jobs", "3",
        "--timeout", "10");
    assert_false(result.timed_out);
    assert_true(scratch_exists(scratch_path(state, "sample.png", out)));
    assert_true(scratch_exists(scratch_path(state, "sample.svg.png", out)) || scratch_count(state) >= 2);
    process_result_free(&result);
}

struct running {
    pid_t pid;
    int out_fd;
    pid_t children[64];
    size_t child_count;
};

static bool has_children(void *userdata)
{
    struct running *running = userdata;
    running->child_count = process_descendants(running->pid, running->children, 64);
    return running->child_count >= 3; /* zygote, init, renderer */
}

static bool children_are_gone(void *userdata)
{
    struct running *running = userdata;
    for (size_t i = 0; i < running->child_count; i++)
        if (process_is_alive(running->children[i]))
            return false;
    return true;
}

static void start_hanging(void **state, struct running *running, const char *crash_kind)
{
    char out[SCRATCH_PATH], err[SCRATCH_PATH];
    const char *argv[] = {"bulkhead",
                          "render",
                          document_path("sample.pdf"),
                          "-o",
                          scratch_path(state, "%d.png", out),
                          "--crash-test",
                          crash_kind,
                          "--timeout",
                          "60",
                          NULL};
    running->pid = process_start(argv, scratch_path(state, "stderr", err), &running->out_fd);
    assert_true(process_wait_until(has_children, running, 20000));
}

static void a_killed_broker_leaves_no_process_behind(void **state)
{
    struct running running = {0};
    start_hanging(state, &running, "hang"); /* spins, and would ignore a closed channel */
    kill(running.pid, SIGKILL);
    assert_int_equal(process_wait(running.pid, 5000), 128 + SIGKILL);
    close(running.out_fd);
    assert_true(process_wait_until(children_are_gone, &running, 3000));
}

static void two_interrupts_end_at_once_and_one_ends_by_its_deadline(void **state)
{
    struct running running = {0};
    start_hanging(state, &running, "hang");
    kill(running.pid, SIGINT);
    assert_int_equal(process_wait(running.pid, 15000), 128 + SIGINT); /* policy: 3 s for running work */
    close(running.out_fd);
    assert_true(process_wait_until(children_are_gone, &running, 3000));
    start_hanging(state, &running, "hang");
    kill(running.pid, SIGTERM);
    usleep(20000); /* two of one kind would coalesce while the first is pending */
    kill(running.pid, SIGTERM);
    assert_int_equal(process_wait(running.pid, 2000), 128 + SIGTERM);
    close(running.out_fd);
    assert_true(process_wait_until(children_are_gone, &running, 3000));
    char path[SCRATCH_PATH];
    assert_false(scratch_exists(scratch_path(state, "1.png", path)));
}

static void a_trace_stays_valid_when_the_broker_is_killed(void **state)
{
    struct running running = {0};
    char out[SCRATCH_PATH], trace[SCRATCH_PATH];
    size_t bytes = 0;
    scratch_path(state, "trace.json", trace);
    const char *argv[] = {"bulkhead",
                          "render",
                          document_path("sample.pdf"),
                          "-o",
                          scratch_path(state, "%d.png", out),
                          "--crash-test",
                          "hang",
                          "--timeout",
                          "60",
                          "--trace",
                          trace,
                          NULL};
    running.pid = process_start(argv, NULL, &running.out_fd);
    assert_true(process_wait_until(has_children, &running, 20000));
    char *text = NULL;
    for (int i = 0; i < 400 && (text == NULL || strstr(text, "ipc.") == NULL); i++) {
        free(text);
        usleep(10000);
        text = scratch_read(trace, &bytes);
    }
    kill(running.pid, SIGKILL);
    process_wait(running.pid, 5000);
    close(running.out_fd);
    free(text);
    text = scratch_read(trace, &bytes);
    assert_non_null(text);
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);
    assert_non_null(root);
    assert_true(json_array_size(root) > 5);
    json_decref(root);
    free(text);
}

static void a_trace_of_a_short_run_has_its_counters_too(void **state)
{
    struct process_result result;
    char trace[SCRATCH_PATH];
    size_t bytes, i, counters = 0;
    scratch_path(state, "trace.json", trace);
    process_run((const char *const[]){"bulkhead", "info", "about:blank", "--trace", trace, NULL}, NULL, &result);
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
    char *text = scratch_read(trace, &bytes);
    assert_non_null(text);
    json_t *root = json_loads(text, 0, NULL), *event;
    json_array_foreach(root, i, event) {
        if (strcmp(process_json_text(event, "ph"), "C") != 0)
            continue;
        counters++;
        assert_true(json_integer_value(json_object_get(json_object_get(event, "args"), "value")) > 0);
    }
    assert_true(counters >= 2);
    json_decref(root);
    free(text);
}

static void a_missing_layer_is_named_and_required_ones_refuse(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    scratch_path(state, "page.png", out);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", out, "--without", "landlock");
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "landlock-files"));
    process_result_free(&result);
    unlink(out);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", out, "--without", "seccomp",
        "--require", "seccomp");
    assert_int_equal(result.exit_code, EXIT_CODE_LAYER_MISSING);
    assert_non_null(strstr(result.err, "seccomp"));
    assert_false(scratch_exists(out));
    process_result_free(&result);
}

static void a_warning_names_no_wall_that_is_missing_as_well(void **state)
{
    static const struct {
        const char *without, *says;
    } cases[] = {
        {"net-namespace,landlock-network", "\"no network namespace: only seccomp keeps renderers off the network\""},
        {"net-namespace,landlock-network,seccomp", "\"no network namespace: nothing keeps renderers off the network\""},
        {"empty-root,landlock-files", "\"no empty root: only seccomp keeps renderers from files\""},
        {"landlock-files,empty-root", "\"no Landlock for files: only seccomp keeps renderers from files\""},
    };
    char out[SCRATCH_PATH];
    scratch_path(state, "page.png", out);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct process_result result;
        RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", out, "--without", cases[i].without,
            "--log", "info");
        assert_int_equal(result.exit_code, 0);
        if (strstr(result.err, cases[i].says) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", cases[i].says, result.err);
        process_result_free(&result);
    }
}

static void goes_on_without_user_namespaces_and_says_so(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    json_error_t error;
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", scratch_path(state, "%d.png", out),
        "--without", "user-namespace", "--json");
    if (result.exit_code != 0)
        print_message("%s\n", result.err);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "user-namespace"));
    json_t *root = json_loads(result.out, 0, &error);
    assert_non_null(root);
    json_decref(root);
    process_result_free(&result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(every_end_is_told_by_its_name_and_code),
        TEST(a_refused_call_comes_with_the_row_that_would_allow_it),
        TEST(an_audit_counts_what_was_called_allowed_or_not),
        TEST(a_time_limit_is_kept_and_named),
        TEST(a_real_document_that_loops_for_ever_is_ended_too),
        TEST(a_crash_stops_no_neighbour),
        TEST(a_killed_broker_leaves_no_process_behind),
        TEST(two_interrupts_end_at_once_and_one_ends_by_its_deadline),
        TEST(a_trace_stays_valid_when_the_broker_is_killed),
        TEST(a_trace_of_a_short_run_has_its_counters_too),
        TEST(a_missing_layer_is_named_and_required_ones_refuse),
        TEST(a_warning_names_no_wall_that_is_missing_as_well),
        TEST(goes_on_without_user_namespaces_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
