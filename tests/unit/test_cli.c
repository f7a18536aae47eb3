#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/command/cmd_render.h"
#include "broker/command/exit_codes.h"
#include "common/log.h"

enum { ARGUMENTS = 48 };

/* What the last call wrote on stderr. */
static char said[2048];

/* Parses "render" and the words of `line`. Returns the exit code, or -1 to go on; words live in a static buffer. */
static int parse(const char *line, struct render_options *options)
{
    static char words[512];
    char *argv[ARGUMENTS] = {"render"};
    int argc = 1, code = -1, saved = dup(STDERR_FILENO);
    FILE *capture = tmpfile();
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok(words, " "); word && argc < ARGUMENTS - 1; word = strtok(NULL, " "))
        argv[argc++] = word;
    dup2(fileno(capture), STDERR_FILENO);
    int r = render_options_parse(argc, argv, options, &code);
    dup2(saved, STDERR_FILENO);
    close(saved);
    rewind(capture);
    said[fread(said, 1, sizeof(said) - 1, capture)] = '\0';
    fclose(capture);
    return r == 0 ? -1 : code;
}

static void assert_refused(const char *line, const char *expected_words)
{
    struct render_options options;
    int code = parse(line, &options);
    if (code < 0)
        render_options_fini(&options);
    if (code != EXIT_CODE_USAGE)
        fail_msg("\"%s\" ended with %d", line, code);
    if (!strstr(said, expected_words))
        fail_msg("\"%s\" said: %s", line, said);
    assert_memory_equal(said, "bulkhead: ", 10);
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void numbers_take_digits_and_nothing_else(void **state)
{
    uint64_t number = 77;
    (void)state;
    assert_true(cli_parse_number("42", 1, 100, &number));
    assert_int_equal(number, 42);
    const char *bad[] = {"", "-1", "+1", " 1", "1 ", "0x10", "1e3", "101", "0", "99999999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(cli_parse_number(bad[i], 1, 100, &number));
    assert_int_equal(number, 42);
}

static void decimals_do_not_depend_on_the_locale(void **state)
{
    double number = 7;
    (void)state;
    assert_true(cli_parse_decimal("2.5", 0, 10, &number));
    assert_true(number == 2.5);
    const char *bad[] = {"", ".5", "2.", "2,5", "nan", "inf", "1e1", "-1", "0x1", "11", "1.2.3"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(cli_parse_decimal(bad[i], 0, 10, &number));
}

static void sizes_have_binary_units(void **state)
{
    uint64_t bytes = 0;
    (void)state;
    assert_true(cli_parse_size("4096", &bytes));
    assert_int_equal(bytes, 4096);
    assert_true(cli_parse_size("512M", &bytes));
    assert_int_equal(bytes, 512ull << 20);
    assert_true(cli_parse_size("1.5GiB", &bytes));
    assert_int_equal(bytes, 3ull << 29);
    assert_true(cli_parse_size("64kB", &bytes));
    assert_int_equal(bytes, 65536);
    const char *bad[] = {"", "M", "12X", "1GG", "-1", "99999999T", "1 G"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(cli_parse_size(bad[i], &bytes));
}

static void pairs_need_both_numbers(void **state)
{
    double first, second;
    (void)state;
    assert_true(cli_parse_pair("450x600.5", 1, 1000, &first, &second));
    assert_true(first == 450 && second == 600.5);
    const char *bad[] = {"", "450", "450x", "x600", "450X600", "450x600x1", "0x10", "2000x1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(cli_parse_pair(bad[i], 1, 1000, &first, &second));
}

static void render_understands_all_its_options(void **state)
{
    struct render_options options;
    (void)state;
    assert_int_equal(parse("-o out-%03d.ppm --pages 1-3 --dpi 150.5 --width 800 --height 600 --rotate -90 -j 3 "
                           "--layout 400x500 --em 14 --no-files --timeout 2.5 --memory 256M --json -q a.pdf",
                           &options),
                     -1);
    assert_int_equal(options.batch.encode.format, ENCODE_PPM);
    assert_true(options.batch.size.dpi == 150.5f);
    assert_int_equal(options.batch.size.width_px, 800);
    assert_int_equal(options.batch.size.height_px, 600);
    assert_true(options.batch.size.rotate_deg == -90);
    assert_int_equal(options.batch.jobs, 3);
    assert_true(options.batch.layout_width_pt == 400 && options.batch.layout_height_pt == 500);
    assert_true(options.batch.layout_em_pt == 14);
    assert_true(options.batch.no_files && options.quiet && options.common.json);
    assert_int_equal(options.batch.timeout_ms, 2500);
    assert_int_equal(options.batch.broker.memory_limit_bytes, 256 << 20);
    assert_int_equal(options.input_count, 1);
    assert_string_equal(options.inputs[0], "a.pdf");
    render_options_fini(&options);
}

static void format_follows_the_extension_unless_said(void **state)
{
    struct render_options options;
    (void)state;
    assert_int_equal(parse("-o x.rgb a.pdf", &options), -1);
    assert_int_equal(options.batch.encode.format, ENCODE_RAW);
    render_options_fini(&options);
    assert_int_equal(parse("-o x.ppm -f png a.pdf", &options), -1);
    assert_int_equal(options.batch.encode.format, ENCODE_PNG);
    render_options_fini(&options);
    assert_int_equal(parse("-o x.jpeg -f png a.pdf", &options), -1);
    assert_int_equal(options.batch.encode.format, ENCODE_PNG);
    render_options_fini(&options);
    assert_int_equal(parse("-o x.page a.pdf", &options), -1);
    assert_int_equal(options.batch.encode.format, ENCODE_PNG);
    render_options_fini(&options);
    assert_int_equal(parse("-o x.JPEG a.pdf", &options), EXIT_CODE_USAGE);
}

static void files_may_come_before_options_and_after_two_dashes(void **state)
{
    struct render_options options;
    (void)state;
    assert_int_equal(parse("a.pdf --json -- --b.pdf", &options), -1);
    assert_int_equal(options.input_count, 2);
    render_options_fini(&options);
}

static void all_layers_are_those_that_need_no_special_host(void **state)
{
    layer_set layers = 0;
    const char *bad;
    (void)state;
    assert_int_equal(layer_set_parse("all", &layers, &bad), 0);
    for (unsigned i = 0; i < LAYERS; i++)
        assert_int_equal((layers & LAYER_BIT(i)) != 0, !layer_is_optional(i));
    assert_true(layer_is_optional(BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS));
    assert_int_equal(layer_set_parse("all,cgroup-limits", &layers, &bad), 0);
    assert_true((layers & LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS)) != 0);
}

static void bad_usage_is_said_in_one_line(void **state)
{
    (void)state;
    assert_refused("", "which file?");
    assert_refused("--nonsense a.pdf", "there is no option --nonsense");
    assert_refused("-Z a.pdf", "there is no option -Z");
    assert_refused("a.pdf -o", "-o needs a value");
    assert_refused("a.pdf --dpi", "--dpi needs a value");
    assert_refused("--json=1 a.pdf", "--json takes no value");
    assert_refused("--dpi 0 a.pdf", "--dpi 0: expected a number");
    assert_refused("--dpi 12x a.pdf", "--dpi 12x: expected");
    assert_refused("--width 999999 a.pdf", "--width 999999: expected pixels");
    assert_refused("--pages 1,x a.pdf", "--pages: not understood from \"x\" on");
    assert_refused("--pages 1, a.pdf", "--pages: a number is missing at the end");
    assert_refused("-f jpeg a.pdf", "--format jpeg: expected png, ppm or raw");
    assert_refused("-o out-%x.png a.pdf", "a % must be followed by");
    assert_refused("-o out.png a.pdf b.pdf", "need %s");
    assert_refused("-o - --json a.pdf", "both want standard output");
    assert_refused("--memory 1K a.pdf", "--memory 1K: expected a size");
    assert_refused("--timeout -1 a.pdf", "--timeout -1: expected seconds");
    assert_refused("--require seccomp,walls a.pdf", "no sandbox layer \"walls\"");
    assert_refused("--jobs 0 a.pdf", "--jobs 0: expected");
    assert_refused("--log loud a.pdf", "--log loud: expected");
    assert_refused("--crash-test nap a.pdf", "--crash-test nap: expected");
    assert_refused("- -", "only once");
}

static void bytes_of_the_command_line_are_escaped(void **state)
{
    (void)state;
    assert_refused("--dpi \033[31m a.pdf", "--dpi \\x1b[31m: expected");
    assert_refused("--\033]0;x a.pdf", "\\x1b]0;x");
}

static void every_crash_test_has_a_name_on_the_command_line(void **state)
{
    const ProtobufCEnumDescriptor *kinds = &bulkhead__crash_test__kind__descriptor;
    struct render_options options;
    char line[128];
    (void)state;
    for (unsigned i = 0; i < kinds->n_values; i++) {
        snprintf(line, sizeof(line), "--crash-test %s a.pdf", kinds->values[i].name);
        assert_int_equal(parse(line, &options), -1);
        assert_int_equal(options.batch.crash_test, kinds->values[i].value);
        assert_true(options.batch.broker.allow_crash_tests);
        render_options_fini(&options);
    }
    assert_int_equal(parse("--crash-test wild-write a.pdf", &options), -1);
    render_options_fini(&options);
}

static void first_line_of_the_password_file_is_the_password(void **state)
{
    struct render_options options;
    char path[] = "/tmp/bulkhead-test-cli-XXXXXX", line[128];
    (void)state;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "open sesame\r\nsecond\n", 20), 20);
    close(fd);
    snprintf(line, sizeof(line), "--password-file %s a.pdf", path);
    assert_int_equal(parse(line, &options), -1);
    unlink(path);
    assert_string_equal(options.batch.password, "open sesame");
    render_options_fini(&options);
    assert_int_equal(parse(line, &options), EXIT_CODE_UNREADABLE);
    assert_non_null(strstr(said, "no such file"));
}

static void log_level_is_set(void **state)
{
    struct render_options options;
    (void)state;
    assert_int_equal(parse("--log debug a.pdf", &options), -1);
    assert_int_equal(log_get_level(), LOG_DEBUG);
    log_set_level(LOG_WARNING);
    render_options_fini(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_take_digits_and_nothing_else),
        cmocka_unit_test(decimals_do_not_depend_on_the_locale),
        cmocka_unit_test(sizes_have_binary_units),
        cmocka_unit_test(pairs_need_both_numbers),
        cmocka_unit_test(render_understands_all_its_options),
        cmocka_unit_test(format_follows_the_extension_unless_said),
        cmocka_unit_test(files_may_come_before_options_and_after_two_dashes),
        cmocka_unit_test(all_layers_are_those_that_need_no_special_host),
        cmocka_unit_test(bad_usage_is_said_in_one_line),
        cmocka_unit_test(bytes_of_the_command_line_are_escaped),
        cmocka_unit_test(every_crash_test_has_a_name_on_the_command_line),
        cmocka_unit_test(first_line_of_the_password_file_is_the_password),
        cmocka_unit_test(log_level_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
