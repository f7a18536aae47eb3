/* sysv_shm.c - System V shared memory, with a mutex that lives in it and survives the death of its owner. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <unistd.h>

#include "demo/lab/entry.h"

enum { SLOTS = 64, TRANSFER_BYTES = 64 * 1024 };

/* Messages in one direction, guarded by mutex and conditions: the classic way, one copy in and one copy out. */
struct mailbox {
    pthread_mutex_t mutex;
    pthread_cond_t filled, emptied;
    bool reader_waits, writer_waits; // who is to be woken: a signal nobody waits for costs a system call all the same
    unsigned first, count;           // of the slots in use
    size_t slot_bytes;
    unsigned char slots[];
};

struct lab_link {
    unsigned char *memory; // two mailboxes, by the side that receives
    size_t mailbox_bytes;
    struct mailbox *in, *out;
};

/* Removed from the system at once: the mappings keep it alive, and nothing is left behind whoever dies. */
static void *attach_new(size_t size_bytes)
{
    int id = shmget(IPC_PRIVATE, size_bytes, IPC_CREAT | 0600);
    void *memory = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

    if (id >= 0)
        shmctl(id, IPC_RMID, NULL);
    return memory == (void *)-1 ? NULL : memory;
}

static void mutex_init(pthread_mutex_t *mutex, bool robust)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    if (robust)
        pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

static void mailbox_init(struct mailbox *box, size_t slot_bytes)
{
    pthread_condattr_t attributes;

    box->slot_bytes = slot_bytes;
    mutex_init(&box->mutex, true);
    pthread_condattr_init(&attributes);
    pthread_condattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&box->filled, &attributes);
    pthread_cond_init(&box->emptied, &attributes);
    pthread_condattr_destroy(&attributes);
}

static struct mailbox *mailbox_of(struct lab_link *link, enum lab_side side)
{
    return (struct mailbox *)(void *)(link->memory + (size_t)side * link->mailbox_bytes);
}

static int sysv_shm_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = calloc(1, sizeof(*link));

    if (link == NULL)
        return -ENOMEM;
    link->mailbox_bytes = (sizeof(struct mailbox) + SLOTS * shape->message_bytes + 127) & ~(size_t)127;
    link->memory = attach_new(2 * link->mailbox_bytes);
    if (link->memory == NULL) {
        int error = -errno;
        free(link);
        return error;
    }
    mailbox_init(mailbox_of(link, LAB_LEFT), shape->message_bytes);
    mailbox_init(mailbox_of(link, LAB_RIGHT), shape->message_bytes);
    *ret_link = link;
    return 0;
}

static int sysv_shm_join(struct lab_link *link, enum lab_side side)
{
    link->in = mailbox_of(link, side);
    link->out = mailbox_of(link, side == LAB_LEFT ? LAB_RIGHT : LAB_LEFT);
    return 0;
}

/* Locked, and the slot's count as wanted; EOWNERDEAD, the other side's death with the lock, ends the conversation. */
static int lock_until(struct mailbox *box, bool has_message)
{
    bool *waits = has_message ? &box->reader_waits : &box->writer_waits;
    int rc = pthread_mutex_lock(&box->mutex);

    while (rc == 0 && (has_message ? box->count == 0 : box->count == SLOTS)) {
        *waits = true;
        rc = pthread_cond_wait(has_message ? &box->filled : &box->emptied, &box->mutex);
    }
    return -rc;
}

static void unlock_and_wake(struct mailbox *box, bool *waits, pthread_cond_t *condition)
{
    bool wakes = *waits;

    *waits = false;
    pthread_mutex_unlock(&box->mutex);
    if (wakes)
        pthread_cond_signal(condition);
}

static int sysv_shm_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    struct mailbox *box = link->out;
    int rc = lock_until(box, false);

    if (rc != 0)
        return rc;
    memcpy(box->slots + (box->first + box->count) % SLOTS * box->slot_bytes, data, size_bytes);
    box->count++;
    unlock_and_wake(box, &box->reader_waits, &box->filled);
    return 0;
}

