/* exit_cause.h - one truthful word for how a renderer ended, from the facts of the kernel and the broker's own acts.
 *
 * exit_cause_classify() is pure: facts in, verdict out, no I/O. Facts of the kernel and of the broker outrank what the
 * renderer claimed in its crash record; a claim only ever adds detail, and is marked as one.
 */
#ifndef BULKHEAD_EXIT_CAUSE_H
#define BULKHEAD_EXIT_CAUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/crash_record.h"
#include "common/violation.h"

enum exit_cause {
    EXIT_CAUSE_CLEAN,
    EXIT_CAUSE_CRASHED,
    EXIT_CAUSE_SANDBOX_VIOLATION,
    EXIT_CAUSE_OUT_OF_MEMORY,
    EXIT_CAUSE_HUNG,
    EXIT_CAUSE_BAD_MESSAGE,
    EXIT_CAUSE_KILLED_BY_BROKER,
    EXIT_CAUSE_UNEXPECTED_EXIT,
    EXIT_CAUSE_COUNT,
};

/* Why the broker sent SIGKILL. The first reason stands. */
enum kill_reason {
    KILL_NONE,
    KILL_HUNG,        /* ping or request unanswered */
    KILL_BAD_MESSAGE, /* see violation */
    KILL_START,       /* no hello in time */
    KILL_CLOSED,      /* its tab was closed and it did not go by itself */
    KILL_SHUTDOWN,    /* the broker is ending */
    KILL_LEFT,        /* it closed its channel and lived on */
    KILL_CELL,        /* its zygote or its init ended, and the whole cell with it */
    KILL_TIMEOUT,     /* over --timeout */
};

/* What the kernel's OOM killer had to do with it. */
enum oom_kind {
    OOM_NONE,
    OOM_OWN_LIMIT, /* killed at the limit of its own cgroup, by that cgroup's counters */
    OOM_AROUND,    /* killed, but not at its own limit: the host, or a cgroup around its own, had no memory left */
    OOM_HOST,      /* it struck on this host about then; whom, is not said without a cgroup of its own */
};

struct oom_verdict {
    enum oom_kind kind;
    uint64_t limit_bytes; /* OOM_OWN_LIMIT: memory.max, */
    uint64_t frame_bytes; /* and how much of that was meant for frames */
};

/* The exit status a renderer uses to say that memory ran out (with a record of kind CRASH_OUT_OF_MEMORY). */
enum { RENDERER_EXIT_OUT_OF_MEMORY = 86 };

struct exit_facts {
    int wait_code;   /* siginfo si_code: CLD_EXITED, CLD_KILLED, CLD_DUMPED */
    int wait_status; /* si_status: exit code or signal */
    enum kill_reason kill_reason;
    enum violation violation;
    bool shutdown_sent; /* it was asked to go */
    struct oom_verdict oom;
    const struct crash_record *record; /* validated copy, or NULL: none or not credible */
};

/* Owned by whoever received it by value; no pointers inside. */
struct exit_report {
    enum exit_cause cause;
    unsigned renderer_id;
    pid_t pid;
    int wait_code, wait_status;
    enum kill_reason kill_reason;
    enum violation violation;
    struct oom_verdict oom;
    bool has_record; /* the fields of `record` hold: the renderer's own word, validated */
    struct crash_record record;
    uint64_t noticed_ns; /* first notice of the end, CLOCK_MONOTONIC */
    uint64_t reported_ns;
    char summary[256]; /* "crashed: SIGSEGV (address not mapped) at 0x10" - one line, escaped */
};

enum exit_cause exit_cause_classify(const struct exit_facts *facts);
/* What its document is to blame for, as far as can be seen: worth a crash report, and counted towards quarantine. */
bool exit_cause_is_bad(enum exit_cause cause);
const char *exit_cause_name(enum exit_cause cause); /* "crashed", "sandbox violation", … */
const char *kill_reason_name(enum kill_reason reason);
const char *oom_kind_name(enum oom_kind kind); /* "own limit", … */

/* Fills cause, wait facts, record and summary from the facts. */
void exit_report_fill(struct exit_report *report, const struct exit_facts *facts);

#endif
