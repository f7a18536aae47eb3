#include "broker/observe/observe_judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "broker/observe/observe_judge_private.h"
#include "common/cell_bounds.h"

void judge_say(struct judgement *judgement, enum verdict verdict, const char *format, ...)
{
    va_list arguments;
    judgement->verdict = verdict;
    judgement->error = 0;
    va_start(arguments, format);
    vsnprintf(judgement->text, sizeof judgement->text, format, arguments);
    va_end(arguments);
}

bool judge_was_read(const struct judge_subject *subject, enum observe_source source, struct judgement *judgement)
{
    int error = subject->process->errors[source];
    if (error == 0)
        error = subject->own->errors[source];
    if (error == 0)
        return true;
    const char *name = strerrorname_np(error);
    if (error == EXDEV)
        judge_say(judgement, VERDICT_CANNOT_TELL, "/proc is of another pid namespace");
    else
        judge_say(judgement, VERDICT_CANNOT_TELL, "/proc/%d/%s: %s", (int)subject->process->pid,
                  observe_source_name(source), name != NULL ? name : "unknown error");
    judgement->error = error;
    return false;
}

enum verdict judge_verdict(bool is_in_force)
{
    return is_in_force ? VERDICT_IN_FORCE : VERDICT_NOT_IN_FORCE;
}

static void judge_unprivileged_id(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_status *status = &subject->process->status;
    bool is_root = false;
    if (!judge_was_read(subject, OBSERVE_STATUS, judgement))
        return;
    for (size_t i = 0; i < 4; i++)
        is_root |= status->uids[i] == 0 || status->gids[i] == 0;
    /* An ordinary user cannot give its groups up, and has none of root's. */
    bool keeps_groups = subject->own->status.uids[1] == 0 && status->group_count > 0;
    judge_say(judgement, judge_verdict(!is_root && !keeps_groups), "uid %u, gid %u, %u supplementary group%s",
              status->uids[1], status->gids[1], status->group_count, status->group_count == 1 ? "" : "s");
}

static void judge_no_capabilities(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_status *status = &subject->process->status;
    if (!judge_was_read(subject, OBSERVE_STATUS, judgement))
        return;
    judge_say(judgement, judge_verdict(status->held_capabilities == 0), "held %#" PRIx64 ", bounding %#" PRIx64,
              status->held_capabilities, status->bounding_capabilities);
}

static void judge_no_new_privs(const struct judge_subject *subject, struct judgement *judgement)
{
    int value = subject->process->status.no_new_privs;
    if (!judge_was_read(subject, OBSERVE_STATUS, judgement))
        return;
    if (value == OBSERVE_NOT_TOLD)
        judge_say(judgement, VERDICT_CANNOT_TELL, "this kernel does not tell NoNewPrivs");
    else
        judge_say(judgement, judge_verdict(value == 1), "NoNewPrivs: %d in %u thread%s", value,
                  subject->process->threads, subject->process->threads == 1 ? "" : "s");
}

static void judge_landlock(const struct judge_subject *subject, struct judgement *judgement)
{
    (void)subject;
    judge_say(judgement, VERDICT_CANNOT_TELL, "the kernel shows no Landlock domain in /proc");
}

static void say_limit(struct judgement *judgement, int limit, uint64_t value, uint64_t most)
{
    char number[32] = "unlimited";
    if (value != OBSERVE_UNLIMITED)
        snprintf(number, sizeof number, "%" PRIu64, value);
    judge_say(judgement, VERDICT_NOT_IN_FORCE, "%s: %s instead of %" PRIu64, observe_limit_name(limit), number, most);
}

static void judge_resource_limits(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_limits *theirs = &subject->process->limits;
    uint64_t memory = subject->expected->memory_limit_bytes;
    if (!judge_was_read(subject, OBSERVE_LIMITS, judgement))
        return;
    for (size_t i = 0; i < cell_bound_count; i++) {
        /* Who may lower its own limit may raise it again up to the hard one. */
        uint64_t value = theirs->hard[cell_bounds[i].resource];
        if (value > cell_bounds[i].most) {
            say_limit(judgement, cell_bounds[i].resource, value, cell_bounds[i].most);
            return;
        }
    }
    if (memory != 0 && theirs->hard[RLIMIT_DATA] > memory) {
        say_limit(judgement, RLIMIT_DATA, theirs->hard[RLIMIT_DATA], memory);
        return;
    }
    judge_say(judgement, VERDICT_IN_FORCE,
              "%" PRIu64 " open files, %" PRIu64 " processes, file size %" PRIu64 ", data %s%" PRIu64,
              theirs->hard[RLIMIT_NOFILE], theirs->hard[RLIMIT_NPROC], theirs->hard[RLIMIT_FSIZE],
              memory == 0 ? "without limit asked for: " : "", theirs->hard[RLIMIT_DATA]);
}

