#include "broker/document/sealed_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"

int sealed_memory_create(const char *name, size_t size_bytes, int *ret_fd)
{
    _fd_cleanup_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
        return -errno;
    /* Unsealed, a peer's truncate would turn the next read of whoever shares it into SIGBUS (measured). */
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -errno;
    *ret_fd = fd_steal(&fd);
    return 0;
}
