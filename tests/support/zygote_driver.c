#include "tests/support/zygote_driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

const char *zygote_driver_program(void)
{
    static char path[4096];
    const char *given = getenv("BULKHEAD_RENDERER");
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);

    if (given != NULL)
        return given;
    if (length < 0)
        return "bulkhead-renderer";
    path[length] = '\0';
    /* build/VARIANT/tests/KIND/test_x */
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(path, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    strcat(path, "/bulkhead-renderer");
    return path;
}

static void __attribute__((noreturn)) become_zygote(const char *program, int channel_fd, uint32_t without)
{
    char option[32];
    char *arguments[] = {(char *)program, (char *)"--zygote", option, NULL}, *environment[] = {NULL};
    int null_fd = open("/dev/null", O_RDWR);

    snprintf(option, sizeof(option), "--without=%u", without);
    dup2(null_fd, 0);
    dup2(channel_fd, 3);
    syscall(SYS_close_range, 4, ~0u, 0);
    dup2(0, DRIVER_STRAY_FD); /* as a broker hands on what it was itself started with */
    execve(program, arguments, environment);
    _exit(127);
}

const Bulkhead__ToBroker *driver_receive(struct channel *channel, int *ret_result)
{
    static struct channel_message message;
    uint64_t deadline = clock_now_ms() + DRIVER_DEADLINE_MS;

    for (;;) {
        int rc = channel_receive(channel, &message);
        if (rc == CHANNEL_OK)
            return message.to_broker;
        *ret_result = rc;
        if (rc != CHANNEL_EMPTY)
            return NULL;
        uint64_t now = clock_now_ms();
        struct pollfd socket = {.fd = channel_fd(channel), .events = POLLIN};
        if (now >= deadline || poll(&socket, 1, (int)(deadline - now)) == 0) {
            *ret_result = -ETIME;
            return NULL;
        }
    }
}

static void copy_hello(const Bulkhead__Hello *hello, struct driver_hello *ret_hello)
{
    memset(ret_hello, 0, sizeof(*ret_hello));
    ret_hello->renderer_id = hello->renderer_id;
    ret_hello->init_pid = hello->init_pid;
    ret_hello->modules = (unsigned)hello->n_modules;
    if (hello->n_modules > 0)
        snprintf(ret_hello->first_module, sizeof(ret_hello->first_module), "%.*s", (int)hello->modules[0]->path.len,
                 (const char *)hello->modules[0]->path.data);
    for (size_t i = 0; i < hello->n_layers; i++) {
        const Bulkhead__LayerFact *fact = hello->layers[i];
        ret_hello->attempted[fact->layer] = true;
        ret_hello->in_force[fact->layer] = fact->in_force;
        ret_hello->error[fact->layer] = fact->error;
        snprintf(ret_hello->evidence[fact->layer], CELL_EVIDENCE_BYTES, "%.*s", (int)fact->evidence.len,
                 (const char *)fact->evidence.data);
    }
}

static int hear_hello(struct channel *channel, struct driver_hello *ret_hello)
{
    int rc;
    const Bulkhead__ToBroker *envelope = driver_receive(channel, &rc);

    if (envelope == NULL)
        return rc < 0 ? rc : -EPIPE;
    if (envelope->message_case != BULKHEAD__TO_BROKER__MESSAGE_HELLO)
        return -EPROTO;
    copy_hello(envelope->hello, ret_hello);
    return 0;
}

int zygote_driver_start(struct zygote_driver *driver, const char *program, uint32_t without)
{
    int broker_fd, renderer_fd, rc;

    *driver = (struct zygote_driver){0};
    rc = channel_socketpair(true, &broker_fd, &renderer_fd);
    if (rc < 0)
        return rc;
    driver->pid = fork();
    if (driver->pid == 0)
        become_zygote(program, renderer_fd, without);
    close(renderer_fd);
    rc = channel_create(broker_fd, CHANNEL_BROKER, NULL, &driver->channel);
    return rc < 0 ? rc : hear_hello(driver->channel, &driver->hello);
}

