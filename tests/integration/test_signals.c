/* Signals against the real program at work: policies read again, counters, and storms that must change nothing. What
 * renderers claim is escaped wherever the program shows it. */
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

#include "common/clock.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

/* A render that hangs until its --timeout of a minute, with a policy file and its stderr in the scratch directory. */
struct running {
    pid_t pid;
    int out_fd;
    char policy[SCRATCH_PATH], err[SCRATCH_PATH];
    const char *awaited; // text in err
};

/* --crash-test hang, and a deadline for running work that is far away until the policy says otherwise. */
static const char patient[] = "{\"shutdown_deadline_ms\": 60000}";
static const char hasty[] = "{\"shutdown_deadline_ms\": 0}";

static bool is_said(void *userdata)
{
    const struct running *running = userdata;
    size_t bytes;
    char *text = scratch_read(running->err, &bytes);
    bool found = text != NULL && strstr(text, running->awaited) != NULL;
    free(text);
    return found;
}

static void await(struct running *running, const char *text)
{
    running->awaited = text;
    if (!process_wait_until(is_said, running, 10000))
        fail_msg("\"%s\" was not said", text);
}

static void start(void **state, struct running *running, const char *policy)
{
    char out[SCRATCH_PATH];
    scratch_write(state, "policy.json", policy, strlen(policy));
    scratch_path(state, "policy.json", running->policy);
    scratch_path(state, "stderr", running->err);
    const char *const argv[] = {"bulkhead",
                                "render",
                                document_path("sample.pdf"),
                                "-o",
                                scratch_path(state, "%d.png", out),
                                "--crash-test",
                                "hang",
                                "--timeout",
                                "60",
                                "--policy",
                                running->policy,
                                "--log",
                                "debug",
                                NULL};
    running->pid = process_start(argv, running->err, &running->out_fd);
    await(running, "msg=document_info"); /* it paints, that is: hangs */
}

static void finish(struct running *running, int signal_number, int timeout_ms)
{
    kill(running->pid, signal_number);
    assert_int_equal(process_wait(running->pid, timeout_ms), 128 + signal_number);
    close(running->out_fd);
}

static void a_policy_read_again_is_in_force(void **state)
{
    struct running running = {0};
    start(state, &running, patient);
    scratch_write(state, "policy.json", hasty, sizeof hasty - 1);
    kill(running.pid, SIGHUP);
    kill(running.pid, SIGUSR2); /* handled after it: its lines say that the policy was read */
    await(&running, "counter direction=");
    finish(&running, SIGTERM, 5000);
}

static void a_bad_policy_changes_nothing_and_is_named(void **state)
{
    static const char bad[] = "{\"shutdown_deadline_ms\": 60000,\n \"\033[31mhung\": 1}";
    struct running running = {0};
    start(state, &running, hasty);
    scratch_write(state, "policy.json", bad, sizeof bad - 1);
    kill(running.pid, SIGHUP);
    await(&running, "policy=refused");
    size_t bytes;
    char *text = scratch_read(running.err, &bytes);
    assert_null(strchr(text, '\033'));
    free(text);
    unlink(running.policy);
    kill(running.pid, SIGHUP); /* no file at all is refused as well */
    finish(&running, SIGTERM, 5000);
}

static void sigusr2_prints_the_counters_of_every_message_seen(void **state)
{
    struct running running = {0};
    start(state, &running, hasty);
    kill(running.pid, SIGUSR2);
    await(&running, "counter direction=to_broker msg=document_info messages=1");
    await(&running, "counter direction=to_renderer msg=navigate messages=1");
    finish(&running, SIGTERM, 5000);
}

/* Signals that arrive faster than they can be handled coalesce: the work goes on and comes to its end. */
static void storm(void **state, int signal_number)
{
    char out[SCRATCH_PATH], err[SCRATCH_PATH];
    int out_fd;
    const char *const argv[] = {"bulkhead",
                                "render",
                                document_path("sample.pdf"),
                                document_path("sample.epub"),
                                "-o",
                                scratch_path(state, "%s-%d.png", out),
                                "--jobs",
                                "2",
                                NULL};
    pid_t pid = process_start(argv, scratch_path(state, "stderr", err), &out_fd);
    uint64_t deadline = clock_now_ms() + 300;
    while (clock_now_ms() < deadline && process_is_alive(pid)) {
        for (int i = 0; i < 20; i++)
            kill(pid, signal_number);
        usleep(200);
    }
    assert_int_equal(process_wait(pid, 60000), 0);
    close(out_fd);
    assert_true(scratch_count(state) >= 3);
}

