#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/codec.h"
#include "common/fd.h"
#include "common/limits.h"
#include "common/text.h"
#include "renderer/crash_test.h"
#include "renderer/paint_thread_private.h"

static void paint_thread_close_document(struct paint_thread *thread)
{
    struct paint_document *open = &thread->open;

    if (open->document)
        open->engine->close(open->document);
    fd_close(&open->fd);
    free(open->url);
    free(open->password);
    *open = (struct paint_document){.fd = -1};
    thread->has_view = false;
    thread->is_input_unpainted = false;
    thread->does_damage_follow = false;
}

static const struct engine *paint_thread_find_engine(const struct engine_source *source)
{
    for (size_t i = 0; engines[i]; i++)
        if (engines[i]->accepts(source))
            return engines[i];
    return NULL;
}

/* Ownership of what the engine borrows moves from the job to the open document first. */
static int paint_thread_open_document(struct paint_thread *thread, struct paint_job *job, struct engine_error *error)
{
    struct paint_document *open = &thread->open;
    bool is_shared = job->navigate.shared_end != BULKHEAD__NAVIGATE__SHARED_BUFFER__NONE;
    struct engine_source source;

    open->fd = fd_steal(&job->fd);
    open->url = job->navigate.url;
    open->password = job->navigate.password;
    job->navigate.url = job->navigate.password = NULL;
    source = (struct engine_source){
        .url = open->url,
        .document_fd = is_shared ? -1 : open->fd,
        .shared_end = job->navigate.shared_end,
        .shared_fd = is_shared ? open->fd : -1,
        .size_bytes = job->navigate.size_bytes,
        .password = open->password,
        .layout_width_pt = job->navigate.layout_width_pt,
        .layout_height_pt = job->navigate.layout_height_pt,
        .layout_em_pt = job->navigate.layout_em_pt,
        .host = &thread->host,
    };
    open->engine = paint_thread_find_engine(&source);
    if (!open->engine) {
        error->code = BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT;
        snprintf(error->detail, sizeof(error->detail), "no engine takes this");
        return -1;
    }
    paint_thread_step(thread, "open");
    return open->engine->open(&source, &open->document, error);
}

static int paint_thread_learn_info(struct paint_thread *thread, struct engine_error *error)
{
    struct paint_document *open = &thread->open;

    if (open->engine->info(open->document, &open->info, error) < 0)
        return -1;
    if (open->info.page_count == 0) {
        error->code = BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT;
        snprintf(error->detail, sizeof(error->detail), "no pages");
        return -1;
    }
    if (open->info.page_count > LIMIT_PAGES) {
        error->code = BULKHEAD__ERROR__CODE__TOO_LARGE;
        snprintf(error->detail, sizeof(error->detail), "%u pages", open->info.page_count);
        return -1;
    }
    return 0;
}

_Static_assert(sizeof(((struct engine_info *)NULL)->title) <= LIMIT_TITLE_BYTES, "an engine's title always fits");

/* The longest beginning that is valid UTF-8. */
static ProtobufCBinaryData paint_thread_title(const char *title)
{
    size_t size = strlen(title), valid = 0;

    while (valid < size) {
        uint32_t code_point;
        size_t length = text_decode(title + valid, size - valid, &code_point);

        if (length == 0)
            break;
        valid += length;
    }
    return codec_bytes(title, valid);
}

static bool paint_thread_bounds_are_sound(const struct engine_bounds *bounds)
{
    return isfinite(bounds->x0_pt) && isfinite(bounds->y0_pt) && isfinite(bounds->x1_pt) && isfinite(bounds->y1_pt) &&
           isfinite(bounds->x1_pt - bounds->x0_pt) && isfinite(bounds->y1_pt - bounds->y0_pt);
}

static void paint_thread_send_info(struct paint_thread *thread, uint64_t request_id)
{
    struct paint_document *open = &thread->open;
    Bulkhead__DocumentInfo message = BULKHEAD__DOCUMENT_INFO__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    struct paint_warnings_packed warnings;
    struct engine_bounds bounds;
    struct engine_error ignored = {0};

    message.format = codec_bytes(open->info.format, strnlen(open->info.format, sizeof(open->info.format)));
    message.title = paint_thread_title(open->info.title);
    message.page_count = open->info.page_count;
    message.reflowable = open->info.reflowable;
    message.animated = open->info.animated;
    paint_thread_step(thread, "measure");
    thread->warnings.page = 1;
    /* A first page that cannot be measured leaves the size unknown; whoever paints it will hear why. */
    if (open->engine->measure(open->document, 0, &bounds, &ignored) == 0 && paint_thread_bounds_are_sound(&bounds)) {
        message.page_width_pt = bounds.x1_pt - bounds.x0_pt;
        message.page_height_pt = bounds.y1_pt - bounds.y0_pt;
    }
    paint_thread_step(thread, NULL);
    message.n_warnings = paint_warnings_pack(&thread->warnings, &warnings);
    message.warnings = warnings.list;
    message.warnings_left_out = thread->warnings.left_out;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO;
    envelope.document_info = &message;
    session_channel_send(thread->channel, &envelope);
}

