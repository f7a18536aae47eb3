/* cell_limits.c - what a renderer may use up, and which descriptors it holds. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/cell_bounds.h"
#include "common/fd.h"
#include "renderer/cell/cell_layers.h"

static int set_limit(int resource, rlim_t value)
{
    struct rlimit limit;

    /* The hard limit may already be lower, and nobody may raise it. */
    if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
        return -errno;
    if (limit.rlim_max < value)
        value = limit.rlim_max;
    limit = (struct rlimit){value, value};
    return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? -errno : 0;
}

/* The sanitizer's shadow memory alone is terabytes of data. */
#ifdef BULKHEAD_SANITIZED
static const bool is_sanitized = true;
#else
static const bool is_sanitized = false;
#endif

void cell_limits_set(uint64_t memory_limit_bytes, struct cell_facts *facts)
{
    struct rlimit files = {0}, data = {0};
    int rc = 0;

    for (size_t i = 0; i < cell_bound_count; i++) {
        if (is_sanitized && cell_bounds[i].resource == RLIMIT_AS)
            continue;
        int one = set_limit(cell_bounds[i].resource, cell_bounds[i].most);
        rc = rc == 0 ? one : rc;
    }
    if (is_sanitized) {
        cell_fact_set(facts, LAYER(RESOURCE_LIMITS), rc ? -rc : EOPNOTSUPP, "sanitizer build: no memory limit");
        return;
    }
    /* DATA, not AS: address space limits near what is needed refuse sparse decodes that are fine. */
    if (memory_limit_bytes != 0) {
        int one = set_limit(RLIMIT_DATA, memory_limit_bytes);
        rc = rc == 0 ? one : rc;
    }
    getrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_DATA, &data);
    if (data.rlim_cur == RLIM_INFINITY)
        cell_fact_set(facts, LAYER(RESOURCE_LIMITS), -rc, "%llu fds, no memory limit",
                      (unsigned long long)files.rlim_cur);
    else
        cell_fact_set(facts, LAYER(RESOURCE_LIMITS), -rc, "%llu fds, %llu bytes of memory",
                      (unsigned long long)files.rlim_cur, (unsigned long long)data.rlim_cur);
}

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Among the lowest, where new ones would be; one call instead of one for each. */
static int count_open(void)
{
    enum { LOOKED_AT = 64 };
    struct pollfd fds[LOOKED_AT];
    int count = LOOKED_AT;

    for (int fd = 0; fd < LOOKED_AT; fd++)
        fds[fd] = (struct pollfd){.fd = fd};
    if (poll(fds, LOOKED_AT, 0) < 0)
        return -1;
    for (int fd = 0; fd < LOOKED_AT; fd++)
        count -= (fds[fd].revents & POLLNVAL) != 0;
    return count;
}

int cell_limits_close_fds(const int *keep_fds, int keep_count, struct cell_facts *facts)
{
    int kept[CELL_KEEP_FDS], next = 0, open_count;

    if (keep_count < 0 || keep_count > CELL_KEEP_FDS)
        return -EINVAL;
    memcpy(kept, keep_fds, (size_t)keep_count * sizeof(int));
    qsort(kept, (size_t)keep_count, sizeof(int), compare_fds);
    for (int i = 0; i < keep_count; i++) {
        if (kept[i] < next)
            continue;
        if (kept[i] > next)
            fd_close_between((unsigned)next, (unsigned)kept[i] - 1);
        next = kept[i] + 1;
    }
    fd_close_between((unsigned)next, ~0u);
    open_count = count_open();
    cell_fact_set(facts, LAYER(CLOSED_FDS), open_count > keep_count ? EBUSY : 0, "%d fds open", open_count);
    return 0;
}
