#include "broker/command/cast.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/batch_report.h"
#include "broker/command/cli_sandbox.h"
#include "broker/command/exit_codes.h"
#include "broker/document/tab.h"
#include "broker/output/page_size.h"
#include "common/clock.h"
#include "common/text.h"

struct cast_run {
    const struct cast_options *options;
    char name[256]; // of the input, escaped
    struct broker *broker;
    struct tab *tab;
    struct cast_stream *stream;
    struct loop_source *tick;
    uint64_t start_ms, next_tick; // of this reader: tick n is due at start + n / fps
    struct tab_view view;
    struct yuv_place place;
    bool is_viewable, is_animated; // the view is known; it moves by itself
    uint8_t *rgb;                  // a copy of the frame, which its renderer can still write to; owned
    uint32_t sequence, generation; // of the frame in the stream's planes
    bool has_picture;              // there is one in them
    int code;
    bool is_over; // code is what it stays
};

static void cast_end(struct cast_run *run, int code)
{
    if (run->is_over)
        return;
    run->is_over = true;
    run->code = code;
    loop_stop(broker_loop(run->broker), 0);
}

/* Says what is wrong with `what` and ends. */
static void cast_fail(struct cast_run *run, enum exit_code code, const char *what, const char *why)
{
    const char *way_out = exit_code_way_out((int)code);

    if (run->is_over)
        return;
    cli_message("%s: %s%s%s%s", what, why, way_out != NULL ? " (" : "", way_out != NULL ? way_out : "",
                way_out != NULL ? ")" : "");
    cast_end(run, (int)code);
}

/* A scene without a reader stands still: nobody would see it move. */
static void cast_paint(struct cast_run *run)
{
    int error = 0;
    char text[64];

    if (!run->is_viewable)
        return;
    run->view.frames_per_second =
        run->is_animated && cast_stream_has_reader(run->stream) ? run->options->format.frames_per_second : 0;
    if (tab_paint(run->tab, &run->view, &error) == 0 && error < 0)
        cast_fail(run, error == -EOVERFLOW ? EXIT_CODE_TOO_LARGE : EXIT_CODE_INTERNAL, run->name,
                  cli_error_text(error, text, sizeof(text)));
}

/* The picture fits into the video and lies in its middle, on black. */
static void cast_set_view(struct cast_run *run, uint32_t width_px, uint32_t height_px, float scale)
{
    uint32_t left_px = (run->options->format.width_px - width_px) / 2,
             top_px = (run->options->format.height_px - height_px) / 2;

    run->view = (struct tab_view){
        .page = run->options->page, .width_px = width_px, .height_px = height_px, .scale_x = scale, .scale_y = scale};
    run->place = (struct yuv_place){.width_px = run->options->format.width_px,
                                    .height_px = run->options->format.height_px,
                                    .chroma = run->options->format.chroma,
                                    .x_px = left_px & ~1u,
                                    .y_px = top_px & ~1u};
    run->is_viewable = true;
    cast_paint(run);
}

static void on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    struct cast_run *run = userdata;

    run->is_animated = info->animated;
    if (info->animated && run->options->page == 0)
        cast_set_view(run, run->options->format.width_px, run->options->format.height_px, 1);
    else if (tab_measure(tab, run->options->page) == 0)
        cast_fail(run, EXIT_CODE_INTERNAL, run->name, "the renderer takes no more requests");
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    struct cast_run *run = userdata;
    const struct page_size_request request = {.width_px = run->options->format.width_px,
                                              .height_px = run->options->format.height_px};
    const struct page_size_bounds page = {bounds->x0_pt, bounds->y0_pt, bounds->x1_pt, bounds->y1_pt};
    struct page_size size;

    (void)tab;
    (void)request_id;
    if (page_size_compute(&request, &page, &size) != PAGE_SIZE_OK || size.width_px > run->options->format.width_px ||
        size.height_px > run->options->format.height_px)
        cast_fail(run, EXIT_CODE_NOT_RENDERED, run->name, "the page has no size that could be shown");
    else
        cast_set_view(run, size.width_px, size.height_px, size.scale);
}

static void on_failed(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                      void *userdata)
{
    enum exit_code exit_code = exit_code_of_error(code);

    (void)request_id;
    if (code == BULKHEAD__ERROR__CODE__CANCELLED) /* a paint that another one replaced */
        return;
    struct cast_run *run = userdata;
    if (*detail &&
        document_url(tab_document(tab))[0] != '\0') { /* "no page about:x; there are: …" is its own way out */
        cli_message("%s: %s", run->name, detail);
        cast_end(run, (int)exit_code);
    }
    cast_fail(run, exit_code, run->name, *detail ? detail : exit_code_find((int)exit_code)->meaning);
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct cast_run *run = userdata;

    (void)tab;
    cast_fail(run, exit_code_of_end(report), run->name, report->summary);
}

