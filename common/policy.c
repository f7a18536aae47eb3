/* policy.c - from rows to seccomp programs. */
#include "common/policy.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"

/* Room for the list several times over; policy_apply() keeps a copy on its stack. */
enum { PROGRAM_MAX = 1024 };

struct policy_program {
    size_t count;
    size_t listed;        /* instructions that came from libseccomp */
    size_t own_pid_index; /* the instruction that compares with POLICY_OWN_PID; 0 = none */
    struct sock_filter instructions[];
};

static int add_rule(scmp_filter_ctx context, const struct policy_row *row)
{
    struct scmp_arg_cmp comparisons[POLICY_CONDITIONS];
    unsigned count = 0;

    for (size_t i = 0; i < POLICY_CONDITIONS && row->when[i].mask != 0; i++) {
        const struct policy_condition *when = &row->when[i];
        comparisons[count++] = SCMP_CMP(when->argument, SCMP_CMP_MASKED_EQ, when->mask, when->value);
    }
    return seccomp_rule_add_array(context, row->error ? SCMP_ACT_ERRNO(row->error) : SCMP_ACT_ALLOW, row->number, count,
                                  comparisons);
}

/* What no row lists gets the default. A renderer's is TRAP, which is as good as a kill: the call is
 * not made, a blocked or ignored SIGSYS ends the process, and no row lets anyone change the handler. */
static int build(enum policy_role role, uint32_t arch, scmp_filter_ctx context)
{
    /* libseccomp's own action for a foreign architecture ends the thread only, and names nothing. */
    int rc = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH,
                              policy_roles[role].error ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_TRAP);

    if (rc == 0 && arch != seccomp_arch_native())
        rc = seccomp_arch_add(context, arch);
    if (rc == 0 && arch != seccomp_arch_native())
        rc = seccomp_arch_remove(context, SCMP_ARCH_NATIVE);
    /* A binary tree over the numbers; libseccomp 2.5 has it, before that the list does as well. */
    seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (size_t i = 0; rc == 0 && i < policy_row_count; i++) {
        if (policy_row_is_for(&policy_rows[i], role))
            rc = add_rule(context, &policy_rows[i]);
    }
    return rc;
}

static bool has_name(uint32_t arch, int number)
{
    char *name = seccomp_syscall_resolve_num_arch(arch, number);

    free(name);
    return name != NULL;
}

/* Goes before libseccomp's program where that would let them fail with an errno: numbers that libseccomp has no name
 * for end the process. Written out as ranges, because a rule for each of the 370 named calls makes the program twelve
 * times as long and loading it three times as slow (measured: 110 us against 36). Returns the number of instructions.
 */
static size_t write_guard(uint32_t arch, struct sock_filter *out, size_t room)
{
    enum { HIGHEST_LOOKED_AT = 1024 };
    size_t count = 0, ranges = 0;

    out[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int number = 0; number < HIGHEST_LOOKED_AT && count + 3 < room; number++) {
        if (!has_name(arch, number))
            continue;
        int last = number;
        while (last + 1 < HIGHEST_LOOKED_AT && has_name(arch, last + 1))
            last++;
        out[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (unsigned)number, 0, 0);
        out[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (unsigned)last, 0, 0);
        number = last;
        ranges++;
    }
    out[count] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    /* Below a range: to the end of the process. Not above it: past that, into libseccomp's program. */
    for (size_t range = 0; range < ranges; range++) {
        size_t index = 1 + 2 * range;
        out[index].jf = (uint8_t)(count - index - 1);
        out[index + 1].jf = (uint8_t)(count - index - 1);
    }
    return count + 1;
}

/* libseccomp 2.5 exports to an fd only. */
static int export_program(scmp_filter_ctx context, enum policy_role role, uint32_t arch,
                          struct policy_program **ret_program)
{
    struct sock_filter guard[64];
    size_t guard_count = policy_roles[role].error ? write_guard(arch, guard, sizeof(guard) / sizeof(guard[0])) : 0;
    struct policy_program *program;
    struct stat status;
    _fd_cleanup_ int fd = memfd_create("policy", MFD_CLOEXEC);

    if (fd < 0)
        return -errno;
    int rc = seccomp_export_bpf(context, fd);
    if (rc < 0)
        return rc;
    if (fstat(fd, &status) < 0)
        return -errno;
    size_t listed_bytes = (size_t)status.st_size, listed = listed_bytes / sizeof(guard[0]);
    if (guard_count + listed > PROGRAM_MAX)
        return -E2BIG;
    program = calloc(1, sizeof(*program) + (guard_count + listed) * sizeof(guard[0]));
    if (program == NULL)
        return -ENOMEM;
    program->count = guard_count + listed;
    program->listed = listed;
    memcpy(program->instructions, guard, guard_count * sizeof(guard[0]));
    if (pread(fd, program->instructions + guard_count, listed_bytes, 0) != (ssize_t)listed_bytes) {
        free(program);
        return -EIO;
    }
    *ret_program = program;
    return 0;
}

