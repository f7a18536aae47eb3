#include "broker/renderer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/broker_private.h"
#include "broker/document/sealed_memory.h"
#include "broker/inbound.h"
#include "broker/renderer_private.h"
#include "broker/trace/audit.h"
#include "broker/trace/trace.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

enum {
    /* Between asking a condemned renderer for its stack and killing it. The handler needs well under a millisecond. */
    SAMPLE_MS = 100,
    /* A renderer that was asked to go. It has nothing to save. */
    CLOSE_MS = 300,
    /* Where processors are short, half of what the broker gets: it answers first, and renderers are equals. */
    CPU_WEIGHT = 50,
};

static void close_fork_fds(struct cell_host_fork_fds *fds)
{
    int *all[] = {&fds->channel, &fds->crash_record, &fds->stdout_write, &fds->stderr_write, &fds->cgroup_procs};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        fd_close(all[i]);
}

static void renderer_free(struct renderer *renderer)
{
    loop_source_remove(&renderer->tick);
    loop_source_remove(&renderer->fatal);
    peer_destroy(renderer->peer);
    document_unref(renderer->document);
    if (renderer->has_cgroup)
        cgroup_remove(broker_cgroup(renderer->broker), renderer->id);
    close_fork_fds(&renderer->fork_fds);
    if (renderer->record != NULL)
        munmap((void *)(uintptr_t)renderer->record, CRASH_RECORD_BYTES);
    free(renderer);
}

void renderer_kill(struct renderer *renderer, enum kill_reason reason, enum violation violation)
{
    renderer->state = RENDERER_ENDING;
    peer_kill(renderer->peer, reason, violation);
}

static int on_fatal(struct loop_source *source, void *userdata)
{
    (void)source;
    struct renderer *renderer = userdata;
    renderer_kill(renderer, renderer->fatal_reason, VIOLATION_NONE);
    return 0;
}

static void kill_later(struct renderer *renderer, enum kill_reason reason, uint32_t delay_ms)
{
    if (renderer->fatal != NULL)
        return;
    renderer->fatal_reason = reason;
    if (loop_add_timer(broker_loop(renderer->broker), on_fatal, renderer, &renderer->fatal) < 0)
        renderer_kill(renderer, reason, VIOLATION_NONE);
    else
        loop_timer_set(renderer->fatal, clock_now_ms() + delay_ms);
}

/* Asks for the stack of whatever it hangs in, then kills. */
static void condemn(struct renderer *renderer, enum kill_reason reason)
{
    if (renderer->fatal != NULL || peer_is_killed(renderer->peer))
        return;
    log_write(LOG_INFO, "renderer=%u pid=%d condemned=\"%s\"", renderer->id, (int)peer_pid(renderer->peer),
              kill_reason_name(reason));
    if (renderer->state == RENDERER_STARTING || peer_signal(renderer->peer, SIGUSR2) < 0)
        renderer_kill(renderer, reason, VIOLATION_NONE); /* no handler yet: the signal itself would be its end */
    else
        kill_later(renderer, reason, SAMPLE_MS);
}

static void send_ping(struct renderer *renderer)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Ping ping = BULKHEAD__PING__INIT;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_PING;
    envelope.ping = &ping;
    envelope.request_id = renderer->requests.next_id++;
    watchdog_pinged(&renderer->watchdog, envelope.request_id, clock_now_ms());
    renderer_tell(renderer, &envelope, NULL, 0);
}

static void tell_unresponsive(struct renderer *renderer, bool is_unresponsive)
{
    if (renderer->client != NULL)
        renderer->client->unresponsive(renderer, is_unresponsive, renderer->client_data);
}

