/* What the namespaces and the empty root look like from outside: by the kernel's own names where those may be read,
 * else by what differs. */
#include <string.h>

#include "broker/observe/observe_judge_private.h"

/* By the kernel's name of the namespace. False if that cannot be read, with the reason in *judgement. */
static bool compare_namespaces(const struct judge_subject *subject, enum observe_namespace which,
                               struct judgement *judgement)
{
    const char *theirs = subject->process->namespaces[which], *ours = subject->own->namespaces[which];
    if (!judge_was_read(subject, OBSERVE_NAMESPACES, judgement))
        return false;
    if (theirs[0] == '\0' || ours[0] == '\0') {
        judge_say(judgement, VERDICT_CANNOT_TELL, "this kernel has no such namespace");
        return false;
    }
    if (strcmp(theirs, ours) == 0)
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "%s, the broker's own", theirs);
    else
        judge_say(judgement, VERDICT_IN_FORCE, "%s, the broker's is %s", theirs, ours);
    return true;
}

void judge_user_namespace(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_id_map *theirs = &subject->process->id_map, *ours = &subject->own->id_map;
    if (compare_namespaces(subject, OBSERVE_NS_USER, judgement) || !judge_was_read(subject, OBSERVE_ID_MAP, judgement))
        return;
    if (strcmp(theirs->first, ours->first) != 0)
        judge_say(judgement, VERDICT_IN_FORCE, "its uid_map is \"%s\", the broker's \"%s\"", theirs->first,
                  ours->first);
    else if (ours->ids > 1)
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "its uid_map \"%s\" is the broker's own", theirs->first);
    else /* one id mapped to itself looks the same one level down */
        judge_say(judgement, VERDICT_CANNOT_TELL, "its uid_map \"%s\" looks like the broker's", theirs->first);
}

static bool has_mount(const struct observe_mounts *mounts, unsigned id)
{
    for (size_t i = 0; i < mounts->count && i < OBSERVE_MOUNTS_MAX; i++)
        if (mounts->ids[i] == id)
            return true;
    return false;
}

void judge_mount_namespace(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_mounts *theirs = &subject->process->mounts, *ours = &subject->own->mounts;
    if (compare_namespaces(subject, OBSERVE_NS_MOUNT, judgement) || !judge_was_read(subject, OBSERVE_MOUNTS, judgement))
        return;
    if (theirs->count == 0 || ours->count == 0 || ours->count > OBSERVE_MOUNTS_MAX)
        judge_say(judgement, VERDICT_CANNOT_TELL, "its mountinfo has %zu mounts", theirs->count);
    else if (has_mount(ours, theirs->ids[0]))
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "mount %u is the broker's too", theirs->ids[0]);
    else
        judge_say(judgement, VERDICT_IN_FORCE, "its %zu mount%s (id %u) none of the broker's %zu", theirs->count,
                  theirs->count == 1 ? " is" : "s are", theirs->ids[0], ours->count);
}

void judge_pid_namespace(const struct judge_subject *subject, struct judgement *judgement)
{
    if (subject->expected->is_outside_pid_namespace) {
        compare_namespaces(subject, OBSERVE_NS_PID_FOR_CHILDREN, judgement);
        return;
    }
    unsigned theirs = subject->process->status.pid_depth, ours = subject->own->status.pid_depth;
    if (!judge_was_read(subject, OBSERVE_STATUS, judgement))
        return;
    if (theirs == 0 || ours == 0)
        judge_say(judgement, VERDICT_CANNOT_TELL, "this kernel does not tell NSpid");
    else
        judge_say(judgement, judge_verdict(theirs > ours), "NSpid: %u level%s deep, the broker %u", theirs,
                  theirs == 1 ? "" : "s", ours);
}

void judge_net_namespace(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_network *theirs = &subject->process->network, *ours = &subject->own->network;
    if (compare_namespaces(subject, OBSERVE_NS_NET, judgement) || !judge_was_read(subject, OBSERVE_NETWORK, judgement))
        return;
    bool is_same = strcmp(theirs->interfaces, ours->interfaces) == 0;
    if (!is_same)
        judge_say(judgement, VERDICT_IN_FORCE, "its interfaces: %s; the broker's: %s",
                  theirs->count > 0 ? theirs->interfaces : "none", ours->interfaces);
    else if (ours->count > 1)
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "it has the broker's interfaces: %s", theirs->interfaces);
    else
        judge_say(judgement, VERDICT_CANNOT_TELL, "its interfaces look like the broker's: %s", theirs->interfaces);
}

void judge_ipc_namespace(const struct judge_subject *subject, struct judgement *judgement)
{
    compare_namespaces(subject, OBSERVE_NS_IPC, judgement);
}

void judge_uts_namespace(const struct judge_subject *subject, struct judgement *judgement)
{
    compare_namespaces(subject, OBSERVE_NS_UTS, judgement);
}

void judge_cgroup_namespace(const struct judge_subject *subject, struct judgement *judgement)
{
    compare_namespaces(subject, OBSERVE_NS_CGROUP, judgement);
}

/* The mounts it can reach, and what is in its root directory where that may be listed. */
void judge_empty_root(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observation *process = subject->process;
    const struct observe_mounts *mounts = &process->mounts;
    struct judgement reason;
    bool can_list = judge_was_read(subject, OBSERVE_ROOT, &reason);
    if (can_list && process->root_entries > 0) {
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "its root directory has %zu entries", process->root_entries);
        return;
    }
    if (!judge_was_read(subject, OBSERVE_MOUNTS, judgement))
        return;
    if (mounts->count == 0) { /* a root that is attached nowhere is in nobody's list */
        judge_say(judgement, can_list ? VERDICT_IN_FORCE : VERDICT_CANNOT_TELL, "no mount of its own%s",
                  can_list ? ", 0 entries in its root" : "");
        judgement->error = can_list ? 0 : reason.error;
        return;
    }
    bool is_empty = mounts->count == 1 && strcmp(mounts->first_type, "tmpfs") == 0 && mounts->is_first_read_only &&
                    strcmp(mounts->first_point, "/") == 0;
    judge_say(judgement, judge_verdict(is_empty), "%zu mount%s: %s %s on %s%s", mounts->count,
              mounts->count == 1 ? "" : "s", mounts->is_first_read_only ? "read-only" : "writable", mounts->first_type,
              mounts->first_point, can_list ? ", 0 entries" : "");
}
