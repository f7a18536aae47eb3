/* Attempts that take a broker apart from the one at work: one that is killed, and one whose every word is looked at. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/attack/attack_run_private.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

extern char **environ;

enum { BELOW = 64, GONE_MS = 1000, LINES_BYTES = 64 * 1024, PROGRAM_BYTES = 4096 };

struct lines {
    size_t count;
    bool has_control;
};

static bool has_control(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f)
            return true;
    return false;
}

static void on_log(enum log_level level, const char *line, void *userdata)
{
    struct lines *lines = userdata;
    (void)level;
    lines->count++;
    lines->has_control |= has_control(line, strlen(line)) || strchr(line, '\n') != NULL;
}

static int check_trace(int fd, char *why, size_t why_bytes)
{
    struct stat status;
    if (fstat(fd, &status) < 0 || status.st_size == 0) {
        snprintf(why, why_bytes, "there is no trace to look at");
        return -EIO;
    }
    size_t bytes = (size_t)status.st_size;
    char *text = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (text == MAP_FAILED)
        return -errno;
    bool is_dirty = has_control(text, bytes), has_label = memmem(text, bytes, "u001b", 5) != NULL;
    munmap(text, bytes);
    if (is_dirty || !has_label)
        snprintf(why, why_bytes, is_dirty ? "a control byte in the trace" : "the label did not reach the trace");
    return is_dirty || !has_label ? -EILSEQ : 0;
}

static int try_with_trace(const struct attack_run_options *options, int trace_fd, struct attack_result *result)
{
    struct attack_row row = *attack_list_find("wild-strings");
    struct broker_options broker = *options->broker;
    struct attack_run_options apart = {.broker = &broker, .attacker_path = options->attacker_path};
    struct attack_run *run;
    char path[64], why[256];
    snprintf(path, sizeof path, "/proc/self/fd/%d", trace_fd);
    row.check = ATTACK_CHECK_NOTHING;
    broker.trace_path = path;
    broker.handle_signals = false;
    int r = attack_run_create(&apart, &run, why, sizeof why);
    if (r == 0) {
        r = attack_run_try(run, &row, result);
        attack_run_destroy(run);
    }
    return r;
}

int attack_apart_strings(const struct attack_run_options *options, char *ret_why, size_t why_bytes)
{
    struct lines lines = {0};
    struct attack_result result;
    enum log_level level = log_get_level();
    _fd_cleanup_ int trace_fd = memfd_create("bulkhead-attack-trace", MFD_CLOEXEC);
    if (trace_fd < 0)
        return -errno;
    log_set_level(LOG_DEBUG);
    log_set_sink(on_log, &lines);
    int r = try_with_trace(options, trace_fd, &result);
    log_set_sink(NULL, NULL);
    log_set_level(level);
    if (r == 0 && (!result.holds || has_control(result.detail, strlen(result.detail)))) {
        snprintf(ret_why, why_bytes, "the title is not escaped");
        r = -EILSEQ;
    }
    if (r == 0 && (lines.has_control || lines.count == 0)) {
        snprintf(ret_why, why_bytes, lines.count == 0 ? "nothing was logged" : "a control byte in the log");
        r = -EILSEQ;
    }
    return r == 0 ? check_trace(trace_fd, ret_why, why_bytes) : r;
}

/* Parent of a process and its state, from /proc; false if there is none. */
static bool process_facts(pid_t pid, pid_t *ret_parent, char *ret_state)
{
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (got <= 0)
        return false;
    text[got] = '\0';
    const char *end = strrchr(text, ')'); /* a name may hold anything */
    int parent;
    if (end == NULL || sscanf(end + 1, " %c %d", ret_state, &parent) != 2)
        return false;
    *ret_parent = parent;
    return true;
}

