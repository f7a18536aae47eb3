/* `bulkhead render` and `info` on real files: every format, every kind of output, every bad input with its own code. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "broker/command/exit_codes.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

/* Runs with the words given, NULL-terminated. */
/* In a command line of a shell, for what only a shell can do. */
#define BULKHEAD                  "\"${BULKHEAD_BUILD:-build/release}/bulkhead\""
#define RUN(result, options, ...) process_run((const char *const[]){__VA_ARGS__, NULL}, options, result)

/* The exit code, and `what` somewhere on stderr. */
static void expect(struct process_result *result, int code, const char *what)
{
    assert_false(result->timed_out);
    if (result->exit_code != code || (what != NULL && strstr(result->err, what) == NULL))
        print_message("expected %d \"%s\", got %d:\n%s\n", code, what != NULL ? what : "", result->exit_code,
                      result->err);
    assert_int_equal(result->exit_code, code);
    if (what != NULL)
        assert_non_null(strstr(result->err, what));
    if (code != 0 && code != EXIT_CODE_SOME_FAILED)
        assert_non_null(strstr(result->err, "bulkhead: "));
    process_result_free(result);
}

static const struct format_case {
    const char *file, *format;
    unsigned pages;
} formats[] = {
    {"sample.pdf", "PDF", 3},       {"sample.epub", "EPUB", 0},   {"sample.xps", "XPS", 1},   {"sample.cbz", "CBZ", 0},
    {"sample.html", "HTML", 0},     {"sample.xhtml", "XHTML", 0}, {"sample.svg", "SVG", 1},   {"sample.png", "PNG", 1},
    {"sample.jpg", "JPEG", 1},      {"sample.gif", "GIF", 1},     {"sample.tiff", "TIFF", 0}, {"sample.bmp", "BMP", 1},
    {"sample.jp2", "JPEG 2000", 1}, {"sample.pgm", "PNM", 1},     {"sample.ppm", "PNM", 1},   {"sample.txt", "text", 0},
};

static void paints_every_format_and_recognises_it_without_its_name(void **state)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct process_result result;
        char in[SCRATCH_PATH], out[SCRATCH_PATH];
        uint32_t width, height;
        size_t bytes;
        char *data = scratch_read(document_path(formats[i].file), &bytes);
        assert_non_null(data);
        scratch_write(state, "nameless", data, bytes);
        free(data);
        scratch_path(state, "nameless", in);
        scratch_path(state, "page.png", out);
        RUN(&result, NULL, "bulkhead", "render", in, "--pages", "1", "-o", out);
        expect(&result, 0, NULL);
        assert_true(png_size(out, &width, &height));
        assert_true(width > 0 && height > 0);
        unlink(out);
        RUN(&result, NULL, "bulkhead", "info", "--json", in);
        if (strstr(result.out, formats[i].format) == NULL)
            print_message("%s: no \"%s\" in %s\n", formats[i].file, formats[i].format, result.out);
        assert_non_null(strstr(result.out, formats[i].format));
        expect(&result, 0, NULL);
    }
}

static const struct bad_case {
    const char *file;
    int code;
} bad_documents[] = {
    {"none.pdf", EXIT_CODE_NOT_FOUND},
    {"sub", EXIT_CODE_IS_DIRECTORY},
    {"empty", EXIT_CODE_EMPTY},
    {"unknown.bin", EXIT_CODE_UNSUPPORTED},
    {"truncated.pdf", EXIT_CODE_DAMAGED},
    {"garbage.pdf", EXIT_CODE_DAMAGED},
    {"encrypted.pdf", EXIT_CODE_PASSWORD_REQUIRED},
    {"huge.png", EXIT_CODE_TOO_LARGE},
};

static void every_bad_document_has_its_own_code_and_leaves_no_output(void **state)
{
    char out[SCRATCH_PATH];
    for (size_t i = 0; i < sizeof bad_documents / sizeof bad_documents[0]; i++) {
        struct process_result result;
        const char *in = document_path(bad_documents[i].file);
        RUN(&result, NULL, "bulkhead", "render", in, "-o", scratch_path(state, "page.png", out));
        expect(&result, bad_documents[i].code, bad_documents[i].file); /* the message names the file */
        assert_int_equal(scratch_count(state), 0);
        RUN(&result, NULL, "bulkhead", "info", in);
        if (bad_documents[i].code != EXIT_CODE_TOO_LARGE)
            expect(&result, bad_documents[i].code, bad_documents[i].file);
        else
            process_result_free(&result);
    }
}

