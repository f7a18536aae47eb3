#include "broker/command/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "broker/command/cli_lines.h"
#include "broker/command/exit_codes.h"
#include "broker/kernel_needs.h"
#include "broker/output/output.h"
#include "broker/policy_file.h"
#include "common/log.h"
#include "common/text.h"

/* A renderer needs some memory of its own; more than a terabyte is a slip of the finger. */
#define CLI_MEMORY_LEAST   (16ull << 20)
#define CLI_MEMORY_MOST    (1ull << 40)
#define CLI_TIMEOUT_MOST_S 86400.0

void cli_common_init(struct cli_common *common)
{
    *common = (struct cli_common){.broker = {.spares = 1, .handle_signals = true}};
}

static int bad_value(const char *command, const char *name, const char *argument, const char *expected)
{
    char shown[128];
    text_escape(shown, sizeof(shown), argument, strlen(argument));
    cli_usage_error(command, "--%s %s: expected %s", name, shown, expected);
    return -EINVAL;
}

static int parse_layers(const char *command, const char *name, const char *argument, layer_set *ret_layers)
{
    const char *bad = argument;
    if (layer_set_parse(argument, ret_layers, &bad) == 0)
        return 0;
    char shown[64];
    text_escape(shown, sizeof(shown), bad, strcspn(bad, ","));
    cli_usage_error(command, "--%s: there is no sandbox layer \"%s\"; bulkhead help layers lists them", name, shown);
    return -EINVAL;
}

static int parse_log_level(const char *command, const char *argument)
{
    for (int level = LOG_DEBUG; level <= LOG_NONE; level++) {
        if (strcmp(argument, log_level_name((enum log_level)level)) == 0) {
            log_set_level((enum log_level)level);
            return 0;
        }
    }
    return bad_value(command, "log", argument, "debug, info, warning, error or none");
}

static int parse_timeout(struct cli_common *common, const char *command, const char *argument)
{
    double seconds;
    if (!cli_parse_decimal(argument, 0.001, CLI_TIMEOUT_MOST_S, &seconds))
        return bad_value(command, "timeout", argument, "seconds, such as 10 or 0.5");
    common->timeout_ms = (uint32_t)(seconds * 1000);
    return 0;
}

static int parse_memory(struct cli_common *common, const char *command, const char *argument)
{
    uint64_t bytes;
    if (!cli_parse_size(argument, &bytes) || bytes < CLI_MEMORY_LEAST || bytes > CLI_MEMORY_MOST)
        return bad_value(command, "memory", argument, "a size from 16M to 1024G, such as 512M");
    common->broker.memory_limit_bytes = bytes;
    return 0;
}

static int parse_crash_directory(struct cli_common *common, const char *command, const char *argument)
{
    if (*argument == '\0')
        return bad_value(command, "crash-dir", argument, "a directory");
    common->broker.crash_directory = argument;
    return 0;
}

int cli_common_option(struct cli_common *common, const char *command, int option, const char *argument)
{
    switch (option) {
    case CLI_OPTION_REQUIRE:
        return parse_layers(command, "require", argument, &common->broker.require);
    case CLI_OPTION_WITHOUT:
        return parse_layers(command, "without", argument, &common->broker.without);
    case CLI_OPTION_TRACE:
        common->broker.trace_path = argument;
        return 0;
    case CLI_OPTION_POLICY:
        common->broker.policy_path = argument;
        return 0;
    case CLI_OPTION_LOG:
        return parse_log_level(command, argument);
    case CLI_OPTION_MEMORY:
        return parse_memory(common, command, argument);
    case CLI_OPTION_TIMEOUT:
        return parse_timeout(common, command, argument);
    case CLI_OPTION_AUDIT:
        common->broker.audit = true;
        return 0;
    case CLI_OPTION_RECORD:
        common->broker.recording_path = argument;
        return 0;
    case CLI_OPTION_JSON:
        common->json = true;
        return 0;
    case CLI_OPTION_CRASH_DIRECTORY:
        return parse_crash_directory(common, command, argument);
    case CLI_OPTION_NO_CRASH_REPORTS:
        common->broker.no_crash_reports = true;
        return 0;
    default:
        return 1;
    }
}

