/* policy.c - the list. Everything a renderer does after its cell is closed comes down to these rows. */
#include "renderer/policy.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
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

/* Stands for the process's own pid until policy_apply() knows it. No pid is as large (PID_MAX_LIMIT is 2^22). */
enum { OWN_PID = 0x5eed1d01 };

/* One condition on one argument: (argument & mask) == value. A mask of 32 bits, because the upper half of a register
 * that holds an int may be anything. */
struct policy_condition {
    unsigned argument;
    scmp_datum_t mask, value;
};
enum { CONDITIONS = 2 };

struct policy_rule {
    int number;
    int error;                                /* 0: it runs; else it fails with this errno */
    struct policy_condition when[CONDITIONS]; /* all must hold; mask 0 = none */
    const char *why;
};

#define INT(argument, value)                                                                                           \
    {                                                                                                                  \
        (argument), 0xffffffff, (value)                                                                                \
    }
#define BITS(argument, mask, value)                                                                                    \
    {                                                                                                                  \
        (argument), (mask), (value)                                                                                    \
    }
#define NO_EXEC BITS(2, PROT_EXEC, 0)
/* RLIMIT_DATA counts what is writable now: memory filled and then made read-only would be free, and reading untouched
 * read-only memory fills page tables. So what has no file is readable and writable for as long as it lives. */
#define READ_AND_WRITE INT(2, PROT_READ | PROT_WRITE)
#define OUT_OF_REACH   INT(2, PROT_NONE)
/* Kinds of mapping that RLIMIT_DATA does not count: shared memory without a file, a "stack", huge pages. */
#define KIND_OF_MAPPING (MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_HUGETLB)
/* Without the private and clock bits, which are nobody's concern. PI and requeue operations stay out: years of bugs. */
#define FUTEX_OPERATION(value) BITS(1, FUTEX_CMD_MASK & 0xffffffff, (value))

