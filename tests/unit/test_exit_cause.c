/* Every end of the taxonomy from the facts that make it, and the order in which facts outrank claims. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "broker/exit_cause.h"

static struct exit_facts exited(int status)
{
    return (struct exit_facts){.wait_code = CLD_EXITED, .wait_status = status};
}

static struct exit_facts killed(int signal)
{
    return (struct exit_facts){.wait_code = CLD_KILLED, .wait_status = signal};
}

static void zero_after_shutdown_is_clean_and_unasked_is_not(void **state)
{
    (void)state;
    struct exit_facts facts = exited(0);
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_UNEXPECTED_EXIT);
    facts.shutdown_sent = true;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_CLEAN);
    facts.wait_status = 3;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_UNEXPECTED_EXIT);
}

static void fatal_signals_are_crashes_and_sigsys_is_a_violation(void **state)
{
    (void)state;
    const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        struct exit_facts facts = killed(crashes[i]);
        assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_CRASHED);
        facts.wait_code = CLD_DUMPED;
        assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_CRASHED);
    }
    struct exit_facts facts = killed(SIGSYS);
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_SANDBOX_VIOLATION);
}

static void sigkill_is_named_after_who_sent_it(void **state)
{
    (void)state;
    struct exit_facts facts = killed(SIGKILL);
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_UNEXPECTED_EXIT);
    facts.oom.kind = OOM_HOST;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_OUT_OF_MEMORY);
    facts.kill_reason = KILL_HUNG;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_HUNG);
    facts.kill_reason = KILL_TIMEOUT;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_HUNG);
    facts.kill_reason = KILL_CLOSED;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_KILLED_BY_BROKER);
    facts.kill_reason = KILL_BAD_MESSAGE;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_BAD_MESSAGE);
}

static void a_crash_that_beats_the_kill_stays_a_crash(void **state)
{
    (void)state;
    struct exit_facts facts = killed(SIGSEGV);
    facts.kill_reason = KILL_HUNG;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_CRASHED);
}

static void one_that_dies_of_the_question_for_its_stack_was_hung(void **state)
{
    (void)state;
    struct exit_facts facts = killed(SIGUSR2);
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_CRASHED);
    facts.kill_reason = KILL_HUNG;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_HUNG);
}

static void one_that_left_its_channel_is_not_killed_from_outside(void **state)
{
    (void)state;
    struct exit_facts facts = killed(SIGKILL);
    struct exit_report report = {0};
    facts.kill_reason = KILL_LEFT;
    exit_report_fill(&report, &facts);
    assert_int_equal(report.cause, EXIT_CAUSE_UNEXPECTED_EXIT);
    assert_null(strstr(report.summary, "outside"));
    assert_non_null(strstr(report.summary, "closed its channel"));
}

static void a_bad_message_stands_whatever_it_died_of(void **state)
{
    (void)state;
    struct exit_facts facts = killed(SIGSEGV);
    facts.kill_reason = KILL_BAD_MESSAGE;
    facts.violation = VIOLATION_FLOOD;
    struct exit_report report = {0};
    exit_report_fill(&report, &facts);
    assert_int_equal(report.cause, EXIT_CAUSE_BAD_MESSAGE);
    assert_non_null(strstr(report.summary, violation_name(VIOLATION_FLOOD)));
}

static void a_claim_of_memory_needs_the_status_and_the_record(void **state)
{
    (void)state;
    struct crash_record record = {.kind = CRASH_OUT_OF_MEMORY, .requested_bytes = 1000000};
    struct exit_facts facts = exited(RENDERER_EXIT_OUT_OF_MEMORY);
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_UNEXPECTED_EXIT);
    facts.record = &record;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_OUT_OF_MEMORY);
    facts.wait_status = 1;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_UNEXPECTED_EXIT);
}

static void fill(struct exit_report *report, enum oom_kind kind, enum kill_reason reason)
{
    struct exit_facts facts = killed(SIGKILL);
    facts.oom = (struct oom_verdict){.kind = kind, .limit_bytes = 256 << 20};
    facts.kill_reason = reason;
    *report = (struct exit_report){0};
    exit_report_fill(report, &facts);
}

static void whose_memory_ran_out_is_told_apart(void **state)
{
    (void)state;
    struct exit_report report;
    fill(&report, OOM_OWN_LIMIT, KILL_NONE);
    assert_string_equal(report.summary, "out of memory: the kernel killed it: 256 MiB limit of its cgroup");
    assert_int_equal(report.oom.kind, OOM_OWN_LIMIT);
    fill(&report, OOM_AROUND, KILL_NONE);
    assert_non_null(strstr(report.summary, "out of memory: the kernel killed it: this host, or a cgroup around it"));
    fill(&report, OOM_HOST, KILL_NONE);
    assert_string_equal(report.summary, "out of memory: killed when this host had no memory left");
    fill(&report, OOM_NONE, KILL_NONE);
    assert_string_equal(report.summary, "unexpected exit: SIGKILL from outside");
}

static void the_frames_part_of_a_limit_is_told(void **state)
{
    (void)state;
    struct exit_facts facts = killed(SIGKILL);
    struct exit_report report = {0};
    facts.oom =
        (struct oom_verdict){.kind = OOM_OWN_LIMIT, .limit_bytes = (64 << 20) + 1300000, .frame_bytes = 1300000};
    exit_report_fill(&report, &facts);
    assert_non_null(strstr(report.summary, "64 MiB limit of its cgroup, and 1.2 MiB for frames"));
}

static void the_kernels_kill_was_before_ours_if_it_counted_it(void **state)
{
    (void)state;
    const struct {
        enum oom_kind kind;
        enum kill_reason reason;
        enum exit_cause cause;
    } cases[] = {
        {OOM_OWN_LIMIT, KILL_HUNG, EXIT_CAUSE_OUT_OF_MEMORY},
        {OOM_AROUND, KILL_TIMEOUT, EXIT_CAUSE_OUT_OF_MEMORY},
        {OOM_OWN_LIMIT, KILL_SHUTDOWN, EXIT_CAUSE_OUT_OF_MEMORY},
        {OOM_OWN_LIMIT, KILL_BAD_MESSAGE, EXIT_CAUSE_BAD_MESSAGE},
        /* The host's count names nobody: our own act is the better explanation. */
        {OOM_HOST, KILL_HUNG, EXIT_CAUSE_HUNG},
        {OOM_HOST, KILL_CLOSED, EXIT_CAUSE_KILLED_BY_BROKER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exit_report report;
        fill(&report, cases[i].kind, cases[i].reason);
        assert_int_equal(report.cause, cases[i].cause);
        assert_int_equal(report.oom.kind, report.cause == EXIT_CAUSE_OUT_OF_MEMORY ? cases[i].kind : OOM_NONE);
    }
}

