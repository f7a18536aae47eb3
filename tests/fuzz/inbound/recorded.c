#include "tests/fuzz/inbound/recorded.h"

#include <errno.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "broker/broker.h"
#include "broker/document/tab.h"
#include "broker/trace/recording.h"
#include "common/clock.h"
#include "tests/fuzz/inbound/fake_cell.h"
#include "tests/fuzz/inbound/insight.h"
#include "tests/fuzz/inbound/place.h"
#include "tests/fuzz/require.h"

enum { IDS = 256, TURNS = 3, END_MS = 10000 };

/* One renderer's life. */
struct play {
    struct broker *broker;
    struct document *document;
    struct tab *tab;
    struct insight insight;
    struct codec_arena arena;
    struct {
        uint64_t recorded, now;
    } ids[IDS]; // of requests, the last ones
    unsigned id_count;
    Bulkhead__Resize resize; // the last one recorded
    bool has_ended;
    struct recorded_facts *facts;
};

static void on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    (void)tab;
    require(info->page_count > 0);
    ((struct play *)userdata)->facts->infos++;
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    (void)tab;
    require(request_id > 0 && bounds->page < LIMIT_PAGES);
    ((struct play *)userdata)->facts->bounds++;
}

static void on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    struct play *play = userdata;

    require(frame == tab_frame(tab) && frame->geometry.width_px == play->insight.width_px);
    play->facts->frames++;
}

static void on_failed(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                      void *userdata)
{
    (void)tab;
    (void)request_id;
    (void)code;
    require(strchr(detail, 0x1b) == NULL);
    ((struct play *)userdata)->facts->failures++;
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct play *play = userdata;

    (void)tab;
    require(!play->has_ended && report->cause < EXIT_CAUSE_COUNT);
    play->has_ended = true;
    play->facts->ends[report->cause]++;
    play->facts->violation = report->violation;
}

static void turn(struct play *play)
{
    for (int i = 0; i < TURNS; i++)
        require(loop_run_once(broker_loop(play->broker), 0) == 0);
    insight_hear(&play->insight);
}

static void note_id(struct play *play, uint64_t recorded, uint64_t now)
{
    unsigned at = play->id_count++ % IDS;

    play->ids[at].recorded = recorded;
    play->ids[at].now = now;
}

/* An id that never was a request stays what it is: that may be the point of the recording. */
static uint64_t id_now(const struct play *play, uint64_t recorded)
{
    for (unsigned i = 0; i < IDS && i < play->id_count; i++)
        if (play->ids[i].recorded == recorded)
            return play->ids[i].now;
    return recorded;
}

static uint64_t paint_again(struct play *play, const Bulkhead__Paint *paint)
{
    const struct tab_view view = {.page = paint->page,
                                  .width_px = play->resize.width_px,
                                  .height_px = play->resize.height_px,
                                  .scale_x = paint->scale_x,
                                  .scale_y = paint->scale_y,
                                  .rotate_deg = paint->rotate_deg,
                                  .scroll_x_px = paint->scroll_x_px,
                                  .scroll_y_px = paint->scroll_y_px,
                                  .frames_per_second = paint->frames_per_second,
                                  .frame_limit = paint->frame_limit};
    int error = 0;

    return tab_paint(play->tab, &view, &error);
}

/* What the broker had asked. The navigation is the tab's own doing, and so are answers, pings and buffers given back.
 */
static void ask_again(struct play *play, const Bulkhead__ToRenderer *order)
{
    switch (order->message_case) {
    case BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE:
        note_id(play, order->request_id, insight_newest_request(&play->insight));
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_MEASURE:
        note_id(play, order->request_id, tab_measure(play->tab, order->measure->page));
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_RESIZE:
        play->resize = *order->resize;
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_PAINT:
        note_id(play, order->request_id, paint_again(play, order->paint));
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_SCROLL:
        note_id(play, order->request_id, tab_scroll(play->tab, order->scroll->x_px, order->scroll->y_px));
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_INPUT:
        tab_input(play->tab, order->input);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_CANCEL:
        tab_cancel(play->tab, id_now(play, order->cancel->request_id));
        break;
    default:
        break;
    }
}

