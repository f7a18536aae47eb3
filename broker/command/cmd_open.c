#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/command/cli.h"
#include "broker/command/cli_document.h"
#include "broker/command/cli_lines.h"
#include "broker/command/cli_sandbox.h"
#include "broker/command/cmd.h"
#include "broker/command/exit_codes.h"
#include "broker/viewer/terminal.h"
#include "broker/viewer/viewer_session.h"
#include "common/log.h"
#include "common/text.h"

enum { OPEN_OPTION_RESTORE = CLI_OPTION_OWN, OPEN_OPTION_CRASH_TESTS, OPEN_OPTION_OVERVIEW, OPEN_OPTION_AUTO_RELOAD };

static const char help[] =
    "Usage: bulkhead open [OPTION...] FILE...\n"
    "       bulkhead open --restore [OPTION...] [FILE...]\n"
    "\n"
    "Shows each FILE in a tab of the terminal, painted by a sandboxed renderer of its own.\n"
    "? shows the keys; q leaves and remembers the tabs.\n"
    "\n"
    "      --restore             the tabs of last time as well\n"
    "      --overview            begin with the table of tabs and their pictures\n"
    "      --auto-reload         a tab whose renderer ended is reloaded by itself, later each time\n"
    "      --crash-tests         keys C, H, M and S make the renderer in front misbehave\n" CLI_DOCUMENT_HELP
        CLI_COMMON_HELP "\n"
    "FILE may be - for what is piped in, or an about: page (about:about lists them).\n";

static const struct option long_options[] = {
    {"restore", no_argument, NULL, OPEN_OPTION_RESTORE},
    {"overview", no_argument, NULL, OPEN_OPTION_OVERVIEW},
    {"auto-reload", no_argument, NULL, OPEN_OPTION_AUTO_RELOAD},
    {"crash-tests", no_argument, NULL, OPEN_OPTION_CRASH_TESTS},
    CLI_COMMON_OPTIONS,
    CLI_DOCUMENT_OPTIONS,
    {NULL, 0, NULL, 0},
};

/* One run of the command. */
struct open_run {
    struct cli_common common;
    struct cli_document document;
    struct viewer_options viewer_options;
    bool restore, auto_reload;
    char **inputs;
    size_t input_count;
    struct broker *broker;
    struct viewer *viewer;
    int code;  /* of the first thing that went wrong */
    char *why; /* said once the terminal is back; owned */
};

static void open_note(struct open_run *run, int code, const char *what, const char *why)
{
    if (run->code == EXIT_CODE_OK)
        run->code = code;
    cli_message("%s: %s", what, why);
}

static void open_on_shutdown(struct broker *broker, int count, uint64_t deadline_ms, void *userdata)
{
    (void)count;
    (void)deadline_ms;
    (void)userdata;
    loop_stop(broker_loop(broker), 0);
}

static void open_on_event(struct broker *broker, const char *line, void *userdata)
{
    const struct open_run *run = userdata;

    (void)broker;
    if (run->viewer)
        viewer_say(run->viewer, "%s", line);
}

static void open_on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    struct open_run *run = userdata;

    run->code = error == -EPERM ? EXIT_CODE_LAYER_MISSING : EXIT_CODE_NO_RENDERER;
    free(run->why);
    run->why = strdup(why);
    loop_stop(broker_loop(broker), 0);
}

static void open_on_backtrace(struct broker *broker, const struct exit_report *report, const char *text, void *userdata)
{
    const struct open_run *run = userdata;

    (void)broker;
    if (run->viewer)
        viewer_take_backtrace(run->viewer, report, text);
}

static const struct broker_listener open_broker_listener = {
    .shutdown = open_on_shutdown,
    .event = open_on_event,
    .cell_failed = open_on_cell_failed,
    .backtrace = open_on_backtrace,
};

static const struct viewer_hooks open_hooks = {0};

/* The terminal belongs to the viewer: log lines become events. */
static void open_log(enum log_level level, const char *line, void *userdata)
{
    (void)level;
    viewer_say(userdata, "%s", line);
}

/* A document that cannot be opened is said at once, above the alternate screen, and again on the event line. */
static void open_tab(struct open_run *run, const char *location, const struct viewer_place *place)
{
    struct document *document;
    char shown[512], text[64];
    size_t index;

    text_escape(shown, sizeof(shown), location, strlen(location));
    enum document_problem problem = document_open(location, &document);
    if (problem != DOCUMENT_OK) {
        open_note(run, exit_code_of_problem(problem), shown, document_problem_text(problem));
        viewer_say(run->viewer, "%s: %s", shown, document_problem_text(problem));
        return;
    }
    int r = viewer_open(run->viewer, document, place, &index);
    document_unref(document);
    if (r < 0)
        open_note(run, EXIT_CODE_INTERNAL, shown, cli_error_text(r, text, sizeof(text)));
}

static void open_restored(struct open_run *run)
{
    struct viewer_session session = {0};
    char path[PATH_MAX], text[64];
    int r = viewer_session_path(path, sizeof(path));

    if (r == 0)
        r = viewer_session_load(path, &session);
    if (r < 0) {
        open_note(run, EXIT_CODE_UNREADABLE, "the tabs of last time",
                  r == -EINVAL ? "the session file is damaged" : cli_error_text(r, text, sizeof(text)));
        return;
    }
    for (size_t i = 0; i < session.count; i++)
        open_tab(run, session.tabs[i].location, &session.tabs[i].place);
    viewer_activate(run->viewer, session.active);
    viewer_session_fini(&session);
}