/* Exactly one comparison must be left to fill in, or the rule for tgkill means something else than it says. */
static int find_own_pid(enum policy_role role, struct policy_program *program)
{
    bool wanted = false;

    for (size_t i = 0; i < policy_row_count; i++)
        wanted |= policy_row_is_for(&policy_rows[i], role) && policy_rows[i].when[0].value == POLICY_OWN_PID;
    for (size_t i = 0; i < program->count; i++) {
        const struct sock_filter *instruction = &program->instructions[i];
        if (instruction->k != POLICY_OWN_PID)
            continue;
        if (program->own_pid_index != 0 || instruction->code != (BPF_JMP | BPF_JEQ | BPF_K))
            return -EINVAL;
        program->own_pid_index = i;
    }
    return (program->own_pid_index != 0) == wanted ? 0 : -EINVAL;
}

int policy_compile_for(enum policy_role role, uint32_t arch, struct policy_program **ret_program)
{
    struct policy_program *program = NULL;
    int error = policy_roles[role].error;
    scmp_filter_ctx context = seccomp_init(error ? SCMP_ACT_ERRNO(error) : SCMP_ACT_TRAP);
    int rc = context == NULL ? -ENOMEM : build(role, arch, context);

    if (rc == 0)
        rc = export_program(context, role, arch, &program);
    if (context != NULL)
        seccomp_release(context);
    if (rc == 0)
        rc = program != NULL ? find_own_pid(role, program) : -EINVAL;
    if (rc < 0) {
        policy_free(program);
        return rc;
    }
    *ret_program = program;
    return 0;
}

int policy_compile(enum policy_role role, struct policy_program **ret_program)
{
    return policy_compile_for(role, seccomp_arch_native(), ret_program);
}

const struct sock_filter *policy_instructions(const struct policy_program *program, size_t *ret_count)
{
    *ret_count = program->count;
    return program->instructions;
}

void policy_free(struct policy_program *program)
{
    free(program);
}

int policy_is_supported(void)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    return syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0 ? -errno : 0;
}

/* `own` holds the program from `start` on; it is narrowed to this process and loaded. */
static int load(const struct policy_program *program, struct sock_filter *own, size_t start)
{
    struct sock_fprog loaded = {.len = (unsigned short)(start + program->count), .filter = own};
    long rc;

    memcpy(own + start, program->instructions, program->count * sizeof(own[0]));
    if (program->own_pid_index != 0)
        own[start + program->own_pid_index].k = (unsigned)getpid();
    rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &loaded);
    if (rc > 0) /* the id of a thread that has a filter of its own */
        return -ESRCH;
    return rc < 0 ? -errno : 0;
}

int policy_apply(const struct policy_program *program)
{
    struct sock_filter own[PROGRAM_MAX];

    return load(program, own, 0);
}

#if defined(__x86_64__)
enum { OWN_ARCH = AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { OWN_ARCH = AUDIT_ARCH_AARCH64 };
#endif

int policy_apply_audited(const struct policy_program *program, uint64_t gate)
{
    enum { ADDRESS = offsetof(struct seccomp_data, instruction_pointer) };
    const struct sock_filter front[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)OWN_ARCH, 0, 8), /* else the program's */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 4, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ADDRESS), /* both machines are little-endian */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)gate, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ADDRESS + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(gate >> 32), 2, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    enum { FRONT = sizeof(front) / sizeof(front[0]) };
    struct sock_filter own[FRONT + PROGRAM_MAX];

    memcpy(own, front, sizeof(front));
    return load(program, own, FRONT);
}

#ifdef BULKHEAD_SANITIZED
static const char sanitizer_note[] = "; sanitizer build: allows more calls";
#else
static const char sanitizer_note[] = "";
#endif

int policy_probe(const struct policy_program *program, char *out, size_t out_bytes)
{
    /* Without the filter the kernel would say EFAULT. */
    bool answers = syscall(SYS_sysinfo, NULL) < 0 && errno == EPERM;

    snprintf(out, out_bytes, "%zu instructions, %s%s", program->count,
             answers ? "answers sysinfo with EPERM" : "does not answer", sanitizer_note);
    return answers ? 0 : -EPERM;
}