static void does_not_wait_for_a_fifo(void **state)
{
    struct process_result result;
    char fifo[SCRATCH_PATH];
    assert_int_equal(mkfifo(scratch_path(state, "fifo", fifo), 0644), 0);
    RUN(&result, NULL, "bulkhead", "render", fifo, "-o", "-");
    expect(&result, EXIT_CODE_NOT_REGULAR, "fifo");
}

static void an_unreadable_file_is_said_to_be_so(void **state)
{
    if (geteuid() == 0) {
        print_message("skipped: root may read everything\n");
        skip();
    }
    struct process_result result;
    char path[SCRATCH_PATH];
    scratch_write(state, "locked", "x", 1);
    chmod(scratch_path(state, "locked", path), 0);
    RUN(&result, NULL, "bulkhead", "render", path, "-o", "-");
    expect(&result, EXIT_CODE_NO_PERMISSION, "locked");
}

static void a_password_opens_what_is_encrypted_and_a_wrong_one_does_not(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH], password[SCRATCH_PATH];
    scratch_path(state, "page.png", out);
    scratch_path(state, "password", password);
    scratch_write(state, "password", "wrong\n", 6);
    const char *in = document_path("encrypted.pdf");
    RUN(&result, NULL, "bulkhead", "render", in, "-o", out, "--pages", "1", "--password-file", password);
    expect(&result, EXIT_CODE_PASSWORD_WRONG, "encrypted.pdf");
    scratch_write(state, "password", "hunter2\n", 8);
    RUN(&result, NULL, "bulkhead", "render", in, "-o", out, "--pages", "1", "--password-file", password);
    expect(&result, 0, NULL);
    assert_true(scratch_exists(out));
}

static void page_ranges_choose_pages_and_end_where_the_document_does(void **state)
{
    struct process_result result;
    char pattern[SCRATCH_PATH], path[SCRATCH_PATH];
    scratch_path(state, "p-%02d.png", pattern);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", pattern, "--pages", "1,3");
    expect(&result, 0, NULL);
    assert_true(scratch_exists(scratch_path(state, "p-01.png", path)));
    assert_true(scratch_exists(scratch_path(state, "p-03.png", path)));
    assert_int_equal(scratch_count(state), 2);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", pattern, "--pages", "7");
    expect(&result, EXIT_CODE_NO_SUCH_PAGE, "sample.pdf");
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", pattern, "--pages", "x");
    expect(&result, EXIT_CODE_USAGE, "x");
}

static void sizes_are_what_was_asked_for(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    uint32_t width, height;
    scratch_path(state, "page.png", out);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", out, "--width", "50");
    expect(&result, 0, NULL);
    assert_true(png_size(out, &width, &height));
    assert_int_equal(width, 50);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", out, "--pages", "1", "--dpi", "36");
    expect(&result, 0, NULL);
    assert_true(png_size(out, &width, &height));
    uint32_t half = width;
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "-o", out, "--pages", "1", "--dpi", "72");
    expect(&result, 0, NULL);
    assert_true(png_size(out, &width, &height));
    assert_in_range(width, half * 2 - 1, half * 2);
}

static void writes_ppm_and_raw_to_a_pipe(void **state)
{
    (void)state;
    struct process_result result;
    unsigned width, height;
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", "-", "--format", "ppm");
    assert_int_equal(sscanf(result.out, "P6 %u %u 255", &width, &height), 2);
    size_t pixels = (size_t)width * height * 3;
    assert_true(result.out_bytes > pixels);
    process_result_free(&result);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", "-", "--format", "raw");
    assert_int_equal(result.out_bytes, pixels);
    expect(&result, 0, NULL);
}

static void reads_a_document_from_standard_input(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    size_t bytes;
    char *data = scratch_read(document_path("sample.pdf"), &bytes);
    const struct process_options options = {.input = data, .input_bytes = bytes};
    RUN(&result, &options, "bulkhead", "render", "-", "--pages", "1", "-o", scratch_path(state, "page.png", out));
    expect(&result, 0, NULL);
    assert_true(scratch_exists(out));
    free(data);
}

