/* The verdict on an attempt: what holds, and everything that must not pass for it. */
#include <linux/audit.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "broker/attack/attack_run_private.h"

#if defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#else
#define OWN_ARCH AUDIT_ARCH_X86_64
#endif

static struct attack_trial trial_of(const char *name)
{
    const struct attack_row *row = attack_list_find(name);
    assert_non_null(row);
    return (struct attack_trial){.row = row, .expected = &row->expected, .otherwise = &row->otherwise};
}

static struct attack_result judged(const struct attack_trial *trial)
{
    struct attack_result result = {.row = trial->row, .expected = trial->expected, .layer = ""};
    attack_judge(trial, &result);
    /* Why not, exactly where it does not. */
    assert_int_equal(result.holds, result.why_not[0] == '\0');
    return result;
}

/* A trial whose renderer ended of SIGSYS in this call. */
static struct attack_trial killed(const char *name, int call, uint64_t first, uint64_t second)
{
    struct attack_trial trial = trial_of(name);
    trial.has_ended = true;
    trial.end.cause = EXIT_CAUSE_SANDBOX_VIOLATION;
    trial.end.wait_code = CLD_KILLED;
    trial.end.wait_status = SIGSYS;
    trial.end.has_record = true;
    trial.end.record.kind = CRASH_SYSCALL;
    trial.end.record.syscall_arch = OWN_ARCH;
    trial.end.record.syscall_number = call;
    trial.end.record.syscall_arguments[0] = first;
    trial.end.record.syscall_arguments[1] = second;
    return trial;
}

static void a_killed_call_holds_with_its_name_and_arguments_only(void **state)
{
    (void)state;
    struct attack_trial trial = killed("socket-inet", SYS_socket, 2, 1);
    assert_true(judged(&trial).holds);
    assert_string_equal(judged(&trial).layer, "seccomp");
    trial = killed("socket-inet", SYS_socket, 2, 2); /* not what was passed */
    assert_false(judged(&trial).holds);
    trial = killed("socket-inet", SYS_bind, 2, 1);
    assert_false(judged(&trial).holds);
    trial = killed("socket-inet", SYS_socket, 2, 1);
    trial.end.wait_status = SIGKILL;
    assert_false(judged(&trial).holds);
    trial = killed("socket-inet", SYS_socket, 2, 1);
    trial.end.has_record = false;
    assert_false(judged(&trial).holds);
}

static void a_blocked_report_holds_without_a_record_only(void **state)
{
    (void)state;
    struct attack_trial trial = killed("blocked-sigsys", SYS_socket, 2, 1);
    assert_false(judged(&trial).holds);
    trial.end.has_record = false;
    assert_true(judged(&trial).holds);
    assert_string_equal(judged(&trial).detail, "SIGSYS");
}

static void an_errno_holds_when_it_is_the_right_one_and_it_paints(void **state)
{
    struct attack_trial trial = trial_of("open-passwd");
    (void)state;
    trial.has_info = true;
    snprintf(trial.seen, sizeof trial.seen, "EACCES");
    assert_false(judged(&trial).holds); /* no frame */
    trial.frames = 1;
    assert_true(judged(&trial).holds);
    snprintf(trial.seen, sizeof trial.seen, "ENOENT");
    assert_false(judged(&trial).holds);
    snprintf(trial.seen, sizeof trial.seen, "succeeded (4)");
    assert_int_equal(judged(&trial).outcome, ATTACK_SUCCEEDED);
    assert_false(judged(&trial).holds);
}

static void success_never_passes_for_harmless(void **state)
{
    (void)state;
    for (size_t i = 0; i < attack_list_count(); i++) {
        struct attack_trial trial = trial_of(attack_list_row(i)->name);
        trial.has_info = true;
        trial.frames = 1;
        snprintf(trial.seen, sizeof trial.seen, "succeeded (0)");
        assert_false(judged(&trial).holds);
    }
}

static void nothing_seen_never_holds(void **state)
{
    (void)state;
    for (size_t i = 0; i < attack_list_count(); i++) {
        struct attack_trial trial = trial_of(attack_list_row(i)->name);
        assert_false(judged(&trial).holds);
    }
}

static void a_bad_message_holds_with_its_reason_only(void **state)
{
    struct attack_trial trial = trial_of("hello-again");
    (void)state;
    trial.has_ended = true;
    trial.end.cause = EXIT_CAUSE_BAD_MESSAGE;
    trial.end.violation = VIOLATION_WRONG_STATE;
    snprintf(trial.end.summary, sizeof trial.end.summary, "bad message: wrong state");
    assert_true(judged(&trial).holds);
    assert_string_equal(judged(&trial).layer, "state check");
    snprintf(trial.end.summary, sizeof trial.end.summary, "bad message: flood");
    assert_false(judged(&trial).holds);
}

static void descriptors_that_stay_with_the_broker_do_not_hold(void **state)
{
    struct attack_trial trial = trial_of("push-253-fds");
    (void)state;
    trial.frames = 1;
    snprintf(trial.seen, sizeof trial.seen, "EPERM");
    assert_true(judged(&trial).holds);
    trial.fds_after = 1;
    assert_false(judged(&trial).holds);
}

static void a_torn_frame_must_be_noticed_and_keep_its_size(void **state)
{
    struct attack_trial trial = trial_of("buffer-reused");
    (void)state;
    trial.has_failed = true;
    trial.frames = 1;
    snprintf(trial.seen, sizeof trial.seen, "reused");
    trial.is_torn = trial.is_geometry_ours = true;
    assert_true(judged(&trial).holds);
    trial.is_torn = false;
    assert_false(judged(&trial).holds);
    trial.is_torn = true;
    trial.is_geometry_ours = false;
    assert_false(judged(&trial).holds);
}

static void a_forged_record_out_of_range_must_be_thrown_away(void **state)
{
    struct attack_trial trial = trial_of("record-absurd");
    (void)state;
    trial.has_ended = true;
    trial.end.cause = EXIT_CAUSE_UNEXPECTED_EXIT;
    trial.end.wait_code = CLD_EXITED;
    snprintf(trial.end.summary, sizeof trial.end.summary, "unexpected exit: status 86, unasked");
    assert_true(judged(&trial).holds);
    trial.end.has_record = true;
    assert_false(judged(&trial).holds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_call_holds_with_its_name_and_arguments_only),
        cmocka_unit_test(a_blocked_report_holds_without_a_record_only),
        cmocka_unit_test(an_errno_holds_when_it_is_the_right_one_and_it_paints),
        cmocka_unit_test(success_never_passes_for_harmless),
        cmocka_unit_test(nothing_seen_never_holds),
        cmocka_unit_test(a_bad_message_holds_with_its_reason_only),
        cmocka_unit_test(descriptors_that_stay_with_the_broker_do_not_hold),
        cmocka_unit_test(a_torn_frame_must_be_noticed_and_keep_its_size),
        cmocka_unit_test(a_forged_record_out_of_range_must_be_thrown_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
