// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
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
#include <termios.h>
#include <unistd.h>

#include "broker/viewer/terminal.h"
#include "common/clock.h"
#include "common/fd.h"

enum { DEADLINE_MS = 5000 };

/* One pseudo-terminal: we are the terminal emulator, on `master`. */
struct emulator {
    int master, open_fds;
    char device[128];
    struct loop *loop;
    struct terminal *terminal;
    uint32_t keys[64];
    size_t key_count;
    int columns, rows, drained, lost;
    bool close_on_key;
};

static int setup(void **state)
{
    struct emulator *emulator = calloc(1, sizeof(*emulator));

    emulator->open_fds = fd_count_open();
    emulator->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    assert_true(emulator->master >= 0);
    assert_int_equal(grantpt(emulator->master), 0);
    assert_int_equal(unlockpt(emulator->master), 0);
    assert_int_equal(ptsname_r(emulator->master, emulator->device, sizeof(emulator->device)), 0);
    struct winsize size = {.ws_row = 30, .ws_col = 100};
    ioctl(emulator->master, TIOCSWINSZ, &size);
    assert_int_equal(loop_create(&emulator->loop), 0);
    *state = emulator;
    return 0;
}

static int teardown(void **state)
{
    struct emulator *emulator = *state;

    terminal_close(emulator->terminal);
    loop_destroy(emulator->loop);
    fd_close(&emulator->master);
    assert_int_equal(fd_count_open(), emulator->open_fds);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_int_equal(errno, ECHILD);
    free(emulator);
    return 0;
}

static void on_key(struct terminal *terminal, uint32_t key, void *userdata)
{
    struct emulator *emulator = userdata;

    if (emulator->key_count < 64)
        emulator->keys[emulator->key_count++] = key;
    if (emulator->close_on_key) {
        terminal_close(terminal);
        emulator->terminal = NULL;
    }
}

static void on_resized(struct terminal *terminal, int columns, int rows, void *userdata)
{
    struct emulator *emulator = userdata;

    (void)terminal;
    emulator->columns = columns;
    emulator->rows = rows;
}

static void on_drained(struct terminal *terminal, void *userdata)
{
    (void)terminal;
    ((struct emulator *)userdata)->drained++;
}

static void on_lost(struct terminal *terminal, void *userdata)
{
    (void)terminal;
    ((struct emulator *)userdata)->lost++;
}

static const struct terminal_listener listener = {
    .key = on_key, .resized = on_resized, .drained = on_drained, .lost = on_lost};

static void open_terminal(struct emulator *emulator)
{
    assert_int_equal(terminal_open(emulator->loop, emulator->device, &listener, emulator, &emulator->terminal), 0);
}

/* What the program wrote, until `until` comes or the deadline. */
static size_t read_output(int master, char *out, size_t out_size, const char *until)
{
    uint64_t deadline_ms = clock_now_ms() + DEADLINE_MS;
    size_t size = 0;

    while (size + 1 < out_size && clock_now_ms() < deadline_ms) {
        struct pollfd wait = {.fd = master, .events = POLLIN};
        poll(&wait, 1, 50);
        ssize_t got = read(master, out + size, out_size - 1 - size);
        if (got > 0)
            size += (size_t)got;
        out[size] = '\0';
        if (until && memmem(out, size, until, strlen(until)))
            break;
    }
    return size;
}

static void run_until_keys(struct emulator *emulator, size_t count)
{
    uint64_t deadline_ms = clock_now_ms() + DEADLINE_MS;

    while (emulator->key_count < count && clock_now_ms() < deadline_ms)
        assert_int_equal(loop_run_once(emulator->loop, 50), 0);
    assert_int_equal(emulator->key_count, count);
}

static struct termios modes_of(int master)
{
    struct termios modes;

    assert_int_equal(tcgetattr(master, &modes), 0);
    return modes;
}

