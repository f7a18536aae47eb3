/* cell.c - the order in which the walls go up. Each wall is in a file of its own (cell_layers.h). */
#include "renderer/cell/cell.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/codec.h"
#include "common/policy.h"
#include "renderer/audit.h"
#include "renderer/cell/cell_layers.h"

void cell_fact_set(struct cell_facts *facts, Bulkhead__LayerFact__Layer layer, int error, const char *format, ...)
{
    struct cell_fact *fact = &facts->layers[layer];
    va_list arguments;

    *fact = (struct cell_fact){.attempted = true, .in_force = error == 0, .error = error};
    va_start(arguments, format);
    vsnprintf(fact->evidence, sizeof(fact->evidence), format, arguments);
    va_end(arguments);
}

size_t cell_facts_list(const struct cell_facts *facts, Bulkhead__LayerFact *storage, Bulkhead__LayerFact **ret_list)
{
    size_t count = 0;

    for (int layer = 0; layer < CELL_LAYERS; layer++) {
        const struct cell_fact *fact = &facts->layers[layer];
        if (!fact->attempted)
            continue;
        bulkhead__layer_fact__init(&storage[count]);
        storage[count].layer = (Bulkhead__LayerFact__Layer)layer;
        storage[count].in_force = fact->in_force;
        storage[count].error = fact->error;
        storage[count].evidence = codec_bytes(fact->evidence, strlen(fact->evidence));
        ret_list[count] = &storage[count];
        count++;
    }
    return count;
}

static bool wants(const struct cell_config *config, Bulkhead__LayerFact__Layer layer)
{
    return (config->without & CELL_BIT(layer)) == 0;
}

/* Layers that were switched off are facts too. */
static void note_layers_left_out(const struct cell_config *config, struct cell_facts *facts)
{
    for (int layer = 0; layer < CELL_LAYERS; layer++) {
        if (config->without & CELL_BIT(layer)) {
            facts->layers[layer] = (struct cell_fact){.attempted = true};
            snprintf(facts->layers[layer].evidence, CELL_EVIDENCE_BYTES, "left out by request");
        }
    }
}

/* With a user namespace the id goes first: root's id inside a user namespace, mapped or not, still opens root's files
 * (measured). Without one, the namespaces need root's rights, so the id goes after them. */
static void enter_namespaces_and_drop_id(const struct cell_config *config, struct cell_facts *facts)
{
    struct cell_plan plan;
    bool wants_id = wants(config, LAYER(UNPRIVILEGED_ID));
    bool wants_capabilities_gone = wants(config, LAYER(NO_CAPABILITIES));

    cell_namespaces_plan(CELL_NAMESPACES & ~config->without, &plan, facts);
    if (plan.with_roots_rights)
        cell_namespaces_enter(plan.layers, facts);
    if (plan.with_roots_rights && wants_capabilities_gone)
        cell_privileges_drop_bounding();
    if (wants_id)
        cell_privileges_drop_id(facts);
    if (!plan.with_roots_rights)
        cell_namespaces_enter(plan.layers, facts);
    if (!plan.with_roots_rights && wants_capabilities_gone)
        cell_privileges_drop_bounding();
}

int cell_enter(const struct cell_config *config, struct cell_facts *facts, pid_t *ret_init_pid)
{
    struct cell_namespace_links before;
    pid_t init_pid = 0;

    memset(facts, 0, sizeof(*facts));
    cell_namespaces_note(&before);
    enter_namespaces_and_drop_id(config, facts);
    if (wants(config, LAYER(NO_CAPABILITIES)))
        cell_privileges_drop_capabilities(facts);
    /* Landlock and seccomp both depend on it for processes without CAP_SYS_ADMIN. */
    if (wants(config, LAYER(NO_NEW_PRIVS)))
        cell_privileges_forbid_new(facts);
    /* After the mounts: a Landlock domain may change none. */
    cell_landlock_restrict(~config->without, facts);
    if (wants(config, LAYER(SPECULATION_CONTROL)))
        cell_process_control_speculation(facts);
    if (wants(config, LAYER(MEMORY_DENY_WRITE_EXECUTE)))
        cell_process_deny_write_execute(facts);
    if (wants(config, LAYER(NOT_DUMPABLE)))
        cell_process_forbid_dump(facts);
    /* Last, so that the first process of the pid namespace inherits the rest. */
    if (facts->layers[LAYER(PID_NAMESPACE)].in_force) {
        init_pid = cell_init_spawn();
        if (init_pid < 0)
            return init_pid;
    }
    cell_namespaces_observe(&before, facts);
    note_layers_left_out(config, facts);
    *ret_init_pid = init_pid;
    return 0;
}

int cell_limit(const struct cell_config *config, const int *keep_fds, int keep_count, struct cell_facts *facts)
{
    if (wants(config, LAYER(CLOSED_FDS))) {
        int rc = cell_limits_close_fds(keep_fds, keep_count, facts);
        if (rc < 0)
            return rc;
    }
    if (wants(config, LAYER(RESOURCE_LIMITS)))
        cell_limits_set(config->memory_limit_bytes, facts);
    if (wants(config, LAYER(NOT_DUMPABLE)))
        cell_process_forbid_dump(facts);
    return 0;
}

void cell_close(const struct cell_config *config, struct cell_facts *facts)
{
    char evidence[CELL_EVIDENCE_BYTES] = "not loaded";

    if (!wants(config, LAYER(SECCOMP)))
        return;
    int rc = config->policy_error < 0 ? config->policy_error
             : config->policy == NULL ? -EINVAL
             : config->audit          ? policy_apply_audited(config->policy, audit_gate_address())
                                      : policy_apply(config->policy);
    if (rc == 0)
        rc = policy_probe(config->policy, evidence, sizeof(evidence));
    if (config->audit)
        audit_reset();
    cell_fact_set(facts, LAYER(SECCOMP), -rc, "%s%s", evidence, config->audit ? "; audit" : "");
}
