/* What tests/bench/bench_storm.c measures for minutes, for seconds: nothing of a renderer stays behind, however and
 * whenever it dies, and the neighbours paint on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/support/storm.h"

enum { KILLS = 60, LIFE_MS_MAX = 40, SEED = 7, MUTATION_MS = 4000, FLAT_BYTES = 4 << 20 };

static void assert_nothing_is_left(const struct storm_result *result)
{
    assert_int_equal(result->ends_again, 0);
    assert_int_equal(result->zombies, 0);
    assert_int_equal(result->fds_after, result->fds_before);
    assert_int_equal(result->processes_left, 0);
    assert_int_equal(result->neighbour_ends, 0);
    assert_true(result->neighbour_frames > 0);
    assert_true(result->resident_before > 0);
#ifndef BULKHEAD_SANITIZED /* what is freed stays in quarantine there */
    assert_true(result->resident_after < result->resident_before + FLAT_BYTES);
#endif
}

static void renderers_killed_at_random_moments_leave_nothing_behind(void **state)
{
    struct storm_result result;
    (void)state;
    assert_int_equal(storm_kill(KILLS, LIFE_MS_MAX, SEED, NULL, &result), 0);
    assert_int_equal(result.renderers, KILLS);
    assert_int_equal(result.ends, KILLS);
    for (int kill = 0; kill < STORM_KILLS; kill++)
        assert_true(result.ordered[kill] > 0);
    assert_nothing_is_left(&result);
}

static void mutated_messages_hurt_nobody_but_their_sender(void **state)
{
    struct storm_result result;
    (void)state;
    assert_int_equal(storm_mutate(MUTATION_MS, NULL, &result), 0);
    assert_true(result.messages > 1000);
    assert_true(result.causes[EXIT_CAUSE_BAD_MESSAGE] > 0);
    assert_int_equal(result.causes[EXIT_CAUSE_BAD_MESSAGE], result.ends);
    assert_nothing_is_left(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renderers_killed_at_random_moments_leave_nothing_behind),
        cmocka_unit_test(mutated_messages_hurt_nobody_but_their_sender),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
