/* The real program in a delegated cgroup of a real kernel: what holds its renderers, and whose memory ran out. On hosts
 * without such a cgroup these tests are left out (tests/support/delegated.h); what Bulkhead says there is tested last.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "broker/command/exit_codes.h"
#include "broker/limits/cgroup.h"
#include "common/fd.h"
#include "tests/support/delegated.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

enum { DEADLINE_MS = 60000 };

/* cmocka's skip() does not return. */
static void make_or_skip(char ret_directory[DELEGATED_PATH])
{
#ifdef BULKHEAD_SANITIZED
    print_message("left out: a sanitizer build needs more memory than these tests allow\n");
    skip();
#endif
    if (!delegated_make(ret_directory))
        skip();
}

static json_t *parse(const struct process_result *result)
{
    json_error_t error;
    json_t *root = json_loads(result->out, 0, &error);
    if (root == NULL)
        fail_msg("exit %d: %s\n%s", result->exit_code, result->out, result->err);
    return root;
}

static json_t *layer_of(json_t *root)
{
    size_t i;
    json_t *layer, *layers = json_object_get(json_object_get(root, "sandbox"), "layers");
    json_array_foreach(layers, i, layer) {
        if (strcmp(process_json_text(layer, "name"), "cgroup-limits") == 0)
            return layer;
    }
    fail_msg("no layer cgroup-limits");
    return NULL;
}

