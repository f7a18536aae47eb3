// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/log.h"

struct lines {
    char last[8192];
    enum log_level level;
    int count;
};

static void keep_line(enum log_level level, const char *line, void *userdata)
{
    struct lines *lines = userdata;

    snprintf(lines->last, sizeof lines->last, "%s", line);
    lines->level = level;
    lines->count++;
}

static int reset_log(void **state)
{
    (void)state;
    log_set_level(LOG_WARNING);
    log_set_sink(NULL, NULL);
    return 0;
}

static void a_line_carries_its_level(void **state)
{
    struct lines lines = {0};

    (void)state;
    log_set_sink(keep_line, &lines);
    log_write(LOG_WARNING, "renderer=%u state=%s", 3u, "ready");
    assert_string_equal(lines.last, "level=warning renderer=3 state=ready");
    assert_int_equal(lines.level, LOG_WARNING);
}

static void lines_below_the_level_are_dropped(void **state)
{
    struct lines lines = {0};

    (void)state;
    log_set_sink(keep_line, &lines);
    log_write(LOG_INFO, "msg=hidden");
    log_peer(LOG_DEBUG, "x", 1, "msg=hidden");
    assert_int_equal(lines.count, 0);
    log_set_level(LOG_DEBUG);
    log_write(LOG_DEBUG, "msg=shown");
    assert_int_equal(lines.count, 1);
    log_set_level(LOG_NONE);
    log_write(LOG_ERROR, "msg=hidden");
    assert_int_equal(lines.count, 1);
}

static void peer_text_cannot_leave_its_quotes(void **state)
{
    static const char text[] = "a\" level=error forged=\"1\n\x1b[31m\\";
    struct lines lines = {0};

    (void)state;
    log_set_sink(keep_line, &lines);
    log_peer(LOG_WARNING, text, sizeof text - 1, "renderer=%d", 7);
    assert_string_equal(lines.last, "level=warning renderer=7 "
                                    "text=\"a\\\" level=error forged=\\\"1\\x0a\\x1b[31m\\\\\"");
}

static void a_stray_newline_does_not_make_two_events(void **state)
{
    struct lines lines = {0};

    (void)state;
    log_set_sink(keep_line, &lines);
    log_write(LOG_ERROR, "a=1\nlevel=error b=2");
    assert_string_equal(lines.last, "level=error a=1 level=error b=2");
}

static void long_lines_are_clipped(void **state)
{
    static char text[20000];
    struct lines lines = {0};

    (void)state;
    log_set_sink(keep_line, &lines);
    memset(text, '"', sizeof text);
    log_peer(LOG_ERROR, text, sizeof text, "a=%.*s", 3000, text);
    assert_true(strlen(lines.last) < 4096);
    log_peer(LOG_ERROR, text, sizeof text, "a=%.*s", 5000, text);
    assert_true(strlen(lines.last) < 4096);
    assert_int_equal(lines.count, 2);
}

// stderr is a packet socket here: what one write carried comes back as one packet.
static void stderr_gets_each_line_in_one_write(void **state)
{
    int pair[2], saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    char first[256], second[256];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    dup2(pair[1], STDERR_FILENO);
    log_write(LOG_ERROR, "n=%d", 1);
    log_peer(LOG_ERROR, "hi", 2, "n=%d", 2);
    ssize_t n1 = read(pair[0], first, sizeof first), n2 = read(pair[0], second, sizeof second);
    dup2(saved, STDERR_FILENO);
    fd_close(&saved);
    fd_close_many(pair, 2);
    assert_int_equal(n1, strlen("level=error n=1\n"));
    assert_memory_equal(first, "level=error n=1\n", (size_t)n1);
    assert_int_equal(n2, strlen("level=error n=2 text=\"hi\"\n"));
    assert_memory_equal(second, "level=error n=2 text=\"hi\"\n", (size_t)n2);
}

static void a_closed_stderr_is_no_reason_to_fail(void **state)
{
    int saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);

    (void)state;
    close(STDERR_FILENO);
    log_write(LOG_ERROR, "msg=lost");
    dup2(saved, STDERR_FILENO);
    fd_close(&saved);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_line_carries_its_level, reset_log),
        cmocka_unit_test_teardown(lines_below_the_level_are_dropped, reset_log),
        cmocka_unit_test_teardown(peer_text_cannot_leave_its_quotes, reset_log),
        cmocka_unit_test_teardown(a_stray_newline_does_not_make_two_events, reset_log),
        cmocka_unit_test_teardown(long_lines_are_clipped, reset_log),
        cmocka_unit_test_teardown(stderr_gets_each_line_in_one_write, reset_log),
        cmocka_unit_test_teardown(a_closed_stderr_is_no_reason_to_fail, reset_log),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
