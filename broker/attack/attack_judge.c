/* What came of an attempt: facts of the report in, outcome and verdict out. Pure. */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "broker/attack/attack_run_private.h"
#include "broker/crash/symbolise.h"

static bool is_reported_call(const struct exit_report *end)
{
    return end->has_record && end->record.kind == CRASH_SYSCALL;
}

/* "socket(0x2, …)" of "sandbox violation: socket(0x2, …)". */
static const char *after_cause(const struct exit_report *end)
{
    const char *colon = strstr(end->summary, ": ");
    return colon != NULL ? colon + 2 : end->summary;
}

static enum attack_outcome outcome_of_end(enum exit_cause cause)
{
    switch (cause) {
    case EXIT_CAUSE_SANDBOX_VIOLATION:
        return ATTACK_KILLED;
    case EXIT_CAUSE_BAD_MESSAGE:
        return ATTACK_BAD_MESSAGE;
    case EXIT_CAUSE_HUNG:
        return ATTACK_HUNG;
    case EXIT_CAUSE_OUT_OF_MEMORY:
        return ATTACK_MEMORY;
    case EXIT_CAUSE_CRASHED:
        return ATTACK_CRASHED;
    case EXIT_CAUSE_CLEAN:
    case EXIT_CAUSE_KILLED_BY_BROKER:
    case EXIT_CAUSE_UNEXPECTED_EXIT:
        return ATTACK_EXITED;
    case EXIT_CAUSE_COUNT:
        break;
    }
    return ATTACK_NO_OUTCOME;
}

static void observe_end(const struct attack_trial *trial, struct attack_result *result)
{
    const struct exit_report *end = &trial->end;
    result->outcome = outcome_of_end(end->cause);
    snprintf(result->summary, sizeof result->summary, "%s", end->summary);
    snprintf(result->detail, sizeof result->detail, "%.150s", after_cause(end));
    if (result->outcome == ATTACK_CRASHED)
        snprintf(result->detail, sizeof result->detail, "%s", crash_signal_name(end->wait_status));
    if (result->outcome == ATTACK_KILLED && !is_reported_call(end))
        snprintf(result->detail, sizeof result->detail, "SIGSYS");
    if (trial->row->expected.outcome == ATTACK_QUARANTINED && trial->ends > 1) {
        result->outcome = ATTACK_QUARANTINED;
        snprintf(result->detail, sizeof result->detail, "%u ends", trial->ends);
    }
}

