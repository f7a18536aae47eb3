/* unix_server.c - one server at a name, several clients: each has its own connection, and a state of its own. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/stream.h"

enum { CLIENTS = 8, ROUNDS = 100, SLOTS = 32, PATIENCE_MS = 500, TIMEOUT_MS = 10000 };

/* Adds what a client sends to that client's sum, and answers with the sum. */
struct connection {
    int fd;
    uint64_t sum;
};

/* Shared with the parent. */
struct counters {
    unsigned at_once, most_at_once, requests;
    unsigned left; /* clients that have closed */
};

struct server {
    int listener;
    bool one_at_a_time;
    struct counters *counters;
};

static struct sockaddr_un make_address(const struct lab_stage *stage)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/server", lab_stage_directory(stage));
    return address;
}

/* One request. False when the client has gone. */
static bool answer(struct connection *connection, struct counters *counters)
{
    uint64_t number;

    if (lab_stream_read(connection->fd, &number, sizeof(number)) < 0)
        return false;
    connection->sum += number;
    counters->requests++;
    return send(connection->fd, &connection->sum, sizeof(connection->sum), MSG_NOSIGNAL) ==
           (ssize_t)sizeof(connection->sum);
}

static void serve_one_after_the_other(const struct server *server)
{
    for (;;) {
        struct connection connection = {.fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC)};
        while (connection.fd >= 0 && answer(&connection, server->counters))
            continue;
        fd_close(&connection.fd);
    }
}

static void take_connection(const struct server *server, int epoll, struct connection slots[SLOTS])
{
    _fd_cleanup_ int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
    int slot = 0;

    while (slot < SLOTS && slots[slot].fd >= 0)
        slot++;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)slot};
    if (fd < 0 || slot == SLOTS || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return; /* no room: closed, and its client sees that */
    slots[slot] = (struct connection){.fd = fd_steal(&fd)};
    if (++server->counters->at_once > server->counters->most_at_once)
        server->counters->most_at_once = server->counters->at_once;
}

static void serve_all(const struct server *server)
{
    struct connection slots[SLOTS];
    _fd_cleanup_ int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = SLOTS};

    for (int i = 0; i < SLOTS; i++)
        slots[i].fd = -1;
    epoll_ctl(epoll, EPOLL_CTL_ADD, server->listener, &event);
    while (epoll_wait(epoll, &event, 1, -1) == 1 || errno == EINTR) {
        if (event.data.u32 == SLOTS) {
            take_connection(server, epoll, slots);
            continue;
        }
        struct connection *connection = &slots[event.data.u32];
        if (!answer(connection, server->counters)) {
            fd_close(&connection->fd);
            server->counters->at_once--;
            server->counters->left++;
        }
    }
}

static int serve(void *userdata)
{
    const struct server *server = userdata;

    signal(SIGTERM, SIG_DFL);
    if (server->one_at_a_time)
        serve_one_after_the_other(server);
    else
        serve_all(server);
    return 1;
}

struct client {
    struct sockaddr_un address;
    uint64_t factor; /* what it sends: its own multiples */
    int start;       /* readable when all are connected; -1: does not wait */
    int ready;       /* a byte goes here when it is served for the first time */
};

static int connect_to(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        fd_close(&fd);
    return fd;
}

static int be_client(void *userdata)
{
    const struct client *client = userdata;
    _fd_cleanup_ int fd = connect_to(&client->address);
    uint64_t expected = 0;
    struct pollfd started = {.fd = client->start, .events = POLLIN};

    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t number = i * client->factor, sum;
        expected += number;
        if (fd_write_all(fd, &number, sizeof(number)) < 0 || lab_stream_read(fd, &sum, sizeof(sum)) < 0)
            return 1;
        if (sum != expected)
            return 2;
        if (i == 0 && client->start >= 0 && (write(client->ready, "r", 1) != 1 || poll(&started, 1, TIMEOUT_MS) != 1))
            return 3;
    }
    return 0;
}

