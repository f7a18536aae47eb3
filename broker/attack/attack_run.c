#include "broker/attack/attack_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/attack/attack_run_private.h"
#include "broker/cell_host.h"
#include "broker/document/document.h"
#include "broker/kernel_needs.h"
#include "common/clock.h"

enum {
    NEIGHBOURS = 2,
    NEIGHBOUR_FPS = 25,
    FRAMES_AFTERWARDS = 2, /* of each neighbour, after an attempt is over */
    START_MS = 15000,
    NEIGHBOUR_MS = 8000,
    HOLD_S = 30,
};

/* The second reads what an attempt that has the writing end of the shared buffer puts there. */
static const char *const neighbour_pages[NEIGHBOURS] = {"about:plasma", "about:scope"};

struct neighbour {
    struct tab *tab;
    uint64_t frames_before;
};

struct attack_run {
    struct broker *broker;
    struct attack_run_options options;
    struct broker_options broker_options;
    struct policy policy;
    char *attacker_path;
    struct neighbour neighbours[NEIGHBOURS];
    bool has_failed;
    int error;
    char why[256];
};

/* A watchdog quick enough to be waited for, and slow enough for the kernel to take memory away from whoever filled it.
 */
static void make_policy(struct policy *policy)
{
    policy_init_defaults(policy);
    policy->ping_interval_ms = 150;
    policy->unresponsive_after_ms = 1000;
    policy->hung_after_ms = 500;
    policy->request_timeout_ms = 8000;
    policy->messages_per_second = 2000;
    policy->memory_limit_bytes = 192ull << 20;
}

static void on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    struct attack_run *run = userdata;
    (void)broker;
    run->has_failed = true;
    run->error = error;
    snprintf(run->why, sizeof run->why, "%s", why);
}

static const struct broker_listener broker_events = {.cell_failed = on_cell_failed};

static void on_neighbour_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    const struct tab_view view = {
        .width_px = 320, .height_px = 200, .scale_x = 1, .scale_y = 1, .frames_per_second = NEIGHBOUR_FPS};
    int error;
    (void)info;
    (void)userdata;
    tab_paint(tab, &view, &error);
}

static const struct tab_listener neighbour_events = {.info = on_neighbour_info};

static int turn(struct attack_run *run)
{
    if (broker_shutdown_signal(run->broker) != 0)
        return -EINTR;
    if (run->has_failed)
        return run->error < 0 ? run->error : -EIO;
    return loop_run_once(broker_loop(run->broker), 50);
}

/* One without a renderer paints no more. */
static bool is_gone(const struct tab *tab)
{
    enum tab_state state = tab_state(tab);
    return state == TAB_SAD || state == TAB_QUARANTINED;
}

/* Until each has painted so many more; false after timeout_ms, or when one is gone. */
static int await_neighbours(struct attack_run *run, uint64_t frames, uint64_t timeout_ms, bool *ret_all)
{
    uint64_t deadline = clock_now_ms() + timeout_ms, wanted[NEIGHBOURS];
    for (size_t i = 0; i < NEIGHBOURS; i++)
        wanted[i] = tab_frames_received(run->neighbours[i].tab) + frames;
    for (;;) {
        bool is_any_gone = false;
        *ret_all = true;
        for (size_t i = 0; i < NEIGHBOURS; i++) {
            *ret_all &= tab_frames_received(run->neighbours[i].tab) >= wanted[i];
            is_any_gone |= is_gone(run->neighbours[i].tab);
        }
        if (*ret_all || is_any_gone || clock_now_ms() >= deadline)
            return 0;
        int r = turn(run);
        if (r < 0)
            return r;
    }
}

static int open_neighbours(struct attack_run *run)
{
    const struct tab_options options = {.auto_reload = false};
    int r = 0;
    for (size_t i = 0; i < NEIGHBOURS && r == 0; i++) {
        struct document *document;
        if (document_open(neighbour_pages[i], &document) != DOCUMENT_OK)
            return -ENOMEM;
        r = tab_open(run->broker, document, &options, &neighbour_events, run, &run->neighbours[i].tab);
        document_unref(document);
    }
    return r;
}

static int start(struct attack_run *run)
{
    bool all = false;
    int r = broker_create(&run->broker_options, &broker_events, run, &run->broker);
    if (r == 0)
        r = open_neighbours(run);
    if (r == 0)
        r = await_neighbours(run, 1, START_MS, &all);
    return r == 0 && !all ? -ETIMEDOUT : r;
}

static void explain(const struct attack_run *run, int error, char *why, size_t why_bytes)
{
    if (run->has_failed)
        snprintf(why, why_bytes, "%s", run->why);
    else if (error == -ENOENT && run->attacker_path == NULL)
        snprintf(why, why_bytes, "the program bulkhead-attacker is not there");
    else if (error == -ETIMEDOUT)
        snprintf(why, why_bytes, "the neighbours did not begin to paint");
    else if (!kernel_needs_explain(why, why_bytes))
        snprintf(why, why_bytes, "%s", strerror(-error));
}

int attack_run_create(const struct attack_run_options *options, struct attack_run **ret_run, char *ret_why,
                      size_t why_bytes)
{
    struct attack_run *run = calloc(1, sizeof *run);
    int r = 0;
    if (run == NULL)
        return -ENOMEM;
    run->options = *options;
    run->broker_options = *options->broker;
    make_policy(&run->policy);
    run->attacker_path =
        options->attacker_path != NULL ? strdup(options->attacker_path) : cell_host_find_program("bulkhead-attacker");
    run->broker_options.renderer_path = run->attacker_path;
    run->broker_options.policy = &run->policy;
    run->broker_options.spares = 0;
    /* These ends were asked for: a report of each would push out those that were not. */
    run->broker_options.no_crash_reports = options->broker->crash_directory == NULL;
    r = run->attacker_path == NULL ? -ENOENT : start(run);
    if (r < 0) {
        explain(run, r, ret_why, why_bytes);
        attack_run_destroy(run);
        return r;
    }
    *ret_run = run;
    return 0;
}

