#include "demo/lab/measure.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

/* What the right side reports when it has received everything. */
struct outcome {
    int error;
    uint64_t end_ns;
    struct lab_cost cost;
};

/* One run, as both processes see it. */
struct run {
    const struct lab_transport *transport;
    const struct lab_task *task;
    struct lab_link *link;
    int control; // our end of a socketpair beside the transport: readiness and the outcome
    unsigned char *message;
    size_t message_bytes;
    uint64_t messages;
};

static double to_ms(struct timeval time)
{
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

/* So far, of this process and its threads. */
static struct lab_cost cost_now(void)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    return (struct lab_cost){.user_ms = to_ms(usage.ru_utime),
                             .system_ms = to_ms(usage.ru_stime),
                             .switches = (uint64_t)(usage.ru_nvcsw + usage.ru_nivcsw)};
}

static struct lab_cost cost_since(const struct lab_cost *start)
{
    struct lab_cost now = cost_now();

    return (struct lab_cost){.user_ms = now.user_ms - start->user_ms,
                             .system_ms = now.system_ms - start->system_ms,
                             .switches = now.switches - start->switches};
}

int lab_cores(void)
{
    cpu_set_t set;

    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

int lab_pin(enum lab_side side, enum lab_placement placement)
{
    cpu_set_t allowed, one;
    int skip = side == LAB_RIGHT && placement == LAB_APART ? 1 : 0;

    if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
        return -errno;
    for (int core = 0; core < CPU_SETSIZE; core++) {
        if (!CPU_ISSET(core, &allowed) || skip-- > 0)
            continue;
        CPU_ZERO(&one);
        CPU_SET(core, &one);
        return sched_setaffinity(0, sizeof(one), &one) < 0 ? -errno : 0;
    }
    return -EOPNOTSUPP;
}

/* The number goes to both ends of the message, so that a torn one is seen. */
static void stamp(unsigned char *message, size_t size_bytes, uint64_t number)
{
    memcpy(message, &number, sizeof(number));
    if (size_bytes >= 2 * sizeof(number))
        memcpy(message + size_bytes - sizeof(number), &number, sizeof(number));
}

static bool is_stamped(const unsigned char *message, size_t size_bytes, uint64_t number)
{
    uint64_t first, last = number;

    memcpy(&first, message, sizeof(first));
    if (size_bytes >= 2 * sizeof(number))
        memcpy(&last, message + size_bytes - sizeof(last), sizeof(last));
    return first == number && last == number;
}

static int flush(struct run *run)
{
    return run->transport->flush != NULL ? run->transport->flush(run->link) : 0;
}

static int receive_numbered(struct run *run, uint64_t number)
{
    int rc = run->transport->receive(run->link, run->message, run->message_bytes);

    if (rc == 0 && !is_stamped(run->message, run->message_bytes, number))
        rc = -EBADMSG;
    return rc;
}

static int send_numbered(struct run *run, uint64_t number)
{
    stamp(run->message, run->message_bytes, number);
    return run->transport->send(run->link, run->message, run->message_bytes);
}

static int right_side(struct run *run)
{
    int rc = 0;

    for (uint64_t i = 0; i < run->messages && rc == 0; i++) {
        rc = receive_numbered(run, i);
        if (rc == 0 && run->task->workload == LAB_ROUND_TRIP)
            rc = send_numbered(run, i);
        if (rc == 0 && run->task->workload == LAB_ROUND_TRIP)
            rc = flush(run);
    }
    return rc;
}

static void __attribute__((noreturn)) live_as_right(struct run *run)
{
    struct outcome outcome = {0};
    char ready = 1;
    int rc;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    rc = lab_pin(LAB_RIGHT, run->task->placement);
    if (rc == 0 && run->transport->join != NULL)
        rc = run->transport->join(run->link, LAB_RIGHT);
    outcome.error = rc;
    struct lab_cost start = cost_now();
    if (rc == 0 && fd_write_all(run->control, &ready, 1) == 0)
        outcome.error = right_side(run);
    outcome.end_ns = clock_now_ns();
    outcome.cost = cost_since(&start);
    fd_write_all(run->control, &outcome, sizeof(outcome));
    /* What is queued must not vanish with us: the left side says when it has done. */
    (void)!read(run->control, &ready, 1);
    run->transport->close(run->link);
    _exit(0);
}

static int compare_times(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return a < b ? -1 : a > b;
}

static void take_percentiles(uint32_t *times_ns, uint64_t count, struct lab_result *result)
{
    qsort(times_ns, count, sizeof(times_ns[0]), compare_times);
    uint64_t half = count / 2, most = count * 99 / 100, nearly_all = count * 999 / 1000;
    result->p50_us = times_ns[half] / 1e3;
    result->p99_us = times_ns[most] / 1e3;
    result->p999_us = times_ns[nearly_all] / 1e3;
}

static int round_trips(struct run *run, struct lab_result *result)
{
    uint32_t *times_ns = calloc(run->messages, sizeof(*times_ns));
    int rc = times_ns == NULL ? -ENOMEM : 0;

    for (uint64_t i = 0; i < run->messages && rc == 0; i++) {
        uint64_t start_ns = clock_now_ns();
        rc = send_numbered(run, i);
        if (rc == 0)
            rc = flush(run);
        if (rc == 0)
            rc = receive_numbered(run, i);
        times_ns[i] = (uint32_t)(clock_now_ns() - start_ns);
    }
    if (rc == 0)
        take_percentiles(times_ns, run->messages, result);
    free(times_ns);
    return rc;
}

static int one_way(struct run *run)
{
    int rc = 0;

    for (uint64_t i = 0; i < run->messages && rc == 0; i++)
        rc = send_numbered(run, i);
    return rc == 0 ? flush(run) : rc;
}

/* Reads exactly that much from the control socket before the deadline. */
static int read_control(int fd, void *out, size_t size_bytes, uint64_t deadline_ms)
{
    unsigned char *at = out;

    while (size_bytes > 0) {
        struct pollfd control = {.fd = fd, .events = POLLIN};
        uint64_t now_ms = clock_now_ms();
        ssize_t length;

        if (now_ms >= deadline_ms || poll(&control, 1, (int)(deadline_ms - now_ms)) == 0)
            return -ETIMEDOUT;
        length = read(fd, at, size_bytes);
        if (length == 0)
            return -EPIPE;
        if (length < 0 && errno != EINTR)
            return -errno;
        at += length > 0 ? length : 0;
        size_bytes -= length > 0 ? (size_t)length : 0;
    }
    return 0;
}

static int left_side(struct run *run, struct lab_result *result)
{
    uint64_t deadline_ms = clock_now_ms() + (uint64_t)run->task->timeout_ms, start_ns;
    struct outcome outcome = {0};
    char ready;
    int rc = 0;

    if (run->transport->join != NULL)
        rc = run->transport->join(run->link, LAB_LEFT);
    if (rc == 0)
        rc = read_control(run->control, &ready, 1, deadline_ms);
    if (rc < 0)
        return rc;
    struct lab_cost start = cost_now();
    start_ns = clock_now_ns();
    rc = run->task->workload == LAB_ROUND_TRIP ? round_trips(run, result) : one_way(run);
    result->cost[LAB_LEFT] = cost_since(&start);
    int heard = read_control(run->control, &outcome, sizeof(outcome), deadline_ms);
    if (heard == 0) {
        result->total_ms = (double)(outcome.end_ns - start_ns) / 1e6;
        result->cost[LAB_RIGHT] = outcome.cost;
    }
    (void)!write(run->control, &ready, 1);
    if (heard == 0 && outcome.error != 0)
        return outcome.error;
    return rc != 0 ? rc : heard;
}

static void plan(const struct lab_transport *transport, const struct lab_task *task, struct run *run)
{
    run->transport = transport;
    run->task = task;
    run->message_bytes = task->message_bytes;
    run->messages = task->messages;
    if (task->workload == LAB_TRANSFER) {
        run->message_bytes = transport->transfer_bytes;
        run->messages = (task->transfer_bytes + run->message_bytes - 1) / run->message_bytes;
    }
}

static int run_both(struct run *run, int controls[2], struct lab_result *ret_result)
{
    pid_t pid = fork();
    int rc;

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        fd_close(&controls[0]);
        run->control = controls[1];
        live_as_right(run);
    }
    fd_close(&controls[1]);
    run->control = controls[0];
    rc = lab_pin(LAB_LEFT, run->task->placement);
    if (rc == 0)
        rc = left_side(run, ret_result);
    fd_close(&controls[0]);
    kill(pid, rc == 0 ? 0 : SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return rc;
}

static int run_once(struct run *run, struct lab_result *ret_result)
{
    struct lab_shape shape = {.message_bytes = run->message_bytes,
                              .one_core = run->task->placement == LAB_TOGETHER,
                              .directory = run->task->directory};
    int controls[2];
    int rc = run->transport->open(&shape, &run->link);

    if (rc < 0)
        return rc;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, controls) < 0)
        rc = -errno;
    else
        rc = run_both(run, controls, ret_result);
    run->transport->close(run->link);
    return rc;
}

