#include "tests/support/pseudo_terminal.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

enum { DEADLINE_MS = 20000 };

static void exec_program(const char *device, const char *const *argv, const char *const *environment)
{
    char path[4096];
    const char *build = getenv("BULKHEAD_BUILD");

    setsid();
    int tty = open(device, O_RDWR);
    for (int fd = 0; fd <= 2; fd++)
        dup2(tty, fd);
    if (tty > 2)
        close(tty);
    setenv("TERM", "xterm-256color", 1);
    setenv("COLORTERM", "truecolor", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
    for (; environment && *environment; environment++)
        putenv((char *)(uintptr_t)*environment);
    snprintf(path, sizeof(path), "%s%s%s", build && argv[0][0] != '/' ? build : "",
             build && argv[0][0] != '/' ? "/" : "", argv[0]);
    execv(path, (char *const *)(uintptr_t)argv);
    _exit(127);
}

void pseudo_terminal_start(struct pseudo_terminal *terminal, int columns, int rows, const char *const *argv,
                           const char *const *environment)
{
    char device[128];

    *terminal = (struct pseudo_terminal){.output = calloc(1, 1)};
    terminal->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    assert_true(terminal->master >= 0 && grantpt(terminal->master) == 0 && unlockpt(terminal->master) == 0);
    assert_int_equal(ptsname_r(terminal->master, device, sizeof(device)), 0);
    terminal->shell = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(terminal->shell >= 0);
    assert_int_equal(tcgetattr(terminal->shell, &terminal->before), 0);
    pseudo_terminal_resize(terminal, columns, rows);
    terminal->pid = fork();
    assert_true(terminal->pid >= 0);
    if (terminal->pid == 0)
        exec_program(device, argv, environment);
}

static void clear(struct pseudo_terminal *terminal)
{
    for (int i = 0; i < terminal->columns * terminal->rows; i++)
        strcpy(terminal->cells[i], " ");
}

/* One control sequence, "\033[…final"; its length, 0 when it is not complete. */
static size_t show_sequence(struct pseudo_terminal *terminal, const char *text)
{
    size_t length = text[1] == '\0' ? 1 : 2 + strspn(text + 2, "0123456789;?");
    int row = 1, column = 1;

    if (text[length] == '\0')
        return 0;
    if (text[length] == 'H' && sscanf(text + 2, "%d;%d", &row, &column) >= 0) {
        terminal->y = row - 1;
        terminal->x = column - 1;
    } else if (text[length] == 'J') {
        clear(terminal);
    }
    return length + 1;
}

/* One character where the cursor is; its length, 0 when it is not complete. */
static size_t show_character(struct pseudo_terminal *terminal, const char *text)
{
    unsigned char first = (unsigned char)text[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (strnlen(text, length) < length)
        return 0;
    if (terminal->x >= 0 && terminal->x < terminal->columns && terminal->y >= 0 && terminal->y < terminal->rows) {
        char *cell = terminal->cells[terminal->y * terminal->columns + terminal->x];
        memcpy(cell, text, length);
        cell[length] = '\0';
    }
    terminal->x++;
    return length;
}

static void show(struct pseudo_terminal *terminal)
{
    size_t used;

    do {
        const char *text = terminal->output + terminal->shown_bytes;
        used = *text == '\0' ? 0 : *text == '\033' ? show_sequence(terminal, text) : show_character(terminal, text);
        terminal->shown_bytes += used;
    } while (used > 0);
}

/* Takes in what is there, waiting a little for the first of it. */
static void drain(struct pseudo_terminal *terminal, int wait_ms)
{
    char bytes[65536];
    struct pollfd wait = {.fd = terminal->master, .events = POLLIN};
    ssize_t got;

    poll(&wait, 1, wait_ms);
    while ((got = read(terminal->master, bytes, sizeof(bytes))) > 0) {
        terminal->output = realloc(terminal->output, terminal->size_bytes + (size_t)got + 1);
        assert_non_null(terminal->output);
        for (ssize_t i = 0; i < got; i++)
            if (bytes[i] != '\0')
                terminal->output[terminal->size_bytes++] = bytes[i];
        terminal->output[terminal->size_bytes] = '\0';
    }
    show(terminal);
}

static void line_of(const struct pseudo_terminal *terminal, int y, char *out)
{
    for (int x = 0; x < terminal->columns; x++)
        out = stpcpy(out, terminal->cells[y * terminal->columns + x]);
    *out = '\0';
}

bool pseudo_terminal_shows(const struct pseudo_terminal *terminal, const char *text)
{
    char line[8 * 512];

    for (int y = 0; y < terminal->rows; y++) {
        line_of(terminal, y, line);
        if (strstr(line, text))
            return true;
    }
    return false;
}

void pseudo_terminal_expect(struct pseudo_terminal *terminal, const char *text)
{
    uint64_t deadline_ms = clock_now_ms() + DEADLINE_MS;
    char line[8 * 512];

    while (!pseudo_terminal_shows(terminal, text)) {
        if (clock_now_ms() >= deadline_ms) {
            print_message("never to be seen: \"%s\" on\n", text);
            for (int y = 0; y < terminal->rows; y++) {
                line_of(terminal, y, line);
                print_message("|%s|\n", line);
            }
            fail();
        }
        drain(terminal, 50);
    }
}

void pseudo_terminal_type(struct pseudo_terminal *terminal, const char *keys)
{
    assert_int_equal(fd_write_all(terminal->master, keys, strlen(keys)), 0);
}

void pseudo_terminal_resize(struct pseudo_terminal *terminal, int columns, int rows)
{
    struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};

    assert_true(columns < 512);
    free(terminal->cells);
    terminal->cells = calloc((size_t)columns * (size_t)rows, sizeof(*terminal->cells));
    assert_non_null(terminal->cells);
    terminal->columns = columns;
    terminal->rows = rows;
    clear(terminal);
    ioctl(terminal->master, TIOCSWINSZ, &size);
    /* The terminal is nobody's controlling one here: the kernel's signal is sent by hand. */
    if (terminal->pid > 0)
        kill(terminal->pid, SIGWINCH);
}

int pseudo_terminal_wait(struct pseudo_terminal *terminal)
{
    uint64_t deadline_ms = clock_now_ms() + DEADLINE_MS;
    int status;

    while (waitpid(terminal->pid, &status, WNOHANG) == 0) {
        if (clock_now_ms() >= deadline_ms)
            return -1;
        drain(terminal, 20);
    }
    terminal->pid = 0;
    drain(terminal, 20);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int pseudo_terminal_hang_up(struct pseudo_terminal *terminal)
{
    kill(terminal->pid, SIGHUP);
    fd_close(&terminal->master);
    return pseudo_terminal_wait(terminal);
}

bool pseudo_terminal_is_restored(struct pseudo_terminal *terminal)
{
    static const char enter[] = "\033[?1049h", leave[] = "\033[?1049l";
    uint64_t deadline_ms = clock_now_ms() + DEADLINE_MS;

    /* After a SIGKILL its guard does it, a moment later. */
    for (;;) {
        struct termios now;
        const char *entered = strstr(terminal->output, enter);
        bool left = entered && strstr(entered, leave) && !strstr(strstr(entered, leave), enter);
        if (left && tcgetattr(terminal->shell, &now) == 0 && now.c_lflag == terminal->before.c_lflag &&
            now.c_iflag == terminal->before.c_iflag && now.c_oflag == terminal->before.c_oflag)
            return true;
        if (clock_now_ms() >= deadline_ms)
            return false;
        drain(terminal, 20);
    }
}

void pseudo_terminal_end(struct pseudo_terminal *terminal)
{
    if (terminal->pid > 0) {
        kill(terminal->pid, SIGKILL);
        waitpid(terminal->pid, NULL, 0);
    }
    fd_close(&terminal->master);
    fd_close(&terminal->shell);
    free(terminal->output);
    free(terminal->cells);
}
