#include "broker/crash/errand.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/crash/document_hash.h"
#include "broker/crash/symbolise.h"
#include "common/clock.h"
#include "common/fd.h"

static const struct {
    const char *argument;
    int (*child_main)(void); // returns the exit code
} kinds[ERRAND_KINDS] = {
    [ERRAND_SYMBOLISE] = {"--symbolise-child", symbolise_child_main},
    [ERRAND_HASH] = {"--hash-child", document_hash_child_main},
};

// Before main(): whatever program this file is linked into can also be its own child. Were it left to each main(), a
// program that forgot would start itself over, crash its renderers again and start itself again from there.
static __attribute__((constructor)) void become_child_if_asked(int argc, char **argv)
{
    for (int i = 0; argc == 2 && i < ERRAND_KINDS; i++)
        if (strcmp(argv[1], kinds[i].argument) == 0)
            exit(kinds[i].child_main());
}

const char *errand_argument(enum errand_kind kind)
{
    return kinds[kind].argument;
}

struct errand {
    struct loop *loop;
    errand_fn fn;
    void *userdata;
    int pidfd, output_fd;
    struct loop_source *exit_source, *output_source, *deadline_source;
    bool has_exited, is_late;
    siginfo_t end;
    size_t used, size;
    char text[]; // errand::size bytes
};

static void errand_free(struct errand *errand)
{
    loop_source_remove(&errand->exit_source);
    loop_source_remove(&errand->output_source);
    loop_source_remove(&errand->deadline_source);
    fd_close(&errand->output_fd);
    fd_close(&errand->pidfd);
    free(errand);
}

static void errand_kill(const struct errand *errand)
{
    syscall(SYS_pidfd_send_signal, errand->pidfd, SIGKILL, NULL, 0); // ESRCH: gone already
}

bool errand_succeeded(const struct errand_result *result)
{
    return !result->is_late && result->wait_code == CLD_EXITED && result->wait_status == 0;
}

// Calls back once both the output has ended and the child was reaped.
static int finish_if_done(struct errand *errand)
{
    if (!errand->has_exited || errand->output_source != NULL)
        return 0;
    const struct errand_result result = {
        .text = errand->text,
        .text_bytes = errand->used,
        .is_late = errand->is_late,
        .wait_code = errand->end.si_code,
        .wait_status = errand->end.si_status,
    };
    errand->fn(errand, &result, errand->userdata);
    errand_free(errand);
    return 0;
}

static int on_output(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct errand *errand = userdata;
    char rest[4096]; // what is over the limit is read and forgotten, so that the child can end
    bool is_full = errand->used == errand->size;

    (void)source, (void)events;
    ssize_t n =
        read(fd, is_full ? rest : errand->text + errand->used, is_full ? sizeof rest : errand->size - errand->used);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0) {
        errand->used += is_full ? 0 : (size_t)n;
        return 0;
    }
    loop_source_remove(&errand->output_source);
    return finish_if_done(errand);
}

static int on_exit_event(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct errand *errand = userdata;

    (void)source, (void)events;
    // ECHILD cannot be told from a clean end; the text decides then.
    if (waitid(P_PIDFD, (id_t)fd, &errand->end, WEXITED | WNOHANG) < 0)
        errand->end.si_code = CLD_EXITED;
    else if (errand->end.si_pid == 0)
        return 0;
    errand->has_exited = true;
    loop_source_remove(&errand->exit_source);
    return finish_if_done(errand);
}

static int on_deadline(struct loop_source *source, void *userdata)
{
    struct errand *errand = userdata;

    (void)source;
    errand->is_late = true;
    errand_kill(errand);
    return 0;
}

// An empty environment: libdw would otherwise ask the servers in DEBUGINFOD_URLS for debug data. exec puts handlers
// back to the default by itself, but keeps what is ignored and what is blocked: the broker's signals are, for its
// signalfd.
static void __attribute__((noreturn)) become_child(enum errand_kind kind, int input_fd, int output_fd)
{
    char *environment[] = {NULL}, *arguments[] = {(char[]){"bulkhead"}, (char *)kinds[kind].argument, NULL};
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    sigset_t none;

    if (dup2(input_fd, STDIN_FILENO) < 0 || dup2(output_fd, STDOUT_FILENO) < 0 || dup2(null_fd, STDERR_FILENO) < 0)
        _exit(127);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve("/proc/self/exe", arguments, environment);
    _exit(127);
}

// fork and not posix_spawn, which holds up its caller until the child has had a processor and reached its exec: the
// same half a millisecond on a quiet machine, but often 10 ms and more on a busy one, in which the broker answers
// nobody.
static pid_t fork_child(enum errand_kind kind, int input_fd, int output_fd)
{
    pid_t pid = fork();

    if (pid == 0)
        become_child(kind, input_fd, output_fd);
    return pid;
}

static int start_child(struct errand *errand, enum errand_kind kind, int input_fd)
{
    int output[2];

    if (pipe2(output, O_CLOEXEC) < 0)
        return -errno;
    errand->output_fd = output[0];
    pid_t pid = fork_child(kind, input_fd, output[1]);
    int r = pid < 0 ? -errno : 0;
    fd_close(&output[1]);
    if (r < 0)
        return r;
    errand->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (errand->pidfd >= 0)
        return fd_set_nonblocking(errand->output_fd, 1);
    r = -errno;
    kill(pid, SIGKILL); // not reaped yet, so the number is still its own
    waitpid(pid, NULL, 0);
    return r;
}

static int watch(struct errand *errand, uint32_t deadline_ms)
{
    int r = loop_add_fd(errand->loop, errand->output_fd, EPOLLIN, on_output, errand, &errand->output_source);

    r = r < 0 ? r : loop_add_fd(errand->loop, errand->pidfd, EPOLLIN, on_exit_event, errand, &errand->exit_source);
    r = r < 0 ? r : loop_add_timer(errand->loop, on_deadline, errand, &errand->deadline_source);
    if (r == 0)
        loop_timer_set(errand->deadline_source, clock_now_ms() + deadline_ms);
    return r;
}

int errand_start(struct loop *loop, enum errand_kind kind, int input_fd, uint32_t deadline_ms, size_t most_bytes,
                 errand_fn fn, void *userdata, struct errand **ret_errand)
{
    struct errand *errand = calloc(1, sizeof *errand + most_bytes);

    if (errand == NULL)
        return -ENOMEM;
    *errand =
        (struct errand){.loop = loop, .fn = fn, .userdata = userdata, .pidfd = -1, .output_fd = -1, .size = most_bytes};
    int r = start_child(errand, kind, input_fd);
    r = r < 0 ? r : watch(errand, deadline_ms);
    if (r < 0) {
        errand_cancel(errand);
        return r;
    }
    *ret_errand = errand;
    return 0;
}

void errand_cancel(struct errand *errand)
{
    if (errand == NULL)
        return;
    if (errand->pidfd >= 0 && !errand->has_exited) {
        siginfo_t end;
        errand_kill(errand);
        while (waitid(P_PIDFD, (id_t)errand->pidfd, &end, WEXITED) < 0 && errno == EINTR)
            ;
    }
    errand_free(errand);
}