static int on_tick(struct loop_source *source, void *userdata)
{
    struct renderer *renderer = userdata;
    uint64_t now = clock_now_ms();
    loop_timer_set(source, now + watchdog_tick_ms(&renderer->limits));
    if (renderer->state == RENDERER_STARTING) {
        if (renderer_age_ms(renderer) >= broker_policy(renderer->broker)->start_timeout_ms)
            condemn(renderer, KILL_START);
        return 0;
    }
    if (peer_has_left(renderer->peer))
        return 0; /* silent for a reason of its own */
    switch (watchdog_judge(&renderer->watchdog, &renderer->limits, requests_oldest_ms(&renderer->requests), now)) {
    case WATCHDOG_FINE:
        break;
    case WATCHDOG_PING:
        send_ping(renderer);
        break;
    case WATCHDOG_UNRESPONSIVE:
        tell_unresponsive(renderer, true);
        break;
    case WATCHDOG_RECOVERED:
        tell_unresponsive(renderer, false);
        break;
    case WATCHDOG_HUNG:
        condemn(renderer, KILL_HUNG);
        break;
    case WATCHDOG_TIMEOUT:
        condemn(renderer, KILL_TIMEOUT);
        break;
    }
    return 0;
}

static void set_limits(struct renderer *renderer, uint32_t timeout_ms)
{
    const struct policy *policy = broker_policy(renderer->broker);
    renderer->limits = (struct watchdog_limits){
        .ping_interval_ms = policy->ping_interval_ms,
        .unresponsive_ms = policy->unresponsive_after_ms,
        .hung_ms = policy->hung_after_ms,
        .request_ms = timeout_ms != 0 ? timeout_ms : policy->request_timeout_ms,
        .ignores_stalls = timeout_ms != 0,
    };
}

static bool is_past_its_time(const struct renderer *renderer)
{
    return renderer->fatal != NULL && (renderer->fatal_reason == KILL_TIMEOUT || renderer->fatal_reason == KILL_HUNG);
}

static enum violation on_message(struct peer *peer, struct channel_message *message, void *userdata)
{
    (void)peer;
    /* Too late: were its answer taken while its stack is being asked for, the next request would be blamed for its end.
     */
    if (is_past_its_time(userdata))
        return VIOLATION_NONE;
    return inbound_dispatch(userdata, message);
}

/* One private copy, checked, or NULL: the record is shared memory and its writer hostile. */
static const struct crash_record *take_record(const struct renderer *renderer, struct crash_record *copy)
{
    memcpy(copy, renderer->record, sizeof *copy);
    return crash_record_validate(copy) ? copy : NULL;
}

/* Tells its end to whom it may concern, the client first, and frees it. */
static void report_end(struct renderer *renderer, struct exit_report *report)
{
    report->reported_ns = clock_now_ns();
    log_write(LOG_INFO, "renderer=%u pid=%d end=\"%s\"", report->renderer_id, (int)report->pid, report->summary);
    renderer->state = RENDERER_ENDING;
    const struct renderer_client *client = renderer->client;
    renderer->client = NULL;
    /* Before the client, which may reload the page at once. */
    shared_buffer_forget(broker_shared_buffer(renderer->broker), renderer->id);
    if (client != NULL)
        client->ended(renderer, report, renderer->client_data);
    renderer->owner->ended(renderer, report, renderer->owner_data);
    renderer_free(renderer);
}

static void judge_memory(struct renderer *renderer, struct oom_verdict *ret_verdict)
{
    struct cgroup_events events;
    bool has_events =
        renderer->has_cgroup && cgroup_read_events(broker_cgroup(renderer->broker), renderer->id, &events) == 0;
    oom_judge(broker_oom_watch(renderer->broker), has_events ? &events : NULL, renderer->frame_bytes, ret_verdict);
}

static void finish(struct renderer *renderer, const struct peer_end *end)
{
    struct exit_report report = {
        .renderer_id = renderer->id, .pid = peer_pid(renderer->peer), .noticed_ns = end->noticed_ns};
    struct crash_record copy;
    /* Asked for its stack and dead before the kill: condemned all the same. */
    bool is_condemned = end->kill_reason == KILL_NONE && renderer->fatal != NULL && end->wait_status == SIGUSR2 &&
                        end->wait_code != CLD_EXITED;
    struct exit_facts facts = {
        .wait_code = end->wait_code,
        .wait_status = end->wait_status,
        .kill_reason = is_condemned ? renderer->fatal_reason : end->kill_reason,
        .violation = end->violation,
        .shutdown_sent = renderer->shutdown_sent,
        .record = take_record(renderer, &copy),
    };
    if (end->wait_code != CLD_EXITED && end->wait_status == SIGKILL)
        judge_memory(renderer, &facts.oom);
    exit_report_fill(&report, &facts);
    report_end(renderer, &report);
}

