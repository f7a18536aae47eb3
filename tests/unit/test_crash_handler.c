/* What a dying process manages to say, and that it always dies of what it died of. Every case runs under the policy, as
 * a renderer would. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/codec.h"
#include "common/fd.h"
#include "renderer/crash_handler.h"
#include "tests/support/closed_child.h"
#include "tests/support/leaks.h"

#define NO_SANITIZE __attribute__((no_sanitize("address", "undefined"), noinline))

enum { ENDED_WELL = 0 };

static void assert_signal(const struct closed_child *child, int number)
{
    assert_false(child->timed_out);
    if (!WIFSIGNALED(child->status) || WTERMSIG(child->status) != number)
        fail_msg("status %#x instead of signal %d", child->status, number);
}

static void assert_claims_signal(const struct closed_child *child, int number)
{
    assert_signal(child, number);
    assert_true(child->has_record);
    assert_int_equal(child->record.kind, CRASH_SIGNAL);
    assert_int_equal(child->record.signal, number);
}

static NO_SANITIZE int write_wildly(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    crash_handler_step("painting");
    *(volatile int *)argument = 1;
    return ENDED_WELL;
}

static bool has_frame_in(const struct crash_record *record, const void *function)
{
    uintptr_t start = (uintptr_t)function;

    for (uint32_t i = 0; i < record->frame_count; i++) {
        if (record->frames[i] >= start && record->frames[i] < start + 512)
            return true;
    }
    return false;
}

/* What an unwinder has to go by where a frame walk cannot see: libc keeps no frame pointers. */
static bool has_return_into(const struct crash_record *record, const void *function)
{
    uintptr_t start = (uintptr_t)function, word;

    for (size_t at = 0; at + sizeof(word) <= record->stack_count; at += sizeof(word)) {
        memcpy(&word, record->stack + at, sizeof(word));
        if (word >= start && word < start + 512)
            return true;
    }
    return false;
}

static void a_wild_write_tells_address_registers_stack_and_step(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, write_wildly, (void *)0x10, &child);
    assert_claims_signal(&child, SIGSEGV);
    assert_int_equal(child.record.code, SEGV_MAPERR);
    assert_int_equal(child.record.fault_address, 0x10);
    assert_string_equal(child.record.note, "painting");
    assert_int_equal(child.record.thread_id, child.pid);
    assert_true(has_frame_in(&child.record, write_wildly));
    assert_int_equal(child.record.frames[0], child.record.instruction_pointer);
    assert_in_range(child.record.frame_count, 2, CRASH_FRAMES);
    assert_int_equal(child.record.code_count, CRASH_CODE_BYTES);
    assert_memory_equal(child.record.code_bytes, (void *)(uintptr_t)child.record.instruction_pointer, CRASH_CODE_BYTES);
    assert_in_range(child.record.stack_count, 512, CRASH_STACK_BYTES);
    assert_int_equal(child.record.stack_start, child.record.stack_pointer);
#ifdef __x86_64__
    assert_int_equal(child.record.register_count, 17);
    assert_int_equal(child.record.registers[7], child.record.stack_pointer);
    assert_int_equal(child.record.registers[16], child.record.instruction_pointer);
#endif
}

static void the_hint_is_one_honest_frame_of_the_channel(void **state)
{
    struct closed_child child;
    struct codec_arena arena;
    ProtobufCMessage *envelope;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, write_wildly, (void *)0x10, &child);
    assert_true(child.hint_bytes > 4);
    assert_int_equal(child.hint[0], child.hint_bytes - 4);
    assert_int_equal(child.hint[1] | child.hint[2] | child.hint[3], 0);
    assert_int_equal(codec_arena_init(&arena), 0);
    assert_int_equal(codec_unpack(&codec_to_broker, &arena, child.hint + 4, child.hint_bytes - 4, &envelope),
                     VIOLATION_NONE);
    assert_int_equal(codec_type_of(envelope), BULKHEAD__TO_BROKER__MESSAGE_CRASHING);
    codec_arena_fini(&arena);
}