static bool is_among(pid_t pid, const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* All processes below `top`; pids[0] is top itself. */
static size_t find_below(pid_t top, pid_t pids[BELOW])
{
    size_t count = 1, before = 0;
    pids[0] = top;
    while (count != before) {
        DIR *proc = opendir("/proc");
        before = count;
        for (struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
            pid_t pid = (pid_t)atoi(entry->d_name), parent;
            char state;
            if (pid > 0 && count < BELOW && !is_among(pid, pids, count) && process_facts(pid, &parent, &state) &&
                is_among(parent, pids, count))
                pids[count++] = pid;
        }
        if (proc != NULL)
            closedir(proc);
    }
    return count;
}

static size_t count_alive(const pid_t *pids, size_t count)
{
    size_t alive = 0;
    for (size_t i = 0; i < count; i++) {
        pid_t parent;
        char state = 'X';
        /* What is dead is ours to reap, as the nearest subreaper. */
        waitpid(pids[i], NULL, WNOHANG);
        if (process_facts(pids[i], &parent, &state) && state != 'Z' && state != 'X')
            alive++;
    }
    return alive;
}

static int spawn_victim(const struct attack_run_options *options, pid_t *ret_pid, int *ret_out)
{
    char program[PROGRAM_BYTES], without[32];
    char *argv[] = {program, "attack", "--hold", without, NULL};
    posix_spawn_file_actions_t actions;
    int pipe_fds[2];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0 || pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    program[length] = '\0';
    snprintf(without, sizeof without, "%u", options->broker->without);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
    int error = posix_spawn(ret_pid, program, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_fds[1]);
    *ret_out = pipe_fds[0];
    if (error != 0)
        fd_close(ret_out);
    return -error;
}

static int await_ready(struct broker *broker, int out)
{
    struct pollfd pollfd = {.fd = out, .events = POLLIN};
    uint64_t deadline = clock_now_ms() + ATTACK_DEADLINE_MS;
    char word;
    while (clock_now_ms() < deadline) {
        int r = loop_run_once(broker_loop(broker), 20);
        if (r < 0)
            return r;
        if (poll(&pollfd, 1, 0) > 0)
            return read(out, &word, 1) == 1 ? 0 : -EPIPE;
    }
    return -ETIMEDOUT;
}

static void kill_and_count(struct broker *broker, pid_t victim, struct attack_result *result)
{
    pid_t pids[BELOW];
    size_t count = find_below(victim, pids), alive = count;
    uint64_t killed = clock_now_ms();
    kill(victim, SIGKILL);
    while (alive > 0 && clock_now_ms() < killed + GONE_MS) {
        loop_run_once(broker_loop(broker), 5);
        alive = count_alive(pids, count);
    }
    /* zygote, init, two neighbours, the attacker and the broker itself */
    enum { LEAST = 4 };
    result->holds = alive == 0 && count >= LEAST;
    result->outcome = alive == 0 ? ATTACK_ORPHANED : ATTACK_SUCCEEDED;
    snprintf(result->detail, sizeof result->detail, alive == 0 ? "%zu processes gone within %d ms" : "%zu are left",
             alive == 0 ? count : alive, (int)(clock_now_ms() - killed));
    if (!result->holds)
        snprintf(result->why_not, sizeof result->why_not,
                 alive == 0 ? "there was hardly anybody" : "somebody outlived it");
    for (size_t i = 0; alive > 0 && i < count; i++)
        kill(pids[i], SIGKILL);
}

int attack_apart_broker_killed(struct broker *broker, const struct attack_run_options *options,
                               struct attack_result *result)
{
    _fd_cleanup_ int out = -1;
    pid_t victim = -1;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int r = spawn_victim(options, &victim, &out);
    if (r == 0)
        r = await_ready(broker, out);
    if (r == 0) {
        result->layer = result->expected->layer;
        kill_and_count(broker, victim, result);
    } else {
        snprintf(result->why_not, sizeof result->why_not, "no second broker: %s", strerror(-r));
        if (victim > 0) {
            kill(victim, SIGKILL);
            waitpid(victim, NULL, 0);
        }
    }
    prctl(PR_SET_CHILD_SUBREAPER, 0);
    return r == -EINTR ? r : 0;
}
