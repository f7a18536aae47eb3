/* cell_host.h - the broker's side of one cell: a zygote, the cell's init, and the count of what was forked from it.
 *
 * All renderers of one zygote share its address-space layout, so a cell is retired after a crash and a freshly exec'd
 * one takes over; a retired cell forks no more and ends when its last renderer has. Killing the init kills them all.
 */
#ifndef BULKHEAD_CELL_HOST_H
#define BULKHEAD_CELL_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/crash/symbolise.h"
#include "broker/layers.h"
#include "common/counters.h"
#include "common/limits.h"
#include "common/violation.h"
#include "to_broker.pb-c.h"

struct broker;
struct cell_host;

struct cell_host_listener {
    /* Hello of the zygote: the cell can fork. `hello` lives for the call. */
    void (*ready)(struct cell_host *cell, const Bulkhead__Hello *hello, void *userdata);
    /* A fork was done (pid > 0: of this cell, but maybe named before) or failed (an errno). Why the zygote must die, if
     * it lied. */
    enum violation (*forked)(struct cell_host *cell, unsigned renderer_id, pid_t pid, int error, void *userdata);
    /* A retired zygote went without answering: what was not forked never will be. */
    void (*unborn)(struct cell_host *cell, void *userdata);
    /* With `why`: the zygote or the init is gone; the cell forks no more and is to be retired. With NULL: it was
     * retired and its last renderer has ended; destroy it. */
    void (*ended)(struct cell_host *cell, const char *why, void *userdata);
};

/* Fds of a renderer-to-be, in the order of the Fork message; all taken by cell_host_fork(). The last may be -1. */
struct cell_host_fork_fds {
    int channel, crash_record, stdout_write, stderr_write, cgroup_procs;
};

/* Starts the zygote. 0 or -errno (-ENOENT: no renderer executable at renderer_path). */
int cell_host_create(struct broker *broker, const char *renderer_path, const struct cell_host_listener *listener,
                     void *userdata, struct cell_host **ret_cell);
/* Kills zygote and init (and with it whatever lives in the cell) and reaps them. Takes NULL. */
void cell_host_destroy(struct cell_host *cell);

bool cell_host_is_ready(const struct cell_host *cell);
/* Asks for a renderer; forked() answers. 0 or -errno. Counts as one renderer of this cell until cell_host_release(). */
int cell_host_fork(struct cell_host *cell, unsigned renderer_id, uint64_t memory_limit_bytes,
                   struct cell_host_fork_fds *fds);
/* A renderer of this cell was reaped, or was never born. May call ended(). */
void cell_host_release(struct cell_host *cell);
void cell_host_retire(struct cell_host *cell);
bool cell_host_is_retired(const struct cell_host *cell);

/* Its processes; 0 once one has ended, and for an init that never was (no pid namespace). */
pid_t cell_host_zygote_pid(const struct cell_host *cell);
pid_t cell_host_init_pid(const struct cell_host *cell);
/* What channel_refuses_fds() says of the zygote's channel. */
int cell_host_refuses_fds(const struct cell_host *cell);
/* What the zygote is in, in its own words (LAYERS of them). On limits, descriptors and seccomp it speaks of a child it
 * tried them on: its own are only those that fork hands on. */
const struct layer_status *cell_host_layers(const struct cell_host *cell);

const struct symbolise_module *cell_host_modules(const struct cell_host *cell, size_t *ret_count);
struct counters *cell_host_counters(struct cell_host *cell);
/* For SIGCHLD. May call ended(). */
void cell_host_check_exit(struct cell_host *cell);

/* Finds the renderer executable: `given`, $BULKHEAD_RENDERER, beside this executable, in libexec beside its bin, in the
 * libexec it was built for. Owned, or NULL. */
char *cell_host_find_renderer(const char *given);
/* Another program of ours, in the same places. Owned, or NULL. */
char *cell_host_find_program(const char *name);

#endif
