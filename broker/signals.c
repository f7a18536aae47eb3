#include "broker/signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/fd.h"

/* SIGCHLD besides. */
static const int user_signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2};
enum { USER_SIGNALS = sizeof user_signals / sizeof user_signals[0] };

struct signals {
    int fd;
    struct loop_source *source;
    sigset_t mask_before;
    struct sigaction pipe_before;
    bool with_users;
    signals_fn fn;
    void *userdata;
};

static int on_readable(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source;
    (void)events;
    struct signals *signals = userdata;
    struct signalfd_siginfo info;
    ssize_t got = read(fd, &info, sizeof info);
    if (got == (ssize_t)sizeof info)
        signals->fn((int)info.ssi_signo, signals->userdata);
    return 0;
}

int signals_create(struct loop *loop, bool with_users, signals_fn fn, void *userdata, struct signals **ret_signals)
{
    struct signals *signals = calloc(1, sizeof *signals);
    if (signals == NULL)
        return -ENOMEM;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    signals->with_users = with_users;
    for (size_t i = 0; with_users && i < USER_SIGNALS; i++)
        sigaddset(&set, user_signals[i]);
    signals->fn = fn;
    signals->userdata = userdata;
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, &signals->pipe_before);
    sigprocmask(SIG_BLOCK, &set, &signals->mask_before);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    int error =
        signals->fd < 0 ? -errno : loop_add_fd(loop, signals->fd, EPOLLIN, on_readable, signals, &signals->source);
    if (error < 0) {
        signals_destroy(signals);
        return error;
    }
    *ret_signals = signals;
    return 0;
}

/* What came too late to be read must not end the program by its default action: ignoring a signal for a moment takes
 * back one that is pending. */
static void take_back_pending(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction before;
    for (size_t i = 0; i < USER_SIGNALS; i++)
        if (sigaction(user_signals[i], &ignore, &before) == 0)
            sigaction(user_signals[i], &before, NULL);
}

void signals_destroy(struct signals *signals)
{
    if (signals == NULL)
        return;
    loop_source_remove(&signals->source);
    fd_close(&signals->fd);
    if (signals->with_users)
        take_back_pending();
    sigprocmask(SIG_SETMASK, &signals->mask_before, NULL);
    sigaction(SIGPIPE, &signals->pipe_before, NULL);
    free(signals);
}
