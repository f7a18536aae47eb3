/* One renderer at work on one file: open, then for each page measure, paint, lend the frame to an encoder, go on.
 *
 * While an encoder compresses page n the renderer paints page n + 1. Two frames may be lent at once and the third
 * buffer is painted into, so memory is bounded; with both lent the worker waits for one to come back. Measuring and
 * painting alternate strictly: an engine that has just measured a page has it loaded.
 *
 * A worker never frees itself: it says that it is finished, and batch.c collects it from the loop.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/batch_private.h"
#include "broker/command/batch_worker.h"
#include "common/limits.h"
#include "common/text.h"

enum { WORKER_LENT_MOST = FRAME_BUFFERS - 1 };

/* A frame with an encoder. */
struct loan {
    struct batch_worker *worker;
    struct batch_page *page;
    const struct frame *frame;
};

static void worker_next(struct batch_worker *worker);

static void worker_finish(struct batch_worker *worker)
{
    worker->state = WORKER_FINISHED;
    batch_wake(worker->batch);
}

static void page_failed(struct batch_worker *worker, struct batch_error *error)
{
    struct batch_page *page = worker->page;
    worker->page = NULL;
    worker->request_id = 0;
    batch_file_page_failed(worker->batch, worker->file, page, error);
}

static void page_failed_next(struct batch_worker *worker, struct batch_error *error)
{
    page_failed(worker, error);
    worker_next(worker);
}

static void worker_next(struct batch_worker *worker)
{
    if (worker->state == WORKER_FINISHED)
        return;
    if (worker->lent >= WORKER_LENT_MOST) {
        worker->state = WORKER_WAITING;
        return;
    }
    if (batch_is_stopping(worker->batch) || !(worker->page = batch_file_take_page(worker->file))) {
        worker_finish(worker);
        return;
    }
    worker->state = WORKER_MEASURING;
    worker->request_id = tab_measure(worker->tab, worker->page->page);
    if (worker->request_id == 0) {
        struct batch_error error = {.code = EXIT_CODE_OK};
        batch_error_set(&error, EXIT_CODE_INTERNAL, "the renderer takes no more requests");
        page_failed(worker, &error);
        worker_finish(worker);
    } else if (worker->batch->listener->page_begun) {
        worker->batch->listener->page_begun(worker->batch, worker->file, worker->batch->userdata);
    }
}

static void on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    struct batch_worker *worker = userdata;
    struct batch *batch = worker->batch;
    if (!worker->file->has_info && !batch_file_select(batch, worker->file, info)) {
        worker->file->is_given_up = true;
        worker_finish(worker);
        return;
    }
    if (batch->options.has_crash_test && (worker->is_first || batch->options.crash_every))
        tab_crash_test(tab, batch->options.crash_test);
    worker->state = WORKER_NAMING;
    batch_worker_name(worker);
}

void batch_worker_name(struct batch_worker *worker)
{
    if (worker->state == WORKER_NAMING && batch_names_claim(worker->batch, worker->file))
        worker_next(worker);
}

static void set_too_large(struct batch_error *error, const struct batch *batch, const struct page_size_bounds *bounds,
                          const struct page_size *size)
{
    const struct page_size_request *request = &batch->options.size;
    batch_error_set(error, EXIT_CODE_TOO_LARGE, "would be %u x %u pixels; at most %d a side and %d million in all",
                    size->width_px, size->height_px, FRAME_EDGE_PX, FRAME_AREA_PX / 1000000);
    uint32_t dpi = page_size_largest_dpi(bounds, request->rotate_deg);
    struct page_size fitting;
    struct page_size_request smaller = {.dpi = (float)dpi, .rotate_deg = request->rotate_deg};
    if (dpi > 0 && page_size_compute(&smaller, bounds, &fitting) == PAGE_SIZE_OK)
        batch_error_set_way_out(error, "say --width %u or --dpi %u, or less", fitting.width_px, dpi);
}

/* Where the page goes, refused before it is painted if it cannot go there. */
static bool choose_output(struct batch_worker *worker, struct batch_error *error)
{
    struct batch *batch = worker->batch;
    if (!batch_names_take(batch, worker->file, worker->page, error))
        return false;
    int r = output_check(worker->page->output, &batch->guard);
    if (r != 0)
        batch_error_of_output(error, worker->page->output, r);
    return r == 0;
}

