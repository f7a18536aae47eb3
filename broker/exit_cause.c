#include "broker/exit_cause.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "broker/crash/symbolise.h"
#include "common/text.h"

bool exit_cause_is_bad(enum exit_cause cause)
{
    switch (cause) {
    case EXIT_CAUSE_CRASHED:
    case EXIT_CAUSE_SANDBOX_VIOLATION:
    case EXIT_CAUSE_OUT_OF_MEMORY:
    case EXIT_CAUSE_HUNG:
    case EXIT_CAUSE_BAD_MESSAGE:
    case EXIT_CAUSE_UNEXPECTED_EXIT:
        return true;
    case EXIT_CAUSE_CLEAN:
    case EXIT_CAUSE_KILLED_BY_BROKER:
    case EXIT_CAUSE_COUNT:
        break;
    }
    return false;
}

const char *exit_cause_name(enum exit_cause cause)
{
    switch (cause) {
    case EXIT_CAUSE_CLEAN:
        return "exited cleanly";
    case EXIT_CAUSE_CRASHED:
        return "crashed";
    case EXIT_CAUSE_SANDBOX_VIOLATION:
        return "sandbox violation";
    case EXIT_CAUSE_OUT_OF_MEMORY:
        return "out of memory";
    case EXIT_CAUSE_HUNG:
        return "hung";
    case EXIT_CAUSE_BAD_MESSAGE:
        return "bad message";
    case EXIT_CAUSE_KILLED_BY_BROKER:
        return "killed by the broker";
    case EXIT_CAUSE_UNEXPECTED_EXIT:
        return "unexpected exit";
    case EXIT_CAUSE_COUNT:
        break;
    }
    return "unknown";
}

const char *kill_reason_name(enum kill_reason reason)
{
    switch (reason) {
    case KILL_NONE:
        return "none";
    case KILL_HUNG:
        return "no answer";
    case KILL_BAD_MESSAGE:
        return "bad message";
    case KILL_START:
        return "did not start in time";
    case KILL_CLOSED:
        return "its tab was closed";
    case KILL_SHUTDOWN:
        return "the broker is ending";
    case KILL_LEFT:
        return "it closed its channel and lived on";
    case KILL_CELL:
        return "its cell ended";
    case KILL_TIMEOUT:
        return "over its time limit";
    }
    return "unknown";
}

static enum exit_cause cause_of_broker_kill(enum kill_reason reason)
{
    switch (reason) {
    case KILL_HUNG:
    case KILL_TIMEOUT:
    case KILL_START:
        return EXIT_CAUSE_HUNG;
    case KILL_BAD_MESSAGE:
        return EXIT_CAUSE_BAD_MESSAGE;
    case KILL_LEFT:
        return EXIT_CAUSE_UNEXPECTED_EXIT;
    case KILL_NONE:
    case KILL_CLOSED:
    case KILL_SHUTDOWN:
    case KILL_CELL:
        break;
    }
    return EXIT_CAUSE_KILLED_BY_BROKER;
}

const char *oom_kind_name(enum oom_kind kind)
{
    switch (kind) {
    case OOM_NONE:
        return "none";
    case OOM_OWN_LIMIT:
        return "own limit";
    case OOM_AROUND:
        return "around";
    case OOM_HOST:
        return "host";
    }
    return "unknown";
}

static enum exit_cause cause_of_signal(const struct exit_facts *facts)
{
    if (facts->wait_status == SIGSYS)
        return EXIT_CAUSE_SANDBOX_VIOLATION;
    /* Asked for its stack by SIGUSR2, one without a handler dies of the question. */
    if (facts->wait_status == SIGUSR2 && (facts->kill_reason == KILL_HUNG || facts->kill_reason == KILL_TIMEOUT))
        return EXIT_CAUSE_HUNG;
    if (facts->wait_status != SIGKILL)
        return EXIT_CAUSE_CRASHED;
    /* The kernel does not count whom it finds dying already: if it counted this one, it was before us. */
    if (facts->oom.kind == OOM_OWN_LIMIT || facts->oom.kind == OOM_AROUND)
        return EXIT_CAUSE_OUT_OF_MEMORY;
    if (facts->kill_reason != KILL_NONE)
        return cause_of_broker_kill(facts->kill_reason);
    return facts->oom.kind == OOM_HOST ? EXIT_CAUSE_OUT_OF_MEMORY : EXIT_CAUSE_UNEXPECTED_EXIT;
}

enum exit_cause exit_cause_classify(const struct exit_facts *facts)
{
    /* What the broker condemned it for stands, even if it managed to die of something else first. */
    if (facts->kill_reason == KILL_BAD_MESSAGE)
        return EXIT_CAUSE_BAD_MESSAGE;
    if (facts->wait_code == CLD_KILLED || facts->wait_code == CLD_DUMPED)
        return cause_of_signal(facts);
    if (facts->wait_status == RENDERER_EXIT_OUT_OF_MEMORY && facts->record != NULL &&
        facts->record->kind == CRASH_OUT_OF_MEMORY)
        return EXIT_CAUSE_OUT_OF_MEMORY;
    if (facts->wait_status == 0 && facts->shutdown_sent)
        return EXIT_CAUSE_CLEAN;
    return EXIT_CAUSE_UNEXPECTED_EXIT;
}

