/* cell_landlock.c - a domain that may do nothing with files, ports, abstract sockets or foreign processes.
 *
 * The second wall behind the empty root and the namespaces, by another part of the kernel; the only one of them where
 * namespaces are forbidden. Constants are our own: Debian 12's headers know ABI 2 of today's 7.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "renderer/cell/cell_layers.h"

enum {
    LANDLOCK_ABI_FILES = 1,
    LANDLOCK_ABI_NETWORK = 4,
    LANDLOCK_ABI_SCOPES = 6,
    LANDLOCK_VERSION_FLAG = 1,
    LANDLOCK_NET_BIND_AND_CONNECT = 3,
    LANDLOCK_SCOPE_ABSTRACT_SOCKET_AND_SIGNAL = 3,
};

struct landlock_attributes {
    __u64 handled_access_fs, handled_access_net, scoped;
};

/* Rights over files known to each ABI: 13 in the first, then refer, truncate, and device ioctls. */
static __u64 files_rights(int abi)
{
    __u64 rights = (1u << 13) - 1;

    if (abi >= 2)
        rights |= 1u << 13;
    if (abi >= 3)
        rights |= 1u << 14;
    if (abi >= 5)
        rights |= 1u << 15;
    return rights;
}

static int restrict_self(const struct landlock_attributes *attributes)
{
    /* The kernel refuses a size it does not know unless the rest is zero, which it is here. */
    long ruleset = syscall(SYS_landlock_create_ruleset, attributes, sizeof(*attributes), 0);
    int rc = 0;

    if (ruleset < 0)
        return -errno;
    if (syscall(SYS_landlock_restrict_self, (int)ruleset, 0) < 0)
        rc = -errno;
    close((int)ruleset);
    return rc;
}

static void record(struct cell_facts *facts, Bulkhead__LayerFact__Layer layer, bool handled, int abi, int rc,
                   const char *what)
{
    if (abi < 0)
        cell_fact_set(facts, layer, -abi, "no Landlock in this kernel");
    else if (!handled)
        cell_fact_set(facts, layer, EOPNOTSUPP, "Landlock ABI %d has no %s", abi, what);
    else
        cell_fact_set(facts, layer, -rc, "Landlock ABI %d: %s", abi, rc == 0 ? what : "refused");
}

/* Opening the root directory is the least there is to ask for. */
static bool can_open_root(void)
{
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

void cell_landlock_restrict(uint32_t wanted, struct cell_facts *facts)
{
    struct landlock_attributes attributes = {0};
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION_FLAG);
    int rc = 0;

    if (abi < 0)
        abi = -errno;
    if ((wanted & CELL_BIT(LAYER(LANDLOCK_FILES))) && abi >= LANDLOCK_ABI_FILES)
        attributes.handled_access_fs = files_rights(abi);
    if ((wanted & CELL_BIT(LAYER(LANDLOCK_NETWORK))) && abi >= LANDLOCK_ABI_NETWORK)
        attributes.handled_access_net = LANDLOCK_NET_BIND_AND_CONNECT;
    if ((wanted & CELL_BIT(LAYER(LANDLOCK_SCOPES))) && abi >= LANDLOCK_ABI_SCOPES)
        attributes.scoped = LANDLOCK_SCOPE_ABSTRACT_SOCKET_AND_SIGNAL;
    if (attributes.handled_access_fs || attributes.handled_access_net || attributes.scoped)
        rc = restrict_self(&attributes);
    if (rc == 0 && attributes.handled_access_fs && can_open_root())
        rc = -EPERM;
    if (wanted & CELL_BIT(LAYER(LANDLOCK_FILES)))
        record(facts, LAYER(LANDLOCK_FILES), attributes.handled_access_fs, abi, rc, "every right over files denied");
    if (wanted & CELL_BIT(LAYER(LANDLOCK_NETWORK)))
        record(facts, LAYER(LANDLOCK_NETWORK), attributes.handled_access_net, abi, rc, "TCP bind and connect denied");
    if (wanted & CELL_BIT(LAYER(LANDLOCK_SCOPES)))
        record(facts, LAYER(LANDLOCK_SCOPES), attributes.scoped, abi, rc, "abstract sockets and signals kept inside");
}
