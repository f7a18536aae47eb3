/* policy_table.h - which system calls each role may make, as data that both sides can read: one row for a call with
 * certain arguments, what happens to it, who it is for, and why.
 *
 * policy.c makes the seccomp programs of it, the broker lists it (`bulkhead help syscalls`) and explains refusals with
 * it (policy_advice.h). A further role is a value below, a line in policy_roles[] and its rows: no code. All of it is
 * constant and lives for ever.
 */
#ifndef BULKHEAD_POLICY_TABLE_H
#define BULKHEAD_POLICY_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum policy_role {
    POLICY_RENDERER,
    POLICY_INIT,       /* the cell init: waits, and dies */
    POLICY_SYMBOLISER, /* reads ELF files for a backtrace */
    POLICY_ROLES,
};

struct policy_role_words {
    const char *name, *what;
    int error;       /* for what no row lists: it fails with this errno; 0: it is reported and ends the process */
    bool is_audited; /* whether it runs a handler that can count; `make check-policy` looks at these roles only */
};
extern const struct policy_role_words policy_roles[POLICY_ROLES];

/* Stands for the process's own pid until policy_apply() knows it. No pid is as large (PID_MAX_LIMIT is 2^22). */
enum { POLICY_OWN_PID = 0x5eed1d01 };

/* One condition on one argument: (argument & mask) == value, and what that says. A mask of 32 bits, because the upper
 * half of a register that holds an int may be anything. */
struct policy_condition {
    unsigned argument;
    uint64_t mask, value;
    const char *words;
};
enum { POLICY_CONDITIONS = 2 };

/* Why a row need not be seen when the tests and the corpus run under audit. `make check-policy` fails when a row
 * without such a reason is never seen, or when one is seen although its reason holds. */
enum policy_absence {
    POLICY_IS_SEEN,
    POLICY_UNCOUNTABLE,  /* the audit lives on it, or never meets it */
    POLICY_CLOCK,        /* only where the vDSO cannot read the clock */
    POLICY_OTHER_SYSTEM, /* libraries other than Debian 12's may try it */
    POLICY_SANITIZER,    /* the sanitizers' run-time needs it */
};

struct policy_row {
    const char *call;
    int number;     /* as libseccomp has it on this machine; below zero: this machine has no such call */
    unsigned roles; /* a bit for each enum policy_role */
    int error;      /* 0: it runs; else it fails with this errno */
    struct policy_condition when[POLICY_CONDITIONS]; /* all must hold; mask 0 = none */
    const char *why;
    enum policy_absence absence;
};

/* No two rows of a role fit the same call, but for sanitizer builds: the first counts. */
extern const struct policy_row policy_rows[];
extern const size_t policy_row_count;

bool policy_row_is_for(const struct policy_row *row, enum policy_role role);
const char *policy_absence_text(enum policy_absence absence); /* NULL for POLICY_IS_SEEN */

/* What the arguments must be, in words: "readable and writable, private, without a file"; "" for any. */
void policy_row_describe(const struct policy_row *row, char *out, size_t out_bytes);

/* The row that decides about this call, or NULL. */
const struct policy_row *policy_find(enum policy_role role, int number, const uint64_t arguments[6], uint64_t own_pid);

/* How many different calls of this machine the role may make, or, refused, tries in vain and lives whatever the
 * arguments. */
size_t policy_count_calls(enum policy_role role, bool refused);

#endif
