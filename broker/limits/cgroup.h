/* cgroup.h - this broker's part of the cgroup v2 tree: one cgroup for each renderer, with limits the kernel holds.
 *
 *   DELEGATED/                    the cgroup this process was started in, if that is ours to divide (cgroup_find.h)
 *   DELEGATED/bulkhead-PID/broker     the broker and what it starts: a cgroup that hands on controllers holds no
 * process DELEGATED/bulkhead-PID/renderer-N one renderer: memory.max, no swap, pids.max, cpu.weight
 *
 * Nothing is rearranged but a cgroup that is ours alone; at the end all is put back as it was. A renderer is moved by
 * itself, before it is anything (the descriptor of its cgroup.procs goes down with the order to fork it): the kernel
 * makes whoever moves wait for an RCU grace period, 12 ms, which the broker's loop could not afford. Knows nothing of
 * renderers but their numbers. 0 or -errno.
 */
#ifndef BULKHEAD_CGROUP_H
#define BULKHEAD_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup;

/* Finds, checks and divides this process's cgroup, after removing what killed brokers left in it. `proc` is "/proc".
 * On failure *ret_why says in words why there are no cgroups for renderers; everything is as it was. */
int cgroup_create(const char *proc, struct cgroup **ret_cgroup, char *ret_why, size_t why_bytes);
/* Removes every renderer's cgroup that is empty, goes back to where it was started, removes the rest. Takes NULL. */
void cgroup_destroy(struct cgroup *cgroup);

struct cgroup_limits {
    uint64_t memory_bytes;
    uint32_t tasks;
    uint32_t cpu_weight; /* 1 to 10000; the broker has 100 */
};

/* Makes renderer `id`'s cgroup. *ret_procs_fd (owned by the caller) is its cgroup.procs: who writes "0" there moves in,
 * with the broker's right to do so. */
int cgroup_add(struct cgroup *cgroup, unsigned id, const struct cgroup_limits *limits, int *ret_procs_fd);
/* Once the process was reaped, or never was; what cannot be removed yet goes with cgroup_destroy(). */
void cgroup_remove(struct cgroup *cgroup, unsigned id);
int cgroup_set_memory(struct cgroup *cgroup, unsigned id, uint64_t memory_bytes);

/* What the kernel says is in force for a renderer: read back, not remembered. */
struct cgroup_observed {
    char directory[512];       /* escaped */
    bool is_alone;             /* one process is in it, and only one */
    pid_t pid;                 /* that process */
    uint64_t memory_max_bytes; /* CGROUP_UNLIMITED without a limit; the others likewise */
    uint64_t pids_max;
    bool has_swap, has_cpu; /* whether there are files for the next two */
    uint64_t swap_max_bytes;
    uint64_t cpu_weight;
};
int cgroup_observe(const struct cgroup *cgroup, unsigned id, struct cgroup_observed *ret_observed);
/* 0 if that is a limit on memory and tasks of one process, else -errno; one line of evidence either way. */
int cgroup_judge(const struct cgroup_observed *observed, char *ret_evidence, size_t evidence_bytes);

/* The counters of memory.events: how often a process of this cgroup was killed for want of memory, anybody's, and how
 * often the cgroup was at its own limit then. They outlive the process. */
struct cgroup_events {
    uint64_t oom_kills;
    uint64_t ooms;
    uint64_t memory_max_bytes;
};
int cgroup_read_events(const struct cgroup *cgroup, unsigned id, struct cgroup_events *ret_events);

#endif
