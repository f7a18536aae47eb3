/* A broker under attack by its renderers: each misbehaviour ends with the one word that is true of it, and the
 * neighbour in the same broker paints on. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/siege.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

static const struct expectation {
    const char *attack;
    enum exit_cause cause;
    enum violation violation;
    const char *words; /* in the summary */
} expectations[] = {
#define BAD(attack, violation)                                                                                         \
    {                                                                                                                  \
        attack, EXIT_CAUSE_BAD_MESSAGE, VIOLATION_##violation, ""                                                      \
    }
    BAD("hello-again", WRONG_STATE),
    BAD("hello-while-live", WRONG_STATE),
    BAD("forked", WRONG_STATE),
    BAD("page-too-early", WRONG_STATE),
    BAD("frame-too-early", WRONG_STATE),
    BAD("info-again", WRONG_STATE),
    BAD("info-wrong-id", UNKNOWN_REQUEST),
    BAD("info-no-pages", BAD_PAGE),
    BAD("info-too-many-pages", BAD_PAGE),
    BAD("error-too-long", TOO_LONG),
    BAD("error-of-future", UNKNOWN_REQUEST),
    BAD("error-of-nothing", UNKNOWN_REQUEST),
    BAD("progress-of-future", UNKNOWN_REQUEST),
    BAD("pong-unasked", UNKNOWN_REQUEST),
    BAD("sent-in-future", BAD_TIMESTAMP),
    BAD("sent-at-end-of-time", BAD_TIMESTAMP),
    BAD("sent-before-birth", BAD_TIMESTAMP),
    BAD("activity-in-future", BAD_TIMESTAMP),
    BAD("activity-backwards", BAD_TIMESTAMP),
    BAD("activity-before-sent", BAD_TIMESTAMP),
    BAD("activity-before-birth", BAD_TIMESTAMP),
    BAD("activity-unknown-type", BAD_NUMBER),
    BAD("empty-packet", EMPTY_PACKET),
    BAD("oversized-packet", OVERSIZED_PACKET),
    BAD("oversized-message", OVERSIZED_MESSAGE),
    BAD("truncated-frame", TRUNCATED_FRAME),
    BAD("no-message", NO_MESSAGE),
    BAD("unknown-field", UNKNOWN_FIELD),
    BAD("truncated-field", TRUNCATED_FIELD),
    BAD("unknown-type", UNKNOWN_FIELD),
    BAD("doubled-field", DUPLICATE_FIELD),
    BAD("two-messages", DUPLICATE_FIELD),
    BAD("wrong-wire-type", WRONG_WIRE_TYPE),
    BAD("unknown-enum", UNKNOWN_ENUM),
    BAD("overlong-number", BAD_NUMBER),
    BAD("stride-lie", UNKNOWN_FIELD),
    BAD("area-lie", UNKNOWN_FIELD),
    BAD("many-elements", TOO_MANY_ELEMENTS),
    BAD("deep-nesting", WRONG_WIRE_TYPE),
    BAD("exits-in-mid-message", TRUNCATED_FRAME),
    BAD("page-other", BAD_PAGE),
    BAD("page-beyond", BAD_PAGE),
    BAD("page-wrong-id", UNKNOWN_REQUEST),
    BAD("page-twice", UNKNOWN_REQUEST),
    BAD("page-for-navigate", UNKNOWN_REQUEST),
    BAD("page-for-paint", UNKNOWN_REQUEST),
    BAD("page-huge", BAD_GEOMETRY),
    BAD("page-infinite", BAD_NUMBER),
    BAD("page-nan", BAD_NUMBER),
    BAD("info-for-measure", WRONG_STATE),
    BAD("frame-for-measure", UNKNOWN_REQUEST),
    BAD("frame-wrong-id", UNKNOWN_REQUEST),
    BAD("frame-of-nothing", UNKNOWN_REQUEST),
    BAD("buffer-beyond", BAD_BUFFER),
    BAD("buffer-wild", BAD_BUFFER),
    BAD("buffer-twice", BAD_BUFFER),
    BAD("generation-future", BAD_GEOMETRY),
    BAD("generation-zero", BAD_GEOMETRY),
    BAD("generation-wild", BAD_GEOMETRY),
    BAD("damage-outside", BAD_GEOMETRY),
    BAD("damage-overflowing", BAD_GEOMETRY),
    BAD("damage-too-tall", BAD_GEOMETRY),
    BAD("damage-too-much", TOO_MANY_ELEMENTS),
    BAD("sequence-zero", BAD_SEQUENCE),
    BAD("sequence-repeated", BAD_SEQUENCE),
    BAD("frame-other-page", BAD_PAGE),
    BAD("frame-wild-page", BAD_PAGE),
    BAD("flood", FLOOD),
    BAD("asks-too-long", TOO_LONG),
    BAD("warning-of-no-page", BAD_PAGE),
    BAD("measure-warning-of-no-page", BAD_PAGE),
    BAD("frame-warning-of-no-page", BAD_PAGE),
    BAD("warnings-too-many", TOO_MANY_ELEMENTS),
    BAD("warning-too-long", TOO_LONG),
    BAD("warning-unknown-kind", UNKNOWN_ENUM),
#undef BAD
    {"dies-painting", EXIT_CAUSE_UNEXPECTED_EXIT, VIOLATION_NONE, "status 0"},
    {"burst-and-exit", EXIT_CAUSE_UNEXPECTED_EXIT, VIOLATION_NONE, "status 9"},
    {"exits-0", EXIT_CAUSE_UNEXPECTED_EXIT, VIOLATION_NONE, "status 0"},
    {"exits-86", EXIT_CAUSE_UNEXPECTED_EXIT, VIOLATION_NONE, "status 86"},
    {"exits-86-forged", EXIT_CAUSE_OUT_OF_MEMORY, VIOLATION_NONE, "could not be had"},
    {"record-absurd", EXIT_CAUSE_CRASHED, VIOLATION_NONE, "SIGSEGV"},
    {"record-other-signal", EXIT_CAUSE_CRASHED, VIOLATION_NONE, "SIGSEGV"},
    {"record-syscall", EXIT_CAUSE_SANDBOX_VIOLATION, VIOLATION_NONE, "0xffffffffffffffff"},
    {"record-wild-frames", EXIT_CAUSE_CRASHED, VIOLATION_NONE, "SIGSEGV"},
    {"record-then-exit", EXIT_CAUSE_UNEXPECTED_EXIT, VIOLATION_NONE, "status 0"},
    {"dies-of-sigterm", EXIT_CAUSE_CRASHED, VIOLATION_NONE, "SIGTERM"},
    {"stops-itself", EXIT_CAUSE_HUNG, VIOLATION_NONE, "no answer"},
    {"sleeps", EXIT_CAUSE_HUNG, VIOLATION_NONE, "no answer"},
    {"shuts-its-ears", EXIT_CAUSE_HUNG, VIOLATION_NONE, "no answer"},
    {"closes-channel", EXIT_CAUSE_UNEXPECTED_EXIT, VIOLATION_NONE, "closed its channel"},
    {"shuts-its-mouth", EXIT_CAUSE_UNEXPECTED_EXIT, VIOLATION_NONE, "closed its channel"},
};
enum { EXPECTATIONS = sizeof expectations / sizeof expectations[0] };

