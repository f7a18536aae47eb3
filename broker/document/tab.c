#include "broker/document/tab.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_private.h"
#include "broker/document/file_access.h"
#include "broker/renderer.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/text.h"

enum {
    BACKOFF_MAX_MS = 8000,
    /* A renderer that lived as long as this with its document: the next reload starts the back-off anew. */
    CALM_MS = 10000,
};

struct tab {
    struct broker *broker;
    struct document *document;
    const struct tab_listener *listener;
    void *userdata;
    struct tab_options options; // password owned
    char *password;
    enum tab_state state;
    struct renderer *renderer;    // NULL while there is none
    struct renderer_claim *claim; // while waiting for one
    struct frame_store *frames;
    struct tab_info info;
    bool has_info, has_view, has_end, is_scene_running;
    struct tab_view view; // the last one asked for; repainted after a reload
    struct exit_report last_end;
    struct counters past; // of renderers that ended
    struct histogram past_pings;
    uint64_t frames_received, skipped_now, skipped_past;
    uint32_t files_asked;
    struct loop_source *backoff;
    uint32_t backoff_ms;
    uint64_t live_since_ms; // 0 = not live
    unsigned busy;          // depth of callbacks under way: a tab closed inside one is freed when it returns
};

const char *tab_state_name(enum tab_state state)
{
    switch (state) {
    case TAB_STARTING:
        return "starting";
    case TAB_LOADING:
        return "loading";
    case TAB_LIVE:
        return "live";
    case TAB_UNRESPONSIVE:
        return "unresponsive";
    case TAB_FAILED:
        return "failed";
    case TAB_SAD:
        return "sad";
    case TAB_QUARANTINED:
        return "quarantined";
    case TAB_CLOSED:
        return "closed";
    }
    return "unknown";
}

static void enter(struct tab *tab)
{
    tab->busy++;
}

static void leave(struct tab *tab)
{
    if (--tab->busy == 0 && tab->state == TAB_CLOSED)
        free(tab);
}

static void set_state(struct tab *tab, enum tab_state state)
{
    tab->state = state;
    if (tab->listener->state != NULL)
        tab->listener->state(tab, state, tab->userdata);
}

static uint64_t send_request(struct tab *tab, Bulkhead__ToRenderer *envelope, bool is_endless)
{
    if (tab->renderer == NULL || (tab->state != TAB_LIVE && tab->state != TAB_UNRESPONSIVE))
        return 0;
    return renderer_request(tab->renderer, envelope, is_endless, NULL, 0);
}

static void release_buffer(struct tab *tab, uint32_t generation, uint32_t buffer)
{
    if (tab->renderer == NULL)
        return;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__ReleaseBuffer release = BULKHEAD__RELEASE_BUFFER__INIT;
    release.generation = generation;
    release.buffer = buffer;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_RELEASE_BUFFER;
    envelope.release_buffer = &release;
    renderer_tell(tab->renderer, &envelope, NULL, 0);
}

/* Finite and within what any page can be; NaN and infinity were refused by the codec. */
static bool is_length(float points)
{
    return points >= -1e6f && points <= 1e6f;
}

/* Only what is news is said: a page that is painted again complains again. */
static enum violation take_warnings(struct tab *tab, Bulkhead__Warning *const *list, size_t count, uint32_t left_out,
                                    uint32_t page_count)
{
    struct document_warnings *warnings = document_warnings(tab->document);
    size_t news;
    enum violation violation = document_warnings_take(warnings, list, count, left_out, page_count, &news);
    if (violation != VIOLATION_NONE || news == 0)
        return violation;
    char text[384];
    document_warnings_format(text, sizeof text, document_warnings_damage(warnings, warnings->damage_count - news),
                             news - 1);
    broker_say(tab->broker, "%s: warning: %s", document_name(tab->document), text);
    return VIOLATION_NONE;
}

