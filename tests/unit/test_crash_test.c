/* Every misbehaviour on purpose, without a cell around it: does it really do what it is called? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "tests/support/fake_engine.h"
#include "tests/support/session_peer.h"

/* Enough for the session, far from enough for a renderer that devours it. */
static const uint64_t MEMORY_LIMIT_BYTES = 96 * 1024 * 1024;
enum { QUIET_MS = 60 };

#ifdef BULKHEAD_SANITIZED
/* The signals themselves are what is tested here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "handle_segv=0:handle_abort=0:handle_sigfpe=0:handle_sigbus=0:handle_sigill=0:use_sigaltstack=0";
}
#endif

static struct session_peer peer;

static int setup(void **state)
{
    (void)state;
    session_peer_start(&peer, 0);
    session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_HELLO, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    session_peer_fini(&peer);
    return 0;
}

static uint64_t order(Bulkhead__CrashTest__Kind kind)
{
    Bulkhead__CrashTest message = BULKHEAD__CRASH_TEST__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    message.kind = kind;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_CRASH_TEST;
    envelope.crash_test = &message;
    return session_peer_request(&peer, &envelope, -1);
}

static void assert_killed_by(Bulkhead__CrashTest__Kind kind, int expected)
{
    int status;

    order(kind);
    status = session_peer_wait(&peer);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), expected);
}

static void a_wild_write_ends_by_sigsegv(void **state)
{
    (void)state;
    assert_killed_by(BULKHEAD__CRASH_TEST__KIND__WILD_WRITE, SIGSEGV);
}

static void an_abort_ends_by_sigabrt(void **state)
{
    (void)state;
    assert_killed_by(BULKHEAD__CRASH_TEST__KIND__ABORT, SIGABRT);
}

static void a_stack_overflow_ends_by_sigsegv(void **state)
{
    (void)state;
    assert_killed_by(BULKHEAD__CRASH_TEST__KIND__STACK_OVERFLOW, SIGSEGV);
}

static void a_call_of_null_ends_by_sigsegv(void **state)
{
    (void)state;
    assert_killed_by(BULKHEAD__CRASH_TEST__KIND__NULL_CALL, SIGSEGV);
}

static void a_lost_stack_ends_by_sigsegv(void **state)
{
    (void)state;
    assert_killed_by(BULKHEAD__CRASH_TEST__KIND__CRASH_IN_HANDLER, SIGSEGV);
}

static void a_division_by_zero_ends_by_its_signal(void **state)
{
    (void)state;
#if defined(__x86_64__) || defined(__i386__)
    assert_killed_by(BULKHEAD__CRASH_TEST__KIND__DIVIDE_BY_ZERO, SIGFPE);
#else
    assert_killed_by(BULKHEAD__CRASH_TEST__KIND__DIVIDE_BY_ZERO, SIGTRAP);
#endif
}

static void an_unexpected_exit_looks_clean(void **state)
{
    int status;

    (void)state;
    order(BULKHEAD__CRASH_TEST__KIND__UNEXPECTED_EXIT);
    status = session_peer_wait(&peer);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_hang_is_busy_without_getting_on(void **state)
{
    uint64_t request = order(BULKHEAD__CRASH_TEST__KIND__HANG), beat;
    const Bulkhead__Pong *pong;

    (void)state;
    do {
        pong = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, session_peer_ping(&peer))->pong;
    } while (pong->busy_request_id != request);
    beat = pong->beat;
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
    pong = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, session_peer_ping(&peer))->pong;
    assert_int_equal(pong->busy_request_id, request);
    assert_int_equal(pong->beat, beat);
}

static void memory_that_runs_out_ends_with_its_own_status(void **state)
{
    int status;

    (void)state;
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: a sanitizer build has no memory limit\n");
    skip();
#endif
    session_peer_fini(&peer);
    session_peer_start(&peer, MEMORY_LIMIT_BYTES);
    order(BULKHEAD__CRASH_TEST__KIND__OUT_OF_MEMORY);
    status = session_peer_wait(&peer);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 86);
}

static void a_syscall_that_nobody_forbids_is_told_as_survived(void **state)
{
    (void)state;
    session_peer_expect_error(&peer, order(BULKHEAD__CRASH_TEST__KIND__FORBIDDEN_SYSCALL),
                              BULKHEAD__ERROR__CODE__REFUSED);
}

static void a_bad_message_is_a_violation(void **state)
{
    struct channel_message message;
    uint64_t until_ms = clock_now_ms() + SESSION_PEER_DEADLINE_MS;
    int result;

    (void)state;
    order(BULKHEAD__CRASH_TEST__KIND__BAD_MESSAGE);
    do {
        result = channel_receive(peer.channel, &message);
    } while ((result == CHANNEL_EMPTY || result == CHANNEL_OK) && clock_now_ms() < until_ms);
    assert_int_equal(result, CHANNEL_VIOLATION);
    assert_int_equal(channel_violation(peer.channel), VIOLATION_OVERSIZED_MESSAGE);
}

static void who_stops_reading_answers_no_ping(void **state)
{
    (void)state;
    order(BULKHEAD__CRASH_TEST__KIND__STOP_READING);
    session_peer_ping(&peer);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
    assert_int_equal(kill(peer.pid, 0), 0);
}

static void who_stops_itself_is_stopped(void **state)
{
    siginfo_t info = {0};

    (void)state;
    order(BULKHEAD__CRASH_TEST__KIND__STOP_SELF);
    assert_int_equal(waitid(P_PID, (id_t)peer.pid, &info, WSTOPPED | WNOWAIT), 0);
    assert_int_equal(info.si_code, CLD_STOPPED);
}

static void a_flood_goes_on_as_long_as_somebody_reads(void **state)
{
    (void)state;
    order(BULKHEAD__CRASH_TEST__KIND__FLOOD);
    for (int i = 0; i < 50000; i++)
        assert_int_equal(session_peer_next(&peer)->message_case, BULKHEAD__TO_BROKER__MESSAGE_LOG);
}

/* The paint thread stands at a full socket; the main thread must not. */
static void a_flood_that_nobody_reads_can_still_be_ended(void **state)
{
    Bulkhead__Shutdown shutdown = BULKHEAD__SHUTDOWN__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    siginfo_t info = {0};

    (void)state;
    order(BULKHEAD__CRASH_TEST__KIND__FLOOD);
    session_peer_next(&peer);
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN;
    envelope.shutdown = &shutdown;
    session_peer_tell(&peer, &envelope, -1);
    assert_int_equal(waitid(P_PID, (id_t)peer.pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(info.si_code, CLD_EXITED);
    assert_int_equal(info.si_status, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_wild_write_ends_by_sigsegv),
        CASE(an_abort_ends_by_sigabrt),
        CASE(a_stack_overflow_ends_by_sigsegv),
        CASE(a_call_of_null_ends_by_sigsegv),
        CASE(a_lost_stack_ends_by_sigsegv),
        CASE(a_division_by_zero_ends_by_its_signal),
        CASE(an_unexpected_exit_looks_clean),
        CASE(a_hang_is_busy_without_getting_on),
        CASE(memory_that_runs_out_ends_with_its_own_status),
        CASE(a_syscall_that_nobody_forbids_is_told_as_survived),
        CASE(a_bad_message_is_a_violation),
        CASE(who_stops_reading_answers_no_ping),
        CASE(who_stops_itself_is_stopped),
        CASE(a_flood_goes_on_as_long_as_somebody_reads),
        CASE(a_flood_that_nobody_reads_can_still_be_ended),
    };

    fake_engine_url(""); /* chooses the engine */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
