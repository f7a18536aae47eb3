#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "broker/command/batch_report.h"
#include "broker/command/cli.h"
#include "broker/command/cli_lines.h"
#include "broker/command/cmd.h"
#include "broker/command/cmd_crashes_private.h"
#include "broker/command/exit_codes.h"
#include "common/text.h"

static const char help[] =
    "Usage: bulkhead crashes [OPTION...] [list]\n"
    "       bulkhead crashes [OPTION...] show [N]\n"
    "       bulkhead crashes [OPTION...] clear\n"
    "\n"
    "Crash reports: one is kept for each renderer that crashed, hung, ran out of memory, broke a rule or ended\n"
    "unasked. list shows them all (the default), show one of them (the newest), clear removes them.\n"
    "\n"
    "      --crash-dir DIR       where they are (default: $XDG_STATE_HOME/bulkhead/crashes, else\n"
    "                            ~/.local/state/bulkhead/crashes)\n"
    "      --json                as JSON on standard output\n"
    "  -h, --help                this text\n"
    "\n"
    "A report names the document but holds nothing of its content. How many are kept: bulkhead help policy.\n";

enum {
    VALUE_COLUMNS = 40, /* beyond it no value of a report begins */
    WHY_BYTES = PATH_MAX + 128,
};

static const struct option long_options[] = {
    {"crash-dir", required_argument, NULL, CLI_OPTION_CRASH_DIRECTORY},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int say_why(const struct crashes_run *run, int r, const char *why)
{
    cli_message("crash reports: %s%s", why, run->directory ? "" : " (--crash-dir DIR says where)");
    return r == -EPERM || r == -EACCES ? EXIT_CODE_NO_PERMISSION : EXIT_CODE_UNREADABLE;
}

int cmd_crashes_say_errno(int r)
{
    char text[64];
    cli_message("crash reports: %s", cli_error_text(r, text, sizeof(text)));
    return r == -EACCES ? EXIT_CODE_NO_PERMISSION : EXIT_CODE_UNREADABLE;
}

void cmd_crashes_read_row(const struct crashes_run *run, uint32_t number, struct crashes_row *ret_row)
{
    *ret_row = (struct crashes_row){.number = number};
    ret_row->error = crash_store_read(run->store, number, &ret_row->report, ret_row->why, sizeof(ret_row->why));
    if (ret_row->error < 0)
        ret_row->report = NULL;
}

size_t cmd_crashes_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return SIZE_MAX; /* no terminal: nothing is cut */
    return size.ws_col > CMD_CRASHES_LEAST_COLUMNS ? size.ws_col : CMD_CRASHES_LEAST_COLUMNS;
}

json_t *cmd_crashes_row_json(const struct crashes_run *run, const struct crashes_row *row)
{
    char path[PATH_MAX];
    crash_store_path(run->store, row->number, path, sizeof(path));
    json_t *object = json_pack("{s:I, s:s}", "number", (json_int_t)row->number, "path", path);
    json_t *report = row->report ? crash_report_json(row->report) : NULL;
    if (!object || (row->report && !report)) {
        json_decref(object);
        json_decref(report);
        return NULL;
    }
    json_object_set_new(object, "error", row->report ? json_null() : json_string(row->why));
    json_object_update(object, report);
    json_decref(report);
    return object;
}

int cmd_crashes_numbers(const struct crashes_run *run, uint32_t **ret_numbers, size_t *ret_count)
{
    *ret_numbers = NULL;
    *ret_count = 0;
    return run->store ? crash_store_list(run->store, ret_numbers, ret_count) : 0;
}

/* The one that was asked for, else the newest; 0: there is none. */
static int choose(const struct crashes_run *run, uint32_t *ret_number)
{
    uint32_t *numbers;
    size_t count;
    uint64_t given = 0;
    *ret_number = 0;
    if (run->argument && !cli_parse_number(run->argument, 1, UINT32_MAX, &given)) {
        char shown[64];
        text_escape(shown, sizeof(shown), run->argument, strlen(run->argument));
        return cli_usage_error("crashes", "show %s: expected a report's number", shown);
    }
    int r = cmd_crashes_numbers(run, &numbers, &count);
    for (size_t i = 0; r == 0 && i < count; i++)
        if (numbers[i] == given || !run->argument)
            *ret_number = numbers[i];
    free(numbers);
    return r < 0 ? cmd_crashes_say_errno(r) : EXIT_CODE_OK;
}

/* Under the value of its row, which two spaces or more set off; under its text where there is no such column. */
static size_t continuation_indent(const char *line)
{
    size_t start = strspn(line, " "), indent = 0;
    for (size_t i = start; line[i] && i < VALUE_COLUMNS; i++)
        if (i >= start + 2 && line[i] != ' ' && line[i - 1] == ' ' && line[i - 2] == ' ')
            indent = i;
    return indent > 0 ? indent : start < 3 ? start + 3 : start;
}

