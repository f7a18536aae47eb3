#include "renderer/session_dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "renderer/crash_handler.h"
#include "renderer/crash_test.h"

/* Bytes of a message as a string of our own. */
static char *session_copy_text(const ProtobufCBinaryData *bytes)
{
    char *text = malloc(bytes->len + 1);

    if (!text)
        crash_handler_out_of_memory(bytes->len + 1);
    if (bytes->len)
        memcpy(text, bytes->data, bytes->len);
    text[bytes->len] = '\0';
    return text;
}

static void session_refuse(struct session *session, uint64_t request_id, const char *detail)
{
    Bulkhead__Error message = BULKHEAD__ERROR__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;

    if (request_id == 0)
        return;
    message.code = BULKHEAD__ERROR__CODE__REFUSED;
    message.detail = codec_bytes(detail, strlen(detail));
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_ERROR;
    envelope.error = &message;
    session_channel_queue(&session->channel, &envelope);
}

static int session_post(struct session *session, struct paint_job *job)
{
    uint64_t request_id = job->request_id;

    if (paint_thread_post(session->paint, job) < 0)
        session_refuse(session, request_id, "too many requests wait");
    return 0;
}

static struct paint_job *session_make_job(const struct channel_message *message)
{
    return paint_job_create(message->type, message->to_renderer->request_id);
}

static int session_on_welcome(struct session *session, struct channel_message *message)
{
    const Bulkhead__Welcome *welcome = message->to_renderer->welcome;

    if (welcome->protocol_version == PROTOCOL_VERSION && welcome->renderer_id == session->renderer_id)
        return 0;
    log_write(LOG_ERROR, "renderer=%u protocol=%d broker_protocol=%u broker_says_renderer=%u", session->renderer_id,
              PROTOCOL_VERSION, welcome->protocol_version, welcome->renderer_id);
    return -EPROTO;
}

/* An end of the shared buffer is a descriptor, and of a page: whoever has a file has no end. */
static bool session_is_end_sound(const Bulkhead__Navigate *navigate, size_t n_fds)
{
    switch (navigate->shared_buffer) {
    case BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER:
    case BULKHEAD__NAVIGATE__SHARED_BUFFER__READER:
        return navigate->url.len > 0 && n_fds == 1;
    case BULKHEAD__NAVIGATE__SHARED_BUFFER__TAKEN:
        return navigate->url.len > 0 && n_fds == 0;
    default:
        return true;
    }
}

static int session_on_navigate(struct session *session, struct channel_message *message)
{
    const Bulkhead__Navigate *navigate = message->to_renderer->navigate;
    struct paint_job *job;

    if (!session_is_end_sound(navigate, message->n_fds)) {
        log_write(LOG_ERROR, "renderer=%u msg=navigate shared_buffer=%d fds=%zu unexpected=1", session->renderer_id,
                  (int)navigate->shared_buffer, message->n_fds);
        return -EPROTO;
    }
    job = session_make_job(message);
    job->fd = channel_message_take_fd(message, 0);
    job->navigate.url = session_copy_text(&navigate->url);
    job->navigate.password = navigate->password.len ? session_copy_text(&navigate->password) : NULL;
    job->navigate.layout_width_pt = navigate->layout_width_pt;
    job->navigate.layout_height_pt = navigate->layout_height_pt;
    job->navigate.layout_em_pt = navigate->layout_em_pt;
    job->navigate.size_bytes = navigate->size_bytes;
    job->navigate.shared_end = navigate->shared_buffer;
    return session_post(session, job);
}

static int session_on_measure(struct session *session, struct channel_message *message)
{
    struct paint_job *job = session_make_job(message);

    job->measure.page = message->to_renderer->measure->page;
    return session_post(session, job);
}

static int session_on_resize(struct session *session, struct channel_message *message)
{
    const Bulkhead__Resize *resize = message->to_renderer->resize;
    struct paint_job *job = session_make_job(message);

    job->fd = channel_message_take_fd(message, 0);
    job->resize.generation = resize->generation;
    job->resize.geometry = (struct frame_geometry){
        .width_px = resize->width_px,
        .height_px = resize->height_px,
        .stride_bytes = resize->stride_bytes,
        .buffer_count = resize->buffer_count,
    };
    return session_post(session, job);
}

static int session_on_paint(struct session *session, struct channel_message *message)
{
    const Bulkhead__Paint *paint = message->to_renderer->paint;
    struct paint_job *job = session_make_job(message);

    job->paint = (struct paint_view){
        .page = paint->page,
        .scale_x = paint->scale_x,
        .scale_y = paint->scale_y,
        .rotate_deg = paint->rotate_deg,
        .scroll_x_px = paint->scroll_x_px,
        .scroll_y_px = paint->scroll_y_px,
        .frames_per_second = paint->frames_per_second,
        .frame_limit = paint->frame_limit,
    };
    return session_post(session, job);
}

