#include "broker/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/broker_private.h"
#include "broker/crash/autopsy.h"
#include "broker/services.h"
#include "broker/signals.h"
#include "broker/trace/audit.h"
#include "broker/trace/recording.h"
#include "broker/trace/trace.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

enum { FLUSH_INTERVAL_MS = 500 };

struct broker {
    struct broker_options options;
    const struct broker_listener *listener;
    void *userdata;
    struct policy policy;
    struct services services;
    struct signals *signals;
    struct audit *audit;
    struct loop_source *flush_timer;
    struct renderer_pool *pool;
    struct quarantine quarantine;
    struct shared_buffer shared_buffer;
    struct layer_status layers[LAYERS];
    char engine_version[64];
    bool is_cell_known;
    struct counters past; // of renderers and zygotes that are gone
    uint64_t end_counts[EXIT_CAUSE_COUNT];
    struct autopsies *autopsies;
    int shutdown_count, shutdown_signal;
    struct oom_watch oom;
    struct cgroup *cgroup; // NULL: renderers have none of their own
};

void broker_say(struct broker *broker, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (broker->listener->event != NULL)
        broker->listener->event(broker, line, broker->userdata);
    else
        log_peer(LOG_INFO, line, strlen(line), "event");
}

/* To whoever watches events (a viewer owns the screen), else to stderr: it was asked for by SIGUSR2. */
static void print_counter(struct broker *broker, const struct codec *codec, unsigned type,
                          const struct counter *counter)
{
    char line[256];
    snprintf(line, sizeof line, "counter direction=%s msg=%s messages=%llu bytes=%llu fds=%llu drops=%llu", codec->name,
             codec_type_name(codec, type), (unsigned long long)counter->messages, (unsigned long long)counter->bytes,
             (unsigned long long)counter->fds, (unsigned long long)counter->drops);
    if (broker->listener->event != NULL)
        broker->listener->event(broker, line, broker->userdata);
    else
        fprintf(stderr, "%s\n", line);
}

static void print_counters(struct broker *broker)
{
    struct counters sum;
    unsigned types[CODEC_TYPES];
    counters_init(&sum);
    broker_sum_counters(broker, &sum);
    for (int upward = 0; upward < 2; upward++) {
        const struct codec *codec = upward ? &codec_to_broker : &codec_to_renderer;
        const struct counter *direction = upward ? sum.to_broker : sum.to_renderer;
        size_t count = codec_types(codec, types);
        for (size_t i = 0; i < count; i++) {
            if (direction[types[i]].messages > 0)
                print_counter(broker, codec, types[i], &direction[types[i]]);
        }
    }
    counters_fini(&sum);
}

static void reload_policy(struct broker *broker)
{
    char why[256];
    if (broker->options.policy_path == NULL) {
        broker_say(broker, "SIGHUP: no policy file was given, nothing to read again");
        return;
    }
    if (policy_load(&broker->policy, broker->options.policy_path, why, sizeof why) < 0) {
        log_peer(LOG_ERROR, why, strlen(why), "policy=refused");
        broker_say(broker, "policy not changed: %s", why);
    } else {
        broker_say(broker, "policy read again from %s", broker->options.policy_path);
    }
}

static void ask_shutdown(struct broker *broker, int signal)
{
    broker->shutdown_signal = signal;
    broker->shutdown_count++;
    uint64_t deadline = clock_now_ms() + broker->policy.shutdown_deadline_ms;
    if (broker->listener->shutdown != NULL)
        broker->listener->shutdown(broker, broker->shutdown_count, deadline, broker->userdata);
    else
        loop_stop(broker->services.loop, 128 + signal);
}

static void on_signal(int signal, void *userdata)
{
    struct broker *broker = userdata;
    switch (signal) {
    case SIGCHLD:
        if (broker->pool != NULL)
            renderer_pool_check_exits(broker->pool);
        return;
    case SIGHUP:
        reload_policy(broker);
        return;
    case SIGUSR2:
        print_counters(broker);
        return;
    default:
        ask_shutdown(broker, signal);
    }
}

