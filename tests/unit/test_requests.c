/* Requests, watchdog and quarantine: the pure bookkeeping behind "which answer is this" and "is it still alive". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "broker/document/quarantine.h"
#include "broker/requests.h"
#include "broker/watchdog.h"
#include "to_renderer.pb-c.h"

static const unsigned PAINT = BULKHEAD__TO_RENDERER__MESSAGE_PAINT;
static const unsigned MEASURE = BULKHEAD__TO_RENDERER__MESSAGE_MEASURE;

static void ids_grow_and_closed_ones_are_not_found(void **state)
{
    (void)state;
    struct requests requests;
    requests_init(&requests);
    uint64_t first = requests_open(&requests, MEASURE, false, 10);
    uint64_t second = requests_open(&requests, MEASURE, false, 20);
    assert_true(second > first && first > 0);
    assert_int_equal(requests_oldest_ms(&requests), 10);
    requests_close(&requests, first);
    assert_null(requests_find(&requests, first));
    assert_non_null(requests_find(&requests, second));
    assert_int_equal(requests_oldest_ms(&requests), 20);
    assert_null(requests_find(&requests, 0));
}

static void refuses_more_than_it_can_hold(void **state)
{
    (void)state;
    struct requests requests;
    requests_init(&requests);
    for (int i = 0; i < REQUESTS_OPEN; i++)
        assert_int_not_equal(requests_open(&requests, MEASURE, false, 1), 0);
    assert_int_equal(requests_open(&requests, MEASURE, false, 1), 0);
}

static void one_that_stays_open_is_found_while_many_others_come_and_go(void **state)
{
    (void)state;
    struct requests requests;
    requests_init(&requests);
    uint64_t old = requests_open(&requests, MEASURE, false, 1);
    for (int i = 0; i < 3 * REQUESTS_OPEN; i++) {
        uint64_t id = requests_open(&requests, MEASURE, false, 2);
        assert_int_equal(requests_find(&requests, id)->id, id);
        assert_int_equal(requests_find(&requests, old)->id, old);
        requests_close(&requests, id);
        assert_null(requests_find(&requests, id));
    }
    for (int i = 1; i < REQUESTS_OPEN; i++)
        assert_int_not_equal(requests_open(&requests, MEASURE, false, 3), 0);
    assert_int_equal(requests_open(&requests, MEASURE, false, 3), 0);
    assert_int_equal(requests_oldest_ms(&requests), 1);
}

static void a_new_paint_ends_the_scene_before_it_but_its_frames_still_match(void **state)
{
    (void)state;
    struct requests requests;
    requests_init(&requests);
    uint64_t scene = requests_open(&requests, PAINT, true, 1);
    assert_int_equal(requests_oldest_ms(&requests), 0); /* endless ones are never overdue */
    uint64_t paint = requests_open(&requests, PAINT, false, 2);
    assert_null(requests_find(&requests, scene));
    assert_true(requests_is_paint(&requests, scene));
    assert_true(requests_is_paint(&requests, paint));
    assert_false(requests_is_paint(&requests, requests_open(&requests, MEASURE, false, 3)));
    assert_false(requests_is_paint(&requests, 0));
    assert_false(requests_is_paint(&requests, 999));
}

static void a_frame_may_cross_with_a_long_burst_of_paints(void **state)
{
    (void)state;
    struct requests requests;
    uint32_t page;
    requests_init(&requests);
    uint64_t scene = requests_open(&requests, PAINT, true, 1);
    for (int i = 0; i < 10 * REQUESTS_PAINTS; i++)
        assert_true(requests_open(&requests, PAINT, true, 2) != 0);
    assert_true(requests_is_paint(&requests, scene));
    assert_false(requests_paint_page(&requests, scene, &page)); /* too long ago to know */
    assert_false(requests_is_paint(&requests, requests_open(&requests, MEASURE, false, 3)));
    assert_false(requests_is_paint(&requests, requests.next_id));
}

static void a_paint_knows_its_page_and_a_scroll_that_of_the_paint_before(void **state)
{
    (void)state;
    struct requests requests;
    uint32_t page;
    requests_init(&requests);
    uint64_t paint = requests_open(&requests, PAINT, false, 1);
    requests_set_page(&requests, paint, 7);
    uint64_t scroll = requests_open(&requests, BULKHEAD__TO_RENDERER__MESSAGE_SCROLL, false, 2);
    uint64_t measure = requests_open(&requests, MEASURE, false, 3);
    requests_set_page(&requests, measure, 9);
    requests_close(&requests, paint); /* frames of it may still come */
    assert_true(requests_paint_page(&requests, paint, &page));
    assert_int_equal(page, 7);
    assert_true(requests_paint_page(&requests, scroll, &page));
    assert_int_equal(page, 7);
    assert_int_equal(requests_find(&requests, measure)->page, 9);
}

static const struct watchdog_limits limits = {
    .ping_interval_ms = 100, .unresponsive_ms = 300, .hung_ms = 500, .request_ms = 5000};

static void pings_when_it_is_time_and_condemns_the_silent(void **state)
{
    (void)state;
    struct watchdog dog;
    watchdog_init(&dog, 0);
    assert_int_equal(watchdog_judge(&dog, &limits, 0, 50), WATCHDOG_FINE);
    assert_int_equal(watchdog_judge(&dog, &limits, 0, 100), WATCHDOG_PING);
    watchdog_pinged(&dog, 7, 100);
    assert_int_equal(watchdog_judge(&dog, &limits, 0, 399), WATCHDOG_FINE);
    assert_int_equal(watchdog_judge(&dog, &limits, 0, 400), WATCHDOG_UNRESPONSIVE);
    assert_int_equal(watchdog_judge(&dog, &limits, 0, 500), WATCHDOG_FINE); /* said once */
    assert_int_equal(watchdog_judge(&dog, &limits, 0, 900), WATCHDOG_HUNG);
}

