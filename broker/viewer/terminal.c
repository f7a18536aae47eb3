#include "broker/viewer/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "broker/viewer/terminal_guard.h"
#include "common/clock.h"
#include "common/fd.h"

/* No autowrap: the last cell of the last line must not scroll. */
static const char terminal_enter_sequence[] = "\033[?1049h\033[?25l\033[?7l\033[2J";
/* Begins with an end of synchronised update and a reset, whatever a cut-off frame left behind. */
static const char terminal_leave_sequence[] = "\033[?2026l\033[0m\033[?7h\033[?25h\033[?1049l";
static const char terminal_frame_begin[] = "\033[?2026h", terminal_frame_end[] = "\033[?2026l";

enum {
    /* A lone ESC is the Escape key when nothing follows for so long (as in vim's ttimeoutlen and ncurses' ESCDELAY,
       shorter). */
    TERMINAL_ESCAPE_MS = 40,
    TERMINAL_LEAVE_MS = 500,
};

struct terminal {
    int fd, signal_fd;
    struct termios saved;
    sigset_t saved_mask;
    struct terminal_guard guard;
    int columns, rows;
    uint8_t input[256];
    size_t input_bytes;
    char *output; // terminal::output_capacity bytes, [output_sent, output_bytes) unsent
    size_t output_bytes, output_sent, output_capacity;
    uint64_t written_bytes;
    struct loop_source *tty_source, *signal_source, *escape_timer;
    const struct terminal_listener *listener;
    void *userdata;
    bool *closed; /* set when a callback closed us: the caller on the stack must not touch the terminal again */
};

static bool terminal_contains(const char *text, const char *word)
{
    return text && strcasestr(text, word);
}

static bool terminal_detect_utf8(const struct terminal_environment *environment, bool modern)
{
    const char *const settings[] = {environment->lc_all, environment->lc_ctype, environment->lang};

    for (size_t i = 0; i < 3; i++)
        if (settings[i] && settings[i][0])
            return terminal_contains(settings[i], "utf-8") || terminal_contains(settings[i], "utf8");
    /* Nothing is set, as on a bare machine's root login. Terminals that know true colour or 256 colours know UTF-8. */
    return modern;
}

void terminal_detect(const struct terminal_environment *environment, struct terminal_facts *ret_facts)
{
    const char *term = environment->term ? environment->term : "";
    bool dumb = !term[0] || strcmp(term, "dumb") == 0;
    bool old = strncmp(term, "vt", 2) == 0 || strcmp(term, "ansi") == 0 || terminal_contains(term, "-mono");
    bool true_colour = terminal_contains(environment->colorterm, "truecolor") ||
                       terminal_contains(environment->colorterm, "24bit") || terminal_contains(term, "-direct");
    bool monochrome = dumb || old || (environment->no_color && environment->no_color[0]);

    ret_facts->can_draw = !dumb;
    ret_facts->utf8 = !dumb && terminal_detect_utf8(environment, true_colour || terminal_contains(term, "256color"));
    ret_facts->colours = monochrome ? SCREEN_MONOCHROME : true_colour ? SCREEN_TRUE_COLOUR : SCREEN_256_COLOURS;
}

void terminal_detect_own(struct terminal_facts *ret_facts)
{
    const struct terminal_environment environment = {
        .term = getenv("TERM"),
        .colorterm = getenv("COLORTERM"),
        .no_color = getenv("NO_COLOR"),
        .lc_all = getenv("LC_ALL"),
        .lc_ctype = getenv("LC_CTYPE"),
        .lang = getenv("LANG"),
    };

    terminal_detect(&environment, ret_facts);
}

bool terminal_is_present(void)
{
    return isatty(STDOUT_FILENO);
}