static void on_ended(struct peer *peer, const struct peer_end *end, void *userdata)
{
    (void)peer;
    finish(userdata, end);
}

static const struct peer_listener peer_listener = {.message = on_message, .ended = on_ended};

static int make_record(struct renderer *renderer, int *ret_fd)
{
    _fd_cleanup_ int fd = -1;
    struct audit *audit = broker_audit(renderer->broker);
    size_t bytes = CRASH_RECORD_BYTES + (audit != NULL ? AUDIT_RECORD_BYTES : 0);
    int error = sealed_memory_create("bulkhead-crash-record", bytes, &fd);
    if (error < 0)
        return error;
    void *record = mmap(NULL, CRASH_RECORD_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (record == MAP_FAILED)
        return -errno;
    renderer->record = record;
    error = audit != NULL ? audit_watch(audit, fd) : 0;
    if (error == 0)
        *ret_fd = fd_steal(&fd);
    return error;
}

static int make_pipe(int *ret_read, int *ret_write)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_read = ends[0];
    *ret_write = ends[1];
    return 0;
}

/* Without one it has the limits of a renderer that never was to have one, and the broker says so at its hello. */
static void make_cgroup(struct renderer *renderer, int *ret_procs_fd)
{
    const struct cgroup_limits limits = {
        .memory_bytes = renderer->memory_limit_bytes, .tasks = LIMIT_RENDERER_TASKS, .cpu_weight = CPU_WEIGHT};
    struct cgroup *cgroup = broker_cgroup(renderer->broker);
    int error = cgroup == NULL ? 0 : cgroup_add(cgroup, renderer->id, &limits, ret_procs_fd);
    renderer->has_cgroup = cgroup != NULL && error == 0;
    if (error < 0)
        log_write(LOG_WARNING, "renderer=%u cgroup=none error=\"%s\"", renderer->id, strerror(-error));
}

static int make_fds(struct renderer *renderer, struct peer_fds *ours)
{
    struct cell_host_fork_fds *theirs = &renderer->fork_fds;
    layer_set channel_layer = LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS);
    bool refuse_fds = (broker_options(renderer->broker)->without & channel_layer) == 0;
    int error = channel_socketpair(refuse_fds, &ours->channel, &theirs->channel);
    if (error == 0)
        error = make_record(renderer, &theirs->crash_record);
    if (error == 0)
        error = make_pipe(&ours->stdout_read, &theirs->stdout_write);
    if (error == 0)
        error = make_pipe(&ours->stderr_read, &theirs->stderr_write);
    if (error == 0)
        make_cgroup(renderer, &theirs->cgroup_procs);
    return error;
}

static void send_welcome(struct renderer *renderer)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Welcome welcome = BULKHEAD__WELCOME__INIT;
    welcome.protocol_version = PROTOCOL_VERSION;
    welcome.renderer_id = renderer->id;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_WELCOME;
    envelope.welcome = &welcome;
    renderer_tell(renderer, &envelope, NULL, 0);
}

static int make_peer(struct renderer *renderer)
{
    struct peer_fds ours = {.channel = -1, .stdout_read = -1, .stderr_read = -1};
    char label[32];
    snprintf(label, sizeof label, "renderer=%u", renderer->id);
    int error = make_fds(renderer, &ours);
    if (error == 0)
        return peer_create(broker_services(renderer->broker), label, &ours, &peer_listener, renderer, &renderer->peer);
    fd_close(&ours.channel);
    fd_close(&ours.stdout_read);
    fd_close(&ours.stderr_read);
    return error;
}

int renderer_prepare(struct broker *broker, unsigned id, uint64_t memory_limit_bytes,
                     const struct renderer_owner *owner, void *userdata, struct renderer **ret_renderer)
{
    struct renderer *renderer = calloc(1, sizeof *renderer);
    if (renderer == NULL)
        return -ENOMEM;
    renderer->broker = broker;
    renderer->id = id;
    renderer->memory_limit_bytes = memory_limit_bytes;
    renderer->owner = owner;
    renderer->owner_data = userdata;
    renderer->fork_fds = (struct cell_host_fork_fds){-1, -1, -1, -1, -1};
    requests_init(&renderer->requests);
    layers_init(renderer->layers);
    int error = make_peer(renderer);
    if (error == 0)
        error = loop_add_timer(broker_loop(broker), on_tick, renderer, &renderer->tick);
    if (error < 0) {
        renderer_free(renderer);
        return error;
    }
    *ret_renderer = renderer;
    return 0;
}