static bool choose_size(struct batch_worker *worker, const struct tab_bounds *tab_bounds, struct page_size *ret_size,
                        struct batch_error *error)
{
    struct page_size_bounds bounds = {tab_bounds->x0_pt, tab_bounds->y0_pt, tab_bounds->x1_pt, tab_bounds->y1_pt};
    switch (page_size_compute(&worker->batch->options.size, &bounds, ret_size)) {
    case PAGE_SIZE_OK:
        worker->page->width_px = ret_size->width_px;
        worker->page->height_px = ret_size->height_px;
        return true;
    case PAGE_SIZE_EMPTY:
        batch_error_set(error, EXIT_CODE_DAMAGED, "has no area to paint (%g x %g points)",
                        (double)(bounds.x1_pt - bounds.x0_pt), (double)(bounds.y1_pt - bounds.y0_pt));
        return false;
    case PAGE_SIZE_TOO_LARGE:
        set_too_large(error, worker->batch, &bounds, ret_size);
        return false;
    }
    return false;
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    struct batch_worker *worker = userdata;
    struct batch_error error = {.code = EXIT_CODE_OK};
    struct page_size size;
    if (worker->state != WORKER_MEASURING || request_id != worker->request_id)
        return;
    if (!choose_size(worker, bounds, &size, &error) || !choose_output(worker, &error)) {
        page_failed_next(worker, &error);
        return;
    }
    struct tab_view view = {
        .page = worker->page->page,
        .width_px = size.width_px,
        .height_px = size.height_px,
        .scale_x = size.scale,
        .scale_y = size.scale,
        .rotate_deg = worker->batch->options.size.rotate_deg,
    };
    int r = 0;
    worker->scale = size.scale;
    worker->state = WORKER_PAINTING;
    worker->request_id = tab_paint(tab, &view, &r);
    if (worker->request_id == 0) {
        batch_error_set(&error, r == -EOVERFLOW ? EXIT_CODE_TOO_LARGE : EXIT_CODE_INTERNAL,
                        r == -ENOMEM ? "no memory for a picture of %u x %u pixels"
                                     : "no picture of %u x %u pixels can be had",
                        size.width_px, size.height_px);
        page_failed_next(worker, &error);
    }
}

static int lend(struct batch_worker *worker)
{
    struct loan *loan = malloc(sizeof(*loan));
    const struct frame *frame = loan ? tab_borrow_frame(worker->tab) : NULL;
    if (!frame) {
        free(loan);
        return -ENOMEM;
    }
    *loan = (struct loan){worker, worker->page, frame};
    struct encode_job job = {
        .image = {frame->pixels, frame->geometry.width_px, frame->geometry.height_px, frame->geometry.stride_bytes},
        .options = worker->batch->options.encode,
        .path = worker->page->output,
        .userdata = loan,
    };
    job.options.dpi = worker->scale * 72;
    int r = encode_submit(worker->batch->encode, &job);
    if (r < 0) {
        tab_return_frame(worker->tab, frame);
        free(loan);
        return r;
    }
    worker->lent++;
    return 0;
}

static void on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    struct batch_worker *worker = userdata;
    (void)tab;
    if (worker->state != WORKER_PAINTING || frame->request_id != worker->request_id)
        return;
    worker->page->paint_us = frame->paint_us;
    if (lend(worker) < 0) {
        struct batch_error error = {.code = EXIT_CODE_OK};
        batch_error_set(&error, EXIT_CODE_INTERNAL, "out of memory in the broker");
        page_failed_next(worker, &error);
        return;
    }
    worker->page = NULL;
    worker->request_id = 0;
    worker_next(worker);
}

void batch_worker_encoded(void *userdata, const struct encode_result *result)
{
    struct loan *loan = userdata;
    struct batch_worker *worker = loan->worker;
    struct batch_page *page = loan->page;
    tab_return_frame(worker->tab, loan->frame);
    free(loan);
    worker->lent--;
    page->encode_ns = result->duration_ns;
    if (result->error == -ECANCELED)
        return; /* the batch is ending, and says why for all that is unfinished */
    if (result->error == 0) {
        batch_file_page_written(worker->batch, worker->file, page);
    } else {
        struct batch_error error = {.code = EXIT_CODE_OK};
        batch_error_of_output(&error, page->output, result->error);
        batch_file_page_failed(worker->batch, worker->file, page, &error);
        if (result->error == -EPIPE && worker->batch->options.to_stdout)
            batch_stop(worker->batch, EXIT_CODE_OUTPUT_CLOSED);
    }
    if (worker->state == WORKER_WAITING)
        worker_next(worker);
    batch_wake(worker->batch);
}

