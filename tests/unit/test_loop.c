// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/loop.h"

enum { PIPES = 8, TIMERS = 500, DEADLINE_MS = 5000 };

struct fixture {
    struct loop *loop;
    int fds_before;
    int pipes[PIPES][2];
    struct loop_source *sources[PIPES];
    struct loop_source *timer, *defer;
    int calls, order[TIMERS], order_count;
    uint64_t last_at;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fds_before = fd_count_open();
    assert_int_equal(loop_create(&f->loop), 0);
    for (int i = 0; i < PIPES; i++)
        assert_int_equal(pipe2(f->pipes[i], O_CLOEXEC | O_NONBLOCK), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    loop_destroy(f->loop);
    for (int i = 0; i < PIPES; i++)
        fd_close_many(f->pipes[i], 2);
    int left = fd_count_open() - f->fds_before;
    free(f);
    return left;
}

// Runs the loop until `calls` reached `count`; fails at the deadline.
static void run_until(struct fixture *f, int count)
{
    uint64_t deadline = clock_now_ms() + DEADLINE_MS;

    while (f->calls < count) {
        uint64_t now = clock_now_ms();
        assert_true(now < deadline);
        assert_int_equal(loop_run_once(f->loop, (int)(deadline - now)), 0);
    }
}

static int drain(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct fixture *f = userdata;
    char byte;

    (void)source;
    assert_true(events & EPOLLIN);
    assert_int_equal(read(fd, &byte, 1), 1);
    f->calls++;
    return 0;
}

static void calls_back_for_as_long_as_input_is_left(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_add_fd(f->loop, f->pipes[0][0], EPOLLIN, drain, f, &f->sources[0]), 0);
    assert_int_equal(write(f->pipes[0][1], "abc", 3), 3);
    run_until(f, 3);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, 3);
}

static void events_can_be_switched_off_and_on(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_add_fd(f->loop, f->pipes[0][0], 0, drain, f, &f->sources[0]), 0);
    assert_int_equal(write(f->pipes[0][1], "a", 1), 1);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, 0);
    assert_int_equal(loop_source_set_events(f->sources[0], EPOLLIN), 0);
    run_until(f, 1);
}

static int remove_everybody(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct fixture *f = userdata;

    (void)source, (void)fd, (void)events;
    f->calls++;
    for (int i = 0; i < PIPES; i++)
        loop_source_remove(&f->sources[i]);
    return 0;
}

static void a_source_removed_by_another_is_never_called_again(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < PIPES; i++) {
        assert_int_equal(loop_add_fd(f->loop, f->pipes[i][0], EPOLLIN, remove_everybody, f, &f->sources[i]), 0);
        assert_int_equal(write(f->pipes[i][1], "x", 1), 1);
    }
    assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0); // all are in one batch
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, 1);
}

static int replace_on_same_fd(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct fixture *f = userdata;
    int other = fd == f->pipes[0][0] ? 1 : 0;

    (void)source, (void)events;
    // The stale event in the batch belongs to the removed source, not to the new one on the same number.
    if (f->calls++ == 0) {
        loop_source_remove(&f->sources[other]);
        assert_int_equal(loop_add_fd(f->loop, f->pipes[other][0], EPOLLIN, drain, f, &f->sources[other]), 0);
        f->last_at = (uint64_t)other;
    }
    loop_source_remove(&f->sources[1 - other]);
    return 0;
}

static void a_new_source_on_the_same_fd_gets_its_own_event(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(loop_add_fd(f->loop, f->pipes[i][0], EPOLLIN, replace_on_same_fd, f, &f->sources[i]), 0);
        assert_int_equal(write(f->pipes[i][1], "x", 1), 1);
    }
    assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    assert_int_equal(f->calls, 1);
    run_until(f, 2);
}

static int fail_with_edom(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source, (void)fd, (void)events, (void)userdata;
    return -EDOM;
}

static void a_callback_error_stops_the_loop_with_it(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_add_fd(f->loop, f->pipes[0][0], EPOLLIN, fail_with_edom, f, &f->sources[0]), 0);
    assert_int_equal(write(f->pipes[0][1], "x", 1), 1);
    assert_int_equal(loop_run(f->loop), -EDOM);
}

static int stop_with_seven(struct loop_source *source, void *userdata)
{
    struct fixture *f = userdata;

    (void)source;
    f->calls++;
    loop_stop(f->loop, 7);
    return 0;
}

static void stopping_hands_its_code_to_run(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_defer(f->loop, stop_with_seven, f, NULL), 0);
    assert_int_equal(loop_run(f->loop), 7);
    loop_stop(f->loop, 3); // before run: not lost
    assert_int_equal(loop_run(f->loop), 3);
    assert_int_equal(f->calls, 1);
}

struct timer_case {
    struct fixture *f;
    struct loop_source *source;
    uint64_t at_ms;
};

