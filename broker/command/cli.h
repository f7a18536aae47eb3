/* cli.h - what all commands share on the command line: common options, numbers with units, messages for people.
 *
 * A command builds its getopt_long table from CLI_COMMON_OPTIONS and its own rows, and passes what it does not know to
 * cli_common_option(). Messages go to stderr as `bulkhead: what (way out)`; text from outside is escaped by the caller.
 */
#ifndef BULKHEAD_CLI_H
#define BULKHEAD_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "broker/broker.h"

/* Values of the long options that have no letter. A command's own start at CLI_OPTION_OWN. */
enum {
    CLI_OPTION_ENDS = 0x100, /* cli_next_option() */
    CLI_OPTION_REQUIRE,
    CLI_OPTION_WITHOUT,
    CLI_OPTION_TRACE,
    CLI_OPTION_POLICY,
    CLI_OPTION_LOG,
    CLI_OPTION_MEMORY,
    CLI_OPTION_TIMEOUT,
    CLI_OPTION_JSON,
    CLI_OPTION_AUDIT,  /* render and info only */
    CLI_OPTION_RECORD, /* likewise */
    CLI_OPTION_CRASH_DIRECTORY,
    CLI_OPTION_NO_CRASH_REPORTS,
    CLI_OPTION_OWN = 0x200,
};

/* clang-format off */
#define CLI_COMMON_OPTIONS                                  \
    {"require", required_argument, NULL, CLI_OPTION_REQUIRE}, \
    {"without", required_argument, NULL, CLI_OPTION_WITHOUT}, \
    {"trace", required_argument, NULL, CLI_OPTION_TRACE},     \
    {"policy", required_argument, NULL, CLI_OPTION_POLICY},   \
    {"log", required_argument, NULL, CLI_OPTION_LOG},         \
    {"memory", required_argument, NULL, CLI_OPTION_MEMORY},   \
    {"timeout", required_argument, NULL, CLI_OPTION_TIMEOUT}, \
    {"json", no_argument, NULL, CLI_OPTION_JSON},             \
    {"crash-dir", required_argument, NULL, CLI_OPTION_CRASH_DIRECTORY},       \
    {"no-crash-reports", no_argument, NULL, CLI_OPTION_NO_CRASH_REPORTS},     \
    {"help", no_argument, NULL, 'h'}
/* clang-format on */

/* For commands that print an audit. */
#define CLI_AUDIT_HELP "      --audit               count the system calls of the renderers, and print them; slow\n"

/* For commands whose messages can be recorded. */
#define CLI_RECORD_HELP "      --record FILE         write all messages with their content, for a replay in a test\n"

/* The common options' part of a help text. */
#define CLI_COMMON_HELP                                                                                                \
    "      --timeout SECONDS     give up on a page, or on opening, that takes longer (30)\n"                           \
    "      --memory SIZE         memory one renderer may use: 512M, 2G (default 1G)\n"                                 \
    "      --require LAYER,...   refuse to start without these sandbox layers; \"all\" for every one\n"                \
    "                            that is not optional (bulkhead help layers lists them)\n"                             \
    "      --policy FILE         the broker's limits as a JSON object (bulkhead help policy)\n"                        \
    "      --trace FILE          write a trace for chrome://tracing, Perfetto or Speedscope\n"                         \
    "      --crash-dir DIR       where crash reports are kept (bulkhead help crashes)\n"                               \
    "      --no-crash-reports    write none\n"                                                                         \
    "      --log LEVEL           debug, info, warning (default), error or none, on stderr\n"                           \
    "  -h, --help                this text\n"

struct cli_common {
    struct broker_options broker; /* strings point into argv */
    uint32_t timeout_ms;          /* 0 = the policy's */
    bool json;
};

void cli_common_init(struct cli_common *common);

/* 0: taken. 1: not a common option. -EINVAL: bad value, said on stderr. */
int cli_common_option(struct cli_common *common, const char *command, int option, const char *argument);

/* After all options: whether the policy file is understood, trace and recording can be written, so that what is wrong
 * with them is said in one clear line. EXIT_CODE_OK, or the code with the line said. */
int cli_common_check(const struct cli_common *common, char *const *inputs, size_t input_count);

/* What a command takes. */
struct cli_syntax {
    const char *command;
    const char *letters; /* as for getopt_long, beginning with ":" */
    const struct option *options;
    const char *help;
};

/* The next of its options, as getopt_long; -1 = there are no more. CLI_OPTION_ENDS: its help was asked for and printed,
 * or it was none, which was said; the exit code is then in *ret_exit_code. Before the first: optind = 0. */
int cli_next_option(const struct cli_syntax *syntax, int argc, char **argv, int *ret_exit_code);
/* "bulkhead: render: what (see bulkhead help render)". Returns EXIT_CODE_USAGE. */
int cli_usage_error(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Decimal numbers without sign, blanks or rest. False if it is none or out of range; *ret is then untouched. */
bool cli_parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *ret_number);
/* A number with at most three decimals: "2.5". */
bool cli_parse_decimal(const char *text, double least, double most, double *ret_number);
/* "4096", "64k", "512M", "2G" (powers of 1024; "MB", "MiB" too). */
bool cli_parse_size(const char *text, uint64_t *ret_bytes);
/* "800x600". */
bool cli_parse_pair(const char *text, double least, double most, double *ret_first, double *ret_second);

/* Writes a line on stderr: "bulkhead: …". */
void cli_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "no such file or directory", as strerror() but lower case, into a buffer of the caller. */
const char *cli_error_text(int error, char *out, size_t out_bytes);
/* The same of standard output, which has a reader. */
const char *cli_stdout_error_text(int error, char *out, size_t out_bytes);
/* The same of a broker that could not be created, with the system call that is missing, if that is why. */
const char *cli_start_error_text(int error, char *out, size_t out_bytes);

/* Of the terminal that standard output is; 0 where it is none. */
size_t cli_terminal_columns(void);

/* Flushes stdout and returns `code`, or the exit code for what went wrong with stdout (closed pipe, full disk). */
int cli_finish_stdout(int code);

#endif
