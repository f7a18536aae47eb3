// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

static int count_fds(void **state)
{
    *state = (void *)(intptr_t)fd_count_open();
    return 0;
}

static int check_fds(void **state)
{
    return fd_count_open() == (int)(intptr_t)*state ? 0 : -1;
}

static void closes_once_and_keeps_errno(void **state)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), number = fd;

    (void)state;
    assert_true(fd >= 0);
    errno = EXDEV;
    fd_close(&fd);
    fd_close(&fd);
    assert_int_equal(errno, EXDEV);
    assert_int_equal(fd, -1);
    assert_int_equal(fcntl(number, F_GETFD), -1);
}

static int return_stolen(void)
{
    _fd_cleanup_ int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    return fd_steal(&fd);
}

static void stealing_moves_ownership_out_of_a_cleanup(void **state)
{
    int fd = return_stolen();

    (void)state;
    assert_true(fcntl(fd, F_GETFD) >= 0);
    fd_close(&fd);
}

static void closes_what_lies_between_and_nothing_else(void **state)
{
    int fds[4];
    (void)state;
    for (int i = 0; i < 4; i++) {
        fds[i] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 100 + i);
        assert_int_equal(fds[i], 100 + i);
    }
    fd_close_between(102, 101); /* nothing lies between */
    fd_close_between(101, 102);
    assert_true(fcntl(fds[0], F_GETFD) >= 0 && fcntl(fds[3], F_GETFD) >= 0);
    assert_int_equal(fcntl(fds[1], F_GETFD), -1);
    assert_int_equal(fcntl(fds[2], F_GETFD), -1);
    close(fds[0]);
    close(fds[3]);
}

static void counts_what_is_open(void **state)
{
    int before = fd_count_open(), fds[3] = {-1, -1, -1};

    (void)state;
    fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    fds[2] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fd_count_open(), before + 2);
    fd_close_many(fds, 3);
    assert_int_equal(fd_count_open(), before);
    assert_int_equal(fds[0], -1);
}

static void switches_nonblocking_on_and_off(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    assert_int_equal(fd_set_nonblocking(fds[0], 1), 0);
    assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fd_set_nonblocking(fds[0], 0), 0);
    assert_false(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    fd_close_many(fds, 2);
    assert_int_equal(fd_set_nonblocking(-1, 1), -EBADF);
}

struct reader {
    int fd;
    size_t received;
};

static void *read_to_end(void *userdata)
{
    struct reader *reader = userdata;
    char buffer[4096];

    for (ssize_t n; (n = read(reader->fd, buffer, sizeof buffer)) > 0;)
        reader->received += (size_t)n;
    return NULL;
}

static void writes_more_than_a_pipe_holds(void **state)
{
    static char data[1 << 20];
    int fds[2];
    pthread_t thread;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct reader reader = {.fd = fds[0]};
    assert_int_equal(pthread_create(&thread, NULL, read_to_end, &reader), 0);
    assert_int_equal(fd_write_all(fds[1], data, sizeof data), 0);
    fd_close(&fds[1]);
    pthread_join(thread, NULL);
    assert_int_equal(reader.received, sizeof data);
    fd_close(&fds[0]);
}

static void reports_why_writing_failed(void **state)
{
    _fd_cleanup_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);

    (void)state;
    assert_int_equal(fd_write_all(full, "x", 1), -ENOSPC);
    assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
    assert_int_equal(fd_write_all(-1, "", 0), 0);
}

static void the_clock_never_goes_back(void **state)
{
    uint64_t last = clock_now_ns();

    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_now_ns();
        assert_true(now >= last);
        last = now;
    }
    assert_true(last / 1000000 <= clock_now_ms());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, count_fds, check_fds)

static void the_limit_of_open_files_is_raised_as_far_as_it_goes(void **state)
{
    struct rlimit before, after;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){64, before.rlim_max}), 0);
    fd_raise_limit();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(after.rlim_cur, before.rlim_max);
    assert_int_equal(after.rlim_max, before.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_of_open_files_is_raised_as_far_as_it_goes),
        TEST(closes_once_and_keeps_errno),
        TEST(stealing_moves_ownership_out_of_a_cleanup),
        TEST(closes_what_lies_between_and_nothing_else),
        TEST(counts_what_is_open),
        TEST(switches_nonblocking_on_and_off),
        TEST(writes_more_than_a_pipe_holds),
        TEST(reports_why_writing_failed),
        TEST(the_clock_never_goes_back),
    };
    return cmocka_run_group_tests_name("fd", tests, NULL, NULL);
}
