/* one_loop.c - one epoll loop over everything: a pipe, a socket, a signalfd, a timerfd, an eventfd, a POSIX queue. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "demo/lab/entry.h"

enum source { SOURCE_PIPE, SOURCE_SOCKET, SOURCE_SIGNAL, SOURCE_TIMER, SOURCE_EVENT, SOURCE_QUEUE, SOURCES };
enum { LOOP_MS = 5000, QUEUE_BYTES = 64 };

struct loop {
    int epoll;
    int fds[SOURCES];        // what the loop watches
    int pipe_in, socket_in;  // the other ends
    unsigned heard[SOURCES]; // how often each was read
};

/* How each is made to speak, and how it is read: 0, or -1 with errno. */
static int speak_pipe(struct loop *loop)
{
    return write(loop->pipe_in, "pipe", 4) == 4 ? 0 : -1;
}

static int speak_socket(struct loop *loop)
{
    return send(loop->socket_in, "socket", 6, MSG_NOSIGNAL) == 6 ? 0 : -1;
}

static int speak_signal(struct loop *loop)
{
    (void)loop;
    return kill(getpid(), SIGUSR2);
}

static int speak_timer(struct loop *loop)
{
    const struct itimerspec soon = {.it_value.tv_nsec = 1000000};

    return timerfd_settime(loop->fds[SOURCE_TIMER], 0, &soon, NULL);
}

static int speak_event(struct loop *loop)
{
    return eventfd_write(loop->fds[SOURCE_EVENT], 7);
}

static int speak_queue(struct loop *loop)
{
    return mq_send(loop->fds[SOURCE_QUEUE], "queue", 5, 0);
}

static bool hear_bytes(int fd)
{
    char bytes[16];

    return read(fd, bytes, sizeof(bytes)) > 0;
}

static bool hear_signal(int fd)
{
    struct signalfd_siginfo info;

    return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info) && info.ssi_signo == SIGUSR2;
}

static bool hear_count(int fd)
{
    uint64_t count;

    return read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count) && count > 0;
}

static bool hear_queue(int fd)
{
    char bytes[QUEUE_BYTES];

    return mq_receive(fd, bytes, sizeof(bytes), NULL) == 5;
}

static const struct {
    const char *name;
    int (*speak)(struct loop *loop);
    bool (*hear)(int fd);
} sources[SOURCES] = {
    [SOURCE_PIPE] = {"pipe", speak_pipe, hear_bytes},
    [SOURCE_SOCKET] = {"socket", speak_socket, hear_bytes},
    [SOURCE_SIGNAL] = {"signalfd", speak_signal, hear_signal},
    [SOURCE_TIMER] = {"timerfd", speak_timer, hear_count},
    [SOURCE_EVENT] = {"eventfd", speak_event, hear_count},
    [SOURCE_QUEUE] = {"POSIX queue", speak_queue, hear_queue},
};

static int open_queue(void)
{
    struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = QUEUE_BYTES};
    char name[64];

    snprintf(name, sizeof(name), "/bulkhead-lab-%d-loop", (int)getpid());
    int queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NONBLOCK, 0600, &attributes);
    if (queue >= 0)
        mq_unlink(name);
    return queue;
}

static void open_sources(struct loop *loop, const sigset_t *signals)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        loop->fds[SOURCE_PIPE] = ends[0];
        loop->pipe_in = ends[1];
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0) {
        loop->fds[SOURCE_SOCKET] = ends[0];
        loop->socket_in = ends[1];
    }
    loop->fds[SOURCE_SIGNAL] = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    loop->fds[SOURCE_TIMER] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    loop->fds[SOURCE_EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    loop->fds[SOURCE_QUEUE] = open_queue();
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
}

/* Watches all that are there. How many. */
static int watch_sources(struct lab_stage *stage, struct loop *loop)
{
    int count = 0;

    for (int i = 0; i < SOURCES; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        if (loop->fds[i] >= 0 && epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->fds[i], &event) == 0)
            count++;
        else if (i == SOURCE_QUEUE)
            lab_skip(stage, "no POSIX queue to be had here (fs.mqueue.queues_max, or RLIMIT_MSGQUEUE)");
        else
            lab_claim(stage, false, "%s: %s", sources[i].name, strerror(errno));
    }
    return count;
}