int renderer_start(struct renderer *renderer, struct cell_host *cell)
{
    renderer->cell = cell;
    renderer->created_ns = clock_now_ns();
    set_limits(renderer, 0);
    int error = cell_host_fork(cell, renderer->id, renderer->memory_limit_bytes, &renderer->fork_fds);
    if (error < 0)
        return error;
    loop_timer_set(renderer->tick, clock_now_ms() + watchdog_tick_ms(&renderer->limits));
    send_welcome(renderer);
    return 0;
}

void renderer_discard(struct renderer *renderer)
{
    if (renderer != NULL)
        renderer_free(renderer);
}

static void end_unborn(struct renderer *renderer, enum exit_cause cause, enum kill_reason reason, const char *why)
{
    struct exit_report report = {
        .cause = cause, .kill_reason = reason, .renderer_id = renderer->id, .noticed_ns = clock_now_ns()};
    snprintf(report.summary, sizeof report.summary, "%s: never started, %s", exit_cause_name(cause), why);
    report_end(renderer, &report);
}

void renderer_unborn(struct renderer *renderer)
{
    end_unborn(renderer, EXIT_CAUSE_KILLED_BY_BROKER, KILL_CELL, kill_reason_name(KILL_CELL));
}

enum violation renderer_forked(struct renderer *renderer, pid_t pid, int error)
{
    if (renderer->is_forked)
        return VIOLATION_UNKNOWN_REQUEST;
    if (pid <= 0) {
        end_unborn(renderer, EXIT_CAUSE_UNEXPECTED_EXIT, KILL_NONE, strerror(error));
        return VIOLATION_NONE;
    }
    error = peer_adopt(renderer->peer, pid);
    if (error == -ECHILD)
        return VIOLATION_NOT_OUR_CHILD;
    renderer->is_forked = true;
    if (error < 0) {
        kill(pid, SIGKILL); /* our child and not reaped yet, so the pid is its own; the cell reaps it */
        end_unborn(renderer, EXIT_CAUSE_UNEXPECTED_EXIT, KILL_NONE, strerror(-error));
        return VIOLATION_NONE;
    }
    char name[32];
    snprintf(name, sizeof name, "renderer %u", renderer->id);
    if (broker_trace(renderer->broker) != NULL)
        trace_process_name(broker_trace(renderer->broker), pid, name);
    return VIOLATION_NONE;
}

void renderer_attach(struct renderer *renderer, const struct renderer_client *client, void *userdata,
                     struct document *document, uint32_t timeout_ms)
{
    renderer->client = client;
    renderer->client_data = userdata;
    renderer->document = document_ref(document);
    set_limits(renderer, timeout_ms);
    if (renderer->tick != NULL)
        loop_timer_set(renderer->tick, clock_now_ms() + watchdog_tick_ms(&renderer->limits));
}

void renderer_close(struct renderer *renderer, enum kill_reason reason)
{
    renderer->client = NULL;
    if (renderer->state == RENDERER_STARTING) {
        renderer_kill(renderer, reason, VIOLATION_NONE);
        return;
    }
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Shutdown shutdown = BULKHEAD__SHUTDOWN__INIT;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN;
    envelope.shutdown = &shutdown;
    renderer->shutdown_sent = true;
    renderer->state = RENDERER_ENDING;
    renderer_tell(renderer, &envelope, NULL, 0);
    kill_later(renderer, reason, CLOSE_MS);
}

void renderer_destroy(struct renderer *renderer)
{
    peer_kill(renderer->peer, KILL_SHUTDOWN, VIOLATION_NONE);
    peer_wait_blocking(renderer->peer, 2000);
    renderer_free(renderer);
}

void renderer_check_exit(struct renderer *renderer)
{
    peer_check_exit(renderer->peer);
}

