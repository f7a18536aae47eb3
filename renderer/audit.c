#include "renderer/audit.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "common/audit_record.h"
#include "renderer/crash_context.h"
#include "renderer/crash_handler.h"

enum { SECCOMP_CODE = 1 /* SYS_SECCOMP */, MASK_BYTES = 8 /* the kernel's sigset_t */ };

/* The gate: makes call `number` with its six arguments. The kernel names the instruction behind the one that calls. */
long audit_gate(long number, const uint64_t arguments[6]) __attribute__((visibility("hidden")));
extern const char audit_gate_behind[] __attribute__((visibility("hidden")));
#if defined(__x86_64__)
__asm__(".text\n"
        ".type audit_gate, @function\n"
        ".globl audit_gate\n"
        "audit_gate:\n"
        "    mov %rdi, %rax\n"
        "    mov %rsi, %r11\n"
        "    mov (%r11), %rdi\n"
        "    mov 8(%r11), %rsi\n"
        "    mov 16(%r11), %rdx\n"
        "    mov 24(%r11), %r10\n"
        "    mov 32(%r11), %r8\n"
        "    mov 40(%r11), %r9\n"
        "    syscall\n"
        ".globl audit_gate_behind\n"
        "audit_gate_behind:\n"
        "    ret\n"
        ".size audit_gate, . - audit_gate\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".type audit_gate, %function\n"
        ".globl audit_gate\n"
        "audit_gate:\n"
        "    mov x8, x0\n"
        "    mov x9, x1\n"
        "    ldp x0, x1, [x9]\n"
        "    ldp x2, x3, [x9, #16]\n"
        "    ldp x4, x5, [x9, #32]\n"
        "    svc #0\n"
        ".globl audit_gate_behind\n"
        "audit_gate_behind:\n"
        "    ret\n"
        ".size audit_gate, . - audit_gate\n");
#endif

/* A signal handler is given nothing but the signal. Written by audit_install() alone. */
static struct {
    struct audit_record *counts;
    uint64_t own_pid;
} audit;

/* The call this thread is making through the gate: what a refusal is about. */
struct made_call {
    siginfo_t *info;
    void *context;
};
static __thread struct made_call made;

static void set_result(ucontext_t *context, long result)
{
#if defined(__x86_64__)
    context->uc_mcontext.gregs[REG_RAX] = result;
#elif defined(__aarch64__)
    context->uc_mcontext.regs[0] = (uint64_t)result;
#endif
}

static void count_call(int number, const uint64_t arguments[6])
{
    const struct policy_row *row = policy_find(POLICY_RENDERER, number, arguments, audit.own_pid);
    unsigned other = number >= 0 && number < AUDIT_CALLS ? (unsigned)number : AUDIT_CALLS - 1;

    atomic_fetch_add_explicit(row != NULL ? &audit.counts->rows[row - policy_rows] : &audit.counts->others[other], 1,
                              memory_order_relaxed);
}

static long change_mask(int how, const uint64_t *set, uint64_t *ret_old)
{
    const uint64_t arguments[6] = {(uint64_t)how, (uintptr_t)set, (uintptr_t)ret_old, MASK_BYTES};

    return audit_gate(SYS_rt_sigprocmask, arguments);
}

/* The handler runs under the caller's mask, so the call itself is right; the mask it leaves has to outlive the handler,
 * and SIGSYS stays out of it, or the next call would end the process. */
static void keep_mask(ucontext_t *context)
{
    uint64_t mask = 0;

    if (change_mask(SIG_BLOCK, NULL, &mask) != 0)
        return;
    mask &= ~(1ull << (SIGSYS - 1));
    memcpy(&context->uc_sigmask, &mask, sizeof(mask));
}

/* A signal that a thread sends itself is delivered where the thread called, not in here: the mask that the handler's
 * return restores lets it through, and its report has the caller's registers and frames. */
static void hold_signals(void)
{
    static const uint64_t all_but_sigsys = ~(1ull << (SIGSYS - 1));

    change_mask(SIG_BLOCK, &all_but_sigsys, NULL);
}

/* A blocked SIGSYS that the kernel must deliver ends the process: with that signal, whatever handler there is. */
static void __attribute__((noreturn)) end_with_sigsys(void)
{
    static const uint64_t sigsys = 1ull << (SIGSYS - 1), none[6];

    for (;;) {
        change_mask(SIG_BLOCK, &sigsys, NULL);
        audit_gate(SYS_ptrace, none); /* no role may */
    }
}

static void on_trap(int number, siginfo_t *info, void *userdata)
{
    ucontext_t *context = userdata;
    struct made_call before = made;
    uint64_t arguments[6];
    int saved_errno = errno;

    (void)number;
    bool is_ours = info->si_code == SECCOMP_CODE && info->si_arch == CRASH_OWN_ARCH;
    if (!is_ours || info->si_call_addr == audit_gate_behind) {
        bool is_refusal = is_ours && made.info != NULL;
        crash_handler_report(is_refusal ? made.info : info, is_refusal ? made.context : context);
        end_with_sigsys();
    }
    made = (struct made_call){info, context};
    crash_context_syscall_arguments(context, info->si_arch, arguments);
    count_call(info->si_syscall, arguments);
    if (info->si_syscall == SYS_tgkill)
        hold_signals();
    set_result(context, audit_gate(info->si_syscall, arguments));
    if (info->si_syscall == SYS_rt_sigprocmask)
        keep_mask(context);
#ifdef BULKHEAD_SANITIZED
    /* It is this handler that is on the alternate stack, not whom AddressSanitizer asks about. */
    if (info->si_syscall == SYS_sigaltstack && arguments[1] != 0)
        ((stack_t *)(uintptr_t)arguments[1])->ss_flags &= ~SS_ONSTACK;
#endif
    made = before;
    errno = saved_errno;
}

int audit_install(int record_fd)
{
    struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART};
    void *counts = mmap(NULL, AUDIT_RECORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, record_fd, AUDIT_RECORD_OFFSET);

    _Static_assert(sizeof(*audit.counts) <= AUDIT_RECORD_BYTES, "the counters fit");
    if (policy_row_count > AUDIT_ROWS)
        return -E2BIG;
    if (counts == MAP_FAILED)
        return -errno;
    audit.counts = counts;
    audit.own_pid = (uint64_t)getpid();
    int rc = crash_handler_let_pass(SIGSYS);
    return rc == 0 && sigaction(SIGSYS, &action, NULL) < 0 ? -errno : rc;
}

uint64_t audit_gate_address(void)
{
    return (uintptr_t)audit_gate_behind;
}

void audit_reset(void)
{
    for (int i = 0; i < AUDIT_ROWS; i++)
        atomic_store_explicit(&audit.counts->rows[i], 0, memory_order_relaxed);
    for (int i = 0; i < AUDIT_CALLS; i++)
        atomic_store_explicit(&audit.counts->others[i], 0, memory_order_relaxed);
}