static const struct tab_listener tab_listener = {
    .info = on_info, .bounds = on_bounds, .failed = on_failed, .ended = on_ended};

/* The latest frame into the planes, unless it is there already, or comes out torn. */
static void cast_take_frame(struct cast_run *run, uint8_t *planes)
{
    const struct frame *frame = tab_frame(run->tab);

    if (frame == NULL || (run->has_picture && frame->sequence == run->sequence && frame->generation == run->generation))
        return;
    const struct frame_geometry *geometry = &frame->geometry;
    if (geometry->width_px != run->view.width_px || geometry->height_px != run->view.height_px ||
        !frame_copy(frame, tab_frames(run->tab), run->rgb, geometry->stride_bytes))
        return;
    yuv_from_rgb(planes, &run->place, run->rgb, geometry->width_px, geometry->height_px, geometry->stride_bytes);
    run->sequence = frame->sequence;
    run->generation = frame->generation;
    run->has_picture = true;
}

static uint64_t tick_due_ms(const struct cast_run *run, uint64_t tick)
{
    return run->start_ms + tick * 1000 / run->options->format.frames_per_second;
}

/* YUV4MPEG2 has no times: every frame that is due is written, the same again if there is no newer one. What this loop
 * or its reader came too late for counts as dropped. */
static int on_tick(struct loop_source *source, void *userdata)
{
    struct cast_run *run = userdata;
    uint64_t now_ms = clock_now_ms(), late = 0;
    uint8_t *planes = cast_stream_planes(run->stream);

    while (tick_due_ms(run, run->next_tick + 1 + late) <= now_ms)
        late++;
    run->next_tick += 1 + late;
    loop_timer_set(source, tick_due_ms(run, run->next_tick));
    if (planes != NULL)
        cast_take_frame(run, planes);
    if (!run->has_picture) /* nothing is due before the first */
        return 0;
    cast_stream_drop(run->stream, late + (planes == NULL));
    if (planes != NULL)
        cast_stream_send(run->stream);
    return 0;
}

static void on_reader_came(struct cast_stream *stream, void *userdata)
{
    struct cast_run *run = userdata;

    (void)stream;
    if (run->options->fifo_path != NULL)
        cli_message("cast: a reader has come");
    run->start_ms = clock_now_ms();
    run->next_tick = 0;
    loop_timer_set(run->tick, run->start_ms);
    if (run->is_animated)
        cast_paint(run);
}

static void on_reader_left(struct cast_stream *stream, const struct cast_counts *counts, void *userdata)
{
    struct cast_run *run = userdata;
    bool is_last = run->options->fifo_path == NULL || run->options->once;

    (void)stream;
    loop_timer_set(run->tick, 0);
    if (run->options->fifo_path != NULL)
        cli_message("cast: the reader has gone after %" PRIu64 " frames, %" PRIu64 " dropped%s", counts->written,
                    counts->dropped, is_last ? "" : "; waiting for the next");
    if (is_last)
        cast_end(run, run->options->frames > 0 ? EXIT_CODE_OUTPUT_CLOSED : EXIT_CODE_OK);
    else if (run->is_animated)
        cast_paint(run);
}

static void on_frame_written(struct cast_stream *stream, void *userdata)
{
    struct cast_run *run = userdata;

    if (run->options->frames > 0 && cast_stream_counts(stream)->written == run->options->frames)
        cast_end(run, EXIT_CODE_OK);
}

static void on_stream_failed(struct cast_stream *stream, int error, void *userdata)
{
    struct cast_run *run = userdata;
    char shown[256], text[64];

    (void)stream;
    text_escape(shown, sizeof(shown), run->options->fifo_path ? run->options->fifo_path : "standard output",
                strlen(run->options->fifo_path ? run->options->fifo_path : "standard output"));
    cast_fail(run, error == -EEXIST ? EXIT_CODE_OUTPUT_UNWRITABLE : exit_code_of_output(error), shown,
              error == -EEXIST ? "is there already and is no FIFO: name another"
                               : cli_error_text(error, text, sizeof(text)));
}

static const struct cast_listener cast_listener = {.reader_came = on_reader_came,
                                                   .reader_left = on_reader_left,
                                                   .frame_written = on_frame_written,
                                                   .failed = on_stream_failed};

