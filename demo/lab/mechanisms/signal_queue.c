/* signal_queue.c - ordinary signals are bits, real-time signals are messages: queued, in order, with a number each. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"

enum { STEPS = 200, BAR_COLUMNS = 40 };

/* How many of `count` ordinary signals arrive when nobody takes one meanwhile. */
static int count_ordinary(int count)
{
    struct timespec at_once = {0};
    sigset_t usr1;
    int taken = 0;

    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    for (int i = 0; i < count; i++)
        kill(getpid(), SIGUSR1);
    while (sigtimedwait(&usr1, NULL, &at_once) == SIGUSR1)
        taken++;
    return taken;
}

/* A worker that reports each step of its work by a signal with a number. Its queue at the receiver is bounded
 * (RLIMIT_SIGPENDING): EAGAIN means "wait", and then nothing is lost. */
static int work(void *userdata)
{
    pid_t watcher = *(pid_t *)userdata;
    const struct timespec pause = {.tv_nsec = 200 * 1000};

    for (int step = 1; step <= STEPS; step++) {
        while (sigqueue(watcher, SIGRTMIN, (union sigval){.sival_int = step}) < 0) {
            if (errno != EAGAIN)
                return 1;
            nanosleep(&pause, NULL);
        }
    }
    return 0;
}

static void draw_bar(struct lab_stage *stage, int step)
{
    char bar[BAR_COLUMNS + 1], line[BAR_COLUMNS + 32];
    int filled = step * BAR_COLUMNS / STEPS;

    memset(bar, '.', BAR_COLUMNS);
    memset(bar, '#', (size_t)filled);
    bar[BAR_COLUMNS] = '\0';
    snprintf(line, sizeof(line), "[%s] %3d %%", bar, step * 100 / STEPS);
    lab_quote(stage, line);
}

static void show_progress(struct lab_stage *stage, const sigset_t *realtime)
{
    const struct timespec patience = {.tv_sec = 5};
    pid_t self = getpid();
    siginfo_t info;
    int received = 0, out_of_order = 0;
    pid_t worker = lab_fork(stage, work, &self);

    while (received < STEPS && sigtimedwait(realtime, &info, &patience) == SIGRTMIN) {
        received++;
        out_of_order += info.si_value.sival_int != received || info.si_pid != worker;
        if (received % (STEPS / 4) == 0)
            draw_bar(stage, info.si_value.sival_int);
    }
    int status = lab_wait_child(worker, 5000);
    lab_claim(stage, status == 0 && received == STEPS && out_of_order == 0,
              "%d of %d steps arrived, each with its number, in order, none twice", received, STEPS);
}

static void show(struct lab_stage *stage)
{
    sigset_t blocked, old;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &blocked, &old);
    lab_pitfall(stage, "An ordinary signal is one bit: sent while it already waits, it is lost.");
    int ordinary = count_ordinary(STEPS);
    lab_claim(stage, ordinary == 1, "of %d SIGUSR1 one arrived", STEPS);
    lab_say(stage, "A worker drives a progress bar by sigqueue() with a real-time signal:");
    sigdelset(&blocked, SIGUSR1);
    show_progress(stage, &blocked);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

LAB_ENTRY(entry, .name = "signal-queue", .family = "signals",
          .summary = "real-time signals: queued, ordered, with a number", .pitfall = "ordinary signals coalesce",
          .show = show);
