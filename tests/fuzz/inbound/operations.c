#include "tests/fuzz/inbound/operations.h"

#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/crash_record.h"
#include "common/fd.h"
#include "tests/fuzz/inbound/fake_cell.h"
#include "tests/fuzz/inbound/messages.h"
#include "tests/fuzz/require.h"

static void scribble(struct world *world, void *memory, size_t bytes)
{
    size_t at = script_take_number(&world->script, 2), length = script_take(&world->script) % 32;

    for (size_t i = 0; memory != NULL && i < length && at + i < bytes; i++)
        ((uint8_t *)memory)[at + i] = script_take(&world->script);
}

/* A record that is complete, so that what is in it counts. */
static void write_record(struct world *world)
{
    const struct fake_renderer *renderer = fake_cell_youngest();
    struct crash_record *record = renderer != NULL ? renderer->record : NULL;

    if (record == NULL)
        return;
    record->version = CRASH_RECORD_VERSION;
    record->kind = script_take(&world->script) % 6;
    record->signal = script_take(&world->script);
    record->code = (int8_t)script_take(&world->script);
    record->syscall_number = (int32_t)script_take_number(&world->script, 2);
    record->frame_count = script_take(&world->script);
    record->register_count = script_take(&world->script);
    record->code_count = script_take(&world->script);
    record->stack_count = (uint32_t)script_take_number(&world->script, 2);
    record->requested_bytes = script_take_number(&world->script, 8);
    record->magic = CRASH_RECORD_MAGIC;
}

/* Waits for its death, so that the broker learns of it at the same point of the script each time. */
static void kill_renderer(const struct fake_renderer *renderer, int signal)
{
    siginfo_t info;

    syscall(SYS_pidfd_send_signal, renderer->pidfd, signal, NULL, 0);
    waitid(P_PIDFD, (id_t)renderer->pidfd, &info, WEXITED | WNOWAIT);
}

static void end_renderer(struct world *world)
{
    static const int signals[] = {SIGKILL, SIGSEGV, SIGABRT, SIGSYS, SIGTERM, SIGBUS, SIGUSR2, SIGXCPU};
    struct fake_renderer *renderer = fake_cell_youngest();
    uint8_t choice = script_take(&world->script);

    if (renderer == NULL)
        return;
    if (choice & 0x80)
        fd_close(&renderer->channel);
    if (choice & 0x40)
        fd_close(&renderer->stdout_write);
    if ((choice & 0x20) == 0 && renderer->pidfd >= 0)
        kill_renderer(renderer, signals[choice % 8]);
    if (renderer->channel < 0 && world->insight.renderer_id == renderer->id)
        insight_leave(&world->insight);
}

static void write_log(struct world *world)
{
    struct fake_renderer *renderer = fake_cell_youngest();
    uint8_t text[32];
    size_t length = script_take(&world->script) % sizeof(text);

    for (size_t i = 0; i < length; i++)
        text[i] = script_take(&world->script);
    if (renderer != NULL && renderer->stdout_write >= 0)
        (void)!write(renderer->stdout_write, text, length);
}

void operations_give_back(struct world *world)
{
    if (world->borrowed != NULL)
        tab_return_frame(world->tab, world->borrowed);
    world->borrowed = NULL;
}

void operations_copy_frame(struct world *world, const struct frame *frame)
{
    static uint8_t pixels[WORLD_FRAME_EDGE * WORLD_FRAME_EDGE * FRAME_BYTES_PER_PIXEL];

    require(frame->geometry.width_px <= WORLD_FRAME_EDGE && frame->geometry.height_px <= WORLD_FRAME_EDGE);
    frame_copy(frame, tab_frames(world->tab), pixels, frame->geometry.width_px * FRAME_BYTES_PER_PIXEL);
}

void operations_paint(struct world *world)
{
    int error = 0;

    world->view = (struct tab_view){.scale_x = 1, .scale_y = 1};
    world->view.page = script_take(&world->script) % 4;
    world->view.width_px = 1 + script_take(&world->script) % WORLD_FRAME_EDGE;
    world->view.height_px = 1 + script_take(&world->script) % WORLD_FRAME_EDGE;
    world->view.frames_per_second = script_take(&world->script) % 2 * 60;
    world->asked = tab_paint(world->tab, &world->view, &error);
}

static void scroll(struct world *world)
{
    int8_t x_px = (int8_t)script_take(&world->script), y_px = (int8_t)script_take(&world->script);

    tab_scroll(world->tab, x_px, y_px);
}

static void act(struct world *world)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;

    switch (script_take(&world->script) % ACTS) {
    case ACT_PAINT:
        operations_paint(world);
        break;
    case ACT_MEASURE:
        world->asked = tab_measure(world->tab, script_take(&world->script) % 4);
        break;
    case ACT_SCROLL:
        scroll(world);
        break;
    case ACT_CANCEL:
        tab_cancel(world->tab, world->asked);
        break;
    case ACT_RELOAD:
        operations_give_back(world);
        fake_cell_next_birth(script_take(&world->script) % 3);
        tab_reload(world->tab, script_take(&world->script) & 1);
        break;
    case ACT_BORROW:
        if (world->borrowed == NULL)
            world->borrowed = tab_borrow_frame(world->tab);
        break;
    case ACT_RETURN:
        operations_give_back(world);
        break;
    case ACT_COPY:
        if (tab_frame(world->tab) != NULL)
            operations_copy_frame(world, tab_frame(world->tab));
        break;
    case ACT_INPUT:
        tab_input(world->tab, &input);
    }
}

static void scribble_frames(struct world *world)
{
    scribble(world, world->insight.frames, world->insight.frames_bytes);
}

static void scribble_record(struct world *world)
{
    const struct fake_renderer *renderer = fake_cell_youngest();

    scribble(world, renderer != NULL ? renderer->record : NULL, CRASH_RECORD_BYTES);
}

static void (*const operations[OPERATIONS])(struct world *world) = {
    [OPERATION_SEND] = messages_send_any,
    [OPERATION_ANSWER] = messages_answer_almost_honestly,
    [OPERATION_SEND_RAW] = messages_send_raw,
    [OPERATION_SCRIBBLE_FRAMES] = scribble_frames,
    [OPERATION_SCRIBBLE_RECORD] = scribble_record,
    [OPERATION_WRITE_RECORD] = write_record,
    [OPERATION_END] = end_renderer,
    [OPERATION_LOG] = write_log,
    [OPERATION_ACT] = act,
};

void operations_do(struct world *world)
{
    unsigned operation = script_take(&world->script) % OPERATIONS;

    while (operations[operation] == NULL) /* what comes up most often has several numbers */
        operation--;
    operations[operation](world);
}
