/* cell_privileges.c - the id, the capabilities, and the promise never to gain any. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cell_bounds.h"
#include "renderer/cell/cell_layers.h"

/* Each call is made whatever became of the one before it: in a container that forbids setgroups the id still counts. */
static int change_id(uid_t id)
{
    int rc = 0;

    if (setresgid(id, id, id) < 0)
        rc = -errno;
    if (setgroups(0, NULL) < 0 && rc == 0)
        rc = -errno;
    if (setresuid(id, id, id) < 0 && rc == 0)
        rc = -errno;
    return rc;
}

void cell_privileges_drop_id(struct cell_facts *facts)
{
    uid_t real, effective, saved;
    int rc = 0, death_signal = 0;

    prctl(PR_GET_PDEATHSIG, &death_signal);
    if (geteuid() == 0 || getuid() == 0) {
        for (size_t i = 0; i < CELL_UNUSED_IDS; i++) {
            rc = change_id(cell_unused_ids[i]);
            if (rc != -EINVAL)
                break;
        }
    }
    if (death_signal != 0)
        prctl(PR_SET_PDEATHSIG, death_signal);
    if (getresuid(&real, &effective, &saved) < 0)
        rc = -errno;
    else if (rc == 0 && (real == 0 || effective == 0 || saved == 0))
        rc = -EPERM;
    cell_fact_set(facts, LAYER(UNPRIVILEGED_ID), -rc, "uid %u, gid %u, %d groups", geteuid(), getegid(),
                  getgroups(0, NULL));
}

void cell_privileges_drop_bounding(void)
{
    for (int capability = 0; capability < 64; capability++)
        prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

/* What is left, as one number each: 0 is the aim. */
static int read_capabilities(uint64_t *ret_held, uint64_t *ret_bounding)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    uint64_t bounding = 0;

    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (int capability = 0; capability < 64; capability++) {
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1)
            bounding |= 1ull << capability;
    }
    *ret_held = (data[0].effective | data[0].permitted | data[0].inheritable) |
                (uint64_t)(data[1].effective | data[1].permitted | data[1].inheritable) << 32;
    *ret_bounding = bounding;
    return 0;
}

void cell_privileges_drop_capabilities(struct cell_facts *facts)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {{0}};
    uint64_t held = 0, bounding = 0;
    int rc = 0;

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) < 0)
        rc = -errno;
    if (rc == 0)
        rc = read_capabilities(&held, &bounding);
    if (rc == 0 && held != 0)
        rc = -EPERM;
    /* A bounding set needs CAP_SETPCAP to empty; an ordinary user without a user namespace keeps it, and no_new_privs
     * makes it worthless. */
    cell_fact_set(facts, LAYER(NO_CAPABILITIES), -rc, "held %#llx, bounding %#llx", (unsigned long long)held,
                  (unsigned long long)bounding);
}

void cell_privileges_forbid_new(struct cell_facts *facts)
{
    int rc = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? errno : 0;
    int now = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);

    cell_fact_set(facts, LAYER(NO_NEW_PRIVS), rc == 0 && now != 1 ? EPERM : rc, "no_new_privs is %d", now);
}
