/* Frames, one at a time or as a scene. Latest frame wins: a scene whose buffers are all with the broker lets the frame
 * go and counts it; a single paint waits, for somebody waits for it. */
#include "common/clock.h"
#include "renderer/paint_thread_private.h"

enum { NS_PER_S = 1000 * 1000 * 1000 };

static void paint_thread_cancelled(struct paint_thread *thread, uint64_t request_id, const char *detail)
{
    paint_thread_fail_with(thread, request_id, BULKHEAD__ERROR__CODE__CANCELLED, detail);
}

/* New memory or another document make the frame nobody has a buffer for pointless. */
static bool paint_thread_is_superseded(const struct paint_thread *thread)
{
    return paint_thread_has_waiting(thread, BULKHEAD__TO_RENDERER__MESSAGE_RESIZE) ||
           paint_thread_has_waiting(thread, BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE);
}

/* A buffer's number; -1 when the paint was cancelled or superseded meanwhile. */
static int paint_thread_await_buffer(struct paint_thread *thread)
{
    int buffer;

    paint_thread_lock(thread);
    thread->waits_for_broker = true;
    for (;;) {
        buffer = frame_target_find_free(&thread->target);
        if (buffer >= 0 || paint_thread_is_cancelled(thread) || paint_thread_is_superseded(thread))
            break;
        pthread_cond_wait(&thread->changed, &thread->lock);
    }
    thread->waits_for_broker = false;
    paint_thread_unlock(thread);
    return buffer < 0 ? -1 : buffer;
}

static void paint_thread_set_painting(struct paint_thread *thread, bool is_painting)
{
    paint_thread_lock(thread);
    thread->is_engine_painting = is_painting;
    thread->polled_done = thread->polled_total = 0;
    paint_thread_unlock(thread);
}

/* Damage counts only relative to a frame the broker has, and only inside the frame: its dispatcher forgives neither. */
static size_t paint_thread_damage(const struct paint_thread *thread, const struct engine_damage *damage,
                                  Bulkhead__Rect storage[ENGINE_DAMAGE_RECTS])
{
    const struct frame_geometry *geometry = &thread->target.geometry;

    if (!thread->does_damage_follow || damage->count > ENGINE_DAMAGE_RECTS)
        return 0;
    for (size_t i = 0; i < damage->count; i++) {
        const struct engine_rect *rect = &damage->rects[i];

        if (rect->x_px > geometry->width_px || rect->width_px > geometry->width_px - rect->x_px ||
            rect->y_px > geometry->height_px || rect->height_px > geometry->height_px - rect->y_px)
            return 0;
        bulkhead__rect__init(&storage[i]);
        storage[i].x_px = rect->x_px;
        storage[i].y_px = rect->y_px;
        storage[i].width_px = rect->width_px;
        storage[i].height_px = rect->height_px;
    }
    return damage->count;
}

static void paint_thread_send_frame(struct paint_thread *thread, uint64_t request_id, uint32_t buffer,
                                    const struct engine_damage *damage, uint64_t paint_ns)
{
    Bulkhead__Rect storage[ENGINE_DAMAGE_RECTS], *list[ENGINE_DAMAGE_RECTS];
    Bulkhead__FrameReady message = BULKHEAD__FRAME_READY__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    struct paint_warnings_packed warnings;

    for (size_t i = 0; i < ENGINE_DAMAGE_RECTS; i++)
        list[i] = &storage[i];
    message.n_damage = paint_thread_damage(thread, damage, storage);
    message.damage = list;
    message.generation = thread->target.generation;
    message.buffer = buffer;
    message.sequence = ++thread->sequence;
    message.page = thread->view.page;
    message.paint_us = paint_ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(paint_ns / 1000);
    message.skipped = thread->skipped;
    message.n_warnings = paint_warnings_pack(&thread->warnings, &warnings);
    message.warnings = warnings.list;
    message.warnings_left_out = thread->warnings.left_out;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY;
    envelope.frame_ready = &message;
    thread->does_damage_follow = true;
    session_activity_report(thread->activity, thread->channel, SESSION_ACTIVITY_BATCH);
    session_channel_send(thread->channel, &envelope);
}

static int paint_thread_run_engine(struct paint_thread *thread, uint32_t buffer, uint64_t time_ns, uint32_t sequence,
                                   struct engine_damage *ret_damage, struct engine_error *error)
{
    const struct paint_view *view = &thread->view;
    const struct frame_geometry *geometry = &thread->target.geometry;
    struct engine_paint paint = {
        .pixels = frame_target_begin(&thread->target, buffer),
        .width_px = geometry->width_px,
        .height_px = geometry->height_px,
        .stride_bytes = geometry->stride_bytes,
        .page = view->page,
        .scale_x = view->scale_x,
        .scale_y = view->scale_y,
        .rotate_deg = view->rotate_deg,
        .scroll_x_px = view->scroll_x_px,
        .scroll_y_px = view->scroll_y_px,
        .time_ns = time_ns,
        .sequence = sequence,
    };
    int result;