static enum violation on_document_info(struct renderer *renderer, const Bulkhead__DocumentInfo *info, void *userdata)
{
    (void)renderer;
    struct tab *tab = userdata;
    if (!is_length(info->page_width_pt) || !is_length(info->page_height_pt))
        return VIOLATION_BAD_GEOMETRY;
    enum violation violation =
        take_warnings(tab, info->warnings, info->n_warnings, info->warnings_left_out, info->page_count);
    if (violation != VIOLATION_NONE)
        return violation;
    tab->has_info = true;
    text_escape(tab->info.format, sizeof tab->info.format, info->format.data, info->format.len);
    text_escape(tab->info.title, sizeof tab->info.title, info->title.data, info->title.len);
    tab->info.page_count = info->page_count;
    tab->info.reflowable = info->reflowable;
    tab->info.animated = info->animated;
    tab->info.page_width_pt = info->page_width_pt;
    tab->info.page_height_pt = info->page_height_pt;
    tab->live_since_ms = clock_now_ms();
    tab->state = TAB_LIVE;
    if (tab->has_view) {
        int ignored;
        tab_paint(tab, &tab->view, &ignored);
    }
    enter(tab);
    set_state(tab, TAB_LIVE);
    if (tab->state == TAB_LIVE && tab->listener->info != NULL)
        tab->listener->info(tab, &tab->info, tab->userdata);
    leave(tab);
    return VIOLATION_NONE;
}

static enum violation on_page_info(struct renderer *renderer, uint64_t request_id, const Bulkhead__PageInfo *info,
                                   void *userdata)
{
    (void)renderer;
    struct tab *tab = userdata;
    if (info->page >= tab->info.page_count)
        return VIOLATION_BAD_PAGE;
    if (!is_length(info->x0_pt) || !is_length(info->y0_pt) || !is_length(info->x1_pt) || !is_length(info->y1_pt))
        return VIOLATION_BAD_GEOMETRY;
    enum violation violation =
        take_warnings(tab, info->warnings, info->n_warnings, info->warnings_left_out, tab->info.page_count);
    if (violation != VIOLATION_NONE)
        return violation;
    struct tab_bounds bounds = {info->page, info->x0_pt, info->y0_pt, info->x1_pt, info->y1_pt};
    enter(tab);
    if (tab->listener->bounds != NULL)
        tab->listener->bounds(tab, request_id, &bounds, tab->userdata);
    leave(tab);
    return VIOLATION_NONE;
}

static enum violation on_frame_ready(struct renderer *renderer, const struct channel_message *message, void *userdata)
{
    (void)renderer;
    struct tab *tab = userdata;
    const Bulkhead__ToBroker *envelope = message->to_broker;
    const Bulkhead__FrameReady *ready = envelope->frame_ready;
    const struct frame facts = {
        .received_ns = message->received_ns, .sent_ns = envelope->sent_ns, .request_id = envelope->request_id};
    uint32_t released[FRAME_BUFFERS], count;
    bool is_stale;
    enum violation violation =
        take_warnings(tab, ready->warnings, ready->n_warnings, ready->warnings_left_out, tab->info.page_count);
    if (violation == VIOLATION_NONE)
        violation = frame_store_accept(tab->frames, ready, &facts, released, &count, &is_stale);
    if (violation != VIOLATION_NONE)
        return violation;
    for (uint32_t i = 0; i < count; i++)
        release_buffer(tab, ready->generation, released[i]);
    if (is_stale)
        return VIOLATION_NONE;
    tab->frames_received++;
    tab->skipped_now = ready->skipped;
    enter(tab);
    if (tab->listener->frame != NULL)
        tab->listener->frame(tab, frame_store_latest(tab->frames), tab->userdata);
    leave(tab);
    return VIOLATION_NONE;
}

static Bulkhead__OpenFileReply__Status open_for(struct tab *tab, const Bulkhead__OpenFile *request, int *ret_fd,
                                                uint64_t *ret_size_bytes)
{
    const struct policy *policy = broker_policy(tab->broker);
    if (!policy->files_allowed)
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__DISABLED;
    if (tab->files_asked >= policy->files_per_document || document_trail_is_full(tab->document))
        return BULKHEAD__OPEN_FILE_REPLY__STATUS__TOO_MANY;
    tab->files_asked++;
    return file_access_open(document_directory_fd(tab->document), request->path.data, request->path.len,
                            policy->file_limit_bytes, ret_fd, ret_size_bytes);
}

