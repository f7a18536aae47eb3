#include "broker/crash/autopsy.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker_private.h"
#include "broker/crash/crash_report.h"
#include "broker/crash/crash_store.h"
#include "broker/renderer.h"
#include "common/log.h"

enum autopsy_state { AUTOPSY_WAITING, AUTOPSY_SYMBOLISING, AUTOPSY_HASHING };

struct autopsy {
    struct autopsy *next; // autopsies::first
    struct autopsies *owner;
    enum autopsy_state state;
    struct exit_report end;
    struct crash_report *report; // owned; NULL when reports are off
    struct document *document;   // counted; may be NULL
    struct symbolise_job *symbolising;
    struct document_hash_job *hashing;
    size_t module_count;
    struct symbolise_module modules[]; // autopsy::module_count, for whoever has to wait
};

struct autopsies {
    struct broker *broker;
    const struct autopsy_listener *listener;
    void *userdata;
    bool wants_backtraces;
    struct autopsy *first; // in the order of the ends
    size_t count, at_work;
};

int autopsies_create(struct broker *broker, bool wants_backtraces, const struct autopsy_listener *listener,
                     void *userdata, struct autopsies **ret_autopsies)
{
    struct autopsies *autopsies = calloc(1, sizeof *autopsies);

    if (autopsies == NULL)
        return -ENOMEM;
    autopsies->broker = broker;
    autopsies->wants_backtraces = wants_backtraces;
    autopsies->listener = listener;
    autopsies->userdata = userdata;
    *ret_autopsies = autopsies;
    return 0;
}

static bool reports_are_on(const struct autopsies *autopsies)
{
    return !broker_options(autopsies->broker)->no_crash_reports && broker_policy(autopsies->broker)->crash_reports > 0;
}

static int store_report(const struct autopsies *autopsies, const struct crash_report *report, char path[PATH_MAX],
                        char *ret_why, size_t why_bytes)
{
    const struct policy *policy = broker_policy(autopsies->broker);
    const struct crash_store_bounds bounds = {policy->crash_reports, policy->crash_reports_bytes};
    struct crash_store *store = NULL;
    uint32_t number;
    int r = crash_store_open(broker_options(autopsies->broker)->crash_directory, CRASH_STORE_WRITE, &store, ret_why,
                             why_bytes);

    if (r < 0)
        return r;
    r = crash_store_add(store, report, &bounds, &number);
    if (r == 0)
        crash_store_path(store, number, path, PATH_MAX);
    else
        snprintf(ret_why, why_bytes, "%s: %s", crash_store_directory(store),
                 r == -EOVERFLOW ? "all numbers are taken (bulkhead crashes clear)" : strerror(-r));
    crash_store_close(store);
    return r;
}

static void write_report(const struct autopsy *autopsy)
{
    const struct autopsies *owner = autopsy->owner;
    char path[PATH_MAX], why[PATH_MAX + 128];
    int r = store_report(owner, autopsy->report, path, why, sizeof why);

    if (r < 0)
        log_write(LOG_INFO, "renderer=%u crash_report=none why=\"%s\"", autopsy->end.renderer_id, why);
    owner->listener->reported(&autopsy->end, autopsy->document != NULL ? document_name(autopsy->document) : NULL,
                              r < 0 ? NULL : path, r < 0 ? why : NULL, owner->userdata);
}

/* It is on its owner's list from autopsies_begin() until it is concluded. */
static void unlink_autopsy(const struct autopsy *autopsy)
{
    struct autopsies *owner = autopsy->owner;
    struct autopsy **link = &owner->first;

    while (*link != autopsy) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = autopsy->next;
    owner->count--;
    owner->at_work -= autopsy->state != AUTOPSY_WAITING;
}

static void free_autopsy(struct autopsy *autopsy)
{
    symbolise_cancel(autopsy->symbolising);
    document_hash_cancel(autopsy->hashing);
    crash_report_free(autopsy->report);
    document_unref(autopsy->document);
    free(autopsy);
}

static void start_waiting(struct autopsies *autopsies);

/* The listener is called last, when nothing here refers to the autopsy any more. */
static void conclude(struct autopsy *autopsy)
{
    struct autopsies *owner = autopsy->owner;

    unlink_autopsy(autopsy);
    if (autopsy->report != NULL)
        write_report(autopsy);
    free_autopsy(autopsy);
    start_waiting(owner);
}

static void on_hash(struct document_hash_job *job, const char *sha256, const char *why, void *userdata)
{
    struct autopsy *autopsy = userdata;
    struct crash_report_document *document = &autopsy->report->document;

    (void)job;
    autopsy->hashing = NULL;
    snprintf(document->sha256, sizeof document->sha256, "%s", sha256 != NULL ? sha256 : "");
    snprintf(document->no_sha256, sizeof document->no_sha256, "%s", why != NULL ? why : "");
    conclude(autopsy);
}

static void start_hash(struct autopsy *autopsy)
{
    int r = -ENOENT;

    autopsy->state = AUTOPSY_HASHING;
    if (autopsy->report != NULL && autopsy->document != NULL)
        r = document_hash_start(broker_loop(autopsy->owner->broker), autopsy->document, on_hash, autopsy,
                                &autopsy->hashing);
    if (r == 0)
        return;
    if (r != -ENOENT) {
        struct crash_report_document *document = &autopsy->report->document;
        snprintf(document->no_sha256, sizeof document->no_sha256, "%s", strerror(-r));
    }
    conclude(autopsy);
}