static void takes_the_terminal_over_and_gives_it_back(void **state)
{
    struct emulator *emulator = *state;
    struct termios before = modes_of(emulator->master);
    char output[4096];
    int columns, rows;

    assert_true(before.c_lflag & ICANON);
    open_terminal(emulator);
    assert_false(modes_of(emulator->master).c_lflag & (ICANON | ECHO | ISIG));
    terminal_size(emulator->terminal, &columns, &rows);
    assert_int_equal(columns, 100);
    assert_int_equal(rows, 30);
    read_output(emulator->master, output, sizeof(output), "\033[2J");
    assert_non_null(strstr(output, "\033[?1049h"));
    terminal_close(emulator->terminal);
    emulator->terminal = NULL;
    read_output(emulator->master, output, sizeof(output), "\033[?1049l");
    assert_non_null(strstr(output, "\033[?25h"));
    assert_int_equal(modes_of(emulator->master).c_lflag, before.c_lflag);
    assert_int_equal(modes_of(emulator->master).c_iflag, before.c_iflag);
}

static void is_put_back_by_the_guard_when_the_program_is_killed(void **state)
{
    struct emulator *emulator = *state;
    struct termios before = modes_of(emulator->master);
    char output[4096];

    pid_t pid = fork();
    if (pid == 0) {
        open_terminal(emulator);
        raise(SIGKILL);
    }
    /* A descriptor of our own keeps the modes alive once the program's are gone, as the shell's does. */
    int shell = open(emulator->device, O_RDWR | O_NOCTTY | O_CLOEXEC);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    read_output(emulator->master, output, sizeof(output), "\033[?1049l");
    assert_non_null(strstr(output, "\033[?1049h"));
    assert_non_null(strstr(output, "\033[?1049l"));
    assert_int_equal(modes_of(emulator->master).c_lflag, before.c_lflag);
    fd_close(&shell);
}

static void decodes_keys_that_arrive_in_pieces(void **state)
{
    struct emulator *emulator = *state;

    open_terminal(emulator);
    assert_int_equal(write(emulator->master, "q\033", 2), 2);
    run_until_keys(emulator, 1);
    assert_int_equal(write(emulator->master, "[A\xed\x95", 4), 4);
    run_until_keys(emulator, 2);
    assert_int_equal(write(emulator->master, "\x9c\033[6~", 5), 5);
    run_until_keys(emulator, 4);
    assert_int_equal(emulator->keys[0], 'q');
    assert_int_equal(emulator->keys[1], TERMINAL_KEY_UP);
    assert_int_equal(emulator->keys[2], 0xd55c);
    assert_int_equal(emulator->keys[3], TERMINAL_KEY_PAGE_DOWN);
}

static void takes_a_lone_escape_for_the_key_after_a_moment(void **state)
{
    struct emulator *emulator = *state;

    open_terminal(emulator);
    assert_int_equal(write(emulator->master, "\033", 1), 1);
    run_until_keys(emulator, 1);
    assert_int_equal(emulator->keys[0], TERMINAL_KEY_ESCAPE);
}

static void may_be_closed_from_a_key(void **state)
{
    struct emulator *emulator = *state;

    open_terminal(emulator);
    emulator->close_on_key = true;
    assert_int_equal(write(emulator->master, "abc", 3), 3);
    run_until_keys(emulator, 1);
    assert_null(emulator->terminal);
}

static void tells_a_new_size(void **state)
{
    struct emulator *emulator = *state;
    struct winsize size = {.ws_row = 12, .ws_col = 40};
    uint64_t deadline_ms = clock_now_ms() + DEADLINE_MS;

    open_terminal(emulator);
    ioctl(emulator->master, TIOCSWINSZ, &size);
    /* The pseudo-terminal is not our controlling one, so the kernel's signal is sent by hand. */
    kill(getpid(), SIGWINCH);
    while (emulator->columns == 0 && clock_now_ms() < deadline_ms)
        assert_int_equal(loop_run_once(emulator->loop, 50), 0);
    assert_int_equal(emulator->columns, 40);
    assert_int_equal(emulator->rows, 12);
}

