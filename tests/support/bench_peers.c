#include "tests/support/bench_peers.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

enum { ONE_WAY_BYTES = 1024, ROUND_TRIP_BYTES = 64, PEER_LIFE_S = 60 };

static void fail(const char *what)
{
    fprintf(stderr, "benchmark: %s: %s\n", what, strerror(errno));
    exit(1);
}

static const cpu_set_t *allowed_cores(void)
{
    static cpu_set_t allowed;
    static bool is_known; /* before this process was pinned itself */
    if (!is_known && sched_getaffinity(0, sizeof allowed, &allowed) < 0)
        fail("sched_getaffinity");
    is_known = true;
    return &allowed;
}

unsigned bench_cores(void)
{
    return (unsigned)CPU_COUNT(allowed_cores());
}

void bench_pin(pid_t pid, bool is_second_side, enum bench_placement placement)
{
    unsigned skip = is_second_side && placement == BENCH_APART && bench_cores() > 1;
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int core = 0; core < CPU_SETSIZE; core++)
        if (CPU_ISSET(core, allowed_cores()) && skip-- == 0) {
            CPU_SET(core, &one);
            break;
        }
    if (sched_setaffinity(pid, sizeof one, &one) < 0)
        fail("sched_setaffinity");
}

pid_t bench_child(void (*serve)(void *userdata), void *userdata, enum bench_placement placement)
{
    allowed_cores();
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        bench_pin(0, true, placement);
        serve(userdata);
        _exit(0);
    }
    bench_pin(0, false, placement);
    return pid;
}

void bench_child_end(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0)
        fail("the other side failed");
}

void bench_child_kill(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* What a child is to measure, and where to: *took_ns in shared memory, as times_ns. */
struct job {
    const struct bench_peer *peer;
    struct bench_load load;
    uint64_t *took_ns;
    uint32_t *times_ns;
    void (*run)(const struct job *job);
};

static void run_one_way(const struct job *job)
{
    *job->took_ns = job->peer->one_way(job->load.count, job->load.placement);
}

static void run_round_trips(const struct job *job)
{
    job->peer->round_trips(job->load.count, job->load.placement, job->times_ns);
}

static void run_calls(const struct job *job)
{
    *job->took_ns = job->peer->calls(&job->load, job->times_ns);
}

/* Nothing that it hangs on outlives the alarm. */
static void measure(const struct job *job)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0)
        fail("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        alarm(PEER_LIFE_S);
        job->run(job);
        _exit(0);
    }
    bench_child_end(pid);
}

static void *share(size_t size_bytes)
{
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        fail("mmap");
    return memory;
}

double bench_peer_one_way(const struct bench_peer *peer, uint32_t count, enum bench_placement placement)
{
    uint64_t *took_ns = share(sizeof *took_ns);
    measure(&(struct job){
        .peer = peer, .load = {.count = count, .placement = placement}, .took_ns = took_ns, .run = run_one_way});
    double rate = count * 1e3 / (double)*took_ns;
    munmap(took_ns, sizeof *took_ns);
    return rate;
}

void bench_peer_round_trips(const struct bench_peer *peer, uint32_t count, enum bench_placement placement,
                            uint32_t *times_ns)
{
    uint32_t *shared = share(count * sizeof *shared);
    measure(&(struct job){
        .peer = peer, .load = {.count = count, .placement = placement}, .times_ns = shared, .run = run_round_trips});
    memcpy(times_ns, shared, count * sizeof *shared);
    munmap(shared, count * sizeof *shared);
}

double bench_peer_calls(const struct bench_peer *peer, const struct bench_load *load, uint32_t *times_ns)
{
    uint64_t *took_ns = share(sizeof *took_ns);
    uint32_t *shared = share(load->count * sizeof *shared);
    measure(&(struct job){.peer = peer, .load = *load, .took_ns = took_ns, .times_ns = shared, .run = run_calls});
    double rate = load->count * 1e3 / (double)*took_ns;
    memcpy(times_ns, shared, load->count * sizeof *shared);
    munmap(shared, load->count * sizeof *shared);
    munmap(took_ns, sizeof *took_ns);
    return rate;
}

struct socket_task {
    int pair[2];
    uint32_t count;
};

static void open_pair(struct socket_task *task)
{
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, task->pair) < 0)
        fail("socketpair");
}

static void close_pair(struct socket_task *task)
{
    close(task->pair[0]);
    close(task->pair[1]);
}

static void serve_stream(void *userdata)
{
    const struct socket_task *task = userdata;
    char message[ONE_WAY_BYTES] = {0};
    for (uint32_t i = 0; i < task->count; i++) {
        memcpy(message, &i, sizeof i);
        if (send(task->pair[1], message, sizeof message, MSG_NOSIGNAL) != sizeof message)
            fail("send");
    }
}

static uint64_t socket_one_way(uint32_t count, enum bench_placement placement)
{
    struct socket_task task = {.count = count};
    char message[ONE_WAY_BYTES];
    open_pair(&task);
    pid_t pid = bench_child(serve_stream, &task, placement);
    uint64_t start_ns = clock_now_ns();
    for (uint32_t i = 0; i < count; i++)
        if (recv(task.pair[0], message, sizeof message, 0) != sizeof message || memcmp(message, &i, sizeof i) != 0)
            fail("recv");
    uint64_t took_ns = clock_now_ns() - start_ns;
    bench_child_end(pid);
    close_pair(&task);
    return took_ns;
}

static void serve_echo(void *userdata)
{
    const struct socket_task *task = userdata;
    char message[ROUND_TRIP_BYTES];
    for (uint32_t i = 0; i < task->count; i++)
        if (recv(task->pair[1], message, sizeof message, 0) != sizeof message ||
            send(task->pair[1], message, sizeof message, MSG_NOSIGNAL) != sizeof message)
            fail("echo");
}

static void socket_round_trips(uint32_t count, enum bench_placement placement, uint32_t *times_ns)
{
    struct socket_task task = {.count = count};
    char message[ROUND_TRIP_BYTES] = {0};
    open_pair(&task);
    pid_t pid = bench_child(serve_echo, &task, placement);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t start_ns = clock_now_ns();
        if (send(task.pair[0], message, sizeof message, MSG_NOSIGNAL) != sizeof message ||
            recv(task.pair[0], message, sizeof message, 0) != sizeof message)
            fail("round trip");
        times_ns[i] = (uint32_t)(clock_now_ns() - start_ns);
    }
    bench_child_end(pid);
    close_pair(&task);
}

const struct bench_peer bench_peer_socket = {"a bare seqpacket socket", socket_one_way, socket_round_trips, NULL};
