/* oom.h - whether a SIGKILL was the kernel's, for want of memory.
 *
 * A renderer with a cgroup of its own has the kernel's word for it, and for whose memory it was. Without one there is
 * only the host's count of such kills, and a strike since it was looked at last is put down to whoever was killed.
 */
#ifndef BULKHEAD_OOM_H
#define BULKHEAD_OOM_H

#include <stdint.h>

#include "broker/exit_cause.h"
#include "broker/limits/cgroup.h"

struct oom_watch {
    const char *vmstat_path; /* borrowed */
    uint64_t host_kills;     /* when last looked at */
};

/* "/proc/vmstat" */
void oom_watch_init(struct oom_watch *watch, const char *vmstat_path);

/* `events` of the dead process's own cgroup, NULL if it had none; `frame_bytes` of its limit were meant for frames. */
void oom_judge(struct oom_watch *watch, const struct cgroup_events *events, uint64_t frame_bytes,
               struct oom_verdict *ret_verdict);

#endif
