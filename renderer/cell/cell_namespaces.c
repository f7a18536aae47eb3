/* cell_namespaces.c - seven namespaces and an empty root, after finding out in a throw-away child which can be had.
 *
 * Nothing here is assumed from the kernel's version: hosts that restrict user namespaces let unshare() succeed and
 * refuse the id map or the mount afterwards, so the child runs the whole sequence, including a first process in the pid
 * namespace, and only then the zygote repeats what worked.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "renderer/cell/cell_layers.h"

static const struct {
    Bulkhead__LayerFact__Layer layer;
    int flag;
    const char *file; /* in /proc/PID/ns */
} namespaces[] = {
    {LAYER(USER_NAMESPACE), CLONE_NEWUSER, "user"},
    {LAYER(MOUNT_NAMESPACE), CLONE_NEWNS, "mnt"},
    {LAYER(NET_NAMESPACE), CLONE_NEWNET, "net"},
    {LAYER(IPC_NAMESPACE), CLONE_NEWIPC, "ipc"},
    {LAYER(UTS_NAMESPACE), CLONE_NEWUTS, "uts"},
    {LAYER(CGROUP_NAMESPACE), CLONE_NEWCGROUP, "cgroup"},
    /* Last: from here on every child is born inside. */
    {LAYER(PID_NAMESPACE), CLONE_NEWPID, "pid_for_children"},
};
_Static_assert(sizeof(namespaces) / sizeof(namespaces[0]) == CELL_NAMESPACE_COUNT, "cell_namespace_links has room");

static int write_file(const char *path, const char *text)
{
    _fd_cleanup_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Our one id to itself. The map's files belong to root unless the process is dumpable, which a change of id undid. */
static int map_ids(uid_t uid, gid_t gid)
{
    char map[64];
    int rc, was_dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);

    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    rc = write_file("/proc/self/setgroups", "deny");
    if (rc == -ENOENT) /* kernels before 3.19 */
        rc = 0;
    if (rc == 0) {
        snprintf(map, sizeof(map), "%u %u 1", gid, gid);
        rc = write_file("/proc/self/gid_map", map);
    }
    if (rc == 0) {
        snprintf(map, sizeof(map), "%u %u 1", uid, uid);
        rc = write_file("/proc/self/uid_map", map);
    }
    prctl(PR_SET_DUMPABLE, was_dumpable, 0, 0, 0);
    return rc;
}

/* Any directory will do as the place where the new root is mounted for a moment. */
static int mount_somewhere(const char **ret_place)
{
    static const char *const places[] = {"/tmp", "/proc", "/run", "/dev", "/var", "/usr"};
    int rc = -ENOENT;

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        /* One inode: the root itself. */
        if (mount("none", places[i], "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1,mode=0555") == 0) {
            *ret_place = places[i];
            return 0;
        }
        rc = -errno;
        if (errno != ENOENT && errno != ENOTDIR)
            break;
    }
    return rc;
}

/* Where we already live in a chroot that is not a mount of its own, pivot_root has nothing to turn, and a mount made
 * there could show outside, as its propagation cannot be switched off. So a tmpfs that is attached nowhere, and another
 * chroot into it. There is no way back without CAP_SYS_CHROOT or a directory's descriptor, and nobody here will have
 * either. */
static int chroot_into_detached_root(void)
{
    _fd_cleanup_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC), root = -1;

    if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "size", "4k", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) < 0 ||
        fsconfig(context, FSCONFIG_SET_STRING, "mode", "0555", 0) < 0 ||
        fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    root =
        fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (root < 0 || fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0)
        return -errno;
    return 0;
}

static int make_empty_root(const char **ret_how)
{
    const char *place = NULL;
    int rc;

    /* Nothing of what follows may travel back to the host. */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        if (errno != EINVAL)
            return -errno;
        *ret_how = "by chroot";
        return chroot_into_detached_root();
    }
    *ret_how = "the old one is unmounted";
    rc = mount_somewhere(&place);
    if (place == NULL)
        return rc;
    /* pivot_root(".", ".") stacks the old root on the new one, so that it needs no directory (pivot_root(2)). */
    if (chdir(place) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        return -errno;
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
        return -errno;
    return 0;
}

/* What is seen of it: where we are, and that nothing can be made there. */
static void record_empty_root(int rc, const char *how, struct cell_facts *facts)
{
    enum { TMPFS = 0x01021994 };
    struct statfs root = {0};
    bool writable = true;

    if (rc == 0 && statfs("/", &root) < 0)
        rc = -errno;
    if (rc == 0) {
        writable = mkdir("/x", 0700) == 0 || errno != EROFS;
        if (root.f_type != TMPFS || writable || access("/proc", F_OK) == 0)
            rc = -EPERM;
    }
    if (rc == 0)
        cell_fact_set(facts, LAYER(EMPTY_ROOT), 0, "root is a read-only tmpfs with %llu inodes left, %s",
                      (unsigned long long)root.f_ffree, how);
    else
        cell_fact_set(facts, LAYER(EMPTY_ROOT), -rc, "the host's files are still the root");
}

static int unshare_one(int flag, uid_t uid, gid_t gid)
{
    static const char hostname[] = "cell";

    if (unshare(flag) < 0)
        return -errno;
    if (flag == CLONE_NEWUSER)
        return map_ids(uid, gid);
    /* A new UTS namespace still tells the host's name until it is given another. */
    if (flag == CLONE_NEWUTS && sethostname(hostname, sizeof(hostname) - 1) < 0)
        return -errno;
    return 0;
}

