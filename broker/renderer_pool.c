#include "broker/renderer_pool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "broker/kernel_needs.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"

enum {
    /* Cells and spares that fail one after the other before a renderer was handed to anyone: after so many the host
     * cannot run them. */
    FAILURES_MAX = 3,
    /* A spare that ends sooner after its birth counts as such a failure: its successors would be born without pause. */
    YOUNG_MS = 1000,
    /* The next cell is started this long after the one of now became of use: not in the way of the first tab, and never
     * in a run that is over sooner. */
    STANDBY_AFTER_MS = 400,
    /* The next spare is forked, and the renderer after that prepared, this long after one was taken: at once, it would
     * compete for the processors with the first picture of the tab that took it. */
    SPARE_AFTER_MS = 30,
};

struct renderer_entry {
    struct renderer_entry *next; // renderer_pool::renderers
    struct renderer *renderer;
    unsigned id;
    bool is_spare; // or about to be one
    bool said_hello;
};

struct cell_entry {
    struct cell_entry *next; // renderer_pool::cells
    struct cell_host *cell;
};

struct renderer_claim {
    struct renderer_claim *next; // renderer_pool::claims
    renderer_claim_fn fn;
    void *userdata;
};

struct renderer_pool {
    struct broker *broker;
    char *renderer_path;
    unsigned spares_wanted;
    const struct renderer_pool_listener *listener;
    void *userdata;
    struct cell_entry *cells;
    struct cell_host *current; // in cells; NULL while there is none
    struct cell_host *standby; // in cells; takes over when the current one is retired; NULL while there is none
    struct loop_source *standby_timer;
    struct renderer_entry *renderers;
    struct renderer *prepared;     // the next one, but for its process; NULL while there is none
    struct renderer_claim *claims; // first come, first served
    struct loop_source *refill_source, *spare_timer;
    unsigned next_id, failures;
    bool is_ending, is_broken;
    bool is_spare_due; // false for a while after one was taken
};

static int refill(struct renderer_pool *pool);

static void fail_claims(struct renderer_pool *pool, const char *why)
{
    while (pool->claims != NULL) {
        struct renderer_claim *claim = pool->claims;
        pool->claims = claim->next;
        claim->fn(NULL, why, claim->userdata);
        free(claim);
    }
}

static void give_up(struct renderer_pool *pool, int error, const char *why)
{
    if (pool->is_broken)
        return;
    pool->is_broken = true;
    pool->listener->failed(error, why, pool->userdata);
    fail_claims(pool, why);
}

static void on_cell_ready(struct cell_host *cell, const Bulkhead__Hello *hello, void *userdata)
{
    (void)cell;
    (void)hello;
    struct renderer_pool *pool = userdata;
    refill(pool);
}

static struct renderer_entry *entry_by_id(struct renderer_pool *pool, unsigned id)
{
    for (struct renderer_entry *entry = pool->renderers; entry != NULL; entry = entry->next)
        if (entry->id == id)
            return entry;
    return NULL;
}

static bool is_named(const struct renderer_pool *pool, pid_t pid)
{
    for (const struct renderer_entry *entry = pool->renderers; entry != NULL; entry = entry->next)
        if (renderer_pid(entry->renderer) == pid)
            return true;
    return false;
}

static enum violation on_cell_forked(struct cell_host *cell, unsigned id, pid_t pid, int error, void *userdata)
{
    struct renderer_pool *pool = userdata;
    struct renderer_entry *entry = entry_by_id(pool, id);
    if (entry == NULL || renderer_cell(entry->renderer) != cell)
        return VIOLATION_UNKNOWN_REQUEST;
    if (pid != 0 && is_named(pool, pid))
        return VIOLATION_NOT_OUR_CHILD; /* two renderers cannot be one process: killing one would kill the other */
    return renderer_forked(entry->renderer, pid, error);
}

/* It serves no more; the standby, if there is one, steps up. */
static void forget_cell(struct renderer_pool *pool, struct cell_host *cell)
{
    if (pool->standby == cell)
        pool->standby = NULL;
    if (pool->current != cell)
        return;
    pool->current = pool->standby;
    pool->standby = NULL;
}

