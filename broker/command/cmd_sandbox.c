#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/batch_report.h"
#include "broker/command/cli.h"
#include "broker/command/cli_document.h"
#include "broker/command/cli_lines.h"
#include "broker/command/cmd.h"
#include "broker/command/exit_codes.h"
#include "broker/command/policy_list.h"
#include "broker/document/tab.h"
#include "broker/observe/sandbox_json.h"
#include "broker/observe/sandbox_page.h"
#include "broker/observe/sandbox_text.h"
#include "common/text.h"

enum { OPTION_SYSCALLS = CLI_OPTION_OWN };

static const char help[] =
    "Usage: bulkhead sandbox [OPTION...] [FILE...]\n"
    "       bulkhead sandbox --syscalls [--json]\n"
    "\n"
    "Shows what every process that works on each FILE (default: about:blank) is really in: for each layer of\n"
    "the sandbox whether it is wanted, whether it was observed, and the evidence. What cannot be seen from\n"
    "outside is told as the process's own word. The exit code is 0 only if all that is wanted is in force.\n"
    "\n"
    "      --syscalls            the system calls that are allowed, with their arguments and reasons, instead\n"
    "      --json                a JSON object on standard output\n"
    "      --require LAYER,...   these layers are wanted even where this host does not have them; \"all\" for\n"
    "                            every one that is not optional (bulkhead help layers lists them)\n"
    "      --password-file FILE  the first line of FILE is the password of encrypted documents\n"
    "      --memory SIZE         memory one renderer may use: 512M, 2G (default 1G)\n"
    "      --timeout SECONDS     give up on opening a FILE that takes longer (30)\n"
    "      --policy FILE         the broker's limits as a JSON object (bulkhead help policy)\n"
    "      --trace FILE          write a trace for chrome://tracing, Perfetto or Speedscope\n"
    "      --crash-dir DIR       where crash reports are kept (bulkhead help crashes)\n"
    "      --no-crash-reports    write none\n"
    "      --log LEVEL           debug, info, warning (default), error or none, on stderr\n"
    "  -h, --help                this text\n"
    "\n"
    "FILE may be - for standard input or an about: page. As root more can be seen from outside.\n";

static const struct option long_options[] = {
    CLI_COMMON_OPTIONS,
    {"syscalls", no_argument, NULL, OPTION_SYSCALLS},
    {"password-file", required_argument, NULL, CLI_OPTION_PASSWORD_FILE},
    {NULL, 0, NULL, 0},
};

struct sandbox_run {
    struct cli_common common;
    struct cli_document document; /* its password */
    layer_set required;           /* judged here: the page is to be seen whatever is missing */
    bool is_syscalls;
    char **inputs; /* argv's, or the default; input_count of them */
    char *default_inputs[1];
    size_t input_count;
    struct broker *broker;
    struct tab **tabs;       // [input_count], NULL where there is none
    bool *is_settled;        // [input_count]
    size_t opening;          /* tabs whose document is not yet known */
    int code;                /* of what went wrong with the documents */
    bool is_shut, is_failed; /* by a signal; no renderer was to be had */
};

static void leave_loop(struct sandbox_run *run)
{
    loop_stop(broker_loop(run->broker), 0);
}

static void say(struct sandbox_run *run, const char *name, enum exit_code code, const char *what)
{
    const char *way_out = exit_code_way_out((int)code);
    cli_message("%s: %s%s%s%s", name, what, way_out != NULL ? " (" : "", way_out != NULL ? way_out : "",
                way_out != NULL ? ")" : "");
    run->code = run->input_count > 1 ? EXIT_CODE_SOME_FAILED : code;
}

static void settle(struct sandbox_run *run)
{
    if (run->opening > 0 && --run->opening == 0)
        leave_loop(run);
}

/* Once for each: one whose document is known may end, or fail, while others are still opening. */
static void settle_tab(struct sandbox_run *run, const struct tab *tab)
{
    for (size_t i = 0; i < run->input_count; i++) {
        if (run->tabs[i] != tab || run->is_settled[i])
            continue;
        run->is_settled[i] = true;
        settle(run);
    }
}