static void on_failed(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                      void *userdata)
{
    struct batch_worker *worker = userdata;
    struct batch_error error = {.code = EXIT_CODE_OK};
    (void)tab;
    if (request_id != 0 && request_id != worker->request_id)
        return;
    batch_error_of_engine(&error, code, detail, worker->file->document);
    if (worker->page && request_id != 0) {
        page_failed_next(worker, &error);
        return;
    }
    batch_file_give_up(worker->batch, worker->file, &error);
    batch_error_clear(&error);
    worker_finish(worker);
}

static void set_end(struct batch_error *error, const struct batch *batch, const struct exit_report *report)
{
    if (report->renderer_id == 0 && batch->start_error.code != EXIT_CODE_OK)
        batch_error_copy(error, &batch->start_error);
    else if (report->renderer_id == 0)
        batch_error_set(error, EXIT_CODE_NO_RENDERER, "no renderer: %s", report->summary);
    else
        batch_error_of_end(error, report);
}

/* Pages that wait go on in a fresh renderer, but not for ever. */
static void limit_ends(struct batch_worker *worker)
{
    struct batch_file *file = worker->file;
    uint32_t most = broker_policy(worker->batch->broker)->quarantine_ends;
    if (file->end_count < most || batch_file_waiting(file) == 0)
        return;
    struct batch_error error = {.code = EXIT_CODE_OK};
    batch_error_set(&error, EXIT_CODE_QUARANTINED, "not painted: the document has ended %zu renderers",
                    file->end_count);
    batch_file_give_up(worker->batch, file, &error);
    batch_error_clear(&error);
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct batch_worker *worker = userdata;
    struct batch_error error = {.code = EXIT_CODE_OK};
    (void)tab;
    if (worker->state == WORKER_FINISHED && !worker->page)
        return;
    if (report->renderer_id != 0)
        batch_file_note_end(worker->file, report, worker->page);
    set_end(&error, worker->batch, report);
    if (worker->page)
        page_failed(worker, &error);
    else if (!worker->file->has_info)
        batch_file_give_up(worker->batch, worker->file, &error);
    batch_error_clear(&error);
    limit_ends(worker);
    worker_finish(worker);
}

static const struct tab_listener tab_listener = {
    .info = on_info, .bounds = on_bounds, .frame = on_frame, .failed = on_failed, .ended = on_ended};

int batch_worker_start(struct batch *batch, struct batch_file *file)
{
    struct batch_worker *worker = calloc(1, sizeof(*worker));
    if (!worker)
        return -ENOMEM;
    worker->batch = batch;
    worker->file = file;
    worker->is_first = file->workers_started == 0;
    worker->state = WORKER_OPENING;
    worker->next = batch->workers;
    batch->workers = worker;
    batch->worker_count++;
    file->workers++;
    file->workers_started++;
    struct tab_options options = {
        .password = batch->options.password,
        .layout_width_pt = batch->options.layout_width_pt,
        .layout_height_pt = batch->options.layout_height_pt,
        .layout_em_pt = batch->options.layout_em_pt,
        .timeout_ms = batch->options.timeout_ms,
    };
    int r = tab_open(batch->broker, file->document, &options, &tab_listener, worker, &worker->tab);
    if (r < 0) {
        worker->tab = NULL;
        worker_finish(worker);
    }
    return r;
}

void batch_worker_stop(struct batch_worker *worker)
{
    if (worker->state == WORKER_OPENING || worker->state == WORKER_NAMING || worker->state == WORKER_WAITING)
        worker_finish(worker);
}

void batch_worker_destroy(struct batch_worker *worker)
{
    struct batch *batch = worker->batch;
    for (struct batch_worker **link = &batch->workers; *link; link = &(*link)->next) {
        if (*link == worker) {
            *link = worker->next;
            break;
        }
    }
    batch->worker_count--;
    worker->file->workers--;
    tab_close(worker->tab);
    free(worker);
}
