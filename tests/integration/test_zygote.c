/* The real zygote, driven as the broker drives it: hello, fork, the renderer's hello, and every way for it all to end.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/fd.h"
#include "renderer/cell/cell_layers.h"
#include "tests/support/zygote_driver.h"

static struct zygote_driver zygote;

static int start(void **state)
{
    static int fds_before;

    fds_before = fd_count_open();
    *state = &fds_before;
    int rc = zygote_driver_start(&zygote, zygote_driver_program(), 0);
    if (rc < 0)
        print_error("%s does not start: %s\n", zygote_driver_program(), strerror(-rc));
    return rc;
}

static int stop(void **state)
{
    zygote_driver_stop(&zygote);
    assert_int_equal(fd_count_open(), *(int *)*state);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    return 0;
}

/* The value of a line "Name:\tvalue" in /proc/PID/status. */
static long status_number(pid_t pid, const char *name)
{
    char path[64], line[256];
    long value = -1;
    size_t length = strlen(name);

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            value = strtol(line + length + 1, NULL, 10);
    }
    if (file != NULL)
        fclose(file);
    return value;
}

/* The init puts its filter up by itself, beside the zygote's hello. */
static void await_filter(pid_t pid)
{
    uint64_t deadline = clock_now_ms() + DRIVER_DEADLINE_MS;

    while (status_number(pid, "Seccomp") != 2 && clock_now_ms() < deadline)
        sched_yield();
}

static void hello_tells_layers_modules_and_init(void **state)
{
    (void)state;
    assert_int_equal(zygote.hello.renderer_id, 0);
    for (int layer = 0; layer < CELL_LAYERS; layer++)
        assert_true(zygote.hello.attempted[layer]);
    assert_true(zygote.hello.in_force[LAYER(SECCOMP)]);
    assert_in_range(zygote.hello.modules, 1, LIMIT_MODULES);
    assert_non_null(strstr(zygote.hello.first_module, "bulkhead-renderer"));
    assert_int_equal(zygote.hello.init_pid > 0, zygote.hello.in_force[LAYER(PID_NAMESPACE)]);
    if (zygote.hello.init_pid == 0)
        return;
    assert_int_equal(status_number(zygote.hello.init_pid, "PPid"), getpid());
    await_filter(zygote.hello.init_pid);
    assert_int_equal(status_number(zygote.hello.init_pid, "Seccomp"), 2);
    assert_int_equal(status_number(zygote.hello.init_pid, "NoNewPrivs"), 1);
}

static void a_renderer_is_our_child_and_reports_its_own_cell(void **state)
{
    struct renderer_driver renderer;

    (void)state;
    assert_int_equal(zygote_driver_fork(&zygote, 1, 1 << 30, &renderer), 0);
    assert_int_equal(renderer.hello.renderer_id, 1);
    assert_int_equal(status_number(renderer.pid, "PPid"), getpid());
    assert_int_equal(status_number(renderer.pid, "NoNewPrivs"), 1);
    assert_int_equal(status_number(renderer.pid, "Seccomp"), 2);
    assert_int_equal(status_number(renderer.pid, "CapEff"), 0);
    assert_int_not_equal(status_number(renderer.pid, "Uid"), 0);
    for (int layer = 0; layer < CELL_LAYERS; layer++)
        assert_int_equal(renderer.hello.in_force[layer], zygote.hello.in_force[layer]);
    /* Nothing of DRIVER_STRAY_FD: three of the log and null, and its channel. */
    assert_string_equal(renderer.hello.evidence[LAYER(CLOSED_FDS)], "4 fds open");
#ifndef BULKHEAD_SANITIZED
    assert_non_null(strstr(renderer.hello.evidence[LAYER(RESOURCE_LIMITS)], "1073741824"));
#endif
    renderer_driver_fini(&renderer);
}

static void a_renderer_ends_well_when_its_channel_ends(void **state)
{
    struct renderer_driver renderer;

    (void)state;
    assert_int_equal(zygote_driver_fork(&zygote, 1, 0, &renderer), 0);
    channel_destroy(renderer.channel);
    renderer.channel = NULL;
    int status = renderer_driver_wait(&renderer);
    if (status != 0)
        fail_msg("status %#x, record of kind %u, call %d", status, renderer.record->kind,
                 renderer.record->syscall_number);
    renderer_driver_fini(&renderer);
}

