#include "renderer/zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/policy.h"
#include "renderer/audit.h"
#include "renderer/cell/clone_sibling.h"
#include "renderer/crash_handler.h"
#include "renderer/engine/engine.h"
#include "renderer/modules.h"
#include "renderer/paint_thread.h"
#include "renderer/session.h"

/* The fds of a Fork message, in order; the last is not always there. */
enum { FORK_CHANNEL, FORK_RECORD, FORK_STDOUT, FORK_STDERR, FORK_CGROUP, FORK_FDS };

struct zygote {
    struct channel *channel;
    struct cell_config cell; // cell.policy is owned by the zygote
    struct cell_facts facts;
    pid_t init_pid;
};

static bool parent_is_gone(void)
{
    struct pollfd channel = {.fd = ZYGOTE_CHANNEL_FD};

    return poll(&channel, 1, 0) > 0 && (channel.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
}

/* An exec hands on the broker's blocked signals, ignored signals and process group; none is of use here. A session of
 * its own keeps a terminal's Ctrl-C from reaching renderers before the broker has decided what it means. Descriptors
 * the broker itself was started with (a shell's "exec 5<>file", a jobserver's pipe) come through its exec as well. */
static void leave_the_brokers_shadow(void)
{
    sigset_t none;

    fd_close_between(ZYGOTE_CHANNEL_FD + 1, ~0u);
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, number == SIGPIPE ? SIG_IGN : SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setsid();
    prctl(PR_SET_NAME, "bulkhead-zygote");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* When memory runs out on the whole machine, let it be a renderer that goes. */
static void volunteer_for_the_oom_killer(void)
{
    _fd_cleanup_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd >= 0)
        (void)!write(fd, "500", 3);
}

static int warm_up_engines(void)
{
    /* One heap for both threads of a renderer: a second one costs 130 KB and lock contention is not what they suffer
     * from. */
    mallopt(M_ARENA_MAX, 1);
    for (size_t i = 0; engines[i] != NULL; i++) {
        int rc = engines[i]->warm_up != NULL ? engines[i]->warm_up() : 0;
        if (rc < 0) {
            log_write(LOG_ERROR, "engine=%s warm_up=failed error=%d", engines[i]->name, -rc);
            return rc;
        }
    }
    return 0;
}

/* Whether a renderer's last layers can be had is found out by closing the cell around a child that does nothing else.
 */
static void rehearse_close(struct zygote *zygote)
{
    struct cell_facts *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = -1;
    pid_t child;

    if (shared == MAP_FAILED)
        return;
    *shared = zygote->facts;
    child = fork();
    if (child == 0) {
        const int keep[] = {0, 1, 2};
        zygote->cell.audit = false; /* it needs a handler, and somewhere to count */
        int rc = cell_limit(&zygote->cell, keep, 3, shared);
        cell_close(&zygote->cell, shared);
        _exit(rc < 0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status == 0)
        zygote->facts = *shared;
    munmap(shared, sizeof(*shared));
}

static void name_engines(char *out, size_t out_bytes)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; engines[i] != NULL && used < out_bytes; i++) {
        int length = snprintf(out + used, out_bytes - used, "%s%s", i ? ", " : "", engines[i]->version());
        used += length > 0 ? (size_t)length : 0;
    }
}

static int say_hello(struct zygote *zygote, const struct modules *modules)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Hello hello = BULKHEAD__HELLO__INIT;
    Bulkhead__LayerFact facts[CELL_LAYERS], *fact_list[CELL_LAYERS];
    Bulkhead__Module items[LIMIT_MODULES], *item_list[LIMIT_MODULES];
    char version[128];

    name_engines(version, sizeof(version));
    hello.protocol_version = PROTOCOL_VERSION;
    hello.engine_version = codec_bytes(version, strlen(version));
    hello.layers = fact_list;
    hello.n_layers = cell_facts_list(&zygote->facts, facts, fact_list);
    hello.modules = item_list;
    hello.n_modules = modules_list(modules, items, item_list);
    hello.init_pid = zygote->init_pid;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_HELLO;
    envelope.hello = &hello;
    int rc = channel_send(zygote->channel, &envelope.base, NULL, 0);
    return rc == CHANNEL_OK ? channel_flush(zygote->channel) : rc;
}

