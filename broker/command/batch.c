#include "broker/command/batch.h"

#include <errno.h>
#include <sched.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/batch_worker.h"
#include "broker/command/cli.h"
#include "common/clock.h"

enum {
    /* A second renderer opens and lays out the document again: worth it when each then has a few pages to paint. */
    PAGES_FOR_ANOTHER_WORKER = 4,
    /* Reading the debug data of a renderer and hashing its document take some tenths of a second; they are a courtesy,
     * not the result. */
    REPORTS_MS = 3000,
};

bool batch_is_stopping(const struct batch *batch)
{
    return batch->stop_code != EXIT_CODE_OK || batch->is_over;
}

static struct batch_file *file_to_go_on(struct batch *batch)
{
    for (size_t i = 0; i < batch->next_file; i++) {
        struct batch_file *file = &batch->files[i];
        if (file->workers == 0 && !file->is_done && !file->is_given_up && batch_file_waiting(file) > 0)
            return file;
    }
    return NULL;
}

/* The next input that can be opened; those that cannot are done at once. */
static struct batch_file *file_to_start(struct batch *batch)
{
    while (batch->next_file < batch->file_count) {
        struct batch_file *file = &batch->files[batch->next_file++];
        file->is_started = true;
        if (batch_file_open(batch, file))
            return file;
        if (file->error.code == EXIT_CODE_OK)
            return NULL; /* interrupted */
        batch_file_check_done(batch, file);
    }
    return NULL;
}

/* Where one more renderer helps most. */
static struct batch_file *file_to_help(struct batch *batch)
{
    struct batch_file *best = NULL;
    size_t best_share = PAGES_FOR_ANOTHER_WORKER;
    for (size_t i = 0; i < batch->next_file; i++) {
        struct batch_file *file = &batch->files[i];
        size_t share = batch_file_waiting(file) / (file->workers + 1);
        if (file->workers > 0 && !file->is_given_up && share >= best_share) {
            best = file;
            best_share = share;
        }
    }
    return best;
}

static void start_workers(struct batch *batch)
{
    while (!batch_is_stopping(batch) && batch->worker_count < batch->options.jobs) {
        struct batch_file *file = file_to_go_on(batch);
        if (!file)
            file = file_to_start(batch);
        if (!file)
            file = file_to_help(batch);
        if (!file)
            return;
        int r = batch_worker_start(batch, file);
        if (r < 0) {
            struct batch_error error = {.code = EXIT_CODE_OK};
            char text[64];
            batch_error_set(&error, EXIT_CODE_NO_RENDERER, "no renderer: %s", cli_error_text(r, text, sizeof(text)));
            batch_file_give_up(batch, file, batch->start_error.code ? &batch->start_error : &error);
            batch_error_clear(&error);
            return; /* batch_worker_start() woke the batch: its worker is collected first */
        }
    }
}

static void collect_workers(struct batch *batch)
{
    struct batch_worker *next;
    for (struct batch_worker *worker = batch->workers; worker; worker = next) {
        struct batch_file *file = worker->file;
        next = worker->next;
        if (worker->state != WORKER_FINISHED || worker->lent > 0)
            continue;
        batch_worker_destroy(worker);
        batch_file_check_done(batch, file);
    }
}

/* The tree of names owns none of the pages. */
static void keep_page(void *page)
{
    (void)page;
}

static int on_deadline(struct loop_source *source, void *userdata)
{
    struct batch *batch = userdata;
    (void)source;
    loop_stop(broker_loop(batch->broker), 0);
    return 0;
}

static int set_deadline(struct batch *batch, uint64_t at_ms)
{
    int r = batch->deadline ? 0 : loop_add_timer(broker_loop(batch->broker), on_deadline, batch, &batch->deadline);
    if (r == 0)
        loop_timer_set(batch->deadline, at_ms);
    return r;
}

static void finish(struct batch *batch)
{
    bool wants = batch->options.backtraces || !batch->options.broker.no_crash_reports;
    bool waits = wants && broker_has_open_reports(batch->broker) && !batch_is_stopping(batch);
    if (waits && !batch->deadline && set_deadline(batch, clock_now_ms() + REPORTS_MS) == 0)
        return;
    if (!waits)
        loop_stop(broker_loop(batch->broker), 0);
}