static void drop_cell(struct renderer_pool *pool, struct cell_host *cell)
{
    for (struct cell_entry **link = &pool->cells; *link != NULL; link = &(*link)->next) {
        struct cell_entry *entry = *link;
        if (entry->cell != cell)
            continue;
        *link = entry->next;
        free(entry);
        break;
    }
    forget_cell(pool, cell);
    pool->listener->cell_ended(cell, pool->userdata);
    cell_host_destroy(cell);
}

/* Renderers still in a cell that broke die with its init; those not yet forked never will be. */
static void fail_unborn(struct renderer_pool *pool, struct cell_host *cell)
{
    struct renderer_entry *next;
    for (struct renderer_entry *entry = pool->renderers; entry != NULL; entry = next) {
        next = entry->next;
        if (renderer_cell(entry->renderer) == cell && renderer_pid(entry->renderer) == 0)
            renderer_unborn(entry->renderer);
    }
}

static int on_refill(struct loop_source *source, void *userdata)
{
    (void)source;
    struct renderer_pool *pool = userdata;
    loop_source_remove(&pool->refill_source);
    refill(pool);
    return 0;
}

static void refill_later(struct renderer_pool *pool)
{
    if (pool->refill_source == NULL && !pool->is_ending)
        loop_defer(broker_loop(pool->broker), on_refill, pool, &pool->refill_source);
}

static void kill_members(struct renderer_pool *pool, struct cell_host *cell)
{
    for (struct renderer_entry *entry = pool->renderers; entry != NULL; entry = entry->next)
        if (renderer_cell(entry->renderer) == cell)
            renderer_kill(entry->renderer, KILL_CELL, VIOLATION_NONE);
}

static void on_cell_unborn(struct cell_host *cell, void *userdata)
{
    fail_unborn(userdata, cell);
}

static void on_cell_ended(struct cell_host *cell, const char *why, void *userdata)
{
    struct renderer_pool *pool = userdata;
    if (why == NULL) {
        drop_cell(pool, cell);
        return;
    }
    log_write(LOG_ERROR, "cell_ended=\"%s\"", why);
    forget_cell(pool, cell);
    fail_unborn(pool, cell);
    kill_members(pool, cell);
    cell_host_retire(cell); /* freed when its last renderer was reaped */
    if (++pool->failures >= FAILURES_MAX) {
        char text[640], needs[160] = "";
        bool is_explained = kernel_needs_explain(needs, sizeof needs);
        snprintf(text, sizeof text, "no cell can be had: the zygote ended: %s%s%s", why, is_explained ? "; " : "",
                 needs);
        give_up(pool, -ECHILD, text);
        return;
    }
    refill_later(pool);
}

static const struct cell_host_listener cell_listener = {
    .ready = on_cell_ready, .forked = on_cell_forked, .unborn = on_cell_unborn, .ended = on_cell_ended};

static int start_cell(struct renderer_pool *pool, struct cell_host **ret_cell)
{
    struct cell_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return -ENOMEM;
    int error = cell_host_create(pool->broker, pool->renderer_path, &cell_listener, pool, &entry->cell);
    if (error < 0) {
        free(entry);
        return error;
    }
    entry->next = pool->cells;
    pool->cells = entry;
    *ret_cell = entry->cell;
    return 0;
}

static int on_standby_timer(struct loop_source *source, void *userdata)
{
    (void)source;
    struct renderer_pool *pool = userdata;
    if (pool->standby == NULL && pool->current != NULL && !pool->is_broken)
        start_cell(pool, &pool->standby); /* without one, a crash waits for a new cell: slower, nothing worse */
    return 0;
}

static void start_standby_later(struct renderer_pool *pool)
{
    if (pool->standby == NULL)
        loop_timer_set(pool->standby_timer, clock_now_ms() + STANDBY_AFTER_MS);
}

static bool is_of_now(const struct renderer_pool *pool, const struct renderer_entry *entry)
{
    return renderer_cell(entry->renderer) == pool->current;
}

