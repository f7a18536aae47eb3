#include "renderer/cell/clone_sibling.h"

#include <errno.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Where glibc keeps the thread's id: the address it gave to set_tid_address(2) at start. Kernels without
 * CONFIG_CHECKPOINT_RESTORE do not tell; the stale id then only shows in the owner field of a locked mutex. */
static void *thread_id_address(void)
{
    int *address = NULL;

    if (prctl(PR_GET_TID_ADDRESS, &address, 0, 0, 0) < 0 || address == NULL || *address != gettid())
        return NULL;
    return address;
}

pid_t clone_sibling(void)
{
    void *address = thread_id_address();
    unsigned long flags = CLONE_PARENT | SIGCHLD;
    long pid;

    if (address != NULL)
        flags |= CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__x86_64__)
    pid = syscall(SYS_clone, flags, 0, NULL, address, 0);
#else
    /* The generic order has tls before the child's tid. */
    pid = syscall(SYS_clone, flags, 0, NULL, 0, address);
#endif
    return pid < 0 ? -errno : (pid_t)pid;
}