static void on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    (void)info;
    settle_tab(userdata, tab);
}

/* Its renderer lives, and is on the page like the others. */
static void on_failed(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                      void *userdata)
{
    enum exit_code exit_code = exit_code_of_error(code);
    (void)request_id;
    (void)detail;
    say(userdata, document_name(tab_document(tab)), exit_code, exit_code_find((int)exit_code)->meaning);
    settle_tab(userdata, tab);
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct sandbox_run *run = userdata;
    if (run->is_failed || run->opening == 0)
        return;
    say(run, document_name(tab_document(tab)), exit_code_of_end(report), report->summary);
    settle_tab(run, tab);
}

static const struct tab_listener tab_listener = {.info = on_info, .failed = on_failed, .ended = on_ended};

static void on_shutdown(struct broker *broker, int count, uint64_t deadline_ms, void *userdata)
{
    struct sandbox_run *run = userdata;
    (void)broker;
    (void)count;
    (void)deadline_ms;
    run->is_shut = true;
    leave_loop(run);
}

static void on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    struct sandbox_run *run = userdata;
    (void)broker;
    (void)error;
    cli_message("%s", why);
    run->is_failed = true;
    leave_loop(run);
}

static const struct broker_listener broker_listener = {.shutdown = on_shutdown, .cell_failed = on_cell_failed};

static void open_input(struct sandbox_run *run, size_t index)
{
    const struct tab_options options = {.timeout_ms = run->common.timeout_ms, .password = run->document.password};
    struct document *document;
    char shown[512], text[64];
    text_escape(shown, sizeof(shown), run->inputs[index], strlen(run->inputs[index]));
    errno = 0;
    enum document_problem problem = document_open(run->inputs[index], &document);
    if (problem != DOCUMENT_OK && errno == EINTR) {
        loop_run_once(broker_loop(run->broker), 0); /* by which signal: on_shutdown() hears of it */
        return;
    }
    if (problem != DOCUMENT_OK) {
        say(run, shown, exit_code_of_problem(problem), document_problem_text(problem));
        return;
    }
    int error = tab_open(run->broker, document, &options, &tab_listener, run, &run->tabs[index]);
    document_unref(document);
    if (error < 0)
        say(run, shown, EXIT_CODE_INTERNAL, cli_error_text(error, text, sizeof(text)));
    else
        run->opening++;
}

/* How many are open, one way or another. */
static size_t open_inputs(struct sandbox_run *run)
{
    size_t count = 0;
    run->opening = 1; /* until all of them are on their way */
    for (size_t i = 0; i < run->input_count && !run->is_shut; i++)
        open_input(run, i);
    settle(run);
    if (run->opening > 0 && !run->is_failed && !run->is_shut)
        loop_run(broker_loop(run->broker));
    for (size_t i = 0; i < run->input_count; i++)
        count += run->tabs[i] != NULL;
    return count;
}

static int code_of_page(const struct sandbox_run *run, const struct sandbox_page *page)
{
    if (sandbox_page_missing_required(page) != LAYERS)
        return EXIT_CODE_LAYER_MISSING;
    return sandbox_page_is_sound(page) ? run->code : EXIT_CODE_NOT_IN_FORCE;
}

static int show(const struct sandbox_run *run, const struct sandbox_page *page)
{
    int code = code_of_page(run, page);
    if (!run->common.json) {
        sandbox_text_print(stdout, page, cli_terminal_columns());
        putchar('\n');
        sandbox_text_print_score(stdout, page, cli_terminal_columns());
        return cli_finish_stdout(code);
    }
    json_t *object = sandbox_json(page);
    if (object != NULL)
        json_object_set_new(object, "exit", json_pack("{s:i, s:s}", "code", code, "name", exit_code_name(code)));
    return batch_report_print_json(object, code);
}