void attack_run_destroy(struct attack_run *run)
{
    if (run == NULL)
        return;
    for (size_t i = 0; i < NEIGHBOURS; i++)
        tab_close(run->neighbours[i].tab);
    broker_destroy(run->broker);
    free(run->attacker_path);
    free(run);
}

struct broker *attack_run_broker(struct attack_run *run)
{
    return run->broker;
}

static uint64_t count_lost(const struct attack_run *run)
{
    uint64_t lost = 0;
    for (size_t i = 0; i < NEIGHBOURS; i++)
        lost += tab_frames_lost(run->neighbours[i].tab);
    return lost;
}

static int look_at_neighbours(struct attack_run *run, uint64_t lost_before, struct attack_result *result)
{
    int r = await_neighbours(run, FRAMES_AFTERWARDS, NEIGHBOUR_MS, &result->neighbours_paint);
    result->neighbour_frames = UINT64_MAX;
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        uint64_t painted = tab_frames_received(run->neighbours[i].tab) - run->neighbours[i].frames_before;
        if (painted < result->neighbour_frames)
            result->neighbour_frames = painted;
    }
    result->lost_frames = count_lost(run) - lost_before;
    if (r == 0 && !result->neighbours_paint && result->holds && !result->may_harm) {
        result->holds = false;
        snprintf(result->why_not, sizeof result->why_not, "a neighbour stopped painting");
    }
    return r;
}

static int try_it(struct attack_run *run, struct attack_result *result)
{
    struct attack_trial trial = {.row = result->row, .expected = result->expected, .otherwise = result->otherwise};
    if (result->row->expected.outcome == ATTACK_ORPHANED)
        return attack_apart_broker_killed(run->broker, &run->options, result);
    int r = attack_trial_run(run->broker, &trial);
    if (r < 0)
        return r;
    attack_judge(&trial, result);
    if (result->row->check == ATTACK_CHECK_STRINGS && result->holds)
        result->holds = attack_apart_strings(&run->options, result->why_not, sizeof result->why_not) == 0;
    return 0;
}

/* A neighbour that ended of an attempt is there again for the next. */
static int revive_neighbours(struct attack_run *run)
{
    bool all = false, is_any = false;
    int r = 0;
    for (size_t i = 0; i < NEIGHBOURS && r == 0; i++) {
        if (!is_gone(run->neighbours[i].tab))
            continue;
        is_any = true;
        r = tab_reload(run->neighbours[i].tab, true);
    }
    if (r == 0 && is_any)
        r = await_neighbours(run, 1, START_MS, &all);
    return r;
}

static void expect(const struct attack_run *run, struct attack_result *result)
{
    const struct attack_row *row = result->row;
    const struct attack_unlike *unlike =
        run->options.judge_whole ? NULL : attack_list_unlike(row, run->broker_options.without);
    result->expected = unlike != NULL ? &unlike->expected : &row->expected;
    result->otherwise = unlike != NULL ? &unlike->otherwise : &row->otherwise;
    result->may_harm = unlike != NULL && unlike->harms_neighbours;
#ifdef BULKHEAD_SANITIZED
    result->skipped = row->not_sanitized != NULL || unlike == NULL ? row->not_sanitized : unlike->not_sanitized;
#endif
}

int attack_run_try(struct attack_run *run, const struct attack_row *row, struct attack_result *ret_result)
{
    uint64_t start_ns = clock_now_ns();
    *ret_result = (struct attack_result){.row = row, .layer = ""};
    expect(run, ret_result);
    if (ret_result->skipped != NULL) {
        ret_result->holds = ret_result->neighbours_paint = true;
        return 0;
    }
    int r = revive_neighbours(run);
    uint64_t lost_before = count_lost(run);
    for (size_t i = 0; i < NEIGHBOURS; i++)
        run->neighbours[i].frames_before = tab_frames_received(run->neighbours[i].tab);
    if (r == 0)
        r = try_it(run, ret_result);
    if (r == 0)
        r = look_at_neighbours(run, lost_before, ret_result);
    ret_result->elapsed_ms = (double)(clock_now_ns() - start_ns) / 1e6;
    return r;
}

int attack_run_hold(const struct attack_run_options *options)
{
    static const struct tab_listener nobody = {0};
    const struct tab_options tab_options = {0};
    struct attack_run *run;
    struct tab *tab = NULL;
    char why[256];
    int r = attack_run_create(options, &run, why, sizeof why);
    if (r < 0)
        return r;
    struct document *document = document_open_attack("broker-killed", BULKHEAD__NAVIGATE__SHARED_BUFFER__NONE);
    r = document == NULL ? -ENOMEM : tab_open(run->broker, document, &tab_options, &nobody, NULL, &tab);
    /* Whoever started this may be gone as well. */
    alarm(HOLD_S);
    while (r == 0 && tab_state(tab) != TAB_LOADING)
        r = turn(run);
    if (r == 0 && (puts("ready") < 0 || fflush(stdout) < 0))
        r = -EIO;
    while (r == 0)
        r = turn(run);
    tab_close(tab);
    document_unref(document);
    attack_run_destroy(run);
    return r;
}