static int on_wake(struct loop_source *source, void *userdata)
{
    struct batch *batch = userdata;
    (void)source;
    loop_source_remove(&batch->wake);
    collect_workers(batch);
    for (struct batch_worker *worker = batch->workers; worker; worker = worker->next)
        batch_worker_name(worker);
    start_workers(batch);
    /* A file given up on without ever having had a worker settles here. */
    for (size_t i = 0; i < batch->next_file; i++)
        batch_file_check_done(batch, &batch->files[i]);
    bool nothing_left = batch->files_done == batch->file_count || batch_is_stopping(batch);
    if (nothing_left && batch->worker_count == 0)
        finish(batch);
    return 0;
}

void batch_wake(struct batch *batch)
{
    if (!batch->wake && loop_defer(broker_loop(batch->broker), on_wake, batch, &batch->wake) < 0)
        loop_stop(broker_loop(batch->broker), -ENOMEM);
}

void batch_stop(struct batch *batch, enum exit_code code)
{
    if (!batch_is_stopping(batch))
        batch->stop_code = code;
    for (struct batch_worker *worker = batch->workers; worker; worker = worker->next)
        batch_worker_stop(worker);
    batch_wake(batch);
}

static void on_shutdown(struct broker *broker, int count, uint64_t deadline_ms, void *userdata)
{
    struct batch *batch = userdata;
    batch_stop(batch, (enum exit_code)(EXIT_CODE_SIGNAL + broker_shutdown_signal(broker)));
    if (count > 1 || set_deadline(batch, deadline_ms) < 0)
        loop_stop(broker_loop(broker), 0);
}

static struct batch_end *find_end(struct batch *batch, unsigned renderer_id, const struct batch_file **ret_file)
{
    *ret_file = NULL;
    for (size_t i = 0; i < batch->file_count; i++) {
        for (size_t end = 0; end < batch->files[i].end_count; end++) {
            if (batch->files[i].ends[end].renderer_id != renderer_id)
                continue;
            *ret_file = &batch->files[i];
            return &batch->files[i].ends[end];
        }
    }
    return NULL;
}

static void on_backtrace(struct broker *broker, const struct exit_report *report, const char *text, void *userdata)
{
    struct batch *batch = userdata;
    const struct batch_file *file;
    struct batch_end *end = find_end(batch, report->renderer_id, &file);
    (void)broker;
    if (end && !end->backtrace)
        end->backtrace = strdup(text);
    batch_wake(batch);
}

static void on_crash_report(struct broker *broker, const struct exit_report *report, const char *path, const char *why,
                            void *userdata)
{
    struct batch *batch = userdata;
    const struct batch_file *file;
    struct batch_end *end = find_end(batch, report->renderer_id, &file);
    (void)broker;
    if (end && !end->report && path)
        end->report = strdup(path);
    if (batch->listener->crash_report)
        batch->listener->crash_report(batch, file, path, why, batch->userdata);
    if (!batch->is_over)
        batch_wake(batch);
}

static void on_cell_ready(struct broker *broker, void *userdata)
{
    struct batch *batch = userdata;
    (void)broker;
    if (batch->listener->cell_ready)
        batch->listener->cell_ready(batch, batch->userdata);
}

static void on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    struct batch *batch = userdata;
    enum exit_code code = error == -EPERM ? EXIT_CODE_LAYER_MISSING : EXIT_CODE_NO_RENDERER;
    if (batch->start_error.code == EXIT_CODE_OK)
        batch_error_set(&batch->start_error, code, "%s", why);
    if (!batch_is_stopping(batch))
        batch->stop_code = code;
    loop_stop(broker_loop(broker), 0);
}

static const struct broker_listener broker_listener = {
    .shutdown = on_shutdown,
    .cell_ready = on_cell_ready,
    .cell_failed = on_cell_failed,
    .backtrace = on_backtrace,
    .crash_report = on_crash_report,
};

