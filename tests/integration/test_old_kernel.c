/* On a kernel that lacks things, and within a container that forbids them: played by a filter around the whole program
 * that answers as such a kernel would. It runs as well as it can, and says truthfully what it has. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <seccomp.h>

#include "broker/command/exit_codes.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

#ifdef BULKHEAD_SANITIZED /* where limits are left out (renderer/cell/cell_limits.c) */
enum { SOUND = EXIT_CODE_NOT_IN_FORCE };
#else
enum { SOUND = EXIT_CODE_OK };
#endif

enum { SET_MDWE = 65, GET_MDWE = 66, RUN_MS = 120 * 1000 };

static int refuse(scmp_filter_ctx filter, int error, const char *call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error), seccomp_syscall_resolve_name(call), 0);
}

static int refuse_with(scmp_filter_ctx filter, int error, const char *call, unsigned position, uint64_t value)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error), seccomp_syscall_resolve_name(call), 1,
                            SCMP_CMP(position, SCMP_CMP_EQ, value));
}

/* Linux 5.6: no Landlock, no MDWE, no SO_PASSRIGHTS, no closing of descriptors by range. */
static int play_old_kernel(scmp_filter_ctx filter)
{
    int rc = refuse(filter, ENOSYS, "landlock_create_ruleset");
    rc = rc == 0 ? refuse(filter, ENOSYS, "close_range") : rc;
    rc = rc == 0 ? refuse_with(filter, EINVAL, "prctl", 0, SET_MDWE) : rc;
    rc = rc == 0 ? refuse_with(filter, EINVAL, "prctl", 0, GET_MDWE) : rc;
    rc = rc == 0 ? refuse_with(filter, ENOPROTOOPT, "setsockopt", 2, SO_PASSRIGHTS) : rc;
    return rc == 0 ? refuse_with(filter, ENOPROTOOPT, "getsockopt", 2, SO_PASSRIGHTS) : rc;
}

/* As container run-times do for those without CAP_SYS_ADMIN. */
static int play_container(scmp_filter_ctx filter)
{
    int rc = refuse(filter, EPERM, "unshare");
    rc = rc == 0 ? refuse(filter, EPERM, "mount") : rc;
    rc = rc == 0 ? refuse(filter, EPERM, "pivot_root") : rc;
    return rc == 0 ? refuse(filter, ENOSYS, "fsopen") : rc;
}

/* Before container engines said ENOSYS of calls they did not know: what can be gone without. */
static int play_early_container(scmp_filter_ctx filter)
{
    int rc = refuse(filter, EPERM, "faccessat2");
    rc = rc == 0 ? refuse(filter, EPERM, "close_range") : rc;
    return rc == 0 ? refuse(filter, EPERM, "openat2") : rc;
}

/* What cannot, one at a time. */
static int play_without_clone3(scmp_filter_ctx filter)
{
    return refuse(filter, EPERM, "clone3");
}

static int play_without_pidfds(scmp_filter_ctx filter)
{
    return refuse(filter, ENOSYS, "pidfd_open");
}

static int play_without_timerfds(scmp_filter_ctx filter)
{
    return refuse(filter, EPERM, "timerfd_create");
}

static int play_without_memfds(scmp_filter_ctx filter)
{
    return refuse(filter, EPERM, "memfd_create");
}

/* Distributions that keep user namespaces for root. */
static int play_restricted(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1,
                            SCMP_CMP(0, SCMP_CMP_MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER));
}

/* Who is around us has forbidden to load filters. */
static int play_filterless(scmp_filter_ctx filter)
{
    int rc = refuse(filter, ENOSYS, "seccomp");
    return rc == 0 ? refuse_with(filter, EINVAL, "prctl", 0, PR_SET_SECCOMP) : rc;
}

static const struct {
    const char *name;
    int (*play)(scmp_filter_ctx filter);
} plays[] = {
    {"old-kernel", play_old_kernel},
    {"container", play_container},
    {"early-container", play_early_container},
    {"without-clone3", play_without_clone3},
    {"without-pidfds", play_without_pidfds},
    {"without-memfds", play_without_memfds},
    {"without-timerfds", play_without_timerfds},
    {"restricted", play_restricted},
    {"filterless", play_filterless},
};

