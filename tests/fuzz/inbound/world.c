#include "tests/fuzz/inbound/world.h"

#include <math.h>
#include <string.h>
#include <sys/resource.h>

#include "common/fd.h"
#include "common/log.h"
#include "tests/fuzz/inbound/fake_cell.h"
#include "tests/fuzz/inbound/messages.h"
#include "tests/fuzz/inbound/operations.h"
#include "tests/fuzz/inbound/place.h"
#include "tests/fuzz/require.h"

enum { OPERATIONS_MOST = 64 };

static void on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    struct world *world = userdata;

    require(frame == tab_frame(tab) && frame->buffer < FRAME_BUFFERS);
    require(frame_geometry_is_valid(&frame->geometry));
    require(frame->damage_count <= LIMIT_DAMAGE_RECTS);
    for (uint32_t i = 0; i < frame->damage_count; i++) {
        require(frame->damage[i].x_px + (uint64_t)frame->damage[i].width_px <= frame->geometry.width_px);
        require(frame->damage[i].y_px + (uint64_t)frame->damage[i].height_px <= frame->geometry.height_px);
    }
    operations_copy_frame(world, frame);
    world->facts.frames++;
}

static void on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    struct world *world = userdata;

    (void)tab;
    require(info->page_count > 0 && info->page_count <= LIMIT_PAGES);
    require(strlen(info->title) < sizeof(info->title) && strchr(info->title, 0x1b) == NULL);
    world->facts.infos++;
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    struct world *world = userdata;

    (void)tab;
    require(request_id > 0 && bounds->page < LIMIT_PAGES);
    require(isfinite(bounds->x0_pt) && isfinite(bounds->y0_pt) && isfinite(bounds->x1_pt) && isfinite(bounds->y1_pt));
    world->facts.bounds++;
}

static void on_end(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct world *world = userdata;

    (void)tab;
    require(report->cause < EXIT_CAUSE_COUNT && report->summary[0] != '\0');
    require(report->renderer_id < WORLD_RENDERER_IDS && world->ends[report->renderer_id]++ == 0);
    require((report->kill_reason == KILL_BAD_MESSAGE) == (report->violation != VIOLATION_NONE));
    operations_give_back(world);
    world->facts.ends[report->cause]++;
}

static void turn(struct world *world)
{
    for (int i = 0; i < 3; i++)
        require(loop_run_once(broker_loop(world->broker), 0) == 0);
    insight_hear(&world->insight);
}

/* An honest hello and document, so that most scripts begin where it gets interesting; the first byte says whether. */
static void begin_honestly(struct world *world)
{
    static struct wire inner;

    inner.size = 0;
    wire_uint(&inner, 1, PROTOCOL_VERSION);
    wire_uint(&inner, 2, world->insight.renderer_id);
    messages_send_envelope(0, BULKHEAD__TO_BROKER__MESSAGE_HELLO, &inner);
    turn(world);
    inner.size = 0;
    wire_bytes(&inner, 1, "PDF", 3);
    wire_uint(&inner, 2, 4);
    messages_send_envelope(insight_newest_request(&world->insight), BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, &inner);
    turn(world);
    operations_paint(world);
    turn(world);
}

static void open_world(struct world *world)
{
    static const struct tab_listener listener = {
        .info = on_info, .bounds = on_bounds, .frame = on_frame, .ended = on_end};
    /* Crash reports are gathered like any other, and then find no place to go: nobody makes a directory there. */
    const struct broker_options options = {.allow_crash_tests = true, .crash_directory = "/proc/self/crashes"};
    const struct tab_options tab_options = {0};

    require(broker_create(&options, NULL, NULL, &world->broker) == 0);
    require(document_open(place_document(), &world->document) == DOCUMENT_OK);
    fake_cell_next_birth(script_take(&world->script) % 16 == 0 ? FAKE_BIRTH_EXITS : FAKE_BIRTH_LIVES);
    require(tab_open(world->broker, world->document, &tab_options, &listener, world, &world->tab) == 0);
    turn(world);
}

static void close_world(struct world *world)
{
    operations_give_back(world);
    tab_close(world->tab);
    place_check_grants(world->document, &world->facts.granted, &world->facts.refused);
    document_unref(world->document);
    insight_leave(&world->insight);
    broker_destroy(world->broker);
    require(fake_cell_all_reaped()); /* nobody is left, not even as a zombie */
    world->facts.births = (unsigned)fake_cell_births();
    fake_cell_forget();
}

void world_run(const uint8_t *data, size_t size, struct world_facts *ret_facts)
{
    const struct rlimit no_core = {0, 0};
    struct world world = {.script = {data, size}};

    place_document(); /* which stays: its descriptors are no leak of this input's */
    setrlimit(RLIMIT_CORE, &no_core);
    log_set_level(LOG_NONE);
    int open_fds = fd_count_open();
    open_world(&world);
    if (script_take(&world.script) % 8 != 0)
        begin_honestly(&world);
    for (int i = 0; i < OPERATIONS_MOST && world.script.size > 0; i++) {
        operations_do(&world);
        turn(&world);
    }
    close_world(&world);
    require(fd_count_open() == open_fds);
    *ret_facts = world.facts;
}
