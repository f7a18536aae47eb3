// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/crash/symbolise_private.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/limits.h"
#include "tests/support/process.h"

enum { DEADLINE_MS = 30000, MUTATIONS = 24, RECURSION = 3000 };

struct fixture {
    int fds_before;
    struct loop *loop;
    struct crash_record *record; // shared with the child that crashes
    struct symbolise_module modules[LIMIT_MODULES];
    size_t module_count;
    char text[64 * 1024];
    int calls;
};

static struct crash_record *handler_record; // the handler has no other way to it
static uintptr_t handler_stack_end;
static const int crash_line = __LINE__ + 7; // of the store in write_through
static volatile int after;
static volatile int *volatile nowhere = (volatile int *)(uintptr_t)0x18; // volatile: no copies made for a constant

// Inlined into crash_here: the compiler leaves its name and line in the debug data only.
static inline __attribute__((always_inline)) void write_through(volatile int *where)
{
    *where = 7;
}

static __attribute__((noinline)) void crash_here(volatile int *where)
{
    write_through(where);
    after++;
}

static __attribute__((noinline)) void crash_in_between(volatile int *where)
{
    crash_here(where);
    after++; // no tail call
}

static __attribute__((noinline)) void crash_in_the_deep(volatile int *where, int depth)
{
    volatile char padding[64];

    padding[0] = (char)depth;
    if (depth > 0)
        crash_in_the_deep(where, depth - 1);
    else
        crash_in_between(where);
    after += padding[0];
}

static __attribute__((noinline)) void crash_by_wild_call(void)
{
    void (*volatile wild)(void) = (void (*)(void))(uintptr_t)0x10;

    wild();
    after++;
}

#if defined(__x86_64__)
static void copy_registers(struct crash_record *record, const ucontext_t *context)
{
    static const int order[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
                                REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

    record->register_count = sizeof order / sizeof order[0];
    for (size_t i = 0; i < record->register_count; i++)
        record->registers[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
    record->frame_pointer = record->registers[6];
    record->stack_pointer = record->registers[7];
    record->instruction_pointer = record->registers[16];
}
#elif defined(__aarch64__)
static void copy_registers(struct crash_record *record, const ucontext_t *context)
{
    record->register_count = 33;
    for (size_t i = 0; i < 31; i++)
        record->registers[i] = context->uc_mcontext.regs[i];
    record->registers[31] = record->stack_pointer = context->uc_mcontext.sp;
    record->registers[32] = record->instruction_pointer = context->uc_mcontext.pc;
    record->frame_pointer = record->registers[29];
}
#endif

static void walk_frames(struct crash_record *record)
{
    uint64_t at = record->frame_pointer;

    record->frames[record->frame_count++] = record->instruction_pointer;
    while (record->frame_count < CRASH_FRAMES && at % 8 == 0 && at >= record->stack_pointer &&
           at + 16 <= handler_stack_end) {
        const uint64_t *frame = (const uint64_t *)(uintptr_t)at;
        record->frames[record->frame_count++] = frame[1];
        if (frame[0] <= at)
            break;
        at = frame[0];
    }
}

// The copy crosses the redzones of other functions' frames, which is the point of it.
static __attribute__((no_sanitize_address)) void copy_stack(struct crash_record *record)
{
    const volatile uint8_t *from = (const volatile uint8_t *)(uintptr_t)record->stack_pointer;

    record->stack_start = record->stack_pointer;
    while (record->stack_count < CRASH_STACK_BYTES && (uintptr_t)from + record->stack_count < handler_stack_end) {
        record->stack[record->stack_count] = from[record->stack_count];
        record->stack_count++;
    }
}

static void on_crash(int number, siginfo_t *info, void *context)
{
    struct crash_record *record = handler_record;

    record->version = CRASH_RECORD_VERSION;
    record->kind = CRASH_SIGNAL;
    record->signal = number;
    record->code = info->si_code;
    record->fault_address = (uint64_t)(uintptr_t)info->si_addr;
    copy_registers(record, context);
    walk_frames(record);
    copy_stack(record);
    record->magic = CRASH_RECORD_MAGIC;
    _exit(0);
}

static __attribute__((noreturn)) void crash_with_handler(struct crash_record *record, void (*volatile crash)(void))
{
    static char alternate[64 * 1024];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    pthread_attr_t attributes;
    void *address;
    size_t size;

    handler_record = record;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0 ||
        pthread_attr_getstack(&attributes, &address, &size) != 0)
        _exit(2);
    handler_stack_end = (uintptr_t)address + size;
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &action, NULL);
    crash();
    _exit(3);
}

