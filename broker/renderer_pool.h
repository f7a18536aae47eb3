/* renderer_pool.h - where renderers come from: the cell of now, the spares waiting in it, and who waits for one.
 *
 * Keeps `spares` locked-down renderers waiting, so that a new tab costs a message. After a crash the cell is retired,
 * its spares are dropped (they share the crashed one's address layout), and a freshly exec'd cell takes over; tabs that
 * ask meanwhile wait for it. Owns the cells and all renderers, also those on their way out.
 */
#ifndef BULKHEAD_RENDERER_POOL_H
#define BULKHEAD_RENDERER_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "broker/cell_host.h"
#include "broker/exit_cause.h"
#include "broker/renderer.h"

struct renderer_pool;
struct renderer_claim;

/* Called once, maybe before renderer_pool_claim() returns: with an idle renderer, or NULL and why there will be none.
 */
typedef void (*renderer_claim_fn)(struct renderer *renderer, const char *why, void *userdata);

struct renderer_pool_listener {
    /* A renderer says what it is in; < 0 refuses it (a required layer is missing: -EPERM, `why` says so). */
    int (*hello)(struct renderer *renderer, const Bulkhead__Hello *hello, char *ret_why, size_t why_bytes,
                 void *userdata);
    /* Every end, for counts, crash reports and counters; before the renderer is freed. */
    void (*ended)(struct renderer *renderer, const struct exit_report *report, void *userdata);
    /* A cell could not be had. */
    void (*failed)(int error, const char *why, void *userdata);
    /* A cell is about to be freed; for its counters. */
    void (*cell_ended)(struct cell_host *cell, void *userdata);
};

/* Starts the first cell. Takes nothing; renderer_path is copied. 0 or -errno. */
int renderer_pool_create(struct broker *broker, const char *renderer_path, unsigned spares,
                         const struct renderer_pool_listener *listener, void *userdata,
                         struct renderer_pool **ret_pool);
/* Kills and reaps everything. Takes NULL. */
void renderer_pool_destroy(struct renderer_pool *pool);

/* Asks for an idle renderer. ret_claim is NULL if fn was called already; else it may be cancelled until fn is. */
int renderer_pool_claim(struct renderer_pool *pool, renderer_claim_fn fn, void *userdata,
                        struct renderer_claim **ret_claim);
void renderer_pool_cancel(struct renderer_pool *pool, struct renderer_claim *claim);

void renderer_pool_check_exits(struct renderer_pool *pool);
/* Calls fn for every living renderer, and for every cell. */
void renderer_pool_each(struct renderer_pool *pool, void (*fn)(struct renderer *renderer, void *userdata),
                        void *userdata);
void renderer_pool_each_cell(struct renderer_pool *pool, void (*fn)(struct cell_host *cell, void *userdata),
                             void *userdata);

#endif