/* Divides the cgroup we were started in, if it is ours; says why not otherwise. Before the first child is started. */
static void make_cgroups(struct broker *broker)
{
    struct layer_status *status = &broker->layers[BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS];
    if ((broker->options.without & LAYER_BIT(status->layer)) != 0) {
        status->known = true;
        snprintf(status->evidence, sizeof status->evidence, "left out by request");
        return;
    }
    int error = cgroup_create("/proc", &broker->cgroup, status->evidence, sizeof status->evidence);
    status->known = error < 0; /* else with the first renderer */
    status->error = -error;
}

static void judge_cgroup(const struct renderer *renderer, struct layer_status *status)
{
    struct cgroup_observed observed;
    int error = renderer_observe_cgroup(renderer, &observed);
    if (error == 0)
        error = cgroup_judge(&observed, status->evidence, sizeof status->evidence);
    else if (error == -ENODEV)
        snprintf(status->evidence, sizeof status->evidence, "a renderer got no cgroup");
    else
        snprintf(status->evidence, sizeof status->evidence, "a renderer's cgroup cannot be read: %s", strerror(-error));
    status->known = true;
    status->in_force = error == 0;
    status->error = -error;
}

void broker_note_layers(const struct broker *broker, struct renderer *renderer)
{
    struct layer_status cgroup = broker->layers[BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS], channel;
    if (broker->cgroup != NULL)
        judge_cgroup(renderer, &cgroup);
    renderer_note_layer(renderer, &cgroup);
    layers_judge_channel(renderer_refuses_fds(renderer), &channel);
    renderer_note_layer(renderer, &channel);
}

static int check_required(const struct broker *broker, char *ret_why, size_t why_bytes)
{
    for (unsigned i = 0; i < LAYERS; i++) {
        const struct layer_status *status = &broker->layers[i];
        if ((broker->options.require & LAYER_BIT(i)) == 0 || status->in_force)
            continue;
        snprintf(ret_why, why_bytes, "required layer %s is not in force here (%s); %sleave it out of --require%s",
                 layer_name(i), layer_reason(status),
                 layer_is_optional(i) ? "see bulkhead help layers for how to get it, or " : "", " to go on without it");
        return -EPERM;
    }
    return 0;
}

static int on_hello(struct renderer *renderer, const Bulkhead__Hello *hello, char *ret_why, size_t why_bytes,
                    void *userdata)
{
    struct broker *broker = userdata;
    broker_note_layers(broker, renderer);
    memcpy(broker->layers, renderer_layers(renderer), sizeof broker->layers);
    text_escape(broker->engine_version, sizeof broker->engine_version, hello->engine_version.data,
                hello->engine_version.len);
    int error = check_required(broker, ret_why, why_bytes);
    if (error < 0 || broker->is_cell_known)
        return error;
    broker->is_cell_known = true;
    if (broker->listener->cell_ready != NULL)
        broker->listener->cell_ready(broker, broker->userdata);
    return 0;
}

static void on_backtrace(const struct exit_report *end, const char *text, void *userdata)
{
    struct broker *broker = userdata;
    if (broker->listener->backtrace != NULL)
        broker->listener->backtrace(broker, end, text, broker->userdata);
}

static void on_reported(const struct exit_report *end, const char *document, const char *path, const char *why,
                        void *userdata)
{
    struct broker *broker = userdata;
    if (broker->listener->crash_report != NULL)
        broker->listener->crash_report(broker, end, path, why, broker->userdata);
    else
        broker_say(broker, "%s: %s: %s", document != NULL ? document : "a renderer without a document",
                   path != NULL ? "crash report" : "no crash report", path != NULL ? path : why);
}

static const struct autopsy_listener autopsy_listener = {.backtrace = on_backtrace, .reported = on_reported};

static void on_renderer_ended(struct renderer *renderer, const struct exit_report *report, void *userdata)
{
    struct broker *broker = userdata;
    broker->end_counts[report->cause]++;
    counters_merge(&broker->past, renderer_counters(renderer));
    if (broker->services.trace != NULL)
        trace_instant(broker->services.trace, report->pid, exit_cause_name(report->cause), report->summary,
                      report->noticed_ns);
    autopsies_begin(broker->autopsies, renderer, report);
}