/* Whether a trace or a recording can be written, and is none of the inputs: it would be their end. `what` is its
 * option.
 */
static int check_written(const char *what, const char *path, char *const *inputs, size_t input_count)
{
    struct output_guard guard = {0};
    char text[64];
    int r = 0;
    for (size_t i = 0; i < input_count && r == 0; i++)
        r = strncmp(inputs[i], "about:", 6) != 0 ? output_guard_add(&guard, inputs[i], OUTPUT_IS_INPUT) : 0;
    if (r == 0)
        r = output_check(path, &guard);
    output_guard_fini(&guard);
    if (r == OUTPUT_IS_INPUT) {
        cli_message("%s file: it is an input, and would be overwritten (choose another --%s)", what, what);
        return EXIT_CODE_OUTPUT_IS_INPUT;
    }
    if (r < 0)
        cli_message("%s file: %s", what, cli_error_text(r, text, sizeof(text)));
    return r < 0 ? (int)exit_code_of_output(r) : EXIT_CODE_OK;
}

int cli_common_check(const struct cli_common *common, char *const *inputs, size_t input_count)
{
    const char *policy_path = common->broker.policy_path, *trace_path = common->broker.trace_path;
    const char *recording_path = common->broker.recording_path;
    struct policy scratch;
    char why[256];
    policy_init_defaults(&scratch);
    if (common->broker.audit)
        cli_message(
            "note: under audit each system call traps and is counted inside the renderer: slower, and its own word");
    int r = policy_path ? policy_load(&scratch, policy_path, why, sizeof(why)) : 0;
    if (r < 0) {
        cli_message("policy file: %s (see bulkhead help policy)", why);
        return EXIT_CODE_USAGE;
    }
    if (trace_path && recording_path && strcmp(trace_path, recording_path) == 0) {
        cli_message("--trace and --record would go to the same file (choose another)");
        return EXIT_CODE_OUTPUT_CLASH;
    }
    int code = trace_path ? check_written("trace", trace_path, inputs, input_count) : EXIT_CODE_OK;
    if (code == EXIT_CODE_OK && recording_path)
        code = check_written("record", recording_path, inputs, input_count);
    return code;
}

/* What getopt_long left unsaid when it returned '?' or ':'. */
static int say_bad_option(const char *command, char *const *argv, int option, const struct option *options)
{
    const char *word = optind > 0 && argv[optind - 1] ? argv[optind - 1] : "";
    char shown[128];
    text_escape(shown, sizeof(shown), word, strlen(word));
    if (option == ':')
        return cli_usage_error(command, "%s needs a value", shown);
    /* optopt names a known option: it was given a value it does not take. */
    for (const struct option *known = options; optopt && known->name; known++)
        if (known->val == optopt && strncmp(word, "--", 2) == 0)
            return cli_usage_error(command, "--%s takes no value", known->name);
    if (optopt && isprint(optopt))
        return cli_usage_error(command, "there is no option -%c", optopt);
    return cli_usage_error(command, "there is no option %s, or it stands for several", shown);
}

int cli_next_option(const struct cli_syntax *syntax, int argc, char **argv, int *ret_exit_code)
{
    opterr = 0;
    int option = getopt_long(argc, argv, syntax->letters, syntax->options, NULL);
    if (option == '?' || option == ':') {
        *ret_exit_code = say_bad_option(syntax->command, argv, option, syntax->options);
        return CLI_OPTION_ENDS;
    }
    if (option != 'h')
        return option;
    cli_lines_print_help(stdout, syntax->help);
    *ret_exit_code = cli_finish_stdout(EXIT_CODE_OK);
    return CLI_OPTION_ENDS;
}

int cli_usage_error(const char *command, const char *format, ...)
{
    struct cli_lines lines;
    FILE *out = cli_lines_begin(&lines, stderr);
    va_list arguments;
    va_start(arguments, format);
    fprintf(out, "bulkhead: %s%s", command, *command ? ": " : "");
    vfprintf(out, format, arguments);
    fprintf(out, " (see bulkhead help%s%s)\n", *command ? " " : "", command);
    va_end(arguments);
    cli_lines_end(&lines);
    return EXIT_CODE_USAGE;
}