static int look(struct sandbox_run *run)
{
    struct sandbox_page *page = NULL;
    struct host_facts *host = calloc(1, sizeof(*host));
    char text[64];
    int error = host == NULL ? -ENOMEM : host_observe(host);
    if (error == 0)
        error = sandbox_page_create(run->broker, host, run->required, &page);
    free(host);
    if (page == NULL) {
        cli_message("the processes cannot be looked at: %s", cli_error_text(error, text, sizeof(text)));
        return EXIT_CODE_INTERNAL;
    }
    int code = EXIT_CODE_NO_RENDERER;
    if (page->count > 0)
        code = show(run, page);
    else
        cli_message("no renderer is left to look at");
    sandbox_page_destroy(page);
    return code;
}

static int run_sandbox(struct sandbox_run *run)
{
    char text[256];
    run->tabs = calloc(run->input_count, sizeof(*run->tabs));
    run->is_settled = calloc(run->input_count, sizeof(*run->is_settled));
    int error = run->tabs == NULL || run->is_settled == NULL
                    ? -ENOMEM
                    : broker_create(&run->common.broker, &broker_listener, run, &run->broker);
    if (error < 0) {
        cli_message("no renderer can be started: %s", cli_start_error_text(error, text, sizeof(text)));
        free(run->tabs);
        free(run->is_settled);
        return EXIT_CODE_NO_RENDERER;
    }
    size_t count = open_inputs(run);
    int code = run->is_shut     ? EXIT_CODE_SIGNAL + broker_shutdown_signal(run->broker)
               : run->is_failed ? EXIT_CODE_NO_RENDERER
               : count == 0     ? run->code
                                : look(run);
    for (size_t i = 0; i < run->input_count; i++)
        tab_close(run->tabs[i]);
    broker_destroy(run->broker);
    free(run->tabs);
    free(run->is_settled);
    return code;
}

static int list_syscalls(const struct sandbox_run *run)
{
    if (!run->common.json) {
        policy_list_print_all(stdout);
        return cli_finish_stdout(EXIT_CODE_OK);
    }
    json_t *roles = json_array();
    for (int role = 0; role < POLICY_ROLES; role++)
        json_array_append_new(roles, policy_list_json((enum policy_role)role));
    return batch_report_print_json(json_pack("{s:o}", "roles", roles), EXIT_CODE_OK);
}

static const struct cli_syntax syntax = {.command = "sandbox", .letters = ":h", .options = long_options, .help = help};

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct sandbox_run *run)
{
    int option, code;
    optind = 0;
    while ((option = cli_next_option(&syntax, argc, argv, &code)) != -1) {
        if (option == CLI_OPTION_ENDS)
            return code;
        int r = 0;
        if (option == OPTION_SYSCALLS)
            run->is_syscalls = true;
        else if ((r = cli_common_option(&run->common, "sandbox", option, optarg)) == 1)
            r = cli_document_option(&run->document, "sandbox", option, optarg);
        if (r != 0)
            return r == -EIO ? EXIT_CODE_UNREADABLE : EXIT_CODE_USAGE;
    }
    run->inputs = argv + optind;
    run->input_count = (size_t)(argc - optind);
    if (run->is_syscalls && run->input_count > 0)
        return cli_usage_error("sandbox", "--syscalls takes no file: the policy is the same for all");
    code = cli_common_check(&run->common, run->inputs, run->input_count);
    return code == EXIT_CODE_OK ? -1 : code;
}

/* The exit code of a run that was asked for well. */
static int start(struct sandbox_run *run)
{
    if (run->is_syscalls)
        return list_syscalls(run);
    if (run->input_count == 0) {
        run->inputs = run->default_inputs;
        run->input_count = 1;
    }
    run->required = run->common.broker.require;
    run->common.broker.require = 0;
    run->common.broker.spares = 0; /* they would be on the page, and tell nothing that the others do not */
    return run_sandbox(run);
}

int cmd_sandbox(int argc, char **argv)
{
    struct sandbox_run run = {.default_inputs = {(char *)"about:blank"}, .code = EXIT_CODE_OK};
    cli_common_init(&run.common);
    cli_document_init(&run.document);
    int code = parse(argc, argv, &run);
    if (code < 0)
        code = start(&run);
    cli_document_fini(&run.document);
    return code;
}
