/* pseudo_terminal.h - for integration tests: a real program on a terminal of its own, with us as the user.
 *
 * Understands as much of xterm's language as Bulkhead speaks (cursor positions, clearing, text; styles are skipped), so
 * that expectations look at the screen, as a user does. Every wait has a deadline; a program that is still there at the
 * end is killed.
 */
#ifndef BULKHEAD_TEST_PSEUDO_TERMINAL_H
#define BULKHEAD_TEST_PSEUDO_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

struct pseudo_terminal {
    int master, shell; /* shell: the other end, held open as a shell does */
    pid_t pid;
    struct termios before;
    char *output; // owned, NUL-terminated: all it wrote, without NULs
    size_t size_bytes, shown_bytes;
    int columns, rows, x, y;
    char (*cells)[8]; // columns * rows characters of UTF-8
};

/* Starts "bulkhead"-like programs as process_run() does, in a session of its own, TERM=xterm-256color in true colour.
 * `environment`: "NAME=value" in addition, NULL-terminated, may be NULL. Fails the test if it cannot. */
void pseudo_terminal_start(struct pseudo_terminal *terminal, int columns, int rows, const char *const *argv,
                           const char *const *environment);
/* Waits until `text` is to be seen on one line of the screen. Fails the test after 20 s. */
void pseudo_terminal_expect(struct pseudo_terminal *terminal, const char *text);
/* Whether it is to be seen now. */
bool pseudo_terminal_shows(const struct pseudo_terminal *terminal, const char *text);
void pseudo_terminal_type(struct pseudo_terminal *terminal, const char *keys);
void pseudo_terminal_resize(struct pseudo_terminal *terminal, int columns, int rows);
/* Reads on until it ends; its exit code, 128 + n for a signal, -1 after 20 s. */
int pseudo_terminal_wait(struct pseudo_terminal *terminal);
/* The user closes the window: the program's session gets SIGHUP and its terminal is gone. Then its exit code, as above.
 */
int pseudo_terminal_hang_up(struct pseudo_terminal *terminal);
/* Whether modes are as before and the last word was to leave the alternate screen. */
bool pseudo_terminal_is_restored(struct pseudo_terminal *terminal);
void pseudo_terminal_end(struct pseudo_terminal *terminal);

#endif