struct field {
    struct siege siege;
    struct siege_tab neighbour;
};

static int arrive(void **state)
{
    struct field *field = calloc(1, sizeof *field);
    siege_open(&field->siege, HOSTILE_ZYGOTE_FINE, NULL, NULL);
    field->neighbour.frames_per_second = 100;
    siege_attack(&field->siege, "about:neighbour", &field->neighbour);
    siege_until(&field->siege, &field->neighbour.has_frame, "the neighbour");
    *state = field;
    return 0;
}

static int leave(void **state)
{
    struct field *field = *state;
    /* Painted on, and not one frame of it was lost. */
    siege_until_frames(&field->siege, &field->neighbour, 3);
    assert_int_equal(field->neighbour.frames, field->neighbour.last_sequence);
    siege_tab_close(&field->neighbour);
    siege_close(&field->siege);
    free(field);
    return 0;
}

static void location_of(const char *attack, char out[128])
{
    snprintf(out, 128, "about:%s", attack);
}

static void check_end(const struct expectation *expected, const struct exit_report *end)
{
    if (end->cause != expected->cause || end->violation != expected->violation ||
        strstr(end->summary, expected->words) == NULL)
        fail_msg("%s: \"%s\" (%s)", expected->attack, end->summary, violation_name(end->violation));
}

static void suffer(struct field *field, const struct expectation *expected)
{
    char location[128];
    struct siege_tab tab = {0};
    location_of(expected->attack, location);
    siege_attack(&field->siege, location, &tab);
    siege_until(&field->siege, &tab.has_ended, expected->attack);
    check_end(expected, &tab.end);
    siege_tab_close(&tab);
    siege_until_frames(&field->siege, &field->neighbour, 2);
}

