#include "demo/stage.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/command/cli.h"
#include "broker/viewer/terminal.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

enum {
    /* On a slow machine there is less time to look from here on, and from there on nothing is waited for: the story
     * ends in less than 30 s whatever happens. */
    STAGE_LOOK_UNTIL_MS = 21000,
    STAGE_END_MS = 27500,
    STAGE_LOOK_LEAST_MS = 300,
    STAGE_NUDGE_MS = 40, /* one document at a time is asked for its next frame */
    STAGE_TURN_MS = 20,
    STAGE_INDENT = 10, /* columns: "[12.34 s] " */
    STAGE_LATENESS_NS = 5 * 1000 * 1000,
};

static const char *const stage_documents[] = {
    "index.html", "tour.pdf", "three-walls.epub", "architecture.svg", "hull.png", "sea.jpg", "hangul.html",
};
static const char *const stage_scenes[] = {"about:plasma", "about:clock", "about:bounce"};

static const struct viewer_options stage_viewer_options = {
    .mode = VIEWER_OVERVIEW,
    .keep_painting = true,
    .scene_frames_per_second = STAGE_FRAMES_PER_SECOND,
    .overview_width_px = 400,
    .overview_height_px = 300,
    .heading = "Bulkhead demo",
};
static const struct viewer_options stage_interactive_options = {
    .mode = VIEWER_OVERVIEW,
    .crash_tests = true,
    .keep_painting = true,
    .scene_frames_per_second = STAGE_FRAMES_PER_SECOND,
    .overview_width_px = 400,
    .overview_height_px = 300,
    .heading = "Bulkhead demo",
};

static double stage_seconds(const struct stage *stage)
{
    return (double)(clock_now_ms() - stage->start_ms) / 1000;
}

void stage_print(const char *line, size_t column, size_t indent)
{
    size_t columns = cli_terminal_columns();

    if (columns > 0)
        text_print_wrapped(stdout, line, column, columns, indent);
    else
        printf("%s\n", line);
}

void stage_print_lines(const char *text, size_t margin, size_t indent)
{
    const char *bar = margin > 0 ? "| " : "";

    while (*text) {
        size_t length = strcspn(text, "\n");
        char line[1024];
        snprintf(line, sizeof(line), "%.*s", (int)length, text);
        printf("%*s%s", (int)margin, "", bar);
        stage_print(line, margin + strlen(bar), indent);
        text += length + (text[length] == '\n');
    }
}

static void stage_print_at(const struct stage *stage, const char *line, size_t indent)
{
    printf("[%5.2f s] ", stage_seconds(stage));
    stage_print(line, STAGE_INDENT, indent);
}

static void stage_line(struct stage *stage, const char *line)
{
    bool has_mark = strncmp(line, "✓", strlen("✓")) == 0 || strncmp(line, "✗", strlen("✗")) == 0;
    size_t margin = strspn(line, " ");

    if (stage->on_terminal)
        viewer_say(stage->viewer, "%s", line);
    else
        stage_print_at(stage, line, STAGE_INDENT + (margin > 0 ? margin + 2 : has_mark ? 2 : 0));
    fflush(stdout);
}

void stage_heading(struct stage *stage, const char *format, ...)
{
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (stage->on_terminal) {
        viewer_narrate(stage->viewer, line);
        return;
    }
    printf("\n[%5.2f s] == ", stage_seconds(stage));
    stage_print(line, STAGE_INDENT + 3, STAGE_INDENT + 3);
    fflush(stdout);
}

void stage_say(struct stage *stage, const char *format, ...)
{
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    stage_line(stage, line);
}

void stage_show(struct stage *stage, const char *title, const char *text)
{
    if (stage->on_terminal) {
        viewer_set_panel(stage->viewer, title, text);
        return;
    }
    printf("%*s%s\n", STAGE_INDENT, "", title);
    stage_print_lines(text, STAGE_INDENT, STAGE_INDENT + 6);
    fflush(stdout);
}

bool stage_check(struct stage *stage, bool so, const char *format, ...)
{
    char line[512];
    va_list arguments;

    if (!so && stage->is_over) /* it was stopped, so nobody can tell */
        return false;
    int used = snprintf(line, sizeof(line), so ? "✓ " : "✗ NOT SO: ");

    va_start(arguments, format);
    vsnprintf(line + used, sizeof(line) - (size_t)used, format, arguments);
    va_end(arguments);
    stage_line(stage, line);
    stage->failed_steps += !so;
    return so;
}

