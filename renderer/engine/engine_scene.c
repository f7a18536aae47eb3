#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/limits.h"
#include "renderer/engine/engine.h"
#include "renderer/engine/engine_scene.h"
#include "renderer/engine/scene.h"

/* The size a scene asks for when nobody gives one; it fills any. */
static const float SCENE_WIDTH_PT = 640, SCENE_HEIGHT_PT = 480;
static const char SCENE_SCHEME[] = "about:";

struct engine_document {
    const struct scene *scene;
    int width_px, height_px, scroll_x_px, scroll_y_px; // of the frame before; width 0 = there is none
    bool changed;                                      // an input came since then
    struct scene_signal signal;
    max_align_t state[];
};

const struct scene *const scene_list[] = {
    &scene_about, &scene_blank, &scene_bounce,   &scene_clock, &scene_life, &scene_plasma,
    &scene_scope, &scene_stars, &scene_testcard, &scene_text,  &scene_wave, NULL,
};

/* Written once, in the zygote, before any renderer exists. */
static int32_t engine_scene_utc_offset_s;

int32_t scene_utc_offset_s(void)
{
    return engine_scene_utc_offset_s;
}

void scene_add_damage(const struct scene_frame *frame, struct engine_damage *damage, int x, int y, int width,
                      int height)
{
    int right = x + width, bottom = y + height;
    x = x < 0 ? 0 : x;
    y = y < 0 ? 0 : y;
    right = right > frame->canvas.width_px ? frame->canvas.width_px : right;
    bottom = bottom > frame->canvas.height_px ? frame->canvas.height_px : bottom;
    if (x >= right || y >= bottom || damage->count > ENGINE_DAMAGE_RECTS)
        return;
    if (damage->count < ENGINE_DAMAGE_RECTS)
        damage->rects[damage->count] = (struct engine_rect){x, y, right - x, bottom - y};
    /* One past the last stands for "too many" until paint() has returned. */
    damage->count++;
}

void scene_damage_at_least_one(struct engine_damage *damage)
{
    if (damage->count == 0) {
        damage->rects[0] = (struct engine_rect){0, 0, 1, 1};
        damage->count = 1;
    }
}

static int __attribute__((format(printf, 3, 4)))
engine_scene_fail(struct engine_error *error, Bulkhead__Error__Code code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    vsnprintf(error->detail, sizeof(error->detail), format, arguments);
    va_end(arguments);
    return -1;
}

static const char *engine_scene_version(void)
{
    return "scenes " BULKHEAD_VERSION;
}

static int engine_scene_warm_up(void)
{
    time_t now = time(NULL);
    struct tm local;
    if (localtime_r(&now, &local))
        engine_scene_utc_offset_s = (int32_t)local.tm_gmtoff;
    return 0;
}

static bool engine_scene_accepts(const struct engine_source *source)
{
    return source->url && strncmp(source->url, SCENE_SCHEME, sizeof(SCENE_SCHEME) - 1) == 0;
}

static const struct scene *engine_scene_find(const char *name, size_t length)
{
    if (length == 0)
        return &scene_about;
    for (const struct scene *const *scene = scene_list; *scene; scene++)
        if (strlen((*scene)->name) == length && strncmp((*scene)->name, name, length) == 0)
            return *scene;
    return NULL;
}

static int engine_scene_unknown(const char *name, size_t length, struct engine_error *error)
{
    char known[ENGINE_DETAIL_BYTES / 2] = "";
    for (const struct scene *const *scene = scene_list; *scene; scene++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "", (*scene)->name);
    }
    return engine_scene_fail(error, BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT, "no page about:%.*s; there are: %s",
                             (int)(length < 40 ? length : 40), name, known);
}

static int engine_scene_open(const struct engine_source *source, struct engine_document **ret_document,
                             struct engine_error *error)
{
    const char *name = source->url + sizeof(SCENE_SCHEME) - 1, *query = strchr(name, '?');
    size_t length = query ? (size_t)(query - name) : strcspn(name, "#");
    const struct scene *scene = engine_scene_find(name, length);
    if (!scene)
        return engine_scene_unknown(name, length, error);
    struct engine_document *document = calloc(1, sizeof(*document) + scene->state_bytes);
    if (!document)
        return engine_scene_fail(error, BULKHEAD__ERROR__CODE__OUT_OF_MEMORY, "%zu bytes for a scene",
                                 sizeof(*document) + scene->state_bytes);
    document->scene = scene;
    int result = scene_signal_map(&document->signal, source->shared_end, source->shared_fd);
    if (result < 0) {
        free(document);
        return engine_scene_fail(error, BULKHEAD__ERROR__CODE__UNKNOWN, "the shared buffer cannot be mapped: %s",
                                 strerror(-result));
    }
    if (scene->init)
        scene->init(document->state, query ? query + 1 : "");
    *ret_document = document;
    return 0;
}

