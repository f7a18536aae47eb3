/* A broker whose zygote lies, hangs or dies: every tab gets an end in bounded time, no stranger is harmed, and nothing
 * of the cell outlives the broker. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/siege.h"

static void expect_no_cell(enum hostile_zygote vice, const char *why)
{
    struct siege siege;
    struct siege_tab tab = {0};
    siege_open(&siege, vice, NULL, NULL);
    siege_attack(&siege, "about:nothing", &tab);
    siege_until(&siege, &tab.has_ended, why);
    siege_until(&siege, &siege.has_cell_failed, why);
    if (strstr(siege.why, why) == NULL)
        fail_msg("vice %d: \"%s\" is not in \"%s\"", vice, why, siege.why);
    siege_tab_close(&tab);
    siege_close(&siege);
}

static void a_zygote_that_never_greets_is_given_up(void **state)
{
    (void)state;
    expect_no_cell(HOSTILE_ZYGOTE_SAYS_NOTHING, "did not start in time");
    expect_no_cell(HOSTILE_ZYGOTE_DIES_AT_ONCE, "status 6");
    expect_no_cell(HOSTILE_ZYGOTE_DIES_AFTER_HELLO, "status 7");
}

static void a_zygote_that_greets_wrongly_is_killed_by_name(void **state)
{
    (void)state;
    expect_no_cell(HOSTILE_ZYGOTE_WRONG_VERSION, violation_name(VIOLATION_WRONG_VERSION));
    expect_no_cell(HOSTILE_ZYGOTE_WRONG_ID, violation_name(VIOLATION_WRONG_RENDERER_ID));
    expect_no_cell(HOSTILE_ZYGOTE_HELLO_TWICE, violation_name(VIOLATION_WRONG_STATE));
    expect_no_cell(HOSTILE_ZYGOTE_LOGS, violation_name(VIOLATION_WRONG_STATE));
    expect_no_cell(HOSTILE_ZYGOTE_FLOODS, violation_name(VIOLATION_UNKNOWN_REQUEST));
}

static void an_init_that_is_not_of_the_cell_is_never_adopted(void **state)
{
    (void)state;
    expect_no_cell(HOSTILE_ZYGOTE_INIT_IS_ONE, violation_name(VIOLATION_NOT_OUR_CHILD));
    expect_no_cell(HOSTILE_ZYGOTE_INIT_IS_BROKER, violation_name(VIOLATION_NOT_OUR_CHILD));
    expect_no_cell(HOSTILE_ZYGOTE_INIT_IS_ITSELF, violation_name(VIOLATION_NOT_OUR_CHILD));
}

static void a_fork_that_is_not_answered_is_not_waited_for_for_ever(void **state)
{
    (void)state;
    expect_no_cell(HOSTILE_ZYGOTE_NEVER_FORKS, "did not start in time");
    expect_no_cell(HOSTILE_ZYGOTE_DIES_INSTEAD_OF_FORKING, "status 5");
    expect_no_cell(HOSTILE_ZYGOTE_FORK_FAILS, "never started");
}

static void a_renderer_that_is_no_child_of_the_cell_is_never_adopted(void **state)
{
    (void)state;
    expect_no_cell(HOSTILE_ZYGOTE_FORKED_ONE, violation_name(VIOLATION_NOT_OUR_CHILD));
    expect_no_cell(HOSTILE_ZYGOTE_FORKED_BROKER, violation_name(VIOLATION_NOT_OUR_CHILD));
    expect_no_cell(HOSTILE_ZYGOTE_FORKED_ITSELF, violation_name(VIOLATION_NOT_OUR_CHILD));
    expect_no_cell(HOSTILE_ZYGOTE_FORKED_GRANDCHILD, violation_name(VIOLATION_NOT_OUR_CHILD));
}

/* A child of the program that the broker lives in: not the zygote's to give away, nor the broker's to kill. */
static void a_stranger_named_by_the_zygote_lives_on(void **state)
{
    static const enum hostile_zygote vices[] = {HOSTILE_ZYGOTE_INIT_IS_STRANGER, HOSTILE_ZYGOTE_FORKED_STRANGER};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct siege siege;
        struct siege_tab tab = {0};
        pid_t stranger = fork();
        if (stranger == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            setpgid(0, 0);
            attacker_sleep();
        }
        setpgid(stranger, stranger);
        siege_open(&siege, vices[i], NULL, NULL);
        siege_attack(&siege, "about:nothing", &tab);
        siege_until(&siege, &tab.has_ended, "a stranger");
        siege_tab_close(&tab);
        assert_int_equal(waitpid(stranger, NULL, WNOHANG), 0);
        kill(stranger, SIGKILL);
        assert_int_equal(waitpid(stranger, NULL, 0), stranger);
        siege_close(&siege);
    }
}