/* As wide as the terminal; into a file each line as it is. column: where the first one begins. */
static void print_text(char *text, size_t column)
{
    size_t columns = cmd_crashes_columns();
    char *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL && (rest || *line); column = 0)
        text_print_wrapped(stdout, line, column, columns, continuation_indent(line));
}

static int code_of_row(const struct crashes_row *row)
{
    switch (row->error) {
    case 0:
        return EXIT_CODE_OK;
    case -EINVAL:
        return EXIT_CODE_DAMAGED;
    case -EACCES:
        return EXIT_CODE_NO_PERMISSION;
    default:
        return EXIT_CODE_UNREADABLE;
    }
}

static int show_row(const struct crashes_run *run, const struct crashes_row *row)
{
    if (run->json)
        return batch_report_print_json(cmd_crashes_row_json(run, row), code_of_row(row));
    char path[PATH_MAX];
    crash_store_path(run->store, row->number, path, sizeof(path));
    char *text = row->report ? crash_report_text(row->report, path) : NULL;
    if (!row->report) {
        cli_message("crash report %u cannot be read: %s", row->number, row->why);
        return code_of_row(row);
    }
    if (!text) {
        cli_message("no memory for the report");
        return EXIT_CODE_INTERNAL;
    }
    int column = printf("Crash report %u: ", row->number);
    print_text(text, column > 0 ? (size_t)column : 0);
    free(text);
    return cli_finish_stdout(EXIT_CODE_OK);
}

static int run_show(struct crashes_run *run)
{
    struct crashes_row row;
    uint32_t number;
    int code = choose(run, &number);
    if (code != EXIT_CODE_OK)
        return code;
    if (number == 0) {
        if (run->argument)
            cli_message("there is no crash report %s (bulkhead crashes lists them)", run->argument);
        else
            cli_message("there are no crash reports");
        return EXIT_CODE_NOT_FOUND;
    }
    cmd_crashes_read_row(run, number, &row);
    code = show_row(run, &row);
    crash_report_free(row.report);
    return code;
}

static int say_kept(const struct crashes_run *run, uint32_t kept, int r)
{
    char path[PATH_MAX], text[64];
    if (kept == 0)
        return cmd_crashes_say_errno(r);
    crash_store_path(run->store, kept, path, sizeof(path));
    cli_message("%s could not be removed: %s", path, cli_error_text(r, text, sizeof(text)));
    return (int)exit_code_of_output(r);
}

static int run_clear(struct crashes_run *run)
{
    size_t removed = 0;
    uint32_t kept = 0;
    int r = run->store ? crash_store_clear(run->store, &removed, &kept) : 0;
    int code = r < 0 ? say_kept(run, kept, r) : EXIT_CODE_OK;
    if (run->json)
        return batch_report_print_json(json_pack("{s:I}", "removed", (json_int_t)removed), code);
    printf("%zu crash report%s removed\n", removed, removed == 1 ? "" : "s");
    return cli_finish_stdout(code);
}

static const struct {
    const char *name;
    int (*run)(struct crashes_run *run);
    int most_arguments;
    enum crash_store_use use;
} verbs[] = {
    {"list", cmd_crashes_list, 0, CRASH_STORE_READ},
    {"show", run_show, 1, CRASH_STORE_READ},
    {"clear", run_clear, 0, CRASH_STORE_REMOVE},
};

static int run_verb(struct crashes_run *run, int argc, char **argv)
{
    const char *verb = argc > 0 ? argv[0] : "list";
    char why[WHY_BYTES], shown[64];
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verb, verbs[i].name) != 0)
            continue;
        if (argc - 1 > verbs[i].most_arguments)
            return cli_usage_error("crashes", "%s takes no more words", verb);
        run->argument = argc > 1 ? argv[1] : NULL;
        int r = crash_store_open(run->directory, verbs[i].use, &run->store, why, sizeof(why));
        if (r < 0 && (r != -ENOENT || run->directory))
            return say_why(run, r, why);
        int code = verbs[i].run(run);
        crash_store_close(run->store);
        return code;
    }
    text_escape(shown, sizeof(shown), verb, strlen(verb));
    return cli_usage_error("crashes", "expected list, show or clear, not \"%s\"", shown);
}

static const struct cli_syntax syntax = {.command = "crashes", .letters = ":h", .options = long_options, .help = help};

int cmd_crashes(int argc, char **argv)
{
    struct crashes_run run = {0};
    int option, code;
    optind = 0;
    while ((option = cli_next_option(&syntax, argc, argv, &code)) != -1) {
        if (option == CLI_OPTION_ENDS)
            return code;
        if (option == CLI_OPTION_JSON)
            run.json = true;
        else if (*optarg != '\0')
            run.directory = optarg;
        else
            return cli_usage_error("crashes", "--crash-dir %s: expected a directory", optarg);
    }
    return run_verb(&run, argc - optind, argv + optind);
}
