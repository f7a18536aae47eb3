#include "tests/support/storm.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/document/tab.h"
#include "broker/policy_file.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "tests/support/bench.h"

enum {
    PATIENCE_MS = 30000, /* for any one thing */
    SETTLE_MS = 1500,    /* longer than anything in the pool is put off */
    FPS = 60,
    WIDTH_PX = 160,
    HEIGHT_PX = 96,
};

struct storm;

struct storm_tab {
    struct storm *storm;
    struct tab *tab; // NULL: the slot is free
    bool is_live, has_ended, is_neighbour, is_ordered;
    enum storm_kill kill;
    uint64_t kill_at_ms;
};

struct storm {
    struct broker *broker;
    const char *location; // of victims
    struct storm_tab neighbours[STORM_NEIGHBOURS], victims[STORM_VICTIMS];
    struct storm_result *result;
    bool is_ready, has_failed;
};

static void on_state(struct tab *tab, enum tab_state state, void *userdata)
{
    static const struct tab_view view = {
        .width_px = WIDTH_PX, .height_px = HEIGHT_PX, .scale_x = 1, .scale_y = 1, .frames_per_second = FPS};
    struct storm_tab *self = userdata;
    int error;
    if (state != TAB_LIVE || self->is_live)
        return;
    self->is_live = true;
    tab_paint(tab, &view, &error);
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct storm_tab *self = userdata;
    struct storm_result *result = self->storm->result;
    (void)tab;
    if (self->is_neighbour) {
        result->neighbour_ends++;
        return;
    }
    result->ends++;
    result->ends_again += self->has_ended;
    result->causes[report->cause]++;
    self->has_ended = true;
}

static const struct tab_listener tab_listener = {.state = on_state, .ended = on_ended};

static int open_tab(struct storm *storm, struct storm_tab *self, const char *location, bool is_neighbour)
{
    static const struct tab_options options = {0};
    struct document *document;
    *self = (struct storm_tab){.storm = storm, .is_neighbour = is_neighbour};
    if (document_open(location, &document) != DOCUMENT_OK)
        return -ENOENT;
    int error = tab_open(storm->broker, document, &options, &tab_listener, self, &self->tab);
    document_unref(document);
    return error;
}

static void on_cell_ready(struct broker *broker, void *userdata)
{
    struct storm *storm = userdata;
    (void)broker;
    storm->is_ready = true;
}

static void on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    struct storm *storm = userdata;
    (void)broker;
    (void)error;
    fprintf(stderr, "storm: no cell: %s\n", why);
    storm->has_failed = true;
}

static void turn(struct storm *storm, int wait_ms)
{
    if (loop_run_once(broker_loop(storm->broker), wait_ms) < 0)
        storm->has_failed = true;
}

static void run_for(struct storm *storm, unsigned duration_ms)
{
    uint64_t end_ms = clock_now_ms() + duration_ms;
    for (uint64_t now_ms; (now_ms = clock_now_ms()) < end_ms && !storm->has_failed;)
        turn(storm, (int)(end_ms - now_ms));
}

/* 0, or -ETIME. */
static int run_until(struct storm *storm, const bool *flag)
{
    uint64_t end_ms = clock_now_ms() + PATIENCE_MS;
    while (!*flag && !storm->has_failed && clock_now_ms() < end_ms)
        turn(storm, 20);
    return *flag ? 0 : -ETIME;
}

/* Spare, standby cell and prepared renderer are there again, and what ended is closed: until the number of fds has
 * stood still for a while. */
static size_t settle(struct storm *storm)
{
    uint64_t end_ms = clock_now_ms() + PATIENCE_MS;
    int before, now = fd_count_open();
    do {
        before = now;
        run_for(storm, SETTLE_MS);
        now = fd_count_open();
    } while (now != before && clock_now_ms() < end_ms && !storm->has_failed);
    return (size_t)now;
}

static size_t resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file != NULL && fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (file != NULL)
        fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static char state_of(int pid)
{
    char path[64], text[256], state = '?';
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fgets(text, sizeof text, file) != NULL && strrchr(text, ')') != NULL)
        state = strrchr(text, ')')[2];
    if (file != NULL)
        fclose(file);
    return state;
}