static enum violation on_open_file(struct renderer *renderer, uint64_t request_id, const Bulkhead__OpenFile *request,
                                   void *userdata)
{
    struct tab *tab = userdata;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__OpenFileReply reply = BULKHEAD__OPEN_FILE_REPLY__INIT;
    int fd = -1;
    reply.status = open_for(tab, request, &fd, &reply.size_bytes);
    document_record_grant(tab->document, request->path.data, request->path.len, reply.status, reply.size_bytes);
    char path[128];
    text_escape(path, sizeof path, request->path.data, request->path.len);
    log_write(LOG_INFO, "renderer=%u open_file=\"%s\" status=\"%s\"", renderer_id(renderer), path,
              document_grant_status_name(reply.status));
    if (reply.status != BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED)
        broker_say(tab->broker, "%s asked for %s: refused, %s", document_name(tab->document), path,
                   document_grant_status_name(reply.status));
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_OPEN_FILE_REPLY;
    envelope.open_file_reply = &reply;
    renderer_tell(renderer, &envelope, &fd, fd >= 0 ? 1 : 0);
    return VIOLATION_NONE;
}

static enum violation on_progress(struct renderer *renderer, uint64_t request_id, const Bulkhead__Progress *progress,
                                  void *userdata)
{
    (void)renderer;
    struct tab *tab = userdata;
    enter(tab);
    if (tab->listener->progress != NULL)
        tab->listener->progress(tab, request_id, progress->done, progress->total, tab->userdata);
    leave(tab);
    return VIOLATION_NONE;
}

static enum violation on_error(struct renderer *renderer, uint64_t request_id, unsigned request_type,
                               const Bulkhead__Error *error, void *userdata)
{
    (void)renderer;
    struct tab *tab = userdata;
    char detail[LIMIT_DETAIL_BYTES];
    text_escape(detail, sizeof detail, error->detail.data, error->detail.len);
    bool is_navigation = request_type == BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE;
    enter(tab);
    if (is_navigation)
        set_state(tab, TAB_FAILED);
    if (tab->state != TAB_CLOSED && tab->listener->failed != NULL)
        tab->listener->failed(tab, is_navigation ? 0 : request_id, error->code, detail, tab->userdata);
    leave(tab);
    return VIOLATION_NONE;
}

static void on_unresponsive(struct renderer *renderer, bool is_unresponsive, void *userdata)
{
    (void)renderer;
    struct tab *tab = userdata;
    if (is_unresponsive)
        broker_say(tab->broker, "%s does not answer", document_name(tab->document));
    enum tab_state state = is_unresponsive ? TAB_UNRESPONSIVE : TAB_LIVE;
    enter(tab);
    if (tab->state != state && (tab->state == TAB_LIVE || tab->state == TAB_UNRESPONSIVE))
        set_state(tab, state);
    leave(tab);
}

static int on_backoff(struct loop_source *source, void *userdata)
{
    (void)source;
    struct tab *tab = userdata;
    loop_source_remove(&tab->backoff);
    tab_reload(tab, false);
    return 0;
}

static void reload_later(struct tab *tab)
{
    if (tab->live_since_ms != 0 && clock_now_ms() - tab->live_since_ms >= CALM_MS)
        tab->backoff_ms = 0;
    tab->live_since_ms = 0;
    tab->backoff_ms = tab->backoff_ms == 0 ? broker_policy(tab->broker)->reload_backoff_ms : tab->backoff_ms * 2;
    if (tab->backoff_ms > BACKOFF_MAX_MS)
        tab->backoff_ms = BACKOFF_MAX_MS;
    if (loop_add_timer(broker_loop(tab->broker), on_backoff, tab, &tab->backoff) == 0)
        loop_timer_set(tab->backoff, clock_now_ms() + tab->backoff_ms);
}

static void forget_renderer(struct tab *tab)
{
    if (tab->renderer != NULL) {
        counters_merge(&tab->past, renderer_counters(tab->renderer));
        histogram_merge(&tab->past_pings, renderer_ping_times(tab->renderer));
    }
    tab->skipped_past += tab->skipped_now;
    tab->skipped_now = 0;
    tab->renderer = NULL;
    tab->files_asked = 0;
    frame_store_detach(tab->frames);
}

static void on_ended(struct renderer *renderer, const struct exit_report *report, void *userdata)
{
    (void)renderer;
    struct tab *tab = userdata;
    forget_renderer(tab);
    tab->last_end = *report;
    tab->has_end = true;
    uint32_t ends = 0;
    if (exit_cause_is_bad(report->cause))
        ends = quarantine_note(broker_quarantine(tab->broker), document_identity(tab->document), clock_now_ms());
    bool is_quarantined = ends >= broker_policy(tab->broker)->quarantine_ends;
    broker_say(tab->broker, "%s: renderer %u (pid %d) %s", document_name(tab->document), report->renderer_id,
               (int)report->pid, report->summary);
    if (tab->options.auto_reload && !is_quarantined)
        reload_later(tab);
    enter(tab);
    set_state(tab, is_quarantined ? TAB_QUARANTINED : TAB_SAD);
    if (tab->state != TAB_CLOSED && tab->listener->ended != NULL)
        tab->listener->ended(tab, report, tab->userdata);
    leave(tab);
}