/* The kernel does not show the attribute itself; memory that it forbids would disprove it. */
static void judge_write_execute(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_maps *maps = &subject->process->maps;
    if (!judge_was_read(subject, OBSERVE_MAPS, judgement))
        return;
    if (maps->writable_executable > 0)
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "%zu of %zu mappings writable and executable: %s",
                  maps->writable_executable, maps->count, maps->first);
    else
        judge_say(judgement, VERDICT_CANNOT_TELL, "none of %zu mappings is writable and executable", maps->count);
}

/* The kernel's words (fs/proc/array.c) for a speculation that is off, or that this processor has no trouble with. */
static bool is_restrained(const char *words)
{
    static const char *const fine[] = {
        "not vulnerable", "thread force mitigated",     "thread mitigated",     "globally mitigated",
        "not affected",   "conditional force disabled", "conditional disabled", "always disabled",
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++)
        if (strcmp(words, fine[i]) == 0)
            return true;
    return false;
}

static void judge_speculation(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_status *status = &subject->process->status;
    if (!judge_was_read(subject, OBSERVE_STATUS, judgement))
        return;
    if (status->store_bypass[0] == '\0' || status->indirect_branch[0] == '\0')
        judge_say(judgement, VERDICT_CANNOT_TELL, "this kernel does not tell");
    else
        judge_say(judgement,
                  judge_verdict(is_restrained(status->store_bypass) && is_restrained(status->indirect_branch)),
                  "store bypass: %s, indirect branch: %s", status->store_bypass, status->indirect_branch);
}

/* The kernel gives the files of a process that is not dumpable to root. For one that is root anyway, and where root has
 * no name in our user namespace, its files say nothing. */
static void judge_not_dumpable(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observation *process = subject->process;
    uid_t uid = process->status.uids[1];
    if (!judge_was_read(subject, OBSERVE_STATUS, judgement))
        return;
    if (process->owner != uid)
        judge_say(judgement, VERDICT_IN_FORCE, "its files in /proc are uid %u's, it runs as %u", process->owner, uid);
    else if (uid != 0 && process->errors[OBSERVE_NAMESPACES] == 0)
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "its files in /proc are its own and can be read");
    else
        judge_say(judgement, VERDICT_CANNOT_TELL, "its files in /proc are uid %u's either way", uid);
}

/* What a renderer may hold: the null device, its log pipes, its channel, frame memory, and, with a document, files. */
static bool is_own(const struct observe_fd *fd, bool may_hold_files)
{
    static const char *const standard[] = {"/dev/null", "pipe:[", "pipe:[", "socket:["};
    if (fd->number >= 0 && (size_t)fd->number < sizeof standard / sizeof standard[0])
        return strncmp(fd->target, standard[fd->number], strlen(standard[fd->number])) == 0;
    if (strncmp(fd->target, "/memfd:", 7) == 0)
        return true;
    return may_hold_files && fd->target[0] == '/' && strncmp(fd->target, "/dev/", 5) != 0 &&
           strncmp(fd->target, "/proc/", 6) != 0 && strncmp(fd->target, "/sys/", 5) != 0;
}

static void judge_closed_fds(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observation *process = subject->process;
    if (!judge_was_read(subject, OBSERVE_FDS, judgement))
        return;
    for (size_t i = 0; i < process->fd_count && i < OBSERVE_FDS_MAX; i++) {
        if (is_own(&process->fds[i], subject->expected->may_hold_files))
            continue;
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "it holds fd %d: %s", process->fds[i].number,
                  process->fds[i].target);
        return;
    }
    if (process->fd_count > OBSERVE_FDS_MAX)
        judge_say(judgement, VERDICT_NOT_IN_FORCE, "it holds %zu descriptors", process->fd_count);
    else
        judge_say(judgement, VERDICT_IN_FORCE, "%zu descriptors, each its own", process->fd_count);
}

/* A filter more than we have ourselves: in a container the broker may live behind one, too. */
static void judge_seccomp(const struct judge_subject *subject, struct judgement *judgement)
{
    const struct observe_status *theirs = &subject->process->status, *ours = &subject->own->status;
    if (!judge_was_read(subject, OBSERVE_STATUS, judgement))
        return;
    if (theirs->seccomp_mode == OBSERVE_NOT_TOLD) {
        judge_say(judgement, VERDICT_CANNOT_TELL, "this kernel does not tell Seccomp");
        return;
    }
    bool counts = theirs->seccomp_filters != OBSERVE_NOT_TOLD && ours->seccomp_filters != OBSERVE_NOT_TOLD;
    if (!counts && theirs->seccomp_mode == 2 && ours->seccomp_mode == 2) {
        judge_say(judgement, VERDICT_CANNOT_TELL,
                  "Seccomp: 2, as the broker's own; this kernel does not count filters");
        return;
    }
    bool is_filtered = theirs->seccomp_mode == 2 && (!counts || theirs->seccomp_filters > ours->seccomp_filters);
    if (counts)
        judge_say(judgement, judge_verdict(is_filtered), "Seccomp: %d, filters: %d (the broker: %d), in %u thread%s",
                  theirs->seccomp_mode, theirs->seccomp_filters, ours->seccomp_filters, subject->process->threads,
                  subject->process->threads == 1 ? "" : "s");
    else
        judge_say(judgement, judge_verdict(is_filtered), "Seccomp: %d (the broker: %d), in %u thread%s",
                  theirs->seccomp_mode, ours->seccomp_mode, subject->process->threads,
                  subject->process->threads == 1 ? "" : "s");
}