static void paint_thread_on_navigate(struct paint_thread *thread, struct paint_job *job)
{
    struct engine_error error = {0};
    int result;

    paint_thread_scene_stop(thread);
    paint_thread_close_document(thread);
    paint_warnings_begin(&thread->warnings, 0);
    result = paint_thread_open_document(thread, job, &error);
    if (result == 0)
        result = paint_thread_learn_info(thread, &error);
    if (paint_thread_is_cancelled(thread)) {
        error = (struct engine_error){.code = BULKHEAD__ERROR__CODE__CANCELLED, .detail = "cancelled"};
        result = -1;
    }
    if (result == 0) {
        paint_thread_send_info(thread, job->request_id);
        return;
    }
    paint_thread_step(thread, NULL);
    paint_thread_close_document(thread);
    paint_thread_fail(thread, job->request_id, &error);
}

/* Answers and returns false when there is no such page. */
static bool paint_thread_check_page(struct paint_thread *thread, uint64_t request_id, uint32_t page)
{
    char detail[64];

    if (!thread->open.document) {
        paint_thread_fail_with(thread, request_id, BULKHEAD__ERROR__CODE__NO_DOCUMENT, "no document is open");
        return false;
    }
    if (page >= thread->open.info.page_count) {
        snprintf(detail, sizeof(detail), "page %llu of %u", page + 1ull, thread->open.info.page_count);
        paint_thread_fail_with(thread, request_id, BULKHEAD__ERROR__CODE__NO_SUCH_PAGE, detail);
        return false;
    }
    return true;
}

static void paint_thread_send_bounds(struct paint_thread *thread, uint64_t request_id, uint32_t page,
                                     const struct engine_bounds *bounds)
{
    Bulkhead__PageInfo message = BULKHEAD__PAGE_INFO__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    struct paint_warnings_packed warnings;

    message.n_warnings = paint_warnings_pack(&thread->warnings, &warnings);
    message.warnings = warnings.list;
    message.warnings_left_out = thread->warnings.left_out;
    message.page = page;
    message.x0_pt = bounds->x0_pt;
    message.y0_pt = bounds->y0_pt;
    message.x1_pt = bounds->x1_pt;
    message.y1_pt = bounds->y1_pt;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO;
    envelope.page_info = &message;
    session_channel_send(thread->channel, &envelope);
}

static void paint_thread_on_measure(struct paint_thread *thread, struct paint_job *job)
{
    uint32_t page = job->measure.page;
    struct engine_bounds bounds;
    struct engine_error error = {0};
    int result;

    if (!paint_thread_check_page(thread, job->request_id, page))
        return;
    paint_thread_step(thread, "measure");
    paint_warnings_begin(&thread->warnings, page + 1);
    result = thread->open.engine->measure(thread->open.document, page, &bounds, &error);
    paint_thread_step(thread, NULL);
    if (paint_thread_is_cancelled(thread))
        paint_thread_fail_with(thread, job->request_id, BULKHEAD__ERROR__CODE__CANCELLED, "cancelled");
    else if (result < 0)
        paint_thread_fail(thread, job->request_id, &error);
    else if (!paint_thread_bounds_are_sound(&bounds))
        paint_thread_fail_with(thread, job->request_id, BULKHEAD__ERROR__CODE__DAMAGED, "page bounds are not numbers");
    else
        paint_thread_send_bounds(thread, job->request_id, page, &bounds);
}

static void paint_thread_on_resize(struct paint_thread *thread, struct paint_job *job)
{
    int fd = fd_steal(&job->fd), error;

    paint_thread_scene_stop(thread);
    thread->does_damage_follow = false;
    paint_thread_lock(thread);
    error = frame_target_resize(&thread->target, fd, job->resize.generation, &job->resize.geometry);
    paint_thread_unlock(thread);
    if (error < 0)
        paint_thread_fail_with(thread, job->request_id, BULKHEAD__ERROR__CODE__NO_FRAME_MEMORY, strerror(-error));
}

