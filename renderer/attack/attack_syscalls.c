/* System calls that a taken-over renderer would try. Plain ones are rows of data, made raw, with real pointers, so that
 * they would do what they are called if nothing stood in the way. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "renderer/attack/attacker.h"
#include "renderer/zygote.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

/* Process 1 is the cell's init; it stands where the broker would. SIBLING is filled in when the call is made. */
enum { SIBLING = 0, BROKER = 1, ATTACK_PAGE = 4096, X32_BIT = 0x40000000, NO_SUCH_CALL = 9999, KEYCTL_SESSION = 0 };

#define SESSION_KEYRING ((uintptr_t)-3)
#define NO_KEY          ((uintptr_t)-1)

static char *const no_strings[] = {NULL};
static char scratch[ATTACK_PAGE] __attribute__((aligned(ATTACK_PAGE)));
static const struct iovec scratch_iov = {scratch, sizeof scratch};
static const struct sockaddr_un abstract_socket = {AF_UNIX, "\0/tmp/.X11-unix/X0"};
static struct io_uring_params uring;
static const union bpf_attr bpf_map = {
    .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
static const struct perf_event_attr perf = {.type = PERF_TYPE_SOFTWARE, .size = sizeof perf};
static const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
static struct sock_filter allow_all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
static const struct sock_fprog any_filter = {.len = 1, .filter = allow_all};
static const struct sigaction ignore = {.sa_handler = SIG_IGN};
static const struct __user_cap_header_struct own_capabilities = {.version = _LINUX_CAPABILITY_VERSION_3};
static const struct __user_cap_data_struct all_capabilities[2] = {{~0u, ~0u, ~0u}, {~0u, ~0u, ~0u}};
static const struct sched_param highest = {.sched_priority = 99};
static const siginfo_t forged_words = {.si_signo = SIGKILL, .si_code = SI_QUEUE};
static const uint64_t clone3_arguments[11] = {[4] = SIGCHLD};
static const char memfd_name[] = "x";
static long sysctl_scratch[16];

#define P(object) ((uintptr_t)(object))
#define HERE      ((uintptr_t)(uint32_t)AT_FDCWD)

const struct attack_call attack_calls[] = {
    /* files */
    {"open-passwd", SYS_openat, {HERE, P("/etc/passwd"), O_RDONLY}},
    {"open-proc-1-root", SYS_openat, {HERE, P("/proc/1/root/etc/passwd"), O_RDONLY}},
    {"openat-dotdot", SYS_openat, {HERE, P("../../../../etc/passwd"), O_RDONLY}},
    {"open-self-mem", SYS_openat, {HERE, P("/proc/self/mem"), O_RDWR}},
    {"create-file", SYS_openat, {HERE, P("/tmp/owned"), O_WRONLY | O_CREAT, 0600}},
    {"openat2", SYS_openat2, {HERE, P("/etc/passwd"), P(scratch), 24}},
    {"stat-passwd", SYS_newfstatat, {HERE, P("/etc/passwd"), P(scratch), 0}},
    {"statx-passwd", SYS_statx, {HERE, P("/etc/passwd"), 0, 0, P(scratch)}},
    {"readlink-exe", SYS_readlinkat, {HERE, P("/proc/self/exe"), P(scratch), sizeof scratch}},
    {"unlink", SYS_unlinkat, {HERE, P("/etc/passwd"), 0}},
    {"rename", SYS_renameat2, {HERE, P("/etc/passwd"), HERE, P("/etc/owned"), 0}},
    {"mkdir", SYS_mkdirat, {HERE, P("/tmp/owned"), 0700}},
    {"symlink", SYS_symlinkat, {P("/etc/passwd"), HERE, P("/tmp/owned")}},
    {"mknod", SYS_mknodat, {HERE, P("/tmp/disk"), 060600, 0x800}},
    {"chmod", SYS_fchmodat, {HERE, P("/etc/passwd"), 0666}},
    {"getdents", SYS_getdents64, {0, P(scratch), sizeof scratch}},
    {"chroot", SYS_chroot, {P("/proc/1/root")}},
    {"open-by-handle", SYS_open_by_handle_at, {HERE, P(scratch), O_RDONLY}},
    {"write-other-fd", SYS_write, {ZYGOTE_CHANNEL_FD, P("x"), 1}},
    {"read-channel", SYS_read, {ZYGOTE_CHANNEL_FD, P(scratch), 1}},
    {"dup", SYS_dup, {ZYGOTE_CHANNEL_FD}},
    {"sendfile", SYS_sendfile, {1, ZYGOTE_CHANNEL_FD, 0, 1}},
    {"memfd-create", SYS_memfd_create, {P(memfd_name), 0}},
    {"inotify", SYS_inotify_init1, {0}},
    {"fanotify", SYS_fanotify_init, {0, O_RDONLY}},
    {"fcntl-setown", SYS_fcntl, {ZYGOTE_CHANNEL_FD, F_SETOWN, BROKER}},
    {"fcntl-setsig", SYS_fcntl, {ZYGOTE_CHANNEL_FD, F_SETSIG, SIGKILL}},
    {"tiocsti", SYS_ioctl, {0, TIOCSTI, P("x")}},
    {"tioclinux", SYS_ioctl, {0, TIOCLINUX, P(scratch)}},
    /* processes */
    {"execve", SYS_execve, {P("/bin/sh"), P(no_strings), P(no_strings)}},
    {"execveat-memfd", SYS_execveat, {ZYGOTE_CHANNEL_FD, P(""), P(no_strings), P(no_strings), AT_EMPTY_PATH}},
    {"fork", SYS_clone, {SIGCHLD}},
    {"clone-newuser", SYS_clone, {CLONE_NEWUSER | SIGCHLD}},
    {"clone-thread", SYS_clone, {CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, P(scratch + 2048)}},
    {"clone3", SYS_clone3, {P(clone3_arguments), sizeof clone3_arguments}},
    {"unshare", SYS_unshare, {CLONE_NEWUSER | CLONE_NEWNS}},
    {"setns", SYS_setns, {ZYGOTE_CHANNEL_FD, CLONE_NEWNET}},
    {"ptrace-sibling", SYS_ptrace, {PTRACE_ATTACH, SIBLING, 0, 0}, .sibling = {2}},
    {"ptrace-traceme", SYS_ptrace, {PTRACE_TRACEME, 0, 0, 0}},
    {"vm-readv", SYS_process_vm_readv, {SIBLING, P(&scratch_iov), 1, P(&scratch_iov), 1, 0}, .sibling = {1}},
    {"vm-writev", SYS_process_vm_writev, {SIBLING, P(&scratch_iov), 1, P(&scratch_iov), 1, 0}, .sibling = {1}},
    {"kill-broker", SYS_kill, {BROKER, SIGKILL}},
    {"kill-all", SYS_kill, {(uintptr_t)-1, SIGKILL}},
    {"tgkill-sibling", SYS_tgkill, {SIBLING, SIBLING, SIGKILL}, .sibling = {1, 2}},
    {"sigqueue-sibling", SYS_rt_sigqueueinfo, {SIBLING, SIGKILL, P(&forged_words)}, .sibling = {1}},
    {"pidfd-open", SYS_pidfd_open, {SIBLING, 0}, .sibling = {1}},
    {"pidfd-getfd", SYS_pidfd_getfd, {ZYGOTE_CHANNEL_FD, 0, 0}},
    {"pidfd-send-signal", SYS_pidfd_send_signal, {ZYGOTE_CHANNEL_FD, SIGKILL, 0, 0}},
    {"kcmp", SYS_kcmp, {SIBLING, BROKER, 0, 0, 0}, .sibling = {1}},
    {"setpriority", SYS_setpriority, {PRIO_PROCESS, 0, (uintptr_t)-20}},
    {"sched-setscheduler", SYS_sched_setscheduler, {0, SCHED_FIFO, P(&highest)}},
    {"prlimit-raise", SYS_prlimit64, {0, RLIMIT_DATA, P(&unlimited), 0}},
    {"setrlimit", SYS_setrlimit, {RLIMIT_DATA, P(&unlimited)}},
    /* privileges */
    {"setuid-root", SYS_setuid, {0}},
    {"setresuid", SYS_setresuid, {0, 0, 0}},
    {"capset", SYS_capset, {P(&own_capabilities), P(all_capabilities)}},
    {"mount", SYS_mount, {P("none"), P("/"), P("tmpfs"), 0, 0}},
    {"umount", SYS_umount2, {P("/"), MNT_DETACH}},
    {"pivot-root", SYS_pivot_root, {P("."), P(".")}},
    {"open-tree", SYS_open_tree, {HERE, P("/"), 1}},
    {"fsopen", SYS_fsopen, {P("tmpfs"), 0}},
    {"sethostname", SYS_sethostname, {P("owned"), 5}},
    {"reboot", SYS_reboot, {0xfee1dead, 672274793, 0x1234567}},
    {"init-module", SYS_init_module, {P(scratch), sizeof scratch, P("")}},
    {"kexec", SYS_kexec_load, {0, 0, 0, 0}},
    {"settime", SYS_clock_settime, {0, P(scratch)}},
    {"prctl-dumpable", SYS_prctl, {PR_SET_DUMPABLE, 1}},
    {"prctl-pdeathsig", SYS_prctl, {PR_SET_PDEATHSIG, 0}},
    {"seccomp-listener", SYS_seccomp, {SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, P(&any_filter)}},
    {"landlock", SYS_landlock_create_ruleset, {0, 0, 1}},
    {"personality", SYS_personality, {0x0400000}},
    {"arch-prctl", SYS_arch_prctl, {0x1012, 0}},
    {"modify-ldt", SYS_modify_ldt, {1, P(scratch), 16}},
    {"ioperm", SYS_ioperm, {0, 1, 1}},
    /* sockets and the kernel's larger surfaces */
    {"socket-inet", SYS_socket, {AF_INET, SOCK_STREAM, 0}},
    {"socket-netlink", SYS_socket, {AF_NETLINK, SOCK_RAW, 0}},
    {"socket-alg", SYS_socket, {38, SOCK_SEQPACKET, 0}},
    {"socketpair", SYS_socketpair, {AF_UNIX, SOCK_STREAM, 0, P(scratch)}},
    {"connect-abstract", SYS_connect, {ZYGOTE_CHANNEL_FD, P(&abstract_socket), sizeof abstract_socket}},
    {"setsockopt", SYS_setsockopt, {ZYGOTE_CHANNEL_FD, SOL_SOCKET, SO_SNDBUF, P(scratch), 4}},
    {"io-uring", SYS_io_uring_setup, {8, P(&uring)}},
    {"userfaultfd", SYS_userfaultfd, {0}},
    {"bpf", SYS_bpf, {BPF_MAP_CREATE, P(&bpf_map), sizeof bpf_map}},
    {"perf-event-open", SYS_perf_event_open, {P(&perf), 0, (uintptr_t)-1, (uintptr_t)-1, 0}},
    {"keyctl", SYS_keyctl, {KEYCTL_SESSION, SESSION_KEYRING, 1}},
    {"add-key", SYS_add_key, {P("user"), P("x"), P("x"), 1, (uintptr_t)-2}},
    {"shmget", SYS_shmget, {0, ATTACK_PAGE, 01600}},
    {"msgget", SYS_msgget, {0, 01600}},
    {"mq-open", SYS_mq_open, {P("owned"), O_CREAT | O_RDWR, 0600, 0}},
    {"timer-create", SYS_timer_create, {0, 0, P(scratch)}},
    {"futex-pi", SYS_futex, {P(scratch), FUTEX_LOCK_PI, 0, 0, 0, 0}},
    {"sigaction-sigsys", SYS_rt_sigaction, {SIGSYS, P(&ignore), 0, 8}},
    {"sysinfo", SYS_sysinfo, {P(sysctl_scratch)}},
    {"uname", SYS_uname, {P(scratch)}},
    /* memory */
    {"mmap-exec", SYS_mmap, {0, ATTACK_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}},
    {"mprotect-exec", SYS_mprotect, {P(scratch), ATTACK_PAGE, PROT_READ | PROT_EXEC}},
    {"pkey-mprotect", SYS_pkey_mprotect, {P(scratch), ATTACK_PAGE, PROT_EXEC, NO_KEY}},
    {"mremap", SYS_mremap, {P(scratch), ATTACK_PAGE, 1 << 30, MREMAP_MAYMOVE}},
    {"madvise-remove", SYS_madvise, {P(scratch), ATTACK_PAGE, MADV_REMOVE}},
    {"mlockall", SYS_mlockall, {MCL_CURRENT | MCL_FUTURE}},
    {"move-pages", SYS_move_pages, {SIBLING, 0, 0, 0, 0, 0}, .sibling = {1}},
    {"no-such-call", NO_SUCH_CALL, {1, 2, 3}},
    {"x32-call", X32_BIT | SYS_kill, {BROKER, SIGKILL}},
    {0},
};

/* The 32-bit entry of a 64-bit kernel: other numbers, and 37 is kill there. */
static bool int_0x80(struct attacker *self)
{
#if defined(__x86_64__)
    long result;

    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(37), "b"(BROKER), "c"(SIGKILL)
                     : "memory", "r8", "r9", "r10", "r11");
    attacker_note(self, result, (int)-result);
#else
    attacker_note(self, -1, ENOSYS);
#endif
    return true;
}