static void every_misbehaviour_ends_with_its_true_name(void **state)
{
    struct field *field = *state;
    size_t resident = 0;
    for (size_t i = 0; i < EXPECTATIONS; i++) {
        suffer(field, &expectations[i]);
        if (i == EXPECTATIONS / 3)
            resident = siege_resident_bytes();
    }
#ifndef BULKHEAD_SANITIZED /* its quarantine of freed memory grows by design */
    assert_true(siege_resident_bytes() < resident + 1024 * 1024);
#else
    (void)resident;
#endif
}

static void endure(struct field *field, const char *location, struct siege_tab *tab)
{
    siege_attack(&field->siege, location, tab);
    siege_until(&field->siege, &tab->has_frame, location);
    siege_run(&field->siege, 50);
    assert_false(tab->has_ended);
}

static void harmless_nonsense_is_endured(void **state)
{
    static const char *const attacks[] = {"progress-wild",       "crashing-hint",      "info-million-pages",
                                          "activity-wild-label", "frame-wild-figures", "frame-header-wild"};
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        char location[128];
        struct siege_tab tab = {0};
        location_of(attacks[i], location);
        endure(*state, location, &tab);
        siege_tab_close(&tab);
    }
}

static void a_frame_of_memory_long_gone_is_dropped_silently(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {.is_resized_first = true};
    siege_attack(&field->siege, "about:generation-past", &tab);
    siege_until(&field->siege, &tab.has_info, "generation-past");
    siege_run(&field->siege, 150); /* a frame of the first size comes after the second was ordered, and again */
    assert_int_equal(tab.frames, 0);
    assert_false(tab.has_ended);
    siege_tab_close(&tab);
}

static void a_wild_title_is_shown_escaped(void **state)
{
    struct siege_tab tab = {0};
    endure(*state, "about:info-wild-title", &tab);
    assert_non_null(strstr(tab.title, "\\x1b[2J"));
    assert_non_null(strstr(tab.title, "\\x00b"));
    assert_null(strstr(tab.title, "\xe2\x80\xae"));
    siege_tab_close(&tab);
}

static void wild_warnings_are_kept_escaped_and_bounded(void **state)
{
    struct siege_tab tab = {0};
    struct field *field = *state;
    const struct tab_view view = {.width_px = 16, .height_px = 16, .scale_x = 1, .scale_y = 1};
    endure(field, "about:warnings-wild", &tab);
    for (int i = 0; i < 2 * DOCUMENT_WARNINGS_KEPT / LIMIT_WARNINGS; i++) {
        int error;
        tab_paint(tab.tab, &view, &error);
        siege_until_frames(&field->siege, &tab, 1);
    }
    assert_false(tab.has_ended);
    const struct document_warnings *warnings = document_warnings(tab.document);
    assert_int_equal(warnings->damage_count, DOCUMENT_WARNINGS_KEPT);
    assert_int_equal(warnings->left_out, UINT32_MAX);
    assert_true(warnings->count <= 2 * DOCUMENT_WARNINGS_KEPT);
    for (size_t i = 0; i < warnings->count; i++)
        assert_null(strpbrk(warnings->list[i].detail, "\033\n"));
    siege_tab_close(&tab);
}

static void the_longest_error_there_is_fails_the_tab_alone(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {0};
    siege_attack(&field->siege, "about:error-long", &tab);
    siege_until(&field->siege, &tab.has_failed, "the error");
    assert_non_null(strstr(tab.detail, "\\x1b\\x1b"));
    assert_false(tab.has_ended);
    siege_tab_close(&tab);
}

static void what_it_says_is_logged_within_its_rate(void **state)
{
    static const char *const attacks[] = {"about:junk-on-stdio", "about:log-flood"};
    struct field *field = *state;
    for (size_t i = 0; i < 2; i++) {
        size_t before = field->siege.log_bytes;
        struct siege_tab tab = {0};
        endure(field, attacks[i], &tab);
        siege_tab_close(&tab);
        /* 8192 bytes a second, as \xNN four times as long, with room for a few seconds and the names in each line. */
        if (field->siege.log_bytes - before > 200 * 1000)
            fail_msg("%s: %zu bytes logged", attacks[i], field->siege.log_bytes - before);
    }
}

static void a_renderer_that_reads_nothing_meets_the_cap_of_its_queue(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {0};
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;
    input.x_px = input.y_px = -1;
    siege_attack(&field->siege, "about:stops-reading", &tab);
    siege_until(&field->siege, &tab.has_info, "stops-reading");
    for (int turn = 0; turn < 100 && !tab.has_ended; turn++) {
        for (int i = 0; i < 2000 && !tab.has_ended; i++)
            tab_input(tab.tab, &input);
        loop_run_once(broker_loop(field->siege.broker), 0);
    }
    siege_until(&field->siege, &tab.has_ended, "not reading");
    assert_int_equal(tab.end.violation, VIOLATION_NOT_READING);
    siege_tab_close(&tab);
}

