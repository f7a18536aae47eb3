#include "broker/cell_host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/peer.h"
#include "broker/trace/trace.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

/* How the zygote finds its channel: main() of the renderer knows this number. */
enum { ZYGOTE_CHANNEL_FD = 3, REST_WAIT_MS = 1000, REST_LOOK_MS = 1 };

struct cell_host {
    struct broker *broker;
    const struct cell_host_listener *listener;
    void *userdata;
    struct peer *zygote;
    bool is_ready, is_retired, is_broken, is_over, zygote_ended;
    bool is_ending; // empty: zygote and init were killed, and their ends are waited for
    int init_pidfd; // -1 without a pid namespace
    pid_t init_pid;
    struct loop_source *deadline; // for the hello, then for the oldest fork that was not answered
    unsigned unanswered;
    struct loop_source *init_source;
    unsigned renderers;
    struct symbolise_module modules[LIMIT_MODULES];
    size_t module_count;
    struct layer_status layers[LAYERS]; // of the zygote
};

char *cell_host_find_renderer(const char *given)
{
    if (given == NULL)
        given = getenv("BULKHEAD_RENDERER");
    if (given != NULL && given[0] != '\0')
        return strdup(given);
    return cell_host_find_program("bulkhead-renderer");
}

char *cell_host_find_program(const char *name)
{
    /* In the build directory, and below any PREFIX or DESTDIR: an installation may be moved. */
    static const char *const from_here[] = {"", "../libexec/bulkhead/"};
    char path[4096];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 64);
    char *slash = length > 0 ? memrchr(path, '/', (size_t)length) : NULL;
    for (size_t i = 0; slash != NULL && i < sizeof from_here / sizeof from_here[0]; i++) {
        snprintf(slash + 1, sizeof path - (size_t)(slash + 1 - path), "%s%s", from_here[i], name);
        if (access(path, X_OK) == 0)
            return strdup(path);
    }
    snprintf(path, sizeof path, "%s/%s", BULKHEAD_LIBEXEC, name);
    return access(path, X_OK) == 0 ? strdup(path) : NULL;
}

/* Told at most twice: that it broke, and that nobody is left in it. */
static void over(struct cell_host *cell, const char *why)
{
    bool *was_told = why != NULL ? &cell->is_broken : &cell->is_over;
    if (*was_told)
        return;
    *was_told = true;
    cell->listener->ended(cell, why, cell->userdata);
}

static void kill_init(struct cell_host *cell)
{
    if (cell->init_pidfd >= 0)
        syscall(SYS_pidfd_send_signal, cell->init_pidfd, SIGKILL, NULL, 0);
}

/* A retired cell ends with its last renderer. The kernel takes its time with a namespace's init, 25 ms where it is
 * busy: the loop goes on meanwhile. May free the cell. */
static void check_empty(struct cell_host *cell)
{
    if (!cell->is_retired || cell->renderers > 0)
        return;
    if (!cell->is_ending) {
        cell->is_ending = true;
        kill_init(cell);
        if (!cell->zygote_ended)
            peer_kill(cell->zygote, KILL_SHUTDOWN, VIOLATION_NONE);
    }
    if (cell->zygote_ended && cell->init_source == NULL)
        over(cell, NULL);
}

static int on_init_exit(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source;
    (void)fd;
    (void)events;
    struct cell_host *cell = userdata;
    siginfo_t info = {0};
    /* ECHILD: reaped with the unreported. */
    if (waitid(P_PIDFD, (id_t)cell->init_pidfd, &info, WEXITED | WNOHANG) == 0 && info.si_pid == 0)
        return 0;
    loop_source_remove(&cell->init_source);
    fd_close(&cell->init_pidfd);
    if (cell->is_ending)
        check_empty(cell);
    else
        over(cell, "the cell's init ended");
    return 0;
}

/* Whether pid is a child of ours that this zygote made: those share its process group, which no other child of ours can
 * join, and only a parent may wait. Killing by a pid it merely names would mean killing strangers. */