/* This program once more, as what stands around the other: PLAY PROGRAM ARGUMENT... */
static int play(char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int rc = -EINVAL;
    /* Container run-times let calls of other architectures through; libseccomp by itself would have them end the thread
     * that makes them, before the renderer's own filter can report them. */
    if (filter != NULL)
        seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
    for (size_t i = 0; filter != NULL && i < sizeof plays / sizeof plays[0]; i++)
        if (strcmp(argv[0], plays[i].name) == 0)
            rc = plays[i].play(filter);
    if (rc == 0)
        rc = seccomp_load(filter);
    seccomp_release(filter);
    if (rc < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], strerror(-rc));
        return 126;
    }
    execv(argv[1], argv + 1);
    return 127;
}

static void run(const char *around, const char *const *arguments, struct process_result *result)
{
    char program[512];
    const char *argv[24] = {"/proc/self/exe", around, program};
    const struct process_options options = {.timeout_ms = RUN_MS};
    size_t count = 3;
    snprintf(program, sizeof program, "%s/bulkhead", getenv("BULKHEAD_BUILD"));
    for (; *arguments != NULL; arguments++)
        argv[count++] = *arguments;
    process_run(argv, &options, result);
    assert_false(result->timed_out);
}
#define RUN(around, result, ...) run(around, (const char *const[]){__VA_ARGS__, NULL}, result)

static json_t *look(const char *around, int exit_code)
{
    struct process_result result;
    json_error_t error;
    RUN(around, &result, "sandbox", "--json");
    json_t *page = json_loads(result.out, 0, &error);
    if (page == NULL)
        fail_msg("no JSON: %s; stderr: %s", error.text, result.err);
    assert_int_equal(result.exit_code, exit_code);
    process_result_free(&result);
    return page;
}

/* Of the first process, a renderer. */
static const json_t *row_of(const json_t *page, const char *layer)
{
    const json_t *process = json_array_get(json_object_get(page, "processes"), 0), *row;
    size_t i;
    assert_string_equal(process_json_text(process, "role"), "renderer");
    json_array_foreach(json_object_get(process, "layers"), i, row)
        if (strcmp(process_json_text(row, "name"), layer) == 0)
            return row;
    fail_msg("no layer %s", layer);
    return NULL;
}

static void expect_not_here(const json_t *page, const char *layer)
{
    const json_t *row = row_of(page, layer);
    if (strcmp(process_json_text(row, "wanted"), "not here") != 0 ||
        strcmp(process_json_text(row, "observed"), "missing") != 0)
        fail_msg("%s: wanted %s, observed %s", layer, process_json_text(row, "wanted"),
                 process_json_text(row, "observed"));
    assert_true(json_is_false(json_object_get(row, "is_bad")));
}

static void expect_in_force(const json_t *page, const char *layer)
{
    const json_t *row = row_of(page, layer);
    if (strcmp(process_json_text(row, "observed"), "in force") != 0 &&
        strcmp(process_json_text(row, "observed"), "claimed") != 0)
        fail_msg("%s: %s", layer, process_json_text(row, "observed"));
}

/* It paints, and refuses to where the layer is required. */
static void expect_to_paint_unless(void **state, const char *around, const char *layer)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    scratch_path(state, "hull.png", out);
    RUN(around, &result, "render", "demo/pages/hull.png", "-w", "64", "-o", out);
    assert_int_equal(result.exit_code, EXIT_CODE_OK);
    assert_non_null(strstr(result.err, "sandbox layers not in force"));
    assert_non_null(strstr(result.err, layer));
    process_result_free(&result);
    RUN(around, &result, "render", "demo/pages/hull.png", "--require", layer, "-w", "64", "-o", out);
    assert_int_equal(result.exit_code, EXIT_CODE_LAYER_MISSING);
    assert_non_null(strstr(result.err, layer));
    process_result_free(&result);
    RUN(around, &result, "sandbox", "--require", layer);
    assert_int_equal(result.exit_code, EXIT_CODE_LAYER_MISSING);
    process_result_free(&result);
}

/* What is left must still hold. */
static void expect_to_hold(const char *around)
{
    struct process_result result;
    RUN(around, &result, "attack", "open-passwd", "fork", "kill-broker", "socket-inet", "uname", "mmap-exec",
        "null-write", "push-1-fd", "int-0x80", "broker-killed");
    if (result.exit_code != EXIT_CODE_OK)
        fail_msg("%s%s", result.out, result.err);
    process_result_free(&result);
}

static void on_an_old_kernel_newer_layers_are_not_here(void **state)
{
    static const char *const newer[] = {"landlock-files", "landlock-network", "landlock-scopes",
                                        "memory-deny-write-execute", "channel-refuses-fds"};
    json_t *page = look("old-kernel", SOUND);
    for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++)
        expect_not_here(page, newer[i]);
    expect_in_force(page, "seccomp");
    assert_true(json_is_null(json_object_get(json_object_get(page, "host"), "landlock_abi")));
    json_decref(page);
    expect_to_paint_unless(state, "old-kernel", "landlock-files");
    expect_to_hold("old-kernel");
}