static void describe_signal(const struct exit_report *report, char *out, size_t out_bytes)
{
    const struct crash_record *record = &report->record;
    bool is_told = report->has_record && record->kind == CRASH_SIGNAL && record->signal == report->wait_status;
    if (is_told && !crash_has_address(record))
        snprintf(out, out_bytes, "%s (%s)", crash_signal_name(record->signal),
                 crash_code_text(record->signal, record->code));
    else if (is_told)
        snprintf(out, out_bytes, "%s (%s) at 0x%llx", crash_signal_name(record->signal),
                 crash_code_text(record->signal, record->code), (unsigned long long)record->fault_address);
    else
        snprintf(out, out_bytes, "%s", crash_signal_name(report->wait_status));
}

static void describe_syscall(const struct exit_report *report, char *out, size_t out_bytes)
{
    const struct crash_record *record = &report->record;
    if (!report->has_record || record->kind != CRASH_SYSCALL) {
        snprintf(out, out_bytes, "a system call that it kept from being reported");
        return;
    }
    const uint64_t *a = record->syscall_arguments;
    snprintf(out, out_bytes, "%s(0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx, 0x%llx)",
             crash_syscall_name(record->syscall_arch, record->syscall_number), (unsigned long long)a[0],
             (unsigned long long)a[1], (unsigned long long)a[2], (unsigned long long)a[3], (unsigned long long)a[4],
             (unsigned long long)a[5]);
}

/* A limit is given in powers of 1024, and named so. */
static void format_limit(char *out, size_t out_bytes, uint64_t bytes)
{
    double mebibytes = (double)bytes / (1 << 20);
    snprintf(out, out_bytes, bytes % (1 << 20) == 0 ? "%.0f MiB" : "%.1f MiB", mebibytes);
}

static void describe_own_limit(const struct oom_verdict *oom, char *out, size_t out_bytes)
{
    char limit[32], frames[32];
    format_limit(limit, sizeof limit, oom->limit_bytes - oom->frame_bytes);
    format_limit(frames, sizeof frames, oom->frame_bytes);
    if (oom->frame_bytes == 0)
        snprintf(out, out_bytes, "the kernel killed it: %s limit of its cgroup", limit);
    else
        snprintf(out, out_bytes, "the kernel killed it: %s limit of its cgroup, and %s for frames", limit, frames);
}

static void describe_memory(const struct exit_report *report, char *out, size_t out_bytes)
{
    char bytes[32];
    if (report->wait_code == CLD_EXITED) {
        uint64_t wanted = report->has_record ? report->record.requested_bytes : 0;
        text_format_bytes(bytes, sizeof bytes, wanted);
        snprintf(out, out_bytes, wanted != 0 ? "%s more could not be had" : "it gave up", bytes);
        return;
    }
    switch (report->oom.kind) {
    case OOM_OWN_LIMIT:
        describe_own_limit(&report->oom, out, out_bytes);
        return;
    case OOM_AROUND:
        snprintf(out, out_bytes, "the kernel killed it: this host, or a cgroup around it, had no memory left");
        return;
    case OOM_HOST:
    case OOM_NONE:
        break;
    }
    snprintf(out, out_bytes, "killed when this host had no memory left");
}

static void describe(const struct exit_report *report, char *out, size_t out_bytes)
{
    switch (report->cause) {
    case EXIT_CAUSE_CLEAN:
        snprintf(out, out_bytes, "as asked");
        return;
    case EXIT_CAUSE_CRASHED:
        describe_signal(report, out, out_bytes);
        return;
    case EXIT_CAUSE_SANDBOX_VIOLATION:
        describe_syscall(report, out, out_bytes);
        return;
    case EXIT_CAUSE_OUT_OF_MEMORY:
        describe_memory(report, out, out_bytes);
        return;
    case EXIT_CAUSE_BAD_MESSAGE:
        snprintf(out, out_bytes, "%s", violation_name(report->violation));
        return;
    case EXIT_CAUSE_HUNG:
    case EXIT_CAUSE_KILLED_BY_BROKER:
        snprintf(out, out_bytes, "%s", kill_reason_name(report->kill_reason));
        return;
    case EXIT_CAUSE_UNEXPECTED_EXIT:
        if (report->kill_reason == KILL_LEFT)
            snprintf(out, out_bytes, "%s", kill_reason_name(report->kill_reason));
        else if (report->wait_code == CLD_EXITED)
            snprintf(out, out_bytes, "status %d, unasked", report->wait_status);
        else
            snprintf(out, out_bytes, "%s from outside", crash_signal_name(report->wait_status));
        return;
    case EXIT_CAUSE_COUNT:
        break;
    }
    out[0] = '\0';
}

void exit_report_fill(struct exit_report *report, const struct exit_facts *facts)
{
    char detail[200];
    report->cause = exit_cause_classify(facts);
    report->wait_code = facts->wait_code;
    report->wait_status = facts->wait_status;
    report->kill_reason = facts->kill_reason;
    report->violation = facts->violation;
    report->oom = report->cause == EXIT_CAUSE_OUT_OF_MEMORY ? facts->oom : (struct oom_verdict){0};
    report->has_record = facts->record != NULL;
    if (facts->record != NULL)
        report->record = *facts->record;
    describe(report, detail, sizeof detail);
    snprintf(report->summary, sizeof report->summary, "%s: %s", exit_cause_name(report->cause), detail);
}