static void on_cell_failed(int error, const char *why, void *userdata)
{
    struct broker *broker = userdata;
    if (broker->listener->cell_failed != NULL)
        broker->listener->cell_failed(broker, error, why, broker->userdata);
}

static void on_cell_ended(struct cell_host *cell, void *userdata)
{
    struct broker *broker = userdata;
    counters_merge(&broker->past, cell_host_counters(cell));
}

static const struct renderer_pool_listener pool_listener = {
    .hello = on_hello, .ended = on_renderer_ended, .failed = on_cell_failed, .cell_ended = on_cell_ended};

static void flush_trace(struct broker *broker)
{
    struct counters sum;
    uint64_t now = clock_now_ns();
    counters_init(&sum);
    broker_sum_counters(broker, &sum);
    trace_counter(broker->services.trace, getpid(), "messages.to_renderer", now, counters_messages(sum.to_renderer));
    trace_counter(broker->services.trace, getpid(), "messages.to_broker", now, counters_messages(sum.to_broker));
    counters_fini(&sum);
    trace_flush(broker->services.trace);
}

/* A broker that is killed loses at most this interval. */
static int on_flush_timer(struct loop_source *source, void *userdata)
{
    struct broker *broker = userdata;
    if (broker->services.trace != NULL)
        flush_trace(broker);
    if (broker->services.recording != NULL)
        recording_flush(broker->services.recording);
    loop_timer_set(source, clock_now_ms() + FLUSH_INTERVAL_MS);
    return 0;
}

static int start_trace(struct broker *broker)
{
    if (broker->options.trace_path == NULL)
        return 0;
    int error = trace_open(broker->options.trace_path, &broker->services.trace);
    if (error < 0)
        return error;
    trace_process_name(broker->services.trace, getpid(), "broker");
    trace_thread_name(broker->services.trace, getpid(), 0, "handling");
    trace_thread_name(broker->services.trace, getpid(), 1, "sending");
    return 0;
}

static int start_records(struct broker *broker)
{
    int error = start_trace(broker);
    if (error == 0 && broker->options.recording_path != NULL)
        error = recording_create(broker->options.recording_path, &broker->services.recording);
    if (error < 0 || (broker->services.trace == NULL && broker->services.recording == NULL))
        return error;
    error = loop_add_timer(broker->services.loop, on_flush_timer, broker, &broker->flush_timer);
    if (error == 0)
        loop_timer_set(broker->flush_timer, clock_now_ms() + FLUSH_INTERVAL_MS);
    return error;
}

static int start_pool(struct broker *broker)
{
    char *path = cell_host_find_renderer(broker->options.renderer_path);
    if (path == NULL)
        return -ENOENT;
    int error = renderer_pool_create(broker, path, broker->options.spares, &pool_listener, broker, &broker->pool);
    free(path);
    return error;
}

/* Under `make check-policy` everything is audited, and every broker adds what it saw to one file. */
static int start_audit(struct broker *broker)
{
    const char *log_path = secure_getenv("BULKHEAD_AUDIT_LOG");
    if (!broker->options.audit && log_path == NULL)
        return 0;
    broker->audit = audit_create(log_path);
    return broker->audit != NULL ? 0 : -ENOMEM;
}

int broker_create(const struct broker_options *options, const struct broker_listener *listener, void *userdata,
                  struct broker **ret_broker)
{
    static const struct broker_listener nobody = {0};
    char why[256];
    struct broker *broker = calloc(1, sizeof *broker);
    if (broker == NULL)
        return -ENOMEM;
    broker->options = *options;
    broker->services.policy = &broker->policy;
    broker->listener = listener != NULL ? listener : &nobody;
    broker->userdata = userdata;
    counters_init(&broker->past);
    oom_watch_init(&broker->oom, "/proc/vmstat");
    layers_init(broker->layers);
    shared_buffer_init(&broker->shared_buffer);
    policy_init_defaults(&broker->policy);
    if (options->policy != NULL)
        broker->policy = *options->policy;
    broker->options.policy = NULL;
    int error = options->policy_path == NULL ? 0 : policy_load(&broker->policy, options->policy_path, why, sizeof why);
    if (error < 0)
        log_peer(LOG_ERROR, why, strlen(why), "policy=refused");
    if (error == 0)
        error = loop_create(&broker->services.loop);
    if (error == 0)
        error = signals_create(broker->services.loop, options->handle_signals, on_signal, broker, &broker->signals);
    if (error == 0)
        error = autopsies_create(broker, broker->listener->backtrace != NULL, &autopsy_listener, broker,
                                 &broker->autopsies);
    if (error == 0)
        error = start_records(broker);
    if (error == 0)
        error = start_audit(broker);
    if (error == 0)
        make_cgroups(broker);
    if (error == 0)
        error = start_pool(broker);
    if (error < 0) {
        broker_destroy(broker);
        return error;
    }
    *ret_broker = broker;
    return 0;
}