static int terminal_open_device(const char *device)
{
    char name[256];

    if (device)
        return open(device, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    /* Inside some containers the terminal's own name does not exist; /dev/tty is the same terminal. */
    int fd =
        ttyname_r(STDOUT_FILENO, name, sizeof(name)) == 0 ? open(name, O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK) : -1;
    return fd >= 0 ? fd : open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
}

static void terminal_read_size(struct terminal *terminal)
{
    struct winsize size = {0};

    if (ioctl(terminal->fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
        size = (struct winsize){.ws_col = 80, .ws_row = 24};
    terminal->columns = size.ws_col;
    terminal->rows = size.ws_row;
}

/* Delivers whole keys; false when a callback closed the terminal. */
static bool terminal_deliver_keys(struct terminal *terminal, bool is_final)
{
    bool closed = false;
    uint32_t key;
    size_t used;

    /* cppcheck-suppress autoVariables ; it is taken back before this call ends */
    terminal->closed = &closed;
    while ((used = terminal_keys_decode(terminal->input, terminal->input_bytes, is_final, &key)) > 0) {
        terminal->input_bytes -= used;
        memmove(terminal->input, terminal->input + used, terminal->input_bytes);
        if (terminal->listener->key)
            terminal->listener->key(terminal, key, terminal->userdata);
        if (closed)
            return false;
    }
    terminal->closed = NULL;
    return true;
}

static int terminal_handle_escape(struct loop_source *source, void *userdata)
{
    (void)source;
    terminal_deliver_keys(userdata, true);
    return 0;
}

static void terminal_set_events(struct terminal *terminal)
{
    loop_source_set_events(terminal->tty_source, EPOLLIN | (terminal_is_drained(terminal) ? 0 : EPOLLOUT));
}

static int terminal_send(struct terminal *terminal)
{
    while (terminal->output_sent < terminal->output_bytes) {
        ssize_t written = write(terminal->fd, terminal->output + terminal->output_sent,
                                terminal->output_bytes - terminal->output_sent);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return errno == EAGAIN ? 0 : -errno;
        terminal->output_sent += (size_t)written;
        terminal->written_bytes += (size_t)written;
    }
    return 0;
}

/* False when the terminal is gone or was closed by a callback. */
static bool terminal_receive(struct terminal *terminal)
{
    ssize_t got =
        read(terminal->fd, terminal->input + terminal->input_bytes, sizeof(terminal->input) - terminal->input_bytes);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (got <= 0) {
        /* Removed: a hung-up terminal is readable for ever. */
        loop_source_remove(&terminal->tty_source);
        if (terminal->listener->lost)
            terminal->listener->lost(terminal, terminal->userdata);
        return false;
    }
    terminal->input_bytes += (size_t)got;
    if (!terminal_deliver_keys(terminal, terminal->input_bytes == sizeof(terminal->input)))
        return false;
    loop_timer_set(terminal->escape_timer, terminal->input_bytes ? clock_now_ms() + TERMINAL_ESCAPE_MS : 0);
    return true;
}

static int terminal_handle_tty(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct terminal *terminal = userdata;
    bool was_drained = terminal_is_drained(terminal);

    (void)source;
    (void)fd;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !terminal_receive(terminal))
        return 0;
    if (was_drained || !(events & EPOLLOUT))
        return 0;
    terminal_send(terminal);
    terminal_set_events(terminal);
    if (terminal_is_drained(terminal) && terminal->listener->drained)
        terminal->listener->drained(terminal, terminal->userdata);
    return 0;
}

static int terminal_handle_signal(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct terminal *terminal = userdata;
    struct signalfd_siginfo info;

    (void)source;
    (void)events;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        ;
    terminal_read_size(terminal);
    if (terminal->listener->resized)
        terminal->listener->resized(terminal, terminal->columns, terminal->rows, terminal->userdata);
    return 0;
}

static int terminal_watch(struct terminal *terminal, struct loop *loop)
{
    sigset_t mask;
    int r;

    sigemptyset(&mask);
    sigaddset(&mask, SIGWINCH);
    if (sigprocmask(SIG_BLOCK, &mask, &terminal->saved_mask) < 0)
        return -errno;
    terminal->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (terminal->signal_fd < 0)
        return -errno;
    r = loop_add_fd(loop, terminal->signal_fd, EPOLLIN, terminal_handle_signal, terminal, &terminal->signal_source);
    if (r == 0)
        r = loop_add_fd(loop, terminal->fd, EPOLLIN, terminal_handle_tty, terminal, &terminal->tty_source);
    if (r == 0)
        r = loop_add_timer(loop, terminal_handle_escape, terminal, &terminal->escape_timer);
    return r;
}

static int terminal_take_over(struct terminal *terminal)
{
    struct termios raw;
    int r = terminal_guard_start(&terminal->guard, terminal->fd, &terminal->saved, terminal_leave_sequence,
                                 sizeof(terminal_leave_sequence) - 1);
    if (r < 0)
        return r;
    raw = terminal->saved;
    cfmakeraw(&raw);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(terminal->fd, TCSANOW, &raw) < 0)
        return -errno;
    return fd_write_all(terminal->fd, terminal_enter_sequence, sizeof(terminal_enter_sequence) - 1);
}

int terminal_open(struct loop *loop, const char *device, const struct terminal_listener *listener, void *userdata,
                  struct terminal **ret_terminal)
{
    struct terminal *terminal = calloc(1, sizeof(*terminal));

    if (!terminal)
        return -ENOMEM;
    terminal->signal_fd = -1;
    terminal->listener = listener;
    terminal->userdata = userdata;
    sigprocmask(SIG_BLOCK, NULL, &terminal->saved_mask);
    terminal->fd = terminal_open_device(device);
    int r = terminal->fd < 0 || tcgetattr(terminal->fd, &terminal->saved) < 0 ? -errno : 0;
    if (r == 0)
        r = terminal_watch(terminal, loop);
    if (r == 0)
        r = terminal_take_over(terminal);
    if (r < 0) {
        terminal_close(terminal);
        return r;
    }
    terminal_read_size(terminal);
    *ret_terminal = terminal;
    return 0;
}

/* Waits a little for a terminal that is behind; one that was stopped with ^S must not keep the program from ending. */
static void terminal_leave(struct terminal *terminal)
{
    const char *bytes = terminal_leave_sequence;
    size_t left = sizeof(terminal_leave_sequence) - 1;
    uint64_t deadline_ms = clock_now_ms() + TERMINAL_LEAVE_MS, now_ms;

    tcsetattr(terminal->fd, TCSANOW, &terminal->saved);
    while (left > 0 && (now_ms = clock_now_ms()) < deadline_ms) {
        struct pollfd wait = {.fd = terminal->fd, .events = POLLOUT};
        ssize_t written = write(terminal->fd, bytes, left);
        if (written > 0) {
            bytes += written;
            left -= (size_t)written;
        } else if (errno != EAGAIN || poll(&wait, 1, (int)(deadline_ms - now_ms)) <= 0) {
            break;
        }
    }
}

/* Only what this file blocked: others may have changed the mask since. */
static void terminal_unblock_winch(const struct terminal *terminal)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGWINCH);
    if (!sigismember(&terminal->saved_mask, SIGWINCH))
        sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

