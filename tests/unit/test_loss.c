/* What a crash cost its neighbours, told from what a busy machine cost them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "demo/lateness.h"
#include "demo/loss.h"

enum { RATE = 60, SECOND_NS = 1000 * 1000 * 1000, MS_NS = 1000 * 1000 };

static struct loss judge(struct loss_stretch quiet, struct loss_stretch crash)
{
    struct loss loss;
    loss_judge(&quiet, &crash, RATE, &loss);
    return loss;
}

static struct loss_stretch stretch(uint64_t seconds, uint64_t painted, uint64_t late)
{
    return (struct loss_stretch){seconds * SECOND_NS, painted, late};
}

static void a_frame_for_every_tick_is_no_loss(void **state)
{
    (void)state;
    struct loss loss = judge(stretch(1, 60, 0), stretch(2, 120, 0));
    assert_int_equal(loss.due, 120);
    assert_int_equal(loss.lost, 0);
    assert_int_equal(judge(stretch(1, 60, 0), stretch(2, 121, 0)).lost, 0);
    assert_int_equal(judge(stretch(1, 60, 0), stretch(2, 119, 0)).missing, 0); /* it began just after one */
}

static void what_is_missing_on_a_quiet_machine_is_the_crashs_doing(void **state)
{
    (void)state;
    assert_int_equal(judge(stretch(1, 60, 0), stretch(2, 118, 0)).lost, 1);
    assert_int_equal(judge(stretch(1, 60, 0), stretch(2, 0, 0)).lost, 119);
    assert_int_equal(judge(stretch(0, 0, 0), stretch(2, 100, 0)).lost, 19);
}

static void as_much_as_was_missing_before_is_not(void **state)
{
    (void)state;
    struct loss loss = judge(stretch(1, 54, 0), stretch(2, 109, 0));
    assert_int_equal(loss.missing, 10);
    assert_int_equal(loss.quiet, 10); /* 5 a second, twice as long */
    assert_int_equal(loss.lost, 0);
    assert_int_equal(judge(stretch(1, 54, 0), stretch(2, 102, 0)).lost, 7);
}

static void what_the_machine_had_no_time_for_is_not(void **state)
{
    (void)state;
    assert_int_equal(judge(stretch(1, 60, 0), stretch(2, 109, 10)).lost, 0);
    assert_int_equal(judge(stretch(1, 60, 9), stretch(2, 109, 4)).lost, 6); /* that of before excuses nothing now */
}

static void a_quarter_of_the_time_is_waited_without_excuse(void **state)
{
    (void)state;
    struct lateness lateness;
    lateness_init(&lateness, RATE);
    for (int i = 0; i < 400; i++)
        lateness_add(&lateness, 5 * MS_NS, 5 * MS_NS / 4);
    assert_int_equal(lateness.frames, 0);
    for (int i = 0; i < 400; i++) /* another quarter, over two seconds */
        lateness_add(&lateness, 5 * MS_NS, 5 * MS_NS / 2);
    assert_in_range(lateness.frames, 29, 30);
    lateness_fini(&lateness);
}

static void one_long_wait_counts_its_frames_and_is_forgotten(void **state)
{
    (void)state;
    struct lateness lateness;
    lateness_init(&lateness, RATE);
    lateness_add(&lateness, 110 * MS_NS, 110 * MS_NS);
    assert_int_equal(lateness.frames, 4);
    lateness_add(&lateness, SECOND_NS, 0);
    assert_int_equal(lateness.level_ns, 0);
    lateness_add(&lateness, 5 * MS_NS, 15 * MS_NS);
    assert_int_equal(lateness.frames, 4);
    lateness_fini(&lateness);
}

static void a_sleeper_is_never_late(void **state)
{
    (void)state;
    struct lateness lateness;
    int before = fd_count_open();
    lateness_init(&lateness, RATE);
    lateness_watch(&lateness, getppid());
    assert_true(lateness.count > 0);
    lateness_watch(&lateness, getpid());
    assert_int_equal(lateness.count, 1);
    uint64_t now_ns = clock_now_ns();
    for (int i = 0; i < 20; i++) /* its clock runs much faster than the real one */
        lateness_look(&lateness, now_ns += SECOND_NS, lateness_own_delay_ns());
    assert_int_equal(lateness.frames, 0);
    lateness_watch(&lateness, 0);
    assert_int_equal(lateness.count, 0);
    lateness_fini(&lateness);
    assert_int_equal(fd_count_open(), before);
}

static void what_the_host_took_is_read_from_its_column(void **state)
{
    (void)state;
    assert_int_equal(lateness_stolen_ticks("cpu  1321722 262826 1532115 3288202 21187 0 8904 125322 2 0\ncpu0 1"),
                     125322);
    assert_int_equal(lateness_stolen_ticks("cpu  1 2 3 4\n"), 0);
    assert_int_equal(lateness_stolen_ticks(""), 0);
    uint64_t before_ns = lateness_stolen_ns();
    assert_true(lateness_stolen_ns() - before_ns < UINT64_C(60) * SECOND_NS); /* it only grows, and not by leaps */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_for_every_tick_is_no_loss),
        cmocka_unit_test(what_is_missing_on_a_quiet_machine_is_the_crashs_doing),
        cmocka_unit_test(as_much_as_was_missing_before_is_not),
        cmocka_unit_test(what_the_machine_had_no_time_for_is_not),
        cmocka_unit_test(a_quarter_of_the_time_is_waited_without_excuse),
        cmocka_unit_test(one_long_wait_counts_its_frames_and_is_forgotten),
        cmocka_unit_test(a_sleeper_is_never_late),
        cmocka_unit_test(what_the_host_took_is_read_from_its_column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
