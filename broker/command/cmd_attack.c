#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/attack/attack_run.h"
#include "broker/attack/attack_table.h"
#include "broker/command/cli.h"
#include "broker/command/cli_lines.h"
#include "broker/command/cli_sandbox.h"
#include "broker/command/cmd.h"
#include "broker/command/exit_codes.h"
#include "broker/output/progress.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

enum { OPTION_LIST = CLI_OPTION_OWN, OPTION_FAMILY, OPTION_HOLD, OPTION_JUDGE_WHOLE };

static const char help[] =
    "Usage: bulkhead attack [OPTION...] [NAME...]\n"
    "\n"
    "Attacks its own renderers, from inside, where the code of a hostile document would be: behind every\n"
    "layer of the sandbox. Each NAME (default: all) is tried in a new renderer while neighbours paint.\n"
    "The exit code is 0 only if everything came out as it must.\n"
    "\n"
    "      --list                say what there is to try, and what must come of it; try nothing\n"
    "      --family FAMILY       only these: files, processes, privileges, kernel, memory, channel, frames\n"
    "                            or death; may be given again\n"
    "      --json                a JSON object on standard output\n"
    "      --memory SIZE         memory one renderer may use (default 192M)\n"
    "      --require LAYER,...   refuse to start without these sandbox layers; \"all\" for every one\n"
    "                            (bulkhead help layers lists them)\n"
    "      --policy FILE         the broker's limits as a JSON object (bulkhead help policy)\n"
    "      --trace FILE          write a trace for chrome://tracing, Perfetto or Speedscope\n"
    "      --log LEVEL           debug, info, warning, error or none (default), on stderr\n"
    "  -h, --help                this text\n"
    "\n"
    "Outcomes: K killed for a system call, E refused with an errno, B killed for a bad message, T ended by\n"
    "the watchdog, M out of memory, C crashed, X unexpected exit, H harmless, Q quarantined, O died with\n"
    "its broker, ! succeeded, which never must be.\n";

static const struct option long_options[] = {
    CLI_COMMON_OPTIONS,
    {"list", no_argument, NULL, OPTION_LIST},
    {"family", required_argument, NULL, OPTION_FAMILY},
    {"hold", required_argument, NULL, OPTION_HOLD},         /* hidden: the broker that "broker-killed" kills */
    {"judge-whole", no_argument, NULL, OPTION_JUDGE_WHOLE}, /* hidden, for tests: --without is not taken into account */
    {NULL, 0, NULL, 0},
};

struct attack_options {
    struct cli_common common;
    bool is_list, is_hold, judge_whole;
    unsigned families; /* bits; 0 = all */
    char **names;      /* argv's; name_count of them */
    size_t name_count;
};

static int take_family(struct attack_options *options, const char *argument)
{
    char shown[64];
    enum attack_family family = attack_family_find(argument);
    text_escape(shown, sizeof(shown), argument, strlen(argument));
    if (family == ATTACK_FAMILY_COUNT)
        return cli_usage_error("attack", "there is no family \"%s\"", shown);
    options->families |= 1u << family;
    return EXIT_CODE_OK;
}

static int take_option(struct attack_options *options, int option)
{
    uint64_t without;
    switch (option) {
    case OPTION_LIST:
        options->is_list = true;
        return EXIT_CODE_OK;
    case OPTION_JUDGE_WHOLE:
        options->judge_whole = true;
        return EXIT_CODE_OK;
    case OPTION_FAMILY:
        return take_family(options, optarg);
    case OPTION_HOLD:
        if (!cli_parse_number(optarg, 0, UINT32_MAX, &without))
            return EXIT_CODE_USAGE;
        options->is_hold = true;
        options->common.broker.without = (layer_set)without;
        return EXIT_CODE_OK;
    case CLI_OPTION_TIMEOUT:
        return cli_usage_error("attack", "each attempt has a time limit of its own, so there is no --timeout");
    default:
        return cli_common_option(&options->common, "attack", option, optarg) == 0 ? EXIT_CODE_OK : EXIT_CODE_USAGE;
    }
}

static int check_names(const struct attack_options *options)
{
    for (size_t i = 0; i < options->name_count; i++) {
        char shown[64];
        text_escape(shown, sizeof(shown), options->names[i], strlen(options->names[i]));
        if (attack_list_find(options->names[i]) == NULL)
            return cli_usage_error("attack", "there is no attempt \"%s\"; --list says what there is", shown);
    }
    return EXIT_CODE_OK;
}

static bool is_chosen(const struct attack_options *options, const struct attack_row *row)
{
    bool is_named = options->name_count == 0;
    for (size_t i = 0; i < options->name_count; i++)
        is_named |= strcmp(options->names[i], row->name) == 0;
    return is_named && (options->families == 0 || (options->families & 1u << row->family) != 0);
}

static size_t count_chosen(const struct attack_options *options)
{
    size_t count = 0;
    for (size_t i = 0; i < attack_list_count(); i++)
        count += is_chosen(options, attack_list_row(i));
    return count;
}

static const struct cli_syntax syntax = {.command = "attack", .letters = ":h", .options = long_options, .help = help};

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct attack_options *options)
{
    int option, code;
    optind = 0;
    while ((option = cli_next_option(&syntax, argc, argv, &code)) != -1) {
        if (option == CLI_OPTION_ENDS)
            return code;
        code = take_option(options, option);
        if (code != EXIT_CODE_OK)
            return code;
    }
    options->names = argv + optind;
    options->name_count = (size_t)(argc - optind);
    code = check_names(options);
    if (code == EXIT_CODE_OK && count_chosen(options) == 0)
        code = cli_usage_error("attack", "no attempt of these names is in that family; --list says where each is");
    if (code == EXIT_CODE_OK)
        code = cli_common_check(&options->common, NULL, 0);
    return code == EXIT_CODE_OK ? -1 : code;
}

