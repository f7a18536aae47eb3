/* Telling a format from bytes alone, also from cut, forged and random ones. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "renderer/engine/format.h"
#include "renderer/engine/format_text.h"
#include "tests/support/documents.h"

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static void expect(enum format expected, const uint8_t *bytes, size_t size_bytes)
{
    enum format format = format_recognise(bytes, size_bytes);
    if (format != expected)
        print_error("%.40s: told %s, expected %s\n", (const char *)bytes, format_name(format), format_name(expected));
    assert_int_equal(format, expected);
}

static uint8_t *read_file(const char *directory, const char *name, size_t *ret_size_bytes)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    struct stat status;
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &status), 0);
    uint8_t *bytes = malloc((size_t)status.st_size + 1);
    assert_non_null(bytes);
    *ret_size_bytes = fread(bytes, 1, (size_t)status.st_size, file);
    fclose(file);
    return bytes;
}

static const struct {
    const char *name;
    enum format format;
} samples[] = {
    {"pages.pdf", FORMAT_PDF},         {"book.epub", FORMAT_EPUB},        {"fixed.xps", FORMAT_XPS},
    {"comic.cbz", FORMAT_CBZ},         {"page.html", FORMAT_HTML},        {"page.xhtml", FORMAT_XHTML},
    {"drawing.svg", FORMAT_SVG},       {"picture.png", FORMAT_PNG},       {"picture.jpg", FORMAT_JPEG},
    {"picture.gif", FORMAT_GIF},       {"picture.tif", FORMAT_TIFF},      {"picture.bmp", FORMAT_BMP},
    {"picture.jp2", FORMAT_JPEG_2000}, {"picture.j2k", FORMAT_JPEG_2000}, {"picture.ppm", FORMAT_PNM},
    {"picture.pbm", FORMAT_PNM},       {"note.txt", FORMAT_TEXT},         {"korean.html", FORMAT_HTML},
    {"style.css", FORMAT_TEXT},
};

static void tells_every_sample_by_its_bytes(void **state)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        size_t size_bytes;
        uint8_t *bytes = read_file(*state, samples[i].name, &size_bytes);
        expect(samples[i].format, bytes, size_bytes);
        free(bytes);
    }
}

/* The bytes end where a page without access begins: one byte read too far ends the test. */
static void reads_nothing_beyond_the_end_of_cut_samples(void **state)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 16 * page;
    uint8_t *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory + room, page, PROT_NONE), 0);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        size_t size_bytes;
        uint8_t *bytes = read_file(*state, samples[i].name, &size_bytes);
        assert_true(size_bytes < room);
        for (size_t length = 1; length <= size_bytes; length++) {
            memcpy(memory + room - length, bytes, length);
            assert_true(format_recognise(memory + room - length, length) < FORMAT_COUNT);
            memcpy(memory + room - length, bytes + size_bytes - length, length);
            assert_true(format_recognise(memory + room - length, length) < FORMAT_COUNT);
        }
        free(bytes);
    }
    munmap(memory, room + page);
}

static void survives_samples_with_changed_bytes(void **state)
{
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        size_t size_bytes;
        uint8_t *bytes = read_file(*state, samples[i].name, &size_bytes);
        for (int round = 0; round < 2000; round++) {
            size_t at = (size_t)rand_r(&seed) % size_bytes;
            uint8_t old = bytes[at];
            bytes[at] = (uint8_t)rand_r(&seed);
            assert_true(format_recognise(bytes, size_bytes) < FORMAT_COUNT);
            if (round % 3 == 0) /* damage piles up */
                bytes[at] = old;
        }
        free(bytes);
    }
}

static void finds_a_pdf_header_behind_junk_in_the_first_kilobyte(void **state)
{
    (void)state;
    uint8_t bytes[2048];
    memset(bytes, 0x01, sizeof bytes);
    memcpy(bytes + 1000, "%PDF-1.4", 8);
    expect(FORMAT_PDF, bytes, sizeof bytes);
    memset(bytes, 0x01, sizeof bytes);
    memcpy(bytes + 1500, "%PDF-1.4", 8);
    expect(FORMAT_UNKNOWN, bytes, sizeof bytes);
}

