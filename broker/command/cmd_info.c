#include <errno.h>
#include <math.h>
#include <string.h>

#include "broker/command/batch_report.h"
#include "broker/command/cli.h"
#include "broker/command/cli_document.h"
#include "broker/command/cli_lines.h"
#include "broker/command/cli_sandbox.h"
#include "broker/command/cmd.h"
#include "common/clock.h"
#include "common/text.h"

static const char help[] =
    "Usage: bulkhead info [OPTION...] FILE...\n"
    "\n"
    "Says what each FILE is: format, title, pages, page size, and what it asked for. It is opened in\n"
    "a sandboxed renderer of its own; nothing is painted.\n"
    "\n" CLI_DOCUMENT_HELP
    "      --json                a JSON object on standard output\n" CLI_AUDIT_HELP CLI_RECORD_HELP CLI_COMMON_HELP "\n"
    "FILE may be - for standard input or an about: page. See also: bulkhead help exit-codes.\n";

enum { WARNINGS_SHOWN = 8 };

static const struct option long_options[] = {
    CLI_COMMON_OPTIONS,
    CLI_DOCUMENT_OPTIONS,
    {"audit", no_argument, NULL, CLI_OPTION_AUDIT},
    {"record", required_argument, NULL, CLI_OPTION_RECORD},
    {NULL, 0, NULL, 0},
};

struct info_options {
    struct cli_common common;
    struct cli_document document;
    char **inputs; /* argv's; input_count of them */
    size_t input_count;
};

/* Results are printed in the order of the inputs, each as soon as those before it are. */
struct info_view {
    const struct info_options *options;
    size_t next;
    bool has_warned; /* that a crash report could not be written */
};

static void print_grants(const struct document *document)
{
    size_t count;
    const struct document_grant *grants = document_grants(document, &count);
    for (size_t i = 0; i < count; i++) {
        char size[32] = "";
        if (grants[i].status == BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED)
            text_format_bytes(size, sizeof(size), grants[i].size_bytes);
        printf("  %-10s %s (%s%s%s)\n", i == 0 ? "asked for" : "", grants[i].path,
               document_grant_status_name(grants[i].status), *size ? ", " : "", size);
    }
}

static void print_page_size(const struct tab_info *info)
{
    double width = (double)info->page_width_pt, height = (double)info->page_height_pt;
    if (!(width > 0) || !(height > 0))
        return;
    printf("  %-10s %.6g x %.6g pt (%.0f x %.0f mm)\n", "page size", width, height, width / 72 * 25.4,
           height / 72 * 25.4);
}

static void print_warnings(struct document *document)
{
    const struct document_warnings *warnings = document_warnings(document);
    const struct document_warning *warning;
    size_t shown = 0;
    while (shown < WARNINGS_SHOWN && (warning = document_warnings_damage(warnings, shown)) != NULL) {
        char text[384];
        uint64_t more = shown + 1 == WARNINGS_SHOWN ? document_warnings_damage_total(warnings) - WARNINGS_SHOWN : 0;
        document_warnings_format(text, sizeof(text), warning, more);
        printf("  %-10s %s\n", shown++ == 0 ? "warnings" : "", text);
    }
}

static void print_file(const struct batch_file *file)
{
    char name[512], size[32];
    const struct tab_info *info = &file->info;
    text_escape(name, sizeof(name), file->input, strlen(file->input));
    printf("%s\n", name);
    printf("  %-10s %s\n", "format", info->format);
    if (info->title[0])
        printf("  %-10s %s\n", "title", info->title);
    if (info->animated)
        printf("  %-10s %s\n", "pages", "1, animated");
    else
        printf("  %-10s %u%s\n", "pages", info->page_count, info->reflowable ? ", laid out for this page size" : "");
    print_page_size(info);
    text_format_bytes(size, sizeof(size), document_size_bytes(file->document));
    if (document_url(file->document)[0] == '\0')
        printf("  %-10s %s\n", "size", size);
    print_grants(file->document);
    print_warnings(file->document);
}