static void open_save(const struct open_run *run)
{
    char path[PATH_MAX], text[64];
    int r = viewer_session_path(path, sizeof(path));

    if (r == 0)
        r = viewer_session_save(run->viewer, path);
    if (r < 0)
        cli_message("the open tabs could not be remembered: %s", cli_error_text(r, text, sizeof(text)));
}

static void open_show(struct open_run *run)
{
    char text[64];
    int r;

    if (run->restore)
        open_restored(run);
    for (size_t i = 0; i < run->input_count; i++)
        open_tab(run, run->inputs[i], NULL);
    if (viewer_count(run->viewer) == 0) {
        if (run->code == EXIT_CODE_OK)
            open_note(run, EXIT_CODE_USAGE, "open", "no tabs were open last time");
        return;
    }
    if (run->code != EXIT_CODE_OK)
        run->code = EXIT_CODE_SOME_FAILED;
    r = viewer_attach_terminal(run->viewer, NULL);
    if (r == 0) {
        log_set_sink(open_log, run->viewer);
        r = loop_run(broker_loop(run->broker));
        viewer_detach_terminal(run->viewer);
        log_set_sink(NULL, NULL);
        open_save(run);
    }
    if (r < 0)
        open_note(run, EXIT_CODE_INTERNAL, "open", cli_error_text(r, text, sizeof(text)));
}

static int open_run(struct open_run *run)
{
    char text[256];

    run->viewer_options.tab = (struct tab_options){
        .password = run->document.password,
        .layout_width_pt = run->document.layout_width_pt,
        .layout_height_pt = run->document.layout_height_pt,
        .layout_em_pt = run->document.layout_em_pt,
        .timeout_ms = run->common.timeout_ms,
        .auto_reload = run->auto_reload,
    };
    run->viewer_options.no_files = run->document.no_files;
    run->common.broker.allow_crash_tests = run->viewer_options.crash_tests;
    int r = broker_create(&run->common.broker, &open_broker_listener, run, &run->broker);
    if (r == 0)
        r = viewer_create(run->broker, &run->viewer_options, &open_hooks, run, &run->viewer);
    if (r == 0)
        open_show(run);
    else
        open_note(run, EXIT_CODE_NO_RENDERER, "open", cli_start_error_text(r, text, sizeof(text)));
    int signal_number = run->broker ? broker_shutdown_signal(run->broker) : 0;
    viewer_destroy(run->viewer);
    if (run->broker)
        cli_sandbox_warn(run->broker, stderr);
    broker_destroy(run->broker);
    if (run->why)
        cli_message("%s", run->why);
    free(run->why);
    return signal_number > 0 ? EXIT_CODE_SIGNAL + signal_number : run->code;
}

static const struct cli_syntax syntax = {.command = "open", .letters = ":j:h", .options = long_options, .help = help};

/* -1: go on; else the exit code. */
static int open_parse(int argc, char **argv, struct open_run *run)
{
    int option, code, r;

    optind = 0;
    while ((option = cli_next_option(&syntax, argc, argv, &code)) != -1) {
        r = 0;
        if (option == CLI_OPTION_ENDS)
            return code;
        if (option == OPEN_OPTION_RESTORE)
            run->restore = true;
        else if (option == OPEN_OPTION_OVERVIEW)
            run->viewer_options.mode = VIEWER_OVERVIEW;
        else if (option == OPEN_OPTION_AUTO_RELOAD)
            run->auto_reload = true;
        else if (option == OPEN_OPTION_CRASH_TESTS)
            run->viewer_options.crash_tests = true;
        else if ((r = cli_common_option(&run->common, "open", option, optarg)) == 1)
            r = cli_document_option(&run->document, "open", option, optarg);
        if (r != 0)
            return r == -EIO ? EXIT_CODE_UNREADABLE : EXIT_CODE_USAGE;
    }
    run->inputs = argv + optind;
    run->input_count = (size_t)(argc - optind);
    if (run->common.json)
        return cli_usage_error("open", "--json is for render and info");
    if (run->input_count == 0 && !run->restore)
        return cli_usage_error("open", "which file?");
    for (size_t i = 0; i < run->input_count; i++)
        if (strcmp(run->inputs[i], "-") == 0 && isatty(STDIN_FILENO))
            return cli_usage_error("open", "- stands for what is piped in, and nothing is");
    code = cli_common_check(&run->common, run->inputs, run->input_count);
    return code == EXIT_CODE_OK ? -1 : code;
}

int cmd_open(int argc, char **argv)
{
    struct terminal_facts facts;
    struct open_run run = {.viewer_options = {.scene_frames_per_second = 30, .heading = "Bulkhead"}};

    cli_common_init(&run.common);
    cli_document_init(&run.document);
    int code = open_parse(argc, argv, &run);
    terminal_detect_own(&facts);
    if (code < 0 && !terminal_is_present())
        code =
            cli_usage_error("open", "standard output must be a terminal; bulkhead render writes pictures without one");
    if (code < 0 && !facts.can_draw)
        code = cli_usage_error("open",
                               "this terminal cannot be drawn on (TERM=%s); bulkhead render writes pictures "
                               "without one",
                               getenv("TERM") ? getenv("TERM") : "");
    if (code < 0)
        code = open_run(&run);
    cli_document_fini(&run.document);
    return code;
}
