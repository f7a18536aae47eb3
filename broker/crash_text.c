#include <inttypes.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/symbolise.h"
#include "common/text.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1 // asm-generic/siginfo.h, which cannot be had beside <signal.h>
#endif

enum {
    STACK_SHOWN_BYTES = 4096, // what a person may want to read; the rest served the unwinder
    WORDS_A_LINE = 4,
    REGISTERS_A_LINE = 3,
};

const char *crash_signal_name(int signal)
{
    static char unnamed[32];

    // The names stand here because sigabbrev_np() leaves the SIG out.
    static const char *const names[] = {
        [SIGHUP] = "SIGHUP",       [SIGINT] = "SIGINT",   [SIGQUIT] = "SIGQUIT",     [SIGILL] = "SIGILL",
        [SIGTRAP] = "SIGTRAP",     [SIGABRT] = "SIGABRT", [SIGBUS] = "SIGBUS",       [SIGFPE] = "SIGFPE",
        [SIGKILL] = "SIGKILL",     [SIGUSR1] = "SIGUSR1", [SIGSEGV] = "SIGSEGV",     [SIGUSR2] = "SIGUSR2",
        [SIGPIPE] = "SIGPIPE",     [SIGALRM] = "SIGALRM", [SIGTERM] = "SIGTERM",     [SIGCHLD] = "SIGCHLD",
        [SIGCONT] = "SIGCONT",     [SIGSTOP] = "SIGSTOP", [SIGTSTP] = "SIGTSTP",     [SIGTTIN] = "SIGTTIN",
        [SIGTTOU] = "SIGTTOU",     [SIGURG] = "SIGURG",   [SIGXCPU] = "SIGXCPU",     [SIGXFSZ] = "SIGXFSZ",
        [SIGVTALRM] = "SIGVTALRM", [SIGPROF] = "SIGPROF", [SIGWINCH] = "SIGWINCH",   [SIGIO] = "SIGIO",
        [SIGPWR] = "SIGPWR",       [SIGSYS] = "SIGSYS",   [SIGSTKFLT] = "SIGSTKFLT",
    };
    if (signal > 0 && signal < (int)(sizeof names / sizeof names[0]) && names[signal] != NULL)
        return names[signal];
    snprintf(unnamed, sizeof unnamed, "signal %d", signal);
    return unnamed;
}

static const char *segv_code_text(int code)
{
    switch (code) {
    case SEGV_MAPERR:
        return "address not mapped";
    case SEGV_ACCERR:
        return "access not permitted";
    case SEGV_BNDERR:
        return "failed address bound checks";
    case SEGV_PKUERR:
        return "protection key checks";
    default:
        return NULL;
    }
}

static const char *ill_code_text(int code)
{
    switch (code) {
    case ILL_ILLOPC:
        return "illegal opcode";
    case ILL_ILLOPN:
        return "illegal operand";
    case ILL_ILLADR:
        return "illegal addressing mode";
    case ILL_ILLTRP:
        return "illegal trap";
    case ILL_PRVOPC:
        return "privileged opcode";
    case ILL_PRVREG:
        return "privileged register";
    default:
        return NULL;
    }
}

static const char *fpe_code_text(int code)
{
    switch (code) {
    case FPE_INTDIV:
        return "integer divided by zero";
    case FPE_INTOVF:
        return "integer overflow";
    case FPE_FLTDIV:
        return "floating-point number divided by zero";
    case FPE_FLTOVF:
        return "floating-point overflow";
    case FPE_FLTINV:
        return "invalid floating-point operation";
    default:
        return NULL;
    }
}

static const char *bus_code_text(int code)
{
    switch (code) {
    case BUS_ADRALN:
        return "address not aligned";
    case BUS_ADRERR:
        return "no such physical address";
    case BUS_OBJERR:
        return "hardware error";
    default:
        return NULL;
    }
}

// Codes that any signal can have. On x86_64 an address no pointer can hold (not canonical) gives SI_KERNEL, address 0.
static const char *common_code_text(int code)
{
    switch (code) {
    case SI_USER:
    case SI_TKILL:
        return "sent by a process";
    case SI_QUEUE:
        return "queued by a process";
    case SI_KERNEL:
        return "sent by the kernel";
    default:
        return "unknown reason";
    }
}

const char *crash_code_text(int signal, int code)
{
    const char *text = NULL;

    if (signal == SIGSEGV)
        text = code == SI_KERNEL ? "address not canonical" : segv_code_text(code);
    else if (signal == SIGILL)
        text = ill_code_text(code);
    else if (signal == SIGFPE)
        text = fpe_code_text(code);
    else if (signal == SIGBUS)
        text = bus_code_text(code);
    else if (signal == SIGABRT && code == SI_TKILL)
        text = "abort";
    else if (signal == SIGTRAP && (code == TRAP_BRKPT || code == SI_KERNEL))
        text = "breakpoint";
    else if (signal == SIGSYS && code == SYS_SECCOMP)
        text = "system call forbidden";
    return text != NULL ? text : common_code_text(code);
}