/* Children of this process; the dead that nobody has waited for, or all. */
static size_t count_children(bool only_zombies)
{
    char path[64];
    size_t count = 0;
    int pid;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    FILE *file = fopen(path, "re");
    while (file != NULL && fscanf(file, "%d", &pid) == 1)
        count += !only_zombies || state_of(pid) == 'Z';
    if (file != NULL)
        fclose(file);
    return count;
}

/* Of the neighbours: what they painted since, with factor 1, or until now, with factor -1. */
static void count_frames(struct storm *storm, int factor)
{
    for (size_t i = 0; i < STORM_NEIGHBOURS; i++) {
        storm->result->neighbour_frames += (uint64_t)factor * tab_frames_received(storm->neighbours[i].tab);
        storm->result->neighbour_lost += (uint64_t)factor * tab_frames_lost(storm->neighbours[i].tab);
    }
}

static void close_slot(struct storm *storm, struct storm_tab *self)
{
    struct counters counters;
    counters_init(&counters);
    tab_add_counters(self->tab, &counters);
    storm->result->messages += counters_messages(counters.to_broker);
    counters_fini(&counters);
    tab_close(self->tab);
    self->tab = NULL;
}

/* The first bad end retires the cell that the neighbours live in, and it stays for their sake: what was open before is
 * counted after that. */
static int lose_first_cell(struct storm *storm)
{
    struct storm_tab *first = &storm->victims[0];
    int error = open_tab(storm, first, storm->location, false);
    if (error == 0)
        error = run_until(storm, &first->is_live);
    if (error == 0 && !first->has_ended)
        tab_crash_test(first->tab, BULKHEAD__CRASH_TEST__KIND__WILD_WRITE);
    if (error == 0)
        error = run_until(storm, &first->has_ended);
    if (first->tab != NULL)
        close_slot(storm, first);
    return error;
}

static int begin(struct storm *storm, const char *renderer, const char *location, struct storm_result *result)
{
    static const struct broker_listener listener = {.cell_ready = on_cell_ready, .cell_failed = on_cell_failed};
    struct policy policy;
    policy_init_defaults(&policy);
    policy.messages_per_second = 100000; /* the storm is not to end by this limit */
    const struct broker_options options = {.renderer_path = bench_program(renderer),
                                           .policy = &policy,
                                           .allow_crash_tests = true,
                                           .spares = 1,
                                           .no_crash_reports = true};
    *result = (struct storm_result){0};
    *storm = (struct storm){.location = location, .result = result};
    log_set_level(LOG_NONE);
    int error = broker_create(&options, &listener, storm, &storm->broker);
    if (error < 0)
        return error;
    error = run_until(storm, &storm->is_ready);
    for (size_t i = 0; i < STORM_NEIGHBOURS && error == 0; i++) {
        error = open_tab(storm, &storm->neighbours[i], "about:plasma", true);
        if (error == 0)
            error = run_until(storm, &storm->neighbours[i].is_live);
    }
    if (error == 0)
        error = lose_first_cell(storm);
    size_t fds = settle(storm);
    *result = (struct storm_result){.fds_before = fds};
    if (error == 0)
        count_frames(storm, -1);
    return storm->has_failed && error == 0 ? -EIO : error;
}

static void finish(struct storm *storm)
{
    struct storm_result *result = storm->result;
    result->fds_after = settle(storm);
    result->resident_after = resident_bytes();
    result->zombies = count_children(true);
    for (size_t i = 0; i < STORM_NEIGHBOURS; i++)
        if (storm->neighbours[i].tab != NULL)
            close_slot(storm, &storm->neighbours[i]);
    broker_destroy(storm->broker);
    result->processes_left = count_children(false);
}

static void order(struct storm_tab *self)
{
    static const Bulkhead__CrashTest__Kind kinds[STORM_KILLS] = {
        [STORM_WILD_WRITE] = BULKHEAD__CRASH_TEST__KIND__WILD_WRITE,
        [STORM_MID_MESSAGE] = BULKHEAD__CRASH_TEST__KIND__BAD_MESSAGE,
        [STORM_EXIT] = BULKHEAD__CRASH_TEST__KIND__UNEXPECTED_EXIT,
    };
    pid_t pid = tab_pid(self->tab);
    if (pid == 0)
        return; /* not born yet; the next turn asks again */
    if (self->kill == STORM_SIGKILL || self->kill == STORM_SIGSEGV)
        kill(pid, self->kill == STORM_SIGKILL ? SIGKILL : SIGSEGV);
    else if (!self->is_live)
        return; /* takes orders once it has a document */
    else
        tab_crash_test(self->tab, kinds[self->kill]);
    self->is_ordered = true;
    self->storm->result->ordered[self->kill]++;
}

