#include "broker/kernel_needs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"

/* What comes of a call that is harmless: 0 or -errno. */
static int outcome(int fd)
{
    int error = fd < 0 ? -errno : 0;
    fd_close(&fd);
    return error;
}

static int ask_epoll(void)
{
    return outcome(epoll_create1(EPOLL_CLOEXEC));
}

static int ask_eventfd(void)
{
    return outcome(eventfd(0, EFD_CLOEXEC));
}

static int ask_signalfd(void)
{
    sigset_t none;
    sigemptyset(&none);
    return outcome(signalfd(-1, &none, SFD_CLOEXEC));
}

static int ask_timerfd(void)
{
    return outcome(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
}

static int ask_socketpair(void)
{
    int ends[2] = {-1, -1};
    int error = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ? -errno : 0;
    fd_close_many(ends, 2);
    return error;
}

static int ask_memfd(void)
{
    return outcome(memfd_create("bulkhead-asks", MFD_CLOEXEC | MFD_ALLOW_SEALING));
}

static int ask_pidfd(void)
{
    return outcome((int)syscall(SYS_pidfd_open, getpid(), 0));
}

/* Without arguments it is refused by all that have it; without it, glibc goes on with clone. */
static int ask_clone3(void)
{
    int error = syscall(SYS_clone3, NULL, 0) < 0 ? -errno : 0;
    return error == -ENOSYS ? 0 : error;
}

/* There is no such child. */
static int ask_waitid(void)
{
    return waitid(P_PID, (id_t)getpid(), NULL, WEXITED | WNOHANG) < 0 ? -errno : 0;
}

static const struct {
    const char *call;
    int (*ask)(void);
} needs[] = {
    {"epoll_create1", ask_epoll},    {"eventfd2", ask_eventfd},      {"signalfd4", ask_signalfd},
    {"timerfd_create", ask_timerfd}, {"socketpair", ask_socketpair}, {"memfd_create", ask_memfd},
    {"pidfd_open", ask_pidfd},       {"clone3", ask_clone3},         {"waitid", ask_waitid},
};

bool kernel_needs_explain(char *out, size_t out_bytes)
{
    for (size_t i = 0; i < sizeof needs / sizeof needs[0]; i++) {
        int error = needs[i].ask();
        if (error == -EPERM || error == -EACCES)
            snprintf(out, out_bytes,
                     "a filter around this program, such as a container's, refuses %s: let it pass there",
                     needs[i].call);
        else if (error == -ENOSYS)
            snprintf(out, out_bytes,
                     "%s is not there: it takes Linux 5.4 or newer, and a filter around this program that lets it pass",
                     needs[i].call);
        else
            continue;
        return true;
    }
    return false;
}
