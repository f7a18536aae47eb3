/* lateness.h - how many frames a scene could not paint in time because the machine was busy with other programs.
 *
 * The kernel counts how long a thread was ready to run and was not let, and, in a virtual machine, how long the host
 * let its processors run nothing at all (steal time). Waiting is part of life; only what exceeds a quarter of the time
 * is held against the machine, one frame for each frame's time of it. On a quiet machine that is none, whatever a crash
 * does: a broker that is slow, or asleep, does not wait for a processor.
 */
#ifndef BULKHEAD_DEMO_LATENESS_H
#define BULKHEAD_DEMO_LATENESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LATENESS_THREADS = 4 };

struct lateness {
    uint64_t frame_ns;
    uint64_t frames;   // that the machine had no time for, so far
    uint64_t level_ns; // waiting beyond a quarter of the time that makes no whole frame yet
    uint64_t at_ns;    // of the last look; 0 = none yet
    pid_t pid;         // watched
    int fds[LATENESS_THREADS];
    size_t count;      // of fds
    uint64_t delay_ns; // waited for so far, as of the last look: the process', and whoever it depends on
};

void lateness_init(struct lateness *lateness, uint32_t frames_per_second);
void lateness_fini(struct lateness *lateness);

/* Watches the threads this process has now. Nothing to do if it is watched already; counts nothing up to the next look.
 */
void lateness_watch(struct lateness *lateness, pid_t pid);
/* Reads the counters. other_ns: the same, of the thread its frames need besides (the broker's own), and what was
 * stolen.
 */
void lateness_look(struct lateness *lateness, uint64_t now_ns, uint64_t other_ns);
/* The calling thread's. 0 where the kernel does not count it. */
uint64_t lateness_own_delay_ns(void);
/* What the host took from all processors of this machine since it started, in steps of a clock tick (proc_stat(5)). */
uint64_t lateness_stolen_ns(void);
/* From the text of /proc/stat; 0 = it does not say. */
uint64_t lateness_stolen_ticks(const char *text);

/* What lateness_look() does with its readings: so much time passed, so much of it was spent waiting. */
void lateness_add(struct lateness *lateness, uint64_t elapsed_ns, uint64_t waited_ns);

#endif
