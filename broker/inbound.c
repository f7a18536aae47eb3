/* What a renderer may say, row by row, and what is done about it. A handler may assume its row's state; ids and numbers
 * it checks itself. Late answers (superseded, cancelled) are no crime; answers to what was never asked are. */
#include "broker/inbound.h"

#include <stdio.h>

#include "broker/renderer_private.h"
#include "broker/trace/trace.h"
#include "broker/trace/trace_messages.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

enum { FILES_UNREAD_MAX = 32, NS_PER_MS = 1000000 };

/* When it came, not when it is looked at: the clock costs as much as the rest of a handler. */
static void heard(struct renderer *renderer, const struct channel_message *message)
{
    watchdog_heard(&renderer->watchdog, message->received_ns / NS_PER_MS);
}

static enum violation on_hello(struct renderer *renderer, const struct channel_message *message)
{
    const Bulkhead__Hello *hello = message->to_broker->hello;
    if (hello->protocol_version != PROTOCOL_VERSION)
        return VIOLATION_WRONG_VERSION;
    if (hello->renderer_id != renderer->id)
        return VIOLATION_WRONG_RENDERER_ID;
    renderer->state = RENDERER_IDLE;
    layers_take_hello(renderer->layers, hello);
    watchdog_init(&renderer->watchdog, clock_now_ms());
    renderer->owner->idle(renderer, hello, renderer->owner_data);
    return VIOLATION_NONE;
}

static enum violation on_document_info(struct renderer *renderer, const struct channel_message *message)
{
    const Bulkhead__ToBroker *envelope = message->to_broker;
    const struct request *request = requests_find(&renderer->requests, envelope->request_id);
    if (request == NULL || request->type != BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE)
        return VIOLATION_UNKNOWN_REQUEST;
    if (envelope->document_info->page_count == 0 || envelope->document_info->page_count > LIMIT_PAGES)
        return VIOLATION_BAD_PAGE;
    requests_close(&renderer->requests, envelope->request_id);
    heard(renderer, message);
    text_escape(renderer->format, sizeof renderer->format, envelope->document_info->format.data,
                envelope->document_info->format.len);
    if (renderer->state != RENDERER_ENDING)
        renderer->state = RENDERER_LIVE;
    if (renderer->client == NULL)
        return VIOLATION_NONE;
    return renderer->client->document_info(renderer, envelope->document_info, renderer->client_data);
}

static enum violation on_page_info(struct renderer *renderer, const struct channel_message *message)
{
    const Bulkhead__ToBroker *envelope = message->to_broker;
    const struct request *request = requests_find(&renderer->requests, envelope->request_id);
    if (request == NULL || request->type != BULKHEAD__TO_RENDERER__MESSAGE_MEASURE)
        return VIOLATION_UNKNOWN_REQUEST;
    if (envelope->page_info->page != request->page)
        return VIOLATION_BAD_PAGE;
    requests_close(&renderer->requests, envelope->request_id);
    heard(renderer, message);
    if (renderer->client == NULL)
        return VIOLATION_NONE;
    return renderer->client->page_info(renderer, envelope->request_id, envelope->page_info, renderer->client_data);
}

static enum violation on_frame_ready(struct renderer *renderer, const struct channel_message *message)
{
    uint64_t id = message->to_broker->request_id;
    uint32_t page;
    if (!requests_is_paint(&renderer->requests, id))
        return VIOLATION_UNKNOWN_REQUEST;
    if (requests_paint_page(&renderer->requests, id, &page) && message->to_broker->frame_ready->page != page)
        return VIOLATION_BAD_PAGE;
    const struct request *request = requests_find(&renderer->requests, id);
    if (request != NULL && !request->is_endless)
        requests_close(&renderer->requests, id);
    heard(renderer, message);
    if (renderer->client == NULL)
        return VIOLATION_NONE;
    return renderer->client->frame_ready(renderer, message, renderer->client_data);
}

/* Files granted and not fetched count against the whole user: a few renderers that leave theirs in the socket would
 * keep the broker from handing fds to anyone (ETOOMANYREFS). An honest engine asks for one and waits for it. */