const char *crash_syscall_name(uint32_t arch, int number)
{
    static char name[48];
    char *resolved = seccomp_syscall_resolve_num_arch(arch, number);

    if (resolved != NULL)
        snprintf(name, sizeof name, "%s", resolved);
    else
        snprintf(name, sizeof name, "syscall %d", number);
    free(resolved);
    return name;
}

// Text that grows until `out` is full.
struct text_out {
    char *out;
    size_t size, used;
};

static __attribute__((format(printf, 2, 3))) void text_out_add(struct text_out *text, const char *format, ...)
{
    va_list args;

    if (text->used + 1 >= text->size)
        return;
    va_start(args, format);
    int n = vsnprintf(text->out + text->used, text->size - text->used, format, args);
    va_end(args);
    if (n > 0)
        text->used = text->used + (size_t)n < text->size ? text->used + (size_t)n : text->size - 1;
}

bool crash_has_address(const struct crash_record *record)
{
    return record->kind == CRASH_SIGNAL && record->code > 0;
}

static void format_event(struct text_out *text, const struct crash_record *record)
{
    const uint64_t *a = record->syscall_arguments;
    char note[4 * CRASH_NOTE_BYTES];

    text_out_add(text, "kind: %s\nthread: %d\n", crash_kind_name(record->kind), record->thread_id);
    if (record->kind == CRASH_SIGNAL && !crash_has_address(record))
        text_out_add(text, "signal: %s (%s)\n", crash_signal_name(record->signal),
                     crash_code_text(record->signal, record->code));
    else if (record->kind == CRASH_SIGNAL)
        text_out_add(text, "signal: %s (%s) at 0x%" PRIx64 "\n", crash_signal_name(record->signal),
                     crash_code_text(record->signal, record->code), record->fault_address);
    if (record->kind == CRASH_SYSCALL)
        text_out_add(text,
                     "system call: %s(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
                     ", 0x%" PRIx64 ")\n",
                     crash_syscall_name(record->syscall_arch, record->syscall_number), a[0], a[1], a[2], a[3], a[4],
                     a[5]);
    if (record->kind == CRASH_OUT_OF_MEMORY)
        text_out_add(text, "wanted: %" PRIu64 " bytes\n", record->requested_bytes);
    text_escape(note, sizeof note, record->note, strnlen(record->note, sizeof record->note));
    if (note[0] != '\0')
        text_out_add(text, "step: %s\n", note);
}

static void format_registers(struct text_out *text, const struct crash_record *record)
{
#if defined(__x86_64__)
    static const char *const names[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                        "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
#else
    static const char *const names[] = {""};
#endif
    uint32_t count = record->register_count <= CRASH_REGISTERS ? record->register_count : 0;

    for (uint32_t i = 0; i < count; i++) {
        char name[8];
        if (count == sizeof names / sizeof names[0])
            snprintf(name, sizeof name, "%s", names[i]);
        else
            snprintf(name, sizeof name, "r%u", i);
        text_out_add(text, "%s %3s %016" PRIx64 "%s", i == 0 ? "registers:\n" : "", name, record->registers[i],
                     i % REGISTERS_A_LINE == REGISTERS_A_LINE - 1 || i + 1 == count ? "\n" : "");
    }
}

static void format_memory(struct text_out *text, const struct crash_record *record)
{
    uint32_t code_count = record->code_count <= CRASH_CODE_BYTES ? record->code_count : 0;
    uint32_t stack_count = record->stack_count < STACK_SHOWN_BYTES ? record->stack_count : STACK_SHOWN_BYTES;
    uint32_t line_bytes = WORDS_A_LINE * sizeof(uint64_t);

    for (uint32_t i = 0; i < code_count; i++)
        text_out_add(text, "%s %02x%s", i == 0 ? "code:" : "", record->code_bytes[i], i + 1 == code_count ? "\n" : "");
    for (uint32_t at = 0; at + line_bytes <= stack_count; at += line_bytes) {
        uint64_t words[WORDS_A_LINE];
        memcpy(words, record->stack + at, sizeof words);
        text_out_add(text, "%s %016" PRIx64 ":", at == 0 ? "stack:\n" : "", record->stack_start + at);
        for (int i = 0; i < WORDS_A_LINE; i++)
            text_out_add(text, " %016" PRIx64 "%s", words[i], i + 1 == WORDS_A_LINE ? "\n" : "");
    }
}

size_t crash_record_format(const struct crash_record *record, char *out, size_t out_bytes)
{
    struct text_out text = {.out = out, .size = out_bytes};

    if (out_bytes == 0)
        return 0;
    out[0] = '\0';
    format_event(&text, record);
    format_registers(&text, record);
    format_memory(&text, record);
    return text.used;
}
