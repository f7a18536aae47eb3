/* A broker with ten renderers and with a thousand: what one more costs, whether a thousand that sleep slow down the one
 * that does not. And how soon a large frame is in the broker's hands.
 */
#include <dirent.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "tests/support/bench.h"

enum {
    FEW = 10,
    MANY = 1000,
    FDS_EACH = 8,
    FDS_BESIDE = 200,
    ANSWERS = 250,
    SAMPLED = 20,
    IDLE_MS = 1600, /* a renderer gives back what it can after a second without a request */
    FULL_HD_WIDTH_PX = 1920,
    FULL_HD_HEIGHT_PX = 1080,
    FPS = 30,
    FRAMES_MS = 6000,
    FRAME_NS = 1000 * 1000 * 1000 / FPS,
    PIXEL_BYTES = 3,
};

static struct bench_tab tabs[MANY];

static void open_up_to(struct broker *broker, unsigned have, unsigned wanted)
{
    for (; have < wanted; have++) {
        bench_open(broker, "about:blank", NULL, &tabs[have]);
        bench_until(broker, &tabs[have].is_live, 10000, "a renderer did not start");
    }
}

/* All threads of a process. One that may not be moved stays: the figure is noisier then, not wrong. */
static void pin_threads(pid_t pid, const cpu_set_t *cores)
{
    char path[64];
    const struct dirent *entry;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *tasks = opendir(path);
    while (tasks != NULL && (entry = readdir(tasks)) != NULL)
        if (atoi(entry->d_name) > 0)
            sched_setaffinity(atoi(entry->d_name), sizeof *cores, cores);
    if (tasks != NULL)
        closedir(tasks);
}

static cpu_set_t first_of(const cpu_set_t *cores)
{
    cpu_set_t first;
    int core = 0;
    while (core < CPU_SETSIZE - 1 && !CPU_ISSET(core, cores))
        core++;
    CPU_ZERO(&first);
    CPU_SET(core, &first);
    return first;
}

/* From a request to its answer, through the broker's loop, for the newest of all. On one core: where the two happen to
 * run makes more of a difference (34 us or 90) than anything that is measured here. */
static double answer_us(struct broker *broker, struct bench_tab *tab)
{
    struct bench_samples samples = {0};
    cpu_set_t all;
    if (sched_getaffinity(0, sizeof all, &all) < 0)
        exit(1);
    const cpu_set_t one = first_of(&all);
    pin_threads(getpid(), &one);
    pin_threads(tab_pid(tab->tab), &one);
    for (int i = 0; i < ANSWERS; i++) {
        tab->has_bounds = false;
        double start = bench_now_ms();
        tab_measure(tab->tab, 0);
        bench_until(broker, &tab->has_bounds, 5000, "no answer");
        bench_add(&samples, (bench_now_ms() - start) * 1000);
    }
    pin_threads(getpid(), &all);
    pin_threads(tab_pid(tab->tab), &all);
    return bench_median(&samples);
}

static double pss_mb(pid_t pid)
{
    char path[64], text[256];
    double kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(text, sizeof text, file) != NULL)
        if (strncmp(text, "Pss:", 4) == 0)
            kilobytes = atof(text + 4);
    if (file != NULL)
        fclose(file);
    return kilobytes / 1024;
}

static void print_memory(void)
{
    struct bench_samples samples = {0};
    for (int i = 0; i < MANY; i += MANY / SAMPLED)
        bench_add(&samples, pss_mb(tab_pid(tabs[i].tab)));
    if (bench_median(&samples) > 0)
        bench_row("memory of each (PSS), median of 20", bench_median(&samples), "MB", NULL);
    else
        bench_note("their memory is not to be read as this user: renderers are not dumpable; run as root");
}

static void crowd(void)
{
    struct rlimit files;
    bench_title("A thousand renderers of about:blank (tests/bench/bench_crowd.c)");
    fd_raise_limit();
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur < MANY * FDS_EACH + FDS_BESIDE) {
        bench_note("left out: at most %llu files may be open here", (unsigned long long)files.rlim_cur);
        return;
    }
    struct broker *broker = bench_broker(1);
    open_up_to(broker, 0, FEW);
    bench_for(broker, IDLE_MS);
    double few_us = answer_us(broker, &tabs[FEW - 1]);
    double start = bench_now_ms();
    open_up_to(broker, FEW, MANY);
    double each_ms = (bench_now_ms() - start) / (MANY - FEW);
    bench_for(broker, IDLE_MS);
    double many_us = answer_us(broker, &tabs[MANY - 1]);
    bench_row("opened in, each", each_ms, "ms", NULL);
    print_memory();
    bench_row("request to answer beside 9 others, one core, median", few_us, "us", NULL);
    bench_row("request to answer beside 999 others, one core, median", many_us, "us", NULL);
    bench_row("999 others / 9 others", many_us / few_us, "x", "(target: at most 1.5)");
    for (int i = 0; i < MANY; i++)
        bench_close(&tabs[i]);
    broker_destroy(broker);
}

