#include <stdio.h>
#include <string.h>

#include "broker/cli.h"
#include "broker/cli_sandbox.h"
#include "broker/cmd.h"
#include "broker/cmd_help.h"
#include "broker/exit_codes.h"
#include "broker/policy_file.h"
#include "broker/policy_list.h"
#include "common/text.h"

static const char overview[] =
    "Bulkhead opens files you do not trust: each in a renderer of its own that can do nothing but compute.\n"
    "\n"
    "Usage: bulkhead COMMAND [OPTION...] [FILE...]\n"
    "\n"
    "  render FILE...   paint pages to PNG, PPM or raw files, or into a pipe\n"
    "  info FILE...     format, title, pages and page size\n"
    "  open FILE...     look at documents in this terminal, one tab each\n"
    "  attack [NAME...] attack its own renderers, from inside, and say what came of it\n"
    "  sandbox          what its processes are really in, layer by layer, and on what evidence\n"
    "  crashes          the crash reports of renderers: list, show N, clear\n"
    "  help TOPIC       a command's options, or: exit-codes, layers, policy, syscalls\n"
    "  version          the version\n"
    "\n"
    "Formats: PDF, EPUB, XPS, CBZ, HTML, XHTML, SVG, PNG, JPEG, GIF, TIFF, BMP, JPEG 2000, PNM and plain text,\n"
    "recognised by content. FILE may be - for standard input, or about: for a list of built-in pages.\n";

void help_print_overview(FILE *out)
{
    fputs(overview, out);
}

static void print_row(const char *key, unsigned long long value, const char *meaning)
{
    printf("  %-28s %-11llu %s\n", key, value, meaning);
}

static int print_policy(void)
{
    struct policy policy;
    policy_init_defaults(&policy);
    printf("Policy file: a JSON object with any of these keys, for --policy; read again on SIGHUP\n\n");
    printf("  %-28s %-11s %s\n", "key", "default", "meaning");
    print_row("start_timeout_ms", policy.start_timeout_ms, "from fork to a renderer's first word");
    print_row("ping_interval_ms", policy.ping_interval_ms, "between pings");
    print_row("unresponsive_after_ms", policy.unresponsive_after_ms, "without an answer or any progress");
    print_row("hung_after_ms", policy.hung_after_ms, "from unresponsive to the end");
    print_row("request_timeout_ms", policy.request_timeout_ms, "for one request altogether; --timeout goes before it");
    print_row("memory_limit_bytes", policy.memory_limit_bytes, "for one renderer; --memory goes before it");
    printf("  %-28s %-11s %s\n", "files_allowed", policy.files_allowed ? "true" : "false",
           "whether documents may ask for files beside them");
    print_row("file_limit_bytes", policy.file_limit_bytes, "for one such file");
    print_row("files_per_document", policy.files_per_document, "how many of them");
    print_row("quarantine_ends", policy.quarantine_ends, "bad ends before a document is given up");
    print_row("reload_backoff_ms", policy.reload_backoff_ms, "before the first automatic reload; then doubled");
    print_row("messages_per_second", policy.messages_per_second, "from one renderer");
    print_row("shutdown_deadline_ms", policy.shutdown_deadline_ms, "for work under way after Ctrl-C");
    print_row("log_text_bytes_per_second", policy.log_text_bytes_per_second, "of a renderer's stdout and stderr");
    print_row("crash_reports", policy.crash_reports, "kept, the newest of all; 0 for none");
    print_row("crash_reports_bytes", policy.crash_reports_bytes, "of all of them together");
    return cli_finish_stdout(EXIT_CODE_OK);
}

static int print_exit_codes(void)
{
    exit_codes_print(stdout);
    return cli_finish_stdout(EXIT_CODE_OK);
}

static int print_layers(void)
{
    cli_sandbox_print_layers(stdout);
    return cli_finish_stdout(EXIT_CODE_OK);
}

static int print_syscalls(void)
{
    policy_list_print_all(stdout);
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
        int (*print)(void);
    } topics[] = {
        {"render", cmd_render, NULL},           {"info", cmd_info, NULL},       {"open", cmd_open, NULL},
        {"attack", cmd_attack, NULL},           {"sandbox", cmd_sandbox, NULL}, {"crashes", cmd_crashes, NULL},
        {"exit-codes", NULL, print_exit_codes}, {"layers", NULL, print_layers}, {"policy", NULL, print_policy},
        {"syscalls", NULL, print_syscalls},
    };
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help_print_overview(stdout);
        return cli_finish_stdout(EXIT_CODE_OK);
    }
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        if (strcmp(argv[1], topics[i].name) == 0)
            return topics[i].print ? topics[i].print() : run_help_of(topics[i].command, topics[i].name);
    char shown[64];
    text_escape(shown, sizeof(shown), argv[1], strlen(argv[1]));
    return cli_usage_error("", "there is no help on \"%s\"", shown);
}
