#include "tests/support/bench_peers.h"

#if __has_include(<nng/nng.h>)
#include <nng/nng.h>
#include <nng/protocol/pipeline0/pull.h>
#include <nng/protocol/pipeline0/push.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

enum { ONE_WAY_BYTES = 1024, ROUND_TRIP_BYTES = 64 };

struct task {
    char address[64];
    uint32_t count;
};

static void check(int error, const char *what)
{
    if (error == 0)
        return;
    fprintf(stderr, "benchmark: nng, %s: %s\n", what, nng_strerror(error));
    exit(1);
}

static void prepare(struct task *task, uint32_t count)
{
    snprintf(task->address, sizeof task->address, "ipc:///tmp/bulkhead-bench-nng-%d", (int)getpid());
    task->count = count;
}

static void receive(nng_socket socket, char *message, size_t size_bytes)
{
    size_t length = size_bytes;
    check(nng_recv(socket, message, &length, 0), "receive");
    if (length != size_bytes)
        check(NNG_EMSGSIZE, "receive");
}

/* Dials again until the other side listens. */
static void dial(nng_socket socket, const struct task *task)
{
    check(nng_dial(socket, task->address, NULL, NNG_FLAG_NONBLOCK), task->address);
}

static void serve_stream(void *userdata)
{
    const struct task *task = userdata;
    char message[ONE_WAY_BYTES] = {0};
    nng_socket socket;
    check(nng_push0_open(&socket), "open");
    dial(socket, task);
    for (uint32_t i = 0; i < task->count; i++) {
        memcpy(message, &i, sizeof i);
        check(nng_send(socket, message, sizeof message, 0), "send");
    }
    for (;;) /* what is queued would go with the socket: the parent ends this process */
        pause();
}

/* From the first message on: until then the two find each other. */
static uint64_t one_way(uint32_t count, enum bench_placement placement)
{
    struct task task;
    char message[ONE_WAY_BYTES];
    uint64_t start_ns = 0;
    nng_socket socket;
    prepare(&task, count);
    pid_t pid = bench_child(serve_stream, &task, placement);
    check(nng_pull0_open(&socket), "open");
    check(nng_listen(socket, task.address, NULL, 0), task.address);
    for (uint32_t i = 0; i < count; i++) {
        receive(socket, message, sizeof message);
        if (memcmp(message, &i, sizeof i) != 0)
            check(NNG_EPROTO, "a message out of order");
        if (start_ns == 0)
            start_ns = clock_now_ns();
    }
    uint64_t took_ns = clock_now_ns() - start_ns;
    bench_child_kill(pid);
    nng_close(socket);
    return took_ns;
}

static void serve_echo(void *userdata)
{
    const struct task *task = userdata;
    char message[ROUND_TRIP_BYTES];
    nng_socket socket;
    check(nng_rep0_open(&socket), "open");
    dial(socket, task);
    for (;;) {
        receive(socket, message, sizeof message);
        check(nng_send(socket, message, sizeof message, 0), "echo");
    }
}

static void round_trips(uint32_t count, enum bench_placement placement, uint32_t *times_ns)
{
    struct task task;
    char message[ROUND_TRIP_BYTES] = {0};
    nng_socket socket;
    prepare(&task, count);
    pid_t pid = bench_child(serve_echo, &task, placement);
    check(nng_req0_open(&socket), "open");
    check(nng_listen(socket, task.address, NULL, 0), task.address);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t start_ns = clock_now_ns();
        check(nng_send(socket, message, sizeof message, 0), "send");
        receive(socket, message, sizeof message);
        times_ns[i] = (uint32_t)(clock_now_ns() - start_ns);
    }
    bench_child_kill(pid);
    nng_close(socket);
}

const struct bench_peer bench_peer_nng = {"nng, ipc://", one_way, round_trips};
#else
const struct bench_peer bench_peer_nng = {.name = "nng, ipc://"};
#endif
