/* signal_uncatchable.c - SIGKILL and SIGSTOP: no handler, no mask, no ignoring. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/stream.h"

static int __attribute__((noreturn)) refuse_everything(void *userdata)
{
    const int *ready = userdata;
    sigset_t all;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_IGN);
    (void)!write(*ready, "r", 1);
    for (;;)
        pause();
}

static bool is_refused(int number)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    return sigaction(number, &action, NULL) < 0 && errno == EINVAL;
}

static void show(struct lab_stage *stage)
{
    int fds[2], status = 0;
    char byte;

    lab_claim(stage, is_refused(SIGKILL) && is_refused(SIGSTOP), "sigaction() for SIGKILL and SIGSTOP says EINVAL");
    if (pipe(fds) < 0)
        return;
    pid_t pid = lab_fork(stage, refuse_everything, &fds[1]);
    lab_stream_read(fds[0], &byte, 1);
    fd_close_many(fds, 2);
    lab_say(stage, "A process blocks and ignores every signal it can.");
    kill(pid, SIGTERM);
    lab_claim(stage, waitpid(pid, &status, WNOHANG) == 0, "SIGTERM: it goes on");
    kill(pid, SIGSTOP);
    lab_claim(stage, waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "SIGSTOP: it stands still");
    lab_pitfall(stage, "So nothing can be saved on SIGKILL: whatever must not be lost is safe before it comes.");
    kill(pid, SIGKILL);
    lab_claim(stage, lab_wait_child(pid, 5000) == 128 + SIGKILL, "SIGKILL: it is gone, stopped as it was");
}

LAB_ENTRY(entry, .name = "signal-uncatchable", .family = "signals", .summary = "SIGKILL and SIGSTOP cannot be caught",
          .pitfall = "nothing can be saved when SIGKILL comes", .show = show);
