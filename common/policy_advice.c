#include "common/policy_advice.h"

#include <stdio.h>
#include <string.h>

enum { FAMILY_CALLS = 24 };

static const struct family {
    const char *opens, *calls[FAMILY_CALLS];
} families[] = {
    {"lets it open files by name; the empty root and Landlock would still stand in the way",
     {"open", "openat", "openat2", "creat", "open_by_handle_at", "name_to_handle_at"}},
    {"lets it ask about files by name; the empty root has none, but Landlock does not hide what can be seen",
     {"stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "statfs",
      "getcwd", "getdents64", "inotify_init1", "chdir"}},
    {"lets it read or write any descriptor it holds, the channel's included, past the checks of the channel",
     {"read", "pread64", "readv", "preadv", "preadv2", "write", "pwrite64", "writev", "pwritev", "pwritev2", "sendfile",
      "splice", "tee", "vmsplice", "copy_file_range", "lseek", "fstat"}},
    {"lets it change files it has open or can name; they are opened read-only, and frame memory is sealed",
     {"ftruncate", "truncate", "fallocate", "unlink", "unlinkat", "rename",  "renameat",
      "renameat2", "mkdir",    "mkdirat",   "link",   "linkat",   "symlink", "symlinkat",
      "chmod",     "fchmod",   "fchmodat",  "chown",  "fchown",   "fchownat"}},
    {"lets it copy and change descriptors; signals could be aimed at others with F_SETOWN, so test the command",
     {"fcntl", "dup", "dup2", "dup3", "flock", "close_range"}},
    {"lets it speak to device drivers and terminals, TIOCSTI included; the pipes and the channel it holds are neither",
     {"ioctl"}},
    {"lets it make sockets; the empty network namespace and Landlock would still keep it off the network",
     {"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "recvfrom", "sendmmsg",
      "recvmmsg", "setsockopt", "getsockopt", "getsockname", "getpeername", "shutdown"}},
    {"lets it make processes and threads; RLIMIT_NPROC and the pid namespace would still bound and hold them",
     {"clone", "clone3", "fork", "vfork", "set_robust_list", "set_tid_address", "rseq", "wait4", "waitid"}},
    {"lets it start programs; the empty root has none, and no_new_privs keeps rights as they are",
     {"execve", "execveat"}},
    {"lets it signal, trace or read other renderers; the pid namespace and Landlock's scope still hide the rest",
     {"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd",
      "pidfd_send_signal", "ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "process_madvise"}},
    {"lets it make or change memory in a way the limits do not count or that could become code; MDWE still forbids "
     "what is writable to become executable",
     {"mmap", "mprotect", "pkey_mprotect", "pkey_alloc", "mremap", "madvise", "remap_file_pages", "shmget", "shmat",
      "memfd_create", "memfd_secret", "mlock", "mlock2", "mlockall", "mincore", "msync", "membarrier"}},
    {"lets it make namespaces and mounts, the largest part of the kernel that a sandbox shuts off; capabilities are "
     "gone, but a new user namespace gives them back inside it",
     {"unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen", "fsmount",
      "fsconfig", "mount_setattr"}},
    {"lets it reach a part of the kernel with a long record of holes; nothing behind seccomp guards it",
     {"io_uring_setup", "io_uring_enter", "io_uring_register", "bpf", "userfaultfd", "perf_event_open", "keyctl",
      "add_key", "request_key", "modify_ldt", "seccomp", "landlock_create_ruleset", "fanotify_init"}},
    {"lets it change who handles its signals, and so hide a refused call from the crash handler",
     {"rt_sigaction", "sigaltstack", "signalfd", "signalfd4", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigpending"}},
    {"lets it change its own process: dumpable, death signal, limits; lowered limits cannot be raised again",
     {"prctl", "arch_prctl", "setrlimit", "prlimit64", "setpriority", "sched_setaffinity", "sched_setscheduler",
      "personality", "ioprio_set", "umask"}},
    {"tells it about this machine: memory, processors, load, names; a fingerprint, and little more",
     {"sysinfo", "uname", "sched_getaffinity", "getcpu", "getrusage", "times", "getrlimit", "getpriority", "getuid",
      "geteuid", "getgid", "getegid", "getppid", "getpgrp", "getsid", "getresuid", "getresgid", "capget"}},
    {"gives it clocks, timers and random numbers; precise clocks help to measure side channels",
     {"clock_gettime", "clock_getres", "gettimeofday", "time", "nanosleep", "clock_nanosleep", "getrandom",
      "timer_create", "timer_settime", "timerfd_create", "alarm", "setitimer"}},
    {"lets it wait in one more way; it gains no rights, and the kernel code behind it becomes reachable",
     {"poll", "select", "pselect6", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "pipe",
      "pipe2", "futex", "futex_waitv", "sched_yield", "pause", "exit"}},
};

const char *policy_advice_opens(const char *call)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        for (size_t j = 0; j < FAMILY_CALLS && families[i].calls[j] != NULL; j++) {
            if (strcmp(families[i].calls[j], call) == 0)
                return families[i].opens;
        }
    }
    return "opens what nobody has looked at: read its manual page first";
}

/* The arguments by which the table tells this call's rows apart, for any role: those matter. */
static unsigned arguments_that_matter(const char *call)
{
    unsigned matter = 0;

    for (size_t i = 0; i < policy_row_count; i++) {
        for (size_t j = 0; j < POLICY_CONDITIONS && strcmp(policy_rows[i].call, call) == 0; j++) {
            if (policy_rows[i].when[j].mask != 0)
                matter |= 1u << policy_rows[i].when[j].argument;
        }
    }
    return matter;
}

static const char *role_constant(enum policy_role role)
{
    switch (role) {
    case POLICY_RENDERER:
        return "RENDERER";
    case POLICY_INIT:
        return "INIT";
    case POLICY_SYMBOLISER:
        return "SYMBOLISER";
    case POLICY_ROLES:
        break;
    }
    return "?";
}

void policy_advice_row(enum policy_role role, const char *call, const uint64_t arguments[6], char *out,
                       size_t out_bytes)
{
    unsigned matter = arguments_that_matter(call), written = 0;
    char conditions[192] = "";
    size_t used = 0;

    for (unsigned i = 0; i < 6 && written < POLICY_CONDITIONS; i++) {
        if ((matter & 1u << i) == 0)
            continue;
        int length = snprintf(conditions + used, sizeof(conditions) - used, "%sINT(%u, 0x%llx, \"WORDS\")",
                              written++ ? ", " : "", i, (unsigned long long)(arguments[i] & 0xffffffff));
        used += length > 0 ? (size_t)length : 0;
    }
    if (written != 0)
        snprintf(out, out_bytes, "{CALL(%s), %s, RUNS, {%s}, \"WHY\"},", call, role_constant(role), conditions);
    else
        snprintf(out, out_bytes, "{CALL(%s), %s, .why = \"WHY\"},", call, role_constant(role));
}