bool cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number)
{
    char *end = NULL;
    if (!isdigit((unsigned char)*text))
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || *end || number < least || number > most)
        return false;
    *ret_number = number;
    return true;
}

/* Reads "12" or "2.5" at *at. Not strtod(): that takes hexadecimal, exponents, infinities and the locale's comma. */
static bool read_decimal(const char **at, double *ret_number)
{
    const char *p = *at;
    double number = 0, unit = 1;
    if (!isdigit((unsigned char)*p))
        return false;
    for (; isdigit((unsigned char)*p); p++)
        number = number * 10 + (*p - '0');
    if (*p == '.') {
        if (!isdigit((unsigned char)*++p))
            return false;
        for (; isdigit((unsigned char)*p); p++)
            number += (*p - '0') * (unit /= 10);
    }
    *at = p;
    *ret_number = number;
    return true;
}

bool cli_parse_decimal(const char *text, double least, double most, double *ret_number)
{
    double number;
    if (!read_decimal(&text, &number) || *text || !(number >= least) || !(number <= most))
        return false;
    *ret_number = number;
    return true;
}

bool cli_parse_size(const char *text, uint64_t *ret_bytes)
{
    double number;
    if (!read_decimal(&text, &number))
        return false;
    static const char letters[] = "KMGT";
    const char *letter = *text ? strchr(letters, toupper((unsigned char)*text)) : NULL;
    unsigned power = letter ? (unsigned)(letter - letters) + 1 : 0;
    if (letter)
        text++;
    if (letter && *text == 'i')
        text++;
    if (*text == 'B')
        text++;
    double bytes = ldexp(number, (int)(10 * power));
    if (*text || bytes > 0x1p62)
        return false;
    *ret_bytes = (uint64_t)bytes;
    return true;
}

bool cli_parse_pair(const char *text, double least, double most, double *ret_first, double *ret_second)
{
    double first, second;
    if (!read_decimal(&text, &first) || *text != 'x')
        return false;
    text++;
    if (!read_decimal(&text, &second) || *text)
        return false;
    if (!(first >= least && first <= most && second >= least && second <= most))
        return false;
    *ret_first = first;
    *ret_second = second;
    return true;
}

void cli_message(const char *format, ...)
{
    struct cli_lines lines;
    FILE *out = cli_lines_begin(&lines, stderr);
    va_list arguments;
    va_start(arguments, format);
    fputs("bulkhead: ", out);
    vfprintf(out, format, arguments);
    fputc('\n', out);
    va_end(arguments);
    cli_lines_end(&lines);
}

const char *cli_error_text(int error, char *out, size_t out_bytes)
{
    const char *text = strerrordesc_np(error < 0 ? -error : error);
    snprintf(out, out_bytes, "%s", text ? text : "unknown error");
    /* "No space left on device" in the middle of a sentence; "I/O error" and the like stay. */
    if (isupper((unsigned char)out[0]) && islower((unsigned char)out[1]))
        out[0] = (char)tolower((unsigned char)out[0]);
    return out;
}

const char *cli_start_error_text(int error, char *out, size_t out_bytes)
{
    char why[160];
    cli_error_text(error, out, out_bytes);
    size_t used = strlen(out);
    if (kernel_needs_explain(why, sizeof(why)))
        snprintf(out + used, out_bytes - used, " (%s)", why);
    return out;
}

size_t cli_terminal_columns(void)
{
    return cli_lines_columns(stdout);
}

const char *cli_stdout_error_text(int error, char *out, size_t out_bytes)
{
    if (error == -EPIPE)
        return "closed by its reader";
    return error == -EBADF ? "it is closed" : cli_error_text(error, out, out_bytes);
}

int cli_finish_stdout(int code)
{
    char text[64];
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    int error = errno ? -errno : -EIO;
    cli_message("standard output: %s", cli_stdout_error_text(error, text, sizeof(text)));
    return (int)exit_code_of_output(error);
}