static NO_SANITIZE int call_address(const struct closed_child_inside *inside, void *argument)
{
    void (*volatile function)(void);

    (void)inside;
    memcpy((void *)&function, &argument, sizeof(argument));
    function();
    return ENDED_WELL;
}

static void a_call_to_nowhere_names_its_caller(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, call_address, NULL, &child);
    assert_claims_signal(&child, SIGSEGV);
    assert_int_equal(child.record.instruction_pointer, 0);
    assert_int_equal(child.record.code_count, 0);
    assert_true(has_frame_in(&child.record, call_address));
}

#ifdef __x86_64__
static void an_address_the_processor_refuses_is_a_fault_as_well(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, write_wildly, (void *)0x4141414141414141, &child);
    assert_claims_signal(&child, SIGSEGV);
    assert_int_equal(child.record.code, SI_KERNEL);
}

static int lose_the_stack(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    __asm__ volatile("mov %0, %%rsp; push %%rax" ::"r"(argument));
    return ENDED_WELL;
}

static void a_wild_stack_pointer_is_not_followed(void **state)
{
    const uintptr_t wild[] = {0, 0x1000, 0x4141414141414140, ~(uintptr_t)7};
    struct closed_child child;

    (void)state;
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        closed_child_run(CLOSED_CHILD_POLICY, lose_the_stack, (void *)wild[i], &child);
        assert_true(WIFSIGNALED(child.status));
        assert_true(child.has_record);
        assert_int_equal(child.record.stack_count, 0);
        assert_int_equal(child.record.stack_pointer, wild[i]);
    }
}

static int lose_the_frame(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    __asm__ volatile("mov %0, %%rbp; movl $1, 0x10" ::"r"(argument));
    return ENDED_WELL;
}

static void a_wild_frame_pointer_ends_the_walk(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, lose_the_frame, (void *)0x4141414141414140, &child);
    assert_claims_signal(&child, SIGSEGV);
    assert_int_equal(child.record.frame_count, 1);
    assert_true(child.record.stack_count > 0);
}

static int trap(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    (void)argument;
    __asm__ volatile("int3");
    return 5;
}

static void a_breakpoint_ends_with_sigtrap(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, trap, NULL, &child);
    assert_claims_signal(&child, SIGTRAP);
}

static int execute_nonsense(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    (void)argument;
    __asm__ volatile("ud2");
    return ENDED_WELL;
}

static int divide(const struct closed_child_inside *inside, void *argument)
{
    int zero = argument != NULL, result = 1;

    (void)inside;
    __asm__ volatile("cltd; idivl %1" : "+a"(result) : "r"(zero) : "edx");
    return result;
}

static void illegal_instruction_and_division_keep_their_signals(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, execute_nonsense, NULL, &child);
    assert_claims_signal(&child, SIGILL);
    closed_child_run(CLOSED_CHILD_POLICY, divide, NULL, &child);
    assert_claims_signal(&child, SIGFPE);
    assert_int_equal(child.record.code, FPE_INTDIV);
}
#endif

static int read_past_the_end_of_a_file(const struct closed_child_inside *inside, void *argument)
{
    long offset = (CRASH_RECORD_BYTES + 4095) / 4096 * 4096;
    char *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, inside->record_fd, offset);

    (void)argument;
    return memory == MAP_FAILED ? 98 : *(volatile char *)memory;
}

static void reading_past_the_end_of_a_file_is_sigbus(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, read_past_the_end_of_a_file, NULL, &child);
    assert_claims_signal(&child, SIGBUS);
    assert_int_equal(child.record.code, BUS_ADRERR);
}

static NO_SANITIZE int descend(volatile char *from, int depth)
{
    volatile char room[512];

    room[0] = (char)depth;
    if (depth < 0 || from == NULL)
        return room[0];
    return descend(room, depth + 1) + room[0];
}

static int overflow(const struct closed_child_inside *inside, void *argument)
{
    char here = 0;

    (void)inside;
    (void)argument;
    return descend(&here, 0);
}

