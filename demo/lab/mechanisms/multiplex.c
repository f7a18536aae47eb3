/* multiplex.c - waiting for many at once: what select and poll pay for each descriptor, epoll pays once.
 * `bulkhead-lab multiplex` has the whole table. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/multiplex.h"

enum { FEW = 10, MANY = 900, BUDGET_MS = 50, BEYOND = FD_SETSIZE + 100 };

static void show_growth(struct lab_stage *stage)
{
    struct multiplex_row few, many;

    lab_say(stage, "One descriptor of many is ready; measured is how long it takes to learn which.");
    if (multiplex_measure(FEW, BUDGET_MS, &few) < 0 || multiplex_measure(MANY, BUDGET_MS, &many) < 0 ||
        many.cells[MULTIPLEX_SELECT].error != 0 || many.cells[MULTIPLEX_EPOLL].error != 0) {
        lab_claim(stage, false, "%d descriptors could be watched", MANY);
        return;
    }
    double growth[MULTIPLEX_CALLS];
    for (int call = 0; call < MULTIPLEX_CALLS; call++) {
        char name[64];
        growth[call] = many.cells[call].median_us / few.cells[call].median_us;
        snprintf(name, sizeof(name), "%s, %d descriptors", multiplex_call_name((enum multiplex_call)call), FEW);
        lab_number(stage, name, few.cells[call].median_us, "us");
        snprintf(name, sizeof(name), "%s, %d descriptors", multiplex_call_name((enum multiplex_call)call), MANY);
        lab_number(stage, name, many.cells[call].median_us, "us");
    }
    lab_claim(stage, growth[MULTIPLEX_SELECT] > 2 * growth[MULTIPLEX_EPOLL],
              "select looks at all of them each time: %.1f times the cost", growth[MULTIPLEX_SELECT]);
    lab_claim(stage, growth[MULTIPLEX_POLL] > 2 * growth[MULTIPLEX_EPOLL], "so does poll: %.1f times",
              growth[MULTIPLEX_POLL]);
    lab_say(stage, "epoll was told once, and is told by the kernel what is ready: %.1f times", growth[MULTIPLEX_EPOLL]);
}

/* An eventfd with something in it, at a number that no fd_set has a bit for. 0 if there is none to be had. */
static int make_beyond(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    _fd_cleanup_ int fd = eventfd(1, EFD_CLOEXEC);
    return fd >= 0 ? dup3(fd, BEYOND, O_CLOEXEC) : -1;
}

enum { ENDED_WELL = 0, NOT_FOUND = 1, NO_DESCRIPTOR = 77 };

static int put_into_set(void *userdata)
{
    volatile int fd = make_beyond(); /* unknown to the compiler, as it is in a program */
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fd_set set;

    (void)userdata;
    signal(SIGABRT, SIG_DFL);
    dup2(null, STDERR_FILENO); /* what the C library says of it */
    FD_ZERO(&set);
    if (fd < 0)
        return NO_DESCRIPTOR;
    FD_SET(fd, &set);
    return ENDED_WELL;
}

static int poll_it(void *userdata)
{
    int fd = make_beyond();
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    (void)userdata;
    if (poll(&polled, 1, 0) != 1 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return NOT_FOUND;
    return epoll_wait(epoll, &event, 1, 0) == 1 && event.data.fd == BEYOND ? ENDED_WELL : NOT_FOUND;
}

static void show_set_size(struct lab_stage *stage)
{
    lab_pitfall(stage, "An fd_set has FD_SETSIZE bits, %d here; FD_SET() of a larger descriptor writes beyond it.",
                FD_SETSIZE);
#ifdef _FORTIFY_SOURCE
    int status = lab_wait_child(lab_fork(stage, put_into_set, NULL), 5000);
    if (status == NO_DESCRIPTOR) {
        lab_skip(stage, "no descriptor %d to be had: RLIMIT_NOFILE is too low", BEYOND);
        return;
    }
    lab_claim(stage, status == 128 + SIGABRT, "with _FORTIFY_SOURCE the C library ends the program: SIGABRT");
#else
    (void)put_into_set;
    lab_skip(stage, "without _FORTIFY_SOURCE, as this was built, memory would be overwritten and nobody told");
#endif
    lab_claim(stage, lab_wait_child(lab_fork(stage, poll_it, NULL), 5000) == ENDED_WELL,
              "poll and epoll take descriptor %d like any other", BEYOND);
}

static void show(struct lab_stage *stage)
{
    show_growth(stage);
    show_set_size(stage);
}

LAB_ENTRY(entry, .name = "multiplex", .family = "multiplexing",
          .summary = "select, poll and epoll over many descriptors, one of them ready",
          .pitfall = "select ends at descriptor FD_SETSIZE, and does not say so", .show = show);