static void take_backtrace(struct autopsy *autopsy, const char *text)
{
    if (autopsy->report != NULL)
        autopsy->report->backtrace = strdup(text);
}

static void on_symbolised(struct symbolise_job *job, const char *text, void *userdata)
{
    struct autopsy *autopsy = userdata;
    const struct autopsies *owner = autopsy->owner;

    (void)job;
    autopsy->symbolising = NULL;
    take_backtrace(autopsy, text);
    owner->listener->backtrace(&autopsy->end, text, owner->userdata);
    start_hash(autopsy);
}

static void start(struct autopsy *autopsy)
{
    char text[128];

    autopsy->state = AUTOPSY_SYMBOLISING;
    autopsy->owner->at_work++;
    if (!autopsy->end.has_record) {
        start_hash(autopsy);
        return;
    }
    int r = symbolise_start(broker_loop(autopsy->owner->broker), &autopsy->end.record, autopsy->modules,
                            autopsy->module_count, on_symbolised, autopsy, &autopsy->symbolising);
    if (r == 0)
        return;
    snprintf(text, sizeof text, "no backtrace: %s\n", strerror(-r));
    take_backtrace(autopsy, text);
    start_hash(autopsy);
}

static void start_waiting(struct autopsies *autopsies)
{
    struct autopsy *autopsy = autopsies->first;

    while (autopsy != NULL && autopsy->state != AUTOPSY_WAITING)
        autopsy = autopsy->next;
    if (autopsy != NULL && autopsies->at_work < AUTOPSIES_AT_ONCE)
        start(autopsy); /* which comes back here when it is over */
}

static struct crash_report *gather(const struct autopsies *autopsies, const struct renderer *renderer,
                                   const struct exit_report *end)
{
    struct crash_report_facts facts = {
        .end = end,
        .lived_ms = renderer_age_ms(renderer),
        .messages = renderer_messages(renderer),
        .requests = renderer_requests(renderer),
        .limits = renderer_limits(renderer),
        .memory_limit_bytes = renderer_memory_limit_bytes(renderer),
        .policy = broker_policy(autopsies->broker),
        .engine_version = broker_engine_version(autopsies->broker),
        .document = renderer_document(renderer),
        .format = renderer_format(renderer),
    };
    facts.modules = cell_host_modules(renderer_cell(renderer), &facts.module_count);
    facts.layers = renderer_layers(renderer);
    facts.layer_count = LAYERS;
    return crash_report_gather(&facts);
}

static struct autopsy *make_autopsy(struct autopsies *autopsies, struct renderer *renderer,
                                    const struct exit_report *end)
{
    size_t count;
    const struct symbolise_module *modules = cell_host_modules(renderer_cell(renderer), &count);
    struct autopsy *autopsy = calloc(1, sizeof *autopsy + count * sizeof *modules);

    if (autopsy == NULL)
        return NULL;
    autopsy->owner = autopsies;
    autopsy->end = *end;
    autopsy->module_count = count;
    if (count > 0)
        memcpy(autopsy->modules, modules, count * sizeof *modules);
    if (renderer_document(renderer) != NULL)
        autopsy->document = document_ref(renderer_document(renderer));
    if (reports_are_on(autopsies) && (autopsy->report = gather(autopsies, renderer, end)) == NULL) {
        free_autopsy(autopsy);
        return NULL;
    }
    return autopsy;
}

/* Of one that is off the list already. What is missing says why. */
static void conclude_early(struct autopsy *autopsy, const char *why)
{
    char text[128];

    if (autopsy->report != NULL && autopsy->end.has_record && autopsy->report->backtrace == NULL) {
        snprintf(text, sizeof text, "no backtrace: %s\n", why);
        take_backtrace(autopsy, text);
    }
    if (autopsy->report != NULL && autopsy->document != NULL && document_url(autopsy->document)[0] == '\0')
        snprintf(autopsy->report->document.no_sha256, sizeof autopsy->report->document.no_sha256, "%s", why);
    if (autopsy->report != NULL)
        write_report(autopsy);
    free_autopsy(autopsy);
}

void autopsies_begin(struct autopsies *autopsies, struct renderer *renderer, const struct exit_report *end)
{
    bool wants_backtrace = end->has_record && autopsies->wants_backtraces;

    if (!crash_report_is_due(end) || (!wants_backtrace && !reports_are_on(autopsies)))
        return;
    struct autopsy *autopsy = make_autopsy(autopsies, renderer, end);
    if (autopsy == NULL) {
        autopsies->listener->reported(end, NULL, NULL, "out of memory", autopsies->userdata);
        return;
    }
    struct autopsy **link = &autopsies->first;
    while (*link != NULL)
        link = &(*link)->next;
    *link = autopsy;
    if (++autopsies->count > AUTOPSIES_MOST) {
        unlink_autopsy(autopsy);
        conclude_early(autopsy, "too many renderers ended at once");
    } else {
        start_waiting(autopsies);
    }
}

bool autopsies_are_pending(const struct autopsies *autopsies)
{
    return autopsies->first != NULL;
}

void autopsies_finish(struct autopsies *autopsies)
{
    while (autopsies->first != NULL) {
        struct autopsy *autopsy = autopsies->first;
        autopsies->first = autopsy->next;
        conclude_early(autopsy, "the broker ended first");
    }
    autopsies->count = autopsies->at_work = 0;
}

void autopsies_destroy(struct autopsies *autopsies)
{
    if (autopsies == NULL)
        return;
    autopsies_finish(autopsies);
    free(autopsies);
}
