/* Text for people: one line a message into a file, broken between words on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "broker/command/cli_lines.h"

enum { COLUMNS = 40, DEADLINE_MS = 10000 };

struct line {
    int master;
    FILE *terminal;
};

static int open_terminal(void **state)
{
    struct line *line = calloc(1, sizeof *line);
    struct winsize size = {.ws_row = 24, .ws_col = COLUMNS};
    struct termios raw = {0};
    int slave;
    cfmakeraw(&raw);
    assert_int_equal(openpty(&line->master, &slave, NULL, &raw, &size), 0);
    line->terminal = fdopen(slave, "w");
    assert_non_null(line->terminal);
    *state = line;
    return 0;
}

static int close_terminal(void **state)
{
    struct line *line = *state;
    fclose(line->terminal);
    close(line->master);
    free(line);
    return 0;
}

/* The kernel hands over what was written in pieces of its own choice. */
static void assert_got(struct line *line, const char *expected)
{
    char got[2048] = "";
    size_t used = 0;
    struct pollfd master = {.fd = line->master, .events = POLLIN};
    fflush(line->terminal);
    while (used < strlen(expected) && poll(&master, 1, DEADLINE_MS) == 1) {
        ssize_t length = read(line->master, got + used, sizeof got - 1 - used);
        assert_true(length > 0);
        used += (size_t)length;
    }
    assert_string_equal(got, expected);
}

static void say(FILE *stream)
{
    struct cli_lines lines;
    FILE *out = cli_lines_begin(&lines, stream);
    fprintf(out, "bulkhead: %s: %s\n", "a.pdf", "page 1: the renderer crashed: SIGSEGV");
    fputs("bulkhead: short\n", out);
    cli_lines_end(&lines);
}

static void a_message_is_broken_between_words_on_a_terminal(void **state)
{
    struct line *line = *state;
    say(line->terminal);
    assert_got(line, "bulkhead: a.pdf: page 1: the renderer\n"
                     "          crashed: SIGSEGV\n"
                     "bulkhead: short\n");
}

static void a_message_is_one_line_in_a_file(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    FILE *file = tmpfile();
    assert_non_null(file);
    say(file);
    fseek(file, 0, SEEK_SET);
    size = 0;
    assert_true(getline(&text, &size, file) > 0);
    assert_string_equal(text, "bulkhead: a.pdf: page 1: the renderer crashed: SIGSEGV\n");
    free(text);
    fclose(file);
}

static const char help[] = "Usage: bulkhead do [OPTION...] FILE...\n"
                           "\n"
                           "Does things, each FILE by itself, until there is nothing left to do or it was\n"
                           "told to stop.\n"
                           "\n"
                           "  -a, --all            everything there is, and\n"
                           "                       more\n"
                           "  -b                   little\n"
                           "See also.\n";

static void help_is_set_anew_to_the_width_there_is(void **state)
{
    struct line *line = *state;
    cli_lines_print_help(line->terminal, help);
    assert_got(line, "Usage: bulkhead do [OPTION...] FILE...\n"
                     "\n"
                     "Does things, each FILE by itself, until\n"
                     "there is nothing left to do or it was\n"
                     "told to stop.\n"
                     "\n"
                     "  -a, --all            everything there\n"
                     "                       is, and more\n"
                     "  -b                   little\n"
                     "See also.\n");
}

static void help_is_as_it_was_written_in_a_file(void **state)
{
    (void)state;
    char text[sizeof help] = "";
    FILE *file = tmpfile();
    assert_non_null(file);
    cli_lines_print_help(file, help);
    fseek(file, 0, SEEK_SET);
    assert_int_equal(fread(text, 1, sizeof text, file), sizeof help - 1);
    assert_memory_equal(text, help, sizeof help - 1);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_message_is_broken_between_words_on_a_terminal, open_terminal, close_terminal),
        cmocka_unit_test(a_message_is_one_line_in_a_file),
        cmocka_unit_test_setup_teardown(help_is_set_anew_to_the_width_there_is, open_terminal, close_terminal),
        cmocka_unit_test(help_is_as_it_was_written_in_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