static const struct renderer_client client = {
    .document_info = on_document_info,
    .page_info = on_page_info,
    .frame_ready = on_frame_ready,
    .open_file = on_open_file,
    .progress = on_progress,
    .error = on_error,
    .unresponsive = on_unresponsive,
    .ended = on_ended,
};

/* The file is open here, but the renderer could not be given it: our own shortage, nothing of the document's. */
static void fail_navigation(struct tab *tab, int error)
{
    char detail[128];
    snprintf(detail, sizeof detail, "it cannot be handed to a renderer: %s", strerror(-error));
    set_state(tab, TAB_FAILED);
    if (tab->state != TAB_CLOSED && tab->listener->failed != NULL)
        tab->listener->failed(tab, 0, BULKHEAD__ERROR__CODE__UNKNOWN, detail, tab->userdata);
}

/* What goes with the order: the file, a page's end of the shared buffer, or nothing. 0 or -errno. */
static int make_fd(struct tab *tab, Bulkhead__Navigate__SharedBuffer *ret_end, int *ret_fd)
{
    if (document_url(tab->document)[0] != '\0')
        return shared_buffer_hand_out(broker_shared_buffer(tab->broker), document_shared_end(tab->document),
                                      renderer_id(tab->renderer), ret_end, ret_fd);
    int fd = document_dup_fd(tab->document);
    if (fd < 0)
        return fd;
    *ret_end = BULKHEAD__NAVIGATE__SHARED_BUFFER__NONE;
    *ret_fd = fd;
    return 0;
}

static void navigate(struct tab *tab)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Navigate order = BULKHEAD__NAVIGATE__INIT;
    const char *url = document_url(tab->document);
    int fd = -1, error = make_fd(tab, &order.shared_buffer, &fd);
    if (error < 0) {
        fail_navigation(tab, error);
        return;
    }
    order.url = codec_bytes(url, strlen(url));
    if (tab->password != NULL)
        order.password = codec_bytes(tab->password, strlen(tab->password));
    order.layout_width_pt = tab->options.layout_width_pt;
    order.layout_height_pt = tab->options.layout_height_pt;
    order.layout_em_pt = tab->options.layout_em_pt;
    order.size_bytes = document_size_bytes(tab->document);
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE;
    envelope.navigate = &order;
    renderer_request(tab->renderer, &envelope, false, &fd, fd >= 0 ? 1 : 0);
    set_state(tab, TAB_LOADING);
}

static void on_claimed(struct renderer *renderer, const char *why, void *userdata)
{
    struct tab *tab = userdata;
    tab->claim = NULL;
    if (renderer == NULL) {
        struct exit_report report = {.cause = EXIT_CAUSE_KILLED_BY_BROKER, .noticed_ns = clock_now_ns()};
        snprintf(report.summary, sizeof report.summary, "%s", why);
        tab->last_end = report;
        tab->has_end = true;
        enter(tab);
        set_state(tab, TAB_SAD);
        if (tab->state != TAB_CLOSED && tab->listener->ended != NULL)
            tab->listener->ended(tab, &report, tab->userdata);
        leave(tab);
        return;
    }
    tab->renderer = renderer;
    renderer_attach(renderer, &client, tab, tab->document, tab->options.timeout_ms);
    enter(tab);
    navigate(tab);
    leave(tab);
}

/* For a caller that has entered the tab. */
static int claim_renderer(struct tab *tab)
{
    struct renderer_claim *claim;
    tab->state = TAB_STARTING;
    int error = renderer_pool_claim(broker_pool(tab->broker), on_claimed, tab, &claim);
    if (error == 0)
        tab->claim = claim; /* NULL if it was served at once */
    if (error < 0 && tab->state == TAB_STARTING)
        tab->state = TAB_SAD;
    return error;
}

