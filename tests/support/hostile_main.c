/* hostile-renderer: stands where bulkhead-renderer stands, and is not to be trusted. What it does wrong as a zygote is
 * in the high byte of --without (hostile.h), what its renderers do wrong in the document they are given. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/fd.h"
#include "renderer/cell/clone_sibling.h"
#include "tests/support/hostile.h"

enum { ZYGOTE_FD = 3, FORK_FDS = 4 };

struct zygote {
    struct attacker voice;
    enum hostile_zygote vice;
    pid_t first_pid;
};

/* A child of the broker that did not come from here. */
static pid_t find_stranger(void)
{
    char path[64];
    int pid = 0, stranger = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getppid(), (int)getppid());
    FILE *file = fopen(path, "r");
    while (file != NULL && stranger == 0 && fscanf(file, "%d", &pid) == 1)
        stranger = getpgid(pid) != getpgrp() ? pid : 0;
    if (file != NULL)
        fclose(file);
    return stranger;
}

static void live_as_renderer(const struct zygote *zygote, uint32_t id, int fds[FORK_FDS])
{
    struct attacker self;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(fds[2], STDOUT_FILENO);
    dup2(fds[3], STDERR_FILENO);
    close(ZYGOTE_FD);
    hostile_init(&self, fds[0]);
    self.id = id;
    self.record = mmap(NULL, CRASH_RECORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds[1], 0);
    if (zygote->vice == HOSTILE_ZYGOTE_RENDERER_SILENT)
        attacker_sleep();
    if (zygote->vice == HOSTILE_ZYGOTE_RENDERER_EXITS)
        _exit(3);
    attacker_say_hello(&self, zygote->vice == HOSTILE_ZYGOTE_RENDERER_WRONG_VERSION ? 99 : PROTOCOL_VERSION,
                       zygote->vice == HOSTILE_ZYGOTE_RENDERER_WRONG_ID ? id + 1 : id, 0);
    if (zygote->vice == HOSTILE_ZYGOTE_RENDERER_DIES_AFTER_HELLO)
        _exit(4);
    hostile_live(&self);
}

static void say_forked(struct zygote *zygote, uint32_t id, pid_t pid, int error)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Forked forked = BULKHEAD__FORKED__INIT;
    forked.renderer_id = id;
    forked.pid = pid;
    forked.error = error;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_FORKED;
    envelope.forked = &forked;
    attacker_say(&zygote->voice, &envelope);
}

static pid_t fork_grandchild(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        alarm(HOSTILE_LIFE_S);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        attacker_sleep();
    }
    return pid;
}

static void greet_for(uint32_t id, int fds[FORK_FDS])
{
    struct attacker voice;
    hostile_init(&voice, fd_steal(&fds[0]));
    attacker_say_hello(&voice, PROTOCOL_VERSION, id, 0);
}

/* Goes on in the name of a renderer that ended; bounded by the life of this process. */
static void talk_for_the_dead(int fd)
{
    struct attacker voice;
    hostile_init(&voice, fd);
    for (int i = 0; i < 1000 * 1000; i++)
        if (!attacker_say_log(&voice, "boo", 3))
            break;
}

/* Whether this zygote answers without forking at all. */
static bool lie(struct zygote *zygote, uint32_t id, int fds[FORK_FDS])
{
    switch (zygote->vice) {
    case HOSTILE_ZYGOTE_DIES_INSTEAD_OF_FORKING:
        _exit(5);
    case HOSTILE_ZYGOTE_NEVER_FORKS:
        return true;
    case HOSTILE_ZYGOTE_GREETS_FOR_IT:
        greet_for(id, fds);
        return true;
    case HOSTILE_ZYGOTE_FORK_FAILS:
        say_forked(zygote, id, 0, EAGAIN);
        return true;
    case HOSTILE_ZYGOTE_FORKED_ONE:
        say_forked(zygote, id, 1, 0);
        return true;
    case HOSTILE_ZYGOTE_FORKED_BROKER:
        say_forked(zygote, id, getppid(), 0);
        return true;
    case HOSTILE_ZYGOTE_FORKED_ITSELF:
        say_forked(zygote, id, getpid(), 0);
        return true;
    case HOSTILE_ZYGOTE_FORKED_GRANDCHILD:
        say_forked(zygote, id, fork_grandchild(), 0);
        return true;
    case HOSTILE_ZYGOTE_FORKED_STRANGER:
        say_forked(zygote, id, find_stranger(), 0);
        return true;
    default:
        return false;
    }
}