static void takes_a_headless_pdf_by_its_first_object(void **state)
{
    (void)state;
    expect(FORMAT_PDF, BYTES("\n12 0 obj\n<</Type/Catalog>>\nendobj\n"));
    expect(FORMAT_TEXT, BYTES("12 0 objections were raised\n"));
}

static void a_page_that_speaks_of_pdf_is_still_a_page(void **state)
{
    (void)state;
    expect(FORMAT_HTML, BYTES("<!DOCTYPE html><p>A file begins with %PDF-1.7</p>"));
}

static void a_text_about_cars_is_no_bitmap(void **state)
{
    (void)state;
    expect(FORMAT_TEXT, BYTES("BMW has built cars since 1928.\n"));
    expect(FORMAT_TEXT, BYTES("P1 is the first point of the plan.\n"));
    expect(FORMAT_PNM, BYTES("P1 2 2 1 0 0 1"));
    expect(FORMAT_PNM, BYTES("P7\nWIDTH 1\n"));
    expect(FORMAT_PNM, BYTES("PF\n1 1\n-1.0\n\0\0\0\0\0\0\0\0\0\0\0\0"));
}

static void tells_html_from_xhtml_by_declaration(void **state)
{
    (void)state;
    expect(FORMAT_HTML, BYTES("<html><body>x"));
    expect(FORMAT_HTML, BYTES("  <!-- c --> <HTML>"));
    expect(FORMAT_HTML, BYTES("<p>bare"));
    expect(FORMAT_HTML, BYTES("<!doctype HTML>\nwords"));
    expect(FORMAT_XHTML, BYTES("<?xml version='1.0'?><!DOCTYPE html [<!ENTITY a '>'>]><html/>"));
    expect(FORMAT_XHTML, BYTES("<html xmlns='http://www.w3.org/1999/xhtml'>"));
    expect(FORMAT_HTML, BYTES("<!DOCTYPE html><html xmlns='http://www.w3.org/1999/xhtml'>"));
    expect(FORMAT_TEXT, BYTES("<?xml version='1.0'?><invoice/>"));
}

static void finds_svg_behind_prologue_prefix_and_other_encodings(void **state)
{
    (void)state;
    expect(FORMAT_SVG, BYTES("\xef\xbb\xbf<?xml version='1.0'?>\n<!-- <html> -->\n<svg:svg xmlns:svg='x'/>"));
    expect(FORMAT_SVG, BYTES("<!DOCTYPE svg PUBLIC \"-//W3C//DTD>\" 'y'><svg/>"));
    expect(FORMAT_SVG, BYTES("\xff\xfe<\0s\0v\0g\0/\0>\0"));
    expect(FORMAT_SVG, BYTES("\0<\0s\0v\0g\0/\0>"));
}

static void takes_text_in_the_usual_encodings_and_no_junk(void **state)
{
    (void)state;
    enum format_text_encoding encoding;
    expect(FORMAT_TEXT, BYTES("Gr\xc3\xbc\xc3\x9f"
                              "e\n"));
    assert_true(format_text_is_plain(BYTES("Gr\xc3\xbc\xc3\x9f"
                                           "e\n"),
                                     &encoding));
    assert_int_equal(encoding, FORMAT_TEXT_UTF_8);
    assert_true(format_text_is_plain(BYTES("Viele Gr\xfc\xdf"
                                           "e\n"),
                                     &encoding));
    assert_int_equal(encoding, FORMAT_TEXT_SINGLE_BYTE);
    assert_true(format_text_is_plain(BYTES("\xfe\xff\0G\0r\0\xfc"), &encoding));
    assert_int_equal(encoding, FORMAT_TEXT_UTF_16_BE);
    expect(FORMAT_UNKNOWN, BYTES("some\0thing"));
    expect(FORMAT_UNKNOWN, BYTES("\x7f"
                                 "ELF\2\1\1\0\0\0\0\0"));
    expect(FORMAT_UNKNOWN, BYTES("\xc3\x28\x9a\xb7\xe2\xf1\x88\xa9\xd0\xc5")); /* high bytes that make no UTF-8 */
    expect(FORMAT_UNKNOWN, BYTES(""));
    expect(FORMAT_UNKNOWN, NULL, 0);
}