static void one_bad_file_never_stops_the_others(void **state)
{
    struct process_result result;
    char pattern[SCRATCH_PATH], path[SCRATCH_PATH];
    scratch_path(state, "%s.png", pattern);
    RUN(&result, NULL, "bulkhead", "render", document_path("none.pdf"), document_path("sample.png"),
        document_path("unknown.bin"), document_path("sample.svg"), "-o", pattern, "--jobs", "2", "--json");
    json_error_t error;
    json_t *root = json_loads(result.out, 0, &error);
    assert_non_null(root);
    json_t *files = json_object_get(root, "files");
    assert_int_equal(json_array_size(files), 4);
    const char *names[] = {"not-found", NULL, "unsupported-format", NULL};
    for (size_t i = 0; i < 4; i++) {
        json_t *failure = json_object_get(json_array_get(files, i), "error");
        if (names[i] != NULL)
            assert_string_equal(process_json_text(failure, "name"), names[i]);
        else
            assert_null(json_object_get(failure, "name"));
    }
    assert_true(json_is_object(json_object_get(root, "sandbox")));
    json_decref(root);
    expect(&result, EXIT_CODE_SOME_FAILED, "unknown.bin");
    assert_true(scratch_exists(scratch_path(state, "sample.png", path)));
    assert_int_equal(scratch_count(state), 2);
}

static void unwritable_outputs_are_named(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", "/nonexistent-directory/page.png");
    expect(&result, EXIT_CODE_OUTPUT_UNWRITABLE, "/nonexistent-directory/page.png");
    mkdir(scratch_path(state, "page.png", out), 0755);
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", out);
    expect(&result, EXIT_CODE_OUTPUT_IS_DIRECTORY, "page.png");
}

static void a_full_disk_is_said_and_leaves_nothing(void **state)
{
    /* A disk of one page, in a mount namespace that goes with its shell. */
    static const char script[] =
        "mount -t tmpfs -o size=4k none \"$1\" || exit 99\n" BULKHEAD " render \"$2\" -p 1 -o \"$1/page.ppm\"\n"
        "code=$?; ls -A \"$1\"; exit $code";
    struct process_result result;
    char disk[SCRATCH_PATH];
    const struct process_options full = {.stdout_path = "/dev/full"};
    RUN(&result, &full, "bulkhead", "render", document_path("sample.png"), "-o", "-");
    expect(&result, EXIT_CODE_DISK_FULL, NULL);
    mkdir(scratch_path(state, "disk", disk), 0755);
    RUN(&result, NULL, "unshare", geteuid() == 0 ? "-m" : "-rm", "sh", "-c", script, "sh", disk,
        document_path("sample.pdf"));
    if (result.exit_code == 99 || strstr(result.err, "unshare: ") != NULL) {
        process_result_free(&result);
        skip(); /* no mount namespace to be had */
    }
    assert_string_equal(result.out, "");
    expect(&result, EXIT_CODE_DISK_FULL, "page.ppm");
}

static void a_closed_stdout_is_an_error_not_a_signal(void **state)
{
    (void)state;
    struct process_result result;
    const struct process_options closed = {.closes_stdout = true};
    RUN(&result, &closed, "bulkhead", "render", document_path("sample.png"), "-o", "-");
    expect(&result, EXIT_CODE_OUTPUT_CLOSED, "closed by its reader");
    RUN(&result, NULL, "sh", "-c", BULKHEAD " render \"$1\" -o - >&-", "sh", document_path("sample.png"));
    expect(&result, EXIT_CODE_OUTPUT_CLOSED, "standard output: it is closed");
    RUN(&result, NULL, "sh", "-c", BULKHEAD " info \"$1\" >&-", "sh", document_path("sample.png"));
    expect(&result, EXIT_CODE_OUTPUT_CLOSED, "standard output: it is closed");
}

static void a_directory_on_standard_input_is_said_to_be_one(void **state)
{
    struct process_result result;
    (void)state;
    RUN(&result, NULL, "sh", "-c", BULKHEAD " render - -o page.png </");
    expect(&result, EXIT_CODE_IS_DIRECTORY, "is a directory");
}

/* Neither --width nor --dpi helps a document that is too large itself. */
static void a_way_out_is_offered_where_it_is_one(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    RUN(&result, NULL, "bulkhead", "render", document_path("huge.png"), "-o", scratch_path(state, "page.png", out));
    assert_null(strstr(result.err, "--width"));
    expect(&result, EXIT_CODE_TOO_LARGE, "too large");
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.pdf"), "--dpi", "9600", "-o", out, "-p", "1");
    expect(&result, EXIT_CODE_TOO_LARGE, "--width");
}

