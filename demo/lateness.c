#include "demo/lateness.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"

enum { LATENESS_TOLERATED = 4 }; /* one part in so many */

void lateness_init(struct lateness *lateness, uint32_t frames_per_second)
{
    *lateness = (struct lateness){.frame_ns = 1000000000 / frames_per_second};
}

static void lateness_close(struct lateness *lateness)
{
    while (lateness->count > 0)
        fd_close(&lateness->fds[--lateness->count]);
}

void lateness_fini(struct lateness *lateness)
{
    lateness_close(lateness);
}

void lateness_watch(struct lateness *lateness, pid_t pid)
{
    char path[300];
    struct dirent *entry;

    if (pid == lateness->pid)
        return;
    lateness_close(lateness);
    lateness->pid = pid;
    lateness->at_ns = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
    DIR *tasks = pid > 0 ? opendir(path) : NULL;
    while (tasks && lateness->count < LATENESS_THREADS && (entry = readdir(tasks))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0)
            lateness->fds[lateness->count++] = fd;
    }
    if (tasks)
        closedir(tasks);
}

/* The second number of Documentation/scheduler/sched-stats.rst, "/proc/<pid>/schedstat". A thread that is gone waits no
 * more. */
static uint64_t lateness_read(int fd)
{
    unsigned long long ran_ns, delay_ns;
    char text[128];
    ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

    text[length > 0 ? length : 0] = '\0';
    return sscanf(text, "%llu %llu", &ran_ns, &delay_ns) == 2 ? delay_ns : 0;
}

uint64_t lateness_own_delay_ns(void)
{
    _fd_cleanup_ int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);

    return fd >= 0 ? lateness_read(fd) : 0;
}

uint64_t lateness_stolen_ticks(const char *text)
{
    unsigned long long steal = 0;

    /* user, nice, system, idle, iowait, irq, softirq, steal */
    return sscanf(text, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &steal) == 1 ? steal : 0;
}

uint64_t lateness_stolen_ns(void)
{
    _fd_cleanup_ int fd = open("/proc/stat", O_RDONLY | O_CLOEXEC);
    long ticks_per_second = sysconf(_SC_CLK_TCK);
    char text[256];
    ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

    text[length > 0 ? length : 0] = '\0';
    return ticks_per_second > 0 ? lateness_stolen_ticks(text) * 1000000000 / (uint64_t)ticks_per_second : 0;
}

void lateness_look(struct lateness *lateness, uint64_t now_ns, uint64_t other_ns)
{
    uint64_t delay_ns = other_ns;

    for (size_t i = 0; i < lateness->count; i++)
        delay_ns += lateness_read(lateness->fds[i]);
    if (lateness->at_ns && delay_ns > lateness->delay_ns)
        lateness_add(lateness, now_ns - lateness->at_ns, delay_ns - lateness->delay_ns);
    else if (lateness->at_ns)
        lateness_add(lateness, now_ns - lateness->at_ns, 0);
    lateness->at_ns = now_ns;
    lateness->delay_ns = delay_ns;
}

void lateness_add(struct lateness *lateness, uint64_t elapsed_ns, uint64_t waited_ns)
{
    uint64_t tolerated_ns = elapsed_ns / LATENESS_TOLERATED;
    uint64_t level_ns = lateness->level_ns + waited_ns;

    level_ns = level_ns > tolerated_ns ? level_ns - tolerated_ns : 0;
    lateness->frames += level_ns / lateness->frame_ns;
    lateness->level_ns = level_ns % lateness->frame_ns;
}
