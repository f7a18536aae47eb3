#include "tests/support/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

extern char **environ;

void bench_add(struct bench_samples *samples, double value)
{
    if (samples->count < BENCH_ROUNDS_MAX)
        samples->values[samples->count++] = value;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

double bench_percentile(const struct bench_samples *samples, double fraction)
{
    double sorted[BENCH_ROUNDS_MAX];
    if (samples->count == 0)
        return 0;
    memcpy(sorted, samples->values, samples->count * sizeof *sorted);
    qsort(sorted, samples->count, sizeof *sorted, compare);
    size_t at = (size_t)(fraction * (double)samples->count);
    return sorted[at < samples->count ? at : samples->count - 1];
}

double bench_median(const struct bench_samples *samples)
{
    return bench_percentile(samples, 0.5);
}

void bench_title(const char *text)
{
    printf("\n%s\n", text);
}

void bench_row(const char *name, double value, const char *unit, const char *note)
{
    printf("  %-58s %10.3f %-5s%s%s\n", name, value, unit, note != NULL ? "  " : "", note != NULL ? note : "");
    fflush(stdout);
}

void bench_note(const char *format, ...)
{
    va_list arguments;
    printf("  ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

double bench_now_ms(void)
{
    return (double)clock_now_ns() / 1e6;
}

static void fail(const char *what)
{
    fprintf(stderr, "benchmark: %s\n", what);
    exit(1);
}

static void on_cell_ready(struct broker *broker, void *userdata)
{
    (void)broker;
    *(bool *)userdata = true;
}

static void on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    (void)broker;
    (void)error;
    (void)userdata;
    fail(why);
}

static struct broker *make_broker(unsigned spares, layer_set without)
{
    static const struct broker_listener listener = {.cell_ready = on_cell_ready, .cell_failed = on_cell_failed};
    static bool is_ready;
    const struct broker_options options = {.allow_crash_tests = true,
                                           .spares = spares,
                                           .without = without,
                                           .renderer_path = bench_program("bulkhead-renderer")};
    struct broker *broker;
    is_ready = spares == 0; /* without a spare nobody says hello until a tab asks */
    log_set_level(LOG_NONE);
    int error = broker_create(&options, &listener, &is_ready, &broker);
    if (error < 0)
        fail(strerror(-error));
    bench_until(broker, &is_ready, 10000, "the cell was not ready in 10 s");
    return broker;
}

struct broker *bench_broker(unsigned spares)
{
    struct broker *broker = make_broker(spares, 0);
    bench_for(broker, 50);
    return broker;
}

struct broker *bench_broker_without(layer_set without)
{
    return make_broker(0, without);
}

void bench_until(struct broker *broker, const bool *flag, int timeout_ms, const char *what)
{
    double deadline = bench_now_ms() + timeout_ms;
    while (!*flag) {
        double left = deadline - bench_now_ms();
        if (left <= 0)
            fail(what);
        loop_run_once(broker_loop(broker), (int)left + 1);
    }
}

void bench_for(struct broker *broker, int duration_ms)
{
    double deadline = bench_now_ms() + duration_ms;
    for (double left; (left = deadline - bench_now_ms()) > 0;)
        loop_run_once(broker_loop(broker), (int)left + 1);
}

static void on_state(struct tab *tab, enum tab_state state, void *userdata)
{
    (void)tab;
    struct bench_tab *bench = userdata;
    if (state == TAB_LOADING) {
        bench->is_loading = true;
        bench->loading_ms = bench_now_ms();
    } else if (state == TAB_LIVE && !bench->is_live) {
        bench->is_live = true;
        bench->live_ms = bench_now_ms();
    }
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    (void)tab;
    (void)request_id;
    struct bench_tab *bench = userdata;
    bench->bounds = *bounds;
    bench->has_bounds = true;
}

static void on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    (void)tab;
    (void)frame;
    struct bench_tab *bench = userdata;
    if (!bench->has_frame || !bench->keeps_frames)
        bench->frame_ms = bench_now_ms();
    bench->has_frame = true;
}

static void on_failed(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                      void *userdata)
{
    (void)request_id;
    (void)code;
    struct bench_tab *bench = userdata;
    bench->has_failed = true;
    fprintf(stderr, "benchmark: %s: %s\n", document_name(tab_document(tab)), detail);
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    (void)tab;
    (void)report;
    struct bench_tab *bench = userdata;
    bench->ended_ms = bench_now_ms();
    bench->has_ended = true;
}

void bench_open(struct broker *broker, const char *location, const struct tab_options *options,
                struct bench_tab *ret_tab)
{
    static const struct tab_listener listener = {
        .state = on_state, .bounds = on_bounds, .frame = on_frame, .failed = on_failed, .ended = on_ended};
    static const struct tab_options plain = {0};
    *ret_tab = (struct bench_tab){0};
    if (document_open(location, &ret_tab->document) != DOCUMENT_OK)
        fail(location);
    int error =
        tab_open(broker, ret_tab->document, options != NULL ? options : &plain, &listener, ret_tab, &ret_tab->tab);
    if (error < 0)
        fail(strerror(-error));
}

void bench_close(struct bench_tab *tab)
{
    tab_close(tab->tab);
    document_unref(tab->document);
    tab->tab = NULL;
    tab->document = NULL;
}

struct tab_view bench_view(const struct bench_tab *tab, float scale)
{
    const struct tab_info *info = tab_info(tab->tab);
    float width = info->page_width_pt * scale, height = info->page_height_pt * scale;
    return (struct tab_view){.width_px = width > 1 ? (uint32_t)width : 1,
                             .height_px = height > 1 ? (uint32_t)height : 1,
                             .scale_x = scale,
                             .scale_y = scale};
}

const char *bench_program(const char *name)
{
    static char ring[4][512];
    static unsigned next;
    const char *build = getenv("BULKHEAD_BUILD");
    char *out = ring[next++ % 4];
    snprintf(out, sizeof ring[0], "%s/%s", build != NULL ? build : "build/release", name);
    return out;
}

bool bench_has(const char *name)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", name);
    return system(command) == 0;
}

double bench_command(const char *const *argv)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    double start = bench_now_ms();
    int error = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(size_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        fail(argv[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0)
        fail(argv[0]);
    return bench_now_ms() - start;
}