static void on_shutdown(struct broker *broker, int count, uint64_t deadline_ms, void *userdata)
{
    (void)count;
    (void)deadline_ms;
    cast_end(userdata, EXIT_CODE_SIGNAL + broker_shutdown_signal(broker));
}

static void on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    (void)broker;
    cast_fail(userdata, error == -EPERM ? EXIT_CODE_LAYER_MISSING : EXIT_CODE_NO_RENDERER, "cast", why);
}

static const struct broker_listener broker_listener = {.shutdown = on_shutdown, .cell_failed = on_cell_failed};

static void cast_open(struct cast_run *run)
{
    const struct tab_options options = {
        .password = run->options->document.password,
        .layout_width_pt = run->options->document.layout_width_pt,
        .layout_height_pt = run->options->document.layout_height_pt,
        .layout_em_pt = run->options->document.layout_em_pt,
        .timeout_ms = run->options->common.timeout_ms,
    };
    struct document *document;
    enum document_problem problem = document_open(run->options->input, &document);
    char text[64];

    if (problem != DOCUMENT_OK) {
        cast_fail(run, exit_code_of_problem(problem), run->name, document_problem_text(problem));
        return;
    }
    if (run->options->document.no_files)
        document_disable_files(document);
    int error = tab_open(run->broker, document, &options, &tab_listener, run, &run->tab);
    document_unref(document);
    if (error < 0)
        cast_fail(run, EXIT_CODE_INTERNAL, run->name, cli_error_text(error, text, sizeof(text)));
}

static int cast_prepare(struct cast_run *run)
{
    struct frame_geometry geometry;

    if (!frame_geometry_make(run->options->format.width_px, run->options->format.height_px, 1, &geometry))
        return -EOVERFLOW;
    run->rgb = malloc((size_t)geometry.stride_bytes * geometry.height_px);
    if (run->rgb == NULL)
        return -ENOMEM;
    return loop_add_timer(broker_loop(run->broker), on_tick, run, &run->tick);
}

static void cast_stream(struct cast_run *run)
{
    int error = cast_prepare(run);
    char text[64];

    if (error < 0) {
        cast_fail(run, EXIT_CODE_INTERNAL, "cast", cli_error_text(error, text, sizeof(text)));
        return;
    }
    error = cast_stream_create(broker_loop(run->broker), &run->options->format, run->options->fifo_path, &cast_listener,
                               run, &run->stream);
    if (error < 0) {
        on_stream_failed(NULL, error, run);
        return;
    }
    cast_open(run);
    if (run->options->fifo_path != NULL && !run->is_over)
        cli_message("cast: waiting for a reader");
    if (!run->is_over)
        cast_stream_start(run->stream);
    if (!run->is_over)
        loop_run(broker_loop(run->broker));
}

static int cast_report(const struct cast_run *run)
{
    const struct cast_counts nothing = {0};
    const struct cast_counts *counts = run->stream != NULL ? cast_stream_counts(run->stream) : &nothing;

    if (run->options->common.json)
        return batch_report_print_json(
            json_pack("{s:{s:i, s:s}, s:I, s:I, s:I, s:i, s:i, s:i}", "exit", "code", run->code, "name",
                      exit_code_name(run->code), "frames_written", (json_int_t)counts->written, "frames_dropped",
                      (json_int_t)counts->dropped, "readers", (json_int_t)counts->readers, "width",
                      (int)run->options->format.width_px, "height", (int)run->options->format.height_px, "fps",
                      (int)run->options->format.frames_per_second),
            run->code);
    if (counts->readers > 0)
        cli_message("cast: %" PRIu64 " frames written, %" PRIu64 " dropped", counts->written, counts->dropped);
    return run->code;
}

int cast_run(const struct cast_options *options)
{
    struct cast_run run = {.options = options};
    char text[256];
    int error = broker_create(&options->common.broker, &broker_listener, &run, &run.broker);

    if (error < 0) {
        cli_message("no renderer can be started: %s", cli_start_error_text(error, text, sizeof(text)));
        return EXIT_CODE_NO_RENDERER;
    }
    text_escape(run.name, sizeof(run.name), options->input, strlen(options->input));
    cast_stream(&run);
    int code = cast_report(&run);
    cli_sandbox_warn(run.broker, stderr);
    loop_source_remove(&run.tick);
    cast_stream_destroy(run.stream);
    tab_close(run.tab);
    broker_destroy(run.broker);
    free(run.rgb);
    return code;
}
