#include "broker/layers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

static const char *const names[LAYERS] = {
    [BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE] = "user-namespace",
    [BULKHEAD__LAYER_FACT__LAYER__MOUNT_NAMESPACE] = "mount-namespace",
    [BULKHEAD__LAYER_FACT__LAYER__PID_NAMESPACE] = "pid-namespace",
    [BULKHEAD__LAYER_FACT__LAYER__NET_NAMESPACE] = "net-namespace",
    [BULKHEAD__LAYER_FACT__LAYER__IPC_NAMESPACE] = "ipc-namespace",
    [BULKHEAD__LAYER_FACT__LAYER__UTS_NAMESPACE] = "uts-namespace",
    [BULKHEAD__LAYER_FACT__LAYER__CGROUP_NAMESPACE] = "cgroup-namespace",
    [BULKHEAD__LAYER_FACT__LAYER__EMPTY_ROOT] = "empty-root",
    [BULKHEAD__LAYER_FACT__LAYER__UNPRIVILEGED_ID] = "unprivileged-id",
    [BULKHEAD__LAYER_FACT__LAYER__NO_CAPABILITIES] = "no-capabilities",
    [BULKHEAD__LAYER_FACT__LAYER__NO_NEW_PRIVS] = "no-new-privs",
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_FILES] = "landlock-files",
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_NETWORK] = "landlock-network",
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_SCOPES] = "landlock-scopes",
    [BULKHEAD__LAYER_FACT__LAYER__RESOURCE_LIMITS] = "resource-limits",
    [BULKHEAD__LAYER_FACT__LAYER__MEMORY_DENY_WRITE_EXECUTE] = "memory-deny-write-execute",
    [BULKHEAD__LAYER_FACT__LAYER__SPECULATION_CONTROL] = "speculation-control",
    [BULKHEAD__LAYER_FACT__LAYER__NOT_DUMPABLE] = "not-dumpable",
    [BULKHEAD__LAYER_FACT__LAYER__CLOSED_FDS] = "closed-fds",
    [BULKHEAD__LAYER_FACT__LAYER__SECCOMP] = "seccomp",
    [BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS] = "cgroup-limits",
    [BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS] = "channel-refuses-fds",
};

#define OPTIONAL LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS)

/* Words for several layers at once. */
static const struct group {
    const char *name;
    layer_set layers;
} groups[] = {
    {"all", ((1u << LAYERS) - 1) & ~OPTIONAL},
    {"namespaces",
     LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE) | LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__MOUNT_NAMESPACE) |
         LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__PID_NAMESPACE) | LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__NET_NAMESPACE) |
         LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__IPC_NAMESPACE) | LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__UTS_NAMESPACE) |
         LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__CGROUP_NAMESPACE)},
    {"landlock", LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_FILES) |
                     LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_NETWORK) |
                     LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_SCOPES)},
};

const char *layer_name(Bulkhead__LayerFact__Layer layer)
{
    return (unsigned)layer < LAYERS ? names[layer] : "unknown";
}

bool layer_is_optional(Bulkhead__LayerFact__Layer layer)
{
    return (OPTIONAL & LAYER_BIT(layer)) != 0;
}

bool layer_is_of_broker(Bulkhead__LayerFact__Layer layer)
{
    return layer >= BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS;
}

static layer_set find(const char *word, size_t length)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
        if (strlen(groups[i].name) == length && strncmp(groups[i].name, word, length) == 0)
            return groups[i].layers;
    for (unsigned i = 0; i < LAYERS; i++)
        if (strlen(names[i]) == length && strncmp(names[i], word, length) == 0)
            return LAYER_BIT(i);
    return 0;
}

int layer_set_parse(const char *text, layer_set *ret_layers, const char **ret_bad)
{
    layer_set layers = 0;
    for (const char *word = text;;) {
        size_t length = strcspn(word, ",");
        layer_set found = find(word, length);
        if (found == 0) {
            *ret_bad = word;
            return -EINVAL;
        }
        layers |= found;
        if (word[length] == '\0')
            break;
        word += length + 1;
    }
    *ret_layers = layers;
    return 0;
}

/* Where the system's words for an error would mislead: nobody can free space here, and there is no device. */
static const struct reason {
    Bulkhead__LayerFact__Layer layer;
    int error;
    const char *words;
} reasons[] = {
    {BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE, ENOSPC, "the limit user.max_user_namespaces is reached"},
    {BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE, EPERM, "this host lets you make none"},
    {BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE, EACCES, "this host lets you make none"},
    {BULKHEAD__LAYER_FACT__LAYER__SPECULATION_CONTROL, ENXIO, "the kernel offers no control over it"},
};

const char *layer_reason(const struct layer_status *status)
{
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].layer == status->layer && reasons[i].error == status->error)
            return reasons[i].words;
    if (status->error != 0 && !layer_is_of_broker(status->layer))
        return strerror(status->error);
    return status->evidence[0] != '\0' ? status->evidence : "this host does not have it";
}

void layers_init(struct layer_status layers[LAYERS])
{
    for (unsigned i = 0; i < LAYERS; i++)
        layers[i] = (struct layer_status){.layer = i};
}

void layers_judge_channel(int error, struct layer_status *ret_status)
{
    const char *evidence = error == 0              ? "SO_PASSRIGHTS is 0 on the broker's end"
                           : error == -EPERM       ? "SO_PASSRIGHTS is 1 on the broker's end"
                           : error == -ENOPROTOOPT ? "this kernel has no SO_PASSRIGHTS (Linux 6.16)"
                                                   : "SO_PASSRIGHTS cannot be read";
    *ret_status = (struct layer_status){.layer = BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS,
                                        .known = true,
                                        .in_force = error == 0,
                                        .error = -error};
    snprintf(ret_status->evidence, sizeof ret_status->evidence, "%s", evidence);
}

void layers_take_hello(struct layer_status layers[LAYERS], const Bulkhead__Hello *hello)
{
    for (size_t i = 0; i < hello->n_layers; i++) {
        const Bulkhead__LayerFact *fact = hello->layers[i];
        if (layer_is_of_broker(fact->layer))
            continue;
        struct layer_status *status = &layers[fact->layer];
        status->known = true;
        status->in_force = fact->in_force;
        status->error = fact->error;
        text_escape(status->evidence, sizeof status->evidence, fact->evidence.data, fact->evidence.len);
    }
}
