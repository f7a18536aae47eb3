/* closed_child.h - runs a function in a child process with the crash handler installed and, if wanted, the renderer's
 * policy loaded; tells how the child ended and what it managed to say. For tests that attack from inside. */
#ifndef BULKHEAD_TESTS_CLOSED_CHILD_H
#define BULKHEAD_TESTS_CLOSED_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/audit_record.h"
#include "common/crash_record.h"

enum {
    CLOSED_CHILD_POLICY = 1,         /* load the renderer's seccomp program */
    CLOSED_CHILD_SECOND_THREAD = 2,  /* run the function in a thread that was made before the policy was loaded */
    CLOSED_CHILD_NO_THREAD_INIT = 4, /* that thread without crash_handler_thread_init() */
    CLOSED_CHILD_STACK_SAMPLES = 8,  /* the thread that runs the function takes SIGUSR2 */
    CLOSED_CHILD_AUDIT = 16,         /* with the policy: under audit */
    CLOSED_CHILD_LOG = 32,           /* and what it needed is told to `make check-policy` */
};

struct closed_child {
    pid_t pid;  /* reaped */
    int status; /* of waitpid() */
    bool timed_out;
    bool has_record; /* `record` is a validated copy */
    struct crash_record record;
    struct audit_record counts; /* CLOSED_CHILD_AUDIT */
    size_t hint_bytes;
    unsigned char hint[256]; /* the packet that came through the channel's socket */
};

/* What a child can use to arrange its own misfortune: valid inside `function` only. */
struct closed_child_inside {
    int record_fd; /* a second descriptor of the record's memfd */
    int parent_pid;
};

/* function's return value is the child's exit status. */
typedef int (*closed_child_fn)(const struct closed_child_inside *inside, void *argument);

void closed_child_run(int flags, closed_child_fn function, void *argument, struct closed_child *ret_child);

#endif
