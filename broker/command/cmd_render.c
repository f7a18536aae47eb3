#include "broker/command/cmd_render.h"

#include <string.h>
#include <unistd.h>

#include "broker/command/batch_report.h"
#include "broker/command/cli_sandbox.h"
#include "broker/command/cmd.h"
#include "broker/output/progress.h"
#include "common/clock.h"
#include "common/log.h"

/* What is on the screen while it runs. */
struct render_view {
    const struct render_options *options;
    struct progress progress;
    bool has_warned; /* that a crash report could not be written */
};

static void on_log(enum log_level level, const char *line, void *userdata)
{
    struct render_view *view = userdata;
    (void)level;
    progress_hide(&view->progress);
    fprintf(stderr, "%s\n", line);
}

static void on_cell_ready(struct batch *batch, void *userdata)
{
    struct render_view *view = userdata;
    progress_hide(&view->progress);
    cli_sandbox_warn(batch_broker(batch), stderr);
}

/* The first page may take its time: how many there are is known before. */
static void show_progress(struct batch *batch, const struct batch_file *file, void *userdata)
{
    struct render_view *view = userdata;
    size_t settled, total;
    if (view->progress.style == PROGRESS_NONE)
        return;
    batch_progress(batch, &settled, &total);
    progress_show(&view->progress, settled, total, document_name(file->document));
}

static void on_page_done(struct batch *batch, const struct batch_file *file, const struct batch_page *page,
                         void *userdata)
{
    (void)page;
    show_progress(batch, file, userdata);
}

static void on_file_done(struct batch *batch, const struct batch_file *file, void *userdata)
{
    struct render_view *view = userdata;
    progress_hide(&view->progress);
    if (file->pages_written > 0)
        batch_report_warning(stderr, file);
    /* That no renderer can be had is said once, not for every input. */
    if (file->error.code != EXIT_CODE_OK && batch_start_error(batch)->code == EXIT_CODE_OK)
        batch_report_line(stderr, file);
    batch_report_crash_lines(stderr, file);
}

/* Why there is none is as true of the next one. */
static void on_crash_report(struct batch *batch, const struct batch_file *file, const char *path, const char *why,
                            void *userdata)
{
    struct render_view *view = userdata;
    (void)batch;
    if (path ? file && !file->is_done : view->has_warned)
        return; /* the first is said together with what became of the file */
    view->has_warned |= !path;
    progress_hide(&view->progress);
    batch_report_crash_line(stderr, file, path, why);
}

static const struct batch_listener listener = {.cell_ready = on_cell_ready,
                                               .page_begun = show_progress,
                                               .page_done = on_page_done,
                                               .file_done = on_file_done,
                                               .crash_report = on_crash_report};

static void print_summary(const struct batch *batch, uint64_t elapsed_ns)
{
    size_t count, written = 0, failed = 0;
    const struct batch_file *files = batch_files(batch, &count);
    for (size_t i = 0; i < count; i++) {
        written += files[i].pages_written;
        failed += files[i].error.code != EXIT_CODE_OK;
    }
    fprintf(stderr, "%zu page%s of %zu file%s in %.2f s", written, written == 1 ? "" : "s", count,
            count == 1 ? "" : "s", (double)elapsed_ns / 1e9);
    if (failed > 0)
        fprintf(stderr, "; %zu file%s failed", failed, failed == 1 ? "" : "s");
    fputc('\n', stderr);
}

static enum progress_style progress_style(const struct render_options *options)
{
    if (options->quiet)
        return PROGRESS_NONE;
    if (isatty(STDERR_FILENO))
        return PROGRESS_BAR;
    return options->progress ? PROGRESS_LINES : PROGRESS_NONE;
}

static int run(const struct render_options *options, struct render_view *view)
{
    struct batch *batch = NULL;
    struct batch_error error = {.code = EXIT_CODE_OK};
    uint64_t start_ns = clock_now_ns();
    if (batch_create(&options->batch, options->inputs, options->input_count, &listener, view, &batch, &error) < 0)
        return batch_report_not_begun(&error, options->common.json);
    int code = batch_run(batch);
    uint64_t elapsed_ns = clock_now_ns() - start_ns;
    progress_hide(&view->progress);
    if (batch_start_error(batch)->code != EXIT_CODE_OK)
        batch_report_start_error(stderr, batch_start_error(batch));
    else if (!options->quiet && isatty(STDERR_FILENO))
        print_summary(batch, elapsed_ns);
    if (options->common.json)
        code = batch_report_print_json(batch_report_json(batch, code, elapsed_ns), code);
    else if (options->common.broker.audit)
        code = batch_report_print_audit(batch, options->batch.to_stdout ? stderr : stdout, code);
    batch_destroy(batch);
    return code;
}

int cmd_render(int argc, char **argv)
{
    struct render_options options;
    int code = EXIT_CODE_OK;
    if (render_options_parse(argc, argv, &options, &code) != 0)
        return code;
    struct render_view view = {.options = &options};
    progress_init(&view.progress, stderr, progress_style(&options));
    log_set_sink(on_log, &view);
    code = run(&options, &view);
    log_set_sink(NULL, NULL);
    render_options_fini(&options);
    return code;
}