/* Into the cgroup that was made for this renderer: before it is anything, so that nothing of it is counted elsewhere.
 * The right to do so is that of the broker, who opened the file. If it fails, the broker sees that the cgroup is empty.
 */
static void join_cgroup(int *procs_fd)
{
    if (*procs_fd >= 0 && write(*procs_fd, "0", 1) < 0)
        log_write(LOG_ERROR, "cgroup=not_joined error=\"%s\"", strerror(errno));
    fd_close(procs_fd);
}

/* Puts the renderer's fds where the zygote's were, so that nothing of the zygote's stays: its channel is replaced by
 * the renderer's own. Takes all fds. */
static int settle_fds(bool audits, int fds[FORK_FDS])
{
    _fd_cleanup_ int audited = audits ? fcntl(fds[FORK_RECORD], F_DUPFD_CLOEXEC, 0) : -1;
    int rc = 0;

    if (dup2(fds[FORK_STDOUT], STDOUT_FILENO) < 0 || dup2(fds[FORK_STDERR], STDERR_FILENO) < 0)
        rc = -errno;
    if (rc == 0)
        rc = crash_handler_install(fd_steal(&fds[FORK_RECORD]), ZYGOTE_CHANNEL_FD);
    if (rc == 0 && audits)
        rc = audit_install(audited);
    fd_close_many(fds, FORK_FDS);
    return rc;
}

static void take_name(uint32_t id)
{
    char name[16];

    snprintf(name, sizeof(name), "renderer-%u", id);
    prctl(PR_SET_NAME, name);
    /* The cell init's death ends us as well; this is for hosts without a pid namespace. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* The paint thread is started first and gets ready while the rest is done. Takes all fds. */
static int start_session(struct zygote *zygote, uint32_t id, uint64_t memory_limit_bytes, int fds[FORK_FDS],
                         struct session **ret_session)
{
    /* A session opens nothing before its cell is closed: the crash record is mapped by now, all else is memory. */
    static const int kept_fds[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, ZYGOTE_CHANNEL_FD};
    int rc;

    join_cgroup(&fds[FORK_CGROUP]);
    rc = dup2(fds[FORK_CHANNEL], ZYGOTE_CHANNEL_FD) < 0 ? -errno : 0;
    if (rc == 0)
        rc = session_create(ZYGOTE_CHANNEL_FD, id, ret_session);
    take_name(id);
    int settled = settle_fds(zygote->cell.audit, fds);
    if (rc != 0 || settled != 0)
        return rc != 0 ? rc : settled;
    if (memory_limit_bytes != 0)
        zygote->cell.memory_limit_bytes = memory_limit_bytes;
    rc = cell_limit(&zygote->cell, kept_fds, sizeof(kept_fds) / sizeof(kept_fds[0]), &zygote->facts);
    if (rc == 0) {
        session_await_ready(*ret_session);
        cell_close(&zygote->cell, &zygote->facts);
    }
    return rc;
}

/* The whole life of a renderer. */
static int live_as_renderer(struct zygote *zygote, uint32_t id, uint64_t memory_limit_bytes, int fds[FORK_FDS])
{
    struct session *session;
    int rc = start_session(zygote, id, memory_limit_bytes, fds, &session);

    if (rc != 0) {
        log_write(LOG_ERROR, "renderer=%u state=start_failed error=%d", id, -rc);
        return EXIT_FAILURE;
    }
    return session_run(session, &zygote->facts);
}

static int answer_forked(struct zygote *zygote, uint64_t request_id, uint32_t renderer_id, pid_t pid)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Forked forked = BULKHEAD__FORKED__INIT;

    forked.renderer_id = renderer_id;
    forked.pid = pid < 0 ? 0 : pid;
    forked.error = pid < 0 ? -pid : 0;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_FORKED;
    envelope.forked = &forked;
    int rc = channel_send(zygote->channel, &envelope.base, NULL, 0);
    return rc < 0 ? rc : channel_flush(zygote->channel);
}

static int fork_renderer(struct zygote *zygote, struct channel_message *message)
{
    const Bulkhead__Fork *request = message->to_renderer->fork;
    int fds[FORK_FDS];
    pid_t pid = -EBADMSG;

    for (size_t i = 0; i < FORK_FDS; i++)
        fds[i] = i < message->n_fds ? channel_message_take_fd(message, i) : -1;
    if (message->n_fds == FORK_FDS || message->n_fds == FORK_CGROUP)
        pid = clone_sibling();
    if (pid == 0)
        _exit(live_as_renderer(zygote, request->renderer_id, request->memory_limit_bytes, fds));
    fd_close_many(fds, FORK_FDS);
    return answer_forked(zygote, message->to_renderer->request_id, request->renderer_id, pid);
}

