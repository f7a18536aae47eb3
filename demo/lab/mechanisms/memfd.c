/* memfd.c - memory without a name, sealed, handed over by its descriptor: how Bulkhead's frames travel.
 *
 * As a transport each message is a memfd of its own, made, filled, sealed, sent and mapped: dear for 1 KB, and the
 * cheapest there is for a gigabyte. The receiver maps it and looks at both ends; it does not read it all. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/pair.h"
#include "demo/lab/pass_fd.h"

enum { SEALS = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL, TRANSFER_BYTES = 1000 * 1000 * 1000 };

static int memfd_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    (void)shape;
    return lab_pair_open(SOCK_SEQPACKET, ret_link);
}

/* Only what is written takes memory: the first and the last of the message's bytes when it is a large one. */
static int memfd_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    enum { PART = 4096 };
    const unsigned char *bytes = data;
    _fd_cleanup_ int fd = memfd_create("lab", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t part = size_bytes < 2 * PART ? size_bytes : PART;

    if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
        return -errno;
    if (pwrite(fd, bytes, part, 0) != (ssize_t)part ||
        pwrite(fd, bytes + size_bytes - part, part, (off_t)(size_bytes - part)) != (ssize_t)part ||
        fcntl(fd, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    return lab_pass_fd_send(link->fd, fd);
}

static int memfd_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    enum { EDGE = 8 };
    unsigned char *out = data;
    struct stat status;
    _fd_cleanup_ int fd = -1;
    int rc = lab_pass_fd_receive(link->fd, &fd);

    if (rc < 0)
        return rc;
    if (fstat(fd, &status) < 0 || status.st_size != (off_t)size_bytes || (fcntl(fd, F_GET_SEALS) & SEALS) != SEALS)
        return -EBADMSG;
    unsigned char *memory = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    memcpy(out, memory, EDGE);
    memcpy(out + size_bytes - EDGE, memory + size_bytes - EDGE, EDGE);
    munmap(memory, size_bytes);
    return 0;
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_POLLABLE | LAB_NO_KERNEL_COPY,
    .transfer_bytes = TRANSFER_BYTES,
    .open = memfd_open,
    .join = lab_pair_join,
    .send = memfd_send,
    .receive = memfd_receive,
    .close = lab_pair_close,
};

/* Reads the last byte of memory that its maker cuts to nothing meanwhile. */
struct victim {
    int fd;
    const volatile unsigned char *memory;
};

static int read_what_is_gone(void *userdata)
{
    struct victim *victim = userdata;

    signal(SIGBUS, SIG_DFL); /* a sanitizer would take it */
    return ftruncate(victim->fd, 0) == 0 ? victim->memory[4095] : 0;
}

/* What became of a process that read memory whose other holder tried to truncate it. */
static int read_after_truncate(struct lab_stage *stage, bool sealed)
{
    struct victim victim = {.fd = memfd_create("lab", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    void *memory = MAP_FAILED;
    int status = -EIO;

    if (victim.fd >= 0 && ftruncate(victim.fd, 4096) == 0 && (!sealed || fcntl(victim.fd, F_ADD_SEALS, SEALS) == 0))
        memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, victim.fd, 0);
    if (memory != MAP_FAILED) {
        victim.memory = memory;
        status = lab_wait_child(lab_fork(stage, read_what_is_gone, &victim), 5000);
        munmap(memory, 4096);
    }
    fd_close(&victim.fd);
    return status;
}

static void show(struct lab_stage *stage)
{
    _fd_cleanup_ int fd = memfd_create("lab", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    lab_say(stage, "memfd_create() makes memory that is a file without a name; its descriptor can be handed over.");
    if (fd < 0 || ftruncate(fd, 4096) < 0) {
        lab_claim(stage, false, "memfd_create: %s", strerror(errno));
        return;
    }
    lab_claim(stage, fcntl(fd, F_ADD_SEALS, SEALS) == 0, "sealed: it can neither grow nor shrink, and the seals stay");
    lab_claim(stage, ftruncate(fd, 0) < 0 && errno == EPERM, "cutting it off says EPERM, to its maker as well");
    lab_pitfall(stage, "Without seals, whoever shares the memory can cut it off under the other's feet.");
    lab_claim(stage, read_after_truncate(stage, false) == 128 + SIGBUS, "reading what is gone is SIGBUS");
    lab_claim(stage, read_after_truncate(stage, true) == 0, "with seals the same attempt changes nothing");
}

LAB_ENTRY(entry, .name = "memfd", .family = "shared memory", .summary = "sealed memory, handed over by its descriptor",
          .pitfall = "unsealed memory can be cut off under the reader", .claimed_transfer_ms = 0.5,
          .transport = &transport, .show = show);
