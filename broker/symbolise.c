#include "broker/symbolise.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/symbolise_private.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/text.h"

enum {
    DEADLINE_MS = 5000,
    TEXT_BYTES = 64 * 1024, // 64 frames with deep inlining fit many times over
    LINE_BYTES = 1024,
};

// Before main(): whatever program this file is linked into can also be its own symbolising child. Were it left to each
// main(), a program that forgot would start itself over, crash its renderers again and start itself again from there.
static __attribute__((constructor)) void become_child_if_asked(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], SYMBOLISE_ARGUMENT) == 0)
        exit(symbolise_child_main());
}

struct symbolise_job {
    struct loop *loop;
    symbolise_fn fn;
    void *userdata;
    int pidfd, output_fd;
    struct loop_source *exit_source, *output_source, *deadline_source;
    bool has_exited, is_late;
    siginfo_t end;
    size_t used;
    char text[TEXT_BYTES]; // as the child wrote it
};

static void job_free(struct symbolise_job *job)
{
    loop_source_remove(&job->exit_source);
    loop_source_remove(&job->output_source);
    loop_source_remove(&job->deadline_source);
    fd_close(&job->output_fd);
    fd_close(&job->pidfd);
    free(job);
}

static void job_kill(const struct symbolise_job *job)
{
    syscall(SYS_pidfd_send_signal, job->pidfd, SIGKILL, NULL, 0); // ESRCH: gone already
}

// The child works on hostile input, so its words are escaped here, line by line.
static size_t escape_lines(char *out, size_t out_bytes, const char *text, size_t text_bytes)
{
    size_t used = 0;

    while (text_bytes > 0 && used + LINE_BYTES + 1 < out_bytes) {
        const char *newline = memchr(text, '\n', text_bytes);
        size_t length = newline != NULL ? (size_t)(newline - text) : text_bytes;
        used += text_escape(out + used, LINE_BYTES, text, length);
        out[used++] = '\n';
        length += newline != NULL;
        text += length;
        text_bytes -= length;
    }
    out[used] = '\0';
    return used;
}

static void job_describe_failure(const struct symbolise_job *job, char *out, size_t out_bytes)
{
    if (job->is_late)
        snprintf(out, out_bytes, "no backtrace: symbolising took more than %d s\n", DEADLINE_MS / 1000);
    else if (job->end.si_code != CLD_EXITED)
        snprintf(out, out_bytes, "no backtrace: the symboliser was ended by %s\n",
                 crash_signal_name(job->end.si_status));
    else
        snprintf(out, out_bytes, "no backtrace: the symboliser failed with code %d\n", job->end.si_status);
}

// Calls back once both the output has ended and the child was reaped.
static int job_finish_if_done(struct symbolise_job *job)
{
    if (!job->has_exited || job->output_source != NULL)
        return 0;
    size_t out_bytes = 2 * job->used + 8 * LINE_BYTES; // honest text hardly grows by escaping
    char *out = malloc(out_bytes);
    if (out != NULL) {
        size_t used = escape_lines(out, out_bytes - LINE_BYTES, job->text, job->used);
        if (job->is_late || job->end.si_code != CLD_EXITED || job->end.si_status != 0 || used == 0)
            job_describe_failure(job, out + used, out_bytes - used);
    }
    job->fn(job, out != NULL ? out : "no backtrace: out of memory\n", job->userdata);
    free(out);
    job_free(job);
    return 0;
}

static int on_output(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct symbolise_job *job = userdata;
    char rest[4096]; // what is over the limit is read and forgotten, so that the child can end
    bool is_full = job->used == sizeof job->text;

    (void)source, (void)events;
    ssize_t n = read(fd, is_full ? rest : job->text + job->used, is_full ? sizeof rest : sizeof job->text - job->used);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n > 0) {
        job->used += is_full ? 0 : (size_t)n;
        return 0;
    }
    loop_source_remove(&job->output_source);
    return job_finish_if_done(job);
}

static int on_exit_event(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct symbolise_job *job = userdata;

    (void)source, (void)events;
    // ECHILD cannot be told from a clean end; the text decides then.
    if (waitid(P_PIDFD, (id_t)fd, &job->end, WEXITED | WNOHANG) < 0)
        job->end.si_code = CLD_EXITED;
    else if (job->end.si_pid == 0)
        return 0;
    job->has_exited = true;
    loop_source_remove(&job->exit_source);
    return job_finish_if_done(job);
}

