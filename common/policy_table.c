/* policy_table.c - the list. Everything a renderer does after its cell is closed comes down to these rows. */
#include "common/policy_table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <sys/mman.h>

#define CALL(name) #name, SCMP_SYS(name)

enum { RENDERER = 1 << POLICY_RENDERER, INIT = 1 << POLICY_INIT, SYMBOLISER = 1 << POLICY_SYMBOLISER };
enum { RUNS = 0 };

#define INT(argument, value, words)                                                                                    \
    {                                                                                                                  \
        (argument), 0xffffffff, (value), (words)                                                                       \
    }
#define BITS(argument, mask, value, words)                                                                             \
    {                                                                                                                  \
        (argument), (mask), (value), (words)                                                                           \
    }
#define NO_EXEC BITS(2, PROT_EXEC, 0, "never executable")
/* RLIMIT_DATA counts what is writable now: memory filled and then made read-only would be free, and reading untouched
 * read-only memory fills page tables. So what has no file is readable and writable for as long as it lives. */
#define READ_AND_WRITE INT(2, PROT_READ | PROT_WRITE, "readable and writable")
/* Kinds of mapping that RLIMIT_DATA does not count: shared memory without a file, a "stack", huge pages. */
#define KIND_OF_MAPPING      (MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_HUGETLB)
#define PRIVATE_WITHOUT_FILE BITS(3, KIND_OF_MAPPING, MAP_ANONYMOUS, "private, without a file")
#define PRIVATE_OF_FILE      BITS(3, KIND_OF_MAPPING, 0, "private, of a file")
#define SHARED_OF_FILE       BITS(3, KIND_OF_MAPPING, MAP_SHARED, "shared, of a file")
/* Without the private and clock bits, which are nobody's concern. PI and requeue operations stay out: years of bugs. */
#define FUTEX(operation, words) BITS(1, FUTEX_CMD_MASK & 0xffffffff, (operation), (words))
#define OWN_PID                 INT(0, POLICY_OWN_PID, "a thread of its own")
#define ONLY_READS(argument)                                                                                           \
    BITS((argument), O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY, "for reading, never creating")

const struct policy_role_words policy_roles[POLICY_ROLES] = {
    [POLICY_RENDERER] = {"renderer", "parses and paints one document", 0, true},
    [POLICY_INIT] = {"init", "first process of the renderers' pid namespace: waits, and dies", 0, false},
    /* A libdw of another system may try more, and does without it. */
    [POLICY_SYMBOLISER] = {"symboliser", "names the functions of a crash; may read files", EPERM, false},
};