static void one_process_cannot_be_two_renderers(void **state)
{
    struct siege siege;
    struct siege_tab first = {0}, second = {0};
    (void)state;
    siege_open(&siege, HOSTILE_ZYGOTE_FORKED_TWIN, NULL, NULL);
    siege_run(&siege, 300); /* the first one waits; only the second can be its twin */
    siege_attack(&siege, "about:first", &first);
    siege_until(&siege, &first.has_info, "the first");
    siege_attack(&siege, "about:second", &second);
    siege_until(&siege, &first.has_ended, "the first, whose cell lied");
    assert_int_equal(first.end.kill_reason, KILL_CELL);
    siege_tab_close(&first);
    siege_tab_close(&second);
    siege_close(&siege);
}

static void forks_that_were_not_ordered_or_are_taken_back_are_lies(void **state)
{
    (void)state;
    expect_no_cell(HOSTILE_ZYGOTE_FORKED_UNASKED, violation_name(VIOLATION_UNKNOWN_REQUEST));
    struct siege siege;
    struct siege_tab tab = {0};
    siege_open(&siege, HOSTILE_ZYGOTE_FORKED_THEN_FAILED, NULL, NULL);
    siege_attack(&siege, "about:nothing", &tab);
    siege_until(&siege, &tab.has_ended, "forked, then failed");
    siege_tab_close(&tab);
    siege_close(&siege);
}

/* The tab has a renderer that answers and a pid of nobody: it ends with the cell that owes it a process. */
static void a_greeting_without_a_process_does_not_keep_a_tab_waiting(void **state)
{
    struct siege siege;
    struct siege_tab tab = {0};
    (void)state;
    siege_open(&siege, HOSTILE_ZYGOTE_GREETS_FOR_IT, NULL, NULL);
    siege_attack(&siege, "about:nothing", &tab);
    siege_until(&siege, &tab.has_ended, "greeted for");
    assert_int_equal(tab.end.pid, 0);
    siege_tab_close(&tab);
    siege_close(&siege);
}

static void renderers_that_fail_at_birth_are_given_up(void **state)
{
    (void)state;
    expect_no_cell(HOSTILE_ZYGOTE_RENDERER_SILENT, "did not start in time");
    expect_no_cell(HOSTILE_ZYGOTE_RENDERER_EXITS, "status 3");
    expect_no_cell(HOSTILE_ZYGOTE_RENDERER_WRONG_VERSION, violation_name(VIOLATION_WRONG_VERSION));
    expect_no_cell(HOSTILE_ZYGOTE_RENDERER_WRONG_ID, violation_name(VIOLATION_WRONG_RENDERER_ID));
}

/* Spares that greet and die at once are not replaced for ever at full speed. */
static void spares_that_die_young_are_not_bred_without_end(void **state)
{
    struct siege siege;
    struct counters sum;
    (void)state;
    siege_open(&siege, HOSTILE_ZYGOTE_RENDERER_DIES_AFTER_HELLO, NULL, NULL);
    siege_run(&siege, 1000);
    counters_init(&sum);
    broker_sum_counters(siege.broker, &sum);
    assert_true(sum.to_broker[BULKHEAD__TO_BROKER__MESSAGE_HELLO].messages <= 20);
    counters_fini(&sum);
    siege_close(&siege);
}

static void the_dead_are_not_listened_to_for_ever(void **state)
{
    struct siege siege;
    struct siege_tab tab = {0};
    (void)state;
    siege_open(&siege, HOSTILE_ZYGOTE_TALKS_FOR_THE_DEAD, NULL, NULL);
    siege_attack(&siege, "about:exits-0", &tab);
    siege_until(&siege, &tab.has_ended, "talked for");
    siege_tab_close(&tab);
    siege_close(&siege);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zygote_that_never_greets_is_given_up),
        cmocka_unit_test(a_zygote_that_greets_wrongly_is_killed_by_name),
        cmocka_unit_test(an_init_that_is_not_of_the_cell_is_never_adopted),
        cmocka_unit_test(a_fork_that_is_not_answered_is_not_waited_for_for_ever),
        cmocka_unit_test(a_renderer_that_is_no_child_of_the_cell_is_never_adopted),
        cmocka_unit_test(a_stranger_named_by_the_zygote_lives_on),
        cmocka_unit_test(one_process_cannot_be_two_renderers),
        cmocka_unit_test(forks_that_were_not_ordered_or_are_taken_back_are_lies),
        cmocka_unit_test(a_greeting_without_a_process_does_not_keep_a_tab_waiting),
        cmocka_unit_test(renderers_that_fail_at_birth_are_given_up),
        cmocka_unit_test(spares_that_die_young_are_not_bred_without_end),
        cmocka_unit_test(the_dead_are_not_listened_to_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
