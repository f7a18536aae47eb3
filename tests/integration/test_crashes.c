/* Crash reports by the real program: one for every bad end, found again, bounded, harmless, and never the end of the
 * work when it cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "broker/command/exit_codes.h"
#include "broker/crash/autopsy.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"
#include "tests/support/siege.h"

#define RUN(result, options, ...) process_run((const char *const[]){__VA_ARGS__, NULL}, options, result)

/* A watchdog that does not make the tests wait. */
static const char quick_policy[] = "{\"ping_interval_ms\": 100, \"unresponsive_after_ms\": 400, \"hung_after_ms\": 400,"
                                   " \"request_timeout_ms\": 20000, \"messages_per_second\": 2000,"
                                   " \"memory_limit_bytes\": 134217728}"; /* soon used up, before it looks hung */

static const struct end_case {
    const char *kind, *cause, *signal;
    const char *frame; /* in the backtrace; NULL = there need not be one */
    const char *said;  /* renderer_said.kind; NULL = it says nothing */
    const char *last;  /* refused, of the last message; NULL = none was */
} ends[] = {
    {"wild-write", "crashed", "SIGSEGV", "crash_test_write_pixel", "signal", NULL},
    {"null-call", "crashed", "SIGSEGV", "crash_test_call_null", "signal", NULL},
    {"stack-overflow", "crashed", "SIGSEGV", "crash_test_nest", "signal", NULL},
    {"abort", "crashed", "SIGABRT", "crash_test_abort", "signal", NULL},
    {"divide-by-zero", "crashed", "SIGFPE", "crash_test_divide", "signal", NULL},
    {"crash-in-handler", "crashed", "SIGSEGV", "crash_test_lose_the_stack", "signal", NULL},
    {"forbidden-syscall", "sandbox violation", "SIGSYS", "crash_test_open_socket", "syscall", NULL},
#ifndef BULKHEAD_SANITIZED // no memory limit there
    {"out-of-memory", "out of memory", NULL, "crash_test_devour", "out of memory", NULL},
#endif
    {"hang", "hung", "SIGKILL", "crash_test_spin", "stack sample", NULL},
    {"unexpected-exit", "unexpected exit", NULL, NULL, NULL, NULL},
    {"bad-message", "bad message", "SIGKILL", NULL, NULL, "oversized message"},
    {"flood", "bad message", "SIGKILL", NULL, NULL, NULL},
};
enum { ENDS = sizeof ends / sizeof ends[0] };

static void write_policy(void **state, char path[SCRATCH_PATH])
{
    scratch_write(state, "policy.json", quick_policy, sizeof quick_policy - 1);
    scratch_path(state, "policy.json", path);
}

/* The value at "end.cause" and the like. */
static const json_t *at(const json_t *root, const char *path)
{
    char copy[128], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", path);
    for (char *word = strtok_r(copy, ".", &rest); word != NULL; word = strtok_r(NULL, ".", &rest))
        root =
            word[0] >= '0' && word[0] <= '9' ? json_array_get(root, (size_t)atoi(word)) : json_object_get(root, word);
    return root;
}

/* "" if there is no string. */
static const char *text_at(const json_t *root, const char *path)
{
    const char *text = json_string_value(at(root, path));
    return text != NULL ? text : "";
}

/* Stdout of a command that must succeed, as JSON; owned. */
static json_t *run_json(const char *const *argv)
{
    struct process_result result;
    process_run(argv, NULL, &result);
    json_t *root = json_loads(result.out, 0, NULL);
    if (result.exit_code != 0 || root == NULL)
        fail_msg("%s %s: exit %d\n%s\n%s", argv[0], argv[1], result.exit_code, result.out, result.err);
    process_result_free(&result);
    return root;
}
#define RUN_JSON(...) run_json((const char *const[]){__VA_ARGS__, NULL})

static size_t count_reports(const char *directory)
{
    json_t *list = RUN_JSON("bulkhead", "crashes", "--json", "--crash-dir", directory);
    size_t count = json_array_size(at(list, "reports"));
    json_decref(list);
    return count;
}