static void (*const judges[])(const struct judge_subject *subject, struct judgement *judgement) = {
    [BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE] = judge_user_namespace,
    [BULKHEAD__LAYER_FACT__LAYER__MOUNT_NAMESPACE] = judge_mount_namespace,
    [BULKHEAD__LAYER_FACT__LAYER__PID_NAMESPACE] = judge_pid_namespace,
    [BULKHEAD__LAYER_FACT__LAYER__NET_NAMESPACE] = judge_net_namespace,
    [BULKHEAD__LAYER_FACT__LAYER__IPC_NAMESPACE] = judge_ipc_namespace,
    [BULKHEAD__LAYER_FACT__LAYER__UTS_NAMESPACE] = judge_uts_namespace,
    [BULKHEAD__LAYER_FACT__LAYER__CGROUP_NAMESPACE] = judge_cgroup_namespace,
    [BULKHEAD__LAYER_FACT__LAYER__EMPTY_ROOT] = judge_empty_root,
    [BULKHEAD__LAYER_FACT__LAYER__UNPRIVILEGED_ID] = judge_unprivileged_id,
    [BULKHEAD__LAYER_FACT__LAYER__NO_CAPABILITIES] = judge_no_capabilities,
    [BULKHEAD__LAYER_FACT__LAYER__NO_NEW_PRIVS] = judge_no_new_privs,
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_FILES] = judge_landlock,
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_NETWORK] = judge_landlock,
    [BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_SCOPES] = judge_landlock,
    [BULKHEAD__LAYER_FACT__LAYER__RESOURCE_LIMITS] = judge_resource_limits,
    [BULKHEAD__LAYER_FACT__LAYER__MEMORY_DENY_WRITE_EXECUTE] = judge_write_execute,
    [BULKHEAD__LAYER_FACT__LAYER__SPECULATION_CONTROL] = judge_speculation,
    [BULKHEAD__LAYER_FACT__LAYER__NOT_DUMPABLE] = judge_not_dumpable,
    [BULKHEAD__LAYER_FACT__LAYER__CLOSED_FDS] = judge_closed_fds,
    [BULKHEAD__LAYER_FACT__LAYER__SECCOMP] = judge_seccomp,
};

void observe_judge(Bulkhead__LayerFact__Layer layer, const struct observation *process, const struct observation *own,
                   const struct observe_expected *expected, struct judgement *ret_outside)
{
    const struct judge_subject subject = {.process = process, .own = own, .expected = expected};
    judge_say(ret_outside, VERDICT_CANNOT_TELL, "not to be seen in /proc");
    if ((size_t)layer < sizeof judges / sizeof judges[0] && judges[layer] != NULL)
        judges[layer](&subject, ret_outside);
}

enum layer_observed observe_decide(enum verdict outside, enum verdict inside)
{
    if (outside == VERDICT_CANNOT_TELL && inside == VERDICT_CANNOT_TELL)
        return LAYER_OBSERVED_NOT_SHOWN;
    if (outside != VERDICT_CANNOT_TELL && inside != VERDICT_CANNOT_TELL && outside != inside)
        return LAYER_OBSERVED_CONTRADICTED;
    if (outside == VERDICT_IN_FORCE)
        return LAYER_OBSERVED_IN_FORCE;
    return outside == VERDICT_CANNOT_TELL && inside == VERDICT_IN_FORCE ? LAYER_OBSERVED_CLAIMED
                                                                        : LAYER_OBSERVED_MISSING;
}

const char *layer_observed_name(enum layer_observed observed)
{
    static const char *const names[LAYER_OBSERVED_COUNT] = {
        [LAYER_OBSERVED_IN_FORCE] = "in force",         [LAYER_OBSERVED_CLAIMED] = "it says so",
        [LAYER_OBSERVED_MISSING] = "missing",           [LAYER_OBSERVED_NOT_SHOWN] = "not shown",
        [LAYER_OBSERVED_CONTRADICTED] = "CONTRADICTED",
    };
    return names[observed];
}