static void a_kill_from_outside_is_told_as_one(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {0};
    endure(field, "about:victim", &tab);
    kill(siege_pid(&field->siege, &tab), SIGKILL);
    siege_until(&field->siege, &tab.has_ended, "SIGKILL");
    assert_int_equal(tab.end.cause, EXIT_CAUSE_UNEXPECTED_EXIT);
    assert_non_null(strstr(tab.end.summary, "from outside"));
    siege_tab_close(&tab);
}

static void one_that_will_not_go_is_made_to(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {0};
    siege_attack(&field->siege, "about:stays", &tab);
    siege_until(&field->siege, &tab.has_info, "stays");
    pid_t pid = tab_pid(tab.tab);
    siege_tab_close(&tab);
    for (int i = 0; i < 2000 && kill(pid, 0) == 0; i++)
        siege_run(&field->siege, 10);
    assert_int_equal(kill(pid, 0), -1);
}

static void what_comes_after_its_time_is_no_answer(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {0};
    siege_attack(&field->siege, "about:answers-when-condemned", &tab);
    siege_until(&field->siege, &tab.has_ended, "answers-when-condemned");
    assert_int_equal(tab.end.cause, EXIT_CAUSE_HUNG);
    assert_false(tab.has_info);
    siege_tab_close(&tab);
}

static void forged_last_words_do_not_reach_the_symboliser_as_truth(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {0};
    unsigned before = field->siege.backtraces;
    siege_attack(&field->siege, "about:record-wild-frames", &tab);
    siege_until(&field->siege, &tab.has_ended, "record-wild-frames");
    assert_true(tab.end.has_record);
    for (int i = 0; i < 600 && field->siege.backtraces == before; i++)
        siege_run(&field->siege, 10);
    assert_int_equal(field->siege.backtraces, before + 1);
    siege_tab_close(&tab);
}

/* As a kernel before 6.16 behaves: the broker's sockets accept fds. */
static bool accept_fds(void)
{
    int on = 1;
    bool is_known = false;
    for (int fd = 3; fd < 256; fd++)
        is_known |= setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &on, sizeof on) == 0;
    return is_known;
}

static void fds_pushed_at_the_broker_never_arrive(void **state)
{
    struct field *field = *state;
    struct siege_tab refused = {0}, dropped = {0};
    siege_attack(&field->siege, "about:pushes-fds", &refused);
    siege_until(&field->siege, &refused.has_ended, "pushes-fds");
    siege_run(&field->siege, 200); /* the next spare is there */
    bool is_known = accept_fds();
    siege_attack(&field->siege, "about:pushes-fds", &dropped);
    siege_until(&field->siege, &dropped.has_ended, "pushes-fds");
    if (is_known)
        assert_int_equal(refused.end.wait_status, ATTACKER_KERNEL_REFUSED);
    else
        assert_int_equal(refused.end.violation, VIOLATION_UNEXPECTED_FDS);
    siege_tab_close(&refused);
    siege_tab_close(&dropped);
    assert_int_equal(dropped.end.violation, VIOLATION_UNEXPECTED_FDS);
}

static void make_files(const struct siege *siege, const char *attack, char out[128])
{
    char path[128];
    snprintf(out, 128, "%s/document", siege->directory);
    FILE *file = fopen(out, "w");
    assert_non_null(file);
    fputs(attack, file);
    fclose(file);
    snprintf(path, sizeof path, "%s/neighbour", siege->directory);
    file = fopen(path, "w");
    fputs("granted", file);
    fclose(file);
    snprintf(path, sizeof path, "%s/link", siege->directory);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    snprintf(path, sizeof path, "%s/loop", siege->directory);
    assert_int_equal(symlink(".", path), 0);
    snprintf(path, sizeof path, "%s/pipe", siege->directory);
    assert_int_equal(mkfifo(path, 0600), 0);
}

static void remove_files(const struct siege *siege)
{
    static const char *const names[] = {"document", "neighbour", "link", "loop", "pipe"};
    for (size_t i = 0; i < 5; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", siege->directory, names[i]);
        unlink(path);
    }
}