static void engine_scene_close(struct engine_document *document)
{
    scene_signal_unmap(&document->signal);
    free(document);
}

static int engine_scene_info(struct engine_document *document, struct engine_info *ret_info, struct engine_error *error)
{
    (void)error;
    *ret_info = (struct engine_info){.page_count = 1, .animated = document->scene->animated};
    snprintf(ret_info->format, sizeof(ret_info->format), "scene");
    snprintf(ret_info->title, sizeof(ret_info->title), "%s", document->scene->title);
    return 0;
}

static int engine_scene_measure(struct engine_document *document, uint32_t page, struct engine_bounds *ret_bounds,
                                struct engine_error *error)
{
    if (page != 0)
        return engine_scene_fail(error, BULKHEAD__ERROR__CODE__NO_SUCH_PAGE, "about:%s has one page",
                                 document->scene->name);
    *ret_bounds = (struct engine_bounds){0, 0, SCENE_WIDTH_PT, SCENE_HEIGHT_PT};
    return 0;
}

/* Whether the frame before is of the same size and place, so that damage relative to it means something. */
static bool engine_scene_continues(const struct engine_document *document, const struct scene_frame *frame)
{
    return !document->changed && document->width_px == frame->canvas.width_px &&
           document->height_px == frame->canvas.height_px && document->scroll_x_px == frame->scroll_x_px &&
           document->scroll_y_px == frame->scroll_y_px;
}

static int engine_scene_paint(struct engine_document *document, const struct engine_paint *paint,
                              struct engine_damage *ret_damage, struct engine_error *error)
{
    if (paint->page != 0)
        return engine_scene_fail(error, BULKHEAD__ERROR__CODE__NO_SUCH_PAGE, "about:%s has one page",
                                 document->scene->name);
    if (paint->width_px - 1 >= FRAME_EDGE_PX || paint->height_px - 1 >= FRAME_EDGE_PX)
        return engine_scene_fail(error, BULKHEAD__ERROR__CODE__TOO_LARGE, "cannot paint %u x %u pixels",
                                 paint->width_px, paint->height_px);
    struct scene_frame frame = {
        .canvas = {paint->pixels, (int)paint->width_px, (int)paint->height_px, paint->stride_bytes},
        .time_ns = paint->time_ns,
        .sequence = paint->sequence,
        .scroll_x_px = paint->scroll_x_px,
        .scroll_y_px = paint->scroll_y_px,
        .signal = &document->signal,
    };
    struct engine_damage damage = {0};
    document->scene->paint(document->state, &frame, &damage);
    if (!engine_scene_continues(document, &frame) || damage.count > ENGINE_DAMAGE_RECTS)
        damage.count = 0;
    document->width_px = frame.canvas.width_px;
    document->height_px = frame.canvas.height_px;
    document->scroll_x_px = frame.scroll_x_px;
    document->scroll_y_px = frame.scroll_y_px;
    document->changed = false;
    *ret_damage = damage;
    return 0;
}

static bool engine_scene_input(struct engine_document *document, const Bulkhead__Input *input)
{
    struct scene_event event = {
        .kind = input->kind,
        .code = input->code,
        .x_px = input->x_px,
        .y_px = input->y_px,
        .width_px = document->width_px,
        .height_px = document->height_px,
    };
    bool inside = event.x_px >= 0 && event.x_px < event.width_px && event.y_px >= 0 && event.y_px < event.height_px;
    /* Before the first frame there is nothing to point at. */
    if (!document->scene->input || (event.kind == BULKHEAD__INPUT__KIND__POINTER && !inside))
        return false;
    bool changed = document->scene->input(document->state, &event);
    document->changed |= changed;
    return changed;
}

const struct engine engine_scene = {
    .name = "scene",
    .version = engine_scene_version,
    .warm_up = engine_scene_warm_up,
    .accepts = engine_scene_accepts,
    .open = engine_scene_open,
    .close = engine_scene_close,
    .info = engine_scene_info,
    .measure = engine_scene_measure,
    .paint = engine_scene_paint,
    .input = engine_scene_input,
};