/* Does as much to memory as a frame does, says when it was done, sleeps until the next one is due. */
static void send_times(int fd)
{
    static unsigned char pixels[FULL_HD_WIDTH_PX * FULL_HD_HEIGHT_PX * PIXEL_BYTES];
    for (unsigned char value = 0;; value++) {
        const struct timespec frame = {.tv_nsec = FRAME_NS};
        nanosleep(&frame, NULL);
        memset(pixels, value, sizeof pixels);
        uint64_t sent_ns = clock_now_ns();
        if (send(fd, &sent_ns, sizeof sent_ns, MSG_NOSIGNAL) < 0)
            _exit(1);
    }
}

/* As whoever waits for more than one must: by epoll. */
static void note_times(int fd, struct histogram *ret_times)
{
    struct epoll_event event = {.events = EPOLLIN};
    uint64_t sent_ns;
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        _exit(1);
    while (epoll_wait(epoll_fd, &event, 1, -1) == 1 && recv(fd, &sent_ns, sizeof sent_ns, 0) == sizeof sent_ns)
        histogram_add(ret_times, clock_now_ns() - sent_ns);
}

static pid_t fork_bound(void)
{
    pid_t pid = fork();
    if (pid == 0)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    return pid;
}

/* Two processes of their own, one that sends and one that waits: what waking a process costs by itself, measured beside
 * the frames. They end with this one at the latest. */
static pid_t start_wake_ups(struct histogram *ret_times)
{
    int pair[2];
    fflush(stdout);
    pid_t pid = fork_bound();
    if (pid != 0)
        return pid;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        _exit(1);
    if (fork_bound() == 0)
        send_times(pair[1]);
    note_times(pair[0], ret_times);
    _exit(0);
}

static double percentile_us(const struct histogram *times, double fraction)
{
    return (double)histogram_percentile(times, fraction) / 1000;
}

static void hand_over_rows(const struct histogram *ours, const struct histogram *bare)
{
    double ours_us = percentile_us(ours, 0.5), bare_us = percentile_us(bare, 0.5);
    bench_row("frame ready to the broker's hands, median", ours_us, "us", "(target: under 50)");
    bench_row("the same, p99", percentile_us(ours, 0.99), "us", NULL);
    bench_row("a bare message meanwhile, by epoll and recv, median", bare_us, "us", "(the floor)");
    bench_row("the same, p99", percentile_us(bare, 0.99), "us", NULL);
    bench_row("  Bulkhead / bare, median", ours_us / bare_us, "x", NULL);
}

static void hand_over(void)
{
    static const struct tab_view view = {.width_px = FULL_HD_WIDTH_PX,
                                         .height_px = FULL_HD_HEIGHT_PX,
                                         .scale_x = 1,
                                         .scale_y = 1,
                                         .frames_per_second = FPS};
    struct histogram *bare = mmap(NULL, sizeof *bare, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct broker *broker = bench_broker(1);
    struct bench_tab tab;
    struct counters counters;
    int error;
    if (bare == MAP_FAILED)
        exit(1);
    bench_open(broker, "about:clock", NULL, &tab);
    bench_until(broker, &tab.is_live, 5000, "a tab did not start");
    tab_paint(tab.tab, &view, &error);
    pid_t pid = start_wake_ups(bare);
    bench_for(broker, FRAMES_MS);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    counters_init(&counters);
    tab_add_counters(tab.tab, &counters);
    const struct counter *frames = &counters.to_broker[BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY];
    bench_title("Frames of 1920 x 1080 from one renderer (tests/bench/bench_crowd.c)");
    bench_row("frames", (double)frames->messages, "", NULL);
    if (frames->latency != NULL && bare->count > 0)
        hand_over_rows(frames->latency, bare);
    bench_row("bytes through the socket for each frame", (double)frames->bytes / (double)frames->messages, "",
              "(of 6220800 in the picture)");
    counters_fini(&counters);
    bench_close(&tab);
    broker_destroy(broker);
    munmap(bare, sizeof *bare);
}

int main(void)
{
    if (getenv("NOCROWD") == NULL)
        crowd();
    hand_over();
    return 0;
}