/* Renders a page with this misdeed and this directory; the exit code. */
static int misbehave(void **state, const char *kind, const char *directory, const char *policy)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-p", "1", "-o",
        scratch_path(state, "%d.png", out), "--crash-test", kind, "--crash-dir", directory, "--policy", policy);
    assert_false(result.timed_out);
    int code = result.exit_code;
    process_result_free(&result);
    return code;
}

static void check_registers(const json_t *said)
{
#if defined(__x86_64__)
    static const char *const names[] = {"rip", "rsp", "rbp", "rax", "r15"};
#else
    static const char *const names[] = {"pc", "sp", "x29", "x0"};
#endif
    const json_t *registers = at(said, "registers");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = text_at(registers, names[i]);
        if (strncmp(value, "0x", 2) != 0)
            fail_msg("no register %s", names[i]);
    }
}

static void check_backtrace(const json_t *report, const struct end_case *expected)
{
    size_t index;
    json_t *line;
    json_array_foreach(at(report, "backtrace"), index, line) {
        if (json_is_string(line) && strstr(json_string_value(line), expected->frame) != NULL)
            return;
    }
    char *text = json_dumps(at(report, "backtrace"), JSON_ENCODE_ANY | JSON_INDENT(1));
    fail_msg("%s: %s is not in %s", expected->kind, expected->frame, text);
}

static void check_said(const json_t *report, const struct end_case *expected)
{
    const json_t *said = at(report, "renderer_said");
    if (expected->said == NULL) {
        assert_true(json_is_null(said));
        return;
    }
    assert_string_equal(text_at(said, "kind"), expected->said);
    check_registers(said);
    if (strcmp(expected->said, "syscall") == 0) {
        assert_string_equal(text_at(said, "syscall.name"), "socket");
        assert_string_equal(text_at(said, "syscall.arguments.0"), "0x2");
        assert_non_null(strstr(text_at(said, "policy_advice.add"), "socket"));
    }
    /* A jump to nowhere aside, its first frame is in the renderer or a library, and those have build ids. */
    assert_true(json_array_size(at(said, "frames")) > 0);
    assert_true(text_at(report, "modules.0.build_id")[0] != '\0');
    assert_non_null(strstr(text_at(report, "modules.0.path"), "bulkhead-renderer"));
}

static void check_messages(const json_t *report, const struct end_case *expected)
{
    const json_t *messages = at(report, "messages");
    bool has_navigate = false, has_order = false;
    size_t index;
    json_t *message;
    json_array_foreach(messages, index, message) {
        const char *name = text_at(message, "message"), *direction = text_at(message, "direction");
        has_navigate |= strcmp(name, "navigate") == 0 && strcmp(direction, "to_renderer") == 0;
        has_order |= strcmp(name, "crash_test") == 0;
        if (expected->last != NULL && index + 1 == json_array_size(messages))
            assert_string_equal(text_at(message, "refused"), expected->last);
    }
    assert_true(has_navigate);
    assert_true(has_order);
    assert_true(json_array_size(at(report, "unanswered")) > 0);
}

static void check_report(const json_t *report, const struct end_case *expected)
{
    assert_string_equal(text_at(report, "end.cause"), expected->cause);
    assert_string_equal(text_at(report, "end.signal"), expected->signal != NULL ? expected->signal : "");
    assert_int_equal(json_is_null(at(report, "end.status")), expected->signal != NULL);
    assert_string_equal(text_at(report, "document.given"), document_path("sample.pdf"));
    assert_string_equal(text_at(report, "document.format"), "PDF");
    assert_int_equal(strlen(text_at(report, "document.sha256")), 64);
    assert_true(json_array_size(at(report, "sandbox")) >= 20);
    assert_true(json_integer_value(at(report, "limits.memory_bytes")) > 0);
    check_said(report, expected);
    check_messages(report, expected);
    if (expected->frame != NULL)
        check_backtrace(report, expected);
}

