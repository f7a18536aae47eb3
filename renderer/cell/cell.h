/* cell.h - the walls: every layer this kernel has, built in the order that works, each reported as it was found.
 *
 * Three steps. cell_enter() runs once in the zygote: unprivileged id, namespaces, empty root, no capabilities,
 * no_new_privs, Landlock, MDWE, speculation controls - all of it inherited by fork. In each renderer cell_limit() sets
 * resource limits, closes stray fds and clears dumpable, and cell_close() loads seccomp last, for all threads. A layer
 * that cannot be had is reported with its errno and the rest goes on; it is the broker that refuses (--require).
 */
#ifndef BULKHEAD_CELL_H
#define BULKHEAD_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "to_broker.pb-c.h"

enum { CELL_LAYERS = 20, CELL_EVIDENCE_BYTES = 128 };

struct cell_fact {
    bool attempted, in_force;
    int error; /* errno */
    char evidence[CELL_EVIDENCE_BYTES];
};

/* Indexed by Bulkhead__LayerFact__Layer. */
struct cell_facts {
    struct cell_fact layers[CELL_LAYERS];
};

struct policy_program;

struct cell_config {
    uint32_t without;                    /* bit per layer: leave out (tests of degradation) */
    uint64_t memory_limit_bytes;         /* RLIMIT_DATA; 0 = none */
    bool audit;                          /* count system calls (audit.h) */
    const struct policy_program *policy; /* for cell_close(): the seccomp program (policy.h), borrowed */
    int policy_error;                    /* -errno: why there is none */
};

/* In the zygote, single-threaded, before anything untrusted. Afterwards fork() makes pid-namespace children.
 * *ret_init_pid is the cell init (child of our parent), 0 without a pid namespace. 0, or -errno if not even the rest
 * can be had. */
int cell_enter(const struct cell_config *config, struct cell_facts *facts, pid_t *ret_init_pid);

/* In a renderer, when all its threads exist: what it may use up, and the descriptors that stay open (keep_fds). 0 or
 * -errno; on error the renderer must exit. */
int cell_limit(const struct cell_config *config, const int *keep_fds, int keep_count, struct cell_facts *facts);

/* The last layer, seccomp for all threads: when each of them has done whatever the policy forbids. */
void cell_close(const struct cell_config *config, struct cell_facts *facts);

/* For a Hello: the layers that were attempted, in order. `storage` and `ret_list` have room for CELL_LAYERS and live as
 * long as the message; the evidence borrows from `facts`. Returns how many. */
size_t cell_facts_list(const struct cell_facts *facts, Bulkhead__LayerFact *storage, Bulkhead__LayerFact **ret_list);

#endif