void broker_destroy(struct broker *broker)
{
    if (broker == NULL)
        return;
    if (broker->services.trace != NULL)
        flush_trace(broker); /* a short run's only look at the counters */
    autopsies_destroy(broker->autopsies);
    renderer_pool_destroy(broker->pool);
    shared_buffer_fini(&broker->shared_buffer);
    audit_destroy(broker->audit);
    cgroup_destroy(broker->cgroup);
    loop_source_remove(&broker->flush_timer);
    int error = trace_close(broker->services.trace);
    if (error < 0)
        log_write(LOG_ERROR, "trace=\"%s\" error=\"%s\"", broker->options.trace_path, strerror(-error));
    error = recording_close(broker->services.recording);
    if (error < 0)
        log_write(LOG_ERROR, "recording=\"%s\" error=\"%s\"", broker->options.recording_path, strerror(-error));
    signals_destroy(broker->signals);
    if (broker->services.loop != NULL)
        loop_destroy(broker->services.loop);
    counters_fini(&broker->past);
    free(broker);
}

struct audit *broker_audit(const struct broker *broker)
{
    return broker->audit;
}

const struct services *broker_services(const struct broker *broker)
{
    return &broker->services;
}

struct loop *broker_loop(struct broker *broker)
{
    return broker->services.loop;
}

const struct policy *broker_policy(const struct broker *broker)
{
    return &broker->policy;
}

struct trace *broker_trace(struct broker *broker)
{
    return broker->services.trace;
}

struct recording *broker_recording(struct broker *broker)
{
    return broker->services.recording;
}

const struct broker_options *broker_options(const struct broker *broker)
{
    return &broker->options;
}

int broker_shutdown_signal(const struct broker *broker)
{
    return broker->shutdown_signal;
}

struct renderer_pool *broker_pool(struct broker *broker)
{
    return broker->pool;
}

struct cgroup *broker_cgroup(struct broker *broker)
{
    return broker->cgroup;
}

struct oom_watch *broker_oom_watch(struct broker *broker)
{
    return &broker->oom;
}

struct quarantine *broker_quarantine(struct broker *broker)
{
    return &broker->quarantine;
}

struct shared_buffer *broker_shared_buffer(struct broker *broker)
{
    return &broker->shared_buffer;
}

const struct layer_status *broker_layers(const struct broker *broker, size_t *ret_count)
{
    *ret_count = LAYERS;
    return broker->layers;
}

const char *broker_engine_version(const struct broker *broker)
{
    return broker->engine_version;
}

static void add_renderer_counters(struct renderer *renderer, void *userdata)
{
    counters_merge(userdata, renderer_counters(renderer));
}

static void add_cell_counters(struct cell_host *cell, void *userdata)
{
    counters_merge(userdata, cell_host_counters(cell));
}

void broker_sum_counters(const struct broker *broker, struct counters *into)
{
    counters_merge(into, &broker->past);
    if (broker->pool == NULL)
        return;
    renderer_pool_each(broker->pool, add_renderer_counters, into);
    renderer_pool_each_cell(broker->pool, add_cell_counters, into);
}

const uint64_t *broker_end_counts(const struct broker *broker)
{
    return broker->end_counts;
}

bool broker_has_open_reports(const struct broker *broker)
{
    return autopsies_are_pending(broker->autopsies);
}

void broker_finish_reports(struct broker *broker)
{
    autopsies_finish(broker->autopsies);
}
