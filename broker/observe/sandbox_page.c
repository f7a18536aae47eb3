#include "broker/observe/sandbox_page.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_private.h"
#include "broker/cell_host.h"
#include "broker/document/document.h"
#include "broker/renderer.h"
#include "broker/renderer_pool.h"

#define BIT(name) LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__##name)

/* What fork hands on. */
#define INHERITED                                                                                                      \
    (BIT(USER_NAMESPACE) | BIT(MOUNT_NAMESPACE) | BIT(PID_NAMESPACE) | BIT(NET_NAMESPACE) | BIT(IPC_NAMESPACE) |       \
     BIT(UTS_NAMESPACE) | BIT(CGROUP_NAMESPACE) | BIT(EMPTY_ROOT) | BIT(UNPRIVILEGED_ID) | BIT(NO_CAPABILITIES) |      \
     BIT(NO_NEW_PRIVS) | BIT(LANDLOCK_FILES) | BIT(LANDLOCK_NETWORK) | BIT(LANDLOCK_SCOPES) |                          \
     BIT(MEMORY_DENY_WRITE_EXECUTE) | BIT(SPECULATION_CONTROL) | BIT(NOT_DUMPABLE))

static const struct {
    const char *name;
    layer_set layers;
    bool speaks;
} roles[SANDBOX_ROLES] = {
    [SANDBOX_RENDERER] = {"renderer", ~0u, true},
    /* It opens no document, and forking takes memory, descriptors and system calls that a renderer must not have. */
    [SANDBOX_ZYGOTE] = {"zygote", INHERITED | BIT(CHANNEL_REFUSES_FDS), true},
    /* Without a channel; what it may use up does not matter, for it can call next to nothing. */
    [SANDBOX_INIT] = {"init", INHERITED | BIT(CLOSED_FDS) | BIT(SECCOMP), false},
};

const char *sandbox_role_name(enum sandbox_role role)
{
    return roles[role].name;
}

const char *sandbox_want_name(enum sandbox_want want)
{
    static const char *const names[] = {
        [SANDBOX_REQUIRED] = "required",
        [SANDBOX_WANTED] = "yes",
        [SANDBOX_OPTIONAL] = "optional",
        [SANDBOX_NOT_HERE] = "not here",
    };
    return names[want];
}

/* Of a page in the making. */
struct gathering {
    struct broker *broker;
    struct sandbox_page *page;
    size_t room;
    int error;
    const struct cell_host *cell; /* whose living renderers are counted */
    size_t members;
};

static struct sandbox_process *add_process(struct gathering *gathering, enum sandbox_role role, pid_t pid)
{
    struct sandbox_page *page = gathering->page;
    if (page->count == gathering->room) {
        size_t room = gathering->room * 2 + 4;
        struct sandbox_process *grown = realloc(page->processes, room * sizeof *grown);
        if (grown == NULL) {
            gathering->error = -ENOMEM;
            return NULL;
        }
        page->processes = grown;
        gathering->room = room;
    }
    struct sandbox_process *process = &page->processes[page->count++];
    *process = (struct sandbox_process){.role = role, .pid = pid};
    snprintf(process->name, sizeof process->name, "%s", sandbox_role_name(role));
    return process;
}

/* Left out by request is no word: it did not look. */
static enum verdict verdict_of_word(const struct layer_status *status)
{
    if (!status->known || (!status->in_force && status->error == 0))
        return VERDICT_CANNOT_TELL;
    return status->in_force ? VERDICT_IN_FORCE : VERDICT_NOT_IN_FORCE;
}

static void take_word(const struct layer_status *status, struct sandbox_row *row)
{
    const char *error = status->error != 0 ? strerrorname_np(status->error) : NULL;
    row->inside = verdict_of_word(status);
    if (status->known)
        snprintf(row->word, sizeof row->word, "%s%s%.200s", error != NULL ? error : "", error != NULL ? ": " : "",
                 status->evidence);
}

/* What the broker sees to was looked at from outside, by the broker. */
static void take_own_word(const struct layer_status *status, struct sandbox_row *row)
{
    row->outside.verdict = status->in_force ? VERDICT_IN_FORCE : VERDICT_NOT_IN_FORCE;
    snprintf(row->outside.text, sizeof row->outside.text, "%.300s", status->evidence);
}

