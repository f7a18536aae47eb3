/* A tab closed at any moment of its loading is a tab that was closed: what the renderer still had to say is late, not
 * hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "broker/document/tab.h"
#include "common/clock.h"
#include "common/log.h"
#include "tests/support/scratch.h"

enum { ROUNDS = 40, STEP_US = 50, WAIT_MS = 20000 };

static void on_state(struct tab *tab, enum tab_state state, void *userdata)
{
    bool *is_loading = userdata;
    (void)tab;
    *is_loading = *is_loading || state == TAB_LOADING;
}

static const struct tab_listener listener = {.state = on_state};

static void run_until_loading(struct broker *broker, const bool *is_loading)
{
    uint64_t deadline = clock_now_ms() + WAIT_MS;
    while (!*is_loading && clock_now_ms() < deadline)
        assert_int_equal(loop_run_once(broker_loop(broker), 50), 0);
    assert_true(*is_loading);
}

/* Its answer is sent, or about to be, or read by the kernel only: which, is up to the scheduler and the pause. */
static void open_and_close(struct broker *broker, unsigned pause_us)
{
    const struct tab_options options = {0};
    struct document *document;
    struct tab *tab;
    bool is_loading = false;
    assert_int_equal(document_open("about:blank", &document), DOCUMENT_OK);
    assert_int_equal(tab_open(broker, document, &options, &listener, &is_loading, &tab), 0);
    document_unref(document);
    run_until_loading(broker, &is_loading);
    loop_run_once(broker_loop(broker), 0); /* the request leaves */
    for (uint64_t end_ns = clock_now_ns() + pause_us * 1000ull; clock_now_ns() < end_ns;)
        ;
    tab_close(tab);
}

static uint64_t count_ends(const struct broker *broker)
{
    uint64_t sum = 0;
    for (int cause = 0; cause < EXIT_CAUSE_COUNT; cause++)
        sum += broker_end_counts(broker)[cause];
    return sum;
}

static void a_tab_closed_while_it_loads_ends_as_asked(void **state)
{
    (void)state;
    char renderer[SCRATCH_PATH];
    const char *build = getenv("BULKHEAD_BUILD");
    struct broker *broker;
    snprintf(renderer, sizeof renderer, "%s/bulkhead-renderer", build != NULL ? build : "build/release");
    const struct broker_options options = {.spares = 1, .renderer_path = renderer};
    log_set_level(LOG_NONE);
    assert_int_equal(broker_create(&options, NULL, NULL, &broker), 0);
    for (unsigned round = 0; round < ROUNDS; round++)
        open_and_close(broker, round * STEP_US);
    uint64_t deadline = clock_now_ms() + WAIT_MS;
    while (count_ends(broker) < ROUNDS && clock_now_ms() < deadline)
        assert_int_equal(loop_run_once(broker_loop(broker), 50), 0);
    assert_int_equal(count_ends(broker), ROUNDS);
    assert_int_equal(broker_end_counts(broker)[EXIT_CAUSE_CLEAN], ROUNDS);
    broker_destroy(broker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tab_closed_while_it_loads_ends_as_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
