#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/cli.h"
#include "broker/command/cli_lines.h"
#include "broker/command/cli_sandbox.h"
#include "broker/command/cmd.h"
#include "broker/command/cmd_help.h"
#include "broker/command/exit_codes.h"
#include "broker/command/policy_list.h"
#include "broker/policy_file.h"
#include "common/text.h"

static const char overview[] =
    "Bulkhead opens files you do not trust: each in a renderer of its own that can do nothing but compute.\n"
    "\n"
    "Usage: bulkhead COMMAND [OPTION...] [FILE...]\n"
    "\n"
    "  render FILE...    paint pages to PNG, PPM or raw files, or into a pipe\n"
    "  info FILE...      format, title, pages and page size\n"
    "  open FILE...      look at documents in this terminal, one tab each\n"
    "  cast FILE         a tab as a video stream, for mpv and ffmpeg\n"
    "  attack [NAME...]  attack its own renderers, from inside, and say what came of it\n"
    "  sandbox           what its processes are really in, layer by layer, and on what evidence\n"
    "  crashes           the crash reports of renderers: list, show N, clear\n"
    "  help TOPIC        a command's options, or: exit-codes, layers, policy, syscalls\n"
    "  version           the version\n"
    "\n"
    "Formats: PDF, EPUB, XPS, CBZ, HTML, XHTML, SVG, PNG, JPEG, GIF, TIFF, BMP, JPEG 2000, PNM and plain text,\n"
    "recognised by content. FILE may be - for standard input, or about: for a list of built-in pages.\n";

void help_print_overview(FILE *out)
{
    cli_lines_print_help(out, overview);
}

static void print_row(FILE *out, const char *key, unsigned long long value, const char *meaning)
{
    fprintf(out, "  %-28s %-11llu %s\n", key, value, meaning);
}

static void print_policy(FILE *out)
{
    struct policy policy;
    policy_init_defaults(&policy);
    fprintf(out, "Policy file: a JSON object with any of these keys, for --policy; read again on SIGHUP\n\n");
    fprintf(out, "  %-28s %-11s %s\n", "key", "default", "meaning");
    print_row(out, "start_timeout_ms", policy.start_timeout_ms, "from fork to a renderer's first word");
    print_row(out, "ping_interval_ms", policy.ping_interval_ms, "between pings");
    print_row(out, "unresponsive_after_ms", policy.unresponsive_after_ms, "without an answer or any progress");
    print_row(out, "hung_after_ms", policy.hung_after_ms, "from unresponsive to the end");
    print_row(out, "request_timeout_ms", policy.request_timeout_ms,
              "for one request altogether; --timeout goes before it");
    print_row(out, "memory_limit_bytes", policy.memory_limit_bytes, "for one renderer; --memory goes before it");
    fprintf(out, "  %-28s %-11s %s\n", "files_allowed", policy.files_allowed ? "true" : "false",
            "whether documents may ask for files beside them");
    print_row(out, "file_limit_bytes", policy.file_limit_bytes, "for one such file");
    print_row(out, "files_per_document", policy.files_per_document, "how many of them");
    print_row(out, "quarantine_ends", policy.quarantine_ends, "bad ends before a document is given up");
    print_row(out, "reload_backoff_ms", policy.reload_backoff_ms, "before the first automatic reload; then doubled");
    print_row(out, "messages_per_second", policy.messages_per_second, "from one renderer");
    print_row(out, "shutdown_deadline_ms", policy.shutdown_deadline_ms, "for work under way after Ctrl-C");
    print_row(out, "log_text_bytes_per_second", policy.log_text_bytes_per_second, "of a renderer's stdout and stderr");
    print_row(out, "crash_reports", policy.crash_reports, "kept, the newest of all; 0 for none");
    print_row(out, "crash_reports_bytes", policy.crash_reports_bytes, "of all of them together");
}

static int print_topic(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return EXIT_CODE_INTERNAL;
    print(out);
    if (fclose(out) == 0)
        cli_lines_print_help(stdout, text);
    free(text);
    return cli_finish_stdout(EXIT_CODE_OK);
}

/* A command's help is its own. */
static int run_help_of(int (*command)(int, char **), const char *name)
{
    char own_name[16], option[] = "--help";
    snprintf(own_name, sizeof(own_name), "%s", name);
    char *argv[] = {own_name, option, NULL};
    return command(2, argv);
}

int cmd_help(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*command)(int, char **);
        void (*print)(FILE *out);
    } topics[] = {
        {"render", cmd_render, NULL},
        {"info", cmd_info, NULL},
        {"open", cmd_open, NULL},
        {"cast", cmd_cast, NULL},
        {"attack", cmd_attack, NULL},
        {"sandbox", cmd_sandbox, NULL},
        {"crashes", cmd_crashes, NULL},
        {"exit-codes", NULL, exit_codes_print},
        {"layers", NULL, cli_sandbox_print_layers},
        {"policy", NULL, print_policy},
        {"syscalls", NULL, policy_list_print_all},
    };
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help_print_overview(stdout);
        return cli_finish_stdout(EXIT_CODE_OK);
    }
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        if (strcmp(argv[1], topics[i].name) == 0)
            return topics[i].print ? print_topic(topics[i].print) : run_help_of(topics[i].command, topics[i].name);
    char shown[64];
    text_escape(shown, sizeof(shown), argv[1], strlen(argv[1]));
    return cli_usage_error("", "there is no help on \"%s\"", shown);
}