void cell_namespaces_enter(uint32_t layers, struct cell_facts *facts)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int rc, user_error = 0;

    for (size_t i = 0; i < CELL_NAMESPACE_COUNT; i++) {
        if ((layers & CELL_BIT(namespaces[i].layer)) == 0)
            continue;
        /* Half a user namespace (no map) is no ground for the others. */
        rc = user_error ? user_error : unshare_one(namespaces[i].flag, uid, gid);
        if (namespaces[i].flag == CLONE_NEWUSER)
            user_error = rc;
        cell_fact_set(facts, namespaces[i].layer, -rc, "%s", rc == 0 ? "entered" : "refused");
    }
    if ((layers & CELL_BIT(LAYER(EMPTY_ROOT))) == 0)
        return;
    const char *how = "";
    rc = facts->layers[LAYER(MOUNT_NAMESPACE)].in_force ? make_empty_root(&how) : -EPERM;
    record_empty_root(rc, how, facts);
}

static void read_link(int directory_fd, const char *file, char ret_link[CELL_LINK_BYTES])
{
    ssize_t length = directory_fd < 0 ? -1 : readlinkat(directory_fd, file, ret_link, CELL_LINK_BYTES - 1);

    ret_link[length < 0 ? 0 : length] = '\0';
}

void cell_namespaces_note(struct cell_namespace_links *ret_before)
{
    /* Held open: it can be read after the root is gone. */
    ret_before->directory_fd = open("/proc/self/ns", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < CELL_NAMESPACE_COUNT; i++)
        read_link(ret_before->directory_fd, namespaces[i].file, ret_before->links[i]);
}

void cell_namespaces_observe(struct cell_namespace_links *before, struct cell_facts *facts)
{
    char now[CELL_LINK_BYTES];

    for (size_t i = 0; i < CELL_NAMESPACE_COUNT; i++) {
        struct cell_fact *fact = &facts->layers[namespaces[i].layer];
        read_link(before->directory_fd, namespaces[i].file, now);
        if (!fact->in_force || now[0] == '\0')
            continue;
        if (strcmp(now, before->links[i]) == 0)
            cell_fact_set(facts, namespaces[i].layer, EPERM, "still %s", now);
        else
            cell_fact_set(facts, namespaces[i].layer, 0, "%s instead of %s", now, before->links[i]);
    }
    fd_close(&before->directory_fd);
}

/* In the throw-away child. */
static void rehearse(uint32_t wanted, bool with_roots_rights, struct cell_facts *facts)
{
    struct cell_facts ignored = {0};

    if (!with_roots_rights)
        cell_privileges_drop_id(&ignored);
    cell_namespaces_enter(wanted, facts);
    if (facts->layers[LAYER(PID_NAMESPACE)].in_force) {
        int status;
        pid_t first = fork();
        if (first == 0)
            _exit(0);
        if (first < 0 || waitpid(first, &status, 0) != first || status != 0)
            cell_fact_set(facts, LAYER(PID_NAMESPACE), first < 0 ? errno : EIO, "no process could be born inside");
    }
}

static uint32_t layers_in_force(const struct cell_facts *facts)
{
    uint32_t layers = 0;

    for (int layer = 0; layer < CELL_LAYERS; layer++) {
        if (facts->layers[layer].in_force)
            layers |= CELL_BIT(layer);
    }
    return layers;
}

/* Runs the rehearsal in a child; its facts come back in shared memory. */
static uint32_t try_in_child(uint32_t wanted, bool with_roots_rights, struct cell_facts *ret_facts)
{
    struct cell_facts *shared;
    int status = -1;
    pid_t child;

    memset(ret_facts, 0, sizeof(*ret_facts));
    for (int layer = 0; layer < CELL_LAYERS; layer++) {
        if (wanted & CELL_BIT(layer))
            cell_fact_set(ret_facts, (Bulkhead__LayerFact__Layer)layer, EIO, "could not be tried");
    }
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 0;
    child = fork();
    if (child == 0) {
        rehearse(wanted, with_roots_rights, shared);
        _exit(0);
    }
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status == 0)
        *ret_facts = *shared;
    munmap(shared, sizeof(*shared));
    return layers_in_force(ret_facts);
}

void cell_namespaces_plan(uint32_t wanted, struct cell_plan *ret_plan, struct cell_facts *facts)
{
    struct cell_facts as_user, as_root;
    uint32_t user_bit = CELL_BIT(LAYER(USER_NAMESPACE));
    bool is_root = geteuid() == 0;
    uint32_t found = wanted & user_bit || !is_root ? try_in_child(wanted, false, &as_user) : 0;

    *ret_plan = (struct cell_plan){.layers = found};
    if (wanted & user_bit || !is_root)
        *facts = as_user;
    if (found == wanted || !is_root)
        return;
    uint32_t found_as_root = try_in_child(wanted & ~user_bit, true, &as_root);
    if (__builtin_popcount(found_as_root) <= __builtin_popcount(found))
        return;
    *ret_plan = (struct cell_plan){.layers = found_as_root, .with_roots_rights = true};
    struct cell_fact user = facts->layers[LAYER(USER_NAMESPACE)];
    *facts = as_root;
    if (wanted & user_bit)
        facts->layers[LAYER(USER_NAMESPACE)] = user;
}