static void a_killed_renderer_leaves_the_others_and_the_zygote(void **state)
{
    struct renderer_driver first, second, third;

    (void)state;
    assert_int_equal(zygote_driver_fork(&zygote, 1, 0, &first), 0);
    assert_int_equal(zygote_driver_fork(&zygote, 2, 0, &second), 0);
    kill(first.pid, SIGSEGV);
    int status = renderer_driver_wait(&first);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSEGV);
    assert_int_equal(zygote_driver_fork(&zygote, 3, 0, &third), 0);
    assert_int_equal(kill(second.pid, 0), 0);
    renderer_driver_fini(&first);
    renderer_driver_fini(&second);
    renderer_driver_fini(&third);
}

/* SIGSEGV that was sent is recorded as such: the handler is in place from the first moment. */
static void the_crash_record_reaches_the_broker(void **state)
{
    struct renderer_driver renderer;
    struct crash_record copy;

    (void)state;
    assert_int_equal(zygote_driver_fork(&zygote, 5, 0, &renderer), 0);
    kill(renderer.pid, SIGBUS);
    int status = renderer_driver_wait(&renderer);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    copy = *renderer.record;
    assert_true(crash_record_validate(&copy));
    assert_int_equal(copy.kind, CRASH_SIGNAL);
    assert_int_equal(copy.signal, SIGBUS);
    assert_true(copy.stack_count > 0);
    renderer_driver_fini(&renderer);
}

static void the_cell_inits_death_kills_every_renderer(void **state)
{
    struct renderer_driver renderers[2];

    (void)state;
    if (zygote.hello.init_pid == 0) {
        print_message("skipped: no pid namespace here: %s\n", zygote.hello.evidence[LAYER(PID_NAMESPACE)]);
        skip();
    }
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(zygote_driver_fork(&zygote, i + 1, 0, &renderers[i]), 0);
    /* A stopped process notices nothing by itself. */
    kill(renderers[1].pid, SIGSTOP);
    kill(zygote.hello.init_pid, SIGKILL);
    for (unsigned i = 0; i < 2; i++) {
        int status = renderer_driver_wait(&renderers[i]);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGKILL);
        renderer_driver_fini(&renderers[i]);
    }
}

static int send_message(struct channel *channel, Bulkhead__ToRenderer *envelope, int *fds, size_t n_fds)
{
    int rc = channel_send(channel, &envelope->base, fds, n_fds);

    return rc == CHANNEL_OK ? channel_flush(channel) : rc;
}

static void the_zygote_goes_when_told_and_when_left_alone(void **state)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Shutdown shutdown_message = BULKHEAD__SHUTDOWN__INIT;
    struct zygote_driver other;

    (void)state;
    assert_int_equal(zygote_driver_start(&other, zygote_driver_program(), 0), 0);
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN;
    envelope.shutdown = &shutdown_message;
    assert_int_equal(send_message(other.channel, &envelope, NULL, 0), 0);
    struct pollfd hang_up = {.fd = channel_fd(other.channel)};
    assert_int_equal(poll(&hang_up, 1, DRIVER_DEADLINE_MS), 1);
    assert_int_equal(zygote_driver_stop(&other), 0);
    assert_int_equal(zygote_driver_start(&other, zygote_driver_program(), 0), 0);
    assert_int_equal(zygote_driver_stop(&other), 0);
}

static void a_fork_without_its_descriptors_is_refused(void **state)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Fork request = BULKHEAD__FORK__INIT;
    int fds[1] = {fcntl(2, F_DUPFD_CLOEXEC, 0)}, rc = 0;
    struct renderer_driver renderer;

    (void)state;
    request.renderer_id = 9;
    envelope.request_id = 3;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_FORK;
    envelope.fork = &request;
    assert_int_equal(send_message(zygote.channel, &envelope, fds, 1), 0);
    const Bulkhead__ToBroker *answer = driver_receive(zygote.channel, &rc);
    assert_non_null(answer);
    assert_int_equal(answer->message_case, BULKHEAD__TO_BROKER__MESSAGE_FORKED);
    assert_int_equal(answer->request_id, 3);
    assert_int_equal(answer->forked->error, EBADMSG);
    assert_int_equal(answer->forked->pid, 0);
    assert_int_equal(zygote_driver_fork(&zygote, 10, 0, &renderer), 0);
    renderer_driver_fini(&renderer);
}

static void a_terminals_signals_do_not_reach_the_cell(void **state)
{
    (void)state;
    assert_int_equal(getsid(zygote.pid), zygote.pid);
}

