/* The policy from inside: what runs, what is refused, what is reported. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

#include "common/fd.h"
#include "common/policy.h"
#include "tests/support/closed_child.h"

struct call {
    const char *name;
    long number, arguments[6];
};

static long make(const struct call *call)
{
    const long *a = call->arguments;

    return syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Exit status: errno of the call, 0 if it succeeded. */
static int make_call(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    return make(argument) < 0 ? errno : 0;
}

static void assert_reported(const struct closed_child *child, const struct call *call)
{
    if (!WIFSIGNALED(child->status) || WTERMSIG(child->status) != SIGSYS || !child->has_record ||
        child->record.kind != CRASH_SYSCALL || child->record.syscall_number != call->number)
        fail_msg("%s: status %#x, record %d of kind %u for call %d", call->name, child->status, child->has_record,
                 child->record.kind, child->record.syscall_number);
}

static void attacks_end_with_sigsys_and_name_the_call(void **state)
{
    static const char shell[] = "/bin/sh";
    static const struct call attacks[] = {
        {"execve", SYS_execve, {(long)shell}},
        {"execveat", SYS_execveat, {-1, (long)shell}},
        {"socket", SYS_socket, {AF_INET, SOCK_STREAM}},
        {"connect", SYS_connect, {3}},
        {"ptrace", SYS_ptrace, {PTRACE_ATTACH, 1}},
        {"process_vm_readv", SYS_process_vm_readv, {1}},
        {"process_vm_writev", SYS_process_vm_writev, {1}},
        {"kill", SYS_kill, {-1, SIGKILL}},
        {"tkill", SYS_tkill, {1, SIGKILL}},
        {"tgkill of another process", SYS_tgkill, {1, 1, SIGKILL}},
        {"io_uring_setup", SYS_io_uring_setup, {1}},
        {"bpf", SYS_bpf, {0}},
        {"userfaultfd", SYS_userfaultfd, {0}},
        {"perf_event_open", SYS_perf_event_open, {0}},
        {"mount", SYS_mount, {0}},
        {"keyctl", SYS_keyctl, {0}},
        {"setns", SYS_setns, {0, CLONE_NEWNET}},
        {"unshare", SYS_unshare, {CLONE_NEWUSER}},
        {"memfd_create", SYS_memfd_create, {(long)shell}},
        {"prctl", SYS_prctl, {4, 1}},
        {"rt_sigaction", SYS_rt_sigaction, {SIGSYS, 0, 0, 8}},
        {"seccomp", SYS_seccomp, {1, 0, 0}},
        {"openat2", SYS_openat2, {-100, (long)shell}},
        {"open_by_handle_at", SYS_open_by_handle_at, {0}},
        {"pidfd_open", SYS_pidfd_open, {1}},
        {"pidfd_getfd", SYS_pidfd_getfd, {1}},
        {"mmap of executable memory", SYS_mmap, {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
        {"mmap of shared memory of its own",
         SYS_mmap,
         {0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1}},
        {"mmap of a stack",
         SYS_mmap,
         {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN, -1}},
        {"mmap of huge pages",
         SYS_mmap,
         {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1}},
        {"mmap of memory nobody counts", SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
        {"mprotect to memory nobody counts", SYS_mprotect, {0, 4096, PROT_READ}},
        {"mmap of memory out of reach", SYS_mmap, {0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1}},
        {"madvise to merge pages with a neighbour's", SYS_madvise, {0, 4096, MADV_MERGEABLE}},
        {"mprotect to executable", SYS_mprotect, {0, 4096, PROT_EXEC}},
        {"pkey_mprotect", SYS_pkey_mprotect, {0, 4096, PROT_EXEC}},
        {"futex with priority inheritance", SYS_futex, {0, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG}},
        {"futex requeue", SYS_futex, {0, FUTEX_CMP_REQUEUE_PI}},
        {"write elsewhere", SYS_write, {3, 0, 0}},
        {"read", SYS_read, {0, 0, 0}},
        {"writev elsewhere", SYS_writev, {1, 0, 0}},
    };
    struct closed_child child;

    (void)state;
    for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
#ifdef BULKHEAD_SANITIZED
        /* AddressSanitizer needs these: its handlers, and memory of its own. */
        if (attacks[i].number == SYS_rt_sigaction || attacks[i].number == SYS_madvise ||
            strstr(attacks[i].name, "nobody counts") != NULL || strstr(attacks[i].name, "out of reach") != NULL)
            continue;
#endif
        closed_child_run(CLOSED_CHILD_POLICY, make_call, (void *)&attacks[i], &child);
        assert_reported(&child, &attacks[i]);
        for (int a = 0; a < 3; a++)
            assert_int_equal(child.record.syscall_arguments[a], (uint64_t)attacks[i].arguments[a]);
    }
}

static void honest_probes_get_an_errno_and_live(void **state)
{
    static const char path[] = "/etc/passwd";
    static const struct {
        struct call call;
        int error;
    } probes[] = {
        {{"openat", SYS_openat, {-100, (long)path}}, EACCES},
        {{"newfstatat", SYS_newfstatat, {-100, (long)path}}, EACCES},
        {{"statx", SYS_statx, {-100, (long)path}}, EACCES},
        {{"faccessat", SYS_faccessat, {-100, (long)path}}, EACCES},
        {{"readlinkat", SYS_readlinkat, {-100, (long)path}}, EACCES},
        {{"ioctl", SYS_ioctl, {1, 0x5401}}, ENOTTY},
        {{"sysinfo", SYS_sysinfo, {0}}, EPERM},
        {{"mremap", SYS_mremap, {0, 4096, 8192, MREMAP_MAYMOVE}}, ENOMEM},
        {{"clone3", SYS_clone3, {0}}, ENOSYS},
        {{"clone", SYS_clone, {CLONE_NEWUSER | SIGCHLD}}, EPERM},
#ifdef __x86_64__
        {{"open", SYS_open, {(long)path}}, EACCES},
        {{"fork", SYS_fork, {0}}, EPERM},
        {{"vfork", SYS_vfork, {0}}, EPERM},
#endif
    };
    struct closed_child child;

    (void)state;
    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        closed_child_run(CLOSED_CHILD_POLICY, make_call, (void *)&probes[i].call, &child);
        if (!WIFEXITED(child.status) || WEXITSTATUS(child.status) != probes[i].error)
            fail_msg("%s: status %#x", probes[i].call.name, child.status);
        assert_false(child.has_record);
    }
}

static int allocate_lock_and_tell_time(const struct closed_child_inside *inside, void *argument)
{
    struct timespec moment = {.tv_nsec = 1000}, now;
    char *small = malloc(100), *large = malloc(8 << 20);
    int word = 1;

    (void)inside;
    (void)argument;
    if (small == NULL || large == NULL)
        return 1;
    memset(large, 1, 8 << 20);
    large = realloc(large, 32 << 20);
    if (large == NULL)
        return 2;
    if (syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0) < 0 ||
        (syscall(SYS_futex, &word, FUTEX_WAIT, 2, NULL, NULL, 0) < 0 && errno != EAGAIN))
        return 3;
    if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) < 0 || ppoll(NULL, 0, &moment, NULL) != 0)
        return 4;
    if (write(STDERR_FILENO, "", 0) < 0 || syscall(SYS_tgkill, getpid(), gettid(), 0) < 0)
        return 5;
    return 0;
}

