#include "broker/observe/observe_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cell_bounds.h"
#include "common/fd.h"

#define LAYER(name) BULKHEAD__LAYER_FACT__LAYER__##name
enum { TRIED = LAYER(EMPTY_ROOT) + 1 };

static int write_file(const char *path, const char *text)
{
    _fd_cleanup_ int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, text, strlen(text)) < 0 ? errno : 0;
}

/* Unsharing may succeed where the map is refused: only both are a user namespace. */
static int make_user_namespace(void)
{
    char map[64];
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (unshare(CLONE_NEWUSER) < 0)
        return errno;
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else the files below are root's */
    int error = write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", gid, gid);
    if (error == 0 || error == ENOENT)
        error = write_file("/proc/self/gid_map", map);
    snprintf(map, sizeof map, "%u %u 1", uid, uid);
    return error != 0 ? error : write_file("/proc/self/uid_map", map);
}

/* A file system that is attached nowhere: the same rights as mounting one, and nothing to undo. */
static int make_empty_root(void)
{
    _fd_cleanup_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC), root = -1;
    if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return errno;
    root = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY);
    return root < 0 ? errno : 0;
}

static int have_a_first_process(void)
{
    int status = -1;
    pid_t first = fork();
    if (first == 0)
        _exit(0);
    if (first < 0)
        return errno;
    while (waitpid(first, &status, 0) < 0 && errno == EINTR)
        continue;
    return status == 0 ? 0 : EIO;
}

static void try_the_others(int *errors)
{
    static const struct {
        Bulkhead__LayerFact__Layer layer;
        int flag;
    } others[] = {
        {LAYER(MOUNT_NAMESPACE), CLONE_NEWNS},      {LAYER(NET_NAMESPACE), CLONE_NEWNET},
        {LAYER(IPC_NAMESPACE), CLONE_NEWIPC},       {LAYER(UTS_NAMESPACE), CLONE_NEWUTS},
        {LAYER(CGROUP_NAMESPACE), CLONE_NEWCGROUP}, {LAYER(PID_NAMESPACE), CLONE_NEWPID},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        errors[others[i].layer] = unshare(others[i].flag) < 0 ? errno : 0;
    if (errors[LAYER(PID_NAMESPACE)] == 0)
        errors[LAYER(PID_NAMESPACE)] = have_a_first_process();
    errors[LAYER(EMPTY_ROOT)] = errors[LAYER(MOUNT_NAMESPACE)];
    if (errors[LAYER(EMPTY_ROOT)] == 0)
        errors[LAYER(EMPTY_ROOT)] = make_empty_root();
}

static int drop_root(void)
{
    int error = 0;
    if (geteuid() != 0)
        return 0;
    for (size_t i = 0; i < CELL_UNUSED_IDS; i++) {
        uid_t id = cell_unused_ids[i];
        error = setresgid(id, id, id) < 0 || setresuid(id, id, id) < 0 ? errno : 0;
        if (error != EINVAL)
            break;
    }
    return error;
}

/* Both run in the child. */
static void try_as_anybody(int *errors)
{
    drop_root(); /* where it fails the renderer stays what it is as well */
    errors[LAYER(USER_NAMESPACE)] = make_user_namespace();
    if (errors[LAYER(USER_NAMESPACE)] == 0) {
        try_the_others(errors);
        return;
    }
    for (int layer = 0; layer < TRIED; layer++)
        errors[layer] = errors[LAYER(USER_NAMESPACE)];
}

static int run(void (*trial)(int *errors), int *shared)
{
    int status = -1;
    pid_t child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        trial(shared);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return status == 0 ? 0 : -EIO;
}

int observe_try_namespaces(int ret_errors[TRIED])
{
    size_t bytes = TRIED * sizeof(int);
    int *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -errno;
    int error = run(try_as_anybody, shared);
    int user = shared[LAYER(USER_NAMESPACE)];
    if (error == 0 && user != 0 && geteuid() == 0)
        error = run(try_the_others, shared);
    if (error == 0) {
        shared[LAYER(USER_NAMESPACE)] = user;
        memcpy(ret_errors, shared, bytes);
    }
    munmap(shared, bytes);
    return error;
}