static void an_output_never_replaces_an_input(void **state)
{
    struct process_result result;
    char path[SCRATCH_PATH];
    size_t bytes, after;
    char *data = scratch_read(document_path("sample.png"), &bytes);
    scratch_write(state, "same.png", data, bytes);
    RUN(&result, NULL, "bulkhead", "render", scratch_path(state, "same.png", path), "-o", path);
    expect(&result, EXIT_CODE_OUTPUT_IS_INPUT, "same.png");
    char *kept = scratch_read(path, &after);
    assert_int_equal(after, bytes);
    assert_memory_equal(kept, data, bytes);
    free(kept);
    free(data);
}

static void two_pages_never_go_to_the_same_file(void **state)
{
    struct process_result result;
    char several[SCRATCH_PATH], clashing[SCRATCH_PATH], pattern[SCRATCH_PATH], written[SCRATCH_PATH];
    size_t bytes;
    char *data = scratch_read(document_path("sample.pdf"), &bytes);
    scratch_write(state, "a.pdf", data, bytes);
    free(data);
    data = scratch_read(document_path("sample.png"), &bytes);
    scratch_write(state, "a-001.x", data, bytes);
    free(data);
    RUN(&result, NULL, "bulkhead", "render", scratch_path(state, "a.pdf", several),
        scratch_path(state, "a-001.x", clashing), "--jobs", "1", "-o", scratch_path(state, "%s.png", pattern));
    expect(&result, 1, "a-001.png is where page 1 of ");
    RUN(&result, NULL, "bulkhead", "info", "--json", scratch_path(state, "a-001.png", written));
    assert_int_equal(result.exit_code, 0); /* one of the two is there, whole */
    process_result_free(&result);
}

/* The first input takes long to lay out, the second is there at once. */
static void the_first_input_has_the_name_however_many_renderers_are_at_work(void **state)
{
    enum { TEXT_BYTES = 600 * 1000 };
    struct process_result result;
    char slow[SCRATCH_PATH], quick[SCRATCH_PATH], pattern[SCRATCH_PATH], clash[SCRATCH_PATH + 128];
    size_t bytes;
    char *text = malloc(TEXT_BYTES), *data = scratch_read(document_path("sample.png"), &bytes);
    for (size_t i = 0; i < TEXT_BYTES; i++)
        text[i] = i % 16 == 15 ? '\n' : 'x';
    scratch_write(state, "a.txt", text, TEXT_BYTES);
    scratch_write(state, "a-001.x", data, bytes);
    free(text);
    free(data);
    scratch_path(state, "a.txt", slow);
    snprintf(clash, sizeof clash, "a-001.x: page 1: %s is where page 1 of %s goes already",
             scratch_path(state, "a-001.png", pattern), slow);
    RUN(&result, NULL, "bulkhead", "render", "-j", "2", "-p", "1,-1", slow, scratch_path(state, "a-001.x", quick), "-o",
        scratch_path(state, "%s.png", pattern));
    expect(&result, 1, clash);
}

static void info_tells_of_several_inputs_in_their_order(void **state)
{
    (void)state;
    struct process_result result;
    RUN(&result, NULL, "bulkhead", "info", document_path("sample.pdf"), document_path("none"),
        document_path("sample.html"), document_path("sample.pdf"));
    const char *first = strstr(result.out, "sample.pdf\n"), *second = strstr(result.out, "sample.html\n");
    assert_true(first && second && first < second);
    assert_non_null(strstr(second, "sample.pdf\n"));
    expect(&result, EXIT_CODE_SOME_FAILED, "none: no such file");
}

static void an_extension_promises_the_format(void **state)
{
    struct process_result result;
    char output[SCRATCH_PATH];
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "-o", scratch_path(state, "o.jpg", output));
    expect(&result, 2, "\".jpg\" is not written here");
    assert_false(scratch_exists(output));
    RUN(&result, NULL, "bulkhead", "render", document_path("sample.png"), "--format", "png", "-o", output);
    assert_int_equal(result.exit_code, 0);
    process_result_free(&result);
}