/* waitpid with a deadline, by pidfd. */
static int wait_for(pid_t pid)
{
    int status = 0;
    struct pollfd child = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    int ready = child.fd < 0 ? 1 : poll(&child, 1, DRIVER_DEADLINE_MS);
    bool in_time = ready != 0;

    if (!in_time) {
        kill(pid, SIGKILL);
        /* A pid namespace's init stays until everyone in it was reaped, which is not always up to us. */
        ready = poll(&child, 1, DRIVER_DEADLINE_MS);
    }
    fd_close(&child.fd);
    if (ready == 0)
        return -ETIME;
    if (waitpid(pid, &status, 0) < 0)
        return -errno;
    return in_time ? status : -ETIME;
}

int zygote_driver_stop(struct zygote_driver *driver)
{
    channel_destroy(driver->channel);
    driver->channel = NULL;
    int status = driver->pid > 0 ? wait_for(driver->pid) : 0;
    if (driver->hello.init_pid > 0)
        kill(driver->hello.init_pid, SIGKILL);
    /* In any order: pid 1 of a pid namespace is not gone before everybody in it was reaped. All are in the session that
     * the zygote made. */
    while (driver->pid > 0 && waitpid(-driver->pid, NULL, 0) > 0)
        continue;
    return status;
}

static int ask_for_fork(struct zygote_driver *driver, struct renderer_driver *renderer, uint64_t memory_limit_bytes,
                        int fds[4])
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Fork request = BULKHEAD__FORK__INIT;
    const Bulkhead__ToBroker *answer;
    int rc;

    request.renderer_id = renderer->id;
    request.memory_limit_bytes = memory_limit_bytes;
    envelope.request_id = 7;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_FORK;
    envelope.fork = &request;
    renderer->forked_ns = clock_now_ns();
    rc = channel_send(driver->channel, &envelope.base, fds, 4);
    if (rc == CHANNEL_OK)
        rc = channel_flush(driver->channel);
    if (rc != 0)
        return rc < 0 ? rc : -EIO;
    answer = driver_receive(driver->channel, &rc);
    if (answer == NULL || answer->message_case != BULKHEAD__TO_BROKER__MESSAGE_FORKED || answer->request_id != 7 ||
        answer->forked->renderer_id != renderer->id)
        return -EPROTO;
    renderer->pid = answer->forked->pid;
    return -answer->forked->error;
}

int zygote_driver_fork(struct zygote_driver *driver, unsigned id, uint64_t memory_limit_bytes,
                       struct renderer_driver *ret_renderer)
{
    int broker_fd, record_fd, log_fds[2], fds[4], rc;

    *ret_renderer = (struct renderer_driver){.id = id, .log_fd = -1};
    rc = channel_socketpair(true, &broker_fd, &fds[0]);
    if (rc < 0)
        return rc;
    rc = channel_create(broker_fd, CHANNEL_BROKER, NULL, &ret_renderer->channel);
    record_fd = memfd_create("crash-record", MFD_CLOEXEC);
    if (rc < 0 || record_fd < 0 || ftruncate(record_fd, CRASH_RECORD_BYTES) < 0 || pipe2(log_fds, O_CLOEXEC) < 0)
        return rc < 0 ? rc : -errno;
    ret_renderer->record = mmap(NULL, CRASH_RECORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, record_fd, 0);
    ret_renderer->log_fd = log_fds[0];
    fds[1] = record_fd;
    fds[2] = log_fds[1];
    fds[3] = fcntl(log_fds[1], F_DUPFD_CLOEXEC, 0);
    rc = ask_for_fork(driver, ret_renderer, memory_limit_bytes, fds);
    if (rc < 0)
        return rc;
    rc = hear_hello(ret_renderer->channel, &ret_renderer->hello);
    ret_renderer->hello_ns = clock_now_ns();
    return rc;
}

int renderer_driver_wait(struct renderer_driver *renderer)
{
    int status = renderer->pid > 0 ? wait_for(renderer->pid) : -ESRCH;

    renderer->pid = 0;
    return status;
}

void renderer_driver_fini(struct renderer_driver *renderer)
{
    if (renderer->pid > 0) {
        kill(renderer->pid, SIGKILL);
        renderer_driver_wait(renderer);
    }
    channel_destroy(renderer->channel);
    if (renderer->record != NULL)
        munmap(renderer->record, CRASH_RECORD_BYTES);
    fd_close(&renderer->log_fd);
    *renderer = (struct renderer_driver){.log_fd = -1};
}