static void say(const uint8_t *packet, size_t size_bytes)
{
    const struct fake_renderer *renderer = fake_cell_youngest();

    if (renderer != NULL && renderer->channel >= 0)
        (void)!send(renderer->channel, packet, size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say_again(struct play *play, const Bulkhead__ToBroker *message)
{
    static uint8_t packet[CHANNEL_PACKET_BYTES];
    uint32_t size_bytes = (uint32_t)bulkhead__to_broker__get_packed_size(message);

    require(size_bytes + sizeof(size_bytes) <= sizeof(packet));
    memcpy(packet, &size_bytes, sizeof(size_bytes));
    bulkhead__to_broker__pack(message, packet + sizeof(size_bytes));
    say(packet, sizeof(size_bytes) + size_bytes);
    play->facts->messages++;
}

static void make_timely(Bulkhead__Activity *activity)
{
    for (size_t i = 0; i < activity->n_handled; i++) {
        uint64_t now_ns = clock_now_ns();

        activity->handled[i]->sent_ns = activity->handled[i]->start_ns = activity->handled[i]->end_ns = now_ns;
    }
}

static void adapt(struct play *play, Bulkhead__ToBroker *message)
{
    /* A time after its arrival is a lie whenever it is told. */
    message->sent_ns = message->sent_ns > clock_now_ns() ? UINT64_MAX : 0;
    switch (message->message_case) {
    case BULKHEAD__TO_BROKER__MESSAGE_HELLO:
        message->hello->renderer_id = play->insight.renderer_id;
        break;
    case BULKHEAD__TO_BROKER__MESSAGE_ACTIVITY:
        make_timely(message->activity);
        break;
    case BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY:
        if (message->frame_ready->generation == play->resize.generation)
            message->frame_ready->generation = play->insight.generation;
        message->request_id = id_now(play, message->request_id);
        break;
    case BULKHEAD__TO_BROKER__MESSAGE_OPEN_FILE: /* its ids are the renderer's own */
        break;
    default:
        message->request_id = id_now(play, message->request_id);
    }
}

static void play_record(struct play *play, const struct recording_header *header, const uint8_t *bytes)
{
    const struct codec *codec = header->kind == RECORDING_TO_BROKER ? &codec_to_broker : &codec_to_renderer;
    ProtobufCMessage *envelope;

    if (header->kind == RECORDING_REFUSED) {
        say(bytes, header->size_bytes);
        play->facts->messages++;
        return;
    }
    if (codec_unpack(codec, &play->arena, bytes, header->size_bytes, &envelope) != VIOLATION_NONE ||
        (codec == &codec_to_broker && codec_type_of(envelope) == BULKHEAD__TO_BROKER__MESSAGE_PONG)) {
        play->facts->left_out++;
        return;
    }
    if (codec == &codec_to_renderer) {
        ask_again(play, (const Bulkhead__ToRenderer *)envelope);
        return;
    }
    adapt(play, (Bulkhead__ToBroker *)envelope);
    say_again(play, (const Bulkhead__ToBroker *)envelope);
}

/* A renderer that was refused is not read any more; its end comes when the kernel has ended it. */
static bool is_refused(struct play *play)
{
    const struct fake_renderer *renderer = fake_cell_youngest();
    Bulkhead__Log log = BULKHEAD__LOG__INIT;
    Bulkhead__ToBroker message = BULKHEAD__TO_BROKER__INIT;
    int unread_bytes = 0;

    message.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    message.log = &log;
    say_again(play, &message);
    play->facts->messages--;
    turn(play);
    return renderer != NULL && ioctl(renderer->channel, SIOCOUTQ, &unread_bytes) == 0 && unread_bytes > 0;
}

static void hear_its_end(struct play *play)
{
    uint64_t deadline_ms = clock_now_ms() + END_MS;

    while (!play->has_ended) {
        require(clock_now_ms() < deadline_ms);
        require(loop_run_once(broker_loop(play->broker), END_MS) == 0);
    }
}

static void play_open(struct play *play, const char *location)
{
    static const struct tab_listener listener = {
        .info = on_info, .bounds = on_bounds, .frame = on_frame, .failed = on_failed, .ended = on_ended};
    const struct broker_options options = {.no_crash_reports = true};
    const struct tab_options tab_options = {0};

    require(broker_create(&options, NULL, NULL, &play->broker) == 0);
    require(document_open(location, &play->document) == DOCUMENT_OK);
    fake_cell_next_birth(FAKE_BIRTH_LIVES);
    require(tab_open(play->broker, play->document, &tab_options, &listener, play, &play->tab) == 0);
    require(codec_arena_init(&play->arena) == 0);
    turn(play);
}

static void play_close(struct play *play)
{
    tab_close(play->tab);
    document_unref(play->document);
    insight_leave(&play->insight);
    broker_destroy(play->broker);
    require(fake_cell_all_reaped());
    fake_cell_forget();
    codec_arena_fini(&play->arena);
}

static void play_peer(const uint8_t *data, size_t size_bytes, uint32_t peer, const char *location,
                      struct recorded_facts *facts)
{
    struct play play = {.facts = facts};
    struct recording_header header;
    const uint8_t *bytes;
    size_t at = 0;

    facts->renderers++;
    play_open(&play, location);
    while (!play.has_ended && recording_next(data, size_bytes, &at, &header, &bytes) > 0) {
        if (header.peer != peer)
            continue;
        play_record(&play, &header, bytes);
        turn(&play);
    }
    if (!play.has_ended && is_refused(&play))
        hear_its_end(&play);
    play_close(&play);
}

/* Where to play what was navigated to: scenes have no file, all files are as good as one here. */
static const char *location_of(const uint8_t *bytes, size_t size_bytes, char out[64])
{
    Bulkhead__ToRenderer *order = bulkhead__to_renderer__unpack(NULL, size_bytes, bytes);
    const char *location = NULL;

    if (order != NULL && order->message_case == BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE) {
        size_t length = order->navigate->url.len < 63 ? order->navigate->url.len : 63;
        if (length > 0)
            memcpy(out, order->navigate->url.data, length);
        out[length] = '\0';
        location = strncmp(out, "about:", 6) == 0 ? out : place_document();
    }
    if (order != NULL)
        bulkhead__to_renderer__free_unpacked(order, NULL);
    return location;
}

int recorded_play(const uint8_t *data, size_t size_bytes, struct recorded_facts *ret_facts)
{
    struct recorded_facts facts = {0};
    struct recording_header header;
    const uint8_t *bytes;
    size_t at = 0;
    int result;

    while ((result = recording_next(data, size_bytes, &at, &header, &bytes)) > 0) {
        char storage[64];
        const char *location =
            header.kind == RECORDING_TO_RENDERER ? location_of(bytes, header.size_bytes, storage) : NULL;

        if (location != NULL)
            play_peer(data, size_bytes, header.peer, location, &facts);
    }
    if (result == 0)
        *ret_facts = facts;
    return result;
}