static void a_sequence_cut_by_the_judged_window_is_still_utf_8(void **state)
{
    (void)state;
    size_t size_bytes = 64 * 1024 + 2;
    uint8_t *bytes = malloc(size_bytes);
    assert_non_null(bytes);
    memset(bytes, 'a', size_bytes);
    memcpy(bytes + size_bytes - 3, "\xe2\x82\xac", 3);
    enum format_text_encoding encoding;
    assert_true(format_text_is_plain(bytes, size_bytes, &encoding));
    assert_int_equal(encoding, FORMAT_TEXT_UTF_8);
    free(bytes);
}

/* A table of one entry with the given name, and nothing it points to. */
static void expect_zip_with(enum format expected, const char *name)
{
    uint8_t bytes[256] = "PK\3\4";
    size_t length = strlen(name), at = 30;
    memcpy(bytes + at, "PK\1\2", 4);
    bytes[at + 28] = (uint8_t)length;
    memcpy(bytes + at + 46, name, length);
    size_t end = at + 46 + length;
    memcpy(bytes + end, "PK\5\6", 4);
    bytes[end + 8] = bytes[end + 10] = 1;
    bytes[end + 16] = (uint8_t)at;
    expect(expected, bytes, end + 22);
}

static void tells_archives_by_their_table(void **state)
{
    (void)state;
    expect_zip_with(FORMAT_EPUB, "META-INF/container.xml");
    expect_zip_with(FORMAT_XPS, "Documents/1/Pages/1.fpage");
    expect_zip_with(FORMAT_CBZ, "scans/page 1.JPG");
    expect_zip_with(FORMAT_UNKNOWN, "word/document.xml");
    expect_zip_with(FORMAT_UNKNOWN, "program.exe");
}

static void a_cut_archive_is_told_by_its_entries(void **state)
{
    size_t size_bytes;
    uint8_t *bytes = read_file(*state, "book.epub", &size_bytes);
    expect(FORMAT_EPUB, bytes, size_bytes / 2);
    free(bytes);
    bytes = read_file(*state, "comic.cbz", &size_bytes);
    expect(FORMAT_CBZ, bytes, size_bytes / 2);
    free(bytes);
}

static void every_format_has_a_name_and_a_media_type(void **state)
{
    (void)state;
    for (int format = 0; format < FORMAT_COUNT; format++) {
        assert_non_null(format_name((enum format)format));
        assert_non_null(strchr(format_media_type((enum format)format), '/'));
    }
    assert_string_equal(format_name(FORMAT_COUNT), "unknown");
}

static int make_samples(void **state)
{
    char *directory = malloc(PATH_MAX);
    assert_non_null(directory);
    documents_make_directory(directory, PATH_MAX);
    documents_write_all(directory);
    *state = directory;
    return 0;
}

static int remove_samples(void **state)
{
    documents_remove_directory(*state);
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_every_sample_by_its_bytes),
        cmocka_unit_test(reads_nothing_beyond_the_end_of_cut_samples),
        cmocka_unit_test(survives_samples_with_changed_bytes),
        cmocka_unit_test(finds_a_pdf_header_behind_junk_in_the_first_kilobyte),
        cmocka_unit_test(takes_a_headless_pdf_by_its_first_object),
        cmocka_unit_test(a_page_that_speaks_of_pdf_is_still_a_page),
        cmocka_unit_test(a_text_about_cars_is_no_bitmap),
        cmocka_unit_test(tells_html_from_xhtml_by_declaration),
        cmocka_unit_test(finds_svg_behind_prologue_prefix_and_other_encodings),
        cmocka_unit_test(takes_text_in_the_usual_encodings_and_no_junk),
        cmocka_unit_test(a_sequence_cut_by_the_judged_window_is_still_utf_8),
        cmocka_unit_test(tells_archives_by_their_table),
        cmocka_unit_test(a_cut_archive_is_told_by_its_entries),
        cmocka_unit_test(every_format_has_a_name_and_a_media_type),
    };
    return cmocka_run_group_tests(tests, make_samples, remove_samples);
}