static pid_t start_server(struct lab_stage *stage, struct server *server, const struct sockaddr_un *address)
{
    pid_t pid = -1;

    memset(server->counters, 0, sizeof(*server->counters));
    unlink(address->sun_path);
    server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
        listen(server->listener, SOMAXCONN) == 0)
        pid = lab_fork(stage, serve, server);
    fd_close(&server->listener);
    lab_claim(stage, pid > 0, "a server listens at its name");
    return pid;
}

static void stop_server(pid_t pid, const struct sockaddr_un *address)
{
    if (pid > 0) {
        kill(pid, SIGTERM);
        lab_wait_child(pid, 5000);
    }
    unlink(address->sun_path);
}

static void show_silent_client(struct lab_stage *stage, struct server *server, const struct sockaddr_un *address)
{
    struct client client = {.address = *address, .factor = 3, .start = -1};

    server->one_at_a_time = true;
    pid_t pid = start_server(stage, server, address);
    int silent = connect_to(address);
    lab_pitfall(stage, "A server that stays with one client until it goes is stopped by one that says nothing.");
    lab_claim(stage, lab_wait_child(lab_fork(stage, be_client, &client), PATIENCE_MS) == -ETIMEDOUT,
              "while a silent client is connected, the next one waits: still unserved after half a second");
    fd_close(&silent);
    stop_server(pid, address);
}

/* Starts the clients, lets them go on when each has been served once, and counts those whose sums were all right. */
static int run_clients(struct lab_stage *stage, const struct sockaddr_un *address)
{
    int start[2], ready[2], served = 0;
    pid_t pids[CLIENTS];
    char bytes[CLIENTS];

    if (pipe(start) < 0 || pipe(ready) < 0)
        return -1;
    for (int i = 0; i < CLIENTS; i++) {
        struct client client = {.address = *address, .factor = (uint64_t)i + 1, .start = start[0], .ready = ready[1]};
        pids[i] = lab_fork(stage, be_client, &client);
    }
    fd_close(&ready[1]);
    lab_stream_read(ready[0], bytes, sizeof(bytes));
    (void)!write(start[1], "s", 1); /* nobody reads it: it is there for all */
    for (int i = 0; i < CLIENTS; i++)
        served += pids[i] > 0 && lab_wait_child(pids[i], TIMEOUT_MS) == 0;
    fd_close_many(start, 2);
    fd_close_many(ready, 2);
    return served;
}

static void show_all_served(struct lab_stage *stage, struct server *server, const struct sockaddr_un *address)
{
    const struct counters *counters = server->counters;

    server->one_at_a_time = false;
    pid_t pid = start_server(stage, server, address);
    int silent = connect_to(address);
    lab_say(stage, "Now an epoll loop: whoever has said something is answered; the silent one costs nothing.");
    int served = run_clients(stage, address);
    lab_claim(stage, served == CLIENTS, "%d of %d clients were served, each with its own sum, beside the silent one",
              served, CLIENTS);
    lab_claim(stage, counters->most_at_once == CLIENTS + 1, "%u were connected at once", counters->most_at_once);
    lab_claim(stage, counters->requests == CLIENTS * ROUNDS, "%u requests were answered", counters->requests);
    lab_claim(stage,
              lab_wait_child(lab_fork(stage, be_client, &(struct client){.address = *address, .start = -1}),
                             TIMEOUT_MS) == 0 &&
                  counters->left >= CLIENTS,
              "those who left are forgotten (%u so far), and the next client is served", counters->left);
    fd_close(&silent);
    stop_server(pid, address);
}

static void show(struct lab_stage *stage)
{
    struct sockaddr_un address = make_address(stage);
    struct server server = {.listener = -1};

    server.counters = mmap(NULL, sizeof(*server.counters), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (server.counters == MAP_FAILED) {
        lab_claim(stage, false, "mmap: %s", strerror(errno));
        return;
    }
    show_silent_client(stage, &server, &address);
    show_all_served(stage, &server, &address);
    munmap(server.counters, sizeof(*server.counters));
}

LAB_ENTRY(entry, .name = "unix-server", .family = "sockets", .summary = "one server at a name, several clients at once",
          .pitfall = "one silent client stops a server that reads from one after the other", .show = show);