static int on_deadline(struct loop_source *source, void *userdata)
{
    struct symbolise_job *job = userdata;

    (void)source;
    job->is_late = true;
    job_kill(job);
    return 0;
}

static int make_input(const struct crash_record *record, const struct symbolise_module *modules, size_t module_count,
                      int *ret_fd)
{
    struct symbolise_input *input = calloc(1, sizeof *input);
    _fd_cleanup_ int fd = memfd_create("bulkhead-crash", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : -ENOMEM;

    if (input != NULL && fd >= 0) {
        input->module_count = module_count < LIMIT_MODULES ? (uint32_t)module_count : LIMIT_MODULES;
        input->record = *record;
        if (input->module_count > 0)
            memcpy(input->modules, modules, input->module_count * sizeof *modules);
        r = fd_write_all(fd, input, sizeof *input);
        lseek(fd, 0, SEEK_SET);
    }
    free(input);
    if (r == 0)
        *ret_fd = fd_steal(&fd);
    return r;
}

// An empty environment: libdw would otherwise ask the servers in DEBUGINFOD_URLS for debug data.
static int spawn_child(int input_fd, int output_fd, pid_t *ret_pid)
{
    char *arguments[] = {(char[]){"bulkhead"}, (char[]){SYMBOLISE_ARGUMENT}, NULL}, *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -ENOMEM;
    }
    int r = posix_spawn_file_actions_adddup2(&actions, input_fd, STDIN_FILENO);
    r = r != 0 ? r : posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    r = r != 0 ? r : posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawnattr_setsigmask(&attributes, &none); // the broker's signals are blocked for its signalfd
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    r = r != 0 ? r : posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int job_start_child(struct symbolise_job *job, int input_fd)
{
    int output[2];
    pid_t pid = 0;

    if (pipe2(output, O_CLOEXEC) < 0)
        return -errno;
    job->output_fd = output[0];
    int r = spawn_child(input_fd, output[1], &pid);
    fd_close(&output[1]);
    if (r < 0)
        return r;
    job->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (job->pidfd >= 0)
        return fd_set_nonblocking(job->output_fd, 1);
    r = -errno;
    kill(pid, SIGKILL); // not reaped yet, so the number is still its own
    waitpid(pid, NULL, 0);
    return r;
}

static int job_watch(struct symbolise_job *job)
{
    int r = loop_add_fd(job->loop, job->output_fd, EPOLLIN, on_output, job, &job->output_source);

    r = r < 0 ? r : loop_add_fd(job->loop, job->pidfd, EPOLLIN, on_exit_event, job, &job->exit_source);
    r = r < 0 ? r : loop_add_timer(job->loop, on_deadline, job, &job->deadline_source);
    return r < 0 ? r : loop_timer_set(job->deadline_source, clock_now_ms() + DEADLINE_MS);
}

int symbolise_start(struct loop *loop, const struct crash_record *record, const struct symbolise_module *modules,
                    size_t module_count, symbolise_fn fn, void *userdata, struct symbolise_job **ret_job)
{
    _fd_cleanup_ int input_fd = -1;
    struct symbolise_job *job = calloc(1, sizeof *job);

    if (job == NULL)
        return -ENOMEM;
    *job = (struct symbolise_job){.loop = loop, .fn = fn, .userdata = userdata, .pidfd = -1, .output_fd = -1};
    int r = make_input(record, modules, module_count, &input_fd);
    r = r < 0 ? r : job_start_child(job, input_fd);
    r = r < 0 ? r : job_watch(job);
    if (r < 0) {
        symbolise_cancel(job);
        return r;
    }
    *ret_job = job;
    return 0;
}

void symbolise_cancel(struct symbolise_job *job)
{
    if (job == NULL)
        return;
    if (job->pidfd >= 0 && !job->has_exited) {
        siginfo_t end;
        job_kill(job);
        while (waitid(P_PIDFD, (id_t)job->pidfd, &end, WEXITED) < 0 && errno == EINTR)
            ;
    }
    job_free(job);
}