static void stack_overflow_is_reported_from_any_thread(void **state)
{
    static const int flags[] = {CLOSED_CHILD_POLICY, CLOSED_CHILD_POLICY | CLOSED_CHILD_SECOND_THREAD};
    struct closed_child child;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        closed_child_run(flags[i], overflow, NULL, &child);
        assert_claims_signal(&child, SIGSEGV);
        assert_int_equal(child.record.frame_count, CRASH_FRAMES);
        assert_true(has_frame_in(&child.record, descend));
        assert_int_equal(child.record.stack_count, CRASH_STACK_BYTES);
        assert_int_equal(child.record.thread_id == child.pid, i == 0);
    }
}

static int abort_here(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    (void)argument;
    abort();
}

static void abort_is_recorded_and_ends_with_sigabrt(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, abort_here, NULL, &child);
    assert_claims_signal(&child, SIGABRT);
    assert_true(has_return_into(&child.record, abort_here));
    closed_child_run(CLOSED_CHILD_POLICY | CLOSED_CHILD_SECOND_THREAD, abort_here, NULL, &child);
    assert_claims_signal(&child, SIGABRT);
    assert_int_not_equal(child.record.thread_id, child.pid);
}

static int send_to_self(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    syscall(SYS_tgkill, getpid(), gettid(), (int)(intptr_t)argument);
    return 5;
}

/* A signal that was sent would not come again by itself. */
static void a_fatal_signal_that_was_sent_ends_the_process_with_it(void **state)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    struct closed_child child;

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        closed_child_run(CLOSED_CHILD_POLICY, send_to_self, (void *)(intptr_t)numbers[i], &child);
        assert_claims_signal(&child, numbers[i]);
        assert_int_equal(child.record.code, SI_TKILL);
    }
    closed_child_run(CLOSED_CHILD_POLICY, send_to_self, (void *)(intptr_t)SIGSYS, &child);
    assert_signal(&child, SIGSYS);
}

/* The handler's own write into the record faults: its memory is gone. */
static NO_SANITIZE int crash_twice(const struct closed_child_inside *inside, void *argument)
{
    void *volatile nowhere = (void *)0x10;

    (void)argument;
    if (ftruncate(inside->record_fd, 0) < 0)
        return 98;
    *(volatile int *)nowhere = 1;
    return ENDED_WELL;
}

static void a_crash_inside_the_handler_ends_it_at_once(void **state)
{
    struct closed_child child;

    (void)state;
    /* Without the policy: it would not let anyone truncate. */
    closed_child_run(0, crash_twice, NULL, &child);
    assert_signal(&child, SIGBUS);
    assert_false(child.has_record);
    closed_child_run(CLOSED_CHILD_SECOND_THREAD, crash_twice, NULL, &child);
    assert_signal(&child, SIGBUS);
}

static void a_thread_nobody_prepared_is_reported_without_its_stack(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY | CLOSED_CHILD_SECOND_THREAD | CLOSED_CHILD_NO_THREAD_INIT, write_wildly,
                     (void *)0x10, &child);
    assert_claims_signal(&child, SIGSEGV);
    assert_int_equal(child.record.stack_count, 0);
    assert_int_equal(child.record.frame_count, 1);
}

static int sample_then_crash(const struct closed_child_inside *inside, void *argument)
{
    crash_handler_step("layout");
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2);
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR2);
    return argument == NULL ? 3 : write_wildly(inside, argument);
}

static void a_stack_sample_returns_and_leaves_the_process_alone(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY | CLOSED_CHILD_STACK_SAMPLES, sample_then_crash, NULL, &child);
    assert_true(WIFEXITED(child.status));
    assert_int_equal(WEXITSTATUS(child.status), 3);
    assert_true(child.has_record);
    assert_int_equal(child.record.kind, CRASH_STACK_SAMPLE);
    assert_string_equal(child.record.note, "layout");
    assert_true(has_return_into(&child.record, sample_then_crash));
    assert_int_equal(child.hint_bytes, 0);
}

static void a_crash_replaces_an_earlier_sample(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY | CLOSED_CHILD_STACK_SAMPLES | CLOSED_CHILD_SECOND_THREAD, sample_then_crash,
                     (void *)0x10, &child);
    assert_claims_signal(&child, SIGSEGV);
    assert_int_equal(child.record.fault_address, 0x10);
    assert_string_equal(child.record.note, "painting");
}

