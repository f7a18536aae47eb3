/* Signals that nobody read before the broker's end: what they do to the program that goes on. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/signals.h"
#include "common/loop.h"

static void count(int number, void *userdata)
{
    (void)number;
    ++*(int *)userdata;
}

/* In a child: raises `number` between the last turn of the loop and the end. Its exit status, or 128 + n. */
static int end_with_pending(int number)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct loop *loop;
        struct signals *signals;
        struct sigaction after;
        int seen = 0;
        if (loop_create(&loop) < 0 || signals_create(loop, true, count, &seen, &signals) < 0)
            _exit(1);
        raise(number);
        signals_destroy(signals);
        loop_destroy(loop);
        sigaction(number, NULL, &after);
        _exit(seen == 0 && after.sa_handler == SIG_DFL ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void a_signal_that_came_too_late_ends_nothing(void **state)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_int_equal(end_with_pending(numbers[i]), 0);
}

static void a_signal_after_the_end_does_what_it_did_before(void **state)
{
    (void)state;
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct loop *loop;
        struct signals *signals;
        int seen = 0;
        if (loop_create(&loop) < 0 || signals_create(loop, true, count, &seen, &signals) < 0)
            _exit(1);
        signals_destroy(signals);
        loop_destroy(loop);
        raise(SIGTERM);
        _exit(2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_that_came_too_late_ends_nothing),
        cmocka_unit_test(a_signal_after_the_end_does_what_it_did_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