static void answer_fork(struct zygote *zygote, uint32_t id, int fds[FORK_FDS])
{
    enum hostile_zygote vice = zygote->vice;
    if (lie(zygote, id, fds))
        return;
    pid_t pid = clone_sibling();
    if (pid == 0)
        live_as_renderer(zygote, id, fds);
    if (zygote->first_pid == 0)
        zygote->first_pid = pid;
    say_forked(zygote, vice == HOSTILE_ZYGOTE_FORKED_UNASKED ? id + 1000 : id,
               vice == HOSTILE_ZYGOTE_FORKED_TWIN ? zygote->first_pid : pid, 0);
    if (vice == HOSTILE_ZYGOTE_FORKED_THEN_FAILED)
        say_forked(zygote, id, 0, ENOMEM);
    if (vice == HOSTILE_ZYGOTE_TALKS_FOR_THE_DEAD)
        talk_for_the_dead(fd_steal(&fds[0]));
}

static void serve(struct zygote *zygote)
{
    for (;;) {
        struct channel_message *message = hostile_hear(&zygote->voice, -1);
        if (message == NULL)
            return;
        if (message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN)
            return;
        if (message->to_renderer->message_case != BULKHEAD__TO_RENDERER__MESSAGE_FORK)
            continue;
        int fds[FORK_FDS];
        for (size_t i = 0; i < FORK_FDS; i++)
            fds[i] = channel_message_take_fd(message, i);
        answer_fork(zygote, message->to_renderer->fork->renderer_id, fds);
        if (zygote->vice == HOSTILE_ZYGOTE_NEVER_FORKS)
            continue; /* and keeps the fds */
        fd_close_many(fds, FORK_FDS);
    }
}

static int32_t init_pid_of(enum hostile_zygote vice)
{
    switch (vice) {
    case HOSTILE_ZYGOTE_INIT_IS_ONE:
        return 1;
    case HOSTILE_ZYGOTE_INIT_IS_BROKER:
        return getppid();
    case HOSTILE_ZYGOTE_INIT_IS_ITSELF:
        return getpid();
    case HOSTILE_ZYGOTE_INIT_IS_STRANGER:
        return find_stranger();
    default:
        return 0;
    }
}

int main(int argc, char **argv)
{
    static struct zygote zygote;
    unsigned long without = 0;
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], "--without=", 10) == 0)
            without = strtoul(argv[i] + 10, NULL, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    zygote.vice = (enum hostile_zygote)(without >> HOSTILE_ZYGOTE_SHIFT);
    hostile_init(&zygote.voice, ZYGOTE_FD);
    if (zygote.vice == HOSTILE_ZYGOTE_SAYS_NOTHING)
        attacker_sleep();
    if (zygote.vice == HOSTILE_ZYGOTE_DIES_AT_ONCE)
        _exit(6);
    attacker_say_hello(&zygote.voice, zygote.vice == HOSTILE_ZYGOTE_WRONG_VERSION ? 0 : PROTOCOL_VERSION,
                       zygote.vice == HOSTILE_ZYGOTE_WRONG_ID ? 7 : 0, init_pid_of(zygote.vice));
    if (zygote.vice == HOSTILE_ZYGOTE_HELLO_TWICE)
        attacker_say_hello(&zygote.voice, PROTOCOL_VERSION, 0, 0);
    if (zygote.vice == HOSTILE_ZYGOTE_LOGS)
        attacker_say_log(&zygote.voice, "hello", 5);
    if (zygote.vice == HOSTILE_ZYGOTE_DIES_AFTER_HELLO)
        _exit(7);
    for (int i = 0; zygote.vice == HOSTILE_ZYGOTE_FLOODS && i < 1000 * 1000; i++)
        say_forked(&zygote, 12345, 0, 1);
    serve(&zygote);
    return 0;
}
