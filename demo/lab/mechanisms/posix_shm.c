/* posix_shm.c - POSIX shared memory: a name, a descriptor, a mapping; semaphores in it count what is there. */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"

enum { SLOTS = 64, TRANSFER_BYTES = 64 * 1024 };

/* One direction. A semaphore counts the filled slots, another the free ones; nothing else is shared but the data. */
struct lane {
    sem_t filled, free_slots;
    size_t slot_bytes;
    unsigned char slots[];
};

struct lab_link {
    unsigned char *memory; // two lanes, by the side that receives
    size_t lane_bytes;
    struct lane *in, *out;
    unsigned next_in, next_out;
};

/* The name only serves to make it; a mapping needs no name, and what has none is not left behind. */
static void *map_new(size_t size_bytes)
{
    char name[64];
    void *memory = MAP_FAILED;

    snprintf(name, sizeof(name), "/bulkhead-lab-%d", (int)getpid());
    _fd_cleanup_ int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd >= 0) {
        shm_unlink(name);
        if (ftruncate(fd, (off_t)size_bytes) == 0)
            memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    return memory == MAP_FAILED ? NULL : memory;
}

static struct lane *lane_of(struct lab_link *link, enum lab_side side)
{
    return (struct lane *)(void *)(link->memory + (size_t)side * link->lane_bytes);
}

static int posix_shm_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = calloc(1, sizeof(*link));

    if (link == NULL)
        return -ENOMEM;
    link->lane_bytes = (sizeof(struct lane) + SLOTS * shape->message_bytes + 127) & ~(size_t)127;
    link->memory = map_new(2 * link->lane_bytes);
    if (link->memory == NULL) {
        int error = -errno;
        free(link);
        return error;
    }
    for (int side = 0; side < 2; side++) {
        struct lane *lane = lane_of(link, (enum lab_side)side);
        lane->slot_bytes = shape->message_bytes;
        sem_init(&lane->filled, 1, 0);
        sem_init(&lane->free_slots, 1, SLOTS);
    }
    *ret_link = link;
    return 0;
}

static int posix_shm_join(struct lab_link *link, enum lab_side side)
{
    link->in = lane_of(link, side);
    link->out = lane_of(link, side == LAB_LEFT ? LAB_RIGHT : LAB_LEFT);
    return 0;
}

static int wait_for(sem_t *semaphore)
{
    while (sem_wait(semaphore) < 0)
        if (errno != EINTR)
            return -errno;
    return 0;
}

static int posix_shm_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    int rc = wait_for(&link->out->free_slots);

    if (rc < 0)
        return rc;
    memcpy(link->out->slots + link->next_out++ % SLOTS * link->out->slot_bytes, data, size_bytes);
    return sem_post(&link->out->filled) < 0 ? -errno : 0;
}

static int posix_shm_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    int rc = wait_for(&link->in->filled);

    if (rc < 0)
        return rc;
    memcpy(data, link->in->slots + link->next_in++ % SLOTS * link->in->slot_bytes, size_bytes);
    return sem_post(&link->in->free_slots) < 0 ? -errno : 0;
}

static void posix_shm_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    munmap(link->memory, 2 * link->lane_bytes);
    free(link);
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_UNRELATED | LAB_NO_KERNEL_COPY,
    .transfer_bytes = TRANSFER_BYTES,
    .open = posix_shm_open,
    .join = posix_shm_join,
    .send = posix_shm_send,
    .receive = posix_shm_receive,
    .close = posix_shm_close,
};

static int take_and_die(void *userdata)
{
    sem_wait(userdata);
    raise(SIGKILL);
    return 1;
}

static void show_dead_holder(struct lab_stage *stage, sem_t *semaphore)
{
    struct timespec deadline;

    lab_pitfall(stage, "A semaphore has no owner: who dies with it takes it along, and nobody is told.");
    int status = lab_wait_child(lab_fork(stage, take_and_die, semaphore), 5000);
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    lab_claim(stage, status == 128 + SIGKILL && sem_timedwait(semaphore, &deadline) < 0 && errno == ETIMEDOUT,
              "a process took it and was killed; the next waits in vain: ETIMEDOUT after a second");
    sem_post(semaphore);
    lab_claim(stage, sem_timedwait(semaphore, &deadline) == 0,
              "so whoever finds out that the holder died has to post for it (a robust mutex does this by itself)");
}

static void show(struct lab_stage *stage)
{
    char name[64];
    sem_t *semaphore = map_new(sizeof(*semaphore));
    struct stat status = {0};

    lab_say(stage, "shm_open() gives memory a name and a descriptor; ftruncate() gives it a size, mmap() a place.");
    snprintf(name, sizeof(name), "/bulkhead-lab-show-%d", (int)getpid());
    _fd_cleanup_ int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0 || semaphore == NULL) {
        lab_claim(stage, false, "no POSIX shared memory: %s", strerror(errno));
        return;
    }
    lab_claim(stage, fstat(fd, &status) == 0 && status.st_size == 0,
              "new memory has no bytes: touching it would be SIGBUS");
    lab_claim(stage, ftruncate(fd, 4096) == 0 && fstat(fd, &status) == 0 && status.st_size == 4096, "now it has 4096");
    _fd_cleanup_ int second = shm_open(name, O_RDWR, 0);
    lab_claim(stage, second >= 0, "anybody who may and knows the name opens the same memory");
    shm_unlink(name);
    sem_init(semaphore, 1, 1);
    show_dead_holder(stage, semaphore);
    munmap(semaphore, sizeof(*semaphore));
}

LAB_ENTRY(entry, .name = "posix-shm", .family = "shared memory", .summary = "POSIX memory with semaphores in it",
          .pitfall = "a semaphore has no owner whose death is noticed", .claimed_messages_ms = 45,
          .claimed_transfer_ms = 0.5, .transport = &transport, .show = show);