static int note_order(struct loop_source *source, void *userdata)
{
    struct timer_case *timer = userdata;

    assert_ptr_equal(source, timer->source);
    assert_true(clock_now_ms() >= timer->at_ms);
    assert_true(timer->at_ms >= timer->f->last_at);
    timer->f->last_at = timer->at_ms;
    timer->f->calls++;
    return 0;
}

static void timers_fire_in_order_and_not_early(void **state)
{
    static struct timer_case timers[TIMERS];
    struct fixture *f = *state;
    uint64_t now = clock_now_ms();
    int expected = 0;

    srandom(7);
    for (int i = 0; i < TIMERS; i++) {
        timers[i] = (struct timer_case){.f = f};
        assert_int_equal(loop_add_timer(f->loop, note_order, &timers[i], &timers[i].source), 0);
    }
    for (int i = 0; i < TIMERS; i++) {
        timers[i].at_ms = now + (uint64_t)random() % 40;
        loop_timer_set(timers[i].source, timers[i].at_ms);
    }
    for (int i = 0; i < TIMERS; i++) {
        if (i % 3 == 0) { // moved
            timers[i].at_ms = now + (uint64_t)random() % 40;
            loop_timer_set(timers[i].source, timers[i].at_ms);
        } else if (i % 7 == 0) { // disarmed
            loop_timer_set(timers[i].source, 0);
            continue;
        } else if (i % 11 == 0) {
            loop_source_remove(&timers[i].source);
            continue;
        }
        expected++;
    }
    run_until(f, expected);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, expected);
}

static int rearm_for_now(struct loop_source *source, void *userdata)
{
    struct fixture *f = userdata;

    f->calls++;
    loop_timer_set(source, clock_now_ms());
    return 0;
}

static void a_timer_that_rearms_itself_starves_nobody(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_add_timer(f->loop, rearm_for_now, f, &f->timer), 0);
    loop_timer_set(f->timer, clock_now_ms());
    assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    assert_int_equal(f->calls, 1);
    run_until(f, 20);
}

static void a_past_time_fires_at_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_add_timer(f->loop, stop_with_seven, f, &f->timer), 0);
    loop_timer_set(f->timer, 1);
    assert_int_equal(loop_run(f->loop), 7);
}

static void the_next_timer_ends_a_longer_wait(void **state)
{
    struct fixture *f = *state;
    uint64_t at_ms = clock_now_ms() + 5;

    assert_int_equal(loop_add_timer(f->loop, stop_with_seven, f, &f->timer), 0);
    loop_timer_set(f->timer, at_ms);
    assert_int_equal(loop_run_once(f->loop, -1), 0);
    assert_int_equal(f->calls, 1);
    assert_true(clock_now_ms() >= at_ms);
}

static void a_timer_set_while_a_later_one_is_waited_for_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    struct loop_source *later = NULL;
    uint64_t at_ms;

    assert_int_equal(loop_add_timer(f->loop, stop_with_seven, f, &later), 0);
    assert_int_equal(loop_add_timer(f->loop, stop_with_seven, f, &f->timer), 0);
    loop_timer_set(later, clock_now_ms() + DEADLINE_MS);
    assert_int_equal(loop_run_once(f->loop, 1), 0);
    at_ms = clock_now_ms() + 5;
    loop_timer_set(f->timer, at_ms);
    assert_int_equal(loop_run_once(f->loop, -1), 0);
    assert_int_equal(f->calls, 1);
    assert_true(clock_now_ms() >= at_ms);
    loop_source_remove(&later);
}

static void a_timer_moved_on_fires_at_its_new_time_only(void **state)
{
    struct fixture *f = *state;
    uint64_t at_ms = clock_now_ms() + 10;

    assert_int_equal(loop_add_timer(f->loop, stop_with_seven, f, &f->timer), 0);
    loop_timer_set(f->timer, at_ms);
    assert_int_equal(loop_run_once(f->loop, 1), 0); /* its first time is waited for now */
    if (f->calls > 0)
        return; /* a machine so slow that the time is over: nothing to move */
    at_ms += 10;
    loop_timer_set(f->timer, at_ms);
    run_until(f, 1);
    assert_true(clock_now_ms() >= at_ms);
    at_ms = clock_now_ms() + 5;
    loop_timer_set(f->timer, at_ms);
    run_until(f, 2);
    assert_true(clock_now_ms() >= at_ms);
}

static void a_timer_of_the_far_future_keeps_the_wait_it_was_given(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_add_timer(f->loop, stop_with_seven, f, &f->timer), 0);
    loop_timer_set(f->timer, UINT64_MAX);
    assert_int_equal(loop_run_once(f->loop, 1), 0);
    assert_int_equal(f->calls, 0);
}

static int count_call(struct loop_source *source, void *userdata)
{
    struct fixture *f = userdata;

    (void)source;
    f->calls++;
    return 0;
}

static int defer_more(struct loop_source *source, void *userdata)
{
    struct fixture *f = userdata;

    (void)source;
    f->calls++;
    return loop_defer(f->loop, defer_more, f, NULL);
}