/* It lives: has it said that something failed, or that it did not? */
static void observe_life(const struct attack_trial *trial, struct attack_result *result)
{
    static const char success[] = "succeeded";
    bool is_errno =
        trial->seen[0] == 'E' && strspn(trial->seen, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == strlen(trial->seen);
    snprintf(result->detail, sizeof result->detail, "%.150s", *trial->seen ? trial->seen : "it lives, and paints");
    if (strncmp(trial->seen, success, sizeof success - 1) == 0)
        result->outcome = ATTACK_SUCCEEDED;
    else if (is_errno)
        result->outcome = trial->frames > 0 ? ATTACK_REFUSED : ATTACK_NO_OUTCOME;
    else
        result->outcome = trial->frames > 0 || trial->has_failed || (trial->row->is_mute && trial->has_info)
                              ? ATTACK_HARMLESS
                              : ATTACK_NO_OUTCOME;
}

/* Violations are told apart by who found them: the packet and its encoding first, then the conversation. */
static const char *layer_of_violation(enum violation violation)
{
    if (violation == VIOLATION_FLOOD || violation == VIOLATION_NOT_READING)
        return "rate limit";
    return violation >= VIOLATION_WRONG_STATE ? "state check" : "codec scan";
}

/* What is seen to have stopped it. An errno and a life that goes on look alike whoever is behind them, so there the row
 * is quoted; they are compared with what is expected anyway. */
static const char *quoted_layer(const struct attack_trial *trial, const struct attack_result *result)
{
    const struct attack_expectation *otherwise = trial->otherwise;
    bool is_other = result->outcome == otherwise->outcome &&
                    (result->outcome != trial->expected->outcome || strcmp(result->detail, otherwise->detail) == 0);
    return is_other ? otherwise->layer : trial->expected->layer;
}

static const char *layer_of(const struct attack_trial *trial, const struct attack_result *result)
{
    switch (result->outcome) {
    case ATTACK_KILLED:
        return "seccomp";
    case ATTACK_BAD_MESSAGE:
        return trial->end.violation == VIOLATION_BAD_NUMBER || trial->end.violation == VIOLATION_TOO_MANY_ELEMENTS
                   ? trial->expected->layer
                   : layer_of_violation(trial->end.violation);
    case ATTACK_HUNG:
        return "watchdog";
    case ATTACK_MEMORY:
        return trial->end.wait_code == CLD_EXITED ? trial->expected->layer : "kernel";
    case ATTACK_CRASHED:
        return "kernel signal";
    case ATTACK_EXITED:
        return trial->end.kill_reason == KILL_LEFT ? "broker" : "wait status";
    case ATTACK_REFUSED:
    case ATTACK_HARMLESS:
    case ATTACK_QUARANTINED:
    case ATTACK_ORPHANED:
        return quoted_layer(trial, result);
    case ATTACK_SUCCEEDED: /* what confines it, if it is foreseen that nothing stops it */
        return trial->expected->outcome == ATTACK_SUCCEEDED || trial->otherwise->outcome == ATTACK_SUCCEEDED
                   ? quoted_layer(trial, result)
                   : "";
    case ATTACK_NO_OUTCOME:
    case ATTACK_OUTCOME_COUNT:
        break;
    }
    return "";
}

static bool __attribute__((format(printf, 2, 3))) refuse(struct attack_result *result, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(result->why_not, sizeof result->why_not, format, arguments);
    va_end(arguments);
    return false;
}

/* A killed call: the kernel's word that it was SIGSYS, the record's word which and with what. */
static bool is_right_call(const struct attack_trial *trial, struct attack_result *result, const char *expected)
{
    const struct exit_report *end = &trial->end;
    if (end->wait_status != SIGSYS)
        return refuse(result, "ended by signal %d, not by SIGSYS", end->wait_status);
    if (strcmp(expected, "SIGSYS") == 0)
        return is_reported_call(end) ? refuse(result, "a handler ran") : true;
    if (!is_reported_call(end))
        return refuse(result, "the report names no system call");
    const char *name = crash_syscall_name(end->record.syscall_arch, end->record.syscall_number);
    if (strcmp(name, expected) != 0)
        return refuse(result, "the report names %s", name);
    for (size_t i = 0; i < ATTACK_ARGUMENTS && trial->row->arguments[i].position != 0; i++) {
        const struct attack_argument *argument = &trial->row->arguments[i];
        if (end->record.syscall_arguments[argument->position - 1] != argument->value)
            return refuse(result, "argument %u is not 0x%llx", argument->position, (unsigned long long)argument->value);
    }
    return true;
}

static bool is_as_expected(const struct attack_trial *trial, struct attack_result *result,
                           const struct attack_expectation *expected)
{
    if (expected->outcome == ATTACK_NO_OUTCOME)
        return false;
    if (result->outcome != expected->outcome)
        return refuse(result, "%s, not %s", attack_outcome_name(result->outcome),
                      attack_outcome_name(expected->outcome));
    switch (expected->outcome) {
    case ATTACK_KILLED:
        return is_right_call(trial, result, expected->detail);
    case ATTACK_REFUSED:
        if (expected->detail[0] == '\0')
            return true;
        /* fall through */
    case ATTACK_BAD_MESSAGE:
    case ATTACK_CRASHED:
        return strcmp(result->detail, expected->detail) == 0 || refuse(result, "not \"%s\"", expected->detail);
    default:
        return strstr(result->detail, expected->detail) != NULL || refuse(result, "not \"%s\"", expected->detail);
    }
}

static bool passes_check(const struct attack_trial *trial, struct attack_result *result)
{
    switch (trial->row->check) {
    case ATTACK_CHECK_FDS:
        return trial->fds_after <= trial->fds_before || refuse(result, "the broker holds descriptors it was sent");
    case ATTACK_CHECK_TORN:
        if (!trial->is_geometry_ours)
            return refuse(result, "the frame has another size than was asked for");
        return trial->is_torn || refuse(result, "the reuse was not noticed");
    case ATTACK_CHECK_AGAIN:
        return trial->has_ended || trial->is_geometry_ours ||
               refuse(result, "the frame has another size than was asked for");
    case ATTACK_CHECK_AREA:
        return trial->is_area_refused || refuse(result, "a frame of the size it claims was not refused");
    case ATTACK_CHECK_CLAIM:
        return trial->end.has_record || refuse(result, "the record was not kept");
    case ATTACK_CHECK_NO_CLAIM:
        return !trial->end.has_record || refuse(result, "the record was believed");
    case ATTACK_CHECK_NOTHING:
    case ATTACK_CHECK_STRINGS: /* looked at where they are shown */
        break;
    }
    return true;
}

void attack_judge(const struct attack_trial *trial, struct attack_result *result)
{
    if (trial->has_ended)
        observe_end(trial, result);
    else
        observe_life(trial, result);
    result->layer = layer_of(trial, result);
    result->holds =
        (is_as_expected(trial, result, trial->otherwise) || is_as_expected(trial, result, trial->expected)) &&
        passes_check(trial, result);
    if (result->holds)
        result->why_not[0] = '\0';
}