bool stage_expect(struct stage *stage, bool so, const char *what)
{
    return so || stage_check(stage, false, "%s", what);
}

size_t stage_find(const struct stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->count; i++)
        if (strcmp(stage->tabs[i].name, name) == 0)
            return i;
    return STAGE_TABS;
}

static void stage_on_state(struct viewer *viewer, size_t index, enum tab_state state, void *userdata)
{
    struct stage *stage = userdata;

    (void)viewer;
    if (state != TAB_UNRESPONSIVE || index >= stage->count)
        return;
    stage->tabs[index].is_unresponsive_seen = true;
    stage->tabs[index].unresponsive_ns = clock_now_ns();
}

static void stage_on_frame(struct viewer *viewer, size_t index, const struct frame *frame, void *userdata)
{
    struct stage *stage = userdata;

    (void)viewer;
    if (index < stage->count && stage->tabs[index].reload_ns && !stage->tabs[index].repainted_ns)
        stage->tabs[index].repainted_ns = frame->received_ns;
}

static void stage_on_ended(struct viewer *viewer, size_t index, const struct exit_report *report, void *userdata)
{
    struct stage *stage = userdata;

    (void)viewer;
    if (index >= stage->count)
        return;
    stage->tabs[index].ends++;
    stage->tabs[index].ended_ns = report->noticed_ns;
    if (stage->options->stall_ms)
        poll(NULL, 0, (int)stage->options->stall_ms);
}

static void stage_on_quit(struct viewer *viewer, void *userdata)
{
    (void)viewer;
    ((struct stage *)userdata)->is_over = true;
}

static const struct viewer_hooks stage_hooks = {
    .state = stage_on_state,
    .frame = stage_on_frame,
    .ended = stage_on_ended,
    .quit = stage_on_quit,
};

static void stage_on_shutdown(struct broker *broker, int count, uint64_t deadline_ms, void *userdata)
{
    (void)broker;
    (void)count;
    (void)deadline_ms;
    ((struct stage *)userdata)->is_over = true;
}

static void stage_on_event(struct broker *broker, const char *line, void *userdata)
{
    struct stage *stage = userdata;

    (void)broker;
    if (stage->viewer)
        stage_line(stage, line);
}

static void stage_on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    struct stage *stage = userdata;

    (void)broker;
    stage_close_terminal(stage);
    fprintf(stderr, "bulkhead-demo: %s\n", why);
    stage->failure = error;
    stage->is_over = true;
}

static void stage_on_backtrace(struct broker *broker, const struct exit_report *report, const char *text,
                               void *userdata)
{
    struct stage *stage = userdata;

    (void)broker;
    if (stage->viewer)
        viewer_take_backtrace(stage->viewer, report, text);
}

static const struct broker_listener stage_broker_listener = {
    .shutdown = stage_on_shutdown,
    .event = stage_on_event,
    .cell_failed = stage_on_cell_failed,
    .backtrace = stage_on_backtrace,
};

static void stage_log(enum log_level level, const char *line, void *userdata)
{
    struct stage *stage = userdata;

    (void)level;
    if (stage->viewer)
        stage_line(stage, line);
}

static int stage_open_tab(struct stage *stage, const char *name)
{
    bool is_scene = strncmp(name, "about:", 6) == 0;
    struct document *document;
    char location[4096];
    size_t index;

    snprintf(location, sizeof(location), "%s%s%s", is_scene ? "" : stage->options->pages_directory, is_scene ? "" : "/",
             name);
    enum document_problem problem = document_open(location, &document);
    if (problem != DOCUMENT_OK) {
        fprintf(stderr, "bulkhead-demo: %s: %s (--pages names the directory of its documents)\n", location,
                document_problem_text(problem));
        return -ENOENT;
    }
    snprintf(stage->tabs[stage->count].name, sizeof(stage->tabs[0].name), "%s", name);
    lateness_init(&stage->tabs[stage->count].lateness, STAGE_FRAMES_PER_SECOND);
    stage->count++;
    int r = viewer_open(stage->viewer, document, NULL, &index);
    document_unref(document);
    return r;
}

static int stage_open_tabs(struct stage *stage)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(stage_documents) / sizeof(stage_documents[0]); i++)
        r = stage_open_tab(stage, stage_documents[i]);
    for (size_t i = 0; r == 0 && i < sizeof(stage_scenes) / sizeof(stage_scenes[0]); i++)
        r = stage_open_tab(stage, stage_scenes[i]);
    return r;
}