static bool is_bad(const struct sandbox_page *page, const struct sandbox_process *process, unsigned layer)
{
    enum sandbox_want want = page->layers[layer].want;
    switch (process->rows[layer].observed) {
    case LAYER_OBSERVED_CONTRADICTED:
        return true;
    case LAYER_OBSERVED_NOT_SHOWN: /* a process that gives no word may be one that cannot be looked into from here */
        return roles[process->role].speaks && want <= SANDBOX_WANTED;
    case LAYER_OBSERVED_MISSING:
        return want <= SANDBOX_WANTED;
    case LAYER_OBSERVED_IN_FORCE:
    case LAYER_OBSERVED_CLAIMED:
    case LAYER_OBSERVED_COUNT:
        break;
    }
    return false;
}

/* `word` is NULL for one that gives none. */
static void judge_process(const struct sandbox_page *page, const struct observation *observation,
                          const struct observe_expected *expected, const struct layer_status *word,
                          struct sandbox_process *process)
{
    for (unsigned layer = 0; layer < LAYERS; layer++) {
        struct sandbox_row *row = &process->rows[layer];
        row->is_of_role = (roles[process->role].layers & LAYER_BIT(layer)) != 0;
        if (!row->is_of_role)
            continue;
        observe_judge(layer, observation, &page->host.own, expected, &row->outside);
        if (word != NULL && layer_is_of_broker(layer))
            take_own_word(&word[layer], row);
        else if (word != NULL)
            take_word(&word[layer], row);
        row->observed = observe_decide(row->outside.verdict, row->inside);
        row->is_bad = is_bad(page, process, layer);
        process->counts[row->observed]++;
    }
}

/* One that is gone meanwhile is no error, and not on the page. */
static void look_at(struct gathering *gathering, struct sandbox_process *process,
                    const struct observe_expected *expected, const struct layer_status *word)
{
    struct observation observation;
    int error = observe_process(process->pid, &observation);
    if (error == 0)
        judge_process(gathering->page, &observation, expected, word, process);
    else
        gathering->page->count--;
    if (error < 0 && error != -ESRCH)
        gathering->error = error;
}

static void add_renderer(struct renderer *renderer, void *userdata)
{
    struct gathering *gathering = userdata;
    struct document *document = renderer_document(renderer);
    enum renderer_state state = renderer_state(renderer);
    if (gathering->error < 0 || state == RENDERER_STARTING || state == RENDERER_ENDING)
        return;
    struct sandbox_process *process = add_process(gathering, SANDBOX_RENDERER, renderer_pid(renderer));
    if (process == NULL)
        return;
    process->renderer_id = renderer_id(renderer);
    snprintf(process->name, sizeof process->name, "renderer %u", process->renderer_id);
    snprintf(process->what, sizeof process->what, "%s",
             document != NULL ? document_name(document) : "spare: waits for a document");
    broker_note_layers(gathering->broker, renderer);
    look_at(gathering, process,
            &(struct observe_expected){.memory_limit_bytes = renderer_memory_limit_bytes(renderer),
                                       .may_hold_files = document != NULL},
            renderer_layers(renderer));
}

static void count_member(struct renderer *renderer, void *userdata)
{
    struct gathering *gathering = userdata;
    gathering->members += renderer_cell(renderer) == gathering->cell;
}

static void name_zygote(struct gathering *gathering, const struct cell_host *cell, struct sandbox_process *process)
{
    gathering->cell = cell;
    gathering->members = 0;
    renderer_pool_each(broker_pool(gathering->broker), count_member, gathering);
    if (gathering->members == 0)
        snprintf(process->what, sizeof process->what, "stands by");
    else
        snprintf(process->what, sizeof process->what, "parent of %zu renderer%s", gathering->members,
                 gathering->members == 1 ? "" : "s");
}

static void add_cell(struct cell_host *cell, void *userdata)
{
    struct gathering *gathering = userdata;
    struct layer_status layers[LAYERS];
    pid_t zygote = cell_host_zygote_pid(cell), init = cell_host_init_pid(cell);
    bool is_up = cell_host_is_ready(cell) || cell_host_is_retired(cell);
    struct sandbox_process *process =
        is_up && zygote != 0 && gathering->error == 0 ? add_process(gathering, SANDBOX_ZYGOTE, zygote) : NULL;
    if (process != NULL) {
        memcpy(layers, cell_host_layers(cell), sizeof layers);
        layers_judge_channel(cell_host_refuses_fds(cell), &layers[BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS]);
        name_zygote(gathering, cell, process);
        look_at(gathering, process, &(struct observe_expected){.is_outside_pid_namespace = true}, layers);
    }
    process = is_up && init != 0 && gathering->error == 0 ? add_process(gathering, SANDBOX_INIT, init) : NULL;
    if (process != NULL) {
        snprintf(process->what, sizeof process->what, "pid 1 of the cell");
        look_at(gathering, process, &(struct observe_expected){0}, NULL);
    }
}