static __attribute__((noinline)) void crash_near(void)
{
    crash_in_between(nowhere);
    after++;
}

static __attribute__((noinline)) void crash_deep(void)
{
    volatile int depth = RECURSION;

    crash_in_the_deep(nowhere, depth);
    after++;
}

static void record_crash(struct fixture *f, void (*crash)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        crash_with_handler(f->record, crash);
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_true(crash_record_validate(f->record));
}

static int add_module(struct dl_phdr_info *info, size_t size, void *userdata)
{
    struct fixture *f = userdata;
    struct symbolise_module *module = &f->modules[f->module_count];
    char self[sizeof module->path] = "";

    (void)size;
    if (f->module_count == LIMIT_MODULES)
        return 0;
    if (info->dlpi_name[0] == '\0' && readlink("/proc/self/exe", self, sizeof self - 1) <= 0)
        return 0;
    snprintf(module->path, sizeof module->path, "%s", self[0] != '\0' ? self : info->dlpi_name);
    module->base = info->dlpi_addr;
    module->start = UINT64_MAX;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD)
            continue;
        if (info->dlpi_addr + segment->p_vaddr < module->start)
            module->start = info->dlpi_addr + segment->p_vaddr;
        if (info->dlpi_addr + segment->p_vaddr + segment->p_memsz > module->end)
            module->end = info->dlpi_addr + segment->p_vaddr + segment->p_memsz;
    }
    f->module_count += module->path[0] == '/';
    return 0;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fds_before = fd_count_open();
    assert_int_equal(loop_create(&f->loop), 0);
    f->record = mmap(NULL, CRASH_RECORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(f->record, MAP_FAILED);
    dl_iterate_phdr(add_module, f);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    loop_destroy(f->loop);
    munmap(f->record, CRASH_RECORD_BYTES);
    int left = fd_count_open() - f->fds_before;
    free(f);
    errno = 0;
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? left : -1;
}

static void keep_text(struct symbolise_job *job, const char *text, void *userdata)
{
    struct fixture *f = userdata;

    assert_non_null(job);
    snprintf(f->text, sizeof f->text, "%s", text);
    f->calls++;
}

static const char *symbolise(struct fixture *f)
{
    uint64_t deadline = clock_now_ms() + DEADLINE_MS;
    struct symbolise_job *job;

    f->calls = 0;
    assert_int_equal(symbolise_start(f->loop, f->record, f->modules, f->module_count, keep_text, f, &job), 0);
    while (f->calls == 0) {
        assert_true(clock_now_ms() < deadline);
        assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    }
    assert_int_equal(f->calls, 1);
    return f->text;
}

// The start of the line of text that holds `part`, or a failure that shows the text.
static const char *line_with(const char *text, const char *part)
{
    const char *at = strstr(text, part);

    if (at == NULL)
        fail_msg("\"%s\" is not in:\n%s", part, text);
    while (at > text && at[-1] != '\n')
        at--;
    return at;
}

static void names_function_file_and_line_of_a_real_crash(void **state)
{
    struct fixture *f = *state;
    char place[64];

    record_crash(f, crash_near);
    const char *text = symbolise(f), *first = line_with(text, "crash_here+0x");
    snprintf(place, sizeof place, "(tests/unit/test_symbolise.c:%d) [test_symbolise", crash_line);
    const char *inlined = line_with(text, place);
    assert_ptr_equal(inlined, text);
    assert_memory_equal(inlined, "#0 0x", 5);
    assert_non_null(strstr(inlined, " write_through (tests/unit/"));
    assert_memory_equal(first, "#0 0x", 5);
    assert_memory_equal(line_with(text, " crash_in_between+0x"), "#1 0x", 5);
    assert_memory_equal(line_with(text, " crash_near+0x"), "#2 0x", 5);
    assert_non_null(strstr(text, " main+0x"));
}