/* clang-format off */
const struct policy_row policy_rows[] = {
    /* The channel, and the log pipes. */
    {CALL(recvmsg), RENDERER, .why = "the channel: requests, with their fds"},
    {CALL(sendmsg), RENDERER, .why = "the channel: answers, and the crash handler's last word"},
    {CALL(ppoll), RENDERER, .why = "waiting for the channel"},
    {CALL(ppoll), INIT, .why = "waits for ever"},
    {CALL(close), RENDERER | SYMBOLISER, .why = "fds that came with requests; files that were read"},
    {CALL(write), RENDERER, RUNS, {INT(0, 2, "to stderr")}, "a pipe into the broker's log"},
    {CALL(write), SYMBOLISER, .why = "the backtrace, on stdout"},
    {CALL(writev), RENDERER, RUNS, {INT(0, 2, "to stderr")}, "glibc's last words before it aborts"},
    {CALL(writev), SYMBOLISER, .why = "the same"},

    /* Memory. */
    {CALL(brk), RENDERER | SYMBOLISER, .why = "malloc; counted by RLIMIT_DATA"},
    {CALL(mmap), RENDERER, RUNS, {READ_AND_WRITE, PRIVATE_WITHOUT_FILE}, "malloc; counted by RLIMIT_DATA"},
    {CALL(mmap), RENDERER, RUNS, {NO_EXEC, SHARED_OF_FILE}, "frame memory; what two about: pages share"},
    {CALL(mmap), RENDERER, RUNS, {NO_EXEC, PRIVATE_OF_FILE}, "documents"},
    {CALL(mmap), SYMBOLISER, RUNS, {NO_EXEC}, "ELF files; malloc"},
    {CALL(madvise), RENDERER, RUNS, {INT(2, MADV_DONTNEED, "to give pages back")},
     "an engine at rest: free heap, built-in fonts"},
    {CALL(munmap), RENDERER | SYMBOLISER, .why = "malloc, documents, frame memory"},

    /* Threads and time. */
    {CALL(futex), RENDERER, RUNS, {FUTEX(FUTEX_WAIT, "wait")}, "locks between the two threads"},
    {CALL(futex), RENDERER, RUNS, {FUTEX(FUTEX_WAKE, "wake")}, "the same"},
    {CALL(futex), RENDERER, RUNS, {FUTEX(FUTEX_WAIT_BITSET, "wait with a deadline")}, "conditions; a scene's next frame"},
    {CALL(futex), SYMBOLISER, .why = "locks within libdw"},
    {CALL(clock_gettime), RENDERER | SYMBOLISER, .why = "the vDSO's way out where it cannot read the clock itself",
     .absence = POLICY_CLOCK},
    {CALL(restart_syscall), RENDERER, .why = "the kernel's own, after a stop", .absence = POLICY_UNCOUNTABLE},

    /* Ends. */
    {CALL(rt_sigreturn), RENDERER | SYMBOLISER, .why = "handlers return into the fault",
     .absence = POLICY_UNCOUNTABLE},
    {CALL(rt_sigprocmask), RENDERER | SYMBOLISER, .why = "abort()"},
    {CALL(getpid), RENDERER | SYMBOLISER, .why = "abort()"},
    {CALL(gettid), RENDERER | SYMBOLISER, .why = "abort(); the crash record"},
    {CALL(tgkill), RENDERER, RUNS, {OWN_PID}, "abort(); never a neighbour"},
    {CALL(exit_group), RENDERER | SYMBOLISER, .why = "the end"},

    /* Honest code tries these and goes on without; a refusal says so quietly. */
    {CALL(openat), RENDERER, EACCES, .why = "locale, time zone, fonts: there are no files in here",
     .absence = POLICY_OTHER_SYSTEM},
    {CALL(open), RENDERER, EACCES, .why = "the same", .absence = POLICY_OTHER_SYSTEM},
    {CALL(newfstatat), RENDERER, EACCES, .why = "stdio asks for its pipe", .absence = POLICY_OTHER_SYSTEM},
    {CALL(fstat), RENDERER, EACCES, .why = "stdio asks for its pipe", .absence = POLICY_OTHER_SYSTEM},
    {CALL(stat), RENDERER, EACCES, .why = "there are no files in here", .absence = POLICY_OTHER_SYSTEM},
    {CALL(lstat), RENDERER, EACCES, .why = "the same", .absence = POLICY_OTHER_SYSTEM},
    {CALL(statx), RENDERER, EACCES, .why = "the same", .absence = POLICY_OTHER_SYSTEM},
    {CALL(access), RENDERER, EACCES, .why = "the same", .absence = POLICY_OTHER_SYSTEM},
    {CALL(faccessat), RENDERER, EACCES, .why = "the same", .absence = POLICY_OTHER_SYSTEM},
    {CALL(readlink), RENDERER, EACCES, .why = "the same", .absence = POLICY_OTHER_SYSTEM},
    {CALL(readlinkat), RENDERER, EACCES, .why = "the same", .absence = POLICY_OTHER_SYSTEM},
    {CALL(ioctl), RENDERER, ENOTTY, .why = "stdio asks whether its pipe is a terminal",
     .absence = POLICY_OTHER_SYSTEM},
    {CALL(sysinfo), RENDERER, EPERM, .why = "glibc's qsort asks how much memory there is; the cell asks so whether this filter answers",
     .absence = POLICY_OTHER_SYSTEM},
    {CALL(write), RENDERER, EBADF, {INT(0, 1, "to stdout")}, "a library's printf", POLICY_OTHER_SYSTEM},
    {CALL(sched_getaffinity), RENDERER, EPERM, .why = "how many processors: one will do",
     .absence = POLICY_OTHER_SYSTEM},
    {CALL(gettimeofday), RENDERER, EPERM, .why = "clock_gettime does as well", .absence = POLICY_CLOCK},
    {CALL(getrandom), RENDERER, ENOSYS, .why = "hash seeds; malloc took its key in the zygote",
     .absence = POLICY_OTHER_SYSTEM},
    {CALL(mremap), RENDERER, ENOMEM,
     .why = "realloc copies instead: one call over the whole corpus, and the main thread's stack could be grown with "
            "it to any size, for RLIMIT_DATA leaves stacks out"},
    {CALL(clone3), RENDERER, ENOSYS, .why = "its flags are behind a pointer, out of a filter's sight: glibc tries clone",
     .absence = POLICY_OTHER_SYSTEM},
    {CALL(clone), RENDERER, EPERM, .why = "no more threads, no processes", .absence = POLICY_OTHER_SYSTEM},
    {CALL(fork), RENDERER, EPERM, .why = "the same", .absence = POLICY_OTHER_SYSTEM},
    {CALL(vfork), RENDERER, EPERM, .why = "the same", .absence = POLICY_OTHER_SYSTEM},

    /* Reading files, which is what a symboliser does. */
    {CALL(openat), SYMBOLISER, RUNS, {ONLY_READS(2)}, "ELF files and their debug files"},
    {CALL(open), SYMBOLISER, RUNS, {ONLY_READS(1)}, "the same"},
    {CALL(read), SYMBOLISER, .why = "the crash record, on stdin"},
    {CALL(pread64), SYMBOLISER, .why = "ELF files"},
    {CALL(readv), SYMBOLISER, .why = "the same"},
    {CALL(lseek), SYMBOLISER, .why = "the same"},
    {CALL(fcntl), SYMBOLISER, RUNS, {BITS(1, ~3u, 0, "copies of fds, and their flags")}, "libelf asks how it was opened"},
    {CALL(fstat), SYMBOLISER, .why = "how large a file is"},
    {CALL(newfstatat), SYMBOLISER, .why = "the same"},
    {CALL(stat), SYMBOLISER, .why = "the same"},
    {CALL(lstat), SYMBOLISER, .why = "the same"},
    {CALL(statx), SYMBOLISER, .why = "the same"},
    {CALL(access), SYMBOLISER, .why = "is there a debug file?"},
    {CALL(faccessat), SYMBOLISER, .why = "the same"},
    {CALL(faccessat2), SYMBOLISER, .why = "the same"},
    {CALL(readlink), SYMBOLISER, .why = "where a debug file's link leads"},
    {CALL(readlinkat), SYMBOLISER, .why = "the same"},
    {CALL(getdents64), SYMBOLISER, .why = "directories of debug files"},
    {CALL(mprotect), SYMBOLISER, RUNS, {NO_EXEC}, "malloc in a second arena"},
    {CALL(mremap), SYMBOLISER, .why = "realloc"},
    {CALL(madvise), SYMBOLISER, .why = "malloc gives memory back"},
    {CALL(getrandom), SYMBOLISER, .why = "malloc's key"},
    {CALL(exit), SYMBOLISER, .why = "the end of a thread"},

#ifdef BULKHEAD_SANITIZED
    /* The sanitizers' run-time looks around before it reports, and keeps alternate stacks of its own. */
    {CALL(mmap), RENDERER, RUNS, {NO_EXEC, PRIVATE_WITHOUT_FILE}, "sanitizer build", POLICY_SANITIZER},
    {CALL(mprotect), RENDERER, RUNS, {NO_EXEC}, "sanitizer build", POLICY_SANITIZER},
    {CALL(madvise), RENDERER, .why = "sanitizer build", .absence = POLICY_SANITIZER},
    {CALL(sigaltstack), RENDERER, .why = "sanitizer build", .absence = POLICY_SANITIZER},
    {CALL(rt_sigaction), RENDERER, .why = "sanitizer build", .absence = POLICY_SANITIZER},
    {CALL(sched_yield), RENDERER, .why = "sanitizer build", .absence = POLICY_SANITIZER},
    {CALL(getrusage), RENDERER, .why = "sanitizer build", .absence = POLICY_SANITIZER},
    {CALL(prlimit64), RENDERER, .why = "sanitizer build", .absence = POLICY_SANITIZER},
    {CALL(getuid), RENDERER, .why = "sanitizer build", .absence = POLICY_SANITIZER},
    {CALL(exit), RENDERER, .why = "sanitizer build", .absence = POLICY_SANITIZER},
#endif
};
/* clang-format on */
const size_t policy_row_count = sizeof(policy_rows) / sizeof(policy_rows[0]);
