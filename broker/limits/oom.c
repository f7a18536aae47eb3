#include "broker/limits/oom.h"

#include <stdio.h>

/* Since the host was started. */
static uint64_t count_host_kills(const char *vmstat_path)
{
    unsigned long long kills = 0;
    char line[128];
    FILE *file = fopen(vmstat_path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "oom_kill %llu", &kills) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return kills;
}

void oom_watch_init(struct oom_watch *watch, const char *vmstat_path)
{
    watch->vmstat_path = vmstat_path;
    watch->host_kills = count_host_kills(vmstat_path);
}

static enum oom_kind kind_of(struct oom_watch *watch, const struct cgroup_events *events)
{
    uint64_t before = watch->host_kills;
    watch->host_kills = count_host_kills(watch->vmstat_path);
    if (events == NULL)
        return watch->host_kills > before ? OOM_HOST : OOM_NONE;
    if (events->oom_kills == 0)
        return OOM_NONE;
    /* Only the cgroup whose limit was reached, and those around it, count an "oom". */
    return events->ooms > 0 ? OOM_OWN_LIMIT : OOM_AROUND;
}

void oom_judge(struct oom_watch *watch, const struct cgroup_events *events, uint64_t frame_bytes,
               struct oom_verdict *ret_verdict)
{
    struct oom_verdict verdict = {.kind = kind_of(watch, events)};
    if (verdict.kind == OOM_OWN_LIMIT) {
        verdict.limit_bytes = events->memory_max_bytes;
        verdict.frame_bytes = frame_bytes < verdict.limit_bytes ? frame_bytes : 0;
    }
    *ret_verdict = verdict;
}