static int make_files(struct batch *batch, char *const *inputs, size_t count)
{
    batch->files = calloc(count ? count : 1, sizeof(*batch->files));
    if (!batch->files)
        return -ENOMEM;
    batch->file_count = count;
    for (size_t i = 0; i < count; i++) {
        batch->files[i].index = i;
        batch->files[i].input = inputs[i];
        bool is_path = strcmp(inputs[i], "-") != 0 && strncmp(inputs[i], "about:", 6) != 0;
        int r = is_path && batch->options.paint ? output_guard_add(&batch->guard, inputs[i], OUTPUT_IS_INPUT) : 0;
        if (r < 0)
            return r;
    }
    return batch->options.paint ? output_name_stems(inputs, count, &batch->stems) : 0;
}

static unsigned processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* One more than renderers, because compressing a page takes longer than painting it; no more than can run. Pages for a
 * pipe keep their order only with one. */
static unsigned encoder_threads(const struct batch_options *options)
{
    unsigned most = processors(), wanted = options->jobs + 1;
    if (options->to_stdout)
        return 1;
    return wanted < most ? wanted : most;
}

/* The broker has made them. */
static int guard_records(struct batch *batch)
{
    const char *const paths[] = {batch->options.broker.trace_path, batch->options.broker.recording_path};
    int r = 0;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && r == 0; i++)
        r = paths[i] ? output_guard_add(&batch->guard, paths[i], OUTPUT_IS_RECORD) : 0;
    return r;
}

static int start(struct batch *batch)
{
    int r = broker_create(&batch->options.broker, &broker_listener, batch, &batch->broker);
    if (r == 0)
        r = guard_records(batch);
    if (r == 0 && batch->options.paint)
        r = encode_create(broker_loop(batch->broker), encoder_threads(&batch->options), &batch->guard,
                          batch_worker_encoded, &batch->encode);
    return r;
}

static void set_start_error(struct batch_error *error, const struct broker_options *options, int r)
{
    char text[256];
    if (r == -ENOSPC && (options->trace_path || options->recording_path)) {
        batch_error_of_output(error, options->trace_path ? options->trace_path : options->recording_path, r);
        return;
    }
    if (r == -ENOENT) {
        batch_error_set(error, EXIT_CODE_NO_RENDERER, "the program bulkhead-renderer is not there");
        batch_error_set_way_out(error, "install it beside bulkhead, or name it in $BULKHEAD_RENDERER");
        return;
    }
    batch_error_set(error, EXIT_CODE_INTERNAL, "cannot start: %s", cli_start_error_text(r, text, sizeof(text)));
}

int batch_create(const struct batch_options *options, char *const *inputs, size_t count,
                 const struct batch_listener *listener, void *userdata, struct batch **ret_batch,
                 struct batch_error *ret_error)
{
    struct batch *batch = calloc(1, sizeof(*batch));
    if (!batch)
        return -ENOMEM;
    batch->options = *options;
    if (options->to_stdout)
        batch->options.jobs = 1;
    batch->listener = listener;
    batch->userdata = userdata;
    int r = make_files(batch, inputs, count);
    if (r == 0)
        r = start(batch);
    if (r < 0) {
        if (batch->start_error.code == EXIT_CODE_OK)
            set_start_error(&batch->start_error, &batch->options.broker, r);
        batch_error_copy(ret_error, &batch->start_error);
        batch_destroy(batch);
        return r;
    }
    *ret_batch = batch;
    return 0;
}

/* What did not get its turn says why. */
static void fail_unfinished(struct batch *batch, const struct batch_error *why)
{
    for (size_t i = 0; i < batch->file_count; i++) {
        struct batch_file *file = &batch->files[i];
        if (file->is_done)
            continue;
        file->is_started = true;
        for (size_t page = 0; page < file->page_count; page++) {
            struct batch_error own = {.code = why->code};
            if (file->pages[page].state == BATCH_PAGE_WRITTEN || file->pages[page].state == BATCH_PAGE_FAILED)
                continue;
            if (file->error.code == EXIT_CODE_OK)
                batch_error_copy(&file->error, why);
            batch_file_page_failed(batch, file, &file->pages[page], &own);
        }
        if (file->error.code == EXIT_CODE_OK)
            batch_error_copy(&file->error, why);
        batch_file_check_done(batch, file);
    }
}