static void note_page(struct renderer *renderer, const Bulkhead__ToRenderer *envelope)
{
    if (envelope->message_case == BULKHEAD__TO_RENDERER__MESSAGE_PAINT)
        requests_set_page(&renderer->requests, envelope->request_id, envelope->paint->page);
    if (envelope->message_case == BULKHEAD__TO_RENDERER__MESSAGE_MEASURE)
        requests_set_page(&renderer->requests, envelope->request_id, envelope->measure->page);
}

uint64_t renderer_request(struct renderer *renderer, Bulkhead__ToRenderer *envelope, bool is_endless, int *fds,
                          size_t n_fds)
{
    uint64_t now_ms = clock_now_ms();
    envelope->request_id = requests_open(&renderer->requests, envelope->message_case, is_endless, now_ms);
    if (envelope->request_id == 0 || renderer->state == RENDERER_ENDING) {
        fd_close_many(fds, n_fds);
        return 0;
    }
    if (envelope->message_case == BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE)
        renderer->state = RENDERER_LOADING;
    note_page(renderer, envelope);
    watchdog_heard(&renderer->watchdog, now_ms);
    renderer_tell(renderer, envelope, fds, n_fds);
    return envelope->request_id;
}

void renderer_tell(struct renderer *renderer, Bulkhead__ToRenderer *envelope, int *fds, size_t n_fds)
{
    int error = peer_send(renderer->peer, envelope, fds, n_fds);
    if (error < 0)
        log_write(LOG_ERROR, "renderer=%u send_error=\"%s\"", renderer->id, strerror(-error));
}

/* Never less than before: it may still have the old frames when it is told of new ones, and a limit below what is in
 * use kills. */
void renderer_note_frames(struct renderer *renderer, uint64_t frame_bytes)
{
    if (!renderer->has_cgroup || frame_bytes <= renderer->frame_bytes)
        return;
    renderer->frame_bytes = frame_bytes;
    int error =
        cgroup_set_memory(broker_cgroup(renderer->broker), renderer->id, renderer->memory_limit_bytes + frame_bytes);
    if (error < 0)
        log_write(LOG_WARNING, "renderer=%u memory.max=unchanged error=\"%s\"", renderer->id, strerror(-error));
}

int renderer_observe_cgroup(const struct renderer *renderer, struct cgroup_observed *ret_observed)
{
    return renderer->has_cgroup ? cgroup_observe(broker_cgroup(renderer->broker), renderer->id, ret_observed) : -ENODEV;
}

int renderer_refuses_fds(const struct renderer *renderer)
{
    return peer_refuses_fds(renderer->peer);
}

const struct layer_status *renderer_layers(const struct renderer *renderer)
{
    return renderer->layers;
}

void renderer_note_layer(struct renderer *renderer, const struct layer_status *status)
{
    renderer->layers[status->layer] = *status;
}

unsigned renderer_id(const struct renderer *renderer)
{
    return renderer->id;
}

pid_t renderer_pid(const struct renderer *renderer)
{
    return peer_pid(renderer->peer);
}

enum renderer_state renderer_state(const struct renderer *renderer)
{
    return renderer->state;
}

uint64_t renderer_age_ms(const struct renderer *renderer)
{
    return (clock_now_ns() - renderer->created_ns) / 1000000;
}

struct cell_host *renderer_cell(const struct renderer *renderer)
{
    return renderer->cell;
}

struct counters *renderer_counters(struct renderer *renderer)
{
    return peer_counters(renderer->peer);
}

const struct histogram *renderer_ping_times(const struct renderer *renderer)
{
    return &renderer->ping_times;
}

const struct message_ring *renderer_messages(const struct renderer *renderer)
{
    return peer_messages(renderer->peer);
}

const struct requests *renderer_requests(const struct renderer *renderer)
{
    return &renderer->requests;
}

const struct watchdog_limits *renderer_limits(const struct renderer *renderer)
{
    return &renderer->limits;
}

uint64_t renderer_memory_limit_bytes(const struct renderer *renderer)
{
    return renderer->memory_limit_bytes;
}

struct document *renderer_document(const struct renderer *renderer)
{
    return renderer->document;
}

const char *renderer_format(const struct renderer *renderer)
{
    return renderer->format;
}
