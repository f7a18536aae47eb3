// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "broker/output/progress.h"
#include "common/clock.h"
#include "common/fd.h"

/* What is printed, as a stream without a terminal: 80 columns are assumed. */
struct paper {
    FILE *out;
    char *text;
    size_t bytes;
    struct progress progress;
};

static void begin(struct paper *paper, enum progress_style style)
{
    paper->out = open_memstream(&paper->text, &paper->bytes);
    assert_non_null(paper->out);
    progress_init(&paper->progress, paper->out, style);
}

static void expect_text(struct paper *paper, const char *text)
{
    fflush(paper->out);
    assert_string_equal(paper->text, text);
}

static void end(struct paper *paper)
{
    fclose(paper->out);
    free(paper->text);
}

static void a_bar_is_drawn_in_place_and_is_gone_without_a_trace(void **state)
{
    struct paper paper;
    (void)state;
    begin(&paper, PROGRESS_BAR);
    progress_hide(&paper.progress);
    expect_text(&paper, "");
    progress_show(&paper.progress, 5, 10, "a.pdf");
    expect_text(&paper, "\r\033[K5/10 [############............] a.pdf");
    progress_hide(&paper.progress);
    progress_hide(&paper.progress);
    expect_text(&paper, "\r\033[K5/10 [############............] a.pdf\r\033[K");
    end(&paper);
}

static size_t count_draws(const struct paper *paper)
{
    size_t draws = 0;
    for (const char *at = paper->text; (at = strstr(at, "\r\033[K")) != NULL; at++)
        draws++;
    return draws;
}

static void a_bar_is_drawn_at_most_so_often_however_fast_the_pages_come(void **state)
{
    enum { SHOWS = 1000, LEAST_NS = 50 * 1000 * 1000 };
    struct paper paper;
    (void)state;
    begin(&paper, PROGRESS_BAR);
    uint64_t start_ns = clock_now_ns();
    for (size_t done = 0; done < SHOWS; done++)
        progress_show(&paper.progress, done, SHOWS, "a.pdf");
    uint64_t took_ns = clock_now_ns() - start_ns;
    fflush(paper.out);
    assert_in_range(count_draws(&paper), 1, took_ns / LEAST_NS + 1);
    end(&paper);
}

static void a_name_that_would_wrap_is_left_out(void **state)
{
    struct paper paper;
    char name[100];
    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    begin(&paper, PROGRESS_BAR);
    progress_show(&paper.progress, 10, 10, name);
    expect_text(&paper, "\r\033[K10/10 [########################] ");
    end(&paper);
}

static void a_narrow_terminal_gets_figures_only(void **state)
{
    struct progress progress;
    struct winsize size = {.ws_col = 40, .ws_row = 10};
    char text[64] = "";
    int master, slave;
    (void)state;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
    FILE *out = fdopen(slave, "w");
    assert_non_null(out);
    progress_init(&progress, out, PROGRESS_BAR);
    progress_show(&progress, 3, 4, "a.pdf");
    assert_true(read(master, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "\r\033[K3/4 ");
    fclose(out);
    fd_close(&master);
}

static void lines_come_one_for_each_tenth(void **state)
{
    struct paper paper;
    (void)state;
    begin(&paper, PROGRESS_LINES);
    for (size_t done = 1; done <= 40; done++)
        progress_show(&paper.progress, done, 40, done < 40 ? "a.pdf" : "");
    progress_hide(&paper.progress);
    fflush(paper.out);
    size_t lines = 0;
    for (const char *at = paper.text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 11); /* nothing yet, and ten tenths */
    assert_non_null(strstr(paper.text, "bulkhead: 4 of 40 pages, at a.pdf\n"));
    assert_non_null(strstr(paper.text, "bulkhead: 40 of 40 pages\n"));
    end(&paper);
}

static void none_is_none(void **state)
{
    struct paper paper;
    (void)state;
    begin(&paper, PROGRESS_NONE);
    progress_show(&paper.progress, 1, 2, "a.pdf");
    progress_hide(&paper.progress);
    expect_text(&paper, "");
    end(&paper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bar_is_drawn_in_place_and_is_gone_without_a_trace),
        cmocka_unit_test(a_bar_is_drawn_at_most_so_often_however_fast_the_pages_come),
        cmocka_unit_test(a_name_that_would_wrap_is_left_out),
        cmocka_unit_test(a_narrow_terminal_gets_figures_only),
        cmocka_unit_test(lines_come_one_for_each_tenth),
        cmocka_unit_test(none_is_none),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