static void assert_says(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

/* The report has this end, of this kind. */
static void assert_end(const struct process_result *result, int code, const char *summary, const char *oom_kill)
{
    json_t *root = parse(result);
    json_t *end = json_object_get(json_array_get(json_object_get(root, "files"), 0), "end");
    assert_says(process_json_text(end, "summary"), summary);
    assert_string_equal(process_json_text(end, "oom_kill"), oom_kill);
    assert_int_equal(result->exit_code, code);
    json_decref(root);
}

static void each_renderer_is_held_by_a_cgroup_of_its_own(void **state)
{
    struct process_result result;
    char directory[DELEGATED_PATH], out[SCRATCH_PATH];
    make_or_skip(directory);
    delegated_run(directory,
                  ARGV("bulkhead", "render", document_path("sample.pdf"), "-o", scratch_path(state, "%d.png", out),
                       "--memory", "100M", "--require", "cgroup-limits", "--json"),
                  &result);
    json_t *root = parse(&result);
    json_t *layer = layer_of(root);
    const char *evidence = process_json_text(layer, "evidence");
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    assert_true(json_is_true(json_object_get(layer, "in_force")));
    assert_says(evidence, "memory.max=104857600 ");
    assert_says(evidence, " pids.max=8 ");
    assert_says(evidence, directory);
    if (strstr(delegated_read(directory, "cgroup.controllers"), "cpu") != NULL)
        assert_says(evidence, " cpu.weight=50 ");
    json_decref(root);
    process_result_free(&result);
    delegated_remove(directory);
}

static void one_that_reaches_its_own_limit_is_told_by_it(void **state)
{
    struct process_result result;
    char directory[DELEGATED_PATH], out[SCRATCH_PATH];
    make_or_skip(directory);
    delegated_run(directory,
                  ARGV("bulkhead", "render", document_path("sample.pdf"), "-p", "1", "-o",
                       scratch_path(state, "%d.png", out), "--memory", "64M", "--without", "resource-limits",
                       "--crash-test", "out-of-memory", "--json"),
                  &result);
    assert_end(&result, EXIT_CODE_OUT_OF_MEMORY, "the kernel killed it: 64 MiB limit of its cgroup", "own limit");
    assert_says(result.err, "--memory");
    process_result_free(&result);
    delegated_remove(directory);
}

static void an_allocation_that_fails_comes_before_the_kernels_kill(void **state)
{
    struct process_result result;
    char directory[DELEGATED_PATH], out[SCRATCH_PATH];
    make_or_skip(directory);
    delegated_run(directory,
                  ARGV("bulkhead", "render", document_path("sample.pdf"), "-p", "1", "-o",
                       scratch_path(state, "%d.png", out), "--memory", "64M", "--crash-test", "out-of-memory",
                       "--json"),
                  &result);
    assert_end(&result, EXIT_CODE_OUT_OF_MEMORY, "more could not be had", "");
    process_result_free(&result);
    delegated_remove(directory);
}

static void one_killed_for_memory_around_it_is_told_so(void **state)
{
    struct process_result result;
    char directory[DELEGATED_PATH], out[SCRATCH_PATH];
    make_or_skip(directory);
    delegated_write(directory, "memory.max", "134217728");
    delegated_write(directory, "memory.swap.max", "0");
    delegated_run(directory,
                  ARGV("bulkhead", "render", document_path("sample.pdf"), "-p", "1", "-o",
                       scratch_path(state, "%d.png", out), "--memory", "2G", "--crash-test", "out-of-memory", "--json"),
                  &result);
    assert_end(&result, EXIT_CODE_OUT_OF_MEMORY, "this host, or a cgroup around it, had no memory left", "around");
    assert_says(result.err, "free some memory");
    assert_null(strstr(result.err, "--memory"));
    process_result_free(&result);
    delegated_remove(directory);
}

static void frames_come_on_top_of_a_renderers_own_memory(void **state)
{
    struct process_result result;
    char directory[DELEGATED_PATH], out[SCRATCH_PATH];
    make_or_skip(directory);
    /* 4800 pixels wide are 98 MB a frame. */
    delegated_run(directory,
                  ARGV("bulkhead", "render", document_path("sample.pdf"), "-p", "1", "-w", "4800", "-o",
                       scratch_path(state, "%d.png", out), "--memory", "64M", "--require", "cgroup-limits"),
                  &result);
    if (result.exit_code != EXIT_CODE_OK)
        print_message("%s\n", result.err);
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    process_result_free(&result);
    delegated_remove(directory);
}

/* A render that hangs, with all its processes there. */
struct running {
    char renderer[DELEGATED_PATH + 64]; /* its cgroup */
    char directory[DELEGATED_PATH];
    pid_t pid;
    int out_fd;
};

static bool has_renderer(void *userdata)
{
    const struct running *running = userdata;
    return delegated_pid(running->renderer) != 0;
}

static void start_hanging(void **state, struct running *running)
{
    char out[SCRATCH_PATH];
    running->pid =
        delegated_start(running->directory,
                        ARGV("bulkhead", "render", document_path("sample.pdf"), "-p", "1", "-o",
                             scratch_path(state, "%d.png", out), "--crash-test", "hang", "--timeout", "600", "--json"),
                        &running->out_fd);
    snprintf(running->renderer, sizeof running->renderer, "%s/bulkhead-%d/renderer-1", running->directory,
             (int)running->pid);
    assert_true(process_wait_until(has_renderer, running, DEADLINE_MS));
}

static void end_hanging(struct running *running, struct process_result *ret_result)
{
    static char text[256 * 1024];
    size_t used = 0;
    for (ssize_t got; (got = read(running->out_fd, text + used, sizeof text - 1 - used)) > 0;)
        used += (size_t)got;
    text[used] = '\0';
    fd_close(&running->out_fd);
    *ret_result = (struct process_result){.out = text, .err = (char *)(size_t) ""};
    ret_result->exit_code = process_wait(running->pid, DEADLINE_MS);
}

/* In a cgroup beside the broker's, so that the host counts one more such kill. */
static void let_the_oom_killer_strike_elsewhere(void)
{
    char directory[DELEGATED_PATH];
    int status;
    assert_true(delegated_make(directory));
    delegated_write(directory, "memory.max", "8388608");
    delegated_write(directory, "memory.swap.max", "0");
    pid_t child = fork();
    if (child == 0) {
        enum { BYTES = 64 << 20 };
        delegated_enter(directory);
        volatile char *memory = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; memory != MAP_FAILED && i < BYTES; i += 4096)
            memory[i] = 1;
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(delegated_read_key(directory, "memory.events", "oom_kill"), 1);
    delegated_remove(directory);
}

static void a_kill_by_somebody_is_no_want_of_memory_even_when_there_is_one_elsewhere(void **state)
{
    struct running running;
    struct process_result result;
    make_or_skip(running.directory);
    start_hanging(state, &running);
    let_the_oom_killer_strike_elsewhere();
    assert_int_equal(kill(delegated_pid(running.renderer), SIGKILL), 0);
    end_hanging(&running, &result);
    assert_end(&result, EXIT_CODE_UNEXPECTED_EXIT, "SIGKILL from outside", "");
    delegated_remove(running.directory);
}

static void a_broker_that_is_told_to_end_puts_everything_back(void **state)
{
    struct running running;
    struct process_result result;
    make_or_skip(running.directory);
    start_hanging(state, &running);
    assert_int_equal(kill(running.pid, SIGTERM), 0);
    assert_int_equal(kill(running.pid, SIGTERM), 0);
    end_hanging(&running, &result);
    assert_int_equal(result.exit_code, 128 + SIGTERM);
    delegated_remove(running.directory);
}

static bool is_empty(void *userdata)
{
    const struct running *running = userdata;
    return delegated_read_key(running->directory, "cgroup.events", "populated") == 0;
}

static void what_a_killed_broker_left_is_removed_by_the_next(void **state)
{
    struct running running;
    struct process_result result;
    char stale[DELEGATED_PATH + 32], out[SCRATCH_PATH];
    make_or_skip(running.directory);
    start_hanging(state, &running);
    assert_int_equal(kill(running.pid, SIGKILL), 0);
    end_hanging(&running, &result);
    assert_true(process_wait_until(is_empty, &running, DEADLINE_MS)); /* nobody is left in it */
    snprintf(stale, sizeof stale, "%s/bulkhead-%d", running.directory, (int)running.pid);
    assert_int_equal(access(stale, F_OK), 0);
    /* Nobody can be started where controllers are handed on. */
    const char *off =
        strstr(delegated_read(stale, "cgroup.subtree_control"), "cpu") != NULL ? "-memory -pids -cpu" : "-memory -pids";
    delegated_write(stale, "cgroup.subtree_control", off);
    delegated_write(running.directory, "cgroup.subtree_control", off);
    delegated_run(running.directory,
                  ARGV("bulkhead", "render", document_path("sample.png"), "-o", scratch_path(state, "o.png", out),
                       "--require", "cgroup-limits"),
                  &result);
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    process_result_free(&result);
    delegated_remove(running.directory);
}

static void no_cgroup_outlives_its_renderer(void **state)
{
    struct process_result result;
    char directory[DELEGATED_PATH], out[SCRATCH_PATH];
    make_or_skip(directory);
    delegated_run(directory,
                  ARGV("bulkhead", "render", document_path("sample.pdf"), document_path("sample.svg"),
                       document_path("deep.pdf"), document_path("sample.png"), "-o",
                       scratch_path(state, "%s-%d.png", out), "--jobs", "3", "--crash-test", "wild-write", "--require",
                       "cgroup-limits"),
                  &result);
    assert_false(result.timed_out);
    assert_int_equal(result.exit_code, EXIT_CODE_SOME_FAILED);
    process_result_free(&result);
    delegated_remove(directory);
}

static void a_cgroup_with_somebody_else_in_it_is_not_touched(void **state)
{
    struct process_result result;
    char directory[DELEGATED_PATH], out[SCRATCH_PATH], expected[64];
    make_or_skip(directory);
    pid_t stranger = fork();
    if (stranger == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        delegated_enter(directory);
        for (;;)
            pause();
    }
    while (delegated_pid(directory) != stranger)
        usleep(1000);
    delegated_run(
        directory,
        ARGV("bulkhead", "render", document_path("sample.png"), "-o", scratch_path(state, "o.png", out), "--json"),
        &result);
    json_t *root = parse(&result);
    json_t *layer = layer_of(root);
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    assert_false(json_is_true(json_object_get(layer, "in_force")));
    snprintf(expected, sizeof expected, "it holds other processes too (%d)", (int)stranger);
    assert_says(process_json_text(layer, "evidence"), expected);
    assert_null(strstr(result.err, "cgroup-limits"));
    assert_int_equal(delegated_pid(directory), stranger);
    json_decref(root);
    process_result_free(&result);
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
    delegated_remove(directory);
}

/* Alone in `directory`: divides it, puts a child in a renderer's cgroup, and counts what that can start. */
static int count_tasks(const char *directory)
{
    const struct cgroup_limits limits = {.memory_bytes = 64 << 20, .tasks = 5, .cpu_weight = 50};
    struct cgroup *cgroup;
    char why[256];
    int procs_fd, status;
    delegated_enter(directory);
    if (cgroup_create("/proc", &cgroup, why, sizeof why) < 0 || cgroup_add(cgroup, 1, &limits, &procs_fd) < 0)
        return 100;
    pid_t child = fork();
    if (child == 0) {
        int count = 1; /* itself */
        if (write(procs_fd, "0", 1) != 1)
            _exit(101);
        for (pid_t pid; (pid = fork()) >= 0; count++)
            if (pid == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;)
                    pause();
            }
        _exit(errno == EAGAIN ? count : 102);
    }
    waitpid(child, &status, 0);
    struct cgroup_observed observed;
    for (int i = 0; i < 1000 && cgroup_observe(cgroup, 1, &observed) == 0 && observed.pid != 0; i++)
        usleep(10000); /* until its children are gone as well */
    cgroup_destroy(cgroup);
    return WEXITSTATUS(status);
}

