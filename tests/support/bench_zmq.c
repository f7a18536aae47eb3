#include "tests/support/bench_peers.h"

#if __has_include(<zmq.h>)
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include "common/clock.h"

enum { ONE_WAY_BYTES = 1024, ROUND_TRIP_BYTES = 64 };

struct task {
    char address[64];
    uint32_t count;
};

static void fail(const char *what)
{
    fprintf(stderr, "benchmark: libzmq, %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

/* After the fork: a context has threads. */
static void *open_socket(const struct task *task, int type, bool binds, void **ret_context)
{
    *ret_context = zmq_ctx_new();
    void *socket = zmq_socket(*ret_context, type);
    if (socket == NULL || (binds ? zmq_bind(socket, task->address) : zmq_connect(socket, task->address)) != 0)
        fail(task->address);
    return socket;
}

static void close_socket(void *socket, void *context)
{
    zmq_close(socket);
    zmq_ctx_term(context); /* waits until what was sent has gone */
}

static void prepare(struct task *task, uint32_t count)
{
    snprintf(task->address, sizeof task->address, "ipc:///tmp/bulkhead-bench-zmq-%d", (int)getpid());
    task->count = count;
}

static void serve_stream(void *userdata)
{
    const struct task *task = userdata;
    char message[ONE_WAY_BYTES] = {0};
    void *context, *socket = open_socket(task, ZMQ_PUSH, false, &context);
    for (uint32_t i = 0; i < task->count; i++) {
        memcpy(message, &i, sizeof i);
        if (zmq_send(socket, message, sizeof message, 0) != sizeof message)
            fail("send");
    }
    close_socket(socket, context);
}

/* From the first message on: until then the two find each other. */
static uint64_t one_way(uint32_t count, enum bench_placement placement)
{
    struct task task;
    char message[ONE_WAY_BYTES];
    uint64_t start_ns = 0;
    prepare(&task, count);
    pid_t pid = bench_child(serve_stream, &task, placement);
    void *context, *socket = open_socket(&task, ZMQ_PULL, true, &context);
    for (uint32_t i = 0; i < count; i++) {
        if (zmq_recv(socket, message, sizeof message, 0) != sizeof message || memcmp(message, &i, sizeof i) != 0)
            fail("receive");
        if (start_ns == 0)
            start_ns = clock_now_ns();
    }
    uint64_t took_ns = clock_now_ns() - start_ns;
    bench_child_end(pid);
    close_socket(socket, context);
    return took_ns;
}

static void serve_echo(void *userdata)
{
    const struct task *task = userdata;
    char message[ROUND_TRIP_BYTES];
    void *context, *socket = open_socket(task, ZMQ_REP, false, &context);
    for (uint32_t i = 0; i < task->count; i++)
        if (zmq_recv(socket, message, sizeof message, 0) != sizeof message ||
            zmq_send(socket, message, sizeof message, 0) != sizeof message)
            fail("echo");
    close_socket(socket, context);
}

static void round_trips(uint32_t count, enum bench_placement placement, uint32_t *times_ns)
{
    struct task task;
    char message[ROUND_TRIP_BYTES] = {0};
    prepare(&task, count);
    pid_t pid = bench_child(serve_echo, &task, placement);
    void *context, *socket = open_socket(&task, ZMQ_REQ, true, &context);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t start_ns = clock_now_ns();
        if (zmq_send(socket, message, sizeof message, 0) != sizeof message ||
            zmq_recv(socket, message, sizeof message, 0) != sizeof message)
            fail("round trip");
        times_ns[i] = (uint32_t)(clock_now_ns() - start_ns);
    }
    bench_child_end(pid);
    close_socket(socket, context);
}

const struct bench_peer bench_peer_zmq = {"libzmq, ipc://", one_way, round_trips};
#else
const struct bench_peer bench_peer_zmq = {.name = "libzmq, ipc://"};
#endif
