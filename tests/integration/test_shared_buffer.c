/* Memory shared between two real renderers: what one page writes another shows, whatever becomes of either of them; and
 * no other page and no document has a part in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "broker/broker_private.h"
#include "broker/document/tab.h"
#include "common/clock.h"
#include "common/log.h"
#include "tests/support/scratch.h"

enum { WIDTH_PX = 320, HEIGHT_PX = 240, FRAMES_PER_SECOND = 25, DEADLINE_MS = 30000 };
/* The lamps beside the words of the two pages. */
enum {
    SCOPE_LIVE = 0x5dff80,
    SCOPE_STOPPED = 0xffb347,
    WAVE_SHARES = 0x7bd968,
    WAVE_DOES_NOT = 0xffb347,
};

struct page {
    struct tab *tab;
    unsigned ends;
    enum exit_cause cause;
};

struct bench {
    struct broker *broker;
    struct page wave, scope;
};

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct page *page = userdata;
    (void)tab;
    page->ends++;
    page->cause = report->cause;
}

static const struct tab_listener listener = {.ended = on_ended};

static void open_page(struct bench *bench, struct page *page, const char *location)
{
    const struct tab_options options = {0};
    const struct tab_view view = {.width_px = WIDTH_PX,
                                  .height_px = HEIGHT_PX,
                                  .scale_x = 1,
                                  .scale_y = 1,
                                  .frames_per_second = FRAMES_PER_SECOND};
    struct document *document;
    int error;
    *page = (struct page){0};
    assert_int_equal(document_open(location, &document), DOCUMENT_OK);
    assert_int_equal(tab_open(bench->broker, document, &options, &listener, page, &page->tab), 0);
    document_unref(document);
    tab_paint(page->tab, &view, &error);
}

static void turn(struct bench *bench)
{
    assert_int_equal(loop_run_once(broker_loop(bench->broker), 50), 0);
}

static bool has_lamp(const struct page *page, uint32_t colour)
{
    const struct frame *frame = tab_frame(page->tab);
    unsigned count = 0;
    if (frame == NULL)
        return false;
    for (uint32_t y = 0; y < HEIGHT_PX; y++) {
        const uint8_t *row = frame->pixels + (size_t)y * frame->geometry.stride_bytes;
        for (uint32_t x = 0; x < WIDTH_PX; x++)
            count += (uint32_t)(row[3 * x] << 16 | row[3 * x + 1] << 8 | row[3 * x + 2]) == colour;
    }
    return count >= 50;
}

static void await_lamp(struct bench *bench, const struct page *page, uint32_t colour, const char *what)
{
    uint64_t deadline = clock_now_ms() + DEADLINE_MS;
    while (!has_lamp(page, colour) && clock_now_ms() < deadline)
        turn(bench);
    if (!has_lamp(page, colour))
        fail_msg("not seen: %s", what);
}

static void await_frames(struct bench *bench, const struct page *page, uint64_t more)
{
    uint64_t deadline = clock_now_ms() + DEADLINE_MS, wanted = tab_frames_received(page->tab) + more;
    while (tab_frames_received(page->tab) < wanted && clock_now_ms() < deadline)
        turn(bench);
    assert_true(tab_frames_received(page->tab) >= wanted);
}

static void crash(struct bench *bench, struct page *page)
{
    uint64_t deadline = clock_now_ms() + DEADLINE_MS;
    assert_int_equal(tab_crash_test(page->tab, BULKHEAD__CRASH_TEST__KIND__WILD_WRITE), 0);
    while (page->ends == 0 && clock_now_ms() < deadline)
        turn(bench);
    assert_int_equal(page->ends, 1);
    assert_int_equal(page->cause, EXIT_CAUSE_CRASHED);
}

static int make_bench(void **state)
{
    static struct bench bench;
    char renderer[SCRATCH_PATH];
    const char *build = getenv("BULKHEAD_BUILD");
    snprintf(renderer, sizeof renderer, "%s/bulkhead-renderer", build != NULL ? build : "build/release");
    const struct broker_options options = {
        .allow_crash_tests = true, .spares = 1, .renderer_path = renderer, .no_crash_reports = true};
    memset(&bench, 0, sizeof bench);
    log_set_level(LOG_NONE);
    if (broker_create(&options, NULL, NULL, &bench.broker) < 0)
        return -1;
    *state = &bench;
    return 0;
}