static void every_bad_end_leaves_one_report_that_tells_it(void **state)
{
    char directory[SCRATCH_PATH], policy[SCRATCH_PATH], number[16];
    write_policy(state, policy);
    scratch_path(state, "crashes", directory);
    for (size_t i = 0; i < ENDS; i++) {
        misbehave(state, ends[i].kind, directory, policy);
        assert_int_equal(count_reports(directory), i + 1);
        snprintf(number, sizeof number, "%zu", i + 1);
        json_t *report = RUN_JSON("bulkhead", "crashes", "show", number, "--json", "--crash-dir", directory);
        check_report(report, &ends[i]);
        json_decref(report);
    }
}

static void the_sum_is_that_of_sha256sum(void **state)
{
    struct process_result result;
    char directory[SCRATCH_PATH], policy[SCRATCH_PATH];
    write_policy(state, policy);
    misbehave(state, "abort", scratch_path(state, "crashes", directory), policy);
    json_t *report = RUN_JSON("bulkhead", "crashes", "show", "--json", "--crash-dir", directory);
    RUN(&result, NULL, "sha256sum", document_path("sample.pdf"));
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(strlen(text_at(report, "document.sha256")), 64);
    assert_memory_equal(result.out, text_at(report, "document.sha256"), 64);
    process_result_free(&result);
    json_decref(report);
}

static void a_clean_end_leaves_none(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH], directory[SCRATCH_PATH];
    scratch_path(state, "crashes", directory);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), document_path("truncated.pdf"), "-o",
        scratch_path(state, "%s-%d.png", out), "--crash-dir", directory);
    process_result_free(&result);
    assert_false(scratch_exists(directory)); /* not even the directory is made */
    RUN(&result, NULL, "bulkhead", "crashes");
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.out, "no crash reports\n");
    process_result_free(&result);
}

/* The report that this end of render's JSON names is this renderer's. Returns its number. */
static unsigned check_report_of_end(const json_t *end, const char *directory)
{
    const char *path = text_at(end, "crash_report");
    unsigned number = 0;
    int tail = 0;
    assert_true(strncmp(path, directory, strlen(directory)) == 0);
    assert_int_equal(sscanf(path + strlen(directory), "/crash-%4u.json%n", &number, &tail), 1);
    assert_int_equal(strlen(directory) + (size_t)tail, strlen(path));
    json_t *report = json_load_file(path, 0, NULL);
    assert_non_null(report);
    assert_int_equal(json_integer_value(at(report, "end.renderer")), json_integer_value(at(end, "renderer")));
    assert_int_equal(json_integer_value(at(report, "end.pid")), json_integer_value(at(end, "pid")));
    json_decref(report);
    return number;
}

/* In whatever order: the hashes of two documents are worked out at the same time. */
static void render_says_where_the_report_is_in_a_line_and_in_its_json(void **state)
{
    enum { ENDS_ALLOWED = 3 }; /* quarantine_ends */
    struct process_result result;
    char out[SCRATCH_PATH], directory[SCRATCH_PATH], line[2 * SCRATCH_PATH];
    unsigned seen = 0;
    scratch_path(state, "crashes", directory);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", scratch_path(state, "%d.png", out),
        "--crash-test", "wild-write,every", "--crash-dir", directory, "--json");
    json_t *root = json_loads(result.out, 0, NULL);
    assert_non_null(root);
    const json_t *list = at(root, "files.0.ends");
    assert_int_equal(json_array_size(list), ENDS_ALLOWED);
    for (size_t i = 0; i < ENDS_ALLOWED; i++) {
        const json_t *end = json_array_get(list, i);
        seen |= 1u << check_report_of_end(end, directory);
        snprintf(line, sizeof line, "bulkhead: %s: crash report: %s\n", document_path("sample.pdf"),
                 text_at(end, "crash_report"));
        if (strstr(result.err, line) == NULL)
            fail_msg("\"%s\" is not in:\n%s", line, result.err);
        assert_true(json_array_size(at(end, "backtrace")) > 0);
    }
    assert_int_equal(seen, 1u << 1 | 1u << 2 | 1u << 3);
    assert_true(json_equal(at(root, "files.0.end"), at(root, "files.0.ends.0")));
    json_decref(root);
    process_result_free(&result);
}