/* All but the memory of the tab itself, which may still be in use further up the stack. */
static void close_down(struct tab *tab)
{
    static const struct tab_listener nobody = {0};
    tab->state = TAB_CLOSED;
    tab->listener = &nobody;
    if (tab->claim != NULL)
        renderer_pool_cancel(broker_pool(tab->broker), tab->claim);
    if (tab->renderer != NULL)
        renderer_close(tab->renderer, KILL_CLOSED);
    loop_source_remove(&tab->backoff);
    frame_store_destroy(tab->frames);
    counters_fini(&tab->past);
    document_unref(tab->document);
    if (tab->password != NULL)
        explicit_bzero(tab->password, strlen(tab->password));
    free(tab->password);
}

int tab_open(struct broker *broker, struct document *document, const struct tab_options *options,
             const struct tab_listener *listener, void *userdata, struct tab **ret_tab)
{
    struct tab *tab = calloc(1, sizeof *tab);
    if (tab == NULL)
        return -ENOMEM;
    tab->broker = broker;
    tab->document = document_ref(document);
    tab->listener = listener;
    tab->userdata = userdata;
    tab->options = *options;
    tab->options.password = NULL;
    counters_init(&tab->past);
    int error = frame_store_create(&tab->frames);
    if (error == 0 && options->password != NULL && (tab->password = strdup(options->password)) == NULL)
        error = -ENOMEM;
    enter(tab);
    if (error == 0) {
        *ret_tab = tab; /* callbacks may come before we return */
        error = claim_renderer(tab);
    }
    if (error < 0 && tab->state != TAB_CLOSED)
        close_down(tab);
    leave(tab);
    return error;
}

void tab_close(struct tab *tab)
{
    if (tab == NULL)
        return;
    close_down(tab);
    if (tab->busy == 0)
        free(tab);
}

uint64_t tab_measure(struct tab *tab, uint32_t page)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Measure measure = BULKHEAD__MEASURE__INIT;
    measure.page = page;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_MEASURE;
    envelope.measure = &measure;
    return send_request(tab, &envelope, false);
}

/* Gives the renderer frame memory of this size unless it has it already. */
static int resize(struct tab *tab, uint32_t width_px, uint32_t height_px)
{
    struct frame_geometry wanted, present;
    uint32_t buffers = tab->options.paint_buffers != 0 ? tab->options.paint_buffers : FRAME_BUFFERS;
    if (!frame_geometry_make(width_px, height_px, buffers, &wanted))
        return -EOVERFLOW;
    if (frame_store_geometry(tab->frames, &present) && memcmp(&present, &wanted, sizeof wanted) == 0)
        return 0;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Resize order = BULKHEAD__RESIZE__INIT;
    int fd = -1;
    int error = frame_store_resize(tab->frames, &wanted, &fd, &order.generation);
    if (error < 0)
        return error;
    order.width_px = wanted.width_px;
    order.height_px = wanted.height_px;
    order.stride_bytes = wanted.stride_bytes;
    order.buffer_count = wanted.buffer_count;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_RESIZE;
    envelope.resize = &order;
    renderer_note_frames(tab->renderer, frame_store_held_bytes(tab->frames));
    renderer_tell(tab->renderer, &envelope, &fd, 1);
    return 0;
}

uint64_t tab_paint(struct tab *tab, const struct tab_view *view, int *ret_error)
{
    *ret_error = 0;
    if (view != &tab->view)
        tab->view = *view;
    tab->has_view = true;
    if (tab->renderer == NULL || (tab->state != TAB_LIVE && tab->state != TAB_UNRESPONSIVE))
        return 0; /* painted once it is live */
    int error = resize(tab, view->width_px, view->height_px);
    if (error < 0) {
        *ret_error = error;
        return 0;
    }
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Paint paint = BULKHEAD__PAINT__INIT;
    paint.page = view->page;
    paint.scale_x = view->scale_x;
    paint.scale_y = view->scale_y;
    paint.rotate_deg = view->rotate_deg;
    paint.scroll_x_px = view->scroll_x_px;
    paint.scroll_y_px = view->scroll_y_px;
    paint.frames_per_second = view->frames_per_second;
    paint.frame_limit = view->frame_limit;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_PAINT;
    envelope.paint = &paint;
    tab->is_scene_running = view->frames_per_second > 0;
    return send_request(tab, &envelope, tab->is_scene_running);
}

