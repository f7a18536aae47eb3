/* observe_host.h - what this host has to build a cell from, found by asking the kernel and by trying.
 *
 * Independent of the renderer: namespaces are tried by a throw-away child of the broker, the way a renderer would have
 * to, and everything else by a question that changes nothing. So "the host has it" and "the renderer has it" are two
 * observations, and a layer that is there and not in force is told from one that is not to be had.
 */
#ifndef BULKHEAD_OBSERVE_HOST_H
#define BULKHEAD_OBSERVE_HOST_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/observe/observe.h"
#include "to_broker.pb-c.h"

enum { HOST_TRIED = BULKHEAD__LAYER_FACT__LAYER__EMPTY_ROOT + 1, HOST_WHY_BYTES = 192 };

/* A number below /proc/sys. */
enum host_setting {
    HOST_MAX_USER_NAMESPACES,
    HOST_UNPRIVILEGED_USERNS_CLONE, /* Debian's; 0 forbids */
    HOST_APPARMOR_RESTRICTS_USERNS, /* Ubuntu's; 1 forbids */
    HOST_SETTINGS,
};
struct host_setting_value {
    int error; /* errno; ENOENT: this kernel has no such setting */
    long value;
};
const char *host_setting_name(enum host_setting setting); /* "user.max_user_namespaces" */

struct host_facts {
    char kernel[65], machine[65];
    int landlock_abi;          /* -errno without Landlock */
    char seccomp_actions[128]; /* "kill_process … allow"; "" without seccomp filters */
    int descriptor_refusal;    /* errno of SO_PASSRIGHTS=0 on a socket; 0 = the kernel does it */
    int write_execute;         /* errno of asking for MDWE; 0 = the kernel has it */
    int no_new_privs;          /* likewise */
    struct host_setting_value settings[HOST_SETTINGS];
    int tried[HOST_TRIED];  /* errno of each namespace and of an empty root, by layer; 0 = to be had */
    bool has_cgroup2;       /* the unified hierarchy is mounted at /sys/fs/cgroup */
    bool is_container;      /* as far as one leaves its mark */
    struct observation own; /* the broker: what it lives in already */
};

/* 0 or -errno (no memory, no /proc). Forks; waits for its child alone. */
int host_observe(struct host_facts *ret_host);

/* Whether a renderer could have this layer here; if not, why, in words. Pure. */
bool host_offers(const struct host_facts *host, Bulkhead__LayerFact__Layer layer, char ret_why[HOST_WHY_BYTES]);

/* What the broker lives in already: "a container, a user namespace (\"0 1000 1\"), a seccomp filter", or "nothing". */
void host_surroundings(const struct host_facts *host, char *out, size_t out_bytes);

#endif