void terminal_close(struct terminal *terminal)
{
    if (!terminal)
        return;
    if (terminal->closed)
        *terminal->closed = true;
    loop_source_remove(&terminal->tty_source);
    loop_source_remove(&terminal->signal_source);
    loop_source_remove(&terminal->escape_timer);
    if (terminal->guard.pid > 0) {
        terminal_leave(terminal);
        terminal_guard_dismiss(&terminal->guard);
    }
    fd_close(&terminal->signal_fd);
    terminal_unblock_winch(terminal);
    fd_close(&terminal->fd);
    free(terminal->output);
    free(terminal);
}

void terminal_size(const struct terminal *terminal, int *ret_columns, int *ret_rows)
{
    *ret_columns = terminal->columns;
    *ret_rows = terminal->rows;
}

bool terminal_is_drained(const struct terminal *terminal)
{
    return terminal->output_sent == terminal->output_bytes;
}

int terminal_write(struct terminal *terminal, const char *bytes, size_t size_bytes)
{
    size_t needed = size_bytes + sizeof(terminal_frame_begin) + sizeof(terminal_frame_end);

    if (size_bytes == 0 || !terminal->tty_source)
        return 0;
    if (needed > terminal->output_capacity) {
        char *grown = realloc(terminal->output, needed);
        if (!grown)
            return -ENOMEM;
        terminal->output = grown;
        terminal->output_capacity = needed;
    }
    char *end = terminal->output;
    end = mempcpy(end, terminal_frame_begin, sizeof(terminal_frame_begin) - 1);
    end = mempcpy(end, bytes, size_bytes);
    end = mempcpy(end, terminal_frame_end, sizeof(terminal_frame_end) - 1);
    terminal->output_bytes = (size_t)(end - terminal->output);
    terminal->output_sent = 0;
    int r = terminal_send(terminal);
    terminal_set_events(terminal);
    return r;
}

uint64_t terminal_bytes_written(const struct terminal *terminal)
{
    return terminal->written_bytes;
}