/* A call that is reported, made while reports are blocked. */
static bool blocked_sigsys(struct attacker *self)
{
    sigset_t all;

    sigfillset(&all);
    syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, NULL, 8);
    long result = syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);

    attacker_note(self, result, errno);
    return true;
}

/* The policy lets a process signal its own threads; each of these is another's. */
static bool main_thread(struct attacker *self)
{
    long result = syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0);

    attacker_note(self, result, errno);
    return true;
}

/* A null device, two pipes and the channel. */
static bool truncate_all(struct attacker *self)
{
    long result = -1;

    for (int fd = 0; fd <= ZYGOTE_CHANNEL_FD && result < 0; fd++)
        result = syscall(SYS_ftruncate, fd, 0L);
    attacker_note(self, result, errno);
    return true;
}

static bool new_thread(struct attacker *self)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, (void *(*)(void *))(void *)attacker_sleep, NULL);

    attacker_note(self, error == 0 ? 0 : -1, error);
    return true;
}

/* Far more than may be had, untouched: what counts is writable memory, not pages in use. */
static bool mmap_beyond_limit(struct attacker *self)
{
    void *memory = mmap(NULL, 1ul << 40, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    attacker_note(self, memory == MAP_FAILED ? -1 : 0, errno);
    return true;
}

/* Reserved without access, which is free, and made writable afterwards. */
static bool mprotect_beyond_limit(struct attacker *self)
{
    size_t size = 1ul << 33;
    void *memory = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    long result = memory == MAP_FAILED ? -1 : mprotect(memory, size, PROT_READ | PROT_WRITE);

    attacker_note(self, result, errno);
    return true;
}

const struct attack attack_syscalls[] = {
    {"int-0x80", ATTACK_AT_NAVIGATE, int_0x80},
    {"blocked-sigsys", ATTACK_AT_NAVIGATE, blocked_sigsys},
    {"main-thread-socket", ATTACK_WHILE_PAINTING, main_thread},
    {"ftruncate", ATTACK_AT_NAVIGATE, truncate_all},
    {"new-thread", ATTACK_AT_NAVIGATE, new_thread},
    {"mmap-beyond-limit", ATTACK_AT_NAVIGATE, mmap_beyond_limit},
    {"mprotect-beyond-limit", ATTACK_AT_NAVIGATE, mprotect_beyond_limit},
    {0},
};