static void hand_over(struct renderer_pool *pool, struct renderer_entry *entry)
{
    struct renderer_claim *claim = pool->claims;
    pool->claims = claim->next;
    pool->failures = 0;
    entry->is_spare = false;
    pool->is_spare_due = false;
    loop_timer_set(pool->spare_timer, clock_now_ms() + SPARE_AFTER_MS);
    claim->fn(entry->renderer, NULL, claim->userdata);
    free(claim);
}

static void serve_claims(struct renderer_pool *pool)
{
    struct renderer_entry *entry = pool->renderers;
    while (entry != NULL && pool->claims != NULL) {
        struct renderer_entry *next = entry->next;
        if (entry->is_spare && is_of_now(pool, entry) && renderer_state(entry->renderer) == RENDERER_IDLE)
            hand_over(pool, entry);
        entry = next;
    }
}

static void on_renderer_idle(struct renderer *renderer, const Bulkhead__Hello *hello, void *userdata)
{
    struct renderer_pool *pool = userdata;
    char why[640];
    int error = pool->listener->hello(renderer, hello, why, sizeof why, pool->userdata);
    if (error < 0) {
        renderer_kill(renderer, KILL_SHUTDOWN, VIOLATION_NONE);
        give_up(pool, error, why);
        return;
    }
    entry_by_id(pool, renderer_id(renderer))->said_hello = true;
    serve_claims(pool);
    refill_later(pool);
    if (pool->prepared == NULL)
        loop_timer_set(pool->spare_timer, clock_now_ms() + SPARE_AFTER_MS);
    start_standby_later(pool);
}

static bool is_bad_end(enum exit_cause cause)
{
    switch (cause) {
    case EXIT_CAUSE_CRASHED:
    case EXIT_CAUSE_SANDBOX_VIOLATION:
    case EXIT_CAUSE_BAD_MESSAGE:
        return true; /* what an attack looks like from outside */
    case EXIT_CAUSE_CLEAN:
    case EXIT_CAUSE_OUT_OF_MEMORY:
    case EXIT_CAUSE_HUNG:
    case EXIT_CAUSE_KILLED_BY_BROKER:
    case EXIT_CAUSE_UNEXPECTED_EXIT:
    case EXIT_CAUSE_COUNT:
        break;
    }
    return false;
}

static void retire(struct renderer_pool *pool, struct cell_host *cell)
{
    if (cell_host_is_retired(cell))
        return;
    forget_cell(pool, cell);
    for (struct renderer_entry *entry = pool->renderers; entry != NULL; entry = entry->next)
        if (entry->is_spare && renderer_cell(entry->renderer) == cell)
            renderer_close(entry->renderer, KILL_CLOSED);
    cell_host_retire(cell);
}

static struct renderer_entry *unlink_entry(struct renderer_pool *pool, const struct renderer *renderer)
{
    for (struct renderer_entry **link = &pool->renderers; *link != NULL; link = &(*link)->next) {
        struct renderer_entry *entry = *link;
        if (entry->renderer != renderer)
            continue;
        *link = entry->next;
        return entry;
    }
    return NULL;
}

/* One that was never of use, and not because we or its cell ended it: an immediate successor would fare no better. */
static bool died_young(const struct renderer_entry *entry, const struct exit_report *report)
{
    return entry != NULL && entry->is_spare && report->cause != EXIT_CAUSE_CLEAN &&
           report->cause != EXIT_CAUSE_KILLED_BY_BROKER &&
           (!entry->said_hello || renderer_age_ms(entry->renderer) < YOUNG_MS);
}

static void on_renderer_ended(struct renderer *renderer, const struct exit_report *report, void *userdata)
{
    struct renderer_pool *pool = userdata;
    struct cell_host *cell = renderer_cell(renderer);
    struct renderer_entry *entry = unlink_entry(pool, renderer);
    bool is_failure = died_young(entry, report);
    pool->listener->ended(renderer, report, pool->userdata);
    free(entry);
    if (pool->is_ending)
        return;
    if (is_bad_end(report->cause))
        retire(pool, cell);
    if (is_failure && ++pool->failures >= FAILURES_MAX)
        give_up(pool, -ECHILD, report->summary);
    cell_host_release(cell);
    refill_later(pool);
}