static void hostile_paths_open_nothing_beyond_the_directory(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {0};
    char location[128];
    size_t count, granted = 0;
    make_files(&field->siege, "asks-beyond", location);
    endure(field, location, &tab);
    const struct document_grant *grants = document_grants(tab.document, &count);
    assert_int_equal(count, 14);
    for (size_t i = 0; i < count; i++) {
        assert_null(strchr(grants[i].path, '\033'));
        granted += grants[i].status == BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED;
        if (grants[i].status == BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED)
            assert_string_equal(grants[i].path, "neighbour");
    }
    assert_int_equal(granted, 1);
    siege_tab_close(&tab);
    remove_files(&field->siege);
}

static void files_are_granted_only_so_often(void **state)
{
    struct field *field = *state;
    struct siege_tab tab = {0};
    char location[128];
    size_t count, granted = 0;
    make_files(&field->siege, "asks-often", location);
    endure(field, location, &tab);
    const struct document_grant *grants = document_grants(tab.document, &count);
    for (size_t i = 0; i < count; i++)
        granted += grants[i].status == BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED;
    assert_int_equal(granted, 32);
    assert_true(count <= 1024);
    siege_tab_close(&tab);
    remove_files(&field->siege);
}

static void a_renderer_cannot_hoard_fds_in_its_socket(void **state)
{
    struct siege siege;
    struct siege_tab tab = {0};
    char location[128];
    (void)state;
    siege_open(&siege, HOSTILE_ZYGOTE_FINE, "{\"files_per_document\": 100000, \"unresponsive_after_ms\": 3000}", NULL);
    make_files(&siege, "asks-and-leaves-it", location);
    siege_attack(&siege, location, &tab);
    siege_until(&siege, &tab.has_ended, "asks-and-leaves-it");
    assert_int_equal(tab.end.violation, VIOLATION_NOT_READING);
    size_t count;
    document_grants(tab.document, &count);
    assert_true(count < 64);
    siege_tab_close(&tab);
    remove_files(&siege);
    siege_close(&siege);
}

static void a_trace_of_an_attack_is_still_json(void **state)
{
    static const char *const attacks[] = {"about:activity-wild-label", "about:info-wild-title"};
    char path[] = "/tmp/bulkhead-siege-trace-XXXXXX";
    struct siege siege;
    json_error_t error;
    (void)state;
    close(mkstemp(path));
    siege_open(&siege, HOSTILE_ZYGOTE_FINE, NULL, path);
    for (size_t i = 0; i < 2; i++) {
        struct siege_tab tab = {0};
        siege_attack(&siege, attacks[i], &tab);
        siege_until(&siege, &tab.has_frame, attacks[i]);
        siege_tab_close(&tab);
    }
    siege_close(&siege);
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    json_decref(root);
    unlink(path);
}

static void a_layer_of_the_brokers_is_not_for_a_renderer_to_claim(void **state)
{
    struct siege siege;
    struct siege_tab tab = {0};
    size_t count;
    (void)state;
    siege_open(&siege, HOSTILE_ZYGOTE_FINE, NULL, NULL);
    siege_attack(&siege, "about:title", &tab);
    siege_until(&siege, &tab.has_info, "info");
    const struct layer_status *layers = broker_layers(siege.broker, &count);
    assert_int_equal(count, LAYERS);
    assert_false(layers[BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS].in_force);
    for (size_t i = 0; i < count; i++)
        if (layer_is_of_broker((Bulkhead__LayerFact__Layer)i))
            assert_null(strstr(layers[i].evidence, "believe me"));
    siege_tab_close(&tab);
    siege_close(&siege);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, arrive, leave)
    const struct CMUnitTest tests[] = {
        TEST(every_misbehaviour_ends_with_its_true_name),
        TEST(harmless_nonsense_is_endured),
        TEST(a_frame_of_memory_long_gone_is_dropped_silently),
        TEST(a_wild_title_is_shown_escaped),
        TEST(wild_warnings_are_kept_escaped_and_bounded),
        TEST(the_longest_error_there_is_fails_the_tab_alone),
        TEST(what_it_says_is_logged_within_its_rate),
        TEST(a_renderer_that_reads_nothing_meets_the_cap_of_its_queue),
        TEST(a_kill_from_outside_is_told_as_one),
        TEST(one_that_will_not_go_is_made_to),
        TEST(what_comes_after_its_time_is_no_answer),
        TEST(forged_last_words_do_not_reach_the_symboliser_as_truth),
        TEST(fds_pushed_at_the_broker_never_arrive),
        TEST(hostile_paths_open_nothing_beyond_the_directory),
        TEST(files_are_granted_only_so_often),
        cmocka_unit_test(a_renderer_cannot_hoard_fds_in_its_socket),
        cmocka_unit_test(a_layer_of_the_brokers_is_not_for_a_renderer_to_claim),
        cmocka_unit_test(a_trace_of_an_attack_is_still_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
