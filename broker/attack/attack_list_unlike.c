/* The degradation matrix: what comes of an attempt where a layer is left out, and what it is then that stops or
 * confines it. What is not here comes out as in a whole cell: nearly everything where any layer but seccomp is missing,
 * because seccomp stands in front of all. */
#include "broker/attack/attack_list_private.h"

/* name, missing layer, outcome, detail, layer that is left, then any other member by its name. */
#define UNLIKE(row_name, layer, row_outcome, row_detail, row_layer, ...)                                               \
    {                                                                                                                  \
        .name = (row_name), .missing = BULKHEAD__LAYER_FACT__LAYER__##layer,                                           \
        .expected = {ATTACK_##row_outcome, (row_detail), (row_layer)}, ##__VA_ARGS__                                   \
    }
#define OR(row_outcome, row_detail, row_layer) .otherwise = {ATTACK_##row_outcome, (row_detail), (row_layer)}

const struct attack_unlike attack_list_unlikes[] = {
    /* A filter of its own takes that promise, or CAP_SYS_ADMIN. */
    UNLIKE("seccomp-listener", NO_NEW_PRIVS, REFUSED, "EACCES", "capabilities"),

    /* The root is empty, so that there is nothing to open, change or run. */
    UNLIKE("open-passwd", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("open-proc-1-root", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("openat-dotdot", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("open-self-mem", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("create-file", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("openat2", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("stat-passwd", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("statx-passwd", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("readlink-exe", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("unlink", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("rename", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("mkdir", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("symlink", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("mknod", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("chmod", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("chroot", SECCOMP, REFUSED, "ENOENT", "empty root"),
    UNLIKE("execve", SECCOMP, REFUSED, "ENOENT", "empty root"),
    /* Its own descriptors are a null device, two pipes and a socket: no directory, no program, no namespace, no
     * process. */
    UNLIKE("getdents", SECCOMP, REFUSED, "ENOTDIR", "closed fds"),
    UNLIKE("execveat-memfd", SECCOMP, REFUSED, "EACCES", "closed fds"),
    UNLIKE("setns", SECCOMP, REFUSED, "EINVAL", "closed fds"),
    UNLIKE("pidfd-getfd", SECCOMP, REFUSED, "EBADF", "closed fds"),
    UNLIKE("pidfd-send-signal", SECCOMP, REFUSED, "EBADF", "closed fds"),
    UNLIKE("ftruncate", SECCOMP, REFUSED, "EINVAL", "closed fds"),
    UNLIKE("truncate-frames", SECCOMP, REFUSED, "EPERM", "sealed memory"),
    UNLIKE("punch-frames", SECCOMP, SUCCEEDED, "", "sealed memory"), /* as long as before: the broker reads zeros */
    /* Its own: it waits for the next message, and takes it from itself. Is that a ping, then nobody answers it. */
    UNLIKE("read-channel", SECCOMP, SUCCEEDED, "", "closed fds", OR(HUNG, "no answer", "watchdog")),
    UNLIKE("sendfile", SECCOMP, SUCCEEDED, "", "closed fds", OR(HUNG, "no answer", "watchdog")),
    UNLIKE("write-other-fd", SECCOMP, BAD_MESSAGE, "truncated frame", "codec scan"),
    UNLIKE("dup", SECCOMP, SUCCEEDED, "", "rlimit"),
    UNLIKE("memfd-create", SECCOMP, SUCCEEDED, "", "rlimit"),
    UNLIKE("inotify", SECCOMP, SUCCEEDED, "", "empty root"),
    UNLIKE("fcntl-setown", SECCOMP, SUCCEEDED, "", "pid namespace"),
    UNLIKE("fcntl-setsig", SECCOMP, SUCCEEDED, "", "pid namespace"),
    UNLIKE("open-by-handle", SECCOMP, REFUSED, "EINVAL", "capabilities", OR(REFUSED, "EPERM", "capabilities")),

    /* No processes more than it is, and of the others none it could enter. But siblings are of one id: they can end one
     * another. In a cell that was retired meanwhile they are no siblings any more. */
    UNLIKE("fork", SECCOMP, REFUSED, "EAGAIN", "rlimit"),
    UNLIKE("clone-newuser", SECCOMP, REFUSED, "EAGAIN", "rlimit"),
    UNLIKE("clone-thread", SECCOMP, REFUSED, "EAGAIN", "rlimit"),
    UNLIKE("new-thread", SECCOMP, REFUSED, "EAGAIN", "rlimit"),
    UNLIKE("clone3", SECCOMP, REFUSED, "EAGAIN", "rlimit"),
    UNLIKE("unshare", SECCOMP, REFUSED, "EINVAL", "kernel"), /* a process of two threads may make no user namespace */
    UNLIKE("ptrace-sibling", SECCOMP, REFUSED, "EPERM", "not dumpable", OR(REFUSED, "ESRCH", "pid namespace")),
    UNLIKE("ptrace-traceme", SECCOMP, SUCCEEDED, "", "pid namespace"), /* by its parent, the broker, which does not */
    UNLIKE("vm-readv", SECCOMP, REFUSED, "EPERM", "not dumpable", OR(REFUSED, "ESRCH", "pid namespace")),
    UNLIKE("vm-writev", SECCOMP, REFUSED, "EPERM", "not dumpable", OR(REFUSED, "ESRCH", "pid namespace")),
    UNLIKE("kcmp", SECCOMP, REFUSED, "EPERM", "not dumpable", OR(REFUSED, "ESRCH", "pid namespace")),
    UNLIKE("move-pages", SECCOMP, REFUSED, "EPERM", "not dumpable", OR(REFUSED, "", "pid namespace")),
    UNLIKE("kill-broker", SECCOMP, SUCCEEDED, "", "pid namespace"), /* 1 is the init, which no kill from inside ends */
    UNLIKE("kill-all", SECCOMP, SUCCEEDED, "", "pid namespace", .harms_neighbours = true),
    UNLIKE("tgkill-sibling", SECCOMP, SUCCEEDED, "", "pid namespace", OR(REFUSED, "ESRCH", "pid namespace"),
           .harms_neighbours = true),
    UNLIKE("sigqueue-sibling", SECCOMP, SUCCEEDED, "", "pid namespace", OR(REFUSED, "ESRCH", "pid namespace"),
           .harms_neighbours = true),
    UNLIKE("pidfd-open", SECCOMP, SUCCEEDED, "", "pid namespace", OR(REFUSED, "ESRCH", "pid namespace")),
    UNLIKE("setpriority", SECCOMP, REFUSED, "EACCES", "rlimit"),
    UNLIKE("sched-setscheduler", SECCOMP, REFUSED, "EPERM", "rlimit"),
    UNLIKE("prlimit-raise", SECCOMP, REFUSED, "EPERM", "rlimit"),
    UNLIKE("setrlimit", SECCOMP, REFUSED, "EPERM", "rlimit", .not_sanitized = "memory is not limited"),

    /* No capability, and in its user namespace no other id. */
    UNLIKE("setuid-root", SECCOMP, REFUSED, "EINVAL", "user namespace"),
    UNLIKE("setresuid", SECCOMP, REFUSED, "EINVAL", "user namespace"),
    UNLIKE("capset", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("mount", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("umount", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("pivot-root", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("open-tree", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("fsopen", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("sethostname", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("reboot", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("settime", SECCOMP, REFUSED, "EPERM", "capabilities"),
    UNLIKE("fanotify", SECCOMP, REFUSED, "EPERM", "capabilities"),
    /* These a kernel may have been built without. */
    UNLIKE("init-module", SECCOMP, REFUSED, "EPERM", "capabilities", OR(REFUSED, "ENOSYS", "kernel")),
    UNLIKE("kexec", SECCOMP, REFUSED, "EPERM", "capabilities", OR(REFUSED, "ENOSYS", "kernel")),
    UNLIKE("ioperm", SECCOMP, REFUSED, "EPERM", "capabilities", OR(REFUSED, "ENOSYS", "kernel")),
    /* What a process may do to itself. */
    UNLIKE("prctl-dumpable", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("prctl-pdeathsig", SECCOMP, SUCCEEDED, "", "pid namespace"), /* the init's death is its own */
    UNLIKE("seccomp-listener", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("landlock", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("personality", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("arch-prctl", SECCOMP, SUCCEEDED, "", "nothing", OR(REFUSED, "ENODEV", "kernel")),
    UNLIKE("modify-ldt", SECCOMP, SUCCEEDED, "", "nothing", OR(REFUSED, "ENOSYS", "kernel")),

    /* Sockets lead nowhere in an empty network namespace; the rest is kernel that only the filter keeps away. */
    UNLIKE("socket-inet", SECCOMP, SUCCEEDED, "", "net namespace"),
    UNLIKE("main-thread-socket", SECCOMP, SUCCEEDED, "", "net namespace"),
    UNLIKE("blocked-sigsys", SECCOMP, SUCCEEDED, "", "net namespace"),
    UNLIKE("socket-netlink", SECCOMP, SUCCEEDED, "", "net namespace"),
    UNLIKE("socket-alg", SECCOMP, SUCCEEDED, "", "nothing", OR(REFUSED, "EAFNOSUPPORT", "kernel")),
    UNLIKE("socketpair", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("connect-abstract", SECCOMP, REFUSED, "ECONNREFUSED", "net namespace"),
    UNLIKE("setsockopt", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("io-uring", SECCOMP, REFUSED, "ENOMEM", "rlimit", OR(REFUSED, "", "kernel")),
    UNLIKE("userfaultfd", SECCOMP, REFUSED, "EPERM", "capabilities", OR(SUCCEEDED, "", "nothing")),
    UNLIKE("bpf", SECCOMP, REFUSED, "EPERM", "capabilities", OR(REFUSED, "", "kernel")),
    UNLIKE("perf-event-open", SECCOMP, REFUSED, "EACCES", "capabilities", OR(REFUSED, "", "kernel")),
    UNLIKE("keyctl", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("add-key", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("shmget", SECCOMP, SUCCEEDED, "", "ipc namespace"),
    UNLIKE("msgget", SECCOMP, SUCCEEDED, "", "ipc namespace"),
    UNLIKE("mq-open", SECCOMP, REFUSED, "EMFILE", "rlimit", OR(REFUSED, "ENOSYS", "kernel")),
    UNLIKE("timer-create", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("futex-pi", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("sigaction-sigsys", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("sysinfo", SECCOMP, SUCCEEDED, "", "nothing"),
    UNLIKE("uname", SECCOMP, SUCCEEDED, "", "uts namespace"),
    UNLIKE("int-0x80", SECCOMP, SUCCEEDED, "", "pid namespace", OR(CRASHED, "SIGSEGV", "kernel signal")),
    UNLIKE("x32-call", SECCOMP, REFUSED, "ENOSYS", "kernel", OR(SUCCEEDED, "", "pid namespace")),
    UNLIKE("no-such-call", SECCOMP, REFUSED, "ENOSYS", "kernel"),

    UNLIKE("mmap-exec", SECCOMP, REFUSED, "EACCES", "MDWE"),
    UNLIKE("mprotect-exec", SECCOMP, REFUSED, "EACCES", "MDWE"),
    UNLIKE("pkey-mprotect", SECCOMP, REFUSED, "EACCES", "MDWE"),
    UNLIKE("mremap", SECCOMP, REFUSED, "ENOMEM", "rlimit", .not_sanitized = "memory is not limited"),
    UNLIKE("madvise-remove", SECCOMP, REFUSED, "EINVAL", "kernel"), /* only what is shared has anything to remove */
    UNLIKE("mlockall", SECCOMP, REFUSED, "EPERM", "rlimit"),
    UNLIKE("mprotect-beyond-limit", SECCOMP, REFUSED, "ENOMEM", "rlimit"),
    UNLIKE("record-other-call", SECCOMP, HUNG, "no answer", "watchdog"), /* the call it lies about returns */

    /* Memory that two pages share: a descriptor can do what it was opened for, and the seals are there from birth. */
    UNLIKE("reader-mprotects", SECCOMP, REFUSED, "EACCES", "read-only fd"),
    UNLIKE("writer-shrinks", SECCOMP, REFUSED, "EPERM", "seals"),
    UNLIKE("writer-seals", SECCOMP, REFUSED, "EPERM", "seals"),

    UNLIKE("mmap-beyond-limit", RESOURCE_LIMITS, SUCCEEDED, "", "nothing"),
    /* It takes gigabytes until then. */
    UNLIKE("allocates-for-ever", RESOURCE_LIMITS, HUNG, "no answer", "watchdog", OR(MEMORY, "", "kernel")),
    UNLIKE("push-1-fd", CHANNEL_REFUSES_FDS, BAD_MESSAGE, "unexpected fds", "codec scan"),
    UNLIKE("push-253-fds", CHANNEL_REFUSES_FDS, BAD_MESSAGE, "unexpected fds", "codec scan"),
    {0},
};
