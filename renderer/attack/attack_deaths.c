/* Ends of every kind, by a fault of its own making; most are those of the crash tests, for which see crash_test.c. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "renderer/attack/attacker.h"
#include "renderer/crash_context.h"
#include "renderer/crash_test.h"
#include "renderer/paint_thread_private.h"

static bool crash_as(struct attacker *self, Bulkhead__CrashTest__Kind kind)
{
    struct paint_thread *thread = self->thread;

    crash_test_run(kind, thread->channel);
    return false;
}

#define CRASH(function, kind)                                                                                          \
    static bool function(struct attacker *self)                                                                        \
    {                                                                                                                  \
        return crash_as(self, BULKHEAD__CRASH_TEST__KIND__##kind);                                                     \
    }
CRASH(null_write, WILD_WRITE)
CRASH(null_call, NULL_CALL)
CRASH(aborts, ABORT)
CRASH(stack_overflow, STACK_OVERFLOW)
CRASH(divides_by_zero, DIVIDE_BY_ZERO)
CRASH(crash_in_handler, CRASH_IN_HANDLER)
CRASH(infinite_loop, HANG)
CRASH(stops_itself, STOP_SELF)
CRASH(allocates_for_ever, OUT_OF_MEMORY)
#undef CRASH

static bool illegal_instruction(struct attacker *self)
{
    (void)self;
    __builtin_trap();
}

/* A signal sent rather than earned: the policy lets a process signal itself. */
static bool bus_error(struct attacker *self)
{
    (void)self;
    syscall(SYS_tgkill, getpid(), gettid(), SIGBUS);
    return false;
}

/* A free chunk with a wild pointer: the next malloc follows it while it holds the arena's lock. What runs then must
 * not allocate. Volatile, or the compiler leaves out what it can prove to be of no use. */
static bool crash_in_malloc(struct attacker *self)
{
    enum { LARGE = 4000, LARGER = 9000 };
    volatile uintptr_t chunk = (uintptr_t)malloc(LARGE);
    void *barrier = malloc(LARGE); /* so that what is freed does not join what was never given out */
    void *volatile next;

    (void)self;
    free((void *)chunk);
    ((void *volatile *)chunk)[1] = (void *)0xdead0000; // NOLINT(clang-analyzer-unix.Malloc): it is meant to
    next = malloc(LARGER);
    free(next);
    free(barrier);
    return false;
}

/* Nobody answers pings any more, for the main thread stands at this lock. */
static bool stops_reading(struct attacker *self)
{
    struct paint_thread *thread = self->thread;

    attacker_say_info(self, self->navigate_id, ATTACKER_PAGES, "", 0);
    session_channel_seize(thread->channel);
    attacker_sleep();
}

/* Pings are answered; the engine never gets on. */
static bool sleeps(struct attacker *self)
{
    (void)self;
    attacker_sleep();
}

static bool closes_channel(struct attacker *self)
{
    close(self->fd);
    attacker_sleep();
}

/* Not credible: counts out of range. */
static bool record_absurd(struct attacker *self)
{
    attacker_forge(self, CRASH_OUT_OF_MEMORY, 0)->frame_count = 1u << 31;
    _exit(86);
}

/* Another call than the one that is its end, in words that would act on a terminal; with SIGSYS blocked, or the handler
 * would write the truth over it. */
static bool record_other_call(struct attacker *self)
{
    struct crash_record *record = attacker_forge(self, CRASH_SYSCALL, SIGSYS);
    sigset_t all;

    record->syscall_number = 0;
    record->syscall_arch = CRASH_OWN_ARCH;
    memset(record->note, 033, sizeof record->note);
    sigfillset(&all);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 8);
    syscall(9999);
    return false;
}

const struct attack attack_deaths[] = {
    {"null-write", ATTACK_AT_NAVIGATE, null_write},
    {"null-call", ATTACK_AT_NAVIGATE, null_call},
    {"abort", ATTACK_AT_NAVIGATE, aborts},
    {"stack-overflow", ATTACK_AT_NAVIGATE, stack_overflow},
    {"divide-by-zero", ATTACK_AT_NAVIGATE, divides_by_zero},
    {"illegal-instruction", ATTACK_AT_NAVIGATE, illegal_instruction},
    {"bus-error", ATTACK_AT_NAVIGATE, bus_error},
    {"crash-in-malloc", ATTACK_AT_NAVIGATE, crash_in_malloc},
    {"crash-in-handler", ATTACK_AT_NAVIGATE, crash_in_handler},
    {"crash-repeatedly", ATTACK_AT_NAVIGATE, null_write},
    {"infinite-loop", ATTACK_AT_NAVIGATE, infinite_loop},
    {"broker-killed", ATTACK_AT_NAVIGATE, infinite_loop},
    {"stops-itself", ATTACK_AT_NAVIGATE, stops_itself},
    {"stops-reading", ATTACK_AT_NAVIGATE, stops_reading},
    {"sleeps", ATTACK_AT_NAVIGATE, sleeps},
    {"allocates-for-ever", ATTACK_AT_NAVIGATE, allocates_for_ever},
    {"closes-channel", ATTACK_AT_NAVIGATE, closes_channel},
    {"record-absurd", ATTACK_AT_NAVIGATE, record_absurd},
    {"record-other-call", ATTACK_AT_NAVIGATE, record_other_call},
    {0},
};