static void never_blocks_on_a_terminal_that_does_not_read(void **state)
{
    struct emulator *emulator = *state;
    size_t size = 1024 * 1024;
    char *frame = malloc(size), *output = malloc(size * 2);
    uint64_t deadline_ms = clock_now_ms() + DEADLINE_MS;

    open_terminal(emulator);
    memset(frame, 'x', size);
    assert_int_equal(terminal_write(emulator->terminal, frame, size), 0);
    assert_false(terminal_is_drained(emulator->terminal));
    size_t got = 0;
    while (emulator->drained == 0 && clock_now_ms() < deadline_ms) {
        ssize_t n = read(emulator->master, output + got, size * 2 - got);
        got += n > 0 ? (size_t)n : 0;
        assert_int_equal(loop_run_once(emulator->loop, 10), 0);
    }
    assert_int_equal(emulator->drained, 1);
    assert_true(terminal_is_drained(emulator->terminal));
    assert_true(terminal_bytes_written(emulator->terminal) >= size);
    free(frame);
    free(output);
}

static void ends_while_the_terminal_does_not_read(void **state)
{
    struct emulator *emulator = *state;
    size_t size = 1024 * 1024;
    char *frame = calloc(1, size);

    open_terminal(emulator);
    assert_int_equal(terminal_write(emulator->terminal, frame, size), 0);
    uint64_t start_ms = clock_now_ms();
    terminal_close(emulator->terminal);
    emulator->terminal = NULL;
    assert_true(clock_now_ms() - start_ms < 3000);
    free(frame);
}

static void tells_when_the_terminal_is_gone(void **state)
{
    struct emulator *emulator = *state;
    uint64_t deadline_ms = clock_now_ms() + DEADLINE_MS;

    open_terminal(emulator);
    fd_close(&emulator->master);
    while (emulator->lost == 0 && clock_now_ms() < deadline_ms)
        assert_int_equal(loop_run_once(emulator->loop, 50), 0);
    assert_int_equal(emulator->lost, 1);
}

/* The viewer ends a turn of the loop later, and may have a frame due until then. */
static void a_frame_for_a_terminal_that_is_gone_is_dropped(void **state)
{
    struct emulator *emulator = *state;

    tells_when_the_terminal_is_gone(state);
    uint64_t written = terminal_bytes_written(emulator->terminal);
    assert_int_equal(terminal_write(emulator->terminal, "frame", 5), 0);
    assert_true(terminal_is_drained(emulator->terminal));
    assert_int_equal(terminal_bytes_written(emulator->terminal), written);
    assert_int_equal(loop_run_once(emulator->loop, 0), 0);
    assert_int_equal(emulator->lost, 1);
}

static void refuses_what_is_no_terminal(void **state)
{
    struct emulator *emulator = *state;

    assert_int_equal(terminal_open(emulator->loop, "/dev/null", &listener, emulator, &emulator->terminal), -ENOTTY);
    assert_null(emulator->terminal);
}

static void decodes_the_keys_of_common_terminals(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        uint32_t key;
    } cases[] = {
        {"\033[A", TERMINAL_KEY_UP},
        {"\033OB", TERMINAL_KEY_DOWN},
        {"\033[1;5C", TERMINAL_KEY_RIGHT},
        {"\033[H", TERMINAL_KEY_HOME},
        {"\033[1~", TERMINAL_KEY_HOME},
        {"\033[7~", TERMINAL_KEY_HOME},
        {"\033OF", TERMINAL_KEY_END},
        {"\033[4~", TERMINAL_KEY_END},
        {"\033[5~", TERMINAL_KEY_PAGE_UP},
        {"\033[5;2~", TERMINAL_KEY_PAGE_UP},
        {"\033[Z", TERMINAL_KEY_BACK_TAB},
        {"\033[[A", TERMINAL_KEY_F1},
        {"\033OP", TERMINAL_KEY_F1},
        {"\033[11~", TERMINAL_KEY_F1},
        {"\033[3~", TERMINAL_KEY_DELETE},
        {"\n", '\r'},
        {"\b", 127},
        {"é", 0xe9},
        {"\033[200~", TERMINAL_KEY_UNKNOWN},
        {"\033[<0;1;1M", TERMINAL_KEY_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t key = 0;
        size_t length = strlen(cases[i].bytes);
        assert_int_equal(terminal_keys_decode((const uint8_t *)cases[i].bytes, length, false, &key), length);
        assert_int_equal(key, cases[i].key);
        for (size_t part = 1; part < length; part++)
            assert_int_equal(terminal_keys_decode((const uint8_t *)cases[i].bytes, part, false, &key), 0);
    }
}