/* The signal finds the program before it blocks it as well: not for those whose default is to end it. */
static void a_storm_of_sigchld_changes_nothing(void **state)
{
    storm(state, SIGCHLD);
}

static void storms_of_other_signals_change_nothing(void **state)
{
    static const int numbers[] = {SIGHUP, SIGUSR2, SIGCHLD};
    struct running running = {0};
    start(state, &running, hasty);
    for (int round = 0; round < 200; round++) {
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
            kill(running.pid, numbers[i]);
        usleep(500);
    }
    assert_true(process_is_alive(running.pid));
    finish(&running, SIGINT, 10000);
}

static void renderer_path(char out[SCRATCH_PATH])
{
    const char *build = getenv("BULKHEAD_BUILD");
    snprintf(out, SCRATCH_PATH, "BULKHEAD_RENDERER=%s/tests/hostile-renderer", build != NULL ? build : ".");
}

static void expect_no_controls(const struct process_result *result)
{
    for (size_t i = 0; i < result->out_bytes + result->err_bytes; i++) {
        unsigned char byte =
            (unsigned char)(i < result->out_bytes ? result->out[i] : result->err[i - result->out_bytes]);
        if (byte != '\n' && (byte < 0x20 || byte == 0x7f))
            fail_msg("control byte %02x in:\n%s\n%s", byte, result->out, result->err);
    }
    assert_null(strstr(result->out, "\xe2\x80\xae")); /* bidi override */
    assert_null(strstr(result->out, "\xc2\x9b"));     /* C1: CSI */
}

static void check_json(const char *text, size_t bytes)
{
    json_error_t error;
    json_t *root = json_loadb(text, bytes, 0, &error);
    if (root == NULL)
        fail_msg("%s", error.text);
    json_decref(root);
}

static void what_a_renderer_claims_is_escaped_wherever_it_is_shown(void **state)
{
    char renderer[SCRATCH_PATH], file[SCRATCH_PATH], out[SCRATCH_PATH], trace[SCRATCH_PATH];
    static const char *const attacks[] = {"info-wild-title", "error-long", "activity-wild-label", "asks-beyond"};
    renderer_path(renderer);
    const char *const environment[] = {renderer, NULL};
    const struct process_options options = {.environment = environment};
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        struct process_result result;
        scratch_write(state, "document", attacks[i], strlen(attacks[i]));
        scratch_path(state, "document", file);
        scratch_path(state, "page.png", out);
        scratch_path(state, "trace.json", trace);
        const char *const render[] = {"bulkhead", "render",  file,  "-o",    out,     "--pages", "1",
                                      "--json",   "--trace", trace, "--log", "debug", NULL};
        process_run(render, &options, &result);
        expect_no_controls(&result);
        check_json(result.out, result.out_bytes);
        process_result_free(&result);
        const char *const info[] = {"bulkhead", "info", file, NULL};
        process_run(info, &options, &result);
        expect_no_controls(&result);
        process_result_free(&result);
        size_t bytes;
        char *text = scratch_read(trace, &bytes);
        assert_non_null(text);
        check_json(text, bytes);
        free(text);
    }
}

/* A million claimed pages and a renderer that answers: the first one is painted, the rest cost nothing. */
static void a_million_pages_are_only_a_claim(void **state)
{
    char renderer[SCRATCH_PATH], file[SCRATCH_PATH], out[SCRATCH_PATH];
    struct process_result result;
    renderer_path(renderer);
    const char *const environment[] = {renderer, NULL};
    const struct process_options options = {.environment = environment, .timeout_ms = 20000};
    scratch_write(state, "document", "info-million-pages", 18);
    const char *const argv[] = {"bulkhead",
                                "render",
                                scratch_path(state, "document", file),
                                "-o",
                                scratch_path(state, "page.png", out),
                                "--pages",
                                "1000000",
                                NULL};
    process_run(argv, &options, &result);
    assert_false(result.timed_out);
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(a_policy_read_again_is_in_force),
        TEST(a_bad_policy_changes_nothing_and_is_named),
        TEST(sigusr2_prints_the_counters_of_every_message_seen),
        TEST(a_storm_of_sigchld_changes_nothing),
        TEST(storms_of_other_signals_change_nothing),
        TEST(what_a_renderer_claims_is_escaped_wherever_it_is_shown),
        TEST(a_million_pages_are_only_a_claim),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
