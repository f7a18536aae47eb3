#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crash/symbolise.h"

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1 // asm-generic/siginfo.h, which cannot be had beside <signal.h>
#endif

enum { X32_BIT = 0x40000000 };

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
    const char *door = arch == seccomp_arch_native() ? "" : arch == SCMP_ARCH_X86 ? "i386 " : "foreign ";
    /* x32 says who it is in the number, not in the architecture. */
    bool is_x32 = arch == SCMP_ARCH_X86_64 && number >= 0 && (number & X32_BIT) != 0;
    char *resolved = seccomp_syscall_resolve_num_arch(is_x32 ? SCMP_ARCH_X32 : arch, number);

    if (resolved != NULL)
        snprintf(name, sizeof name, "%s%s", is_x32 ? "x32 " : door, resolved);
    else
        snprintf(name, sizeof name, "%ssyscall %d", is_x32 ? "x32 " : door, is_x32 ? number & ~X32_BIT : number);
    free(resolved);
    return name;
}

bool crash_syscall_has_row(uint32_t arch, int number)
{
    char *resolved = arch == seccomp_arch_native() ? seccomp_syscall_resolve_num_arch(arch, number) : NULL;
    bool has_name = resolved != NULL;

    free(resolved);
    return has_name;
}

bool crash_has_address(const struct crash_record *record)
{
    return record->kind == CRASH_SIGNAL && record->code > 0;
}

void crash_register_name(uint32_t index, char *out, size_t out_bytes)
{
#if defined(__x86_64__)
    static const char *const names[] = {"rax", "rdx", "rcx", "rbx", "rsi", "rdi", "rbp", "rsp", "r8",
                                        "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
#elif defined(__aarch64__)
    static const char *const names[] = {[31] = "sp", [32] = "pc", [33] = "pstate"};
#else
    static const char *const names[] = {NULL};
#endif
    if (index < sizeof names / sizeof names[0] && names[index] != NULL)
        snprintf(out, out_bytes, "%s", names[index]);
    else
        snprintf(out, out_bytes, "x%u", index);
}