static int run_out_of_memory(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    crash_handler_out_of_memory((uintptr_t)argument);
}

static void out_of_memory_is_an_exit_with_a_record(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY, run_out_of_memory, (void *)(1ul << 40), &child);
    assert_true(WIFEXITED(child.status));
    assert_int_equal(WEXITSTATUS(child.status), 86);
    assert_true(child.has_record);
    assert_int_equal(child.record.kind, CRASH_OUT_OF_MEMORY);
    assert_int_equal(child.record.requested_bytes, 1ul << 40);
    assert_true(has_frame_in(&child.record, crash_handler_out_of_memory));
    assert_true(has_frame_in(&child.record, run_out_of_memory));
    assert_true(child.record.stack_count > 0);
}

static NO_SANITIZE void *crash_in_thread(void *barrier)
{
    void *volatile nowhere = (void *)0x18;

    crash_handler_thread_init(0);
    pthread_barrier_wait(barrier);
    *(volatile int *)nowhere = 1;
    return NULL;
}

static NO_SANITIZE int crash_together(const struct closed_child_inside *inside, void *argument)
{
    pthread_barrier_t barrier;
    pthread_t thread;

    (void)inside;
    (void)argument;
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&thread, NULL, crash_in_thread, &barrier);
    pthread_barrier_wait(&barrier);
    abort();
}

static void two_threads_that_crash_together_end_with_one_true_signal(void **state)
{
    struct closed_child child;

    (void)state;
    for (int i = 0; i < 20; i++) {
        closed_child_run(0, crash_together, NULL, &child);
        assert_false(child.timed_out);
        assert_true(WIFSIGNALED(child.status));
        assert_true(WTERMSIG(child.status) == SIGSEGV || WTERMSIG(child.status) == SIGABRT);
        assert_true(child.has_record);
        assert_int_equal(child.record.signal, WTERMSIG(child.status));
    }
}

static int forbidden(const struct closed_child_inside *inside, void *argument)
{
    (void)inside;
    (void)argument;
    return (int)syscall(SYS_socket, 1, 2, 3);
}

static void a_refused_call_names_number_arguments_and_caller(void **state)
{
    struct closed_child child;

    (void)state;
    closed_child_run(CLOSED_CHILD_POLICY | CLOSED_CHILD_SECOND_THREAD, forbidden, NULL, &child);
    assert_signal(&child, SIGSYS);
    assert_true(child.has_record);
    assert_int_equal(child.record.kind, CRASH_SYSCALL);
    assert_int_equal(child.record.syscall_number, SYS_socket);
    for (int i = 0; i < 3; i++)
        assert_int_equal(child.record.syscall_arguments[i], i + 1);
    assert_true(child.hint_bytes > 0);
    assert_true(child.record.stack_count > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, leaks_remember, leaks_assert_none)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_wild_write_tells_address_registers_stack_and_step),
        TEST(the_hint_is_one_honest_frame_of_the_channel),
        TEST(a_call_to_nowhere_names_its_caller),
#ifdef __x86_64__
        TEST(an_address_the_processor_refuses_is_a_fault_as_well),
        TEST(a_wild_stack_pointer_is_not_followed),
        TEST(a_wild_frame_pointer_ends_the_walk),
        TEST(a_breakpoint_ends_with_sigtrap),
        TEST(illegal_instruction_and_division_keep_their_signals),
#endif
        TEST(reading_past_the_end_of_a_file_is_sigbus),
        TEST(stack_overflow_is_reported_from_any_thread),
        TEST(abort_is_recorded_and_ends_with_sigabrt),
        TEST(a_fatal_signal_that_was_sent_ends_the_process_with_it),
        TEST(a_crash_inside_the_handler_ends_it_at_once),
        TEST(a_thread_nobody_prepared_is_reported_without_its_stack),
        TEST(a_stack_sample_returns_and_leaves_the_process_alone),
        TEST(a_crash_replaces_an_earlier_sample),
        TEST(out_of_memory_is_an_exit_with_a_record),
        TEST(two_threads_that_crash_together_end_with_one_true_signal),
        TEST(a_refused_call_names_number_arguments_and_caller),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
