/* What is painted as far as it goes says so: on stderr, in --json, in info; and what is whole says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/process.h"
#include "tests/support/scratch.h"

#define RUN(result, ...) process_run((const char *const[]){__VA_ARGS__, NULL}, NULL, result)

/* A file `name` in the scratch directory: the first so many hundredths of a document. */
static const char *cut(void **state, const char *document, const char *name, size_t hundredths, char path[SCRATCH_PATH])
{
    size_t bytes;
    char *data = scratch_read(document_path(document), &bytes);
    assert_non_null(data);
    scratch_write(state, name, data, bytes * hundredths / 100);
    free(data);
    return scratch_path(state, name, path);
}

static json_t *report_of(const char *command, const char *input, const char *out)
{
    struct process_result result;
    json_error_t error;
    if (strcmp(command, "info") == 0)
        RUN(&result, "bulkhead", "info", "--json", input);
    else
        RUN(&result, "bulkhead", "render", "--json", "-o", out, input);
    json_t *report = json_loads(result.out, 0, &error);
    assert_non_null(report);
    process_result_free(&result);
    return report;
}

static json_t *warnings_of(json_t *report)
{
    json_t *file = json_array_get(json_object_get(report, "files"), 0);
    assert_string_equal(process_json_text(file, "status"), "ok");
    assert_int_equal(json_integer_value(json_object_get(file, "warnings_left_out")), 0);
    return json_object_get(file, "warnings");
}

static void half_a_jpeg_is_painted_with_one_line_of_warning(void **state)
{
    struct process_result result;
    char in[SCRATCH_PATH], out[SCRATCH_PATH];
    scratch_path(state, "out.png", out);
    cut(state, "sample.jpg", "half\033.jpg", 50, in);
    RUN(&result, "bulkhead", "render", "-o", out, in);
    assert_int_equal(result.exit_code, 0);
    assert_true(scratch_exists(out));
    const char *line = strstr(result.err, "half\\x1b.jpg: may be incomplete: page 1: premature end of file in jpeg");
    assert_non_null(line);
    assert_non_null(strstr(line, " (and 1 more)\n"));
    process_result_free(&result);

    json_t *report = report_of("render", in, out);
    json_t *first = json_array_get(warnings_of(report), 0);
    assert_int_equal(json_array_size(warnings_of(report)), 2);
    assert_string_equal(process_json_text(first, "kind"), "damage");
    assert_int_equal(json_integer_value(json_object_get(first, "page")), 1);
    assert_string_equal(process_json_text(first, "text"), "premature end of file in jpeg");
    json_decref(report);
}

static void half_a_pdf_says_so_to_info_too(void **state)
{
    struct process_result result;
    char in[SCRATCH_PATH], out[SCRATCH_PATH], text[256];
    scratch_path(state, "out-%d.png", out);
    cut(state, "sample.pdf", "half.pdf", 90, in);
    /* What MuPDF says first of it depends on its version. */
    json_t *report = report_of("info", in, NULL);
    json_t *first = json_array_get(warnings_of(report), 0);
    const char *word = process_json_text(first, "text");
    assert_true(json_is_null(json_object_get(first, "page")));
    assert_true(strstr(word, "startxref") != NULL || strstr(word, "broken xref") != NULL);
    RUN(&result, "bulkhead", "render", "-o", out, in);
    assert_int_equal(result.exit_code, 0);
    snprintf(text, sizeof(text), "half.pdf: may be incomplete: %s (and ", word);
    assert_non_null(strstr(result.err, text));
    process_result_free(&result);
    RUN(&result, "bulkhead", "info", in);
    assert_int_equal(result.exit_code, 0);
    snprintf(text, sizeof(text), "\n  warnings   %s\n             ", word);
    assert_non_null(strstr(result.out, text));
    process_result_free(&result);
    json_decref(report);
}

static void warnings_can_be_switched_off(void **state)
{
    struct process_result result;
    char in[SCRATCH_PATH], out[SCRATCH_PATH];
    cut(state, "sample.jpg", "half.jpg", 50, in);
    RUN(&result, "bulkhead", "render", "--log", "error", "-o", scratch_path(state, "out.png", out), in);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.err, "");
    process_result_free(&result);
}

static void what_is_only_untidy_is_a_note_in_json_and_no_line(void **state)
{
    static const char page[] = "<!DOCTYPE html><style>p { color: }}</style><p>x <img src='gone.png'>";
    struct process_result result;
    char in[SCRATCH_PATH], out[SCRATCH_PATH];
    scratch_write(state, "untidy.html", page, sizeof page - 1);
    scratch_path(state, "untidy.html", in);
    scratch_path(state, "out.png", out);
    RUN(&result, "bulkhead", "render", "-o", out, in);
    assert_null(strstr(result.err, "may be incomplete"));
    process_result_free(&result);
    json_t *report = report_of("render", in, out), *warning;
    size_t index;
    assert_true(json_array_size(warnings_of(report)) > 0);
    json_array_foreach(warnings_of(report), index, warning)
        assert_string_equal(process_json_text(warning, "kind"), "note");
    json_decref(report);
}

/* Markup and text have no end that could be missing. */
static const char *const binaries[] = {"sample.pdf", "sample.epub", "sample.xps", "sample.cbz",  "sample.svg",
                                       "sample.png", "sample.jpg",  "sample.gif", "sample.tiff", "sample.bmp",
                                       "sample.jp2", "sample.pgm",  "sample.ppm"};

static void a_cut_document_of_any_format_fails_or_warns(void **state)
{
    char in[SCRATCH_PATH], out[SCRATCH_PATH];
    scratch_path(state, "out-%d.png", out);
    for (size_t i = 0; i < sizeof binaries / sizeof binaries[0]; i++) {
        struct process_result result;
        cut(state, binaries[i], "cut", 90, in);
        RUN(&result, "bulkhead", "render", "-o", out, in);
        bool says_so = result.exit_code != 0 || strstr(result.err, "may be incomplete") != NULL;
        if (!says_so)
            fail_msg("%s, cut, is painted without a word", binaries[i]);
        process_result_free(&result);
    }
}

static size_t count_damage(json_t *warnings)
{
    size_t i, count = 0;
    json_t *warning;
    json_array_foreach(warnings, i, warning)
        count += strcmp(process_json_text(warning, "kind"), "note") != 0;
    return count;
}

static void a_whole_document_of_any_format_gives_no_warning(void **state)
{
    char out[SCRATCH_PATH];
    scratch_path(state, "out-%d.png", out);
    for (size_t i = 0; i < sizeof binaries / sizeof binaries[0]; i++) {
        json_t *report = report_of("render", document_path(binaries[i]), out);
        if (count_damage(warnings_of(report)) != 0) /* a note is none */
            fail_msg("%s: %s", binaries[i], json_dumps(warnings_of(report), 0));
        json_decref(report);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(half_a_jpeg_is_painted_with_one_line_of_warning),
        TEST(half_a_pdf_says_so_to_info_too),
        TEST(warnings_can_be_switched_off),
        TEST(what_is_only_untidy_is_a_note_in_json_and_no_line),
        TEST(a_cut_document_of_any_format_fails_or_warns),
        TEST(a_whole_document_of_any_format_gives_no_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
