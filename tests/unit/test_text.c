// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "common/text.h"

#define ESCAPES(in, expected)                                                                                          \
    do {                                                                                                               \
        char out_[128];                                                                                                \
        assert_int_equal(text_escape(out_, sizeof out_, in, sizeof in - 1), strlen(expected));                         \
        assert_string_equal(out_, expected);                                                                           \
    } while (0)

static void passes_printable_text_as_it_is(void **state)
{
    (void)state;
    ESCAPES("plain \"text\" ~", "plain \"text\" ~");
    ESCAPES("한국어 – déjà 🎈", "한국어 – déjà 🎈");
    ESCAPES("", "");
}

static void shows_what_a_terminal_would_obey(void **state)
{
    (void)state;
    ESCAPES("\x1b[2J\a\r\n\t\x7f", "\\x1b[2J\\x07\\x0d\\x0a\\x09\\x7f");
    ESCAPES("a\0b", "a\\x00b");
    ESCAPES("\xc2\x9b"
            "31m",
            "\\u{009b}31m"); // CSI as a C1 control
    ESCAPES("back\\slash", "back\\\\slash");
}

static void shows_what_would_deceive_a_reader(void **state)
{
    (void)state;
    ESCAPES("evil\u202egnp.exe", "evil\\u{202e}gnp.exe");
    ESCAPES("\u2066x\u2069\u2028\u200b\ufeff", "\\u{2066}x\\u{2069}\\u{2028}\\u{200b}\\u{feff}");
    ESCAPES("\U000e0041", "\\u{e0041}");
}

static void shows_invalid_utf8_byte_by_byte(void **state)
{
    (void)state;
    ESCAPES("\xff\xc0\x80", "\\xff\\xc0\\x80");                // overlong NUL
    ESCAPES("\xed\xa0\x80", "\\xed\\xa0\\x80");                // surrogate
    ESCAPES("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");       // over U+10FFFF
    ESCAPES("\xe2\x82", "\\xe2\\x82");                         // cut off
    ESCAPES("\xe2\x82\xe2\x82\xac", "\\xe2\\x82\xe2\x82\xac"); // cut off, then whole
}

static void clips_without_cutting_characters_or_escapes(void **state)
{
    static const char in[] = "aé\x1b한🎈\\z\u202e end";
    char whole[128], out[128];

    (void)state;
    size_t length = text_escape(whole, sizeof whole, in, sizeof in - 1);
    for (size_t size = 0; size <= length + 1; size++) {
        memset(out, 'X', sizeof out);
        size_t n = text_escape(out, size, in, sizeof in - 1);
        assert_int_equal(out[size], 'X');
        if (size == 0)
            continue;
        assert_int_equal(n, strlen(out));
        assert_true(text_is_utf8(out, n));
        if (size == length + 1) {
            assert_string_equal(out, whole);
        } else if (size >= 4) {
            assert_true(n >= 3);
            assert_memory_equal(out + n - 3, "…", 3);
            assert_memory_equal(out, whole, n - 3);
            assert_true(n < 4 || out[n - 4] != '\\' || out[n - 5] == '\\');
        }
    }
}

static void json_bodies_need_no_further_quoting(void **state)
{
    static const char in[] = "q\"b\\\n\x01\x7f\xff\u202e\U000e0041한";
    char out[128];

    (void)state;
    text_escape_json(out, sizeof out, in, sizeof in - 1);
    assert_string_equal(out, "q\\\"b\\\\\\u000a\\u0001\\u007f\\ufffd\\u202e\\udb40\\udc41한");
}

static void tells_utf8_from_other_bytes(void **state)
{
    (void)state;
    assert_true(text_is_utf8("한 ok", strlen("한 ok")));
    assert_true(text_is_utf8("", 0));
    assert_false(text_is_utf8("a\0b", 3));
    assert_false(text_is_utf8("\xc3", 1));
}

// Every code point against a slow and obvious encoder; every other lead and length must fail.
static void decodes_every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c++) {
        uint8_t bytes[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        for (size_t i = n; i-- > 1;)
            bytes[i] = (uint8_t)(0x80 | (c >> (6 * (n - 1 - i)) & 0x3f));
        bytes[0] = (uint8_t)(n == 1 ? c : (0xf00u >> n & 0xff) | c >> (6 * (n - 1)));
        uint32_t decoded = 0xffffffff;
        bool surrogate = c >= 0xd800 && c <= 0xdfff;
        assert_int_equal(text_decode(bytes, n, &decoded), surrogate ? 0 : n);
        if (!surrogate)
            assert_int_equal(decoded, c);
        assert_int_equal(text_decode(bytes, n - 1, &decoded), 0);
    }
}

static void columns_do_not_depend_on_the_locale(void **state)
{
    (void)state;
    assert_string_equal(setlocale(LC_ALL, "C"), "C");
    assert_int_equal(text_columns("abc"), 3);
    assert_int_equal(text_columns("한국어"), 6);
    assert_int_equal(text_columns("e\u0301"), 1);
    assert_int_equal(text_columns("中文字 é"), 8);
    assert_int_equal(text_columns("🎈"), 2);
    assert_int_equal(text_columns(""), 0);
}