static bool is_ours(const struct cell_host *cell, pid_t pid)
{
    siginfo_t info = {0};
    pid_t zygote = peer_pid(cell->zygote);
    return pid > 1 && pid != zygote && pid != cell->init_pid && getpgid(pid) == zygote &&
           waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static enum violation adopt_init(struct cell_host *cell, pid_t pid)
{
    if (pid == 0)
        return VIOLATION_NONE;
    if (!is_ours(cell, pid))
        return VIOLATION_NOT_OUR_CHILD;
    cell->init_pid = pid;
    cell->init_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (cell->init_pidfd >= 0)
        loop_add_fd(broker_loop(cell->broker), cell->init_pidfd, EPOLLIN, on_init_exit, cell, &cell->init_source);
    return VIOLATION_NONE;
}

static void copy_modules(struct cell_host *cell, const Bulkhead__Hello *hello)
{
    for (size_t i = 0; i < hello->n_modules && cell->module_count < LIMIT_MODULES; i++) {
        const Bulkhead__Module *from = hello->modules[i];
        struct symbolise_module *to = &cell->modules[cell->module_count];
        if (from->path.len == 0 || from->path.len >= sizeof to->path || from->path.data[0] != '/')
            continue;
        memcpy(to->path, from->path.data, from->path.len);
        to->path[from->path.len] = '\0';
        to->base = from->load_bias;
        to->start = from->start;
        to->end = from->end;
        if (from->build_id.len > 0 && from->build_id.len <= sizeof to->build_id) {
            memcpy(to->build_id, from->build_id.data, from->build_id.len);
            to->build_id_bytes = (uint32_t)from->build_id.len;
        }
        cell->module_count++;
    }
}

static void set_deadline(struct cell_host *cell, bool is_waiting)
{
    uint64_t timeout_ms = broker_policy(cell->broker)->start_timeout_ms;
    loop_timer_set(cell->deadline, is_waiting ? clock_now_ms() + timeout_ms : 0);
}

static int on_deadline(struct loop_source *source, void *userdata)
{
    (void)source;
    struct cell_host *cell = userdata;
    log_write(LOG_WARNING, "zygote pid=%d late=%s", (int)peer_pid(cell->zygote), cell->is_ready ? "forked" : "hello");
    peer_kill(cell->zygote, KILL_START, VIOLATION_NONE);
    return 0;
}

static enum violation on_hello(struct cell_host *cell, const Bulkhead__Hello *hello)
{
    if (cell->is_ready)
        return VIOLATION_WRONG_STATE;
    if (hello->protocol_version != PROTOCOL_VERSION)
        return VIOLATION_WRONG_VERSION;
    if (hello->renderer_id != 0)
        return VIOLATION_WRONG_RENDERER_ID;
    enum violation violation = adopt_init(cell, hello->init_pid);
    if (violation != VIOLATION_NONE)
        return violation;
    copy_modules(cell, hello);
    layers_take_hello(cell->layers, hello);
    cell->is_ready = true;
    set_deadline(cell, false);
    cell->listener->ready(cell, hello, cell->userdata);
    return VIOLATION_NONE;
}

static enum violation on_forked(struct cell_host *cell, const Bulkhead__Forked *forked)
{
    if (!cell->is_ready)
        return VIOLATION_WRONG_STATE;
    if (cell->unanswered == 0)
        return VIOLATION_UNKNOWN_REQUEST;
    if (forked->pid != 0 && !is_ours(cell, forked->pid))
        return VIOLATION_NOT_OUR_CHILD;
    set_deadline(cell, --cell->unanswered > 0);
    return cell->listener->forked(cell, forked->renderer_id, forked->pid, forked->error, cell->userdata);
}

static enum violation on_message(struct peer *peer, struct channel_message *message, void *userdata)
{
    (void)peer;
    struct cell_host *cell = userdata;
    const Bulkhead__ToBroker *envelope = message->to_broker;
    switch (envelope->message_case) {
    case BULKHEAD__TO_BROKER__MESSAGE_HELLO:
        return on_hello(cell, envelope->hello);
    case BULKHEAD__TO_BROKER__MESSAGE_FORKED:
        return on_forked(cell, envelope->forked);
    default:
        return VIOLATION_WRONG_STATE; /* a zygote says nothing else */
    }
}

static void on_zygote_ended(struct peer *peer, const struct peer_end *end, void *userdata)
{
    (void)peer;
    struct cell_host *cell = userdata;
    cell->zygote_ended = true;
    set_deadline(cell, false);
    if (cell->is_retired) {
        cell->renderers++; /* keeps the cell while it loses the others */
        cell->listener->unborn(cell, cell->userdata);
        cell_host_release(cell);
        return;
    }
    struct exit_report report = {0};
    exit_report_fill(&report, &(struct exit_facts){.wait_code = end->wait_code,
                                                   .wait_status = end->wait_status,
                                                   .kill_reason = end->kill_reason,
                                                   .violation = end->violation});
    over(cell, report.summary);
}

static const struct peer_listener zygote_listener = {.message = on_message, .ended = on_zygote_ended};

/* The child's ends, moved above the numbers they are to have, so that no dup2 overwrites another. */
struct zygote_fds {
    int null, channel, stdout_write, stderr_write;
};

static int lift(int *fd)
{
    int lifted = fcntl(*fd, F_DUPFD_CLOEXEC, 10);
    if (lifted < 0)
        return -errno;
    fd_close(fd);
    *fd = lifted;
    return 0;
}

static int spawn(const char *path, const struct broker_options *options, bool audits, const struct zygote_fds *fds,
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    char without[32];
    snprintf(without, sizeof without, "--without=%u", options->without);
    char *argv[] = {(char *)"bulkhead-renderer", (char *)"--zygote", without, audits ? (char *)"--audit" : NULL, NULL};
    char *envp[] = {NULL};
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_adddup2(&actions, fds->null, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fds->stdout_write, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fds->stderr_write, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fds->channel, ZYGOTE_CHANNEL_FD);
    /* The broker blocks signals for its signalfd and ignores SIGPIPE; neither is for its children. A session of its own
     * keeps the terminal, and its Ctrl-C, for the broker, who decides what becomes of running work. */
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    int error = posix_spawn(ret_pid, path, &actions, &attributes, argv, envp);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

static int lift_all(struct zygote_fds *fds)
{
    int *all[] = {&fds->null, &fds->channel, &fds->stdout_write, &fds->stderr_write};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        int error = lift(all[i]);
        if (error < 0)
            return error;
    }
    return 0;
}

static int make_fds(layer_set without, struct peer_fds *ours, struct zygote_fds *theirs)
{
    int out[2], err[2];
    bool refuse_fds = (without & LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS)) == 0;
    int error = channel_socketpair(refuse_fds, &ours->channel, &theirs->channel);
    if (error < 0)
        return error;
    if (pipe2(out, O_CLOEXEC) < 0)
        return -errno;
    ours->stdout_read = out[0];
    theirs->stdout_write = out[1];
    if (pipe2(err, O_CLOEXEC) < 0)
        return -errno;
    ours->stderr_read = err[0];
    theirs->stderr_write = err[1];
    theirs->null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return theirs->null < 0 ? -errno : lift_all(theirs);
}