static int remove_bench(void **state)
{
    struct bench *bench = *state;
    tab_close(bench->wave.tab);
    tab_close(bench->scope.tab);
    broker_destroy(bench->broker);
    return 0;
}

/* The highest row in which the scope's beam is, by the one colour that only a fresh beam has: nearly white green. */
static int highest_beam_row(const struct page *page)
{
    const struct frame *frame = tab_frame(page->tab);
    for (int y = HEIGHT_PX / 8; y < HEIGHT_PX / 2; y++) {
        const uint8_t *row = frame->pixels + (size_t)y * frame->geometry.stride_bytes;
        for (int x = WIDTH_PX / 8; x < WIDTH_PX * 7 / 8; x++)
            if (row[3 * x + 1] > 220)
                return y;
    }
    return HEIGHT_PX / 2;
}

/* A click in the wave: the further down, the lower its level. */
static void click(const struct page *page, int32_t y_px)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;
    input.kind = BULKHEAD__INPUT__KIND__POINTER;
    input.code = 1;
    input.x_px = WIDTH_PX / 2;
    input.y_px = y_px;
    tab_input(page->tab, &input);
}

static void await_beam(struct bench *bench, int from_row, int to_row)
{
    uint64_t deadline = clock_now_ms() + DEADLINE_MS;
    for (int row = -1; clock_now_ms() < deadline; turn(bench)) {
        row = highest_beam_row(&bench->scope);
        if (row >= from_row && row < to_row)
            return;
    }
    fail_msg("the beam was not seen to reach rows %d to %d", from_row, to_row);
}

static void the_scope_shows_what_is_done_to_the_wave(void **state)
{
    struct bench *bench = *state;
    open_page(bench, &bench->scope, "about:scope");
    await_lamp(bench, &bench->scope, SCOPE_STOPPED, "a scope that waits for a signal");
    open_page(bench, &bench->wave, "about:wave");
    await_lamp(bench, &bench->wave, WAVE_SHARES, "a wave that writes");
    await_lamp(bench, &bench->scope, SCOPE_LIVE, "a scope with a signal");
    assert_true(tab_pid(bench->wave.tab) != tab_pid(bench->scope.tab));
    click(&bench->wave, HEIGHT_PX - 1);
    await_beam(bench, HEIGHT_PX * 3 / 8, HEIGHT_PX / 2);
    click(&bench->wave, 0);
    await_beam(bench, HEIGHT_PX / 8, HEIGHT_PX / 4);
}

static void a_scope_outlives_its_writer_and_goes_on_with_the_next(void **state)
{
    struct bench *bench = *state;
    open_page(bench, &bench->wave, "about:wave");
    open_page(bench, &bench->scope, "about:scope");
    await_lamp(bench, &bench->scope, SCOPE_LIVE, "a scope with a signal");
    crash(bench, &bench->wave);
    await_lamp(bench, &bench->scope, SCOPE_STOPPED, "a scope whose writer crashed");
    assert_int_equal(tab_reload(bench->wave.tab, false), 0);
    await_lamp(bench, &bench->scope, SCOPE_LIVE, "a scope whose writer was reloaded");
    assert_int_equal(bench->scope.ends, 0);
}

static void a_writer_does_not_notice_that_a_scope_crashes(void **state)
{
    struct bench *bench = *state;
    open_page(bench, &bench->wave, "about:wave");
    open_page(bench, &bench->scope, "about:scope");
    await_lamp(bench, &bench->scope, SCOPE_LIVE, "a scope with a signal");
    crash(bench, &bench->scope);
    await_frames(bench, &bench->wave, 5);
    assert_int_equal(bench->wave.ends, 0);
    assert_true(has_lamp(&bench->wave, WAVE_SHARES));
    assert_int_equal(tab_reload(bench->scope.tab, false), 0);
    await_frames(bench, &bench->scope, 1);
    await_lamp(bench, &bench->scope, SCOPE_LIVE, "a scope that was reloaded");
}