static const struct policy_rule renderer_rules[] = {
    {SCMP_SYS(recvmsg), .why = "the channel: requests, with their fds"},
    {SCMP_SYS(sendmsg), .why = "the channel: answers, and the crash handler's last word"},
    {SCMP_SYS(ppoll), .why = "waiting for the channel"},
    {SCMP_SYS(poll), .why = "is an empty packet the channel's end?"},
    {SCMP_SYS(close), .why = "fds that came with requests"},
    {SCMP_SYS(write), 0, {INT(0, 1)}, "stdout: a pipe into the broker's log"},
    {SCMP_SYS(write), 0, {INT(0, 2)}, "stderr: the same"},
    {SCMP_SYS(writev), 0, {INT(0, 2)}, "glibc's last words before it aborts"},

    {SCMP_SYS(brk), .why = "malloc; counted by RLIMIT_DATA"},
    {SCMP_SYS(mmap), 0, {READ_AND_WRITE, BITS(3, KIND_OF_MAPPING, MAP_ANONYMOUS)}, "malloc; counted by RLIMIT_DATA"},
    {SCMP_SYS(mmap), 0, {OUT_OF_REACH, BITS(3, KIND_OF_MAPPING, MAP_ANONYMOUS)}, "malloc reserves a heap so"},
    {SCMP_SYS(mmap), 0, {NO_EXEC, BITS(3, KIND_OF_MAPPING, MAP_SHARED)}, "frame memory"},
    {SCMP_SYS(mmap), 0, {NO_EXEC, BITS(3, KIND_OF_MAPPING, 0)}, "documents"},
    {SCMP_SYS(mprotect), 0, {READ_AND_WRITE}, "malloc in a second thread grows its heap so"},
    {SCMP_SYS(munmap), .why = "malloc, documents, frame memory"},
    {SCMP_SYS(madvise), 0, {INT(2, MADV_DONTNEED)}, "free gives pages back"},

    {SCMP_SYS(futex), 0, {FUTEX_OPERATION(FUTEX_WAIT)}, "locks and conditions between the two threads"},
    {SCMP_SYS(futex), 0, {FUTEX_OPERATION(FUTEX_WAKE)}, "the same"},
    {SCMP_SYS(futex), 0, {FUTEX_OPERATION(FUTEX_WAIT_BITSET)}, "the same, with a deadline"},
    {SCMP_SYS(clock_gettime), .why = "the vDSO's way out where it cannot read the clock itself"},
    {SCMP_SYS(gettimeofday), .why = "the same"},
    {SCMP_SYS(clock_nanosleep), .why = "a scene waits for its next frame"},
    {SCMP_SYS(restart_syscall), .why = "the kernel's own, after a stop"},
    {SCMP_SYS(getrandom), .why = "malloc's key; hash seeds"},

    {SCMP_SYS(rt_sigreturn), .why = "handlers return into the fault"},
    {SCMP_SYS(rt_sigprocmask), .why = "abort()"},
    {SCMP_SYS(getpid), .why = "abort()"},
    {SCMP_SYS(gettid), .why = "abort(); the crash record"},
    {SCMP_SYS(tgkill), 0, {INT(0, OWN_PID)}, "abort(); a thread of our own, never a neighbour"},
    {SCMP_SYS(exit), .why = "the end of a thread"},
    {SCMP_SYS(exit_group), .why = "the end"},

    /* Honest code tries these and goes on without; a refusal says so quietly. */
    {SCMP_SYS(openat), EACCES, .why = "locale, time zone, fonts: there are no files in here"},
    {SCMP_SYS(open), EACCES, .why = "the same"},
    {SCMP_SYS(newfstatat), EACCES, .why = "MuPDF asks for \".\" with HTML; stdio for its pipe"},
    {SCMP_SYS(fstat), EACCES, .why = "stdio asks for its pipe"},
    {SCMP_SYS(stat), EACCES, .why = "there are no files in here"},
    {SCMP_SYS(lstat), EACCES, .why = "the same"},
    {SCMP_SYS(statx), EACCES, .why = "the same"},
    {SCMP_SYS(access), EACCES, .why = "the same"},
    {SCMP_SYS(faccessat), EACCES, .why = "the same"},
    {SCMP_SYS(readlink), EACCES, .why = "the same"},
    {SCMP_SYS(readlinkat), EACCES, .why = "the same"},
    {SCMP_SYS(ioctl), ENOTTY, .why = "stdio asks whether its pipe is a terminal"},
    {SCMP_SYS(sysinfo), EPERM, .why = "glibc's qsort asks how much memory there is"},
    {SCMP_SYS(sched_getaffinity), EPERM, .why = "how many processors: one will do"},
    {SCMP_SYS(mremap), ENOMEM,
     .why = "realloc copies instead: one call over the whole corpus, and the main thread's stack could be grown with "
            "it to any size, for RLIMIT_DATA leaves stacks out"},
    {SCMP_SYS(clone3), ENOSYS,
     .why = "its flags are behind a pointer, out of a filter's sight: glibc then tries clone"},
    {SCMP_SYS(clone), EPERM, .why = "no more threads, no processes"},
    {SCMP_SYS(fork), EPERM, .why = "the same"},
    {SCMP_SYS(vfork), EPERM, .why = "the same"},

#ifdef BULKHEAD_SANITIZED
    /* The sanitizers' run-time looks around before it reports, and keeps alternate stacks of its own. */
    {SCMP_SYS(mmap), 0, {NO_EXEC, BITS(3, KIND_OF_MAPPING, MAP_ANONYMOUS)}, "sanitizer build"},
    {SCMP_SYS(mprotect), 0, {NO_EXEC}, "sanitizer build"},
    {SCMP_SYS(madvise), .why = "sanitizer build"},
    {SCMP_SYS(sigaltstack), .why = "sanitizer build"},
    {SCMP_SYS(rt_sigaction), .why = "sanitizer build"},
    {SCMP_SYS(sched_yield), .why = "sanitizer build"},
    {SCMP_SYS(getrusage), .why = "sanitizer build"},
    {SCMP_SYS(prlimit64), .why = "sanitizer build"},
    {SCMP_SYS(getuid), .why = "sanitizer build"},
#endif
};

static const struct policy_rule init_rules[] = {
    {SCMP_SYS(ppoll), .why = "waits for ever"},
    {SCMP_SYS(restart_syscall), .why = "the kernel's own, after a stop"},
    {SCMP_SYS(exit_group), .why = "the end"},
};

/* Room for the list several times over; policy_apply() keeps a copy on its stack. */
enum { PROGRAM_MAX = 1024 };

struct policy_program {
    size_t count;
    size_t listed;        /* instructions that came from libseccomp */
    size_t own_pid_index; /* the instruction that compares with OWN_PID; 0 = none */
    struct sock_filter instructions[];
};

