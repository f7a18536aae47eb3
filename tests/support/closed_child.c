#include "tests/support/closed_child.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/trace/audit.h"
#include "common/policy.h"
#include "renderer/audit.h"
#include "renderer/crash_handler.h"

enum { DEADLINE_MS = 20000, EXIT_SETUP_FAILED = 99 };

struct inside {
    struct closed_child_inside facts;
    int flags;
    closed_child_fn function;
    void *argument;
    pthread_barrier_t ready, closed;
};

static void *run_in_thread(void *userdata)
{
    struct inside *inside = userdata;

    if (!(inside->flags & CLOSED_CHILD_NO_THREAD_INIT) &&
        crash_handler_thread_init(inside->flags & CLOSED_CHILD_STACK_SAMPLES) < 0)
        _exit(EXIT_SETUP_FAILED);
    pthread_barrier_wait(&inside->ready);
    pthread_barrier_wait(&inside->closed);
    _exit(inside->function(&inside->facts, inside->argument)); /* the policy knows no end of a thread */
}

static int close_policy(const struct inside *inside, const struct policy_program *policy)
{
    if ((inside->flags & CLOSED_CHILD_AUDIT) == 0)
        return policy_apply(policy);
    int rc = audit_install(inside->facts.record_fd);
    return rc < 0 ? rc : policy_apply_audited(policy, audit_gate_address());
}

/* What was counted, for the test and, if it asks so, for the log of all audits. */
static void take_counts(int flags, int record_fd, struct closed_child *child)
{
    struct audit *audit = flags & CLOSED_CHILD_LOG ? audit_create(getenv("BULKHEAD_AUDIT_LOG")) : NULL;

    if (flags & CLOSED_CHILD_AUDIT)
        (void)!pread(record_fd, &child->counts, sizeof(child->counts), AUDIT_RECORD_OFFSET);
    if (audit != NULL)
        audit_watch(audit, record_fd);
    audit_destroy(audit);
}

static void __attribute__((noreturn))
live(struct inside *inside, const struct policy_program *policy, int record_fd, int hint_fd)
{
    const struct rlimit no_core = {0, 0};
    bool threaded = inside->flags & CLOSED_CHILD_SECOND_THREAD;
    pthread_t thread;

    setrlimit(RLIMIT_CORE, &no_core);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (crash_handler_install(record_fd, hint_fd) < 0 ||
        crash_handler_thread_init(!threaded && (inside->flags & CLOSED_CHILD_STACK_SAMPLES)) < 0)
        _exit(EXIT_SETUP_FAILED);
    pthread_barrier_init(&inside->ready, NULL, 2);
    pthread_barrier_init(&inside->closed, NULL, 2);
    if (threaded) {
        pthread_create(&thread, NULL, run_in_thread, inside);
        pthread_barrier_wait(&inside->ready);
    }
    if (policy != NULL && close_policy(inside, policy) < 0)
        _exit(EXIT_SETUP_FAILED);
    if (!threaded)
        _exit(inside->function(&inside->facts, inside->argument));
    pthread_barrier_wait(&inside->closed);
    for (;;)
        ppoll(NULL, 0, NULL, NULL);
}

static void wait_for_end(struct closed_child *child)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, child->pid, 0), .events = POLLIN};

    if (poll(&ended, 1, DEADLINE_MS) == 0) {
        child->timed_out = true;
        kill(child->pid, SIGKILL);
    }
    close(ended.fd);
    waitpid(child->pid, &child->status, 0);
}

void closed_child_run(int flags, closed_child_fn function, void *argument, struct closed_child *ret_child)
{
    struct inside inside = {
        .flags = flags, .function = function, .argument = argument, .facts = {.parent_pid = getpid()}};
    struct policy_program *policy = NULL;
    int record_fd = memfd_create("crash-record", MFD_CLOEXEC), hints[2];

    memset(ret_child, 0, sizeof(*ret_child));
    if (ftruncate(record_fd, CRASH_RECORD_BYTES + (flags & CLOSED_CHILD_AUDIT ? AUDIT_RECORD_BYTES : 0)) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, hints) < 0 ||
        ((flags & CLOSED_CHILD_POLICY) && policy_compile(POLICY_RENDERER, &policy) < 0))
        return;
    inside.facts.record_fd = record_fd;
    ret_child->pid = fork();
    if (ret_child->pid == 0)
        live(&inside, policy, fcntl(record_fd, F_DUPFD_CLOEXEC, 0), hints[1]);
    close(hints[1]);
    wait_for_end(ret_child);
    ret_child->has_record =
        pread(record_fd, &ret_child->record, sizeof(ret_child->record), 0) == sizeof(ret_child->record) &&
        crash_record_validate(&ret_child->record);
    take_counts(flags, record_fd, ret_child);
    ssize_t hint = recv(hints[0], ret_child->hint, sizeof(ret_child->hint), MSG_DONTWAIT);
    ret_child->hint_bytes = hint > 0 ? (size_t)hint : 0;
    close(hints[0]);
    close(record_fd);
    policy_free(policy);
}