static void on_file_done(struct batch *batch, const struct batch_file *file, void *userdata)
{
    struct info_view *view = userdata;
    size_t count;
    const struct batch_file *files = batch_files(batch, &count);
    (void)file;
    for (; view->next < count && files[view->next].is_done; view->next++) {
        const struct batch_file *next = &files[view->next];
        if (next->error.code != EXIT_CODE_OK && batch_start_error(batch)->code == EXIT_CODE_OK) {
            fflush(stdout);
            batch_report_line(stderr, next);
        } else if (next->error.code == EXIT_CODE_OK && !view->options->common.json) {
            print_file(next);
        }
        batch_report_crash_lines(stderr, next);
    }
}

static void on_cell_ready(struct batch *batch, void *userdata)
{
    (void)userdata;
    cli_sandbox_warn(batch_broker(batch), stderr);
}

static void on_crash_report(struct batch *batch, const struct batch_file *file, const char *path, const char *why,
                            void *userdata)
{
    struct info_view *view = userdata;
    (void)batch;
    if (path ? file && file->index >= view->next : view->has_warned)
        return; /* the first is said together with what became of the file */
    view->has_warned |= !path;
    fflush(stdout);
    batch_report_crash_line(stderr, file, path, why);
}

static const struct batch_listener listener = {
    .cell_ready = on_cell_ready, .file_done = on_file_done, .crash_report = on_crash_report};

static const struct cli_syntax syntax = {.command = "info", .letters = ":j:h", .options = long_options, .help = help};

static int parse(int argc, char **argv, struct info_options *options)
{
    int option, code;
    optind = 0;
    while ((option = cli_next_option(&syntax, argc, argv, &code)) != -1) {
        if (option == CLI_OPTION_ENDS)
            return code;
        int r = cli_common_option(&options->common, "info", option, optarg);
        if (r == 1)
            r = cli_document_option(&options->document, "info", option, optarg);
        if (r != 0)
            return r == -EIO ? EXIT_CODE_UNREADABLE : EXIT_CODE_USAGE;
    }
    options->inputs = argv + optind;
    options->input_count = (size_t)(argc - optind);
    if (options->input_count == 0)
        return cli_usage_error("info", "which file?");
    code = cli_common_check(&options->common, options->inputs, options->input_count);
    return code == EXIT_CODE_OK ? -1 : code;
}

static int run(const struct info_options *options)
{
    struct info_view view = {.options = options};
    struct batch_options batch_options = {
        .broker = options->common.broker,
        .jobs = options->document.jobs,
        .timeout_ms = options->common.timeout_ms,
        .password = options->document.password,
        .layout_width_pt = options->document.layout_width_pt,
        .layout_height_pt = options->document.layout_height_pt,
        .layout_em_pt = options->document.layout_em_pt,
        .no_files = options->document.no_files,
        .backtraces = options->common.json,
    };
    struct batch *batch = NULL;
    struct batch_error error = {.code = EXIT_CODE_OK};
    uint64_t start_ns = clock_now_ns();
    batch_options.broker.spares = options->input_count > 1 ? 1 : 0;
    if (batch_create(&batch_options, options->inputs, options->input_count, &listener, &view, &batch, &error) < 0)
        return batch_report_not_begun(&error, options->common.json);
    int code = batch_run(batch);
    if (batch_start_error(batch)->code != EXIT_CODE_OK)
        batch_report_start_error(stderr, batch_start_error(batch));
    if (options->common.json)
        code = batch_report_print_json(batch_report_json(batch, code, clock_now_ns() - start_ns), code);
    else if (options->common.broker.audit)
        code = batch_report_print_audit(batch, stdout, code);
    else
        code = cli_finish_stdout(code);
    batch_destroy(batch);
    return code;
}

int cmd_info(int argc, char **argv)
{
    struct info_options options = {0};
    cli_common_init(&options.common);
    cli_document_init(&options.document);
    int code = parse(argc, argv, &options);
    if (code < 0)
        code = run(&options);
    cli_document_fini(&options.document);
    return code;
}
