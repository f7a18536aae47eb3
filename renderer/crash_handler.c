/* crash_handler.c - fills the record from inside a signal.
 *
 * How a handler ends, without a system call that the policy would have to allow: SA_RESETHAND has already restored the
 * default disposition when the handler is entered. A fault is returned into and happens again, this time for good. A
 * signal that was sent (abort(), kill) or that reports a refused system call would not happen again, so the handler
 * sends it to its own thread and unblocks it. All other fatal signals are blocked inside the handler: the kernel ends
 * a process that faults on a blocked signal, with that signal's true status.
 */
#include "renderer/crash_handler.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/crash_record.h"
#include "common/fd.h"
#include "renderer/crash_context.h"
#include "to_broker.pb-c.h"

enum { EXIT_OUT_OF_MEMORY = 86, HINT_BYTES = 64, CODE_RANGES = 32, HANDLER_STACK_BYTES = 16 * 1024 };
/* A sample is asked for while a call is audited, and its handler's calls are audited in turn. */
enum { NESTED_SIGNALS = 5 };

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS};
enum { FATAL_SIGNALS = sizeof(fatal_signals) / sizeof(fatal_signals[0]) };

struct range {
    uintptr_t start, end;
};

/* A signal handler is given nothing but the signal: what it needs has to be where it can find it. Written by
 * crash_handler_prepare() and crash_handler_install() alone, but for `busy` and `step`. */
static struct {
    struct crash_record *record;
    int hint_fd;
    size_t hint_bytes;
    uint8_t hint[HINT_BYTES];
    size_t code_count;
    struct range code[CODE_RANGES]; /* mapped executable and readable: safe to copy from */
    atomic_int busy;                /* id of the thread that fills the record */
    _Atomic(const char *) step;
} handler = {.hint_fd = -1};

struct crash_record *crash_handler_record(void)
{
    return handler.record;
}

/* The calling thread's own stack. Zero for a thread without crash_handler_thread_init(): nothing is copied then. */
static __thread struct range stack;

/* Memory is read as it lies there, guard words of sanitizers included; so no memcpy(), which they watch, and volatile,
 * or the compiler makes one of it. */
#define READS_RAW_MEMORY __attribute__((no_sanitize("address", "undefined")))

static READS_RAW_MEMORY uint64_t read_word(uintptr_t at)
{
    return *(const volatile uint64_t *)at;
}

static READS_RAW_MEMORY void copy_raw(uint8_t *to, uintptr_t from, size_t count)
{
    size_t done = 0;

    for (; from % sizeof(uint64_t) == 0 && done + sizeof(uint64_t) <= count; done += sizeof(uint64_t))
        *(volatile uint64_t *)(to + done) = read_word(from + done);
    for (; done < count; done++)
        to[done] = *(const volatile uint8_t *)(from + done);
}

static void copy_note(struct crash_record *record)
{
    const char *step = atomic_load(&handler.step);

    for (size_t i = 0; step != NULL && i < CRASH_NOTE_BYTES - 1 && step[i] != '\0'; i++)
        record->note[i] = step[i];
}

static void copy_code(struct crash_record *record)
{
    uintptr_t at = record->instruction_pointer;

    for (size_t i = 0; i < handler.code_count; i++) {
        const struct range *range = &handler.code[i];
        if (at < range->start || at >= range->end)
            continue;
        size_t count = range->end - at < CRASH_CODE_BYTES ? range->end - at : CRASH_CODE_BYTES;
        copy_raw(record->code_bytes, at, count);
        record->code_count = (uint32_t)count;
    }
}

/* From the stack pointer up. A thread that overflowed its stack points a little below it; one that points anywhere else
 * was led astray, and nothing is touched. */
static void copy_stack(struct crash_record *record)
{
    enum { OVERSHOOT = 64 * 1024 };
    uintptr_t at = record->stack_pointer;

    if (at < stack.start && stack.start - at <= OVERSHOOT)
        at = stack.start;
    if (at < stack.start || at >= stack.end)
        return;
    size_t count = stack.end - at < CRASH_STACK_BYTES ? stack.end - at : CRASH_STACK_BYTES;
    copy_raw(record->stack, at, count);
    record->stack_start = at;
    record->stack_count = (uint32_t)count;
}

static bool is_on_stack(uintptr_t at)
{
    return at >= stack.start && at + 2 * sizeof(uintptr_t) <= stack.end && at % sizeof(uintptr_t) == 0;
}

/* Frame pointers, as -fno-omit-frame-pointer leaves them: {caller's frame, return address}. Frames grow upwards only,
 * so the walk ends. */
static void walk_frames(struct crash_record *record, bool called_nothing)
{
    uintptr_t frame = record->frame_pointer, lowest = record->stack_pointer;

    record->frames[record->frame_count++] = record->instruction_pointer;
    /* A call to a wild address pushed its return address and built no frame. */
    if (called_nothing && is_on_stack(record->stack_pointer))
        record->frames[record->frame_count++] =
            CRASH_LINK_REGISTER >= 0 ? record->registers[CRASH_LINK_REGISTER] : read_word(record->stack_pointer);
    while (record->frame_count < CRASH_FRAMES && is_on_stack(frame) && frame >= lowest) {
        uintptr_t caller = read_word(frame + sizeof(uintptr_t));
        if (caller == 0)
            break;
        record->frames[record->frame_count++] = caller;
        lowest = frame + sizeof(uintptr_t);
        frame = read_word(frame);
    }
}