static int session_on_scroll(struct session *session, struct channel_message *message)
{
    struct paint_job *job = session_make_job(message);

    job->scroll.x_px = message->to_renderer->scroll->x_px;
    job->scroll.y_px = message->to_renderer->scroll->y_px;
    return session_post(session, job);
}

static int session_on_input(struct session *session, struct channel_message *message)
{
    const Bulkhead__Input *input = message->to_renderer->input;
    struct paint_job *job = session_make_job(message);

    job->input.kind = input->kind;
    job->input.code = input->code;
    job->input.x_px = input->x_px;
    job->input.y_px = input->y_px;
    return session_post(session, job);
}

static int session_on_release_buffer(struct session *session, struct channel_message *message)
{
    const Bulkhead__ReleaseBuffer *release = message->to_renderer->release_buffer;

    paint_thread_release_buffer(session->paint, release->generation, release->buffer);
    return 0;
}

static int session_on_open_file_reply(struct session *session, struct channel_message *message)
{
    const Bulkhead__OpenFileReply *reply = message->to_renderer->open_file_reply;

    paint_thread_file_reply(session->paint, message->to_renderer->request_id, reply->status,
                            channel_message_take_fd(message, 0), reply->size_bytes);
    return 0;
}

static int session_on_cancel(struct session *session, struct channel_message *message)
{
    paint_thread_cancel(session->paint, message->to_renderer->cancel->request_id);
    return 0;
}

static void session_send_progress(struct session *session, const struct paint_thread_status *status)
{
    Bulkhead__Progress message = BULKHEAD__PROGRESS__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;

    if (!status->has_progress)
        return;
    message.done = status->done;
    message.total = status->total;
    envelope.request_id = status->progress_request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PROGRESS;
    envelope.progress = &message;
    session_channel_queue(&session->channel, &envelope);
}

bool session_dispatch_watch_paint(struct session *session)
{
    struct paint_thread_status status;

    paint_thread_look(session->paint, &status);
    session_send_progress(session, &status);
    return status.wants_poll;
}

static int session_on_ping(struct session *session, struct channel_message *message)
{
    Bulkhead__Pong pong = BULKHEAD__PONG__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    struct paint_thread_status status;

    paint_thread_look(session->paint, &status);
    session_send_progress(session, &status);
    session_activity_report(&session->activity, &session->channel, 1);
    pong.beat = status.beat;
    pong.busy_request_id = status.busy_request_id;
    envelope.request_id = message->to_renderer->request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PONG;
    envelope.pong = &pong;
    session_channel_queue(&session->channel, &envelope);
    return 0;
}

static int session_on_crash_test(struct session *session, struct channel_message *message)
{
    Bulkhead__CrashTest__Kind kind = message->to_renderer->crash_test->kind;
    struct paint_job *job;

    if (crash_test_is_for_main_thread(kind)) {
        crash_test_run(kind, &session->channel);
        return 0;
    }
    job = session_make_job(message);
    job->crash_test.kind = kind;
    return session_post(session, job);
}

static int session_on_shutdown(struct session *session, struct channel_message *message)
{
    (void)message;
    session->is_told_to_go = true;
    return 0;
}

/* Fork is the zygote's: a renderer has no row for it. */
static const struct session_row {
    int (*handle)(struct session *session, struct channel_message *message);
    size_t min_fds, max_fds;
} session_rows[CODEC_TYPES] = {
    [BULKHEAD__TO_RENDERER__MESSAGE_WELCOME] = {session_on_welcome, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE] = {session_on_navigate, 0, 1},
    [BULKHEAD__TO_RENDERER__MESSAGE_MEASURE] = {session_on_measure, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_RESIZE] = {session_on_resize, 1, 1},
    [BULKHEAD__TO_RENDERER__MESSAGE_PAINT] = {session_on_paint, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_SCROLL] = {session_on_scroll, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_INPUT] = {session_on_input, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_RELEASE_BUFFER] = {session_on_release_buffer, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_OPEN_FILE_REPLY] = {session_on_open_file_reply, 0, 1},
    [BULKHEAD__TO_RENDERER__MESSAGE_CANCEL] = {session_on_cancel, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_PING] = {session_on_ping, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_CRASH_TEST] = {session_on_crash_test, 0, 0},
    [BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN] = {session_on_shutdown, 0, 0},
};

int session_dispatch(struct session *session, struct channel_message *message)
{
    const struct session_row *row = &session_rows[message->type];
    struct session_activity_entry entry = {
        .type = message->type,
        .request_id = message->to_renderer->request_id,
        .sent_ns = message->to_renderer->sent_ns,
    };
    int result;

    if (!row->handle || message->n_fds < row->min_fds || message->n_fds > row->max_fds) {
        log_write(LOG_ERROR, "renderer=%u msg=%s fds=%zu unexpected=1", session->renderer_id,
                  codec_type_name(&codec_to_renderer, message->type), message->n_fds);
        return -EPROTO;
    }
    entry.start_ns = clock_now_ns();
    result = row->handle(session, message);
    entry.end_ns = clock_now_ns();
    session_activity_add(&session->activity, &entry);
    return result;
}
