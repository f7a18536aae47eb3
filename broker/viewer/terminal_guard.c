#include "broker/viewer/terminal_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"

enum { TERMINAL_GUARD_PIPE = 3, TERMINAL_GUARD_TTY = 4 };

static void terminal_guard_ignore_signals(void)
{
    /* SIGTTOU too: by the time it works the shell may have taken the terminal back, and a background process that sets
     * modes would be stopped. */
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE};

    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        signal(signals[i], SIG_IGN);
}

/* Keeps the pipe and the terminal, at fixed numbers; everything else the broker holds is let go. */
static void terminal_guard_keep_fds(int pipe_fd, int tty_fd)
{
    int high_pipe = fcntl(pipe_fd, F_DUPFD, 10), high_tty = fcntl(tty_fd, F_DUPFD, 10);

    dup2(high_pipe, TERMINAL_GUARD_PIPE);
    dup2(high_tty, TERMINAL_GUARD_TTY);
    fd_close_between(0, TERMINAL_GUARD_PIPE - 1);
    fd_close_between(TERMINAL_GUARD_TTY + 1, ~0u);
}

static void __attribute__((noreturn))
terminal_guard_run(int pipe_fd, int tty_fd, const struct termios *modes, const char *leave, size_t leave_bytes)
{
    char dismissed;

    prctl(PR_SET_NAME, "bulkhead-tty");
    terminal_guard_ignore_signals();
    terminal_guard_keep_fds(pipe_fd, tty_fd);
    ssize_t got;
    do
        got = read(TERMINAL_GUARD_PIPE, &dismissed, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(0);
    /* The output may be stopped or full: nothing may hold up the modes, so the screen comes second and never blocks. */
    tcsetattr(TERMINAL_GUARD_TTY, TCSANOW, modes);
    fcntl(TERMINAL_GUARD_TTY, F_SETFL, O_NONBLOCK);
    got = write(TERMINAL_GUARD_TTY, leave, leave_bytes);
    _exit(got == (ssize_t)leave_bytes ? 0 : 1);
}

int terminal_guard_start(struct terminal_guard *guard, int tty_fd, const struct termios *modes, const char *leave,
                         size_t leave_bytes)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[1]);
        terminal_guard_run(ends[0], tty_fd, modes, leave, leave_bytes);
    }
    int error = pid < 0 ? -errno : 0;
    fd_close(&ends[0]);
    if (pid < 0) {
        fd_close(&ends[1]);
        return error;
    }
    *guard = (struct terminal_guard){.pid = pid, .pipe_fd = ends[1]};
    return 0;
}

void terminal_guard_dismiss(struct terminal_guard *guard)
{
    char byte = 0;

    if (guard->pid <= 0)
        return;
    ssize_t written = write(guard->pipe_fd, &byte, 1);
    (void)written; /* EPIPE: it is gone already */
    fd_close(&guard->pipe_fd);
    while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    guard->pid = 0;
}