static bool leaves_files_unread(struct renderer *renderer)
{
    if (peer_has_read_all(renderer->peer))
        renderer->files_unread = 0;
    return ++renderer->files_unread > FILES_UNREAD_MAX;
}

static enum violation on_open_file(struct renderer *renderer, const struct channel_message *message)
{
    if (renderer->client == NULL)
        return VIOLATION_NONE;
    if (leaves_files_unread(renderer))
        return VIOLATION_NOT_READING;
    heard(renderer, message);
    return renderer->client->open_file(renderer, message->to_broker->request_id, message->to_broker->open_file,
                                       renderer->client_data);
}

static enum violation on_progress(struct renderer *renderer, const struct channel_message *message)
{
    const Bulkhead__ToBroker *envelope = message->to_broker;
    /* Progress of a request that was answered or superseded meanwhile is late, not hostile; of one never made, it is.
     */
    if (envelope->request_id == 0 || envelope->request_id >= renderer->requests.next_id)
        return VIOLATION_UNKNOWN_REQUEST;
    struct request *request = requests_find(&renderer->requests, envelope->request_id);
    if (request == NULL)
        return VIOLATION_NONE;
    heard(renderer, message);
    if (renderer->client == NULL)
        return VIOLATION_NONE;
    return renderer->client->progress(renderer, request->id, envelope->progress, renderer->client_data);
}

static enum violation on_pong(struct renderer *renderer, const struct channel_message *message)
{
    const Bulkhead__ToBroker *envelope = message->to_broker;
    uint64_t now = clock_now_ms();
    uint64_t sent = renderer->watchdog.ping_sent_ms;
    if (!watchdog_ponged(&renderer->watchdog, envelope->request_id, envelope->pong->beat,
                         envelope->pong->busy_request_id, now))
        return VIOLATION_UNKNOWN_REQUEST;
    histogram_add(&renderer->ping_times, (now - sent) * 1000000);
    return VIOLATION_NONE;
}

static enum violation on_log(struct renderer *renderer, const struct channel_message *message)
{
    const Bulkhead__Log *text = message->to_broker->log;
    enum log_level level = text->level == BULKHEAD__LOG__LEVEL__WARNING ? LOG_WARNING
                           : text->level == BULKHEAD__LOG__LEVEL__INFO  ? LOG_INFO
                                                                        : LOG_DEBUG;
    if (level >= log_get_level() && peer_may_log(renderer->peer, text->text.len))
        log_peer(level, text->text.data, text->text.len, "renderer=%u pid=%d", renderer->id,
                 (int)peer_pid(renderer->peer));
    return VIOLATION_NONE;
}

static enum violation on_error(struct renderer *renderer, const struct channel_message *message)
{
    const Bulkhead__ToBroker *envelope = message->to_broker;
    if (envelope->request_id == 0 || envelope->request_id >= renderer->requests.next_id)
        return VIOLATION_UNKNOWN_REQUEST;
    const struct request *request = requests_find(&renderer->requests, envelope->request_id);
    if (request == NULL)
        return VIOLATION_NONE; /* a paint superseded while it failed */
    unsigned type = request->type;
    requests_close(&renderer->requests, envelope->request_id);
    heard(renderer, message);
    if (type == BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE && renderer->state != RENDERER_ENDING)
        renderer->state = RENDERER_IDLE;
    if (renderer->client == NULL)
        return VIOLATION_NONE;
    return renderer->client->error(renderer, envelope->request_id, type, envelope->error, renderer->client_data);
}

static void trace_handled(struct renderer *renderer, const Bulkhead__Handled *handled)
{
    struct trace *trace = broker_trace(renderer->broker);
    char name[64];
    pid_t pid = peer_pid(renderer->peer);
    if (trace == NULL)
        return;
    if (handled->type == 0) {
        snprintf(name, sizeof name, "engine.%.*s", (int)handled->label.len, (const char *)handled->label.data);
        trace_slice(trace, pid, 1, name, handled->start_ns, handled->end_ns, 0, 0);
        return;
    }
    snprintf(name, sizeof name, "ipc.%s", codec_type_name(&codec_to_renderer, handled->type));
    trace_slice(trace, pid, 0, name, handled->start_ns, handled->end_ns, 0,
                trace_messages_flow(pid, false, handled->sent_ns));
}