/* A broker of its own; killed, so that it can tell nobody. Zygote and renderer are stopped: only SIGKILL ends them now,
 * a channel that hangs up does not. */
static void __attribute__((noreturn)) live_as_broker(int out_fd)
{
    struct zygote_driver own;
    struct renderer_driver renderer;
    pid_t pids[3];

    if (zygote_driver_start(&own, zygote_driver_program(), 0) < 0 || zygote_driver_fork(&own, 1, 0, &renderer) < 0)
        _exit(1);
    kill(renderer.pid, SIGSTOP);
    kill(own.pid, SIGSTOP);
    pids[0] = own.pid;
    /* A pid namespace's pid 1 is not gone before everybody in it was reaped: in this order. */
    pids[1] = renderer.pid;
    pids[2] = own.hello.init_pid;
    if (write(out_fd, pids, sizeof(pids)) != sizeof(pids))
        _exit(1);
    for (;;)
        pause();
}

static void assert_ends(pid_t pid)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};

    if (poll(&ended, 1, DRIVER_DEADLINE_MS) != 1) {
        kill(pid, SIGKILL);
        fail_msg("process %d outlived its broker", pid);
    }
    close(ended.fd);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_killed_broker_leaves_nothing_behind(void **state)
{
    pid_t pids[3] = {0};
    int fds[2];

    (void)state;
    /* Orphans come to us, so that their end can be seen. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t broker = fork();
    if (broker == 0)
        live_as_broker(fds[1]);
    close(fds[1]);
    assert_int_equal(read(fds[0], pids, sizeof(pids)), sizeof(pids));
    close(fds[0]);
    kill(broker, SIGKILL);
    assert_int_equal(waitpid(broker, NULL, 0), broker);
    for (int i = 0; i < 3; i++) {
        if (pids[i] > 0)
            assert_ends(pids[i]);
    }
}

static int compare_times(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? -1 : left > right;
}

static void many_renderers_in_a_row_leave_no_trace_in_the_zygote(void **state)
{
    enum { ROUNDS = 21 };
    uint64_t times[ROUNDS];
    struct renderer_driver renderer;

    (void)state;
    for (unsigned i = 0; i < ROUNDS; i++) {
        assert_int_equal(zygote_driver_fork(&zygote, i + 1, 0, &renderer), 0);
        times[i] = renderer.hello_ns - renderer.forked_ns;
        renderer_driver_fini(&renderer);
    }
    qsort(times, ROUNDS, sizeof(times[0]), compare_times);
    print_message("fork request to hello, every layer on: median %lu us\n", (unsigned long)times[ROUNDS / 2] / 1000);
    if (geteuid() != 0)
        return; /* an undumpable process shows its fds to root only */
    char path[64];
    int open_fds = 0;
    for (int fd = 0; fd < 64; fd++) {
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", zygote.pid, fd);
        open_fds += faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    }
    assert_int_equal(open_fds, 4);
}

static void a_layer_left_out_is_left_out_of_renderers_too(void **state)
{
    struct zygote_driver other;
    struct renderer_driver renderer;

    (void)state;
    assert_int_equal(zygote_driver_start(&other, zygote_driver_program(), CELL_BIT(LAYER(USER_NAMESPACE))), 0);
    assert_false(other.hello.in_force[LAYER(USER_NAMESPACE)]);
    assert_int_equal(zygote_driver_fork(&other, 1, 0, &renderer), 0);
    assert_false(renderer.hello.in_force[LAYER(USER_NAMESPACE)]);
    assert_true(renderer.hello.in_force[LAYER(SECCOMP)]);
    assert_int_not_equal(status_number(renderer.pid, "Uid"), 0);
    renderer_driver_fini(&renderer);
    zygote_driver_stop(&other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hello_tells_layers_modules_and_init),
        TEST(a_renderer_is_our_child_and_reports_its_own_cell),
        TEST(a_renderer_ends_well_when_its_channel_ends),
        TEST(a_killed_renderer_leaves_the_others_and_the_zygote),
        TEST(the_crash_record_reaches_the_broker),
        TEST(the_cell_inits_death_kills_every_renderer),
        TEST(the_zygote_goes_when_told_and_when_left_alone),
        TEST(a_fork_without_its_descriptors_is_refused),
        TEST(a_terminals_signals_do_not_reach_the_cell),
        TEST(a_killed_broker_leaves_nothing_behind),
        TEST(many_renderers_in_a_row_leave_no_trace_in_the_zygote),
        TEST(a_layer_left_out_is_left_out_of_renderers_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