static const char *hostile_renderer(char out[SCRATCH_PATH])
{
    const char *build = getenv("BULKHEAD_BUILD");
    snprintf(out, SCRATCH_PATH, "BULKHEAD_RENDERER=%s/tests/hostile-renderer", build != NULL ? build : "build/release");
    return out;
}

static void assert_harmless(const char *text)
{
    for (; *text != '\0'; text++)
        if (((unsigned char)*text < 0x20 && *text != '\n') || *text == 0x7f)
            fail_msg("control byte %02x", (unsigned char)*text);
}

/* Format, step, code: all that a renderer can put into a report, and the document's name on top. */
static void nothing_a_renderer_says_reaches_a_terminal_as_a_command(void **state)
{
    static const char *const shows[][3] = {{"list", NULL, NULL}, {"show", NULL, NULL}, {"show", "--json", NULL}};
    struct process_result result;
    char renderer[SCRATCH_PATH], directory[SCRATCH_PATH], document[SCRATCH_PATH], out[SCRATCH_PATH];
    const struct process_options options = {.environment = (const char *const[]){hostile_renderer(renderer), NULL}};
    scratch_write(state, "\033[1mname", "obeyed-by-terminals", 19);
    scratch_path(state, "crashes", directory);
    RUN(&result, &options, "bulkhead", "render", scratch_path(state, "\033[1mname", document), "-o",
        scratch_path(state, "%d.png", out), "--crash-dir", directory);
    assert_int_equal(result.exit_code, EXIT_CODE_CRASHED);
    assert_non_null(strstr(result.err, "crash report: "));
    assert_harmless(result.err);
    process_result_free(&result);
    for (size_t i = 0; i < 3; i++) {
        RUN(&result, NULL, "bulkhead", "crashes", "--crash-dir", directory, shows[i][0], shows[i][1]);
        assert_int_equal(result.exit_code, 0);
        assert_harmless(result.out);
        assert_null(strstr(result.out, "title-of-the-document")); /* its content is nobody's business */
        assert_null(strstr(result.out, "\xe2\x80\xae"));
        if (i == 1) {
            assert_non_null(strstr(result.out, "  format     \\x1b]0;format\\x07\\u{202e} (the renderer's word)\n"));
            assert_non_null(strstr(result.out, "  step       \\x1b[2J\\x0dnote\\x0a\\x9b\n"));
            assert_non_null(strstr(result.out, "\\x1b[1mname\n"));
        }
        process_result_free(&result);
    }
}

static void the_policy_bounds_how_many_are_kept(void **state)
{
    static const char two[] = "{\"crash_reports\": 2}", none[] = "{\"crash_reports\": 0}";
    char directory[SCRATCH_PATH], policy[SCRATCH_PATH];
    scratch_path(state, "crashes", directory);
    scratch_write(state, "two.json", two, sizeof two - 1);
    scratch_write(state, "none.json", none, sizeof none - 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(misbehave(state, "abort", directory, scratch_path(state, "two.json", policy)),
                         EXIT_CODE_CRASHED);
    json_t *list = RUN_JSON("bulkhead", "crashes", "--json", "--crash-dir", directory);
    assert_int_equal(json_array_size(at(list, "reports")), 2);
    assert_int_equal(json_integer_value(at(list, "reports.0.number")), 3);
    assert_int_equal(json_integer_value(at(list, "reports.1.number")), 4);
    json_decref(list);
    misbehave(state, "abort", directory, scratch_path(state, "none.json", policy));
    list = RUN_JSON("bulkhead", "crashes", "--json", "--crash-dir", directory);
    assert_int_equal(json_integer_value(at(list, "reports.1.number")), 4);
    json_decref(list);
}

static void the_switch_turns_them_off(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH], directory[SCRATCH_PATH];
    scratch_path(state, "crashes", directory);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-p", "1", "-o",
        scratch_path(state, "%d.png", out), "--crash-test", "abort", "--crash-dir", directory, "--no-crash-reports",
        "--json");
    assert_int_equal(result.exit_code, EXIT_CODE_CRASHED);
    assert_null(strstr(result.err, "crash report"));
    json_t *root = json_loads(result.out, 0, NULL);
    assert_true(json_is_null(at(root, "files.0.end.crash_report")));
    assert_true(json_array_size(at(root, "files.0.end.backtrace")) > 0); /* that is another matter */
    json_decref(root);
    process_result_free(&result);
    assert_false(scratch_exists(directory));
}

