// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "broker/trace/report.h"
#include "common/codec.h"

static void lists_every_message_type_that_was_seen_and_no_other(void **state)
{
    (void)state;
    struct counters counters;
    struct report_row rows[REPORT_ROWS];

    counters_init(&counters);
    counter_add(&counters.to_renderer[BULKHEAD__TO_RENDERER__MESSAGE_PAINT], 40, 0);
    counter_add(&counters.to_renderer[BULKHEAD__TO_RENDERER__MESSAGE_PAINT], 60, 0);
    counter_add(&counters.to_renderer[BULKHEAD__TO_RENDERER__MESSAGE_RESIZE], 10, 1);
    counters.to_renderer[BULKHEAD__TO_RENDERER__MESSAGE_PING].drops = 3;
    counter_add(&counters.to_broker[BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY], 25, 0);
    counter_add_latency(&counters.to_broker[BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY], 50000);
    size_t count = report_counters(&counters, rows);
    assert_int_equal(count, 4);
    assert_string_equal(rows[0].type, "resize");
    assert_int_equal(rows[0].fds, 1);
    assert_string_equal(rows[1].type, "paint");
    assert_string_equal(rows[1].direction, "to_renderer");
    assert_int_equal(rows[1].messages, 2);
    assert_int_equal(rows[1].bytes, 100);
    assert_int_equal(rows[1].p50_ns, 0);
    assert_string_equal(rows[2].type, "ping");
    assert_int_equal(rows[2].drops, 3);
    assert_string_equal(rows[3].direction, "to_broker");
    assert_string_equal(rows[3].type, "frame_ready");
    assert_in_range(rows[3].p99_ns, 43000, 57000);
    counters_fini(&counters);
}

static void lists_each_type_of_the_protocol_once_when_all_were_used(void **state)
{
    (void)state;
    unsigned types[CODEC_TYPES];
    struct counters counters;
    struct report_row rows[REPORT_ROWS];

    counters_init(&counters);
    for (size_t i = 0; i < CODEC_TYPES; i++) {
        counter_add(&counters.to_renderer[i], 1, 0);
        counter_add(&counters.to_broker[i], 1, 0);
    }
    size_t expected = codec_types(&codec_to_renderer, types) + codec_types(&codec_to_broker, types);
    assert_int_equal(report_counters(&counters, rows), expected);
    counters_fini(&counters);
}

static void adds_up_each_direction_in_the_table(void **state)
{
    (void)state;
    struct counters counters;

    counters_init(&counters);
    for (int i = 0; i < 7; i++)
        counter_add(&counters.to_renderer[BULKHEAD__TO_RENDERER__MESSAGE_PING], 10, 0);
    for (int i = 0; i < 5; i++)
        counter_add(&counters.to_renderer[BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE], 10, 1);
    counters.packets_out = 9;
    char *text = report_counters_text(&counters);
    assert_non_null(strstr(text, "to_renderer"));
    assert_non_null(strstr(text, "  all                     12     120 B     5"));
    assert_non_null(strstr(text, "in 9 packets"));
    free(text);
    counters_fini(&counters);
}

static void writes_durations_in_the_unit_that_fits(void **state)
{
    (void)state;
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {{0, "-"},         {812, "812 ns"},     {4100, "4.1 µs"},
                 {52300, "52 µs"}, {1500000, "1.5 ms"}, {2000000000, "2.0 s"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        report_format_duration(text, sizeof(text), cases[i].ns);
        assert_string_equal(text, cases[i].text);
    }
}

static void tells_kernel_facts_apart_from_the_renderers_word(void **state)
{
    (void)state;
    struct exit_report report = {
        .cause = EXIT_CAUSE_CRASHED,
        .renderer_id = 3,
        .pid = 812,
        .wait_code = CLD_KILLED,
        .wait_status = SIGSEGV,
        .has_record = true,
        .record = {.kind = CRASH_SIGNAL,
                   .signal = SIGSEGV,
                   .code = 1,
                   .fault_address = 0xdeadbeef,
                   .thread_id = 4,
                   .instruction_pointer = 0x1234,
                   .note = "paint\033[2J"},
        .summary = "crashed: SIGSEGV",
    };
    char *text = report_end_text(&report, "#0 scene_plasma_paint\n");
    const char *kernel = strstr(text, "kernel    pid 812 ended by signal 11 (SIGSEGV)");
    const char *claim = strstr(text, "renderer's own word");

    assert_true(strncmp(text, "crashed: SIGSEGV\n", 17) == 0);
    assert_non_null(kernel);
    assert_true(claim > kernel);
    assert_non_null(strstr(claim, "0xdeadbeef"));
    assert_non_null(strstr(claim, "scene_plasma_paint"));
    assert_null(strchr(text, '\033'));
    free(text);
}

static void names_the_forbidden_system_call_and_its_arguments(void **state)
{
    (void)state;
    struct exit_report report = {
        .wait_code = CLD_KILLED,
        .wait_status = SIGSYS,
        .has_record = true,
        .record = {.kind = CRASH_SYSCALL,
                   .syscall_number = 257,
                   .syscall_arch = 0xc000003e,
                   .syscall_arguments = {7, 8}},
    };
    char *text = report_end_text(&report, NULL);

    assert_non_null(strstr(text, "openat (0x7, 0x8, 0x0, 0x0, 0x0, 0x0)") ?: strstr(text, "openat(0x7, 0x8"));
    assert_null(strstr(text, "backtrace"));
    free(text);
}

static void says_why_the_broker_killed_it(void **state)
{
    (void)state;
    struct exit_report report = {
        .wait_code = CLD_KILLED,
        .wait_status = SIGKILL,
        .kill_reason = KILL_BAD_MESSAGE,
        .violation = VIOLATION_DUPLICATE_FIELD,
    };
    char *text = report_end_text(&report, NULL);

    assert_non_null(strstr(text, "broker    killed it"));
    assert_non_null(strstr(text, violation_name(VIOLATION_DUPLICATE_FIELD)));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_every_message_type_that_was_seen_and_no_other),
        cmocka_unit_test(lists_each_type_of_the_protocol_once_when_all_were_used),
        cmocka_unit_test(adds_up_each_direction_in_the_table),
        cmocka_unit_test(writes_durations_in_the_unit_that_fits),
        cmocka_unit_test(tells_kernel_facts_apart_from_the_renderers_word),
        cmocka_unit_test(names_the_forbidden_system_call_and_its_arguments),
        cmocka_unit_test(says_why_the_broker_killed_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
