/* terminal_guard.h - a small child process that puts the terminal back when its parent cannot.
 *
 * The broker may be killed by SIGKILL or by a fault of its own, and it installs no signal handlers. So before the
 * terminal is touched a child is forked that holds a descriptor of it, waits for the end of a pipe, and then restores
 * modes and screen. It ignores the signals a terminal or a supervisor sends to the whole process group.
 */
#ifndef BULKHEAD_TERMINAL_GUARD_H
#define BULKHEAD_TERMINAL_GUARD_H

#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

struct terminal_guard {
    pid_t pid;   /* 0 when there is none */
    int pipe_fd; /* its end tells the guard that we are gone */
};

/* tty_fd is borrowed; `leave` is what to write, borrowed for the call. 0 or -errno. */
int terminal_guard_start(struct terminal_guard *guard, int tty_fd, const struct termios *modes, const char *leave,
                         size_t leave_bytes);
/* The terminal was put back in order: dismisses the guard and waits for it. */
void terminal_guard_dismiss(struct terminal_guard *guard);

#endif