static void several_brokers_at_once_write_each_its_own(void **state)
{
    enum { BROKERS = 4 };
    char directory[SCRATCH_PATH], out[SCRATCH_PATH];
    int out_fds[BROKERS];
    pid_t pids[BROKERS];
    scratch_path(state, "crashes", directory);
    scratch_path(state, "%d.png", out);
    const char *const argv[] = {
        "bulkhead", "render", document_path("sample.pdf"), "-o", out, "--crash-test", "abort,every", "--crash-dir",
        directory,  NULL};
    for (int i = 0; i < BROKERS; i++)
        pids[i] = process_start(argv, NULL, &out_fds[i]);
    for (int i = 0; i < BROKERS; i++) {
        assert_int_equal(process_wait(pids[i], 60000), EXIT_CODE_CRASHED);
        close(out_fds[i]);
    }
    json_t *list = RUN_JSON("bulkhead", "crashes", "--json", "--crash-dir", directory);
    assert_int_equal(json_array_size(at(list, "reports")), 3 * BROKERS);
    size_t index;
    json_t *report;
    json_array_foreach(at(list, "reports"), index, report) {
        assert_true(json_is_null(at(report, "error")));
        assert_int_equal(json_integer_value(at(report, "number")), index + 1);
    }
    json_decref(list);
}

/* With nowhere to go the report is a warning, once, and everything else as it would be. */
static void expect_warning(void **state, const struct process_options *options, const char *directory,
                           const char *words)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    RUN(&result, options, "bulkhead", "render", document_path("sample.pdf"), "-o", scratch_path(state, "%d.png", out),
        "--crash-test", "wild-write,every", directory != NULL ? "--crash-dir" : "--quiet", directory);
    assert_int_equal(result.exit_code, EXIT_CODE_CRASHED);
    const char *warning = strstr(result.err, "warning: no crash report: ");
    if (warning == NULL || strstr(warning, words) == NULL)
        fail_msg("\"%s\" is not in:\n%s", words, result.err);
    assert_non_null(strstr(warning, "--no-crash-reports"));
    assert_null(strstr(warning + 1, "warning: no crash report: "));
    process_result_free(&result);
}

static void a_report_that_cannot_be_written_is_a_warning(void **state)
{
    static const char *const homeless[] = {"XDG_STATE_HOME=", "HOME=", NULL};
    const struct process_options no_home = {.environment = homeless};
    char directory[SCRATCH_PATH];
    expect_warning(state, &no_home, NULL, "neither XDG_STATE_HOME nor HOME says where");
    expect_warning(state, NULL, "/proc/self/crashes", "/proc/self/crashes: No such file or directory");
    scratch_path(state, "shared", directory);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(chmod(directory, 0777), 0);
    expect_warning(state, NULL, directory, "can be written to by others");
    if (geteuid() == 0)
        return; /* nothing is read-only to root */
    assert_int_equal(chmod(directory, 0500), 0);
    expect_warning(state, NULL, directory, "Permission denied");
}

static bool has_reports(void *userdata)
{
    return scratch_exists(userdata);
}

