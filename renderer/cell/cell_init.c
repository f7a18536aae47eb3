/* cell_init.c - pid 1 of the renderers' pid namespace. It does nothing; its death kills them all.
 *
 * Its parent is the broker and SIGKILL its parent-death signal (a namespace's pid 1 ignores SIGTERM), so a broker that
 * is killed leaves no renderer behind, not even one that spins and ignores its closed channel. It reaps nothing:
 * renderers are the broker's children, too.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/policy.h"
#include "renderer/cell/cell_layers.h"
#include "renderer/cell/clone_sibling.h"

static void __attribute__((noreturn)) live(int parent_pidfd, const struct policy_program *policy)
{
    struct pollfd parent = {.fd = parent_pidfd, .events = POLLIN};

    prctl(PR_SET_NAME, "bulkhead-init");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* getppid() is 0 in here, before and after the parent's death; a pidfd made outside knows. */
    if (parent_pidfd >= 0 && poll(&parent, 1, 0) != 0)
        _exit(0);
    fd_close_between(0, ~0u);
    if (policy != NULL)
        policy_apply(policy);
    for (;;)
        ppoll(NULL, 0, NULL, NULL);
}

pid_t cell_init_spawn(void)
{
    struct policy_program *policy = NULL;
    _fd_cleanup_ int parent_pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0);
    int rc = policy_compile(POLICY_INIT, &policy);
    pid_t pid;

    if (rc < 0 && policy_is_supported() == 0)
        return rc;
    pid = clone_sibling();
    if (pid == 0)
        live(parent_pidfd, policy);
    policy_free(policy);
    return pid;
}