static void fill(enum crash_kind kind, int number, const siginfo_t *info, const ucontext_t *context,
                 uint64_t requested_bytes)
{
    struct crash_record *record = handler.record;

    record->magic = 0;
    atomic_signal_fence(memory_order_seq_cst);
    memset(record, 0, offsetof(struct crash_record, stack));
    record->version = CRASH_RECORD_VERSION;
    record->kind = kind;
    record->signal = number;
    record->thread_id = (int32_t)syscall(SYS_gettid);
    record->requested_bytes = requested_bytes;
    crash_context_copy(context, record);
    if (info != NULL) {
        record->code = info->si_code;
        record->fault_address = (uintptr_t)(kind == CRASH_SYSCALL ? info->si_call_addr : info->si_addr);
    }
    if (kind == CRASH_SYSCALL) {
        record->syscall_number = info->si_syscall;
        record->syscall_arch = info->si_arch;
        crash_context_syscall_arguments(context, record->syscall_arch, record->syscall_arguments);
    }
    copy_note(record);
    copy_code(record);
    walk_frames(record, number == SIGSEGV && record->fault_address == record->instruction_pointer);
    copy_stack(record);
    atomic_thread_fence(memory_order_seq_cst);
    record->magic = CRASH_RECORD_MAGIC;
}

static void send_hint(void)
{
    struct iovec part = {.iov_base = handler.hint, .iov_len = handler.hint_bytes};
    struct msghdr packet = {.msg_iov = &part, .msg_iovlen = 1};

    if (handler.hint_fd >= 0)
        sendmsg(handler.hint_fd, &packet, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One thread at a time; a second one that crashes waits for the first to end the process. */
static void begin(void)
{
    const struct timespec moment = {.tv_nsec = 1000 * 1000};
    int nobody = 0, self = (int)syscall(SYS_gettid);

    while (!atomic_compare_exchange_weak(&handler.busy, &nobody, self)) {
        ppoll(NULL, 0, &moment, NULL);
        nobody = 0;
    }
}

/* Faults come from the kernel with a code above zero, or SI_KERNEL where the processor names no address (a
 * non-canonical one). They happen again on return; what was sent does not. A trap has already happened. */
static bool will_happen_again(int number, const siginfo_t *info)
{
    return info->si_code > 0 && number != SIGABRT && number != SIGTRAP && number != SIGSYS;
}

/* Here and now: what the handler would return to may have been arranged by whoever made the refused call. */
static void end_with(int number)
{
    sigset_t one;

    syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), number);
    sigemptyset(&one);
    sigaddset(&one, number);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
}

void crash_handler_report(const siginfo_t *info, const void *context)
{
    /* SIGSYS from kill(2) is a signal like any other. */
    bool is_violation = info->si_signo == SIGSYS && info->si_code == 1 /* SYS_SECCOMP */;

    begin();
    fill(is_violation ? CRASH_SYSCALL : CRASH_SIGNAL, info->si_signo, info, context, 0);
    send_hint();
}

static void on_fatal_signal(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;

    crash_handler_report(info, context);
    if (!will_happen_again(number, info))
        end_with(number);
    errno = saved_errno;
}

/* Whoever fills the record already has more to say; and it may be this very thread, interrupted. */
static void on_sample_request(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno, nobody = 0;

    if (!atomic_compare_exchange_strong(&handler.busy, &nobody, 1))
        return;
    fill(CRASH_STACK_SAMPLE, number, info, context, 0);
    atomic_store(&handler.busy, 0);
    errno = saved_errno;
}

static int collect_code(struct dl_phdr_info *info, size_t size, void *userdata)
{
    (void)size;
    (void)userdata;
    for (int i = 0; i < info->dlpi_phnum && handler.code_count < CODE_RANGES; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) && (segment->p_flags & PF_R))
            handler.code[handler.code_count++] = (struct range){start, start + segment->p_filesz};
    }
    return 0;
}

/* A channel frame: [u32 little-endian length][protobuf]. */
static void pack_hint(void)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Crashing crashing = BULKHEAD__CRASHING__INIT;

    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_CRASHING;
    envelope.crashing = &crashing;
    if (bulkhead__to_broker__get_packed_size(&envelope) > HINT_BYTES - 4)
        return;
    size_t size = bulkhead__to_broker__pack(&envelope, handler.hint + 4);
    for (int i = 0; i < 4; i++)
        handler.hint[i] = (uint8_t)(size >> 8 * i);
    handler.hint_bytes = size + 4;
}