static const struct renderer_owner renderer_owner = {.idle = on_renderer_idle, .ended = on_renderer_ended};

/* Of the next renderer: the policy may have been read again. */
static uint64_t memory_limit_bytes(const struct renderer_pool *pool)
{
    uint64_t given = broker_options(pool->broker)->memory_limit_bytes;
    return given != 0 ? given : broker_policy(pool->broker)->memory_limit_bytes;
}

static int prepare(struct renderer_pool *pool, struct renderer **ret_renderer)
{
    return renderer_prepare(pool->broker, pool->next_id++, memory_limit_bytes(pool), &renderer_owner, pool,
                            ret_renderer);
}

/* The one that waits, unless the limits have changed since. */
static int take_prepared(struct renderer_pool *pool, struct renderer **ret_renderer)
{
    struct renderer *renderer = pool->prepared;
    pool->prepared = NULL;
    if (renderer != NULL && renderer_memory_limit_bytes(renderer) == memory_limit_bytes(pool)) {
        *ret_renderer = renderer;
        return 0;
    }
    renderer_discard(renderer);
    return prepare(pool, ret_renderer);
}

static int add_renderer(struct renderer_pool *pool)
{
    struct renderer_entry *entry = calloc(1, sizeof *entry);
    if (entry == NULL)
        return -ENOMEM;
    int error = take_prepared(pool, &entry->renderer);
    if (error == 0)
        error = renderer_start(entry->renderer, pool->current);
    if (error < 0) {
        renderer_discard(entry->renderer);
        free(entry);
        return error;
    }
    entry->id = renderer_id(entry->renderer);
    entry->is_spare = true;
    entry->next = pool->renderers;
    pool->renderers = entry;
    return 0;
}

static unsigned count_spares(const struct renderer_pool *pool)
{
    unsigned count = 0;
    for (const struct renderer_entry *entry = pool->renderers; entry != NULL; entry = entry->next)
        count += entry->is_spare && is_of_now(pool, entry) && renderer_state(entry->renderer) != RENDERER_ENDING;
    return count;
}

static unsigned count_claims(const struct renderer_pool *pool)
{
    unsigned count = 0;
    for (const struct renderer_claim *claim = pool->claims; claim != NULL; claim = claim->next)
        count++;
    return count;
}

static int on_spare_timer(struct loop_source *source, void *userdata)
{
    (void)source;
    struct renderer_pool *pool = userdata;
    pool->is_spare_due = true;
    int error = refill(pool);
    if (error == 0 && pool->prepared == NULL && !pool->is_broken)
        prepare(pool, &pool->prepared); /* if not, the next one takes 0.1 ms longer */
    return error;
}

static unsigned count_wanted(const struct renderer_pool *pool)
{
    return count_claims(pool) + (pool->is_spare_due ? pool->spares_wanted : 0);
}

/* One renderer for each claim, and the spares when they are due; a cell first if there is none. */
static int refill(struct renderer_pool *pool)
{
    if (pool->is_ending || pool->is_broken)
        return 0;
    int error = 0;
    if (pool->current == NULL)
        error = start_cell(pool, &pool->current);
    if (error == 0 && !cell_host_is_ready(pool->current))
        return 0; /* on_cell_ready() comes back here */
    unsigned wanted = count_wanted(pool);
    for (unsigned have = count_spares(pool); error == 0 && have < wanted; have++)
        error = add_renderer(pool);
    if (error < 0) {
        char why[320];
        snprintf(why, sizeof why, "no renderer can be started from %s: %s", pool->renderer_path, strerror(-error));
        give_up(pool, error, why);
    }
    return error;
}