/* An interrupted run does not wait for the backtrace; the report is there all the same. */
static void a_broker_that_is_told_to_end_writes_what_it_knows(void **state)
{
    char directory[SCRATCH_PATH], out[SCRATCH_PATH], first[SCRATCH_PATH];
    int out_fd;
    scratch_path(state, "crashes", directory);
    scratch_path(state, "%s-%d.png", out);
    scratch_path(state, "crashes/crash-0001.json", first);
    const char *const argv[] = {"bulkhead",
                                "render",
                                document_path("sample.pdf"),
                                document_path("loop.pdf"),
                                "-o",
                                out,
                                "--jobs",
                                "2",
                                "--crash-test",
                                "abort",
                                "--crash-dir",
                                directory,
                                "--timeout",
                                "60",
                                NULL};
    pid_t pid = process_start(argv, NULL, &out_fd);
    assert_true(process_wait_until(has_reports, first, 20000));
    kill(pid, SIGTERM);
    process_wait(pid, 20000);
    close(out_fd);
    json_t *list = RUN_JSON("bulkhead", "crashes", "--json", "--crash-dir", directory);
    size_t index;
    json_t *report;
    assert_true(json_array_size(at(list, "reports")) >= 1);
    json_array_foreach(at(list, "reports"), index, report)
        assert_true(json_is_null(at(report, "error")));
    json_decref(list);
}

struct crowd {
    struct siege siege;
    struct siege_tab tabs[60];
    pid_t pids[60];
};
enum { CROWD = 60 };

static bool crowd_is_dead(void *userdata)
{
    const struct crowd *crowd = userdata;
    for (int i = 0; i < CROWD; i++)
        if (process_is_alive(crowd->pids[i]))
            return false;
    return true;
}

/* How many reports say this about the sum of their document. */
static size_t count_without_sum(const json_t *list, const char *why)
{
    size_t index, count = 0;
    json_t *report;
    json_array_foreach(at(list, "reports"), index, report) {
        const char *no_sum = text_at(report, "document.no_sha256"), *sum = text_at(report, "document.sha256");
        assert_true((no_sum[0] == '\0') != (sum[0] == '\0'));
        count += strcmp(no_sum, why) == 0;
    }
    return count;
}

/* More than there may be autopsies: each has its report, some without what takes time. */
static void ends_that_come_all_at_once_have_each_their_report(void **state)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    struct siege *siege = &crowd->siege;
    char document[SCRATCH_PATH];
    scratch_write(state, "document", "neighbour", 9);
    scratch_path(state, "document", document);
    siege_open(siege, HOSTILE_ZYGOTE_FINE, "{\"hung_after_ms\": 60000}", NULL);
    for (int i = 0; i < CROWD; i++) {
        siege_attack(siege, document, &crowd->tabs[i]);
        siege_until(siege, &crowd->tabs[i].has_info, "a tab");
        crowd->pids[i] = siege_pid(siege, &crowd->tabs[i]);
    }
    for (int i = 0; i < CROWD; i++)
        kill(crowd->pids[i], SIGKILL);
    assert_true(process_wait_until(crowd_is_dead, crowd, 10000)); /* before the broker looks */
    for (int i = 0; i < 1000 && siege->reports < CROWD; i++)
        siege_run(siege, 10);
    assert_int_equal(siege->reports, CROWD);
    assert_false(broker_has_open_reports(siege->broker));
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(crowd->tabs[i].ends, 1);
        siege_tab_close(&crowd->tabs[i]);
    }
    siege_close(siege);
    assert_int_equal(siege->reports, CROWD);
    json_t *list = RUN_JSON("bulkhead", "crashes", "--json");
    assert_int_equal(json_array_size(at(list, "reports")), CROWD);
    size_t without = count_without_sum(list, "too many renderers ended at once");
    assert_true(without > 0 && without <= CROWD - AUTOPSIES_MOST);
    json_decref(list);
    json_decref(RUN_JSON("bulkhead", "crashes", "clear", "--json"));
    free(crowd);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(every_bad_end_leaves_one_report_that_tells_it),
        TEST(the_sum_is_that_of_sha256sum),
        TEST(a_clean_end_leaves_none),
        TEST(render_says_where_the_report_is_in_a_line_and_in_its_json),
        TEST(nothing_a_renderer_says_reaches_a_terminal_as_a_command),
        TEST(the_policy_bounds_how_many_are_kept),
        TEST(the_switch_turns_them_off),
        TEST(several_brokers_at_once_write_each_its_own),
        TEST(a_report_that_cannot_be_written_is_a_warning),
        TEST(a_broker_that_is_told_to_end_writes_what_it_knows),
        TEST(ends_that_come_all_at_once_have_each_their_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