static void unwinds_without_the_records_own_walk(void **state)
{
    struct fixture *f = *state;

    record_crash(f, crash_near);
    memset(f->record->frames, 0, sizeof f->record->frames);
    f->record->frame_count = 0;
    const char *text = symbolise(f);
    line_with(text, "#1 ");
    assert_memory_equal(line_with(text, " crash_near+0x"), "#2 0x", 5);
    line_with(text, " main+0x");
}

static void falls_back_on_the_records_own_walk(void **state)
{
    struct fixture *f = *state;

    record_crash(f, crash_near);
    f->record->register_count = 0;
    f->record->stack_count = 0;
    const char *text = symbolise(f);
    assert_memory_equal(line_with(text, " crash_here+0x"), "#0 0x", 5);
    line_with(text, " crash_near+0x"); // which number it has depends on how far crash_here had come with its frame
}

static size_t count_lines(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

static void goes_on_with_the_walk_where_the_stack_copy_ends(void **state)
{
    struct fixture *f = *state;
    uint32_t walked;

    record_crash(f, crash_deep);
    f->record->stack_count = 512; // a few frames
    walked = f->record->frame_count;
    f->record->frame_count = 0;
    size_t without = count_lines(symbolise(f));
    f->record->frame_count = walked;
    size_t with = count_lines(symbolise(f));
    assert_true(without >= 3 && without < 20);
    assert_true(with > 50);
}

static void a_deep_stack_is_cut_at_64_frames(void **state)
{
    struct fixture *f = *state;

    record_crash(f, crash_deep);
    const char *text = symbolise(f);
    line_with(text, " crash_in_the_deep+0x");
    line_with(text, "\n#63 ");
    assert_null(strstr(text, "#64 "));
}

static void a_call_through_a_wild_pointer_names_its_caller(void **state)
{
    struct fixture *f = *state;

    record_crash(f, crash_by_wild_call);
    assert_true(f->record->instruction_pointer == 0x10);
    f->record->frame_count = 0;
    const char *text = symbolise(f);
    assert_memory_equal(text, "#0 0x0000000000000010 ??\n", 25);
    assert_memory_equal(line_with(text, " crash_by_wild_call+0x"), "#1 0x", 5);
    line_with(text, " main+0x");
}

static void says_so_when_there_is_nothing_to_show(void **state)
{
    struct fixture *f = *state;

    *f->record =
        (struct crash_record){.magic = CRASH_RECORD_MAGIC, .version = 1, .kind = CRASH_SIGNAL, .signal = SIGSEGV};
    assert_string_equal(symbolise(f), "no backtrace: the record holds neither registers nor frames\n");
    f->record->magic = 0;
    assert_string_equal(symbolise(f), "no backtrace: the symboliser failed with code 3\n");
}

static void addresses_of_no_module_are_still_shown(void **state)
{
    struct fixture *f = *state;

    record_crash(f, crash_near);
    f->module_count = 0;
    const char *text = symbolise(f);
    assert_memory_equal(text, "#0 0x", 5);
    assert_non_null(strstr(text, " ??\n#1 0x"));
}

static void a_module_that_cannot_be_read_is_passed_over(void **state)
{
    struct fixture *f = *state;
    char fifo[64] = "/tmp/bulkhead-fifo-XXXXXX";
    int fd = mkstemp(fifo);

    fd_close(&fd);
    unlink(fifo);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    record_crash(f, crash_near);
    for (size_t i = 1; i < 5; i++)
        f->modules[i] = (struct symbolise_module){.base = i << 32, .start = i << 32, .end = (i << 32) + 4096};
    snprintf(f->modules[1].path, sizeof f->modules[1].path, "%s", fifo);
    snprintf(f->modules[2].path, sizeof f->modules[2].path, "/nonexistent");
    snprintf(f->modules[3].path, sizeof f->modules[3].path, "/dev/zero");
    memset(f->modules[4].path, 'x', sizeof f->modules[4].path); // no NUL, no slash
    f->module_count = f->module_count > 5 ? f->module_count : 5;
    const char *text = symbolise(f);
    unlink(fifo);
    line_with(text, " crash_here+0x");
}

static void random_records_end_in_text(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < MUTATIONS; i++) {
        assert_true(getrandom(f->record, sizeof *f->record / 2, 0) > 0);
        assert_true(getrandom((char *)f->record + sizeof *f->record / 2, sizeof *f->record / 2, 0) > 0);
        f->record->magic = CRASH_RECORD_MAGIC;
        f->record->version = CRASH_RECORD_VERSION;
        f->record->kind = CRASH_SIGNAL;
        f->record->signal = SIGSEGV;
        f->record->frame_count %= CRASH_FRAMES + 1;
        f->record->register_count = i % 2 == 0 ? 17 : f->record->register_count % (CRASH_REGISTERS + 1);
        f->record->stack_count %= CRASH_STACK_BYTES + 1;
        f->record->code_count %= CRASH_CODE_BYTES + 1;
        if (i % 3 == 0) // sends the unwinder into real call frame information with a made-up stack
            f->record->registers[16] = (uint64_t)(uintptr_t)crash_here + (uint64_t)i;
        if (i % 4 == 0)
            f->record->stack_start = f->record->registers[7] & ~7ull;
        const char *text = symbolise(f);
        assert_null(strstr(text, "the symboliser "));
        assert_true(strlen(text) > 0);
    }
}