static void missing_layers_are_one_line_and_silent_when_asked(void **state)
{
    struct process_result result;
    char output[SCRATCH_PATH];
    scratch_path(state, "o.png", output);
    RUN(&result, NULL, "bulkhead", "render", "--without", "landlock", document_path("sample.png"), "-o", output);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "landlock-files, landlock-network, landlock-scopes"));
    assert_ptr_equal(strchr(result.err, '\n') + 1, result.err + result.err_bytes);
    process_result_free(&result);
    RUN(&result, NULL, "bulkhead", "render", "--log", "error", "--without", "landlock", document_path("sample.png"),
        "-o", output);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.err, "");
    process_result_free(&result);
}

static void even_an_empty_name_can_be_seen_in_the_message(void **state)
{
    (void)state;
    struct process_result result;
    RUN(&result, NULL, "bulkhead", "info", "");
    expect(&result, EXIT_CODE_NOT_FOUND, "bulkhead: \"\": no such file");
}

static void bad_usage_points_to_the_help(void **state)
{
    (void)state;
    struct process_result result;
    RUN(&result, NULL, "bulkhead", "render");
    expect(&result, EXIT_CODE_USAGE, "help");
    RUN(&result, NULL, "bulkhead", "render", "--no-such-option", "x.pdf");
    expect(&result, EXIT_CODE_USAGE, "no-such-option");
    RUN(&result, NULL, "bulkhead", "rendre", "x.pdf");
    expect(&result, EXIT_CODE_USAGE, "rendre");
    RUN(&result, NULL, "bulkhead", "render", "--require", "moat", document_path("sample.png"));
    expect(&result, EXIT_CODE_USAGE, "moat");
}

/* What became of the first request whose path has this in it; "" if there was none. */
static const char *grant_of(json_t *file, const char *path)
{
    json_t *grant;
    size_t i;
    json_array_foreach(json_object_get(file, "grants"), i, grant) {
        if (strstr(process_json_text(grant, "path"), path) != NULL)
            return process_json_text(grant, "status");
    }
    return "";
}

static void a_page_gets_the_files_beside_it_and_nothing_else(void **state)
{
    struct process_result result;
    char out[SCRATCH_PATH];
    json_error_t error;
    RUN(&result, NULL, "bulkhead", "render", document_path("reach.html"), "-o", scratch_path(state, "page.png", out),
        "--json");
    json_t *root = json_loads(result.out, 0, &error);
    assert_non_null(root);
    json_t *file = json_array_get(json_object_get(root, "files"), 0);
    assert_string_equal(grant_of(file, "inside.png"), "granted");
    assert_string_equal(grant_of(file, "etc/passwd"), "outside its directory");
    assert_string_equal(grant_of(file, "//localhost/x.png"), "not fetched: no network");
    assert_string_equal(grant_of(file, "link.png"), "a link, and links are not followed");
    json_decref(root);
    expect(&result, 0, NULL);
    RUN(&result, NULL, "bulkhead", "render", document_path("reach.html"), "-o", out, "--json", "--no-files");
    assert_null(strstr(result.out, "\"granted\""));
    expect(&result, 0, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(paints_every_format_and_recognises_it_without_its_name),
        TEST(every_bad_document_has_its_own_code_and_leaves_no_output),
        TEST(does_not_wait_for_a_fifo),
        TEST(an_unreadable_file_is_said_to_be_so),
        TEST(a_password_opens_what_is_encrypted_and_a_wrong_one_does_not),
        TEST(page_ranges_choose_pages_and_end_where_the_document_does),
        TEST(sizes_are_what_was_asked_for),
        TEST(writes_ppm_and_raw_to_a_pipe),
        TEST(reads_a_document_from_standard_input),
        TEST(one_bad_file_never_stops_the_others),
        TEST(unwritable_outputs_are_named),
        TEST(a_full_disk_is_said_and_leaves_nothing),
        TEST(a_closed_stdout_is_an_error_not_a_signal),
        TEST(a_directory_on_standard_input_is_said_to_be_one),
        TEST(a_way_out_is_offered_where_it_is_one),
        TEST(an_output_never_replaces_an_input),
        TEST(two_pages_never_go_to_the_same_file),
        TEST(the_first_input_has_the_name_however_many_renderers_are_at_work),
        TEST(info_tells_of_several_inputs_in_their_order),
        TEST(an_extension_promises_the_format),
        TEST(missing_layers_are_one_line_and_silent_when_asked),
        TEST(even_an_empty_name_can_be_seen_in_the_message),
        TEST(bad_usage_points_to_the_help),
        TEST(a_page_gets_the_files_beside_it_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
