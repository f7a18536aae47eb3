/* in-setting - runs a command as it would run elsewhere. usage: in-setting container|linux-5.10 COMMAND [ARGUMENT...]
 *
 * container: in a user namespace already, with one id mapped, no further user namespace allowed, no capability,
 * no_new_privs, and a seccomp filter like the container engines' own (no namespaces, no mounts, no ptrace; clone3 "not
 * there", so that clone's flags can be looked at). linux-5.10: a seccomp filter gives the answers of that kernel to
 * what came later.
 *
 * Exit code 77: the host has no user namespaces, so there is no container to stand in.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

static int forbid_as_container_engines_do(scmp_filter_ctx context)
{
    static const int forbidden[] = {SCMP_SYS(unshare), SCMP_SYS(setns),      SCMP_SYS(mount),  SCMP_SYS(umount2),
                                    SCMP_SYS(chroot),  SCMP_SYS(pivot_root), SCMP_SYS(ptrace), SCMP_SYS(keyctl),
                                    SCMP_SYS(bpf),     SCMP_SYS(open_tree),  SCMP_SYS(fsopen), SCMP_SYS(move_mount)};
    static const uint64_t namespaces[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,   CLONE_NEWNET,
                                          CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof forbidden / sizeof forbidden[0]; i++)
        rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), forbidden[i], 0);
    for (size_t i = 0; rc == 0 && i < sizeof namespaces / sizeof namespaces[0]; i++)
        rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                              SCMP_A0(SCMP_CMP_MASKED_EQ, namespaces[i], namespaces[i]));
    return rc == 0 ? seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) : rc;
}

/* Landlock is of 5.13, epoll_pwait2 of 5.11, PR_SET_MDWE of 6.3, SO_PASSRIGHTS of 6.16. Numbers: the same everywhere.
 */
static int answer_as_linux_5_10(scmp_filter_ctx context)
{
    enum { EPOLL_PWAIT2 = 441, LANDLOCK = 444, LANDLOCK_CALLS = 3, SET_MDWE = 65, GET_MDWE = 66, PASSRIGHTS = 83 };
    int rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), EPOLL_PWAIT2, 0);
    for (int i = 0; rc == 0 && i < LANDLOCK_CALLS; i++)
        rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), LANDLOCK + i, 0);
    for (scmp_datum_t option = SET_MDWE; rc == 0 && option <= GET_MDWE; option++)
        rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, option));
    if (rc == 0)
        rc = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOPROTOOPT), SCMP_SYS(setsockopt), 2,
                              SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET), SCMP_A2(SCMP_CMP_EQ, PASSRIGHTS));
    return rc == 0 ? seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOPROTOOPT), SCMP_SYS(getsockopt), 2,
                                      SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET), SCMP_A2(SCMP_CMP_EQ, PASSRIGHTS))
                   : rc;
}

static int load_filter(int (*fill)(scmp_filter_ctx context), bool forbids_new_privileges)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);
    int rc = context == NULL ? -ENOMEM : seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, forbids_new_privileges);
    if (rc == 0)
        rc = fill(context);
    if (rc == 0)
        rc = seccomp_load(context);
    seccomp_release(context);
    return rc;
}

static int enter_container(void)
{
    int rc = write_file("/proc/sys/user/max_user_namespaces", "0");
    if (rc == 0)
        rc = drop_capabilities();
    return rc == 0 ? load_filter(forbid_as_container_engines_do, true) : rc;
}

int main(int argc, char **argv)
{
    int rc = -EINVAL;
    if (argc > 2 && strcmp(argv[1], "container") == 0) {
        rc = enter_user_namespace();
        if (rc < 0) {
            fprintf(stderr, "in-setting: no user namespace: %s\n", strerror(-rc));
            return EXIT_NOT_HERE;
        }
        rc = enter_container();
    } else if (argc > 2 && strcmp(argv[1], "linux-5.10") == 0) {
        rc = load_filter(answer_as_linux_5_10, geteuid() != 0); /* root may do without */
    }
    if (rc < 0) {
        fprintf(stderr, "in-setting: %s\n", strerror(-rc));
        return EXIT_NOT_SET_UP;
    }
    execv(argv[2], argv + 2);
    fprintf(stderr, "in-setting: %s: %s\n", argv[2], strerror(errno));
    return EXIT_NOT_SET_UP;
}