static void a_real_record_with_a_spoilt_stack_ends_in_text(void **state)
{
    struct fixture *f = *state;

    record_crash(f, crash_near);
    struct crash_record *good = malloc(sizeof *good);
    memcpy(good, f->record, sizeof *good);
    for (int i = 0; i < MUTATIONS; i++) {
        uint32_t at;
        memcpy(f->record, good, sizeof *good);
        for (int j = 0; j < 40; j++) {
            assert_int_equal(getrandom(&at, sizeof at, 0), sizeof at);
            f->record->stack[at % (j % 2 == 0 ? 512 : CRASH_STACK_BYTES)] = (uint8_t)(at >> 24);
        }
        assert_memory_equal(symbolise(f), "#0 0x", 5);
        assert_null(strstr(f->text, "the symboliser "));
    }
    free(good);
}

static void names_from_outside_are_escaped(void **state)
{
    struct fixture *f = *state;
    char link_path[] = "/tmp/bulkhead-\x1b[2J-XXXXXX";
    int fd = mkstemp(link_path);

    fd_close(&fd);
    unlink(link_path);
    record_crash(f, crash_near);
    assert_int_equal(symlink(f->modules[0].path, link_path), 0);
    snprintf(f->modules[0].path, sizeof f->modules[0].path, "%s", link_path);
    const char *text = symbolise(f);
    unlink(link_path);
    assert_null(strchr(text, '\x1b'));
    line_with(text, "[bulkhead-\\x1b[2J-");
}

// In a child: what symbolise_lower() leaves is reading, and no way back.
static int try_after_lowering(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    if (symbolise_lower() < 0)
        return 1;
    if (fcntl(fd, F_GETFD) != -1 || open("/proc/self/exe", O_RDONLY) < 0)
        return 2;
    if (open("/dev/null", O_WRONLY) >= 0 || open("/tmp/bulkhead-must-not-be", O_RDONLY | O_CREAT, 0600) >= 0)
        return 3;
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || fork() >= 0 || kill(getppid(), 0) == 0)
        return 4;
    if (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return 5;
    return 0;
}

static void the_child_can_only_read(void **state)
{
    int status;

    (void)state;
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: the leak check could not trace its own process\n");
    skip();
#endif
    pid_t pid = fork();
    if (pid == 0)
        _exit(try_after_lowering());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_cancelled_job_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct symbolise_job *job;

    record_crash(f, crash_near);
    assert_int_equal(symbolise_start(f->loop, f->record, f->modules, f->module_count, keep_text, f, &job), 0);
    symbolise_cancel(job);
    symbolise_cancel(NULL);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->calls, 0);
}

