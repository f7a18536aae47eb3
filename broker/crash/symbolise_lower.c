#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/crash/symbolise_private.h"
#include "common/fd.h"
#include "common/policy.h"

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

// The record is hostile and libdw a large parser: whatever it may be talked into, it has nothing to do it with. The
// sanitizers' runtime calls more than can be listed.
int symbolise_lower(void)
{
    struct policy_program *program = NULL;
    int r = 0;

    // Compiled while files may still be written: libseccomp exports to a file.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    fd_close_between(3, ~0u);
#ifndef BULKHEAD_SANITIZED
    r = policy_compile(POLICY_SYMBOLISER, &program);
    if (r < 0)
        return r;
#endif
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    limit_resources();
    if (program != NULL)
        r = policy_apply(program);
    policy_free(program);
    return r == -EINVAL ? 0 : r; // a kernel without seccomp: the limits remain
}
