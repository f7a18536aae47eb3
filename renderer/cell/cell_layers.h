/* cell_layers.h - the parts of the cell, for cell.c alone: each puts up its own layers and records what it found.
 *
 * No function here gives up because one layer is missing: it writes the errno into that layer's fact and returns.
 * The order in which cell.c calls them is the design; none calls another.
 */
#ifndef BULKHEAD_CELL_LAYERS_H
#define BULKHEAD_CELL_LAYERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "renderer/cell/cell.h"

#define LAYER(name)     BULKHEAD__LAYER_FACT__LAYER__##name
#define CELL_BIT(layer) (1u << (layer))
#define CELL_NAMESPACES                                                                                                \
    (CELL_BIT(BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE) | CELL_BIT(BULKHEAD__LAYER_FACT__LAYER__MOUNT_NAMESPACE) |  \
     CELL_BIT(BULKHEAD__LAYER_FACT__LAYER__PID_NAMESPACE) | CELL_BIT(BULKHEAD__LAYER_FACT__LAYER__NET_NAMESPACE) |     \
     CELL_BIT(BULKHEAD__LAYER_FACT__LAYER__IPC_NAMESPACE) | CELL_BIT(BULKHEAD__LAYER_FACT__LAYER__UTS_NAMESPACE) |     \
     CELL_BIT(BULKHEAD__LAYER_FACT__LAYER__CGROUP_NAMESPACE) | CELL_BIT(BULKHEAD__LAYER_FACT__LAYER__EMPTY_ROOT))

/* Records the outcome of a layer: error 0 = in force. */
void cell_fact_set(struct cell_facts *facts, Bulkhead__LayerFact__Layer layer, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* cell_privileges.c: who we are and what that may do. */

/* As root: to an id that nothing on this machine uses, no groups. Keeps PDEATHSIG, which a change of id clears. */
void cell_privileges_drop_id(struct cell_facts *facts);
/* Empties the bounding set, while CAP_SETPCAP is still there. */
void cell_privileges_drop_bounding(void);
void cell_privileges_drop_capabilities(struct cell_facts *facts);
void cell_privileges_forbid_new(struct cell_facts *facts);

/* cell_namespaces.c */

/* Which of the wanted namespace layers work here, tried as a whole in a child that is thrown away. */
struct cell_plan {
    uint32_t layers;        /* CELL_BITs of what is worth doing */
    bool with_roots_rights; /* namespaces first, then the id: user namespaces are not to be had, but we are root */
};
/* Failures are recorded in facts. */
void cell_namespaces_plan(uint32_t wanted, struct cell_plan *ret_plan, struct cell_facts *facts);
void cell_namespaces_enter(uint32_t layers, struct cell_facts *facts);

/* The kernel's names of the namespaces ("net:[4026531840]"), before and after: its word instead of ours. */
enum { CELL_NAMESPACE_COUNT = 7, CELL_LINK_BYTES = 40 };
struct cell_namespace_links {
    int directory_fd; /* /proc/self/ns */
    char links[CELL_NAMESPACE_COUNT][CELL_LINK_BYTES];
};
void cell_namespaces_note(struct cell_namespace_links *ret_before);
/* When the pid namespace has its first process. Closes the fd. */
void cell_namespaces_observe(struct cell_namespace_links *before, struct cell_facts *facts);

/* cell_init.c: pid 1 of the cell; a child of our parent. The pid as that parent sees it, or -errno. */
pid_t cell_init_spawn(void);

/* cell_landlock.c: files, network, scopes, as far as this kernel's ABI goes. `wanted`: CELL_BITs of the three. */
void cell_landlock_restrict(uint32_t wanted, struct cell_facts *facts);

/* cell_process.c: attributes of the process that every child inherits. */
void cell_process_deny_write_execute(struct cell_facts *facts);
void cell_process_control_speculation(struct cell_facts *facts);
void cell_process_forbid_dump(struct cell_facts *facts);

/* cell_limits.c: what one renderer may use up, and which fds it holds. */
void cell_limits_set(uint64_t memory_limit_bytes, struct cell_facts *facts);
/* keep_fds in any order; at most CELL_KEEP_FDS of them. 0 or -errno. */
enum { CELL_KEEP_FDS = 32 };
int cell_limits_close_fds(const int *keep_fds, int keep_count, struct cell_facts *facts);

#endif