// The one slow test: the deadline is five seconds.
static void a_child_that_stands_still_is_killed_at_the_deadline(void **state)
{
    struct fixture *f = *state;
    struct symbolise_job *job;
    uint64_t started = clock_now_ms();

    record_crash(f, crash_near);
    assert_int_equal(symbolise_start(f->loop, f->record, f->modules, f->module_count, keep_text, f, &job), 0);
    pid_t pid = process_only_child();
    if (pid == 0) { // a kernel without CONFIG_PROC_CHILDREN
        symbolise_cancel(job);
        print_message("skipped: this kernel lists no children\n");
        skip();
    }
    assert_int_equal(kill(pid, SIGSTOP), 0);
    while (f->calls == 0 && clock_now_ms() - started < DEADLINE_MS)
        assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    assert_string_equal(f->text, "no backtrace: symbolising took more than 5 s\n");
    assert_true(clock_now_ms() - started >= 5000);
}

static void signals_and_codes_have_names(void **state)
{
    (void)state;
    assert_string_equal(crash_signal_name(SIGSEGV), "SIGSEGV");
    assert_string_equal(crash_signal_name(SIGSYS), "SIGSYS");
    assert_string_equal(crash_signal_name(0), "signal 0");
    assert_string_equal(crash_signal_name(-5), "signal -5");
    assert_string_equal(crash_signal_name(40), "signal 40");
    assert_string_equal(crash_code_text(SIGSEGV, SEGV_MAPERR), "address not mapped");
    assert_string_equal(crash_code_text(SIGFPE, FPE_INTDIV), "integer divided by zero");
    assert_string_equal(crash_code_text(SIGSEGV, SI_TKILL), "sent by a process");
    assert_string_equal(crash_code_text(SIGABRT, SI_TKILL), "abort");
    assert_string_equal(crash_code_text(99, 12345), "unknown reason");
}

static void system_calls_have_names(void **state)
{
    (void)state;
    assert_string_equal(crash_syscall_name(seccomp_arch_native(), SYS_openat), "openat");
    assert_string_equal(crash_syscall_name(seccomp_arch_native(), 99999), "syscall 99999");
    assert_true(crash_syscall_has_row(seccomp_arch_native(), SYS_openat));
    assert_false(crash_syscall_has_row(seccomp_arch_native(), 99999));
    assert_false(crash_syscall_has_row(0xdeadbeef, 2));
#ifdef __x86_64__
    assert_string_equal(crash_syscall_name(SCMP_ARCH_X86, 37), "i386 kill");
    assert_string_equal(crash_syscall_name(SCMP_ARCH_X86_64, 0x40000000 | SYS_kill), "x32 kill");
    assert_false(crash_syscall_has_row(SCMP_ARCH_X86_64, 0x40000000 | SYS_kill));
#endif
    assert_string_equal(crash_syscall_name(0xdeadbeef, 2), "foreign syscall 2");
}

static void registers_have_names_of_their_own(void **state)
{
    char names[CRASH_REGISTERS][8];

    (void)state;
    for (uint32_t i = 0; i < CRASH_REGISTERS; i++) {
        crash_register_name(i, names[i], sizeof names[i]);
        for (uint32_t j = 0; j < i; j++)
            assert_string_not_equal(names[i], names[j]);
    }
#if defined(__x86_64__)
    assert_string_equal(names[0], "rax");
    assert_string_equal(names[7], "rsp");
    assert_string_equal(names[16], "rip");
#endif
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_function_file_and_line_of_a_real_crash),
        TEST(unwinds_without_the_records_own_walk),
        TEST(falls_back_on_the_records_own_walk),
        TEST(goes_on_with_the_walk_where_the_stack_copy_ends),
        TEST(a_deep_stack_is_cut_at_64_frames),
        TEST(a_call_through_a_wild_pointer_names_its_caller),
        TEST(says_so_when_there_is_nothing_to_show),
        TEST(addresses_of_no_module_are_still_shown),
        TEST(a_module_that_cannot_be_read_is_passed_over),
        TEST(random_records_end_in_text),
        TEST(a_real_record_with_a_spoilt_stack_ends_in_text),
        TEST(names_from_outside_are_escaped),
        TEST(the_child_can_only_read),
        TEST(a_cancelled_job_leaves_nothing_behind),
        TEST(a_child_that_stands_still_is_killed_at_the_deadline),
        TEST(signals_and_codes_have_names),
        TEST(system_calls_have_names),
        TEST(registers_have_names_of_their_own),
    };

    return cmocka_run_group_tests_name("symbolise", tests, NULL, NULL);
}