static enum violation on_activity(struct renderer *renderer, const struct channel_message *message)
{
    const Bulkhead__Activity *activity = message->to_broker->activity;
    if (activity->n_handled > LIMIT_HANDLED)
        return VIOLATION_TOO_MANY_ELEMENTS;
    for (size_t i = 0; i < activity->n_handled; i++) {
        const Bulkhead__Handled *handled = activity->handled[i];
        if (handled->end_ns < handled->start_ns || handled->end_ns > message->received_ns)
            return VIOLATION_BAD_TIMESTAMP;
        if (handled->type != 0) {
            if (codec_type_name(&codec_to_renderer, handled->type) == NULL)
                return VIOLATION_BAD_NUMBER;
            if (handled->sent_ns > handled->start_ns || handled->sent_ns < renderer->created_ns)
                return VIOLATION_BAD_TIMESTAMP;
            counter_add_latency(&peer_counters(renderer->peer)->to_renderer[handled->type],
                                handled->start_ns - handled->sent_ns);
        }
        trace_handled(renderer, handled);
    }
    return VIOLATION_NONE;
}

static enum violation on_crashing(struct renderer *renderer, const struct channel_message *message)
{
    if (renderer->crashing_ns != 0)
        return VIOLATION_NONE; /* said once it is said */
    renderer->crashing_ns = message->received_ns;
    log_write(LOG_INFO, "renderer=%u pid=%d hint=crashing", renderer->id, (int)peer_pid(renderer->peer));
    return VIOLATION_NONE;
}

#define STATE(name) (1u << RENDERER_##name)
enum {
    STATES_ENDING = STATE(ENDING), /* last words count as long as it is not condemned */
    STATES_HELLO = STATE(STARTING),
    STATES_UP = STATE(IDLE) | STATE(LOADING) | STATE(LIVE) | STATES_ENDING,
    STATES_DOCUMENT = STATE(LOADING) | STATE(LIVE) | STATES_ENDING,
};

const struct inbound_row inbound_rows[CODEC_TYPES] = {
    [BULKHEAD__TO_BROKER__MESSAGE_HELLO] = {STATES_HELLO, on_hello},
    [BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO] = {STATE(LOADING) | STATES_ENDING, on_document_info},
    [BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO] = {STATE(LIVE) | STATES_ENDING, on_page_info},
    [BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY] = {STATE(LIVE) | STATES_ENDING, on_frame_ready},
    [BULKHEAD__TO_BROKER__MESSAGE_OPEN_FILE] = {STATES_DOCUMENT, on_open_file},
    [BULKHEAD__TO_BROKER__MESSAGE_PROGRESS] = {STATES_DOCUMENT, on_progress},
    [BULKHEAD__TO_BROKER__MESSAGE_PONG] = {STATES_UP, on_pong},
    [BULKHEAD__TO_BROKER__MESSAGE_LOG] = {STATES_HELLO | STATES_UP, on_log},
    [BULKHEAD__TO_BROKER__MESSAGE_ERROR] = {STATES_UP, on_error},
    [BULKHEAD__TO_BROKER__MESSAGE_ACTIVITY] = {STATES_UP, on_activity},
    [BULKHEAD__TO_BROKER__MESSAGE_CRASHING] = {STATES_HELLO | STATES_UP, on_crashing},
};

enum violation inbound_dispatch(struct renderer *renderer, const struct channel_message *message)
{
    const struct inbound_row *row = &inbound_rows[message->type];
    if (row->handle == NULL || (row->states & 1u << renderer->state) == 0)
        return VIOLATION_WRONG_STATE;
    /* What is said to be sent before there was anyone to send it spoils every figure made of it. */
    if (message->to_broker->sent_ns != 0 && message->to_broker->sent_ns < renderer->created_ns)
        return VIOLATION_BAD_TIMESTAMP;
    return row->handle(renderer, message);
}