static void what_a_renderer_needs_runs(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, allocate_lock_and_tell_time, NULL, &child);
    assert_int_equal(child.status, 0);
}

/* The policy as its readers understand it, written down a second time. */
static int is_answered(const char *name)
{
    static const char *const answered[] = {
        "recvmsg",
        "sendmsg",
        "write",
        "ppoll",
        "close",
        "brk",
        "munmap",
        "mremap",
        "clock_gettime",
        "gettimeofday",
        "restart_syscall",
        "getrandom",
        "rt_sigreturn",
        "rt_sigprocmask",
        "getpid",
        "gettid",
        "exit_group",
        "openat",
        "open",
        "newfstatat",
        "fstat",
        "stat",
        "lstat",
        "statx",
        "access",
        "faccessat",
        "readlink",
        "readlinkat",
        "ioctl",
        "sysinfo",
        "sched_getaffinity",
        "clone3",
        "clone",
        "fork",
        "vfork",
        /* with some arguments */
        "mmap",
        "futex",
        "tgkill",
        "writev",
    };

    for (size_t i = 0; i < sizeof(answered) / sizeof(answered[0]); i++) {
        if (strcmp(name, answered[i]) == 0)
            return 1;
    }
    return 0;
}

/* The kernel's own trampolines for probes: seccomp lets them pass by design (Linux 6.12 on), and called from anywhere
 * else they end in SIGILL. The name is known to libseccomp 2.6 on. */
static bool is_probe_trampoline(const char *name)
{
    return strcmp(name, "uretprobe") == 0 || strcmp(name, "uprobe") == 0;
}

static void every_other_call_with_a_name_is_reported(void **state)
{
    struct closed_child child;
    unsigned reported = 0;

    (void)state;
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: a sanitizer build allows more\n");
    skip();
#endif
    for (int number = 0; number < 600; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        if (name != NULL && !is_answered(name) && !is_probe_trampoline(name)) {
            struct call call = {.name = name, .number = number};
            closed_child_run(CLOSED_CHILD_POLICY, make_call, &call, &child);
            assert_reported(&child, &call);
            reported++;
        }
        free(name);
    }
    assert_true(reported > 250);
}

static void numbers_without_a_name_are_reported(void **state)
{
    struct closed_child child;
    struct call calls[] = {{.name = "one above", .number = 0},
                           {.name = "5000", .number = 5000},
                           {.name = "0x3fffffff", .number = 0x3fffffff},
                           {.name = "-1", .number = -1}};
    int highest = 0;

    (void)state;
    for (int number = 0; number < 1000; number++) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
        highest = name != NULL ? number : highest;
        free(name);
    }
    calls[0].number = highest + 1;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        closed_child_run(CLOSED_CHILD_POLICY, make_call, &calls[i], &child);
        assert_true(WIFSIGNALED(child.status));
        assert_int_equal(WTERMSIG(child.status), SIGSYS);
        assert_true(child.has_record);
        assert_int_equal(child.record.kind, CRASH_SYSCALL);
        assert_int_equal(child.record.syscall_number, calls[i].number);
    }
}

