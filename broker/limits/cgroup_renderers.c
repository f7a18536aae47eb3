#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/limits/cgroup_files.h"
#include "broker/limits/cgroup_private.h"
#include "common/fd.h"
#include "common/text.h"

/* "renderer-N/FILE" */
enum { PATH_BYTES = 64 };

static const char *path_of(char out[PATH_BYTES], unsigned id, const char *file)
{
    snprintf(out, PATH_BYTES, CGROUP_RENDERER "%u/%s", id, file);
    return out;
}

static int set(const struct cgroup *cgroup, unsigned id, const char *file, uint64_t number)
{
    char path[PATH_BYTES];
    return cgroup_file_write_number(cgroup->own_fd, path_of(path, id, file), number);
}

/* For files that not every kernel has. */
static int set_if_there(const struct cgroup *cgroup, unsigned id, const char *file, uint64_t number)
{
    int error = set(cgroup, id, file, number);
    return error == -ENOENT ? 0 : error;
}

static int get(const struct cgroup *cgroup, unsigned id, const char *file, uint64_t *ret_number)
{
    char path[PATH_BYTES];
    return cgroup_file_read_number(cgroup->own_fd, path_of(path, id, file), ret_number);
}

static int set_limits(const struct cgroup *cgroup, unsigned id, const struct cgroup_limits *limits)
{
    int error = set(cgroup, id, "memory.max", limits->memory_bytes);
    /* Without swap accounting there is no such file, and a machine without swap needs none. */
    if (error == 0)
        error = set_if_there(cgroup, id, "memory.swap.max", 0);
    if (error == 0)
        error = set_if_there(cgroup, id, "memory.oom.group", 1);
    if (error == 0)
        error = set(cgroup, id, "pids.max", limits->tasks);
    if (error == 0 && cgroup->has_cpu)
        error = set_if_there(cgroup, id, "cpu.weight", limits->cpu_weight);
    return error;
}

int cgroup_add(struct cgroup *cgroup, unsigned id, const struct cgroup_limits *limits, int *ret_procs_fd)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, CGROUP_RENDERER "%u", id);
    if (mkdirat(cgroup->own_fd, path, 0755) < 0)
        return -errno;
    int error = set_limits(cgroup, id, limits);
    if (error == 0) {
        int fd = openat(cgroup->own_fd, path_of(path, id, "cgroup.procs"), O_WRONLY | O_CLOEXEC);
        error = fd < 0 ? -errno : 0;
        if (error == 0)
            *ret_procs_fd = fd;
    }
    if (error < 0)
        cgroup_remove(cgroup, id);
    return error;
}

void cgroup_remove(struct cgroup *cgroup, unsigned id)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, CGROUP_RENDERER "%u", id);
    unlinkat(cgroup->own_fd, path, AT_REMOVEDIR);
}

int cgroup_set_memory(struct cgroup *cgroup, unsigned id, uint64_t memory_bytes)
{
    return set(cgroup, id, "memory.max", memory_bytes);
}

static int count_pid(pid_t pid, void *userdata)
{
    struct cgroup_observed *observed = userdata;
    observed->is_alone = observed->pid == 0;
    observed->pid = pid;
    return observed->is_alone ? 0 : -E2BIG;
}

int cgroup_observe(const struct cgroup *cgroup, unsigned id, struct cgroup_observed *ret_observed)
{
    char path[PATH_BYTES], directory[sizeof cgroup->directory + PATH_BYTES];
    struct cgroup_observed observed = {0};
    snprintf(directory, sizeof directory, "%s/%s/" CGROUP_RENDERER "%u", cgroup->directory, cgroup->name, id);
    text_escape(observed.directory, sizeof observed.directory, directory, strlen(directory));
    int error = cgroup_file_each_pid(cgroup->own_fd, path_of(path, id, "cgroup.procs"), count_pid, &observed);
    if (error == -E2BIG)
        error = 0;
    if (error == 0)
        error = get(cgroup, id, "memory.max", &observed.memory_max_bytes);
    if (error == 0)
        error = get(cgroup, id, "pids.max", &observed.pids_max);
    if (error < 0)
        return error;
    observed.has_swap = get(cgroup, id, "memory.swap.max", &observed.swap_max_bytes) == 0;
    observed.has_cpu = get(cgroup, id, "cpu.weight", &observed.cpu_weight) == 0;
    *ret_observed = observed;
    return 0;
}

static size_t append(char *out, size_t out_bytes, size_t used, const char *name, uint64_t number)
{
    if (used >= out_bytes)
        return used;
    int length = number == CGROUP_UNLIMITED ? snprintf(out + used, out_bytes - used, "%s=max ", name)
                                            : snprintf(out + used, out_bytes - used, "%s=%" PRIu64 " ", name, number);
    return used + (size_t)length;
}

int cgroup_judge(const struct cgroup_observed *observed, char *ret_evidence, size_t evidence_bytes)
{
    size_t used = append(ret_evidence, evidence_bytes, 0, "memory.max", observed->memory_max_bytes);
    if (observed->has_swap)
        used = append(ret_evidence, evidence_bytes, used, "memory.swap.max", observed->swap_max_bytes);
    used = append(ret_evidence, evidence_bytes, used, "pids.max", observed->pids_max);
    if (observed->has_cpu)
        used = append(ret_evidence, evidence_bytes, used, "cpu.weight", observed->cpu_weight);
    if (used < evidence_bytes)
        snprintf(ret_evidence + used, evidence_bytes - used, "%s %s",
                 observed->is_alone   ? "in"
                 : observed->pid == 0 ? "but the renderer is not in"
                                      : "but several processes are in",
                 observed->directory);
    if (!observed->is_alone)
        return observed->pid == 0 ? -ESRCH : -E2BIG;
    return observed->memory_max_bytes == CGROUP_UNLIMITED || observed->pids_max == CGROUP_UNLIMITED ? -ENOTSUP : 0;
}

int cgroup_read_events(const struct cgroup *cgroup, unsigned id, struct cgroup_events *ret_events)
{
    char path[PATH_BYTES];
    struct cgroup_events events;
    path_of(path, id, "memory.events");
    int error = cgroup_file_read_key(cgroup->own_fd, path, "oom_kill", &events.oom_kills);
    if (error == 0)
        error = cgroup_file_read_key(cgroup->own_fd, path, "oom", &events.ooms);
    if (error == 0)
        error = get(cgroup, id, "memory.max", &events.memory_max_bytes);
    if (error == 0)
        *ret_events = events;
    return error;
}