static int start(struct cell_host *cell, const char *path)
{
    struct peer_fds ours = {.channel = -1, .stdout_read = -1, .stderr_read = -1};
    struct zygote_fds theirs = {.null = -1, .channel = -1, .stdout_write = -1, .stderr_write = -1};
    pid_t pid = 0;
    int error = make_fds(broker_options(cell->broker)->without, &ours, &theirs);
    if (error == 0)
        error = spawn(path, broker_options(cell->broker), broker_audit(cell->broker) != NULL, &theirs, &pid);
    fd_close(&theirs.null);
    fd_close(&theirs.channel);
    fd_close(&theirs.stdout_write);
    fd_close(&theirs.stderr_write);
    if (error < 0) {
        fd_close(&ours.channel);
        fd_close(&ours.stdout_read);
        fd_close(&ours.stderr_read);
        return error;
    }
    error = peer_create(broker_services(cell->broker), "zygote", &ours, &zygote_listener, cell, &cell->zygote);
    if (error == 0)
        error = peer_adopt(cell->zygote, pid);
    if (error == 0 && broker_trace(cell->broker) != NULL)
        trace_process_name(broker_trace(cell->broker), pid, "zygote");
    if (error < 0) {
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return error;
}

int cell_host_create(struct broker *broker, const char *renderer_path, const struct cell_host_listener *listener,
                     void *userdata, struct cell_host **ret_cell)
{
    struct cell_host *cell = calloc(1, sizeof *cell);
    if (cell == NULL)
        return -ENOMEM;
    cell->broker = broker;
    cell->listener = listener;
    cell->userdata = userdata;
    cell->init_pidfd = -1;
    layers_init(cell->layers);
    int error = loop_add_timer(broker_loop(broker), on_deadline, cell, &cell->deadline);
    if (error == 0)
        error = start(cell, renderer_path);
    if (error < 0) {
        loop_source_remove(&cell->deadline);
        peer_destroy(cell->zygote);
        free(cell);
        return error;
    }
    set_deadline(cell, true);
    *ret_cell = cell;
    return 0;
}

/* Whatever was forked and never named, or named wrongly, is our child as well and would outlive the cell as an orphan
 * or a zombie. All of a cell is of the zygote's process group; as long as one of it is not reaped, the number is nobody
 * else's. Every renderer we know of was reaped before the cell goes. True when none is left. */
static bool reap_the_unreported(const struct cell_host *cell)
{
    siginfo_t info;
    pid_t group = peer_pid(cell->zygote);
    if (waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return true;
    kill(-group, SIGKILL);
    do
        info.si_pid = 0;
    while (waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0);
    return waitid(P_PGID, (id_t)group, &info, WEXITED | WNOHANG | WNOWAIT) < 0;
}

/* The init too: killed, it ends once every process of its namespace was reaped. Bounded all the same. */
static void wait_for_the_rest(const struct cell_host *cell)
{
    for (int waited_ms = 0; !reap_the_unreported(cell) && waited_ms < REST_WAIT_MS; waited_ms += REST_LOOK_MS) {
        struct pollfd fd = {.fd = cell->init_pidfd, .events = POLLIN};
        poll(&fd, 1, REST_LOOK_MS); /* without an init: a pause */
    }
}

void cell_host_destroy(struct cell_host *cell)
{
    if (cell == NULL)
        return;
    cell->is_broken = cell->is_over = true;
    kill_init(cell);
    if (!cell->zygote_ended) {
        peer_kill(cell->zygote, KILL_SHUTDOWN, VIOLATION_NONE);
        peer_wait_blocking(cell->zygote, 1000);
    }
    wait_for_the_rest(cell);
    loop_source_remove(&cell->deadline);
    loop_source_remove(&cell->init_source);
    fd_close(&cell->init_pidfd);
    peer_destroy(cell->zygote);
    free(cell);
}

bool cell_host_is_ready(const struct cell_host *cell)
{
    return cell->is_ready && !cell->is_retired && !cell->is_broken;
}

int cell_host_fork(struct cell_host *cell, unsigned renderer_id, uint64_t memory_limit_bytes,
                   struct cell_host_fork_fds *fds)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Fork order = BULKHEAD__FORK__INIT;
    order.renderer_id = renderer_id;
    order.memory_limit_bytes = memory_limit_bytes;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_FORK;
    envelope.fork = &order;
    int list[] = {fds->channel, fds->crash_record, fds->stdout_write, fds->stderr_write, fds->cgroup_procs};
    size_t count = fds->cgroup_procs >= 0 ? 5 : 4;
    *fds = (struct cell_host_fork_fds){-1, -1, -1, -1, -1};
    int error = peer_send(cell->zygote, &envelope, list, count);
    if (error < 0)
        return error;
    cell->renderers++;
    peer_flush(cell->zygote); /* it works on the order while we see to the rest */
    if (cell->unanswered++ == 0)
        set_deadline(cell, true);
    return 0;
}

void cell_host_release(struct cell_host *cell)
{
    cell->renderers--;
    check_empty(cell);
}

void cell_host_retire(struct cell_host *cell)
{
    if (cell->is_retired)
        return;
    cell->is_retired = true;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Shutdown order = BULKHEAD__SHUTDOWN__INIT;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN;
    envelope.shutdown = &order;
    peer_send(cell->zygote, &envelope, NULL, 0);
    check_empty(cell);
}

bool cell_host_is_retired(const struct cell_host *cell)
{
    return cell->is_retired;
}

pid_t cell_host_zygote_pid(const struct cell_host *cell)
{
    return cell->zygote_ended ? 0 : peer_pid(cell->zygote);
}

pid_t cell_host_init_pid(const struct cell_host *cell)
{
    return cell->init_source != NULL ? cell->init_pid : 0;
}

int cell_host_refuses_fds(const struct cell_host *cell)
{
    return peer_refuses_fds(cell->zygote);
}

const struct layer_status *cell_host_layers(const struct cell_host *cell)
{
    return cell->layers;
}

const struct symbolise_module *cell_host_modules(const struct cell_host *cell, size_t *ret_count)
{
    *ret_count = cell->module_count;
    return cell->modules;
}

struct counters *cell_host_counters(struct cell_host *cell)
{
    return peer_counters(cell->zygote);
}

void cell_host_check_exit(struct cell_host *cell)
{
    if (!cell->zygote_ended)
        peer_check_exit(cell->zygote); /* may free the cell */
    else if (cell->is_ending)
        reap_the_unreported(cell); /* the init waits for them */
}
