/* in-container - runs a command as it would run in somebody's container: in a user namespace already, with one id
 * mapped, no further user namespace allowed, no capability, no_new_privs, and a seccomp filter like the container
 * engines' own (no namespaces, no mounts; clone3 "not there", so that clone's flags can be looked at).
 * usage: in-container COMMAND [ARGUMENT...]
 *
 * Exit code 77: the host has no user namespaces, so there is nothing to stand in.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_NOT_HERE = 77, EXIT_NOT_SET_UP = 78, CAPABILITIES = 64 };

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int rc = write(fd, text, strlen(text)) < 0 ? -errno : 0;
    close(fd);
    return rc;
}

static int enter_user_namespace(void)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char uids[64], gids[64];
    snprintf(uids, sizeof uids, "%u %u 1", uid, uid);
    snprintf(gids, sizeof gids, "%u %u 1", gid, gid);
    if (unshare(CLONE_NEWUSER) < 0)
        return -errno;
    int rc = write_file("/proc/self/setgroups", "deny");
    if (rc == 0)
        rc = write_file("/proc/self/uid_map", uids);
    if (rc == 0)
        rc = write_file("/proc/self/gid_map", gids);
    return rc;
}

static int drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    for (int capability = 0; capability < CAPABILITIES; capability++)
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}

static int load_filter(void)
{
    static const int forbidden[] = {SCMP_SYS(unshare),   SCMP_SYS(setns),      SCMP_SYS(mount),     SCMP_SYS(umount2),
                                    SCMP_SYS(chroot),    SCMP_SYS(pivot_root), SCMP_SYS(keyctl),    SCMP_SYS(bpf),
                                    SCMP_SYS(open_tree), SCMP_SYS(fsopen),     SCMP_SYS(move_mount)};
    static const uint64_t namespaces[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                          CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    /* They let calls of the other architectures pass, where libseccomp's default would end the thread. */
    int rc = context == NULL ? -ENOMEM : seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);
    for (size_t i = 0; rc == 0 && i < sizeof forbidden / sizeof forbidden[0]; i++)
        rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
    for (size_t i = 0; rc == 0 && i < sizeof namespaces / sizeof namespaces[0]; i++)
        rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
    if (rc == 0)
        rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (rc == 0)
        rc = seccomp_load(context); /* sets no_new_privs, too */
    seccomp_release(context);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return EXIT_NOT_SET_UP;
    int rc = enter_user_namespace();
    if (rc < 0) {
        fprintf(stderr, "in-container: no user namespace: %s\n", strerror(-rc));
        return EXIT_NOT_HERE;
    }
    rc = write_file("/proc/sys/user/max_user_namespaces", "0");
    if (rc == 0)
        rc = drop_capabilities();
    if (rc == 0)
        rc = load_filter();
    if (rc < 0) {
        fprintf(stderr, "in-container: %s\n", strerror(-rc));
        return EXIT_NOT_SET_UP;
    }
    execv(argv[1], argv + 1);
    fprintf(stderr, "in-container: %s: %s\n", argv[1], strerror(errno));
    return EXIT_NOT_SET_UP;
}
