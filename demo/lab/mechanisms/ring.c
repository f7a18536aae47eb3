/* ring.c - common/ring.h between two processes, waiting in three ways: spinning, on a futex, on an eventfd.
 *
 * The futex is the sleep mark itself. Spinning before sleeping must last longer than a wake-up costs, or both sides
 * sleep for ever after the first time (80 to 100 us between cores of a virtual machine, measured); with one core for
 * both it would only keep the other from running, so there it yields at once. */
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/ring.h"
#include "demo/lab/entry.h"

enum {
    CAPACITY_BYTES = 1024 * 1024,
    BATCH = 32,
    SPIN_NS = 50 * 1000,
    SPINS_A_LOOK = 64, /* between looks at the clock */
};

enum waiting { WAITING_SPIN, WAITING_FUTEX, WAITING_EVENTFD };

/* One direction. */
struct way {
    struct ring_memory *memory;
    int consumer_event, producer_event; // eventfds to wake that side
};

struct lab_link {
    struct way ways[2]; // by the side that consumes
    enum waiting waiting;
    bool one_core;
    struct way *in, *out;
    struct ring_producer producer;
    struct ring_consumer consumer;
    unsigned unpublished;
};

static void ring_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    for (int i = 0; i < 2; i++) {
        fd_close(&link->ways[i].consumer_event);
        fd_close(&link->ways[i].producer_event);
        if (link->ways[i].memory != NULL)
            munmap(link->ways[i].memory, ring_memory_bytes(CAPACITY_BYTES));
    }
    free(link);
}

static int way_open(struct way *way)
{
    void *memory =
        mmap(NULL, ring_memory_bytes(CAPACITY_BYTES), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return -errno;
    way->memory = memory;
    way->consumer_event = eventfd(0, EFD_CLOEXEC);
    way->producer_event = eventfd(0, EFD_CLOEXEC);
    return way->consumer_event < 0 || way->producer_event < 0 ? -errno : 0;
}

static int open_waiting(enum waiting waiting, const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = calloc(1, sizeof(*link));
    int rc = link == NULL ? -ENOMEM : 0;

    for (int i = 0; i < 2 && link != NULL; i++)
        link->ways[i].consumer_event = link->ways[i].producer_event = -1;
    for (int i = 0; i < 2 && rc == 0; i++)
        rc = way_open(&link->ways[i]);
    if (rc < 0) {
        ring_close(link);
        return rc;
    }
    link->waiting = waiting;
    link->one_core = shape->one_core;
    *ret_link = link;
    return 0;
}

static int open_spin(const struct lab_shape *shape, struct lab_link **ret_link)
{
    return open_waiting(WAITING_SPIN, shape, ret_link);
}

static int open_futex(const struct lab_shape *shape, struct lab_link **ret_link)
{
    return open_waiting(WAITING_FUTEX, shape, ret_link);
}

static int open_eventfd(const struct lab_shape *shape, struct lab_link **ret_link)
{
    return open_waiting(WAITING_EVENTFD, shape, ret_link);
}

static int ring_join(struct lab_link *link, enum lab_side side)
{
    link->in = &link->ways[side];
    link->out = &link->ways[side == LAB_LEFT ? LAB_RIGHT : LAB_LEFT];
    ring_producer_init(&link->producer, link->out->memory, CAPACITY_BYTES);
    ring_consumer_init(&link->consumer, link->in->memory, CAPACITY_BYTES);
    return 0;
}

static void wake(const struct lab_link *link, uint32_t *mark, int event)
{
    const uint64_t one = 1;

    if (link->waiting == WAITING_FUTEX)
        syscall(SYS_futex, mark, FUTEX_WAKE, 1, NULL, NULL, 0);
    else if (link->waiting == WAITING_EVENTFD)
        (void)!write(event, &one, sizeof(one));
}

static void sleep_on(const struct lab_link *link, uint32_t *mark, int event)
{
    uint64_t count;

    if (link->waiting == WAITING_FUTEX)
        syscall(SYS_futex, mark, FUTEX_WAIT, 1, NULL, NULL, 0);
    else
        (void)!read(event, &count, sizeof(count));
}

/* Tells the processor that we spin. */
static void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Spins a little; true when it is time to sleep. */
static bool has_spun_enough(const struct lab_link *link, uint64_t *start_ns)
{
    if (link->one_core) {
        sched_yield();
        return link->waiting != WAITING_SPIN;
    }
    for (int i = 0; i < SPINS_A_LOOK; i++)
        cpu_relax();
    if (link->waiting == WAITING_SPIN)
        return false;
    if (*start_ns == 0)
        *start_ns = clock_now_ns();
    return clock_now_ns() - *start_ns > SPIN_NS;
}

static void publish(struct lab_link *link)
{
    link->unpublished = 0;
    if (ring_producer_publish(&link->producer))
        wake(link, &link->out->memory->consumer_sleeps, link->out->consumer_event);
}

static int ring_flush(struct lab_link *link)
{
    publish(link);
    return 0;
}

static int ring_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    unsigned char *payload;
    uint64_t start_ns = 0;
    enum ring_result result;

    while ((result = ring_producer_push(&link->producer, size_bytes, &payload)) == RING_FULL) {
        publish(link);
        if (has_spun_enough(link, &start_ns) && ring_producer_sleeps(&link->producer, size_bytes))
            sleep_on(link, &link->out->memory->producer_sleeps, link->out->producer_event);
    }
    if (result != RING_OK)
        return -EBADMSG;
    memcpy(payload, data, size_bytes);
    if (++link->unpublished == BATCH)
        publish(link);
    return 0;
}

