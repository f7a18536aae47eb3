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
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "demo/lab/entry.h"

enum manner {
    LEAVES_AT_ONCE,    /* what a signal does by itself */
    DRAINS_WHAT_COMES, /* goes on until there is nothing left to do */
    SHUTS_DOWN,        /* takes no new work, and has a deadline */
};

/* A server: each message on its socket is a job, answered when it is done. */
struct server {
    enum manner manner;
    int jobs; // its end of a seqpacket socket
    int job_ms, deadline_ms;
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
            poll(NULL, 0, server->job_ms); /* the work */
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

/* The sender's next send says EPIPE; what is queued can still be read. */
static int shut_down(struct server *server, int signal_fd)
{
    bool takes_new = server->manner == DRAINS_WHAT_COMES;

    if (!takes_new)
        shutdown(server->jobs, SHUT_RD);
    take_jobs(server, signal_fd, takes_new ? UINT64_MAX : clock_now_ms() + (uint64_t)server->deadline_ms);
    return save_state(server);
}

static int serve(void *userdata)
{
    struct server *server = userdata;
    sigset_t term;

    signal(SIGTERM, SIG_DFL);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(server->manner == LEAVES_AT_ONCE ? SIG_UNBLOCK : SIG_BLOCK, &term, NULL);
    int signal_fd = signalfd(-1, &term, SFD_CLOEXEC);
    (void)!send(server->jobs, "up", 2, MSG_NOSIGNAL);
    for (;;) {
        struct pollfd sources[] = {{.fd = signal_fd, .events = POLLIN}, {.fd = server->jobs, .events = POLLIN}};
        if (poll(sources, 2, 10000) <= 0)
            return 2;
        if (sources[0].revents)
            return shut_down(server, signal_fd);
        take_jobs(server, signal_fd, 0);
    }
}

/* Its client: how much it asks for, and what came of it. */
struct client {
    unsigned jobs;     // sent before the signal
    bool goes_on;      // sends another one for every answer, after it as well
    unsigned patience; // answers after which it has seen enough; 0: to the end
    unsigned sent, done, late;
    bool is_refused;  // a send said EPIPE
    bool is_still_up; // the server, when patience ended
    int status;       // of the server's process
    char saved[64];   // the state it left
};

static void send_job(struct client *client, int socket)
{
    if (send(socket, "job", 3, MSG_NOSIGNAL) == 3)
        client->sent++;
    else
        client->is_refused = errno == EPIPE;
}

static void take_answers(struct client *client, int socket)
{
    struct pollfd answers = {.fd = socket, .events = POLLIN};
    char text[16];

    while (poll(&answers, 1, 10000) == 1) {
        ssize_t length = recv(socket, text, sizeof(text), MSG_DONTWAIT);
        if (length < 0 && errno == ECONNRESET)
            continue; /* it died with jobs unread: what it had answered comes after this */
        if (length != 4)
            return;
        client->done += memcmp(text, "done", 4) == 0;
        client->late += memcmp(text, "late", 4) == 0;
        if (client->goes_on && !client->is_refused)
            send_job(client, socket);
        if (client->patience > 0 && client->done >= client->patience)
            return;
    }
}

static void run(struct lab_stage *stage, enum manner manner, int job_ms, int deadline_ms, struct client *client)
{
    char path[128], text[16];
    struct server server = {.manner = manner, .job_ms = job_ms, .deadline_ms = deadline_ms, .state_path = path};
    int sockets[2];

    snprintf(path, sizeof(path), "%s/state", lab_stage_directory(stage));
    client->status = -EIO;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return;
    server.jobs = sockets[1];
    pid_t pid = lab_fork(stage, serve, &server);
    fd_close(&sockets[1]);
    if (pid > 0 && recv(sockets[0], text, sizeof(text), 0) == 2) { /* it is up */
        for (unsigned i = 0; i < client->jobs; i++)
            send_job(client, sockets[0]);
        kill(pid, SIGTERM);
        take_answers(client, sockets[0]);
        if (client->patience > 0) {
            client->is_still_up = waitpid(pid, NULL, WNOHANG) == 0;
            kill(pid, SIGKILL);
        }
        client->status = lab_wait_child(pid, 10000);
        if (!client->is_refused)
            send_job(client, sockets[0]);
    }
    fd_close(&sockets[0]);
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!read(fd, client->saved, sizeof(client->saved) - 1);
    unlink(path);
}

/* What is saved is what was answered. */
static bool is_saved(const struct client *client)
{
    char expected[64];

    snprintf(expected, sizeof(expected), "done %u refused %u\n", client->done, client->late);
    return strcmp(client->saved, expected) == 0;
}

static void show_leaving(struct lab_stage *stage)
{
    struct client client = {.jobs = 5};

    lab_pitfall(stage, "Left to itself the signal ends the server in the middle of its work.");
    run(stage, LEAVES_AT_ONCE, 1000, 0, &client);
    lab_claim(stage, client.status == 128 + SIGTERM && client.done < 5 && client.saved[0] == '\0',
              "five jobs were queued: %u done, the others lost without a word, no state saved", client.done);
}

static void show_draining(struct lab_stage *stage)
{
    struct client client = {.jobs = 100, .goes_on = true, .patience = 200};

    lab_pitfall(stage, "A server that finishes all there is, and goes on taking new work, may never end.");
    run(stage, DRAINS_WHAT_COMES, 2, 0, &client);
    lab_claim(stage, client.is_still_up && client.done == 200,
              "100 jobs were queued when the signal came; %u done it is still at it: killed", client.done);
}

static void show_shutdown(struct lab_stage *stage)
{
    struct client client = {.jobs = 5, .goes_on = true};

    lab_say(stage, "Now in order: no new work, what was taken is finished, the state is saved, exit code 0.");
    run(stage, SHUTS_DOWN, 20, 60000, &client);
    lab_claim(stage, client.status == 0 && client.is_refused,
              "the server ended by itself, and its client, which would have gone on, was told: EPIPE");
    lab_claim(stage, client.done == client.sent && client.done >= 5 && client.late == 0,
              "all %u jobs that were taken were finished", client.done);
    lab_claim(stage, is_saved(&client), "its state was saved, whole, under its name: %.*s",
              (int)strcspn(client.saved, "\n"), client.saved);
}

static void show_deadline(struct lab_stage *stage)
{
    struct client client = {.jobs = 50};

    lab_say(stage, "Fifty jobs of 20 ms, and a deadline of 100 ms:");
    run(stage, SHUTS_DOWN, 20, 100, &client);
    lab_claim(stage, client.status == 0 && client.late > 0 && client.done + client.late == 50,
              "%u were finished, %u were told that it is too late, none is without an answer", client.done,
              client.late);
    lab_claim(stage, is_saved(&client), "and that is what was saved");
}

static void show(struct lab_stage *stage)
{
    show_leaving(stage);
    show_draining(stage);
    show_shutdown(stage);
    show_deadline(stage);
}

LAB_ENTRY(entry, .name = "graceful-shutdown", .family = "signals",
          .summary = "no new work, drain with a deadline, save, exit",
          .pitfall = "leaving at once loses work; draining without a deadline may last for ever", .show = show);