#ifdef __x86_64__
static int call_as_i386(const struct closed_child_inside *inside, void *argument)
{
    long result = 20; /* getpid */

    (void)inside;
    (void)argument;
    __asm__ volatile("int $0x80" : "+a"(result) : "b"(1), "c"(2), "d"(3), "S"(4), "D"(5) : "memory");
    return result == -ENOSYS ? 77 : 1;
}

static void calls_of_a_foreign_architecture_are_reported(void **state)
{
    struct closed_child child;
    struct call x32 = {.name = "x32 getpid", .number = 0x40000000 + SYS_getpid};

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, make_call, &x32, &child);
    assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS);
    assert_true(child.has_record);
    assert_int_equal(child.record.syscall_number, x32.number);
    closed_child_run(0, call_as_i386, NULL, &child);
    if (child.status != 1 << 8) {
        print_message("int 0x80: skipped, this kernel has no i386 calls\n");
        return;
    }
    closed_child_run(CLOSED_CHILD_POLICY, call_as_i386, NULL, &child);
    assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS);
    assert_true(child.has_record);
    assert_int_equal(child.record.syscall_arch, AUDIT_ARCH_I386);
    assert_int_equal(child.record.syscall_number, 20);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(child.record.syscall_arguments[i], i + 1);
}
#endif

static int call_with_sigsys_blocked(const struct closed_child_inside *inside, void *argument)
{
    sigset_t all;

    (void)inside;
    (void)argument;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    return (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
}

static void a_call_with_its_report_blocked_ends_it_unnamed(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, call_with_sigsys_blocked, NULL, &child);
    assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS);
    assert_false(child.has_record);
}

static void a_thread_made_before_is_held_too(void **state)
{
    struct call call = {.name = "socket", .number = SYS_socket, .arguments = {AF_INET}};
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY | CLOSED_CHILD_SECOND_THREAD, make_call, &call, &child);
    assert_reported(&child, &call);
    assert_int_not_equal(child.record.thread_id, child.pid);
}

static int block_sigsys_and_call(const struct closed_child_inside *inside, void *argument)
{
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    return make_call(inside, argument);
}

static void blocking_sigsys_does_not_help(void **state)
{
    struct call call = {.name = "socket", .number = SYS_socket};
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, block_sigsys_and_call, &call, &child);
    assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS);
    assert_false(child.has_record);
}

/* What a renderer could do to a neighbour of the same uid in the same pid namespace. */
static int shoot_parent(const struct closed_child_inside *inside, void *argument)
{
    (void)argument;
    return (int)syscall(SYS_tgkill, inside->parent_pid, inside->parent_pid, SIGKILL);
}

static void a_neighbour_cannot_be_signalled(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, shoot_parent, NULL, &child);
    assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS);
    assert_int_equal(child.record.syscall_number, SYS_tgkill);
    assert_int_equal(child.record.syscall_arguments[0], getpid());
}

static int abort_here(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    (void)argument;
    abort();
}

static void abort_still_ends_with_sigabrt(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, abort_here, NULL, &child);
    assert_true(WIFSIGNALED(child.status));
    assert_int_equal(WTERMSIG(child.status), SIGABRT);
    assert_true(child.has_record);
    assert_int_equal(child.record.kind, CRASH_SIGNAL);
}

static void the_filter_says_that_it_is_there(void **state)
{
    struct policy_program *program;
    char text[128];

    (void)state;
    assert_int_equal(policy_compile(POLICY_RENDERER, &program), 0);
    assert_int_equal(policy_probe(program, text, sizeof(text)), -EPERM);
    assert_non_null(strstr(text, "does not answer"));
    policy_free(program);
}

static int count_fds_before;

static int remember_fds(void **state)
{
    (void)state;
    count_fds_before = fd_count_open();
    return 0;
}

static int assert_nothing_left(void **state)
{
    (void)state;
    assert_int_equal(fd_count_open(), count_fds_before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, remember_fds, assert_nothing_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(attacks_end_with_sigsys_and_name_the_call),
        TEST(honest_probes_get_an_errno_and_live),
        TEST(what_a_renderer_needs_runs),
        TEST(every_other_call_with_a_name_is_reported),
        TEST(numbers_without_a_name_are_reported),
#ifdef __x86_64__
        TEST(calls_of_a_foreign_architecture_are_reported),
#endif
        TEST(a_call_with_its_report_blocked_ends_it_unnamed),
        TEST(a_thread_made_before_is_held_too),
        TEST(blocking_sigsys_does_not_help),
        TEST(a_neighbour_cannot_be_signalled),
        TEST(abort_still_ends_with_sigabrt),
        TEST(the_filter_says_that_it_is_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
