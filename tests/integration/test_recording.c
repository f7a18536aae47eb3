/* What `bulkhead render --record` wrote, played to a broker again: the same answers come of it, and the same end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "broker/command/exit_codes.h"
#include "broker/trace/recording.h"
#include "common/log.h"
#include "tests/fuzz/inbound/recorded.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

struct recorded_file {
    char *data;
    size_t size_bytes;
};

static const char *const no_environment[] = {NULL};

/* Renders `input` and reads what was recorded; the caller frees it. */
static struct recorded_file record(void **state, const char *input, const char *const *environment, int exit_code)
{
    struct process_result result;
    struct recorded_file file;
    char out[SCRATCH_PATH], path[SCRATCH_PATH], password[SCRATCH_PATH];
    const struct process_options options = {.environment = environment};
    scratch_path(state, "recording", path);
    scratch_write(state, "password", "of no use to it\n", 16);
    const char *argv[] = {"bulkhead",
                          "render",
                          input,
                          "-o",
                          scratch_path(state, "%03d.png", out),
                          "--record",
                          path,
                          "--password-file",
                          scratch_path(state, "password", password),
                          NULL};
    process_run(argv, &options, &result);
    if (result.exit_code != exit_code)
        print_message("%s\n", result.err);
    assert_int_equal(result.exit_code, exit_code);
    process_result_free(&result);
    file.data = scratch_read(path, &file.size_bytes);
    assert_non_null(file.data);
    return file;
}

static struct recorded_facts play(const struct recorded_file *file)
{
    struct recorded_facts facts;
    assert_int_equal(recorded_play((const uint8_t *)file->data, file->size_bytes, &facts), 0);
    return facts;
}

static void a_recorded_run_gets_the_same_answers_again(void **state)
{
    struct recorded_file file = record(state, document_path("sample.pdf"), no_environment, EXIT_CODE_OK);
    struct recorded_facts facts = play(&file);
    assert_in_range(facts.renderers, 1, 8);
    assert_in_range(facts.bounds, 2, 1000);
    assert_int_equal(facts.frames, facts.bounds); /* each page was measured and painted */
    assert_int_equal(facts.infos, facts.renderers);
    assert_int_equal(facts.failures, 0);
    assert_int_equal(facts.violation, VIOLATION_NONE);
    for (int cause = 0; cause < EXIT_CAUSE_COUNT; cause++)
        assert_int_equal(facts.ends[cause], 0);
    free(file.data);
}

static void a_recorded_violation_is_refused_again(void **state)
{
    static const struct {
        const char *location;
        enum violation violation;
    } cases[] = {
        {"about:unknown-field", VIOLATION_UNKNOWN_FIELD},   /* does not get past the channel */
        {"about:info-wrong-id", VIOLATION_UNKNOWN_REQUEST}, /* nor these past their handlers */
        {"about:page-other", VIOLATION_BAD_PAGE},
        {"about:sent-in-future", VIOLATION_BAD_TIMESTAMP},
    };
    char renderer[512];
    snprintf(renderer, sizeof renderer, "BULKHEAD_RENDERER=%s/tests/hostile-renderer", getenv("BULKHEAD_BUILD"));
    const char *const environment[] = {renderer, NULL};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct recorded_file file = record(state, cases[i].location, environment, EXIT_CODE_BAD_MESSAGE);
        struct recorded_facts facts = play(&file);
        if (facts.violation != cases[i].violation)
            fail_msg("%s: \"%s\"", cases[i].location, violation_name(facts.violation));
        assert_in_range(facts.ends[EXIT_CAUSE_BAD_MESSAGE], 1, 8);
        free(file.data);
    }
}

static void a_recording_is_its_owners_alone_and_holds_no_password(void **state)
{
    char path[SCRATCH_PATH];
    struct stat status;
    struct recorded_file file = record(state, document_path("sample.pdf"), no_environment, EXIT_CODE_OK);
    assert_int_equal(stat(scratch_path(state, "recording", path), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_non_null(memmem(file.data, file.size_bytes, "PDF", 3));
    assert_null(memmem(file.data, file.size_bytes, "of no use", 9));
    free(file.data);
}

static void a_recording_cut_anywhere_is_played_as_far_as_it_goes(void **state)
{
    struct recorded_file file = record(state, "about:testcard", no_environment, EXIT_CODE_OK);
    size_t whole = file.size_bytes;
    struct recorded_facts facts = play(&file);
    assert_int_equal(facts.frames, 1);
    for (unsigned eighth = 1; eighth < 8; eighth++) {
        file.size_bytes = whole * eighth / 8;
        facts = play(&file);
        assert_in_range(facts.frames, 0, 1);
        assert_int_equal(facts.violation, VIOLATION_NONE);
    }
    file.data[0] ^= 1;
    assert_int_equal(recorded_play((const uint8_t *)file.data, whole, &facts), -EBADMSG);
    free(file.data);
}

static void a_recording_does_not_replace_its_input(void **state)
{
    struct process_result result;
    char input[SCRATCH_PATH], out[SCRATCH_PATH];
    scratch_write(state, "letter.txt", "Dear", 4);
    scratch_path(state, "letter.txt", input);
    const char *argv[] = {"bulkhead", "render", input, "-o", scratch_path(state, "page.png", out),
                          "--record", input,    NULL};
    process_run(argv, NULL, &result);
    assert_int_equal(result.exit_code, EXIT_CODE_OUTPUT_IS_INPUT);
    assert_non_null(strstr(result.err, "choose another --record"));
    process_result_free(&result);
}

static void expect_clash(const char *const *argv, const char *words)
{
    struct process_result result;
    process_run(argv, NULL, &result);
    assert_int_equal(result.exit_code, EXIT_CODE_OUTPUT_CLASH);
    assert_non_null(strstr(result.err, words));
    process_result_free(&result);
}

static void a_page_does_not_replace_the_trace_or_the_recording(void **state)
{
    char file[SCRATCH_PATH];
    size_t bytes;
    const char *input = document_path("sample.png");
    scratch_path(state, "both.png", file);
    expect_clash((const char *const[]){"bulkhead", "render", input, "-o", file, "--trace", file, NULL}, "--trace");
    char *text = scratch_read(file, &bytes);
    assert_non_null(text);
    assert_int_equal(text[0], '[');
    free(text);
    expect_clash((const char *const[]){"bulkhead", "render", input, "-o", file, "--record", file, NULL}, "--record");
    expect_clash((const char *const[]){"bulkhead", "info", input, "--trace", file, "--record", file, NULL},
                 "--trace and --record");
}

static void a_trace_that_has_no_room_is_said_at_once(void **state)
{
    struct process_result result;
    (void)state;
    process_run((const char *const[]){"bulkhead", "info", document_path("sample.png"), "--trace", "/dev/full", NULL},
                NULL, &result);
    assert_int_equal(result.exit_code, EXIT_CODE_DISK_FULL);
    assert_non_null(strstr(result.err, "/dev/full"));
    process_result_free(&result);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_recorded_run_gets_the_same_answers_again),
        TEST(a_recorded_violation_is_refused_again),
        TEST(a_recording_is_its_owners_alone_and_holds_no_password),
        TEST(a_recording_cut_anywhere_is_played_as_far_as_it_goes),
        TEST(a_recording_does_not_replace_its_input),
        TEST(a_page_does_not_replace_the_trace_or_the_recording),
        TEST(a_trace_that_has_no_room_is_said_at_once),
    };
    log_set_level(LOG_NONE);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