static int stage_open_terminal(struct stage *stage)
{
    struct terminal_facts facts;

    terminal_detect_own(&facts);
    if (stage->options->plain || !terminal_is_present() || !facts.can_draw)
        return 0;
    int r = viewer_attach_terminal(stage->viewer, NULL);
    stage->on_terminal = r == 0;
    return r;
}

int stage_open(struct stage *stage, const struct stage_options *options)
{
    *stage = (struct stage){.options = options, .start_ms = clock_now_ms(), .is_nudging = true};
    log_set_sink(stage_log, stage);
    int r = broker_create(&options->broker, &stage_broker_listener, stage, &stage->broker);
    if (r == 0)
        r = viewer_create(stage->broker, options->interactive ? &stage_interactive_options : &stage_viewer_options,
                          &stage_hooks, stage, &stage->viewer);
    if (r == 0)
        r = stage_open_terminal(stage);
    if (r < 0)
        fprintf(stderr, "bulkhead-demo: cannot begin: %s\n", strerror(-r));
    return r < 0 ? r : stage_open_tabs(stage);
}

void stage_close_terminal(struct stage *stage)
{
    if (stage->viewer)
        viewer_detach_terminal(stage->viewer);
    stage->on_terminal = false;
}

void stage_close(struct stage *stage)
{
    log_set_sink(NULL, NULL);
    for (size_t i = 0; i < stage->count; i++)
        lateness_fini(&stage->tabs[i].lateness);
    viewer_destroy(stage->viewer);
    stage->viewer = NULL;
    broker_destroy(stage->broker);
    stage->broker = NULL;
}

/* Documents paint only when asked. So that they have something to lose, each is asked for a frame over and over. */
static void stage_nudge(struct stage *stage)
{
    uint64_t now_ms = clock_now_ms();

    if (!stage->is_nudging || now_ms < stage->nudge_ms || stage->count == 0)
        return;
    stage->nudge_ms = now_ms + STAGE_NUDGE_MS;
    for (size_t tries = 0; tries < stage->count; tries++) {
        size_t index = stage->nudge_next++ % stage->count;
        if (index < viewer_count(stage->viewer) && viewer_nudge(stage->viewer, index))
            return;
    }
}

static void stage_watch_lateness(struct stage *stage)
{
    uint64_t now_ns = clock_now_ns(), own_ns;

    if (now_ns < stage->looked_at_ns + STAGE_LATENESS_NS)
        return;
    stage->looked_at_ns = now_ns;
    own_ns = lateness_own_delay_ns() + lateness_stolen_ns();
    for (size_t i = 0; i < stage->count && i < viewer_count(stage->viewer); i++) {
        const struct tab *tab = viewer_tab(stage->viewer, i);
        const struct tab_info *info = tab_info(tab);
        if (!info || !info->animated)
            continue;
        lateness_watch(&stage->tabs[i].lateness, tab_pid(tab));
        lateness_look(&stage->tabs[i].lateness, now_ns, own_ns);
    }
}

static bool stage_turn(struct stage *stage)
{
    if (stage->is_over)
        return false;
    stage_nudge(stage);
    int r = loop_run_once(broker_loop(stage->broker), STAGE_TURN_MS);
    stage_watch_lateness(stage);
    if (r < 0) {
        stage->failure = r;
        stage->is_over = true;
    }
    return !stage->is_over;
}

bool stage_run(struct stage *stage, uint32_t ms)
{
    uint64_t until_ms = clock_now_ms() + ms;

    while (clock_now_ms() < until_ms)
        if (!stage_turn(stage))
            return false;
    return true;
}

bool stage_look(struct stage *stage, uint32_t ms)
{
    uint64_t elapsed_ms = clock_now_ms() - stage->start_ms;

    if (!stage->on_terminal)
        ms /= 2;
    if (!stage->options->interactive && elapsed_ms + ms > STAGE_LOOK_UNTIL_MS)
        ms = STAGE_LOOK_LEAST_MS;
    return stage_run(stage, ms);
}

bool stage_wait(struct stage *stage, uint32_t ms, bool (*is_done)(const struct stage *stage, size_t tab), size_t tab)
{
    uint64_t until_ms = clock_now_ms() + ms, end_ms = stage->start_ms + STAGE_END_MS;

    if (!stage->options->interactive && until_ms > end_ms)
        until_ms = end_ms;
    while (!is_done(stage, tab))
        if (clock_now_ms() >= until_ms || !stage_turn(stage))
            return is_done(stage, tab);
    return true;
}