static int sysv_shm_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    struct mailbox *box = link->in;
    int rc = lock_until(box, true);

    if (rc != 0)
        return rc;
    memcpy(data, box->slots + box->first * box->slot_bytes, size_bytes);
    box->first = (box->first + 1) % SLOTS;
    box->count--;
    unlock_and_wake(box, &box->writer_waits, &box->emptied);
    return 0;
}

static void sysv_shm_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    shmdt(link->memory);
    free(link);
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_UNRELATED | LAB_MANY_PEERS | LAB_NO_KERNEL_COPY,
    .transfer_bytes = TRANSFER_BYTES,
    .open = sysv_shm_open,
    .join = sysv_shm_join,
    .send = sysv_shm_send,
    .receive = sysv_shm_receive,
    .close = sysv_shm_close,
};

/* What the show's processes share. */
struct shared_counter {
    pthread_mutex_t mutex;
    volatile long unguarded;
    long guarded;
};
enum { COUNTERS = 2, COUNTS = 200000 };

/* Reads, then writes what was read plus one: whatever another process wrote in between is lost. */
static int count_up(void *userdata)
{
    struct shared_counter *counter = userdata;

    for (long i = 0; i < COUNTS; i++) {
        long seen = counter->unguarded;
        if (i % 1000 == 0)
            sched_yield(); /* also on a single processor the other gets a turn in the middle */
        counter->unguarded = seen + 1;
        pthread_mutex_lock(&counter->mutex);
        counter->guarded++;
        pthread_mutex_unlock(&counter->mutex);
    }
    return 0;
}

static void show_race(struct lab_stage *stage, struct shared_counter *counter)
{
    pid_t pids[COUNTERS];
    bool all_well = true;

    lab_pitfall(stage, "Two processes count up the same word; adding one is a read and a write.");
    for (int i = 0; i < COUNTERS; i++)
        pids[i] = lab_fork(stage, count_up, counter);
    for (int i = 0; i < COUNTERS; i++)
        all_well &= lab_wait_child(pids[i], 60000) == 0;
    lab_number(stage, "counted", COUNTERS * COUNTS, "times");
    lab_number(stage, "without the mutex the word says", (double)counter->unguarded, "");
    lab_number(stage, "with it", (double)counter->guarded, "");
    lab_claim(stage, all_well && counter->unguarded < COUNTERS * COUNTS, "%ld counts were lost without it",
              COUNTERS * COUNTS - counter->unguarded);
    lab_claim(stage, counter->guarded == COUNTERS * COUNTS, "none with it");
}

static int die_with_the_lock(void *userdata)
{
    struct shared_counter *counter = userdata;

    pthread_mutex_lock(&counter->mutex);
    raise(SIGKILL);
    return 1;
}

static void show_dead_owner(struct lab_stage *stage, struct shared_counter *counter)
{
    int status = lab_wait_child(lab_fork(stage, die_with_the_lock, counter), 5000);

    lab_claim(stage, status == 128 + SIGKILL, "a process is killed while it holds the mutex");
    int rc = pthread_mutex_lock(&counter->mutex);
    lab_claim(stage, rc == EOWNERDEAD, "the next to lock it gets it, with EOWNERDEAD: the mutex is robust");
    if (rc == EOWNERDEAD)
        pthread_mutex_consistent(&counter->mutex);
    pthread_mutex_unlock(&counter->mutex);
    lab_claim(stage, pthread_mutex_lock(&counter->mutex) == 0, "made consistent, it serves on");
    pthread_mutex_unlock(&counter->mutex);
}

static void show(struct lab_stage *stage)
{
    struct shared_counter *counter = attach_new(sizeof(*counter));

    lab_say(stage, "shmget() makes memory that several processes attach; a mutex in it keeps them apart.");
    if (counter == NULL) {
        lab_claim(stage, false, "no System V shared memory: %s", strerror(errno));
        return;
    }
    mutex_init(&counter->mutex, true);
    show_race(stage, counter);
    show_dead_owner(stage, counter);
    shmdt(counter);
}

LAB_ENTRY(entry, .name = "sysv-shm", .family = "shared memory", .summary = "System V memory with a mutex in it",
          .pitfall = "unguarded words lose updates; a dead owner keeps a plain mutex for ever",
          .claimed_messages_ms = 45, .transport = &transport, .show = show);