static void no_renderer_has_more_tasks_than_its_limit(void **state)
{
    char directory[DELEGATED_PATH];
    int status;
    (void)state;
    make_or_skip(directory);
    pid_t child = fork();
    if (child == 0)
        _exit(count_tasks(directory));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 5);
    while (delegated_read_key(directory, "cgroup.events", "populated") != 0)
        usleep(1000);
    delegated_remove(directory);
}

static void without_such_a_cgroup_it_goes_on_and_says_why(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    /* This test's own cgroup holds this test: never the program's alone. */
    process_run(
        ARGV("bulkhead", "render", document_path("sample.png"), "-o", scratch_path(state, "o.png", out), "--json"),
        NULL, &result);
    json_t *root = parse(&result);
    json_t *layer = layer_of(root);
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    assert_true(json_is_false(json_object_get(layer, "in_force")));
    assert_true(json_is_true(json_object_get(layer, "optional")));
    assert_true(process_json_text(layer, "error")[0] != '\0');
    assert_true(process_json_text(layer, "evidence")[0] != '\0');
    assert_null(strstr(result.err, "cgroup-limits")); /* no warning at each run */
    json_decref(root);
    process_result_free(&result);
}

static void without_such_a_cgroup_requiring_it_is_an_error(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    process_run(ARGV("bulkhead", "render", document_path("sample.png"), "-o", scratch_path(state, "o.png", out),
                     "--require", "cgroup-limits"),
                NULL, &result);
    assert_int_equal(result.exit_code, EXIT_CODE_LAYER_MISSING);
    assert_says(result.err, "required layer cgroup-limits is not in force here (");
    assert_says(result.err, "bulkhead help layers");
    process_result_free(&result);
    assert_int_equal(scratch_count(state), 0);
}

