#include "broker/command/cli_sandbox.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/cli_lines.h"
#include "common/log.h"

#define LAYER(name) BULKHEAD__LAYER_FACT__LAYER__##name
#define BIT(name)   LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__##name)

/* Indexed by layer. `missing` completes "no …"; `without` says what is weaker then. Where other layers do the same,
 * `without` completes "only seccomp and … keep", or "nothing keeps": those of `others` that are in force. */
static const struct layer_words {
    const char *what, *missing, *without;
    layer_set others;
    const char *keep; // NULL: "keep"
} words[] = {
    [BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE] = {"renderers own nothing outside their user namespace",
                                                     "user namespace",
                                                     "renderers are not cut off from this user's rights"},
    [BULKHEAD__LAYER_FACT__LAYER__MOUNT_NAMESPACE] = {"renderers have mounts of their own", "mount namespace",
                                                      "renderers are not cut off from the mounts of this host"},
    [BULKHEAD__LAYER_FACT__LAYER__PID_NAMESPACE] = {"renderers see no other process", "PID namespace",
                                                    "renderers can see other processes"},
    [BULKHEAD__LAYER_FACT__LAYER__NET_NAMESPACE] = {"renderers have no network", "network namespace",
                                                    "renderers off the network", BIT(SECCOMP) | BIT(LANDLOCK_NETWORK)},
    [BULKHEAD__LAYER_FACT__LAYER__IPC_NAMESPACE] = {"renderers reach no System V or POSIX IPC", "IPC namespace",
                                                    "renderers from IPC of this host", BIT(SECCOMP)},
    [BULKHEAD__LAYER_FACT__LAYER__UTS_NAMESPACE] = {"renderers do not see or set the host's name", "UTS namespace",
                                                    "renderers can learn the host's name"},
    [BULKHEAD__LAYER_FACT__LAYER__CGROUP_NAMESPACE] = {"renderers do not see the cgroup tree", "cgroup namespace",
                                                       "renderers can learn their cgroup"},
    [BULKHEAD__LAYER_FACT__LAYER__EMPTY_ROOT] = {"renderers live in an empty, read-only root", "empty root",
                                                 "renderers from files", BIT(LANDLOCK_FILES) | BIT(SECCOMP)},
    [BULKHEAD__LAYER_FACT__LAYER__UNPRIVILEGED_ID] = {"renderers never run as root", "unprivileged id",
                                                      "renderers run under the broker's own id"},
    [BULKHEAD__LAYER_FACT__LAYER__NO_CAPABILITIES] = {"renderers have no capabilities", "dropping of capabilities",
                                                      "renderers keep capabilities"},
    [BULKHEAD__LAYER_FACT__LAYER__NO_NEW_PRIVS] = {"no exec can ever raise a renderer's rights", "no_new_privs",
                                                   "a set-user-id program could raise a renderer's rights"},
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_FILES] = {"Landlock forbids every file", "Landlock for files",
                                                     "renderers from files", BIT(EMPTY_ROOT) | BIT(SECCOMP)},
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_NETWORK] = {"Landlock forbids TCP", "Landlock for the network",
                                                       "renderers off it", BIT(NET_NAMESPACE) | BIT(SECCOMP)},
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_SCOPES] = {"Landlock forbids abstract sockets and signals outwards",
                                                      "Landlock scopes", "signals and abstract sockets",
                                                      BIT(PID_NAMESPACE) | BIT(NET_NAMESPACE) | BIT(SECCOMP), "stop"},
    [BULKHEAD__LAYER_FACT__LAYER__RESOURCE_LIMITS] = {"memory, files, processes and file sizes are limited",
                                                      "resource limits", "a renderer can use up memory"},
    [BULKHEAD__LAYER_FACT__LAYER__MEMORY_DENY_WRITE_EXECUTE] = {"no memory is both writable and executable",
                                                                "memory-deny-write-execute",
                                                                "renderers from making code", BIT(SECCOMP)},
    [BULKHEAD__LAYER_FACT__LAYER__SPECULATION_CONTROL] = {"speculation is restrained", "speculation control",
                                                          "renderers may try speculative side channels"},
    [BULKHEAD__LAYER_FACT__LAYER__NOT_DUMPABLE] = {"nobody can attach to or dump a renderer", "non-dumpable state",
                                                   "processes of the same id can attach to renderers"},
    [BULKHEAD__LAYER_FACT__LAYER__CLOSED_FDS] = {"renderers inherit no descriptor but their own",
                                                 "closing of descriptors",
                                                 "renderers may hold descriptors of the broker"},
    [BULKHEAD__LAYER_FACT__LAYER__SECCOMP] =
        {"few system calls, checked by argument (bulkhead help syscalls); the rest fail or kill", "seccomp",
         "renderers may make any system call"},
    [BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS] = {"the kernel holds each renderer to its memory, tasks and CPU share",
                                                    "cgroup for each renderer",
                                                    "limits are those of resource-limits alone"},
    [BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS] = {"renderers cannot push descriptors at the broker",
                                                          "refusal of descriptors by the kernel",
                                                          "descriptors that a renderer sends arrive, are closed, and "
                                                          "end it"},
};