static bool is_settled(const struct page *page)
{
    return has_lamp(page, WAVE_SHARES) || has_lamp(page, WAVE_DOES_NOT);
}

static void there_is_one_writer_until_its_process_is_gone(void **state)
{
    struct bench *bench = *state;
    struct page other;
    uint64_t deadline = clock_now_ms() + DEADLINE_MS;
    open_page(bench, &bench->wave, "about:wave");
    await_lamp(bench, &bench->wave, WAVE_SHARES, "a wave that writes");
    open_page(bench, &other, "about:wave");
    await_lamp(bench, &other, WAVE_DOES_NOT, "a second wave that may not");
    tab_close(other.tab);
    await_frames(bench, &bench->wave, 2);
    assert_true(has_lamp(&bench->wave, WAVE_SHARES));
    /* Closed is not gone yet: until the kernel says so there is no other. */
    unsigned first = tab_renderer_id(bench->wave.tab);
    tab_close(bench->wave.tab);
    assert_int_equal(broker_shared_buffer(bench->broker)->writing_renderer, first);
    while (broker_shared_buffer(bench->broker)->writing_renderer == first && clock_now_ms() < deadline)
        turn(bench);
    open_page(bench, &bench->wave, "about:wave");
    while (!is_settled(&bench->wave) && clock_now_ms() < deadline)
        turn(bench);
    assert_true(has_lamp(&bench->wave, WAVE_SHARES));
}

static uint64_t fds_sent(const struct page *page)
{
    struct counters counters;
    counters_init(&counters);
    tab_add_counters(page->tab, &counters);
    uint64_t fds = counters.to_renderer[BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE].fds;
    counters_fini(&counters);
    return fds;
}

/* How the process has the memory mapped: "rw-s", "r--s", "" for not at all. */
static void mapping_of(const struct page *page, char ret_mode[8])
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", (int)tab_pid(page->tab));
    FILE *maps = fopen(path, "re");
    assert_non_null(maps);
    ret_mode[0] = '\0';
    while (fgets(line, sizeof line, maps) != NULL)
        if (strstr(line, "bulkhead-shared") != NULL)
            assert_int_equal(sscanf(line, "%*s %7s", ret_mode), 1);
    fclose(maps);
}

static void no_document_and_no_other_page_has_a_part_in_it(void **state)
{
    struct bench *bench = *state;
    struct page document, clock;
    char mode[8];
    open_page(bench, &document, document_path("sample.pdf"));
    open_page(bench, &clock, "about:clock");
    await_frames(bench, &document, 1);
    await_frames(bench, &clock, 1);
    assert_int_equal(broker_shared_buffer(bench->broker)->fd, -1); /* not even made */
    open_page(bench, &bench->wave, "about:wave");
    open_page(bench, &bench->scope, "about:scope");
    await_lamp(bench, &bench->scope, SCOPE_LIVE, "a scope with a signal");
    assert_int_equal(fds_sent(&document), 1); /* the file */
    assert_int_equal(fds_sent(&clock), 0);
    assert_int_equal(fds_sent(&bench->wave), 1);
    assert_int_equal(fds_sent(&bench->scope), 1);
    if (geteuid() == 0) { /* nobody else may look */
        mapping_of(&document, mode);
        assert_string_equal(mode, "");
        mapping_of(&clock, mode);
        assert_string_equal(mode, "");
        mapping_of(&bench->wave, mode);
        assert_string_equal(mode, "rw-s");
        mapping_of(&bench->scope, mode);
        assert_string_equal(mode, "r--s");
    }
    tab_close(document.tab);
    tab_close(clock.tab);
}

#define ON_A_BENCH(test) cmocka_unit_test_setup_teardown(test, make_bench, remove_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_BENCH(the_scope_shows_what_is_done_to_the_wave),
        ON_A_BENCH(a_scope_outlives_its_writer_and_goes_on_with_the_next),
        ON_A_BENCH(a_writer_does_not_notice_that_a_scope_crashes),
        ON_A_BENCH(there_is_one_writer_until_its_process_is_gone),
        ON_A_BENCH(no_document_and_no_other_page_has_a_part_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