static void always_gets_on_with_any_bytes(void **state)
{
    (void)state;
    uint32_t random = 1, key;
    uint8_t bytes[40];

    for (int round = 0; round < 20000; round++) {
        size_t size = 1 + round % sizeof(bytes);
        for (size_t i = 0; i < size; i++) {
            random = random * 1664525 + 1013904223;
            bytes[i] = (random >> 24) % 4 ? (uint8_t)(random >> 16) : "\033[O;~"[random >> 28 & 3];
        }
        size_t used = terminal_keys_decode(bytes, size, true, &key);
        assert_true(used >= 1 && used <= size);
    }
}

static void detects_what_the_environment_says(void **state)
{
    (void)state;
    static const struct {
        struct terminal_environment environment;
        struct terminal_facts facts;
    } cases[] = {
        {{.term = "xterm-256color", .colorterm = "truecolor", .lang = "en_GB.UTF-8"}, {true, true, SCREEN_TRUE_COLOUR}},
        {{.term = "xterm-256color", .lang = "ko_KR.utf8"}, {true, true, SCREEN_256_COLOURS}},
        {{.term = "xterm-256color", .lang = "C"}, {true, false, SCREEN_256_COLOURS}},
        {{.term = "xterm-256color", .lc_all = "C", .lang = "en_GB.UTF-8"}, {true, false, SCREEN_256_COLOURS}},
        {{.term = "screen", .lang = "en_GB.UTF-8"}, {true, true, SCREEN_256_COLOURS}},
        {{.term = "tmux-256color"}, {true, true, SCREEN_256_COLOURS}},
        {{.term = "xterm"}, {true, false, SCREEN_256_COLOURS}},
        {{.term = "vt220", .lang = "en_GB.UTF-8"}, {true, true, SCREEN_MONOCHROME}},
        {{.term = "xterm-direct", .no_color = "1"}, {true, true, SCREEN_MONOCHROME}},
        {{.term = "dumb", .colorterm = "truecolor", .lang = "en_GB.UTF-8"}, {false, false, SCREEN_MONOCHROME}},
        {{.lang = "en_GB.UTF-8"}, {false, false, SCREEN_MONOCHROME}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct terminal_facts facts;
        terminal_detect(&cases[i].environment, &facts);
        assert_int_equal(facts.can_draw, cases[i].facts.can_draw);
        assert_int_equal(facts.utf8, cases[i].facts.utf8);
        assert_int_equal(facts.colours, cases[i].facts.colours);
    }
}

#define pty_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        pty_test(takes_the_terminal_over_and_gives_it_back),
        pty_test(is_put_back_by_the_guard_when_the_program_is_killed),
        pty_test(decodes_keys_that_arrive_in_pieces),
        pty_test(takes_a_lone_escape_for_the_key_after_a_moment),
        pty_test(may_be_closed_from_a_key),
        pty_test(tells_a_new_size),
        pty_test(never_blocks_on_a_terminal_that_does_not_read),
        pty_test(ends_while_the_terminal_does_not_read),
        pty_test(tells_when_the_terminal_is_gone),
        pty_test(a_frame_for_a_terminal_that_is_gone_is_dropped),
        pty_test(refuses_what_is_no_terminal),
        cmocka_unit_test(decodes_the_keys_of_common_terminals),
        cmocka_unit_test(always_gets_on_with_any_bytes),
        cmocka_unit_test(detects_what_the_environment_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
