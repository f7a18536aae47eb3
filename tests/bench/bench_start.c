/* What a new tab costs: from the spare, from the warm zygote with every layer on. In the same run, for comparison:
 * bwrap, and the least the kernel takes for what a renderer is made of, which is the floor: a fork, a second thread,
 * the same filter loaded for both, and a message there and back.
 */
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/policy.h"
#include "tests/support/bench.h"

enum { ROUNDS = 60, BWRAP_ROUNDS = 15, ANSWER_MS = 5000 };

/* From the order to the renderer's first message. */
static double open_once(struct broker *broker, bool until_live)
{
    struct bench_tab tab;
    double start = bench_now_ms();
    bench_open(broker, "about:blank", NULL, &tab);
    bench_until(broker, until_live ? &tab.is_live : &tab.is_loading, 5000, "a new tab did not start");
    double took = (until_live ? tab.live_ms : tab.loading_ms) - start;
    bench_close(&tab);
    bench_for(broker, 60); /* the next spare, and the end of this one */
    return took;
}

static void *wait_for_ever(void *is_up)
{
    atomic_store((atomic_bool *)is_up, true);
    for (;;)
        pause();
    return NULL;
}

/* A second thread and the filter for both. What the C library does at a thread's start, the filter forbids. */
static int become_bare_renderer(const struct policy_program *policy)
{
    static atomic_bool is_up;
    pthread_t thread;
    if (pthread_create(&thread, NULL, wait_for_ever, &is_up) != 0)
        return -1;
    while (!atomic_load(&is_up))
        sched_yield();
    return policy_apply(policy);
}

/* A child of its own for each byte, which answers with one, by the way that the filter leaves open. */
static void serve_bare(int fd, const struct policy_program *policy)
{
    char byte;
    while (read(fd, &byte, 1) == 1) {
        if (fork() != 0)
            continue;
        _exit(dup2(fd, STDERR_FILENO) < 0 || become_bare_renderer(policy) < 0 || write(STDERR_FILENO, &byte, 1) != 1);
    }
}

/* The other end of one that serves, forked before this process has a broker. */
static int start_bare(void)
{
    struct policy_program *policy;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 || policy_compile(POLICY_RENDERER, &policy) < 0)
        return -1;
    if (fork() == 0) {
        close(pair[0]);
        signal(SIGCHLD, SIG_IGN);
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        serve_bare(pair[1], policy);
        _exit(0);
    }
    close(pair[1]);
    policy_free(policy);
    return pair[0];
}

static double ask_bare(int fd)
{
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    char byte = 0;
    double start = bench_now_ms();
    if (write(fd, &byte, 1) != 1 || poll(&answer, 1, ANSWER_MS) != 1 || read(fd, &byte, 1) != 1) {
        fprintf(stderr, "benchmark: the bare process does not answer\n");
        exit(1);
    }
    return bench_now_ms() - start;
}

/* Lines of /proc/self/maps: what a fork copies. */
static unsigned count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned count = 0;
    for (int c; maps != NULL && (c = getc(maps)) != EOF;)
        count += c == '\n';
    if (maps != NULL)
        fclose(maps);
    return count;
}

int main(void)
{
    struct bench_samples spare = {0}, cold = {0}, bare = {0}, bwrap = {0};
    int bare_fd = start_bare();
    unsigned mappings = count_mappings();
    bench_title("A new tab, every layer on (tests/bench/bench_start.c)");
    struct broker *broker = bench_broker(1);
    for (int i = 0; i < ROUNDS; i++)
        bench_add(&spare, open_once(broker, true));
    broker_destroy(broker);
    broker = bench_broker(0);
    bench_for(broker, 200);
    open_once(broker, false);
    for (int i = 0; i < ROUNDS; i++) {
        bench_add(&cold, open_once(broker, false));
        bench_add(&bare, ask_bare(bare_fd));
    }
    broker_destroy(broker);
    close(bare_fd);
    bench_row("from the spare: order to its first message, median", bench_median(&spare), "ms", "(target: under 0.3)");
    bench_row("from the zygote: order to the renderer's hello, median", bench_median(&cold), "ms", "(target: under 1)");
    bench_row("a bare fork, thread, filter and answer, median", bench_median(&bare), "ms", "(the floor)");
    bench_row("zygote / floor", bench_median(&cold) / bench_median(&bare), "x", NULL);
    bench_note("the bare process has %u mappings to copy, a zygote about 85", mappings);
    if (!bench_has("bwrap")) {
        bench_note("bwrap is not installed: no comparison");
        return 0;
    }
    const char *argv[] = {"bwrap", "--unshare-all", "--ro-bind", "/", "/", "true", NULL};
    for (int i = 0; i < BWRAP_ROUNDS; i++)
        bench_add(&bwrap, bench_command(argv));
    bench_row("bwrap --unshare-all --ro-bind / / true", bench_median(&bwrap), "ms", NULL);
    bench_row("bwrap / zygote", bench_median(&bwrap) / bench_median(&cold), "x", NULL);
    return 0;
}
