#include "broker/observe/sandbox_json.h"

#include <string.h>

static const char *verdict_name(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_CANNOT_TELL:
        return "cannot tell";
    case VERDICT_IN_FORCE:
        return "in force";
    case VERDICT_NOT_IN_FORCE:
        return "not in force";
    }
    return "";
}

/* The words of the page are for the eye; programs get one spelling. */
static const char *observed_name(enum layer_observed observed)
{
    static const char *const names[LAYER_OBSERVED_COUNT] = {
        [LAYER_OBSERVED_IN_FORCE] = "in force",         [LAYER_OBSERVED_CLAIMED] = "claimed",
        [LAYER_OBSERVED_MISSING] = "missing",           [LAYER_OBSERVED_NOT_SHOWN] = "not shown",
        [LAYER_OBSERVED_CONTRADICTED] = "contradicted",
    };
    return names[observed];
}

static json_t *score_json(const struct sandbox_page *page)
{
    struct sandbox_score score = sandbox_page_score(page);
    json_t *missing = json_array();
    for (unsigned i = 0; i < LAYERS; i++)
        if (page->layers[i].is_counted && page->layers[i].worst > LAYER_OBSERVED_CLAIMED)
            json_array_append_new(missing, json_string(layer_name(i)));
    return json_pack("{s:i, s:i, s:i, s:i, s:o}", "in_force", (int)(score.seen + score.claimed), "seen",
                     (int)score.seen, "claimed", (int)score.claimed, "total", (int)score.total, "not_in_force",
                     missing);
}

static json_t *settings_json(const struct host_facts *host)
{
    json_t *settings = json_object();
    for (int i = 0; i < HOST_SETTINGS; i++)
        json_object_set_new(settings, host_setting_name(i),
                            host->settings[i].error != 0 ? json_null() : json_integer(host->settings[i].value));
    return settings;
}

static json_t *host_json(const struct sandbox_page *page)
{
    const struct host_facts *host = &page->host;
    char surroundings[512];
    json_t *layers = json_array();
    for (unsigned i = 0; i < LAYERS; i++) {
        const struct sandbox_layer *layer = &page->layers[i];
        json_array_append_new(layers, json_pack("{s:s, s:b, s:s?}", "name", layer_name(i), "here", (int)layer->is_here,
                                                "why_not", layer->is_here ? NULL : layer->why_not));
    }
    host_surroundings(host, surroundings, sizeof surroundings);
    json_t *abi = host->landlock_abi < 0 ? json_null() : json_integer(host->landlock_abi);
    return json_pack("{s:s, s:s, s:s, s:o, s:s, s:b, s:o, s:o}", "kernel", host->kernel, "machine", host->machine,
                     "surroundings", surroundings, "landlock_abi", abi, "seccomp_actions", host->seccomp_actions,
                     "cgroup2", (int)host->has_cgroup2, "settings", settings_json(host), "layers", layers);
}

static json_t *row_json(const struct sandbox_page *page, const struct sandbox_row *row, unsigned layer)
{
    const char *error = row->outside.error != 0 ? strerrorname_np(row->outside.error) : NULL;
    json_t *outside = json_pack("{s:s, s:s?, s:s}", "verdict", verdict_name(row->outside.verdict), "error", error,
                                "evidence", row->outside.text);
    json_t *word = json_pack("{s:s, s:s}", "verdict", verdict_name(row->inside), "evidence", row->word);
    return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o}", "name", layer_name(layer), "wanted",
                     sandbox_want_name(page->layers[layer].want), "observed", observed_name(row->observed), "is_bad",
                     (int)row->is_bad, "outside", outside, "word", word);
}

static json_t *process_json(const struct sandbox_page *page, const struct sandbox_process *process)
{
    json_t *layers = json_array();
    json_t *renderer = process->role == SANDBOX_RENDERER ? json_integer(process->renderer_id) : json_null();
    for (unsigned layer = 0; layer < LAYERS; layer++)
        if (process->rows[layer].is_of_role)
            json_array_append_new(layers, row_json(page, &process->rows[layer], layer));
    return json_pack("{s:s, s:i, s:o, s:s, s:o}", "role", sandbox_role_name(process->role), "pid", (int)process->pid,
                     "renderer", renderer, "what", process->what, "layers", layers);
}

json_t *sandbox_json(const struct sandbox_page *page)
{
    json_t *processes = json_array();
    for (size_t i = 0; i < page->count; i++)
        json_array_append_new(processes, process_json(page, &page->processes[i]));
    return json_pack("{s:o, s:o, s:o}", "score", score_json(page), "host", host_json(page), "processes", processes);
}