/* One turn after the other until `wanted` have been read, or time is up. */
static int turn(struct loop *loop, int wanted)
{
    uint64_t deadline_ms = clock_now_ms() + LOOP_MS;
    struct epoll_event events[SOURCES];
    int heard = 0;

    while (heard < wanted && clock_now_ms() < deadline_ms) {
        int count = epoll_wait(loop->epoll, events, SOURCES, LOOP_MS);
        for (int i = 0; i < count; i++) {
            uint32_t source = events[i].data.u32;
            if (sources[source].hear(loop->fds[source])) {
                loop->heard[source]++;
                heard++;
            }
        }
    }
    return heard;
}

static void show_all(struct lab_stage *stage, struct loop *loop, int count)
{
    for (int i = 0; i < SOURCES; i++)
        if (loop->fds[i] >= 0 && sources[i].speak(loop) < 0)
            lab_claim(stage, false, "%s: %s", sources[i].name, strerror(errno));
    int heard = turn(loop, count);
    for (int i = 0; i < SOURCES; i++)
        if (loop->fds[i] >= 0)
            lab_claim(stage, loop->heard[i] == 1, "the %s was heard, once", sources[i].name);
    struct epoll_event event;
    lab_claim(stage, heard == count && epoll_wait(loop->epoll, &event, 1, 0) == 0,
              "%d sources, one loop, one thread; now it sleeps until something comes", count);
}

static void show_unread_source(struct lab_stage *stage, struct loop *loop)
{
    enum { TURNS = 1000 };
    struct epoll_event event;
    int woken = 0;

    lab_pitfall(stage, "Level-triggered: a source that is reported and not read is reported again, without end.");
    sources[SOURCE_EVENT].speak(loop);
    for (int i = 0; i < TURNS; i++)
        woken += epoll_wait(loop->epoll, &event, 1, 0) == 1;
    lab_claim(stage, woken == TURNS, "one unread eventfd: %d turns, %d wake-ups for nothing", TURNS, woken);
    lab_claim(stage, turn(loop, 1) == 1 && epoll_wait(loop->epoll, &event, 1, 0) == 0, "read, the loop is quiet");
}

static void show_edge(struct lab_stage *stage, struct loop *loop)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u32 = SOURCE_SOCKET};

    epoll_ctl(loop->epoll, EPOLL_CTL_MOD, loop->fds[SOURCE_SOCKET], &event);
    lab_pitfall(stage, "Edge-triggered (EPOLLET): what is left unread is not reported again.");
    speak_socket(loop);
    speak_socket(loop);
    bool is_told = epoll_wait(loop->epoll, &event, 1, 1000) == 1 && hear_bytes(loop->fds[SOURCE_SOCKET]);
    lab_claim(stage, is_told && epoll_wait(loop->epoll, &event, 1, 0) == 0,
              "two messages, one read: the second is there, and the loop would sleep on it");
    int left = 0;
    while (hear_bytes(loop->fds[SOURCE_SOCKET]))
        left++;
    lab_claim(stage, left == 1 && errno == EAGAIN, "so with EPOLLET one reads until EAGAIN: the other one is found");
}

static void show(struct lab_stage *stage)
{
    struct loop loop = {.epoll = -1, .fds = {-1, -1, -1, -1, -1, -1}, .pipe_in = -1, .socket_in = -1};
    sigset_t signals, old;

    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR2);
    sigprocmask(SIG_BLOCK, &signals, &old);
    lab_say(stage, "On Linux all of these are descriptors, so that one epoll_wait() waits for all of them.");
    open_sources(&loop, &signals);
    int count = watch_sources(stage, &loop);
    if (lab_claim(stage, count >= SOURCES - 1, "%d sources are watched", count)) {
        show_all(stage, &loop, count);
        show_unread_source(stage, &loop);
        show_edge(stage, &loop);
    }
    fd_close_many(loop.fds, SOURCES);
    fd_close(&loop.pipe_in);
    fd_close(&loop.socket_in);
    fd_close(&loop.epoll);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

LAB_ENTRY(entry, .name = "one-loop", .family = "multiplexing",
          .summary = "one epoll loop over six kinds of descriptors",
          .pitfall = "a source that is not read wakes the loop for ever; with EPOLLET it is never told again",
          .show = show);