/* The left side is a child as well: pinned and thrown away, so that a transport that hangs hangs nothing, and nothing
 * that it did to its process stays. */
struct shared_result {
    int error;
    struct lab_result result;
};

static int measure_in_child(struct run *run, struct shared_result *shared)
{
    struct pollfd ended = {.fd = -1, .events = POLLIN};
    _fd_cleanup_ int pidfd = -1;
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        shared->error = run_once(run, &shared->result);
        _exit(0);
    }
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    ended.fd = pidfd;
    if (pidfd >= 0 && poll(&ended, 1, run->task->timeout_ms) == 0)
        kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return shared->error;
}

/* Every page of a message is there, as it would be; but a gigabyte, of which only the ends are looked at, is not
 * filled for every run. */
static unsigned char *make_message(size_t size_bytes)
{
    enum { FILLED_MOST = 64 << 20 };
    unsigned char *message = calloc(1, size_bytes);

    if (message != NULL && size_bytes <= FILLED_MOST)
        memset(message, 0x5a, size_bytes);
    return message;
}

int lab_measure(const struct lab_transport *transport, const struct lab_task *task, struct lab_result *ret_result)
{
    struct run run = {.control = -1};
    struct shared_result *shared;
    int rc;

    if (task->placement == LAB_APART && lab_cores() < 2)
        return -EOPNOTSUPP;
    plan(transport, task, &run);
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    run.message = make_message(run.message_bytes);
    if (shared == MAP_FAILED || run.message == NULL)
        rc = -ENOMEM;
    else {
        shared->error = -ETIMEDOUT; /* what stands if the child never says otherwise */
        rc = measure_in_child(&run, shared);
    }
    if (rc == 0) {
        *ret_result = shared->result;
        ret_result->messages = run.messages;
        ret_result->message_bytes = run.message_bytes;
    }
    free(run.message);
    if (shared != MAP_FAILED)
        munmap(shared, sizeof(*shared));
    return rc;
}
