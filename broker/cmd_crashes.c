#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "broker/batch_report.h"
#include "broker/cli.h"
#include "broker/cmd.h"
#include "broker/crash_store.h"
#include "broker/exit_codes.h"
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

enum { LEAST_COLUMNS = 60, DOCUMENT_COLUMNS = 24, WHY_BYTES = PATH_MAX + 128 };

static const struct option long_options[] = {
    {"crash-dir", required_argument, NULL, CLI_OPTION_CRASH_DIRECTORY},
    {"json", no_argument, NULL, CLI_OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

struct crashes_run {
    const char *directory; /* NULL = the user's own */
    bool json;
    const char *argument; /* of show; NULL = none given */
    struct crash_store *store;
};

/* A report, or why it cannot be read. */
struct crashes_row {
    uint32_t number;
    struct crash_report *report; /* owned; NULL: see why */
    char why[256];
};

static int say_why(const struct crashes_run *run, int r, const char *why)
{
    cli_message("crash reports: %s%s", why, run->directory ? "" : " (--crash-dir DIR says where)");
    return r == -EPERM || r == -EACCES ? EXIT_CODE_NO_PERMISSION : EXIT_CODE_UNREADABLE;
}

static int say_errno(int r)
{
    char text[64];
    cli_message("crash reports: %s", cli_error_text(r, text, sizeof(text)));
    return r == -EACCES ? EXIT_CODE_NO_PERMISSION : EXIT_CODE_UNREADABLE;
}

static void read_row(const struct crashes_run *run, uint32_t number, struct crashes_row *ret_row)
{
    *ret_row = (struct crashes_row){.number = number};
    if (crash_store_read(run->store, number, &ret_row->report, ret_row->why, sizeof(ret_row->why)) < 0)
        ret_row->report = NULL;
}

/* In the user's time, to the minute. */
static void format_when(uint64_t time_ms, char *out, size_t out_bytes)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm local = {0};
    localtime_r(&seconds, &local);
    strftime(out, out_bytes, "%Y-%m-%d %H:%M", &local);
}

static size_t screen_columns(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return SIZE_MAX; /* no terminal: nothing is cut */
    return size.ws_col > LEAST_COLUMNS ? size.ws_col : LEAST_COLUMNS;
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void print_row(const struct crashes_row *row, size_t columns)
{
    char when[32] = "", name[1024 + 3] = "-", line[sizeof(row->report->end.summary) + sizeof(row->why)];
    const struct crash_report *report = row->report;
    if (report)
        format_when(report->time_ms, when, sizeof(when));
    if (report && report->has_document)
        text_clip(name, last_component(report->document.given), DOCUMENT_COLUMNS);
    printf("%5u  %-16s  %s%*s  ", row->number, when, name, (int)(DOCUMENT_COLUMNS - text_columns(name)), "");
    size_t left = columns - (size_t)(7 + 16 + 2 + DOCUMENT_COLUMNS + 2);
    if (report)
        text_clip(line, report->end.summary, left);
    else
        snprintf(line, sizeof(line), "cannot be read: %s", row->why);
    printf("%s\n", line);
}

static json_t *row_json(const struct crashes_run *run, const struct crashes_row *row)
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

/* What a list needs to say; all of it is for show. */
static json_t *summary_json(const struct crashes_run *run, const struct crashes_row *row)
{
    static const char *const keys[] = {"number", "path", "error", "time", "end", "document"};
    json_t *whole = row_json(run, row), *summary = whole ? json_object() : NULL;
    for (size_t i = 0; summary && i < sizeof(keys) / sizeof(keys[0]); i++) {
        json_t *value = json_object_get(whole, keys[i]);
        json_object_set(summary, keys[i], value ? value : json_null());
    }
    json_decref(whole);
    return summary;
}

static int print_list_json(const struct crashes_run *run, const uint32_t *numbers, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct crashes_row row;
        read_row(run, numbers[i], &row);
        json_array_append_new(list, summary_json(run, &row));
        crash_report_free(row.report);
    }
    const char *directory = run->store ? crash_store_directory(run->store) : NULL;
    return batch_report_print_json(
        json_pack("{s:s, s:s?, s:o}", "version", BULKHEAD_VERSION, "directory", directory, "reports", list),
        EXIT_CODE_OK);
}

static int print_list(const struct crashes_run *run, const uint32_t *numbers, size_t count)
{
    size_t columns = screen_columns();
    uint64_t bytes = 0;
    char size[32];
    if (run->json)
        return print_list_json(run, numbers, count);
    for (size_t i = 0; i < count; i++) {
        struct crashes_row row;
        read_row(run, numbers[i], &row);
        print_row(&row, columns);
        crash_report_free(row.report);
        bytes += crash_store_size_bytes(run->store, numbers[i]);
    }
    text_format_bytes(size, sizeof(size), bytes);
    if (count == 0)
        printf("no crash reports\n");
    else
        printf("%zu crash report%s, %s, in %s\n", count, count == 1 ? "" : "s", size,
               crash_store_directory(run->store));
    return cli_finish_stdout(EXIT_CODE_OK);
}

static int list_numbers(const struct crashes_run *run, uint32_t **ret_numbers, size_t *ret_count)
{
    *ret_numbers = NULL;
    *ret_count = 0;
    return run->store ? crash_store_list(run->store, ret_numbers, ret_count) : 0;
}

static int run_list(struct crashes_run *run)
{
    uint32_t *numbers;
    size_t count;
    int r = list_numbers(run, &numbers, &count);
    int code = r < 0 ? say_errno(r) : print_list(run, numbers, count);
    free(numbers);
    return code;
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
    int r = list_numbers(run, &numbers, &count);
    for (size_t i = 0; r == 0 && i < count; i++)
        if (numbers[i] == given || !run->argument)
            *ret_number = numbers[i];
    free(numbers);
    return r < 0 ? say_errno(r) : EXIT_CODE_OK;
}

static int show_row(const struct crashes_run *run, const struct crashes_row *row)
{
    if (run->json)
        return batch_report_print_json(row_json(run, row), row->report ? EXIT_CODE_OK : EXIT_CODE_DAMAGED);
    char *text = row->report ? crash_report_text(row->report) : NULL;
    if (!row->report) {
        cli_message("crash report %u cannot be read: %s", row->number, row->why);
        return EXIT_CODE_DAMAGED;
    }
    if (!text) {
        cli_message("no memory for the report");
        return EXIT_CODE_INTERNAL;
    }
    printf("Crash report %u: %s", row->number, text);
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
    read_row(run, number, &row);
    code = show_row(run, &row);
    crash_report_free(row.report);
    return code;
}

static int run_clear(struct crashes_run *run)
{
    size_t removed = 0;
    char text[64];
    int r = run->store ? crash_store_clear(run->store, &removed) : 0;
    if (r < 0)
        cli_message("crash reports: not all could be removed: %s", cli_error_text(r, text, sizeof(text)));
    int code = r < 0 ? (int)exit_code_of_output(r) : EXIT_CODE_OK;
    if (run->json)
        return batch_report_print_json(json_pack("{s:I}", "removed", (json_int_t)removed), code);
    printf("%zu crash report%s removed\n", removed, removed == 1 ? "" : "s");
    return cli_finish_stdout(code);
}

static const struct {
    const char *name;
    int (*run)(struct crashes_run *run);
    int most_arguments;
} verbs[] = {{"list", run_list, 0}, {"show", run_show, 1}, {"clear", run_clear, 0}};

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
        int r = crash_store_open(run->directory, false, &run->store, why, sizeof(why));
        if (r < 0 && (r != -ENOENT || run->directory))
            return say_why(run, r, why);
        int code = verbs[i].run(run);
        crash_store_close(run->store);
        return code;
    }
    text_escape(shown, sizeof(shown), verb, strlen(verb));
    return cli_usage_error("crashes", "expected list, show or clear, not \"%s\"", shown);
}

int cmd_crashes(int argc, char **argv)
{
    struct crashes_run run = {0};
    int option;
    opterr = 0;
    optind = 1;
    while ((option = getopt_long(argc, argv, ":h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return cli_finish_stdout(EXIT_CODE_OK);
        }
        if (option == '?' || option == ':')
            return cli_bad_option("crashes", argv, option, long_options);
        if (option == CLI_OPTION_JSON)
            run.json = true;
        else
            run.directory = optarg;
    }
    return run_verb(&run, argc - optind, argv + optind);
}
