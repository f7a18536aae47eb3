/* One attempt: a tab on "attack:NAME", measured and painted like any other, until it is clear how it came out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/attack/attack_run_private.h"
#include "broker/document/document.h"
#include "common/clock.h"
#include "common/fd.h"

enum {
    WORDS_TO_A_DEAF_ONE = 40000,
    AFTERMATH_MS = 40, /* for an end that follows a frame */
    END_AFTER_FRAME_MS = 600,
};

/* No pipe of ours has its write end here for long, and what a renderer could push first are its own: it holds the write
 * ends of two. */
static size_t count_write_ends(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 1024; fd++) {
        char link[64], target[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, target, sizeof target - 1);
        target[length > 0 ? length : 0] = '\0';
        if (strncmp(target, "pipe:", 5) == 0 && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
            count++;
    }
    return count;
}

static int paint_sized(struct attack_trial *trial, uint32_t width_px, uint32_t height_px)
{
    int error;
    const struct tab_view view = {.width_px = width_px, .height_px = height_px, .scale_x = 1, .scale_y = 1};
    tab_paint(trial->tab, &view, &error);
    return error;
}

static void paint(struct attack_trial *trial)
{
    paint_sized(trial, ATTACK_EDGE_PX, ATTACK_EDGE_PX);
}

static bool is_painted_again(const struct attack_trial *trial)
{
    return trial->row->check == ATTACK_CHECK_TORN || trial->row->check == ATTACK_CHECK_AGAIN;
}

/* To one that does not read: more than its socket and its queue hold. */
static void talk(struct tab *tab)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;
    input.kind = BULKHEAD__INPUT__KIND__KEY;
    input.code = 'x';
    for (int i = 0; i < WORDS_TO_A_DEAF_ONE; i++)
        tab_input(tab, &input);
}

static void on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    struct attack_trial *trial = userdata;
    trial->has_info = true;
    snprintf(trial->seen, sizeof trial->seen, "%s", info->title);
    if (!trial->row->is_mute)
        tab_measure(tab, 0);
    if (strcmp(trial->row->name, "stops-reading") == 0)
        talk(tab);
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    struct attack_trial *trial = userdata;
    (void)tab;
    (void)request_id;
    if (trial->row->check == ATTACK_CHECK_AREA)
        trial->is_area_refused = paint_sized(trial, (uint32_t)bounds->x1_pt, (uint32_t)bounds->y1_pt) == -EOVERFLOW;
    paint(trial);
}

static void on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    struct attack_trial *trial = userdata;
    (void)tab;
    (void)frame;
    if (++trial->frames == 1 && is_painted_again(trial))
        paint(trial);
}

static void on_failed(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                      void *userdata)
{
    struct attack_trial *trial = userdata;
    (void)tab;
    (void)request_id;
    (void)code;
    trial->has_failed = true;
    /* What it said of the attempt stands. */
    if (trial->seen[0] == '\0')
        snprintf(trial->seen, sizeof trial->seen, "%s", detail);
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct attack_trial *trial = userdata;
    (void)tab;
    trial->end = *report;
    trial->has_ended = true;
    trial->ends++;
}

static const struct tab_listener listener = {
    .info = on_info, .bounds = on_bounds, .frame = on_frame, .failed = on_failed, .ended = on_ended};

static int run_until(struct broker *broker, uint64_t deadline_ms)
{
    uint64_t now = clock_now_ms();
    int wait_ms = deadline_ms > now ? (int)(deadline_ms - now) : 0;
    if (broker_shutdown_signal(broker) != 0)
        return -EINTR;
    return loop_run_once(broker_loop(broker), wait_ms > 50 ? 50 : wait_ms);
}

static bool is_over(const struct attack_trial *trial)
{
    return trial->has_ended || trial->has_failed || (trial->row->is_mute && trial->has_info) ||
           (trial->frames > 0 && !is_painted_again(trial));
}

/* Whether it lives on, when that is what is expected; else its end. */
static int await_aftermath(struct broker *broker, struct attack_trial *trial)
{
    enum attack_outcome expected = trial->expected->outcome;
    bool may_live = expected == ATTACK_REFUSED || expected == ATTACK_HARMLESS || expected == ATTACK_SUCCEEDED;
    uint64_t deadline = clock_now_ms() + (may_live ? AFTERMATH_MS : END_AFTER_FRAME_MS);
    int r = 0;
    while (r == 0 && !trial->has_ended && clock_now_ms() < deadline)
        r = run_until(broker, deadline);
    return r;
}

/* Opened again after each end, until the broker will not. */
static int crash_on(struct broker *broker, struct attack_trial *trial, uint64_t deadline)
{
    int r = 0;
    while (r == 0 && tab_state(trial->tab) != TAB_QUARANTINED && clock_now_ms() < deadline) {
        if (trial->has_ended) {
            trial->has_ended = false;
            r = tab_reload(trial->tab, false);
        }
        if (r == 0)
            r = run_until(broker, deadline);
    }
    trial->has_ended = r == 0;
    return r;
}

/* The frame shown before, which its renderer has written to since. */
static void look_at_frame(struct attack_trial *trial)
{
    uint8_t copy[ATTACK_EDGE_PX * ATTACK_EDGE_PX * FRAME_BYTES_PER_PIXEL];
    const struct frame *frame = tab_frame(trial->tab);
    if (frame == NULL)
        return;
    trial->is_geometry_ours = frame->geometry.width_px == ATTACK_EDGE_PX && frame->geometry.height_px == ATTACK_EDGE_PX;
    if (trial->is_geometry_ours)
        trial->is_torn = !frame_copy(frame, tab_frames(trial->tab), copy, ATTACK_EDGE_PX * FRAME_BYTES_PER_PIXEL);
}

static int watch(struct broker *broker, struct attack_trial *trial)
{
    uint64_t deadline = clock_now_ms() + ATTACK_DEADLINE_MS;
    int r = 0;
    if (trial->row->expected.outcome == ATTACK_QUARANTINED)
        return crash_on(broker, trial, deadline);
    while (r == 0 && !is_over(trial) && clock_now_ms() < deadline)
        r = run_until(broker, deadline);
    if (r == 0 && !trial->has_ended)
        r = await_aftermath(broker, trial);
    if (r == 0 && is_painted_again(trial))
        look_at_frame(trial);
    return r;
}

int attack_trial_run(struct broker *broker, struct attack_trial *trial)
{
    const struct tab_options options = {0};
    struct document *document = document_open_attack(trial->row->name, trial->row->shared_end);
    if (document == NULL)
        return -ENOMEM;
    if (trial->row->check == ATTACK_CHECK_FDS)
        trial->fds_before = count_write_ends();
    int r = tab_open(broker, document, &options, &listener, trial, &trial->tab);
    if (r == 0) {
        r = watch(broker, trial);
        if (trial->row->check == ATTACK_CHECK_FDS)
            trial->fds_after = count_write_ends();
        tab_close(trial->tab);
    }
    document_unref(document);
    return r;
}