static void no_cell_is_known_where_there_was_none(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    const struct process_options options = {.environment = ARGV("BULKHEAD_RENDERER=/bin/false")};
    process_run(
        ARGV("bulkhead", "render", document_path("sample.png"), "-o", scratch_path(state, "o.png", out), "--json"),
        &options, &result);
    json_t *root = parse(&result);
    assert_int_equal(result.exit_code, EXIT_CODE_NO_RENDERER);
    assert_true(json_is_false(json_object_get(json_object_get(root, "sandbox"), "known")));
    json_decref(root);
    process_result_free(&result);
}

static void it_can_be_left_out(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    process_run(ARGV("bulkhead", "render", document_path("sample.png"), "-o", scratch_path(state, "o.png", out),
                     "--without", "cgroup-limits", "--json"),
                NULL, &result);
    json_t *root = parse(&result);
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    assert_string_equal(process_json_text(layer_of(root), "evidence"), "left out by request");
    json_decref(root);
    process_result_free(&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_renderer_is_held_by_a_cgroup_of_its_own),
        TEST(one_that_reaches_its_own_limit_is_told_by_it),
        TEST(an_allocation_that_fails_comes_before_the_kernels_kill),
        TEST(one_killed_for_memory_around_it_is_told_so),
        TEST(frames_come_on_top_of_a_renderers_own_memory),
        TEST(a_kill_by_somebody_is_no_want_of_memory_even_when_there_is_one_elsewhere),
        TEST(a_broker_that_is_told_to_end_puts_everything_back),
        TEST(what_a_killed_broker_left_is_removed_by_the_next),
        TEST(no_cgroup_outlives_its_renderer),
        TEST(a_cgroup_with_somebody_else_in_it_is_not_touched),
        TEST(no_renderer_has_more_tasks_than_its_limit),
        TEST(without_such_a_cgroup_it_goes_on_and_says_why),
        TEST(without_such_a_cgroup_requiring_it_is_an_error),
        TEST(no_cell_is_known_where_there_was_none),
        TEST(it_can_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