static void note_wants(struct sandbox_page *page, layer_set required)
{
    for (unsigned i = 0; i < LAYERS; i++) {
        struct sandbox_layer *layer = &page->layers[i];
        layer->is_here = host_offers(&page->host, i, layer->why_not);
        layer->want = (required & LAYER_BIT(i)) != 0 ? SANDBOX_REQUIRED
                      : layer_is_optional(i)         ? SANDBOX_OPTIONAL
                      : layer->is_here               ? SANDBOX_WANTED
                                                     : SANDBOX_NOT_HERE;
    }
}

/* Over all of its role but those that cannot be looked into and give no word. */
static void find_worst(struct sandbox_page *page, unsigned layer)
{
    struct sandbox_layer *sum = &page->layers[layer];
    for (size_t i = 0; i < page->count; i++) {
        const struct sandbox_row *row = &page->processes[i].rows[layer];
        if (!row->is_of_role || (row->observed == LAYER_OBSERVED_NOT_SHOWN && !roles[page->processes[i].role].speaks))
            continue;
        if (sum->processes++ == 0 || row->observed > sum->worst) {
            sum->worst = row->observed;
            sum->worst_process = i;
        }
    }
    if (sum->processes == 0)
        sum->worst = LAYER_OBSERVED_NOT_SHOWN;
    bool is_in_force = sum->worst == LAYER_OBSERVED_IN_FORCE || sum->worst == LAYER_OBSERVED_CLAIMED;
    sum->is_counted = sum->processes > 0 && (is_in_force || sum->want != SANDBOX_OPTIONAL);
}

static int compare_processes(const void *a, const void *b)
{
    const struct sandbox_process *left = a, *right = b;
    return left->renderer_id < right->renderer_id ? -1 : left->renderer_id > right->renderer_id;
}

int sandbox_page_create(struct broker *broker, const struct host_facts *host, layer_set required,
                        struct sandbox_page **ret_page)
{
    struct sandbox_page *page = calloc(1, sizeof *page);
    struct gathering gathering = {.broker = broker, .page = page};
    if (page == NULL)
        return -ENOMEM;
    page->host = *host;
    note_wants(page, required);
    renderer_pool_each(broker_pool(broker), add_renderer, &gathering);
    if (page->count > 1)
        qsort(page->processes, page->count, sizeof *page->processes, compare_processes);
    renderer_pool_each_cell(broker_pool(broker), add_cell, &gathering);
    if (gathering.error < 0) {
        sandbox_page_destroy(page);
        return gathering.error;
    }
    for (unsigned i = 0; i < LAYERS; i++)
        find_worst(page, i);
    *ret_page = page;
    return 0;
}

void sandbox_page_destroy(struct sandbox_page *page)
{
    if (page == NULL)
        return;
    free(page->processes);
    free(page);
}

struct sandbox_score sandbox_page_score(const struct sandbox_page *page)
{
    struct sandbox_score score = {0};
    for (unsigned i = 0; i < LAYERS; i++) {
        const struct sandbox_layer *layer = &page->layers[i];
        score.total += layer->is_counted;
        score.seen += layer->is_counted && layer->worst == LAYER_OBSERVED_IN_FORCE;
        score.claimed += layer->is_counted && layer->worst == LAYER_OBSERVED_CLAIMED;
    }
    return score;
}

unsigned sandbox_page_missing_required(const struct sandbox_page *page)
{
    unsigned layer = 0;
    while (layer < LAYERS &&
           (page->layers[layer].want != SANDBOX_REQUIRED || page->layers[layer].worst == LAYER_OBSERVED_IN_FORCE ||
            page->layers[layer].worst == LAYER_OBSERVED_CLAIMED))
        layer++;
    return layer;
}

bool sandbox_page_is_sound(const struct sandbox_page *page)
{
    for (size_t i = 0; i < page->count; i++)
        for (unsigned layer = 0; layer < LAYERS; layer++)
            if (page->processes[i].rows[layer].is_bad)
                return false;
    return true;
}
