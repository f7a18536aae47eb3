/* graceful_shutdown.c - SIGTERM taken well: no new work, what runs is finished within a deadline, state saved, exit. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/pair.h"

enum { JOB_MS = 20, DEADLINE_MS = 2000, JOBS_BEFORE = 5 };

/* A server: each message on its socket is a job, answered when it is done. */
struct server {
    int jobs; // its end of a seqpacket socket
    const char *state_path;
    unsigned done, refused;
};

static int save_state(const struct server *server)
{
    char temporary[160], text[64];
    int length = snprintf(text, sizeof(text), "done %u refused %u\n", server->done, server->refused);

    snprintf(temporary, sizeof(temporary), "%s.new", server->state_path);
    _fd_cleanup_ int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || fd_write_all(fd, text, (size_t)length) < 0 || fsync(fd) < 0)
        return 1;
    return rename(temporary, server->state_path) == 0 ? 0 : 1;
}

/* Does what waits: works before the end of the job is due, refuses afterwards. */
static void take_jobs(struct server *server, int shutdown_fd, uint64_t deadline_ms)
{
    char job[16];

    while (recv(server->jobs, job, sizeof(job), MSG_DONTWAIT) > 0) {
        bool in_time = deadline_ms == 0 || clock_now_ms() < deadline_ms;
        if (in_time)
            poll(NULL, 0, JOB_MS); /* the work */
        server->done += in_time;
        server->refused += !in_time;
        (void)!send(server->jobs, in_time ? "done" : "late", 4, MSG_NOSIGNAL);
        if (deadline_ms == 0) {
            struct pollfd wanted = {.fd = shutdown_fd, .events = POLLIN};
            if (poll(&wanted, 1, 0) > 0)
                return;
        }
    }
}

static int serve(void *userdata)
{
    struct server *server = userdata;
    sigset_t term;

    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    int signal_fd = signalfd(-1, &term, SFD_CLOEXEC);
    (void)!send(server->jobs, "up", 2, MSG_NOSIGNAL);
    for (;;) {
        struct pollfd sources[] = {{.fd = signal_fd, .events = POLLIN}, {.fd = server->jobs, .events = POLLIN}};
        if (poll(sources, 2, 10000) <= 0)
            return 2;
        if (sources[0].revents)
            break;
        take_jobs(server, signal_fd, 0);
    }
    shutdown(server->jobs,
             SHUT_RD); /* no new work: the sender's next send says EPIPE; what is queued can still be read */
    take_jobs(server, signal_fd, clock_now_ms() + DEADLINE_MS);
    return save_state(server);
}

static unsigned count_answers(int fd, const char *answer)
{
    char text[16];
    unsigned count = 0;
    ssize_t length;

    while ((length = recv(fd, text, sizeof(text), MSG_DONTWAIT)) > 0)
        count += (size_t)length == strlen(answer) && memcmp(text, answer, (size_t)length) == 0;
    return count;
}

static void show(struct lab_stage *stage)
{
    char path[128], saved[64] = {0}, text[16];
    struct server server = {.state_path = path};
    int sockets[2];

    snprintf(path, sizeof(path), "%s/state", lab_stage_directory(stage));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        lab_claim(stage, false, "socketpair: %s", strerror(errno));
        return;
    }
    server.jobs = sockets[1];
    pid_t pid = lab_fork(stage, serve, &server);
    fd_close(&sockets[1]);
    (void)!recv(sockets[0], text, sizeof(text), 0); /* it is up */
    for (int i = 0; i < JOBS_BEFORE; i++)
        (void)!send(sockets[0], "job", 3, MSG_NOSIGNAL);
    kill(pid, SIGTERM);
    lab_say(stage, "Five jobs are queued, then SIGTERM comes.");
    int status = lab_wait_child(pid, DEADLINE_MS + 5000);
    lab_claim(stage, status == 0, "the server ended by itself, exit code 0");
    unsigned answered = count_answers(sockets[0], "done");
    lab_claim(stage, answered == JOBS_BEFORE, "every job taken before the signal was finished: %u answers", answered);
    lab_claim(stage, send(sockets[0], "job", 3, MSG_NOSIGNAL) < 0 && errno == EPIPE, "new work was refused: EPIPE");
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    (void)!read(fd, saved, sizeof(saved) - 1);
    lab_claim(stage, strcmp(saved, "done 5 refused 0\n") == 0, "its state was saved, whole, under its name: %.*s",
              (int)strcspn(saved, "\n"), saved);
    lab_pitfall(stage,
                "A server that exits in its handler drops what it was doing; one that only drains may never end.");
    fd_close(&sockets[0]);
    unlink(path);
}

LAB_ENTRY(entry, .name = "graceful-shutdown", .family = "signals",
          .summary = "no new work, drain with a deadline, save, exit",
          .pitfall = "leaving at once loses work; draining without a deadline may last for ever", .show = show);
