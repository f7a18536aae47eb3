/* Counting calls from inside: everything behaves as without it, and what was needed is known afterwards; and the check
 * made of it can fail. */
#include <errno.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd.h"
#include "tests/support/check_policy.h"
#include "tests/support/closed_child.h"
#include "tests/support/leaks.h"

enum { AUDITED = CLOSED_CHILD_POLICY | CLOSED_CHILD_AUDIT };

static uint64_t count_of(const struct closed_child *child, const char *call)
{
    uint64_t count = 0;

    for (size_t i = 0; i < policy_row_count; i++) {
        if (policy_row_is_for(&policy_rows[i], POLICY_RENDERER) && strcmp(policy_rows[i].call, call) == 0)
            count += child->counts.rows[i];
    }
    return count;
}

static int call_a_few(const struct closed_child_inside *inside, void *argument)
{
    int word = 1;

    (void)argument;
    (void)inside;
    for (int i = 0; i < 3; i++) {
        if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0) != -1 || errno != EAGAIN)
            return 1;
    }
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || munmap(memory, 4096) != 0)
        return 2;
    return syscall(SYS_openat, -100, "/etc/passwd", 0) == -1 && errno == EACCES ? 0 : 3;
}

static void calls_are_counted_by_row_and_do_what_they_did(void **state)
{
    struct closed_child child;

    for (int threads = 0; threads < 2; threads++) {
        closed_child_run(AUDITED | (threads ? CLOSED_CHILD_SECOND_THREAD : 0), call_a_few, NULL, &child);
        assert_int_equal(child.status, 0);
        assert_true(count_of(&child, "futex") >= 3);
        assert_true(count_of(&child, "mmap") >= 1);
        assert_int_equal(count_of(&child, "munmap"), 1);
        assert_int_equal(count_of(&child, "openat"), 1);
        assert_int_equal(count_of(&child, "exit_group"), 1);
        assert_false(child.has_record);
    }
    (void)state;
}

static int call_socket(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    (void)argument;
    return (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 7);
}

static void a_refused_call_ends_as_ever_and_is_counted(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(AUDITED, call_socket, NULL, &child);
    assert_true(WIFSIGNALED(child.status));
    assert_int_equal(WTERMSIG(child.status), SIGSYS);
    assert_true(child.has_record);
    assert_int_equal(child.record.kind, CRASH_SYSCALL);
    assert_int_equal(child.record.syscall_number, SYS_socket);
    assert_int_equal(child.record.syscall_arguments[2], 7);
    assert_true(child.record.frame_count > 1);
    assert_int_equal(child.counts.others[SYS_socket], 1);
}

static int call_without_name(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    (void)argument;
    return (int)syscall(9999);
}

static void a_number_without_a_name_is_reported(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(AUDITED, call_without_name, NULL, &child);
    assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS);
    assert_true(child.has_record);
    assert_int_equal(child.record.syscall_number, 9999);
}

#ifdef __x86_64__
/* As a native call the number would be writev, which is allowed. */
static int call_as_i386(const struct closed_child_inside *inside, void *argument)
{
    long result = 20;

    (void)inside;
    (void)argument;
    __asm__ volatile("int $0x80" : "+a"(result)::"memory");
    return result == -ENOSYS ? 77 : 1;
}

static void a_call_of_a_foreign_architecture_is_not_made(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(0, call_as_i386, NULL, &child);
    if (child.status != 1 << 8) {
        print_message("skipped: this kernel has no i386 calls\n");
        return;
    }
    closed_child_run(AUDITED, call_as_i386, NULL, &child);
    assert_true(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGSYS);
    assert_true(child.has_record);
    assert_int_equal(child.record.syscall_arch, AUDIT_ARCH_I386);
    assert_int_equal(count_of(&child, "writev"), 0);
}
#endif

static int change_mask(const struct closed_child_inside *inside, void *argument)
{
    sigset_t all, old;

    (void)inside;
    (void)argument;
    sigfillset(&all);
    if (sigprocmask(SIG_SETMASK, &all, &old) != 0 || sigismember(&old, SIGUSR1) || sigprocmask(0, NULL, &old) != 0)
        return 1;
    if (!sigismember(&old, SIGUSR1) || !sigismember(&old, SIGTERM))
        return 2;
    sigemptyset(&all);
    sigaddset(&all, SIGTERM);
    if (sigprocmask(SIG_UNBLOCK, &all, NULL) != 0 || sigprocmask(0, NULL, &old) != 0)
        return 3;
    return sigismember(&old, SIGUSR1) && !sigismember(&old, SIGTERM) ? 0 : 4;
}

static void a_changed_signal_mask_outlives_the_handler(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(AUDITED, change_mask, NULL, &child);
    assert_int_equal(child.status, 0);
    assert_int_equal(count_of(&child, "rt_sigprocmask"), 4);
}

static int wait_interrupted(const struct closed_child_inside *inside, void *argument)
{
    struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};

    (void)inside;
    (void)argument;
    if (syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2) != 0)
        return 1;
    return ppoll(NULL, 0, &moment, NULL) == 0 ? 0 : 2;
}