static void only_a_sigkill_is_the_oom_killers(void **state)
{
    (void)state;
    struct exit_facts facts = killed(SIGSEGV);
    facts.oom.kind = OOM_OWN_LIMIT;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_CRASHED);
    facts = exited(0);
    facts.oom.kind = OOM_OWN_LIMIT;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_UNEXPECTED_EXIT);
}

static void a_record_cannot_turn_an_exit_into_a_crash(void **state)
{
    (void)state;
    struct crash_record record = {.kind = CRASH_SIGNAL, .signal = SIGSEGV};
    struct exit_facts facts = exited(0);
    facts.record = &record;
    assert_int_equal(exit_cause_classify(&facts), EXIT_CAUSE_UNEXPECTED_EXIT);
}

static void the_summary_names_signal_code_and_address(void **state)
{
    (void)state;
    struct crash_record record = {
        .kind = CRASH_SIGNAL, .signal = SIGSEGV, .code = SEGV_MAPERR, .fault_address = 0x1234};
    struct exit_facts facts = killed(SIGSEGV);
    facts.record = &record;
    struct exit_report report = {0};
    exit_report_fill(&report, &facts);
    assert_true(report.has_record);
    assert_non_null(strstr(report.summary, "crashed: SIGSEGV"));
    assert_non_null(strstr(report.summary, "0x1234"));
}

static void a_record_of_another_signal_is_not_quoted(void **state)
{
    (void)state;
    struct crash_record record = {.kind = CRASH_SIGNAL, .signal = SIGBUS, .fault_address = 0x1234};
    struct exit_facts facts = killed(SIGSEGV);
    facts.record = &record;
    struct exit_report report = {0};
    exit_report_fill(&report, &facts);
    assert_null(strstr(report.summary, "0x1234"));
    assert_non_null(strstr(report.summary, "SIGSEGV"));
}

static void every_cause_and_reason_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < EXIT_CAUSE_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(exit_cause_name(i), exit_cause_name(j));
    for (int i = KILL_NONE; i <= KILL_TIMEOUT; i++)
        for (int j = KILL_NONE; j < i; j++)
            assert_string_not_equal(kill_reason_name(i), kill_reason_name(j));
    for (int i = OOM_NONE; i <= OOM_HOST; i++)
        for (int j = OOM_NONE; j < i; j++)
            assert_string_not_equal(oom_kind_name(i), oom_kind_name(j));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_after_shutdown_is_clean_and_unasked_is_not),
        cmocka_unit_test(fatal_signals_are_crashes_and_sigsys_is_a_violation),
        cmocka_unit_test(sigkill_is_named_after_who_sent_it),
        cmocka_unit_test(a_crash_that_beats_the_kill_stays_a_crash),
        cmocka_unit_test(one_that_dies_of_the_question_for_its_stack_was_hung),
        cmocka_unit_test(one_that_left_its_channel_is_not_killed_from_outside),
        cmocka_unit_test(a_bad_message_stands_whatever_it_died_of),
        cmocka_unit_test(a_claim_of_memory_needs_the_status_and_the_record),
        cmocka_unit_test(whose_memory_ran_out_is_told_apart),
        cmocka_unit_test(the_frames_part_of_a_limit_is_told),
        cmocka_unit_test(the_kernels_kill_was_before_ours_if_it_counted_it),
        cmocka_unit_test(only_a_sigkill_is_the_oom_killers),
        cmocka_unit_test(a_record_cannot_turn_an_exit_into_a_crash),
        cmocka_unit_test(the_summary_names_signal_code_and_address),
        cmocka_unit_test(a_record_of_another_signal_is_not_quoted),
        cmocka_unit_test(every_cause_and_reason_has_a_name_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
