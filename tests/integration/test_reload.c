/* A tab that reloads by itself, against real renderers: the picture comes back, later each time, until quarantine. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/document/tab.h"
#include "broker/trace/audit.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/policy_table.h"
#include "tests/support/scratch.h"

struct watched {
    struct broker *broker;
    struct tab *tab;
    unsigned frames, ends;
    uint64_t ended_ms, framed_ms;
};

static void on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    struct watched *watched = userdata;
    (void)tab;
    (void)frame;
    watched->frames++;
    watched->framed_ms = clock_now_ms();
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct watched *watched = userdata;
    (void)tab;
    assert_int_equal(report->cause, EXIT_CAUSE_CRASHED);
    watched->ends++;
    watched->ended_ms = clock_now_ms();
}

static const struct tab_listener listener = {.frame = on_frame, .ended = on_ended};

static void run_until(struct watched *watched, const unsigned *counter, unsigned at_least)
{
    uint64_t deadline = clock_now_ms() + 20000;
    while (*counter < at_least && clock_now_ms() < deadline)
        assert_int_equal(loop_run_once(broker_loop(watched->broker), 50), 0);
    assert_true(*counter >= at_least);
}

static void open_watched(struct watched *watched, bool auto_reload, bool audit)
{
    char renderer[SCRATCH_PATH];
    const char *build = getenv("BULKHEAD_BUILD");
    snprintf(renderer, sizeof renderer, "%s/bulkhead-renderer", build != NULL ? build : "build/release");
    const struct broker_options options = {
        .allow_crash_tests = true, .spares = 1, .renderer_path = renderer, .audit = audit};
    const struct tab_options tab_options = {.auto_reload = auto_reload};
    const struct tab_view view = {.width_px = 60, .height_px = 40, .scale_x = 0.1f, .scale_y = 0.1f};
    struct document *document;
    int error;
    log_set_level(LOG_NONE);
    assert_int_equal(broker_create(&options, NULL, NULL, &watched->broker), 0);
    assert_int_equal(document_open(document_path("sample.pdf"), &document), DOCUMENT_OK);
    assert_int_equal(tab_open(watched->broker, document, &tab_options, &listener, watched, &watched->tab), 0);
    document_unref(document);
    tab_paint(watched->tab, &view, &error);
    run_until(watched, &watched->frames, 1);
}

static void close_watched(struct watched *watched)
{
    tab_close(watched->tab);
    broker_destroy(watched->broker);
}

static void crash(struct watched *watched)
{
    unsigned ends = watched->ends;
    assert_int_equal(tab_crash_test(watched->tab, BULKHEAD__CRASH_TEST__KIND__WILD_WRITE), 0);
    run_until(watched, &watched->ends, ends + 1);
}

static void comes_back_by_itself_until_the_document_is_quarantined(void **state)
{
    (void)state;
    struct watched watched = {0};
    open_watched(&watched, true, false);
    uint32_t backoff_ms = broker_policy(watched.broker)->reload_backoff_ms;
    unsigned limit = broker_policy(watched.broker)->quarantine_ends;
    for (unsigned ends = 1; ends < limit; ends++) {
        crash(&watched);
        assert_int_equal(tab_state(watched.tab), TAB_SAD);
        assert_non_null(tab_frame(watched.tab)); /* the last good one */
        run_until(&watched, &watched.frames, ends + 1);
        assert_true(watched.framed_ms - watched.ended_ms >= (backoff_ms << (ends - 1)) - 1);
    }
    crash(&watched);
    assert_int_equal(tab_state(watched.tab), TAB_QUARANTINED);
    assert_int_equal(tab_reload(watched.tab, false), -EPERM);
    assert_int_equal(tab_reload(watched.tab, true), 0);
    run_until(&watched, &watched.frames, limit + 1);
    close_watched(&watched);
}

static void stays_sad_when_it_was_not_asked_to(void **state)
{
    (void)state;
    struct watched watched = {0};
    open_watched(&watched, false, false);
    crash(&watched);
    uint64_t deadline = clock_now_ms() + 600;
    while (clock_now_ms() < deadline)
        loop_run_once(broker_loop(watched.broker), 50);
    assert_int_equal(tab_state(watched.tab), TAB_SAD);
    assert_int_equal(tab_pid(watched.tab), 0);
    assert_int_equal(tab_reload(watched.tab, false), 0);
    run_until(&watched, &watched.frames, 2);
    assert_int_equal(tab_reload(watched.tab, false), -EBUSY);
    close_watched(&watched);
}

static uint64_t count_of(struct broker *broker, const char *call)
{
    static struct audit_sums sums;
    uint64_t count = 0;
    audit_sum(broker_audit(broker), &sums);
    for (size_t i = 0; i < policy_row_count; i++)
        count += strcmp(policy_rows[i].call, call) == 0 ? sums.rows[i] : 0;
    return count;
}

static void a_document_left_alone_gives_memory_back(void **state)
{
    struct watched watched = {0};
    (void)state;
    open_watched(&watched, false, true);
    uint64_t deadline = clock_now_ms() + 20000;
    while (count_of(watched.broker, "madvise") == 0 && clock_now_ms() < deadline)
        assert_int_equal(loop_run_once(broker_loop(watched.broker), 50), 0);
    assert_true(count_of(watched.broker, "madvise") > 0);
    assert_int_equal(watched.ends, 0);
    close_watched(&watched);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_by_itself_until_the_document_is_quarantined),
        cmocka_unit_test(stays_sad_when_it_was_not_asked_to),
        cmocka_unit_test(a_document_left_alone_gives_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