/* 0 to go on, 1 when it is time to go, or -errno. */
static int handle(struct zygote *zygote, struct channel_message *message)
{
    switch (message->to_renderer->message_case) {
    case BULKHEAD__TO_RENDERER__MESSAGE_FORK:
        return fork_renderer(zygote, message);
    case BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN:
        return 1;
    case BULKHEAD__TO_RENDERER__MESSAGE_WELCOME:
        return 0;
    default:
        log_write(LOG_WARNING, "zygote ignores message type=%u", message->type);
        return 0;
    }
}

static int serve(struct zygote *zygote)
{
    struct pollfd socket = {.fd = channel_fd(zygote->channel)};
    struct channel_message message;
    int rc;

    for (;;) {
        rc = channel_receive(zygote->channel, &message);
        if (rc == CHANNEL_OK) {
            rc = handle(zygote, &message);
            if (rc == 1)
                return 0;
            if (rc < 0)
                return rc;
            continue;
        }
        if (rc == CHANNEL_END)
            return 0;
        if (rc != CHANNEL_EMPTY)
            return rc < 0 ? rc : -EBADMSG;
        socket.events = (short)(POLLIN | (channel_wants_flush(zygote->channel) ? POLLOUT : 0));
        if (poll(&socket, 1, -1) < 0 && errno != EINTR)
            return -errno;
        rc = channel_flush(zygote->channel);
        if (rc < 0)
            return rc;
    }
}

/* A renderer's first large allocation puts together and sorts what was freed in small pieces, wherever that lies, and
 * each page it touches has to be copied: 35 pages. Here it is done once. */
static void tidy_heap(void)
{
    enum { LARGE_BYTES = 64 * 1024 };

    malloc_trim(0);
    void *volatile large = malloc(LARGE_BYTES); /* volatile, or the compiler leaves it out */
    free(large);
}

/* A kernel without filters lacks a layer, as any other may be lacking. Where it has them, a policy that cannot be
 * compiled is our own fault, and no renderer goes without. */
static int compile_policy(struct zygote *zygote)
{
    struct policy_program *policy = NULL;
    int rc = policy_compile(POLICY_RENDERER, &policy);

    zygote->cell.policy = policy;
    zygote->cell.policy_error = rc < 0 ? policy_is_supported() : 0;
    return zygote->cell.policy_error < 0 ? 0 : rc;
}

static int start(struct zygote *zygote, struct modules *modules)
{
    int rc = channel_create(ZYGOTE_CHANNEL_FD, CHANNEL_RENDERER, NULL, &zygote->channel);

    if (rc == 0)
        rc = warm_up_engines();
    if (rc == 0)
        rc = paint_thread_rehearse(); /* nothing may make a thread once a pid namespace waits for its first process */
    if (rc == 0)
        rc = compile_policy(zygote);
    if (rc != 0)
        return rc;
    rc = cell_enter(&zygote->cell, &zygote->facts, &zygote->init_pid);
    if (rc < 0)
        return rc;
    rehearse_close(zygote);
    /* Inherited by every renderer: what its first thread needs for its last words. */
    crash_handler_prepare();
    rc = crash_handler_thread_init(0);
    if (rc == 0)
        rc = say_hello(zygote, modules);
    tidy_heap();
    return rc;
}

int zygote_run(const struct cell_config *config)
{
    struct zygote zygote = {.cell = *config};
    struct modules modules;
    int rc;

    leave_the_brokers_shadow();
    if (parent_is_gone())
        return EXIT_SUCCESS;
    volunteer_for_the_oom_killer();
    modules_collect(&modules);
    rc = start(&zygote, &modules);
    /* cell_enter() re-armed the death signal after the change of id; whoever died in between has hung up. */
    if (rc >= 0 && !parent_is_gone())
        rc = serve(&zygote);
    if (rc < 0)
        log_write(LOG_ERROR, "zygote=failed error=%d text=\"%s\"", -rc, strerror(-rc));
    channel_destroy(zygote.channel);
    return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
