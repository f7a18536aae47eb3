/* attack-alone - the attack console's system calls without the console: made by a plain program, so that they can be
 * tried in somebody else's sandbox (tests/bench/bench_attack.c). usage: attack-alone
 *
 * For each a line "NAME WORD": refused, killed or succeeded. Left out is what needs a renderer's surroundings (its
 * channel, a sibling, a broker), and what would do lasting harm where nothing stops it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "renderer/attack/attacker.h"

enum { EXIT_REFUSED = 3, SECONDS_MAX = 5 };

static const char *const needs_surroundings[] = {
    "write-other-fd",
    "read-channel",
    "dup",
    "sendfile",
    "fcntl-setown",
    "fcntl-setsig",
    "tiocsti",
    "tioclinux",
    "execveat-memfd",
    "setns",
    "ptrace-sibling",
    "vm-readv",
    "vm-writev",
    "kill-broker",
    "tgkill-sibling",
    "sigqueue-sibling",
    "pidfd-open",
    "pidfd-getfd",
    "kcmp",
    "move-pages",
    "getdents",
    "pidfd-send-signal",
    "connect-abstract",
    "prctl-pdeathsig",
    "setsockopt",
    "clone-thread",
    "openat2",
    "open-by-handle",
    "capset",
    "sched-setscheduler",
};
static const char *const does_harm[] = {"kill-all", "unlink",      "rename", "chmod",  "symlink",     "mknod",
                                        "mkdir",    "create-file", "reboot", "kexec",  "init-module", "settime",
                                        "umount",   "mount",       "shmget", "msgget", "mq-open",     "add-key"};

static bool is_among(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool applies(const char *name)
{
    return !is_among(name, needs_surroundings, sizeof needs_surroundings / sizeof needs_surroundings[0]) &&
           !is_among(name, does_harm, sizeof does_harm / sizeof does_harm[0]);
}

static void make(const struct attack_call *call)
{
    const uintptr_t *a = call->arguments;
    long result = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    _exit(result < 0 ? EXIT_REFUSED : 0);
}

/* A call that does not come back because it did what it is called, an exec, ends as that program does: well. */
static const char *try_call(const struct attack_call *call)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(SECONDS_MAX);
        make(call);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return "untried";
    if (WIFSIGNALED(status))
        return "killed";
    return WEXITSTATUS(status) == EXIT_REFUSED ? "refused" : "succeeded";
}

int main(void)
{
    int null = open("/dev/null", O_RDWR);
    if (geteuid() == 0) {
        fputs("attack-alone: not as root: some of this would do what it is called\n", stderr);
        return 2;
    }
    dup2(null, STDIN_FILENO);
    setvbuf(stdout, NULL, _IONBF, 0);
    for (const struct attack_call *call = attack_calls; call->name != NULL; call++)
        if (applies(call->name))
            printf("%s %s\n", call->name, try_call(call));
    return 0;
}
