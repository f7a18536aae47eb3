#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/symbolise_private.h"

enum {
    CPU_SECONDS = 5,
    MEMORY_BYTES = 512 * 1024 * 1024,                   // private memory; a bound against runaway parsing
    ADDRESS_SPACE_BYTES = 2 * 1024 * 1024 * 1024ll - 1, // the ELF files are mapped whole
    OPEN_FILES = 2 * LIMIT_MODULES + 32,                // a module may have a debug file beside it
};

static void limit_resources(void)
{
    const struct rlimit none = {0, 0}, cpu = {CPU_SECONDS, CPU_SECONDS}, files = {OPEN_FILES, OPEN_FILES};

    setpriority(PRIO_PROCESS, 0, 10); // the reload of the crashed tab goes first
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &none);
    setrlimit(RLIMIT_CPU, &cpu);
    setrlimit(RLIMIT_NOFILE, &files);
#ifndef BULKHEAD_SANITIZED // shadow memory is terabytes of address space; the leak check traces its own process
    const struct rlimit memory = {MEMORY_BYTES, MEMORY_BYTES}, space = {ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES};
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    setrlimit(RLIMIT_DATA, &memory);
    setrlimit(RLIMIT_AS, &space);
#endif
}

#ifndef BULKHEAD_SANITIZED
static int allow_calls(scmp_filter_ctx filter)
{
    static const int allowed[] = {
        SCMP_SYS(read),      SCMP_SYS(pread64),        SCMP_SYS(readv),
        SCMP_SYS(write),     SCMP_SYS(writev),         SCMP_SYS(close),
        SCMP_SYS(lseek),     SCMP_SYS(fstat),          SCMP_SYS(newfstatat),
        SCMP_SYS(stat),      SCMP_SYS(lstat),          SCMP_SYS(statx),
        SCMP_SYS(access),    SCMP_SYS(faccessat),      SCMP_SYS(faccessat2),
        SCMP_SYS(readlink),  SCMP_SYS(readlinkat),     SCMP_SYS(getdents64),
        SCMP_SYS(munmap),    SCMP_SYS(mremap),         SCMP_SYS(madvise),
        SCMP_SYS(brk),       SCMP_SYS(futex),          SCMP_SYS(clock_gettime),
        SCMP_SYS(getrandom), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
        SCMP_SYS(exit),      SCMP_SYS(exit_group),     SCMP_SYS(getpid),
        SCMP_SYS(gettid),
    };
    int r = 0;

    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0] && r == 0; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    return r;
}

// Opening for reading only, no memory that can be executed, and of fcntl the flags alone.
static int allow_calls_by_argument(scmp_filter_ctx filter)
{
    const uint32_t allow = SCMP_ACT_ALLOW;
    const struct scmp_arg_cmp reads_at =
        SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY);
    const struct scmp_arg_cmp reads = SCMP_A1(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY);
    const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int r = seccomp_rule_add_array(filter, allow, SCMP_SYS(openat), 1, &reads_at);

    r = r != 0 ? r : seccomp_rule_add_array(filter, allow, SCMP_SYS(open), 1, &reads);
    r = r != 0 ? r : seccomp_rule_add_array(filter, allow, SCMP_SYS(mmap), 1, &no_code);
    r = r != 0 ? r : seccomp_rule_add_array(filter, allow, SCMP_SYS(mprotect), 1, &no_code);
    r = r != 0 ? r : seccomp_rule_add(filter, allow, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_LT, F_SETLK));
    return r;
}

// Refused with an errno rather than a kill: a libdw of another system may try more, and does without it.
static int filter_calls(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));

    if (filter == NULL)
        return -ENOMEM;
    seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    int r = allow_calls(filter);
    r = r != 0 ? r : allow_calls_by_argument(filter);
    r = r != 0 ? r : seccomp_load(filter);
    seccomp_release(filter);
    return r;
}
#else
static int filter_calls(void)
{
    return 0; // the sanitizers' runtime calls more than can be listed
}
#endif

// The record is hostile and libdw a large parser: whatever it may be talked into, it has nothing to do it with.
int symbolise_lower(void)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || close_range(3, ~0u, 0) < 0)
        return -errno;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    limit_resources();
    int r = filter_calls();
    return r == -EINVAL ? 0 : r; // a kernel without seccomp: the limits remain
}