static int ring_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    uint64_t start_ns = 0;
    size_t length;
    enum ring_result result;

    while ((result = ring_consumer_pop(&link->consumer, data, size_bytes, &length)) == RING_EMPTY) {
        if (ring_consumer_release(&link->consumer))
            wake(link, &link->in->memory->producer_sleeps, link->in->producer_event);
        if (has_spun_enough(link, &start_ns) && ring_consumer_sleeps(&link->consumer))
            sleep_on(link, &link->in->memory->consumer_sleeps, link->in->consumer_event);
    }
    /* Space is given back in large steps: each step is a line the other core has to fetch. */
    if (link->consumer.head - link->consumer.published > CAPACITY_BYTES / 4 && ring_consumer_release(&link->consumer))
        wake(link, &link->in->memory->producer_sleeps, link->in->producer_event);
    return result == RING_OK && length == size_bytes ? 0 : -EBADMSG;
}

#define TRANSPORT(identifier, open_function)                                                                           \
    static const struct lab_transport identifier = {                                                                   \
        .capabilities = LAB_KEEPS_BOUNDARIES | LAB_NO_KERNEL_COPY,                                                     \
        .transfer_bytes = 64 * 1024,                                                                                   \
        .open = open_function,                                                                                         \
        .join = ring_join,                                                                                             \
        .send = ring_send,                                                                                             \
        .receive = ring_receive,                                                                                       \
        .flush = ring_flush,                                                                                           \
        .close = ring_close,                                                                                           \
    }

TRANSPORT(spinning, open_spin);
TRANSPORT(on_a_futex, open_futex);
TRANSPORT(on_an_eventfd, open_eventfd);

enum { SMALL_RING_BYTES = 4096 };

static void show_full_and_empty(struct lab_stage *stage, struct ring_memory *memory)
{
    struct ring_producer producer;
    struct ring_consumer consumer;
    unsigned char *payload, out[256];
    size_t length;
    int pushed = 0;

    ring_producer_init(&producer, memory, SMALL_RING_BYTES);
    ring_consumer_init(&consumer, memory, SMALL_RING_BYTES);
    lab_claim(stage, ring_consumer_pop(&consumer, out, sizeof(out), &length) == RING_EMPTY, "an empty ring says so");
    while (ring_producer_push(&producer, sizeof(out), &payload) == RING_OK)
        pushed++;
    lab_claim(stage, pushed > 0 && ring_consumer_pop(&consumer, out, sizeof(out), &length) == RING_EMPTY,
              "%d frames are written, none is visible before it is published", pushed);
    ring_producer_publish(&producer);
    lab_claim(stage, ring_consumer_pop(&consumer, out, sizeof(out), &length) == RING_OK, "then they are");
    lab_claim(stage, ring_producer_push(&producer, sizeof(out), &payload) == RING_FULL,
              "full until the consumer gives the space back");
    ring_consumer_release(&consumer);
    lab_claim(stage, ring_producer_push(&producer, sizeof(out), &payload) == RING_OK, "then there is room again");
}

static void show_a_liar(struct lab_stage *stage, struct ring_memory *memory)
{
    struct ring_consumer consumer;
    unsigned char out[64];
    size_t length;

    lab_pitfall(stage,
                "The memory belongs to both: a hostile producer may write any index and any length at any time.");
    memset(memory, 0, ring_memory_bytes(SMALL_RING_BYTES));
    memory->tail = UINT64_MAX - 7;
    ring_consumer_init(&consumer, memory, SMALL_RING_BYTES);
    lab_claim(stage, ring_consumer_pop(&consumer, out, sizeof(out), &length) == RING_CORRUPT,
              "an index beyond the ring is refused");
    memory->tail = 64;
    memset(memory->data, 0xee, sizeof(uint32_t));
    ring_consumer_init(&consumer, memory, SMALL_RING_BYTES);
    lab_claim(stage, ring_consumer_pop(&consumer, out, sizeof(out), &length) == RING_CORRUPT,
              "so is a length of 0xeeeeeeee");
}

static void show(struct lab_stage *stage)
{
    size_t size_bytes = ring_memory_bytes(SMALL_RING_BYTES);
    struct ring_memory *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    lab_say(stage, "One producer, one consumer, two indices: no lock, and no system call while both are awake.");
    if (memory == MAP_FAILED) {
        lab_claim(stage, false, "mmap: %s", strerror(errno));
        return;
    }
    show_full_and_empty(stage, memory);
    show_a_liar(stage, memory);
    munmap(memory, size_bytes);
}

LAB_ENTRY(spin, .name = "ring-spin", .family = "shared memory", .summary = "a lock-free ring; whoever waits spins",
          .pitfall = "the other side may write anything at any time", .claimed_messages_ms = 45,
          .claimed_a_second = 1000000, .transport = &spinning, .show = show);
LAB_ENTRY(futex, .name = "ring-futex", .family = "shared memory",
          .summary = "a lock-free ring; whoever waits long sleeps on a futex", .claimed_messages_ms = 45,
          .claimed_a_second = 1000000, .transport = &on_a_futex);
LAB_ENTRY(event, .name = "ring-eventfd", .family = "shared memory",
          .summary = "a lock-free ring; whoever waits long sleeps on an eventfd", .claimed_messages_ms = 45,
          .claimed_a_second = 1000000, .transport = &on_an_eventfd);