static void a_call_deferred_by_a_deferred_call_waits_a_round(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_defer(f->loop, defer_more, f, NULL), 0);
    assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    assert_int_equal(f->calls, 1);
    assert_int_equal(loop_run_once(f->loop, -1), 0); // does not sleep
    assert_int_equal(f->calls, 2);
}

static int defer_and_drain(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct fixture *f = userdata;

    assert_int_equal(loop_defer(f->loop, count_call, f, &f->defer), 0);
    drain(source, fd, events, f);
    assert_int_equal(f->calls, 1); // not called from within
    return 0;
}

static void a_deferred_call_runs_after_the_batch(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_add_fd(f->loop, f->pipes[0][0], EPOLLIN, defer_and_drain, f, &f->sources[0]), 0);
    assert_int_equal(write(f->pipes[0][1], "x", 1), 1);
    assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    assert_int_equal(f->calls, 2);
    loop_source_remove(&f->defer); // spent, still ours to remove
    assert_null(f->defer);
}

static void a_deferred_call_can_be_called_off(void **state)
{
    struct fixture *f = *state;
    struct loop_source *first, *second, *third;

    assert_int_equal(loop_defer(f->loop, count_call, f, &first), 0);
    assert_int_equal(loop_defer(f->loop, count_call, f, &second), 0);
    assert_int_equal(loop_defer(f->loop, count_call, f, &third), 0);
    loop_source_remove(&third);
    loop_source_remove(&first);
    assert_int_equal(loop_defer(f->loop, count_call, f, NULL), 0);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, 2);
    loop_source_remove(&second);
    loop_source_remove(&second); // NULL is fine
}

static int remove_later_defers(struct loop_source *source, void *userdata)
{
    struct fixture *f = userdata;

    (void)source;
    f->calls++;
    loop_source_remove(&f->sources[0]); // this one
    loop_source_remove(&f->sources[1]); // the last one of the round
    return loop_defer(f->loop, count_call, f, NULL);
}

static void removing_the_end_of_the_queue_ends_the_round(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_defer(f->loop, remove_later_defers, f, &f->sources[0]), 0);
    assert_int_equal(loop_defer(f->loop, count_call, f, &f->sources[1]), 0);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    run_until(f, 2);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, 2);
}

static int run_inner(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct fixture *f = userdata;

    (void)source, (void)fd, (void)events;
    loop_source_remove(&f->sources[0]); // ourselves, while the loop is entered again
    assert_int_equal(loop_defer(f->loop, count_call, f, NULL), 0);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, 1);
    return 0;
}

static void a_callback_may_run_the_loop_again(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(loop_add_fd(f->loop, f->pipes[0][0], EPOLLIN, run_inner, f, &f->sources[0]), 0);
    assert_int_equal(write(f->pipes[0][1], "x", 1), 1);
    assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    assert_int_equal(f->calls, 1);
}

static void refuses_what_epoll_cannot_watch(void **state)
{
    struct fixture *f = *state;
    _fd_cleanup_ int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    assert_int_equal(loop_add_fd(f->loop, file, EPOLLIN, drain, f, &f->sources[0]), -EPERM);
    assert_int_equal(loop_add_fd(f->loop, -1, EPOLLIN, drain, f, &f->sources[0]), -EBADF);
    assert_null(f->sources[0]);
}

static int expect_both(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct fixture *f = userdata;

    (void)source, (void)fd;
    assert_true(events & EPOLLIN);
    assert_true(events & EPOLLHUP);
    f->calls++;
    return 0;
}

static void hangup_and_input_arrive_together(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(write(f->pipes[0][1], "x", 1), 1);
    fd_close(&f->pipes[0][1]);
    assert_int_equal(loop_add_fd(f->loop, f->pipes[0][0], EPOLLIN, expect_both, f, &f->sources[0]), 0);
    assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    assert_int_equal(f->calls, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_back_for_as_long_as_input_is_left),
        TEST(events_can_be_switched_off_and_on),
        TEST(a_source_removed_by_another_is_never_called_again),
        TEST(a_new_source_on_the_same_fd_gets_its_own_event),
        TEST(a_callback_error_stops_the_loop_with_it),
        TEST(stopping_hands_its_code_to_run),
        TEST(timers_fire_in_order_and_not_early),
        TEST(a_timer_that_rearms_itself_starves_nobody),
        TEST(a_past_time_fires_at_once),
        TEST(the_next_timer_ends_a_longer_wait),
        TEST(a_timer_set_while_a_later_one_is_waited_for_ends_the_wait),
        TEST(a_timer_moved_on_fires_at_its_new_time_only),
        TEST(a_timer_of_the_far_future_keeps_the_wait_it_was_given),
        TEST(a_call_deferred_by_a_deferred_call_waits_a_round),
        TEST(a_deferred_call_runs_after_the_batch),
        TEST(a_deferred_call_can_be_called_off),
        TEST(removing_the_end_of_the_queue_ends_the_round),
        TEST(a_callback_may_run_the_loop_again),
        TEST(refuses_what_epoll_cannot_watch),
        TEST(hangup_and_input_arrive_together),
    };
    return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