static void in_a_container_that_forbids_namespaces_the_rest_holds(void **state)
{
    static const char *const forbidden[] = {"user-namespace", "mount-namespace", "pid-namespace", "net-namespace",
                                            "ipc-namespace",  "uts-namespace",   "empty-root",    "cgroup-namespace"};
    json_t *page = look("container", SOUND);
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++)
        expect_not_here(page, forbidden[i]);
    /* Behind the container's filter there is one more. */
    expect_in_force(page, "seccomp");
    expect_in_force(page, "no-capabilities");
    assert_non_null(strstr(process_json_text(json_object_get(page, "host"), "surroundings"), "a seccomp filter"));
    json_decref(page);
    expect_to_paint_unless(state, "container", "pid-namespace");
    expect_to_hold("container");
}

static void where_user_namespaces_are_restricted_root_has_the_others(void **state)
{
    json_t *page = look("restricted", SOUND);
    expect_not_here(page, "user-namespace");
    if (geteuid() != 0)
        expect_not_here(page, "mount-namespace");
    else if (strcmp(process_json_text(row_of(page, "mount-namespace"), "wanted"), "yes") == 0)
        expect_in_force(page, "mount-namespace"); /* by root's own right */
    json_decref(page);
    expect_to_paint_unless(state, "restricted", "user-namespace");
    expect_to_hold("restricted");
}

/* The kernel has filters and none is loaded: that is no host without seccomp. */
static void a_filter_that_may_not_be_loaded_is_missing(void **state)
{
    json_t *page = look("filterless", EXIT_CODE_NOT_IN_FORCE);
    const json_t *row = row_of(page, "seccomp");
    assert_string_equal(process_json_text(row, "wanted"), "yes");
    assert_string_equal(process_json_text(row, "observed"), "missing");
    assert_true(json_is_true(json_object_get(row, "is_bad")));
    json_decref(page);
    expect_to_paint_unless(state, "filterless", "seccomp");
}

static void in_an_early_container_files_are_written_all_the_same(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    scratch_path(state, "hull.png", out);
    RUN("early-container", &result, "render", "demo/pages/hull.png", "-w", "64", "-o", out);
    if (result.exit_code != EXIT_CODE_OK)
        fail_msg("%d: %s", result.exit_code, result.err);
    process_result_free(&result);
    RUN("early-container", &result, "render", "demo/pages/hull.png", "-w", "64", "-o", "/proc/version/x.png");
    assert_int_equal(result.exit_code, EXIT_CODE_OUTPUT_UNWRITABLE);
    process_result_free(&result);
}

/* Not an errno alone: which call, and what to do. */
static void what_it_cannot_start_without_is_named(void **state)
{
    static const struct {
        const char *around, *call, *words;
    } plays_here[] = {
        {"without-clone3", "clone3", "let it pass there"},
        {"without-pidfds", "pidfd_open", "Linux 5.4 or newer"},
        {"without-memfds", "memfd_create", "let it pass there"},
        {"without-timerfds", "timerfd_create", "let it pass there"},
    };
    struct process_result result;
    char out[SCRATCH_PATH];
    scratch_path(state, "hull.png", out);
    for (size_t i = 0; i < sizeof plays_here / sizeof plays_here[0]; i++) {
        RUN(plays_here[i].around, &result, "render", "demo/pages/hull.png", "-w", "64", "-o", out);
        if (result.exit_code == EXIT_CODE_OK || strstr(result.err, plays_here[i].call) == NULL ||
            strstr(result.err, plays_here[i].words) == NULL)
            fail_msg("%s: %d: %s", plays_here[i].around, result.exit_code, result.err);
        process_result_free(&result);
        RUN(plays_here[i].around, &result, "sandbox");
        if (strstr(result.err, plays_here[i].call) == NULL)
            fail_msg("%s: %d: %s", plays_here[i].around, result.exit_code, result.err);
        process_result_free(&result);
    }
}

int main(int argc, char **argv)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(on_an_old_kernel_newer_layers_are_not_here),
        TEST(in_a_container_that_forbids_namespaces_the_rest_holds),
        TEST(where_user_namespaces_are_restricted_root_has_the_others),
        TEST(a_filter_that_may_not_be_loaded_is_missing),
        TEST(in_an_early_container_files_are_written_all_the_same),
        TEST(what_it_cannot_start_without_is_named),
    };
    if (argc > 2)
        return play(argv + 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