static int print_json(json_t *object, int code)
{
    if (object == NULL || json_dumpf(object, stdout, JSON_COMPACT | JSON_ENSURE_ASCII) < 0)
        code = EXIT_CODE_INTERNAL;
    putchar('\n');
    json_decref(object);
    return cli_finish_stdout(code);
}

static int list(const struct attack_options *options)
{
    struct attack_table table;
    json_t *rows = json_array();
    attack_table_init(&table, stdout, cli_terminal_columns());
    for (size_t i = 0; i < attack_list_count(); i++) {
        const struct attack_row *row = attack_list_row(i);
        if (!is_chosen(options, row))
            continue;
        if (options->common.json)
            json_array_append_new(rows, attack_table_row_json(row));
        else
            attack_table_list(&table, row);
    }
    if (options->common.json)
        return print_json(json_pack("{s:o}", "attempts", rows), EXIT_CODE_OK);
    json_decref(rows);
    return cli_finish_stdout(EXIT_CODE_OK);
}

/* What is shown while and after the attempts are made. */
struct attack_view {
    const struct attack_options *options;
    struct attack_table table;
    struct progress progress;
    json_t *rows;
};

static void show(struct attack_view *view, const struct attack_result *result)
{
    if (!view->options->common.json) {
        progress_hide(&view->progress);
        attack_table_add(&view->table, result);
        fflush(stdout);
    } else {
        attack_table_count(&view->table, result);
        json_array_append_new(view->rows, attack_table_result_json(result));
    }
}

/* 0 or -errno of the run. */
static int try_all(struct attack_run *run, struct attack_view *view)
{
    size_t total = count_chosen(view->options), done = 0;
    for (size_t i = 0; i < attack_list_count(); i++) {
        struct attack_result result;
        const struct attack_row *row = attack_list_row(i);
        if (!is_chosen(view->options, row))
            continue;
        progress_show(&view->progress, done++, total, row->name);
        int r = attack_run_try(run, row, &result);
        if (r < 0)
            return r;
        show(view, &result);
    }
    progress_hide(&view->progress);
    return 0;
}

static int code_of_start(int error)
{
    return error == -EPERM ? EXIT_CODE_LAYER_MISSING : error == -ENOENT ? EXIT_CODE_NO_RENDERER : EXIT_CODE_INTERNAL;
}

static int finish(struct attack_view *view, struct attack_run *run, int error, double elapsed_s)
{
    const struct attack_table *table = &view->table;
    int code = table->held == table->tried ? EXIT_CODE_OK : EXIT_CODE_NOT_HELD;
    if (error == -EINTR)
        code = EXIT_CODE_SIGNAL + broker_shutdown_signal(attack_run_broker(run));
    else if (error < 0)
        code = EXIT_CODE_INTERNAL;
    if (error < 0 && error != -EINTR)
        cli_message("the attempts ended early: %s", strerror(-error));
    if (!view->options->common.json) {
        attack_table_sum(table, stdout, elapsed_s);
        return cli_finish_stdout(code);
    }
    json_t *object =
        json_pack("{s:{s:i, s:s}, s:i, s:i, s:i, s:f, s:o, s:O}", "exit", "code", code, "name", exit_code_name(code),
                  "tried", (int)table->tried, "held", (int)table->held, "skipped", (int)table->skipped, "elapsed_s",
                  elapsed_s, "sandbox", cli_sandbox_json(attack_run_broker(run)), "attempts", view->rows);
    return print_json(object, code);
}

static int run_attacks(const struct attack_options *options)
{
    const struct attack_run_options run_options = {.broker = &options->common.broker,
                                                   .judge_whole = options->judge_whole};
    struct attack_view view = {.options = options, .rows = json_array()};
    struct attack_run *run;
    char why[256];
    uint64_t start_ns = clock_now_ns();
    bool is_bar = isatty(STDERR_FILENO) && (options->common.json || !isatty(STDOUT_FILENO));
    attack_table_init(&view.table, stdout, cli_terminal_columns());
    progress_init(&view.progress, stderr, is_bar ? PROGRESS_BAR : PROGRESS_NONE);
    int r = attack_run_create(&run_options, &run, why, sizeof(why));
    if (r < 0) {
        cli_message("%s", why);
        json_decref(view.rows);
        return code_of_start(r);
    }
    cli_sandbox_warn(attack_run_broker(run), stderr);
    r = try_all(run, &view);
    int code = finish(&view, run, r, (double)(clock_now_ns() - start_ns) / 1e9);
    attack_run_destroy(run);
    json_decref(view.rows);
    return code;
}

int cmd_attack(int argc, char **argv)
{
    struct attack_options options = {0};
    cli_common_init(&options.common);
    /* What attackers say would drown the table. */
    log_set_level(LOG_NONE);
    int code = parse(argc, argv, &options);
    if (code >= 0)
        return code;
    if (options.is_list)
        return list(&options);
    if (options.is_hold)
        return attack_run_hold(&(struct attack_run_options){.broker = &options.common.broker}) < 0 ? EXIT_CODE_INTERNAL
                                                                                                   : EXIT_CODE_OK;
    return run_attacks(&options);
}