uint64_t tab_scroll(struct tab *tab, int32_t x_px, int32_t y_px)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Scroll scroll = BULKHEAD__SCROLL__INIT;
    scroll.x_px = tab->view.scroll_x_px = x_px;
    scroll.y_px = tab->view.scroll_y_px = y_px;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_SCROLL;
    envelope.scroll = &scroll;
    return send_request(tab, &envelope, tab->is_scene_running);
}

void tab_input(struct tab *tab, const Bulkhead__Input *input)
{
    if (tab->renderer == NULL || tab->state != TAB_LIVE)
        return;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_INPUT;
    envelope.input = (Bulkhead__Input *)(uintptr_t)input;
    renderer_tell(tab->renderer, &envelope, NULL, 0);
}

void tab_cancel(struct tab *tab, uint64_t request_id)
{
    if (tab->renderer == NULL)
        return;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Cancel cancel = BULKHEAD__CANCEL__INIT;
    cancel.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_CANCEL;
    envelope.cancel = &cancel;
    renderer_tell(tab->renderer, &envelope, NULL, 0);
}

int tab_reload(struct tab *tab, bool force)
{
    if (tab->claim != NULL || (tab->renderer != NULL && tab->state != TAB_FAILED))
        return -EBUSY;
    const char *identity = document_identity(tab->document);
    struct quarantine *quarantine = broker_quarantine(tab->broker);
    if (quarantine_ends(quarantine, identity, clock_now_ms()) >= broker_policy(tab->broker)->quarantine_ends) {
        if (!force)
            return -EPERM;
        quarantine_forgive(quarantine, identity);
    }
    loop_source_remove(&tab->backoff);
    if (tab->renderer != NULL) {
        renderer_close(tab->renderer, KILL_CLOSED);
        forget_renderer(tab);
    }
    enter(tab);
    int error = claim_renderer(tab);
    leave(tab);
    return error;
}

int tab_crash_test(struct tab *tab, Bulkhead__CrashTest__Kind kind)
{
    if (!broker_options(tab->broker)->allow_crash_tests)
        return -EPERM;
    if (tab->renderer == NULL)
        return -ESRCH;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__CrashTest test = BULKHEAD__CRASH_TEST__INIT;
    test.kind = kind;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_CRASH_TEST;
    envelope.crash_test = &test;
    return renderer_request(tab->renderer, &envelope, false, NULL, 0) != 0 ? 0 : -EAGAIN;
}

enum tab_state tab_state(const struct tab *tab)
{
    return tab->state;
}

struct document *tab_document(const struct tab *tab)
{
    return tab->document;
}

const struct tab_info *tab_info(const struct tab *tab)
{
    return tab->has_info ? &tab->info : NULL;
}

const struct frame *tab_frame(const struct tab *tab)
{
    return frame_store_latest(tab->frames);
}

struct frame_store *tab_frames(const struct tab *tab)
{
    return tab->frames;
}

const struct frame *tab_borrow_frame(struct tab *tab)
{
    return frame_store_borrow(tab->frames);
}

void tab_return_frame(struct tab *tab, const struct frame *frame)
{
    uint32_t generation, buffer;
    if (frame_store_return(tab->frames, frame, &generation, &buffer))
        release_buffer(tab, generation, buffer);
}

const struct exit_report *tab_last_end(const struct tab *tab)
{
    return tab->has_end ? &tab->last_end : NULL;
}

pid_t tab_pid(const struct tab *tab)
{
    return tab->renderer != NULL ? renderer_pid(tab->renderer) : 0;
}

unsigned tab_renderer_id(const struct tab *tab)
{
    return tab->renderer != NULL ? renderer_id(tab->renderer) : 0;
}

void tab_add_counters(const struct tab *tab, struct counters *into)
{
    counters_merge(into, &tab->past);
    if (tab->renderer != NULL)
        counters_merge(into, renderer_counters(tab->renderer));
}

uint64_t tab_frames_received(const struct tab *tab)
{
    return tab->frames_received;
}

uint64_t tab_frames_lost(const struct tab *tab)
{
    return tab->skipped_past + tab->skipped_now + frame_store_torn(tab->frames);
}

uint64_t tab_ping_p99_ns(const struct tab *tab)
{
    struct histogram sum = tab->past_pings;
    if (tab->renderer != NULL)
        histogram_merge(&sum, renderer_ping_times(tab->renderer));
    return histogram_percentile(&sum, 0.99);
}