int renderer_pool_claim(struct renderer_pool *pool, renderer_claim_fn fn, void *userdata,
                        struct renderer_claim **ret_claim)
{
    *ret_claim = NULL;
    if (pool->is_broken)
        return -ECHILD;
    struct renderer_claim *claim = calloc(1, sizeof *claim);
    if (claim == NULL)
        return -ENOMEM;
    claim->fn = fn;
    claim->userdata = userdata;
    struct renderer_claim **link = &pool->claims;
    while (*link != NULL)
        link = &(*link)->next;
    *link = claim;
    *ret_claim = claim;
    serve_claims(pool);
    for (link = &pool->claims; *link != NULL && *link != claim; link = &(*link)->next)
        ;
    if (*link == NULL)
        *ret_claim = NULL; /* served at once */
    /* The claimant waits: at once where it can be had. What fails is told by refill(), when the claim is returned. */
    else if (pool->current != NULL && cell_host_is_ready(pool->current) && count_spares(pool) < count_wanted(pool))
        add_renderer(pool);
    refill_later(pool);
    return 0;
}

void renderer_pool_cancel(struct renderer_pool *pool, struct renderer_claim *claim)
{
    for (struct renderer_claim **link = &pool->claims; *link != NULL; link = &(*link)->next) {
        if (*link != claim)
            continue;
        *link = claim->next;
        free(claim);
        return;
    }
}

int renderer_pool_create(struct broker *broker, const char *renderer_path, unsigned spares,
                         const struct renderer_pool_listener *listener, void *userdata, struct renderer_pool **ret_pool)
{
    struct renderer_pool *pool = calloc(1, sizeof *pool);
    if (pool == NULL)
        return -ENOMEM;
    pool->broker = broker;
    pool->renderer_path = strdup(renderer_path);
    pool->spares_wanted = spares;
    pool->listener = listener;
    pool->userdata = userdata;
    pool->next_id = 1;
    pool->is_spare_due = true;
    int error = pool->renderer_path == NULL ? -ENOMEM : start_cell(pool, &pool->current);
    if (error == 0)
        error = loop_add_timer(broker_loop(broker), on_standby_timer, pool, &pool->standby_timer);
    if (error == 0)
        error = loop_add_timer(broker_loop(broker), on_spare_timer, pool, &pool->spare_timer);
    if (error < 0) {
        renderer_pool_destroy(pool);
        return error;
    }
    *ret_pool = pool;
    return 0;
}

void renderer_pool_destroy(struct renderer_pool *pool)
{
    if (pool == NULL)
        return;
    pool->is_ending = true;
    loop_source_remove(&pool->refill_source);
    loop_source_remove(&pool->standby_timer);
    loop_source_remove(&pool->spare_timer);
    for (struct renderer_entry *entry = pool->renderers; entry != NULL; entry = entry->next)
        renderer_kill(entry->renderer, KILL_SHUTDOWN, VIOLATION_NONE);
    while (pool->renderers != NULL) {
        struct renderer_entry *entry = pool->renderers;
        pool->renderers = entry->next;
        renderer_destroy(entry->renderer);
        free(entry);
    }
    renderer_discard(pool->prepared);
    while (pool->cells != NULL)
        drop_cell(pool, pool->cells->cell);
    fail_claims(pool, "the broker is ending");
    free(pool->renderer_path);
    free(pool);
}

void renderer_pool_check_exits(struct renderer_pool *pool)
{
    struct renderer_entry *next;
    for (struct renderer_entry *entry = pool->renderers; entry != NULL; entry = next) {
        next = entry->next;
        renderer_check_exit(entry->renderer);
    }
    struct cell_entry *next_cell;
    for (struct cell_entry *entry = pool->cells; entry != NULL; entry = next_cell) {
        next_cell = entry->next;
        cell_host_check_exit(entry->cell);
    }
}

void renderer_pool_each(struct renderer_pool *pool, void (*fn)(struct renderer *renderer, void *userdata),
                        void *userdata)
{
    for (struct renderer_entry *entry = pool->renderers; entry != NULL; entry = entry->next)
        fn(entry->renderer, userdata);
}

void renderer_pool_each_cell(struct renderer_pool *pool, void (*fn)(struct cell_host *cell, void *userdata),
                             void *userdata)
{
    for (struct cell_entry *entry = pool->cells; entry != NULL; entry = entry->next)
        fn(entry->cell, userdata);
}