static void a_stack_can_be_asked_for(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(AUDITED | CLOSED_CHILD_STACK_SAMPLES, wait_interrupted, NULL, &child);
    assert_int_equal(child.status, 0);
    assert_true(child.has_record);
    assert_int_equal(child.record.kind, CRASH_STACK_SAMPLE);
}

static int crash(const struct closed_child_inside *inside, void *argument)
{
    volatile int *volatile where = argument;

    (void)inside;
    *where = 1;
    return 0;
}

static void a_crash_stays_a_crash(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(AUDITED, crash, (void *)(uintptr_t)16, &child);
    assert_true(WIFSIGNALED(child.status));
    assert_int_equal(WTERMSIG(child.status), SIGSEGV);
    assert_true(child.has_record);
    assert_int_equal(child.record.fault_address, 16);
}

/* What a heap overflow in a parser comes to: glibc says a last word and aborts. */
static int corrupt_the_heap(const struct closed_child_inside *inside, void *argument)
{
    char *memory = malloc(5000);
    char *volatile wrong = memory + 8;

    (void)inside;
    (void)argument;
    free(wrong);
    return 0;
}

static void last_words_are_written_before_an_abort(void **state)
{
    struct closed_child child;

    (void)state;
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: the sanitizer's malloc says other words\n");
    skip();
#endif
    closed_child_run(AUDITED | CLOSED_CHILD_LOG, corrupt_the_heap, NULL, &child);
    assert_true(WIFSIGNALED(child.status));
    assert_int_equal(WTERMSIG(child.status), SIGABRT);
    assert_int_equal(count_of(&child, "writev"), 1);
}

/* The check, on a table and logs of its own. */
static const struct policy_row table[] = {
    {"recvmsg", SYS_recvmsg, 1u << POLICY_RENDERER, .why = "needed"},
    {"madvise", SYS_madvise, 1u << POLICY_RENDERER, .why = "was needed once"},
    {"getpid", SYS_getpid, 1u << POLICY_RENDERER, .why = "elsewhere", .absence = POLICY_OTHER_SYSTEM},
    {"sendmsg", SYS_sendmsg, 1u << POLICY_INIT, .why = "nobody's concern"},
};

static int check(const char *honest_log, const char *tests_log, bool is_debian_12, char **ret_text)
{
    const struct check_policy_host host = {.is_debian_12 = is_debian_12, .vdso_reads_clock = true};
    FILE *honest = fmemopen((void *)(uintptr_t)honest_log, strlen(honest_log), "r");
    FILE *tests = fmemopen((void *)(uintptr_t)tests_log, strlen(tests_log), "r");
    size_t size;
    FILE *out = open_memstream(ret_text, &size);
    int findings = check_policy(table, sizeof(table) / sizeof(table[0]), &host, honest, tests, out);

    fclose(honest);
    fclose(tests);
    fclose(out);
    return findings;
}

static void assert_found(const char *honest, const char *tests, bool is_debian_12, int findings, const char *words)
{
    char *text = NULL;

    assert_int_equal(check(honest, tests, is_debian_12, &text), findings);
    if (words != NULL && strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, text);
    free(text);
}

static void the_check_finds_what_is_never_needed_or_not_allowed(void **state)
{
    static const char good[] = "row 0 recvmsg 5\nrow 1 madvise 1\n", tests[] = "row 0 recvmsg 1\nother 41 socket 1\n";

    (void)state;
    assert_found(good, tests, true, 0, NULL);
    assert_found("row 0 recvmsg 5\n", tests, true, 1, "never needed: madvise (was needed once)");
    assert_found("row 0 recvmsg 5\nrow 1 madvise 1\nother 25 mremap 2\n", tests, true, 1,
                 "needed and not allowed: mremap, 2 times ({CALL(mremap), RENDERER, .why = \"WHY\"},");
    assert_found("row 0 recvmsg 5\nrow 1 madvise 1\nother 41 socket 1\n", tests, true, 1, "not allowed: socket");
    assert_found(good, "row 2 getpid 1\n", true, 1, "although the table says \"not seen with Debian 12's");
    assert_found(good, "row 2 getpid 1\n", false, 0, NULL);
    assert_found(good, tests, true, 0, "2 of the renderer's 3 rows seen\nexcused, \"not seen with Debian 12's");
    assert_found(good, tests, true, 0, "\", 1 row: getpid\n");
    assert_found(good, "row 1 recvmsg 1\n", true, -EBADMSG, NULL);
    assert_found(good, "\n", true, -EBADMSG, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, leaks_remember, leaks_assert_none)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_are_counted_by_row_and_do_what_they_did),
        TEST(a_refused_call_ends_as_ever_and_is_counted),
        TEST(a_number_without_a_name_is_reported),
#ifdef __x86_64__
        TEST(a_call_of_a_foreign_architecture_is_not_made),
#endif
        TEST(a_changed_signal_mask_outlives_the_handler),
        TEST(a_stack_can_be_asked_for),
        TEST(a_crash_stays_a_crash),
        TEST(last_words_are_written_before_an_abort),
        TEST(the_check_finds_what_is_never_needed_or_not_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
