#include "demo/lab/multiplex.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

enum { ROUNDS_LEAST = 21, ROUNDS_MOST = 4001, OTHERS = 64 /* descriptors beside the measured ones */ };

/* All N of them, and what each call wants to be given. */
struct crowd {
    int *fds;
    unsigned count;
    struct pollfd *polled;
    fd_set selected;
    int highest, epoll;
};

const char *multiplex_call_name(enum multiplex_call call)
{
    static const char *const names[MULTIPLEX_CALLS] = {
        [MULTIPLEX_SELECT] = "select", [MULTIPLEX_POLL] = "poll", [MULTIPLEX_EPOLL] = "epoll"};

    return names[call];
}

/* Raises the limit to hold so many, if that is allowed; what it is then. */
static rlim_t raise_limit(rlim_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    if (limit.rlim_cur >= wanted)
        return limit.rlim_cur;
    struct rlimit raised = {wanted, limit.rlim_max > wanted ? limit.rlim_max : wanted};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
        return wanted;
    raised = (struct rlimit){limit.rlim_max, limit.rlim_max};
    return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? limit.rlim_max : limit.rlim_cur;
}

/* Runs in a process of its own, for limits that were raised cannot always be taken back; what it has to say lies in
 * shared memory. 0 or -errno. */
static int run_apart(void (*body)(void *shared), void *shared)
{
    pid_t pid = fork();

    if (pid < 0)
        return -errno;
    if (pid == 0) {
        body(shared);
        _exit(0);
    }
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return 0;
}

static void find_allowed(void *shared)
{
    rlim_t limit = raise_limit(MULTIPLEX_MOST + OTHERS);

    *(unsigned *)shared = limit > OTHERS ? (unsigned)(limit - OTHERS) : 0;
}

unsigned multiplex_allowed(void)
{
    unsigned *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned allowed = 0;

    if (shared == MAP_FAILED)
        return 0;
    if (run_apart(find_allowed, shared) == 0)
        allowed = *shared;
    munmap(shared, sizeof(*shared));
    return allowed;
}

static int crowd_add(struct crowd *crowd, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    crowd->fds[crowd->count] = fd;
    crowd->polled[crowd->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    crowd->highest = fd > crowd->highest ? fd : crowd->highest;
    if (fd < FD_SETSIZE)
        FD_SET(fd, &crowd->selected);
    return epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

/* Never taken apart: the process it lives in ends. */
static int crowd_make(struct crowd *crowd, unsigned count)
{
    int rc = 0;

    if (raise_limit((rlim_t)count + OTHERS) < (rlim_t)count + OTHERS)
        return -EMFILE;
    *crowd = (struct crowd){.fds = calloc(count, sizeof(int)),
                            .polled = calloc(count, sizeof(struct pollfd)),
                            .epoll = epoll_create1(EPOLL_CLOEXEC)};
    FD_ZERO(&crowd->selected);
    if (crowd->fds == NULL || crowd->polled == NULL || crowd->epoll < 0)
        return -ENOMEM;
    for (unsigned i = 0; i < count && rc == 0; i++) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        rc = fd < 0 ? -errno : crowd_add(crowd, fd);
    }
    return rc;
}

/* Each returns the descriptor that is ready, or -errno. */
static int find_by_select(struct crowd *crowd)
{
    fd_set ready = crowd->selected; /* it is overwritten */

    if (select(crowd->highest + 1, &ready, NULL, NULL, NULL) < 0)
        return -errno;
    for (int fd = 0; fd <= crowd->highest; fd++)
        if (FD_ISSET(fd, &ready))
            return fd;
    return -ENOENT;
}

static int find_by_poll(struct crowd *crowd)
{
    if (poll(crowd->polled, crowd->count, -1) < 0)
        return -errno;
    for (unsigned i = 0; i < crowd->count; i++)
        if (crowd->polled[i].revents != 0)
            return crowd->polled[i].fd;
    return -ENOENT;
}

static int find_by_epoll(struct crowd *crowd)
{
    struct epoll_event event;

    return epoll_wait(crowd->epoll, &event, 1, -1) == 1 ? event.data.fd : -errno;
}

static int (*const find[MULTIPLEX_CALLS])(struct crowd *crowd) = {
    [MULTIPLEX_SELECT] = find_by_select, [MULTIPLEX_POLL] = find_by_poll, [MULTIPLEX_EPOLL] = find_by_epoll};

static int compare_times(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

/* Which one is ready goes all over the crowd, so that neither its beginning nor its end is favoured. */
static struct multiplex_cell measure_call(struct crowd *crowd, enum multiplex_call call, unsigned budget_ms)
{
    static uint64_t times_ns[ROUNDS_MOST];
    uint64_t end_ms = clock_now_ms() + budget_ms;
    struct multiplex_cell cell = {0};
    uint32_t random = 1;
    eventfd_t value;

    if (call == MULTIPLEX_SELECT && crowd->highest >= FD_SETSIZE)
        return (struct multiplex_cell){.error = -ERANGE};
    while (cell.rounds < ROUNDS_MOST && (cell.rounds < ROUNDS_LEAST || clock_now_ms() < end_ms)) {
        random = random * 1664525 + 1013904223;
        int fd = crowd->fds[(random >> 8) % crowd->count];
        eventfd_write(fd, 1);
        uint64_t start_ns = clock_now_ns();
        int found = find[call](crowd);
        times_ns[cell.rounds++] = clock_now_ns() - start_ns;
        if (found != fd)
            return (struct multiplex_cell){.error = found < 0 ? found : -EBADMSG};
        eventfd_read(fd, &value);
    }
    qsort(times_ns, cell.rounds, sizeof(times_ns[0]), compare_times);
    unsigned half = cell.rounds / 2;
    cell.median_us = (double)times_ns[half] / 1e3;
    return cell;
}

struct task {
    unsigned budget_ms;
    struct multiplex_row row;
};

static void measure_row(void *shared)
{
    struct task *task = shared;
    struct crowd crowd;
    int rc = crowd_make(&crowd, task->row.descriptors);

    for (int call = 0; call < MULTIPLEX_CALLS; call++) {
        task->row.cells[call].error = rc;
        if (rc == 0)
            task->row.cells[call] = measure_call(&crowd, (enum multiplex_call)call, task->budget_ms);
    }
}

int multiplex_measure(unsigned descriptors, unsigned budget_ms, struct multiplex_row *ret_row)
{
    struct task *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int rc;

    if (shared == MAP_FAILED)
        return -errno;
    shared->budget_ms = budget_ms;
    shared->row.descriptors = descriptors;
    for (int call = 0; call < MULTIPLEX_CALLS; call++)
        shared->row.cells[call].error = -ECHILD; /* what stands if the child never says otherwise */
    rc = run_apart(measure_row, shared);
    if (rc == 0)
        *ret_row = shared->row;
    munmap(shared, sizeof(*shared));
    return rc;
}