    paint_thread_set_painting(thread, true);
    result = thread->open.engine->paint(thread->open.document, &paint, ret_damage, error);
    paint_thread_set_painting(thread, false);
    frame_target_end(&thread->target, buffer);
    return result;
}

/* True when the frame was sent; otherwise the reason was. */
static bool paint_thread_paint_into(struct paint_thread *thread, uint64_t request_id, uint32_t buffer, uint64_t time_ns,
                                    uint32_t sequence)
{
    struct engine_damage damage = {0};
    struct engine_error error = {0};
    uint64_t start_ns = clock_now_ns();
    int result;

    paint_thread_step(thread, "paint");
    paint_warnings_begin(&thread->warnings, thread->view.page + 1);
    result = paint_thread_run_engine(thread, buffer, time_ns, sequence, &damage, &error);
    paint_thread_step(thread, NULL);
    if (result < 0 || paint_thread_is_cancelled(thread))
        thread->does_damage_follow = false;
    if (paint_thread_is_cancelled(thread)) {
        paint_thread_cancelled(thread, request_id, "cancelled");
        return false;
    }
    if (result < 0) {
        paint_thread_fail(thread, request_id, &error);
        return false;
    }
    paint_thread_lock(thread);
    frame_target_hand_out(&thread->target, buffer);
    paint_thread_unlock(thread);
    paint_thread_send_frame(thread, request_id, buffer, &damage, clock_now_ns() - start_ns);
    return true;
}

void paint_thread_paint_once(struct paint_thread *thread, uint64_t request_id)
{
    int buffer = paint_thread_await_buffer(thread);

    thread->is_input_unpainted = false;
    if (buffer < 0)
        paint_thread_cancelled(thread, request_id,
                               paint_thread_is_cancelled(thread) ? "cancelled" : "superseded before a buffer was free");
    else
        paint_thread_paint_into(thread, request_id, (uint32_t)buffer, 0, 0);
}

/* A scene that runs goes on with its clock and answers the new request from now on. */
void paint_thread_scene_start(struct paint_thread *thread, uint64_t request_id)
{
    struct paint_scene scene = {.is_running = true, .request_id = request_id, .start_ns = clock_now_ns()};

    if (thread->scene.is_running) {
        scene.start_ns = thread->scene.start_ns;
        scene.tick = thread->scene.tick;
        scene.painted = thread->scene.painted;
    }
    paint_thread_scene_stop(thread);
    paint_thread_lock(thread);
    thread->scene = scene;
    paint_thread_unlock(thread);
}

static void paint_thread_scene_end(struct paint_thread *thread)
{
    paint_thread_lock(thread);
    thread->scene.is_running = false;
    paint_thread_unlock(thread);
}

void paint_thread_scene_stop(struct paint_thread *thread)
{
    bool is_unanswered = thread->scene.is_running && thread->scene.painted_of_request == 0;

    paint_thread_scene_end(thread);
    if (is_unanswered)
        paint_thread_cancelled(thread, thread->scene.request_id, "superseded before the first frame");
}

static uint64_t paint_thread_scene_time_ns(const struct paint_thread *thread, uint64_t tick)
{
    uint32_t rate = thread->view.frames_per_second;

    return tick / rate * NS_PER_S + tick % rate * NS_PER_S / rate;
}

uint64_t paint_thread_scene_due_ns(const struct paint_thread *thread)
{
    return thread->scene.start_ns + paint_thread_scene_time_ns(thread, thread->scene.tick);
}

/* The next frame time that lies ahead: a scene that fell behind does not catch up by painting in a rush. */
static uint64_t paint_thread_scene_next_tick(const struct paint_thread *thread)
{
    uint64_t elapsed_ns = clock_now_ns() - thread->scene.start_ns;
    uint64_t next = thread->scene.tick + 1;
    uint64_t passed = elapsed_ns / NS_PER_S * thread->view.frames_per_second +
                      elapsed_ns % NS_PER_S * thread->view.frames_per_second / NS_PER_S;

    return next > passed ? next : passed + 1;
}

static bool paint_thread_scene_is_complete(const struct paint_thread *thread)
{
    return thread->view.frame_limit != 0 && thread->scene.painted_of_request >= thread->view.frame_limit;
}

void paint_thread_scene_tick(struct paint_thread *thread)
{
    struct paint_scene *scene = &thread->scene;
    bool goes_on = true;
    int buffer;

    if (paint_thread_is_cancelled(thread)) {
        paint_thread_scene_end(thread);
        paint_thread_cancelled(thread, scene->request_id, "cancelled");
        return;
    }
    paint_thread_lock(thread);
    buffer = frame_target_find_free(&thread->target);
    paint_thread_unlock(thread);
    if (buffer < 0) {
        thread->skipped++;
    } else {
        goes_on = paint_thread_paint_into(thread, scene->request_id, (uint32_t)buffer,
                                          paint_thread_scene_time_ns(thread, scene->tick), scene->painted);
        scene->painted++;
        scene->painted_of_request++;
    }
    scene->tick = paint_thread_scene_next_tick(thread);
    if (!goes_on || paint_thread_scene_is_complete(thread))
        paint_thread_scene_end(thread);
}
