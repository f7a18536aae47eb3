/* signalfd.c - signals as input of an event loop, beside everything else: no handler code at all. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"

static int exit_with_seven(void *userdata)
{
    (void)userdata;
    return 7;
}

/* Three children end before anybody looks: how many notes are there, and how many children? */
static void show_children(struct lab_stage *stage, int epoll, int fd)
{
    enum { CHILDREN = 3 };
    struct epoll_event event;
    struct signalfd_siginfo info;
    pid_t pids[CHILDREN];
    int notes = 0, reaped = 0, status;

    for (int i = 0; i < CHILDREN; i++)
        pids[i] = lab_fork(stage, exit_with_seven, NULL);
    for (int i = 0; i < CHILDREN; i++) {
        siginfo_t ended;
        waitid(P_PID, (id_t)pids[i], &ended, WEXITED | WNOWAIT); /* all have ended, none is reaped */
    }
    while (epoll_wait(epoll, &event, 1, 0) == 1 && read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        notes++;
    lab_pitfall(stage, "SIGCHLD is one bit, too: one note may stand for many children.");
    for (int i = 0; i < CHILDREN; i++)
        if (waitpid(pids[i], &status, WNOHANG) == pids[i] && WIFEXITED(status) && WEXITSTATUS(status) == 7)
            reaped++;
    lab_claim(stage, notes >= 1 && notes < CHILDREN && reaped == CHILDREN,
              "%d children ended, %d note came: the loop asks for each child by its pid, and reaps all %d", CHILDREN,
              notes, reaped);
}

static void show(struct lab_stage *stage)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct signalfd_siginfo info;
    sigset_t watched, old;

    sigemptyset(&watched);
    sigaddset(&watched, SIGUSR1);
    sigaddset(&watched, SIGCHLD);
    sigprocmask(SIG_BLOCK, &watched, &old);
    _fd_cleanup_ int fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
    _fd_cleanup_ int epoll = epoll_create1(EPOLL_CLOEXEC);
    lab_say(stage, "Blocked signals can be read from a descriptor, which epoll watches like any other.");
    if (fd < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        lab_claim(stage, false, "signalfd: %s", strerror(errno));
        sigprocmask(SIG_SETMASK, &old, NULL);
        return;
    }
    lab_claim(stage, epoll_wait(epoll, &event, 1, 0) == 0, "nothing waits");
    kill(getpid(), SIGUSR1);
    bool is_there = epoll_wait(epoll, &event, 1, 1000) == 1 && read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
    lab_claim(stage, is_there && info.ssi_signo == SIGUSR1 && info.ssi_pid == (unsigned)getpid(),
              "a signal came through epoll, with its sender: pid %u", is_there ? info.ssi_pid : 0);
    show_children(stage, epoll, fd);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

LAB_ENTRY(entry, .name = "signalfd", .family = "signals", .summary = "signals read from a descriptor in an epoll loop",
          .pitfall = "one SIGCHLD may stand for many children", .show = show);