static int install_handlers(void)
{
    struct sigaction action = {.sa_sigaction = on_fatal_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESETHAND};

    for (int i = 0; i < FATAL_SIGNALS; i++)
        sigaddset(&action.sa_mask, fatal_signals[i]);
    sigaddset(&action.sa_mask, SIGUSR2);
    for (int i = 0; i < FATAL_SIGNALS; i++) {
        if (sigaction(fatal_signals[i], &action, NULL) < 0)
            return -errno;
    }
    action.sa_sigaction = on_sample_request;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    return sigaction(SIGUSR2, &action, NULL) < 0 ? -errno : 0;
}

void crash_handler_prepare(void)
{
    handler.code_count = 0;
    dl_iterate_phdr(collect_code, NULL);
    pack_hint();
}

int crash_handler_let_pass(int number)
{
    for (int i = 0; i <= FATAL_SIGNALS; i++) {
        int handled = i < FATAL_SIGNALS ? fatal_signals[i] : SIGUSR2;
        struct sigaction action;
        if (sigaction(handled, NULL, &action) < 0)
            return -errno;
        sigdelset(&action.sa_mask, number);
        if (sigaction(handled, &action, NULL) < 0)
            return -errno;
    }
    return 0;
}

int crash_handler_install(int record_fd, int hint_fd)
{
    _fd_cleanup_ int fd = record_fd;
    void *record = mmap(NULL, CRASH_RECORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (record == MAP_FAILED)
        return -errno;
    if (handler.record != NULL)
        munmap(handler.record, CRASH_RECORD_BYTES);
    handler.record = record;
    handler.hint_fd = hint_fd;
    if (handler.hint_bytes == 0)
        crash_handler_prepare();
    return install_handlers();
}

/* The main thread's stack grows on demand down to its limit. /proc/self/maps, where glibc looks, is not in the cell;
 * the kernel put the program's name at the very top. */
static struct range find_main_stack(void)
{
    enum { AT_MOST = 64 * 1024 * 1024 };
    uintptr_t page = (uintptr_t)getauxval(AT_PAGESZ);
    const char *top = (const char *)getauxval(AT_EXECFN);
    struct rlimit limit;
    uintptr_t size = AT_MOST;

    if (top == NULL || page == 0 || getrlimit(RLIMIT_STACK, &limit) < 0)
        return (struct range){0, 0};
    if (limit.rlim_cur < size)
        size = (uintptr_t)limit.rlim_cur;
    uintptr_t end = ((uintptr_t)top + strlen(top) + page) / page * page;
    return (struct range){(end - size + page - 1) / page * page, end};
}

static struct range find_thread_stack(void)
{
    pthread_attr_t attributes;
    void *start = NULL;
    size_t size = 0;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return (struct range){0, 0};
    pthread_attr_getstack(&attributes, &start, &size);
    pthread_attr_destroy(&attributes);
    return (struct range){(uintptr_t)start, (uintptr_t)start + size};
}

/* With a page below it that nobody may touch. Never freed: threads of a renderer end with the process. */
static int set_alternate_stack(void)
{
    size_t page = (size_t)getauxval(AT_PAGESZ), needed = (size_t)getauxval(AT_MINSIGSTKSZ);
    size_t size = (NESTED_SIGNALS * (needed ? needed : MINSIGSTKSZ) + HANDLER_STACK_BYTES + page - 1) / page * page;
    char *memory = mmap(NULL, page + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    stack_t alternate = {.ss_sp = memory + page, .ss_size = size};

    if (memory == MAP_FAILED)
        return -errno;
    if (mprotect(memory + page, size, PROT_READ | PROT_WRITE) < 0 || sigaltstack(&alternate, NULL) < 0) {
        int rc = -errno;
        munmap(memory, page + size);
        return rc;
    }
    return 0;
}

int crash_handler_thread_init(int takes_samples)
{
    sigset_t fatal, sample;
    int rc = stack.end == 0 ? set_alternate_stack() : 0; /* a fork inherits both */

    if (rc < 0)
        return rc;
    if (stack.end == 0)
        stack = getpid() == gettid() ? find_main_stack() : find_thread_stack();
    sigemptyset(&fatal);
    for (int i = 0; i < FATAL_SIGNALS; i++)
        sigaddset(&fatal, fatal_signals[i]);
    sigemptyset(&sample);
    sigaddset(&sample, SIGUSR2);
    rc = pthread_sigmask(SIG_UNBLOCK, &fatal, NULL);
    if (rc == 0)
        rc = pthread_sigmask(takes_samples ? SIG_UNBLOCK : SIG_BLOCK, &sample, NULL);
    return -rc;
}

void crash_handler_step(const char *literal)
{
    atomic_store_explicit(&handler.step, literal, memory_order_relaxed);
}

void crash_handler_out_of_memory(uint64_t requested_bytes)
{
    ucontext_t here;

    if (handler.record != NULL && getcontext(&here) == 0) {
        begin();
        fill(CRASH_OUT_OF_MEMORY, 0, NULL, &here, requested_bytes);
        send_hint();
    }
    _exit(EXIT_OUT_OF_MEMORY);
}