static int next_victim(struct storm *storm, struct storm_tab *self, unsigned life_ms_max, unsigned *seed)
{
    int error = open_tab(storm, self, storm->location, false);
    self->kill = (enum storm_kill)((unsigned)rand_r(seed) % STORM_KILLS);
    self->kill_at_ms = clock_now_ms() + (unsigned)rand_r(seed) % (life_ms_max + 1);
    storm->result->renderers++;
    return error;
}

int storm_kill(unsigned renderers, unsigned life_ms_max, unsigned seed, storm_progress_fn progress,
               struct storm_result *ret_result)
{
    struct storm storm;
    int error = begin(&storm, "bulkhead-renderer", "about:clock", ret_result);
    uint64_t start_ms = clock_now_ms(), heard_ms = start_ms;
    while (error == 0 && ret_result->ends < renderers && !storm.has_failed) {
        uint64_t ends_before = ret_result->ends;
        for (size_t i = 0; i < STORM_VICTIMS && error == 0; i++) {
            struct storm_tab *self = &storm.victims[i];
            if (self->tab != NULL && self->has_ended)
                close_slot(&storm, self);
            if (self->tab == NULL && ret_result->renderers < renderers)
                error = next_victim(&storm, self, life_ms_max, &seed);
            else if (self->tab != NULL && !self->is_ordered && clock_now_ms() >= self->kill_at_ms)
                order(self);
        }
        turn(&storm, 1);
        if (ret_result->ends != ends_before)
            heard_ms = clock_now_ms();
        if (ret_result->ends != ends_before && progress != NULL)
            progress(ret_result->ends, renderers);
        if (ret_result->resident_before == 0 && ret_result->ends >= renderers / 10)
            ret_result->resident_before = resident_bytes();
        if (clock_now_ms() > heard_ms + PATIENCE_MS)
            error = -ETIME;
    }
    ret_result->seconds = (double)(clock_now_ms() - start_ms) / 1000;
    if (error == 0)
        count_frames(&storm, 1);
    for (size_t i = 0; i < STORM_VICTIMS; i++)
        if (storm.victims[i].tab != NULL)
            close_slot(&storm, &storm.victims[i]);
    finish(&storm);
    return error != 0 || !storm.has_failed ? error : -EIO;
}

int storm_mutate(unsigned duration_ms, storm_progress_fn progress, struct storm_result *ret_result)
{
    struct storm storm;
    int error = begin(&storm, "tests/hostile-renderer", "about:mutant", ret_result);
    uint64_t start_ms = clock_now_ms(), now_ms = start_ms;
    for (; error == 0 && now_ms < start_ms + duration_ms && !storm.has_failed; now_ms = clock_now_ms()) {
        for (size_t i = 0; i < STORM_VICTIMS && error == 0; i++) {
            struct storm_tab *self = &storm.victims[i];
            if (self->tab != NULL && self->has_ended)
                close_slot(&storm, self);
            if (self->tab == NULL) {
                error = open_tab(&storm, self, storm.location, false);
                ret_result->renderers++;
            }
        }
        turn(&storm, 10);
        if (progress != NULL)
            progress(now_ms - start_ms, duration_ms);
        if (ret_result->resident_before == 0 && now_ms >= start_ms + duration_ms / 10)
            ret_result->resident_before = resident_bytes();
    }
    ret_result->seconds = (double)(now_ms - start_ms) / 1000;
    if (error == 0)
        count_frames(&storm, 1);
    for (size_t i = 0; i < STORM_VICTIMS; i++)
        if (storm.victims[i].tab != NULL)
            close_slot(&storm, &storm.victims[i]);
    finish(&storm);
    return error != 0 || !storm.has_failed ? error : -EIO;
}