static int exit_code(const struct batch *batch)
{
    size_t failed = 0, stopped = 0;
    for (size_t i = 0; i < batch->file_count; i++) {
        failed += batch->files[i].error.code != EXIT_CODE_OK;
        stopped += batch->files[i].error.code == batch->stop_code;
    }
    if (failed == 0)
        return EXIT_CODE_OK;
    if (batch->start_error.code != EXIT_CODE_OK)
        return (int)batch->start_error.code;
    if (batch->stop_code != EXIT_CODE_OK && stopped > 0)
        return (int)batch->stop_code;
    return batch->file_count == 1 ? (int)batch->files[0].error.code : EXIT_CODE_SOME_FAILED;
}

/* Why what is not done by now is not. */
static void set_unfinished(const struct batch *batch, int r, struct batch_error *why)
{
    char text[64];
    int signal = (int)batch->stop_code - EXIT_CODE_SIGNAL;
    if (r < 0)
        batch_error_set(why, EXIT_CODE_INTERNAL, "the broker failed: %s", cli_error_text(r, text, sizeof(text)));
    else if (batch->start_error.code != EXIT_CODE_OK)
        batch_error_copy(why, &batch->start_error);
    else if (signal > 0)
        batch_error_set(why, batch->stop_code, "interrupted by SIG%s", sigabbrev_np(signal));
    else if (batch->stop_code == EXIT_CODE_OUTPUT_CLOSED)
        batch_error_set(why, batch->stop_code, "not written: standard output was closed by its reader");
    else
        batch_error_set(why, EXIT_CODE_INTERNAL, "not done");
}

/* Encoders first: they hand back the frames that tabs wait for. */
static void end_workers(struct batch *batch)
{
    encode_destroy(batch->encode);
    batch->encode = NULL;
    while (batch->workers)
        batch_worker_destroy(batch->workers);
}

int batch_run(struct batch *batch)
{
    struct batch_error why = {.code = EXIT_CODE_OK};
    int r = 0;
    if (batch->start_error.code == EXIT_CODE_OK) {
        batch_wake(batch);
        r = loop_run(broker_loop(batch->broker));
    }
    set_unfinished(batch, r, &why);
    batch->is_over = true;
    end_workers(batch);
    fail_unfinished(batch, &why);
    broker_finish_reports(batch->broker);
    batch_error_clear(&why);
    return r < 0 ? EXIT_CODE_INTERNAL : exit_code(batch);
}

void batch_destroy(struct batch *batch)
{
    if (!batch)
        return;
    end_workers(batch);
    loop_source_remove(&batch->deadline);
    loop_source_remove(&batch->wake);
    tdestroy(batch->outputs, keep_page);
    for (size_t i = 0; i < batch->file_count; i++)
        batch_file_fini(&batch->files[i]);
    free(batch->files);
    output_name_stems_free(batch->stems, batch->file_count);
    output_guard_fini(&batch->guard);
    batch_error_clear(&batch->start_error);
    broker_destroy(batch->broker);
    free(batch);
}

struct broker *batch_broker(struct batch *batch)
{
    return batch->broker;
}

const struct batch_file *batch_files(const struct batch *batch, size_t *ret_count)
{
    *ret_count = batch->file_count;
    return batch->files;
}

const struct batch_error *batch_start_error(const struct batch *batch)
{
    return &batch->start_error;
}

void batch_progress(const struct batch *batch, size_t *ret_settled, size_t *ret_total)
{
    *ret_settled = *ret_total = 0;
    for (size_t i = 0; i < batch->file_count; i++) {
        const struct batch_file *file = &batch->files[i];
        size_t pages = file->page_count ? file->page_count : 1;
        *ret_total += pages;
        *ret_settled += file->page_count ? file->pages_settled : file->is_done;
    }
}
