#include "demo/lab/command_pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "demo/lab/stage.h"

int command_pipeline_parse(char **words, size_t word_count, struct command commands[COMMAND_PIPELINE_MAX])
{
    int count = 0;
    size_t first = 0;

    for (size_t i = 0; i <= word_count; i++) {
        if (i < word_count && strcmp(words[i], "|") != 0)
            continue;
        if (i == first || count == COMMAND_PIPELINE_MAX)
            return -EINVAL;
        words[i] = NULL; /* argv ends with NULL anyhow */
        commands[count++] = (struct command){.argv = words + first, .pid = -1};
        first = i + 1;
    }
    return count;
}

/* The lab ignores SIGPIPE, and what is ignored stays so through exec: a writer would never learn that nobody reads. */
static int spawn(struct command *command, int in, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults, none;
    int error;

    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    /* Ours are close-on-exec; this is for what we were started with. */
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    error = posix_spawnp(&command->pid, command->argv[0], &actions, &attributes, command->argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (error != 0)
        command->pid = -1;
    command->outcome = -error;
    return -error;
}

/* Every pipe is close-on-exec, so that a command has only the two ends that were put at 0 and 1; ours are closed as
 * soon as the command that needs them runs. */
int command_pipeline_start(struct command *commands, size_t count, int input, int *ret_output)
{
    _fd_cleanup_ int in = input >= 0 ? fcntl(input, F_DUPFD_CLOEXEC, 3) : open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (in < 0)
        return -errno;
    for (size_t i = 0; i < count; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0) {
            int error = -errno;
            command_pipeline_wait(commands, i, 0);
            return error;
        }
        spawn(&commands[i], in, ends[1]);
        fd_close(&ends[1]);
        fd_close(&in);
        in = ends[0];
    }
    *ret_output = fd_steal(&in);
    return 0;
}

void command_pipeline_wait(struct command *commands, size_t count, int timeout_ms)
{
    uint64_t deadline_ms = clock_now_ms() + (uint64_t)timeout_ms;

    for (size_t i = 0; i < count; i++) {
        uint64_t now_ms = clock_now_ms();
        if (commands[i].pid < 0)
            continue;
        commands[i].outcome = lab_wait_child(commands[i].pid, now_ms < deadline_ms ? (int)(deadline_ms - now_ms) : 0);
        commands[i].pid = -1;
    }
}

ssize_t command_pipeline_read(int output, char *out, size_t out_bytes, int timeout_ms)
{
    uint64_t deadline_ms = clock_now_ms() + (uint64_t)timeout_ms;
    size_t length = 0;

    while (length < out_bytes - 1) {
        struct pollfd readable = {.fd = output, .events = POLLIN};
        uint64_t now_ms = clock_now_ms();
        if (now_ms >= deadline_ms || poll(&readable, 1, (int)(deadline_ms - now_ms)) == 0)
            return -ETIMEDOUT;
        ssize_t got = read(output, out + length, out_bytes - 1 - length);
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        length += got > 0 ? (size_t)got : 0;
    }
    out[length] = '\0';
    return (ssize_t)length;
}