/* As they are called in the middle of a sentence. */
static const char *wall_name(Bulkhead__LayerFact__Layer layer)
{
    switch (layer) {
    case LAYER(PID_NAMESPACE):
        return "the PID namespace";
    case LAYER(NET_NAMESPACE):
        return "the network namespace";
    case LAYER(EMPTY_ROOT):
        return "the empty root";
    case LAYER(LANDLOCK_FILES):
    case LAYER(LANDLOCK_NETWORK):
        return "Landlock";
    default:
        return layer_name(layer);
    }
}

/* "only the empty root and seccomp keep renderers from files" */
static void print_what_is_left(FILE *out, const struct layer_status *layers, size_t count,
                               const struct layer_words *missing)
{
    const char *keep = missing->keep != NULL ? missing->keep : "keep";
    size_t left = 0, said = 0;
    for (size_t i = 0; i < count; i++)
        left += (missing->others & LAYER_BIT(i)) != 0 && layers[i].in_force;
    fputs(left > 0 ? "only " : "nothing", out);
    for (size_t i = 0; i < count; i++) {
        if ((missing->others & LAYER_BIT(i)) == 0 || !layers[i].in_force)
            continue;
        fprintf(out, "%s%s", said == 0 ? "" : said + 1 < left ? ", " : " and ", wall_name(layers[i].layer));
        said++;
    }
    fprintf(out, " %s%s %s", keep, left > 1 ? "" : "s", missing->without);
}

static const char *why_missing(const struct layer_status *status)
{
    const char *name = status->error ? strerrorname_np(status->error) : NULL;
    return name ? name : status->evidence[0] ? status->evidence : "switched off";
}

/* Each with what is weaker then, for whoever asked for more than the one line. */
static void log_missing(const struct layer_status *status, const struct layer_status *layers, size_t count)
{
    const struct layer_words *layer = &words[status->layer];
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return;
    if (layer->others != 0)
        print_what_is_left(out, layers, count, layer);
    else
        fputs(layer->without, out);
    if (fclose(out) == 0)
        log_write(LOG_INFO, "layer=%s in_force=no why=\"%s\" text=\"no %s: %s\"", layer_name(status->layer),
                  why_missing(status), layer->missing, text);
    free(text);
}

/* A layer that is optional is no loss where a host does not offer it. */
static bool is_wanted(const struct layer_status *status)
{
    return status->known && !layer_is_optional(status->layer);
}

void cli_sandbox_warn(const struct broker *broker, FILE *stream)
{
    struct cli_lines lines;
    size_t count, missing = 0, wanted = 0;
    const struct layer_status *layers = broker_layers(broker, &count);
    for (size_t i = 0; i < count; i++) {
        wanted += is_wanted(&layers[i]);
        missing += is_wanted(&layers[i]) && !layers[i].in_force;
    }
    if (missing == 0 || log_get_level() > LOG_WARNING)
        return;
    FILE *out = cli_lines_begin(&lines, stream);
    fprintf(out, "bulkhead: warning: %zu of %zu sandbox layers not in force:", missing, wanted);
    const char *separator = " ";
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(&layers[i]) || layers[i].in_force)
            continue;
        fprintf(out, "%s%s", separator, layer_name(layers[i].layer));
        separator = ", ";
    }
    fputs(log_get_level() > LOG_INFO ? " (why: --log info)\n" : "\n", out);
    cli_lines_end(&lines);
    for (size_t i = 0; i < count; i++)
        if (is_wanted(&layers[i]) && !layers[i].in_force)
            log_missing(&layers[i], layers, count);
}

static json_t *layer_json(const struct layer_status *status)
{
    json_t *error = json_null();
    if (status->error)
        error = json_string(strerrorname_np(status->error) ? strerrorname_np(status->error) : "unknown");
    return json_pack("{s:s, s:b, s:b, s:o, s:s}", "name", layer_name(status->layer), "in_force", (int)status->in_force,
                     "optional", (int)layer_is_optional(status->layer), "error", error, "evidence", status->evidence);
}

json_t *cli_sandbox_json(const struct broker *broker)
{
    size_t count;
    const struct layer_status *layers = broker_layers(broker, &count);
    json_t *list = json_array();
    bool known = false, degraded = false;
    for (size_t i = 0; i < count; i++) {
        if (!layers[i].known)
            continue;
        known |= !layer_is_of_broker(layers[i].layer); /* those it knows before there is a cell */
        degraded |= !layers[i].in_force && !layer_is_optional(layers[i].layer);
        json_array_append_new(list, layer_json(&layers[i]));
    }
    return json_pack("{s:b, s:b, s:s, s:o}", "known", (int)known, "degraded", (int)degraded, "engine",
                     broker_engine_version(broker), "layers", list);
}

void cli_sandbox_print_layers(FILE *out)
{
    fputs("Layers of the sandbox, as --require takes them (comma-separated; \"all\", \"namespaces\" and\n"
          "\"landlock\" stand for several)\n\n",
          out);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        fprintf(out, "  %-26s %s\n", layer_name((Bulkhead__LayerFact__Layer)i), words[i].what);
    fputs(
        "\nA layer this host does not have is named on stderr and in --json; with --require it is an error.\n"
        "\n"
        "cgroup-limits takes a cgroup v2 that is delegated to you and holds nothing but bulkhead; it is only told in\n"
        "--json and is not part of \"all\". Without it memory is limited by RLIMIT_DATA, which does not count frames\n"
        "and the kernel's own memory. To have it:\n"
        "\n"
        "      systemd-run --user --scope -p Delegate=yes bulkhead ...   (as root: without --user)\n",
        out);
}
