#include "tests/support/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/fd.h"

enum { OUTPUT_LIMIT = 64 * 1024 * 1024 };

struct stream {
    int fd;
    char *data;
    size_t used, capacity;
};

static void resolve(const char *name, char *out, size_t out_bytes)
{
    const char *build = getenv("BULKHEAD_BUILD");
    if (strchr(name, '/') != NULL || strncmp(name, "bulkhead", 8) != 0)
        snprintf(out, out_bytes, "%s", name);
    else
        snprintf(out, out_bytes, "%s/%s", build != NULL ? build : "build/release", name);
}

static void become(const char *const *argv, const struct process_options *options, int in, int out, int err)
{
    char path[4096];
    sigset_t none;
    resolve(argv[0], path, sizeof path);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    for (size_t i = 0; options != NULL && options->environment != NULL && options->environment[i] != NULL; i++)
        putenv((char *)(size_t)options->environment[i]);
    execvp(path, (char *const *)(size_t)argv);
    fprintf(stderr, "cannot run %s: %s\n", path, strerror(errno));
    _exit(127);
}

static void append(struct stream *stream)
{
    if (stream->capacity - stream->used < 65536) {
        stream->capacity = stream->capacity * 2 + 131072;
        assert_true(stream->capacity < OUTPUT_LIMIT);
        stream->data = realloc(stream->data, stream->capacity);
        assert_non_null(stream->data);
    }
    ssize_t got = read(stream->fd, stream->data + stream->used, stream->capacity - stream->used - 1);
    if (got > 0)
        stream->used += (size_t)got;
    else if (got == 0 || errno != EINTR)
        fd_close(&stream->fd);
}

static void feed(int *fd, const char *data, size_t size, size_t *done)
{
    ssize_t put = *done < size ? write(*fd, data + *done, size - *done) : 0;
    if (put > 0)
        *done += (size_t)put;
    if (put < 0 || *done >= size)
        fd_close(fd);
}

/* Until both streams end or the time is up; true in time. */
static bool pump(struct stream streams[2], int *in, const struct process_options *options, uint64_t deadline)
{
    size_t done = 0;
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        uint64_t now = clock_now_ms();
        if (now >= deadline)
            return false;
        struct pollfd fds[3] = {{streams[0].fd, POLLIN, 0}, {streams[1].fd, POLLIN, 0}, {*in, POLLOUT, 0}};
        poll(fds, 3, (int)(deadline - now));
        for (int i = 0; i < 2; i++)
            if (fds[i].revents != 0)
                append(&streams[i]);
        if (fds[2].revents != 0)
            feed(in, options->input, options->input_bytes, &done);
    }
    return true;
}

int process_wait(pid_t pid, int timeout_ms)
{
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd fd = {pidfd, POLLIN, 0};
    int status;
    bool is_late = poll(&fd, 1, timeout_ms) == 0;
    close(pidfd);
    if (is_late)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (is_late)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *finish(struct stream *stream, size_t *ret_bytes)
{
    fd_close(&stream->fd);
    if (stream->data == NULL)
        stream->data = calloc(1, 1);
    stream->data[stream->used] = '\0';
    *ret_bytes = stream->used;
    return stream->data;
}

void process_run(const char *const *argv, const struct process_options *options, struct process_result *ret_result)
{
    static const struct process_options plain = {0};
    int in[2] = {-1, -1}, out[2], err[2];
    options = options != NULL ? options : &plain;
    uint64_t deadline = clock_now_ms() + (uint64_t)(options->timeout_ms != 0 ? options->timeout_ms : 60000);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    assert_int_equal(pipe2(err, O_CLOEXEC), 0);
    if (options->input != NULL)
        assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    else
        in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int to =
        options->stdout_path != NULL ? open(options->stdout_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
    if (options->closes_stdout)
        fd_close(&out[0]);
    signal(SIGPIPE, SIG_IGN);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(argv, options, in[0], to >= 0 ? to : out[1], err[1]);
    fd_close(&in[0]);
    fd_close(&out[1]);
    fd_close(&err[1]);
    fd_close(&to);
    struct stream streams[2] = {{.fd = out[0]}, {.fd = err[0]}};
    bool in_time = pump(streams, &in[1], options, deadline);
    fd_close(&in[1]);
    uint64_t now = clock_now_ms();
    int code = process_wait(pid, in_time && now < deadline ? (int)(deadline - now) : 0);
    ret_result->timed_out = code < 0;
    ret_result->exit_code = code;
    ret_result->out = finish(&streams[0], &ret_result->out_bytes);
    ret_result->err = finish(&streams[1], &ret_result->err_bytes);
}

void process_result_free(struct process_result *result)
{
    free(result->out);
    free(result->err);
    *result = (struct process_result){0};
}

json_t *process_json(const struct process_result *result)
{
    json_error_t error;
    json_t *object = json_loads(result->out, 0, &error);
    if (object == NULL)
        fail_msg("no JSON: %s; stderr: %s", error.text, result->err);
    return object;
}

const char *process_json_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

pid_t process_start(const char *const *argv, const char *err_path, int *ret_out_fd)
{
    int out[2];
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int err = open(err_path != NULL ? err_path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(argv, NULL, in, out[1], err);
    close(in);
    close(err);
    close(out[1]);
    *ret_out_fd = out[0];
    return pid;
}

/* Parent and state of a process; false if it is gone. */
static bool read_stat(pid_t pid, pid_t *ret_parent, char *ret_state)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    const char *after_name = strrchr(text, ')');
    int parent;
    if (after_name == NULL || sscanf(after_name + 1, " %c %d", ret_state, &parent) != 2)
        return false;
    *ret_parent = parent;
    return true;
}

pid_t process_only_child(void)
{
    char path[64], text[32] = "";

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)syscall(SYS_gettid));
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

bool process_is_alive(pid_t pid)
{
    pid_t parent;
    char state;
    return read_stat(pid, &parent, &state) && state != 'Z' && state != 'X';
}

static bool is_below(pid_t pid, pid_t ancestor)
{
    char state;
    for (int depth = 0; depth < 32 && pid > 1; depth++) {
        if (!read_stat(pid, &pid, &state))
            return false;
        if (pid == ancestor)
            return true;
    }
    return false;
}

size_t process_descendants(pid_t pid, pid_t *ret_pids, size_t capacity)
{
    size_t count = 0;
    DIR *proc = opendir("/proc");
    assert_non_null(proc);
    for (struct dirent *entry; (entry = readdir(proc)) != NULL && count < capacity;) {
        pid_t candidate = atoi(entry->d_name);
        if (candidate > 1 && candidate != pid && process_is_alive(candidate) && is_below(candidate, pid))
            ret_pids[count++] = candidate;
    }
    closedir(proc);
    return count;
}

bool process_wait_until(bool (*fn)(void *userdata), void *userdata, int timeout_ms)
{
    uint64_t deadline = clock_now_ms() + (uint64_t)timeout_ms;
    while (!fn(userdata)) {
        if (clock_now_ms() >= deadline)
            return false;
        poll(NULL, 0, 5);
    }
    return true;
}