static bool paint_thread_view_is_sound(const struct paint_view *view)
{
    return isfinite(view->scale_x) && isfinite(view->scale_y) && isfinite(view->rotate_deg);
}

static void paint_thread_show(struct paint_thread *thread, uint64_t request_id)
{
    if (!paint_thread_check_page(thread, request_id, thread->view.page)) {
        paint_thread_scene_stop(thread);
    } else if (!thread->target.memory) {
        paint_thread_scene_stop(thread);
        paint_thread_fail_with(thread, request_id, BULKHEAD__ERROR__CODE__NO_FRAME_MEMORY, "no frame memory was given");
    } else if (thread->view.frames_per_second > 0 && thread->open.info.animated) {
        paint_thread_scene_start(thread, request_id);
    } else {
        paint_thread_scene_stop(thread);
        paint_thread_paint_once(thread, request_id);
    }
}

static void paint_thread_on_paint(struct paint_thread *thread, struct paint_job *job)
{
    if (!paint_thread_view_is_sound(&job->paint)) {
        paint_thread_fail_with(thread, job->request_id, BULKHEAD__ERROR__CODE__UNKNOWN, "scale or angle is no number");
        return;
    }
    /* Another rate is another clock: the scene begins anew. */
    paint_thread_scene_stop(thread);
    thread->view = job->paint;
    thread->has_view = true;
    thread->view_request_id = job->request_id;
    thread->does_damage_follow = false;
    paint_thread_show(thread, job->request_id);
}

static void paint_thread_on_scroll(struct paint_thread *thread, struct paint_job *job)
{
    if (!thread->has_view) {
        paint_thread_fail_with(thread, job->request_id, BULKHEAD__ERROR__CODE__NO_DOCUMENT, "nothing to scroll yet");
        return;
    }
    thread->view.scroll_x_px = job->scroll.x_px;
    thread->view.scroll_y_px = job->scroll.y_px;
    thread->view_request_id = job->request_id;
    thread->does_damage_follow = false;
    paint_thread_show(thread, job->request_id);
}

/* A burst of input is painted once, after its last event. A running scene paints anyway. */
static void paint_thread_on_input(struct paint_thread *thread, struct paint_job *job)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;
    bool more_follows;

    if (!thread->open.document || !thread->open.engine->input)
        return;
    input.kind = job->input.kind;
    input.code = job->input.code;
    input.x_px = job->input.x_px;
    input.y_px = job->input.y_px;
    if (thread->open.engine->input(thread->open.document, &input))
        thread->is_input_unpainted = true;
    if (!thread->is_input_unpainted || !thread->has_view || !thread->target.memory || thread->scene.is_running)
        return;
    paint_thread_lock(thread);
    more_follows = paint_thread_has_waiting(thread, BULKHEAD__TO_RENDERER__MESSAGE_INPUT);
    paint_thread_unlock(thread);
    if (!more_follows)
        paint_thread_paint_once(thread, thread->view_request_id);
}

static void paint_thread_on_crash_test(struct paint_thread *thread, struct paint_job *job)
{
    paint_thread_step(thread, "crash test");
    crash_test_run(job->crash_test.kind, thread->channel);
    paint_thread_fail_with(thread, job->request_id, BULKHEAD__ERROR__CODE__REFUSED, "survived the crash test");
}

static void (*const paint_thread_handlers[CODEC_TYPES])(struct paint_thread *, struct paint_job *) = {
    [BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE] = paint_thread_on_navigate,
    [BULKHEAD__TO_RENDERER__MESSAGE_MEASURE] = paint_thread_on_measure,
    [BULKHEAD__TO_RENDERER__MESSAGE_RESIZE] = paint_thread_on_resize,
    [BULKHEAD__TO_RENDERER__MESSAGE_PAINT] = paint_thread_on_paint,
    [BULKHEAD__TO_RENDERER__MESSAGE_SCROLL] = paint_thread_on_scroll,
    [BULKHEAD__TO_RENDERER__MESSAGE_INPUT] = paint_thread_on_input,
    [BULKHEAD__TO_RENDERER__MESSAGE_CRASH_TEST] = paint_thread_on_crash_test,
};

void paint_thread_run_job(struct paint_thread *thread, struct paint_job *job)
{
    if (paint_thread_is_cancelled(thread))
        paint_thread_fail_with(thread, job->request_id, BULKHEAD__ERROR__CODE__CANCELLED, "cancelled");
    else
        paint_thread_handlers[job->type](thread, job);
}