static void columns_agree_with_the_c_library(void **state)
{
    unsigned differences = 0, compared = 0;

    (void)state;
    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
        print_message("skipped: there is no locale C.UTF-8\n");
        skip();
    }
    for (uint32_t c = 0x20; c < 0x30000; c++) {
        char utf8[8];
        int expected = wcwidth((wchar_t)c), n = wctomb(utf8, (wchar_t)c);
        if (expected < 0 || n <= 0)
            continue;
        utf8[n] = '\0';
        compared++;
        differences += text_columns(utf8) != (size_t)expected;
    }
    setlocale(LC_CTYPE, "C");
    assert_true(compared > 100000);
    assert_true(differences < 1000); // C libraries follow different Unicode versions
}

static void sizes_are_short_and_decimal(void **state)
{
    static const struct {
        unsigned long long bytes;
        const char *expected;
    } cases[] = {
        {0, "0 B"},         {999, "999 B"},  {1000, "1.0 kB"},       {1500000, "1.5 MB"}, {812000, "812 kB"},
        {999999, "1.0 MB"}, {9960, "10 kB"}, {64ull << 30, "69 GB"}, {~0ull, "18 EB"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[16];
        text_format_bytes(out, sizeof out, cases[i].bytes);
        assert_string_equal(out, cases[i].expected);
    }
}

static void escaped_text_is_known_as_such_and_other_text_is_not(void **state)
{
    static const char *const fit[] = {"", "plain \\x1b", "déjà 한국어 🎈", "back\\slash \"quoted\""};
    static const char *const unfit[] = {"\033[2J", "a\nb", "\177", "\302\205", "\342\200\256", "\377", "\303"};
    (void)state;
    for (size_t i = 0; i < sizeof fit / sizeof fit[0]; i++)
        assert_true(text_is_escaped(fit[i], strlen(fit[i])));
    for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++) {
        char escaped[64];
        assert_false(text_is_escaped(unfit[i], strlen(unfit[i])));
        size_t length = text_escape(escaped, sizeof escaped, unfit[i], strlen(unfit[i]));
        assert_true(text_is_escaped(escaped, length));
    }
    assert_false(text_is_escaped("a\0b", 3));
}

static void clips_to_columns_by_whole_characters(void **state)
{
    static const struct {
        const char *text;
        size_t columns;
        const char *expected;
    } cases[] = {{"abc", 3, "abc"},       {"abcd", 3, "ab…"},     {"abcd", 1, "…"},     {"abcd", 0, ""},
                 {"한국어", 6, "한국어"}, {"한국어", 5, "한국…"}, {"한국어", 4, "한…"}, {"e\u0301ab", 2, "e\u0301…"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[64];
        text_clip(out, cases[i].text, cases[i].columns);
        assert_string_equal(out, cases[i].expected);
        assert_true(text_columns(out) <= cases[i].columns);
    }
}

static void breaks_lines_between_words(void **state)
{
    static const struct {
        const char *text;
        size_t column, columns, indent;
        const char *expected;
    } cases[] = {
        {"one two three", 0, 13, 2, "one two three\n"},
        {"one two three", 0, 12, 2, "one two\n  three\n"},
        {"one two three", 0, 7, 2, "one two\n  three\n"},
        {"one two three", 0, 6, 2, "one\n  two\n  three\n"},
        {"one two three", 7, 14, 7, "one two\n       three\n"},
        {"  key      value of it", 0, 16, 11, "  key      value\n           of it\n"},
        {"endless-word and so on", 0, 6, 0, "endless-word\nand so\non\n"},
        {"a endless-word", 0, 6, 2, "a\n  endless-word\n"},
        {"한국 한국", 0, 8, 0, "한국\n한국\n"},
        {"one   two", 0, 5, 0, "one\ntwo\n"},
        {"one ", 0, 3, 0, "one \n"},
        {"one two", 9, 4, 1, "one\n two\n"},
        {"one two three", 0, SIZE_MAX, 2, "one two three\n"},
        {"", 0, 10, 2, "\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *out = NULL;
        size_t size;
        FILE *stream = open_memstream(&out, &size);
        text_print_wrapped(stream, cases[i].text, cases[i].column, cases[i].columns, cases[i].indent);
        assert_int_equal(fclose(stream), 0);
        assert_string_equal(out, cases[i].expected);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_printable_text_as_it_is),
        cmocka_unit_test(shows_what_a_terminal_would_obey),
        cmocka_unit_test(shows_what_would_deceive_a_reader),
        cmocka_unit_test(shows_invalid_utf8_byte_by_byte),
        cmocka_unit_test(clips_without_cutting_characters_or_escapes),
        cmocka_unit_test(json_bodies_need_no_further_quoting),
        cmocka_unit_test(tells_utf8_from_other_bytes),
        cmocka_unit_test(decodes_every_code_point),
        cmocka_unit_test(escaped_text_is_known_as_such_and_other_text_is_not),
        cmocka_unit_test(clips_to_columns_by_whole_characters),
        cmocka_unit_test(breaks_lines_between_words),
        cmocka_unit_test(columns_do_not_depend_on_the_locale),
        cmocka_unit_test(columns_agree_with_the_c_library),
        cmocka_unit_test(sizes_are_short_and_decimal),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