static void an_answer_brings_it_back(void **state)
{
    (void)state;
    struct watchdog dog;
    watchdog_init(&dog, 0);
    watchdog_pinged(&dog, 7, 0);
    assert_int_equal(watchdog_judge(&dog, &limits, 0, 350), WATCHDOG_UNRESPONSIVE);
    assert_true(watchdog_ponged(&dog, 7, 1, 0, 360));
    assert_int_equal(watchdog_judge(&dog, &limits, 0, 370), WATCHDOG_RECOVERED);
}

static void answers_to_no_ping_are_refused(void **state)
{
    (void)state;
    struct watchdog dog;
    watchdog_init(&dog, 0);
    assert_false(watchdog_ponged(&dog, 0, 1, 0, 1));
    watchdog_pinged(&dog, 7, 0);
    assert_false(watchdog_ponged(&dog, 8, 1, 0, 1));
    assert_true(watchdog_ponged(&dog, 7, 1, 0, 1));
    assert_false(watchdog_ponged(&dog, 7, 1, 0, 2));
}

/* Pings and answers every 100 ms from `from_ms`, with the beat given; the last verdict. */
static enum watchdog_verdict run_busy(struct watchdog *dog, const struct watchdog_limits *with, bool beats, int rounds)
{
    enum watchdog_verdict verdict = WATCHDOG_FINE;
    for (int i = 1; i <= rounds; i++) {
        uint64_t now = (uint64_t)i * 100;
        watchdog_pinged(dog, (uint64_t)i, now);
        watchdog_ponged(dog, (uint64_t)i, beats ? (uint64_t)i : 5, 42, now);
        verdict = watchdog_judge(dog, with, 1, now);
        if (verdict == WATCHDOG_HUNG)
            break;
    }
    return verdict;
}

static void an_engine_that_stands_still_is_hung_although_pings_are_answered(void **state)
{
    (void)state;
    struct watchdog dog;
    watchdog_init(&dog, 0);
    assert_int_equal(run_busy(&dog, &limits, false, 20), WATCHDOG_HUNG);
    watchdog_init(&dog, 0);
    assert_int_not_equal(run_busy(&dog, &limits, true, 20), WATCHDOG_HUNG);
}

static void an_explicit_time_limit_replaces_the_judgement_of_the_beat(void **state)
{
    (void)state;
    struct watchdog_limits patient = limits;
    patient.ignores_stalls = true;
    struct watchdog dog;
    watchdog_init(&dog, 0);
    assert_int_not_equal(run_busy(&dog, &patient, false, 20), WATCHDOG_HUNG);
    assert_int_equal(watchdog_judge(&dog, &patient, 1, 5001), WATCHDOG_TIMEOUT);
}

static void quarantine_counts_the_document_and_forgets_with_time(void **state)
{
    (void)state;
    static struct quarantine quarantine;
    assert_int_equal(quarantine_note(&quarantine, "a", 1000), 1);
    assert_int_equal(quarantine_note(&quarantine, "a", 2000), 2);
    assert_int_equal(quarantine_note(&quarantine, "b", 2000), 1);
    assert_int_equal(quarantine_ends(&quarantine, "a", 3000), 2);
    assert_int_equal(quarantine_ends(&quarantine, "a", 3000 + QUARANTINE_WINDOW_MS), 0);
    assert_int_equal(quarantine_note(&quarantine, "a", 3000 + QUARANTINE_WINDOW_MS), 1);
    quarantine_forgive(&quarantine, "b");
    assert_int_equal(quarantine_ends(&quarantine, "b", 2001), 0);
}

static void only_bad_ends_speak_against_a_document(void **state)
{
    (void)state;
    assert_true(exit_cause_is_bad(EXIT_CAUSE_CRASHED));
    assert_true(exit_cause_is_bad(EXIT_CAUSE_HUNG));
    assert_false(exit_cause_is_bad(EXIT_CAUSE_CLEAN));
    assert_false(exit_cause_is_bad(EXIT_CAUSE_KILLED_BY_BROKER));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_grow_and_closed_ones_are_not_found),
        cmocka_unit_test(refuses_more_than_it_can_hold),
        cmocka_unit_test(one_that_stays_open_is_found_while_many_others_come_and_go),
        cmocka_unit_test(a_paint_knows_its_page_and_a_scroll_that_of_the_paint_before),
        cmocka_unit_test(a_new_paint_ends_the_scene_before_it_but_its_frames_still_match),
        cmocka_unit_test(a_frame_may_cross_with_a_long_burst_of_paints),
        cmocka_unit_test(pings_when_it_is_time_and_condemns_the_silent),
        cmocka_unit_test(an_answer_brings_it_back),
        cmocka_unit_test(answers_to_no_ping_are_refused),
        cmocka_unit_test(an_engine_that_stands_still_is_hung_although_pings_are_answered),
        cmocka_unit_test(an_explicit_time_limit_replaces_the_judgement_of_the_beat),
        cmocka_unit_test(quarantine_counts_the_document_and_forgets_with_time),
        cmocka_unit_test(only_bad_ends_speak_against_a_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