static int add_rule(scmp_filter_ctx context, const struct policy_rule *rule)
{
    struct scmp_arg_cmp comparisons[CONDITIONS];
    unsigned count = 0;

    /* libseccomp numbers the calls this machine does not have below zero. */
    if (rule->number < 0)
        return 0;
    for (size_t i = 0; i < CONDITIONS && rule->when[i].mask != 0; i++) {
        const struct policy_condition *when = &rule->when[i];
        comparisons[count++] = SCMP_CMP(when->argument, SCMP_CMP_MASKED_EQ, when->mask, when->value);
    }
    return seccomp_rule_add_array(context, rule->error ? SCMP_ACT_ERRNO(rule->error) : SCMP_ACT_ALLOW, rule->number,
                                  count, comparisons);
}

/* Calls with a name that no row lists get the default, TRAP. It is as good as a kill: the call is not made, a blocked
 * or ignored SIGSYS ends the process, and no row lets anyone change the handler. */
static int build(enum policy_kind kind, scmp_filter_ctx context)
{
    const struct policy_rule *rules = kind == POLICY_INIT ? init_rules : renderer_rules;
    size_t count = kind == POLICY_INIT ? sizeof(init_rules) / sizeof(init_rules[0])
                                       : sizeof(renderer_rules) / sizeof(renderer_rules[0]);
    /* libseccomp's own action for a foreign architecture ends the thread only. */
    int rc = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

    /* A binary tree over the numbers; libseccomp 2.5 has it, before that the list does as well. */
    seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_rule(context, &rules[i]);
    return rc;
}

static bool has_name(int number)
{
    char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);

    free(name);
    return name != NULL;
}

/* Goes before libseccomp's program: numbers that libseccomp has no name for end the process. Written out as ranges,
 * because a rule for each of the 370 named calls makes the program twelve times as long and loading it three times as
 * slow (measured: 110 us against 36). Returns the number of instructions. */
static size_t write_guard(struct sock_filter *out, size_t room)
{
    enum { HIGHEST_LOOKED_AT = 1024 };
    size_t count = 0, ranges = 0;

    out[count++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int number = 0; number < HIGHEST_LOOKED_AT && count + 3 < room; number++) {
        if (!has_name(number))
            continue;
        int last = number;
        while (last + 1 < HIGHEST_LOOKED_AT && has_name(last + 1))
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
static int export_program(scmp_filter_ctx context, struct policy_program **ret_program)
{
    struct sock_filter guard[64];
    size_t guard_count = write_guard(guard, sizeof(guard) / sizeof(guard[0]));
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
static int find_own_pid(struct policy_program *program)
{
    for (size_t i = 0; i < program->count; i++) {
        const struct sock_filter *instruction = &program->instructions[i];
        if (instruction->k != OWN_PID)
            continue;
        if (program->own_pid_index != 0 || instruction->code != (BPF_JMP | BPF_JEQ | BPF_K))
            return -EINVAL;
        program->own_pid_index = i;
    }
    return program->own_pid_index != 0 ? 0 : -EINVAL;
}

int policy_compile(enum policy_kind kind, struct policy_program **ret_program)
{
    struct policy_program *program = NULL;
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_TRAP);
    int rc = context == NULL ? -ENOMEM : build(kind, context);

    if (rc == 0)
        rc = export_program(context, &program);
    if (context != NULL)
        seccomp_release(context);
    if (rc == 0 && kind == POLICY_RENDERER)
        rc = find_own_pid(program);
    if (rc < 0) {
        policy_free(program);
        return rc;
    }
    *ret_program = program;
    return 0;
}

void policy_free(struct policy_program *program)
{
    free(program);
}

int policy_apply(const struct policy_program *program)
{
    struct sock_filter own[PROGRAM_MAX];
    struct sock_fprog loaded = {.len = (unsigned short)program->count, .filter = own};
    long rc;

    memcpy(own, program->instructions, program->count * sizeof(own[0]));
    if (program->own_pid_index != 0)
        own[program->own_pid_index].k = (unsigned)getpid();
    rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &loaded);
    if (rc > 0) /* the id of a thread that has a filter of its own */
        return -ESRCH;
    return rc < 0 ? -errno : 0;
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
