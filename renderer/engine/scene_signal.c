#include "renderer/engine/scene_signal.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

/* A writer's end is opened for both; a reader's mapping is not even asked for more than it could get. */
static int protection_of(Bulkhead__Navigate__SharedBuffer end)
{
    return end == BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER ? PROT_READ | PROT_WRITE : PROT_READ;
}

int scene_signal_map(struct scene_signal *signal, Bulkhead__Navigate__SharedBuffer end, int fd)
{
    bool has_memory =
        end == BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER || end == BULKHEAD__NAVIGATE__SHARED_BUFFER__READER;
    void *memory = NULL;

    if (has_memory)
        memory = mmap(NULL, SWEEP_RING_BYTES, protection_of(end), MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    *signal = (struct scene_signal){.end = end, .ring = memory};
    return 0;
}

void scene_signal_unmap(struct scene_signal *signal)
{
    if (signal->ring)
        munmap(signal->ring, SWEEP_RING_BYTES);
    *signal = (struct scene_signal){0};
}

/* The writer's half of a seqlock. A predecessor that died in the middle left an odd ticket, which this one overwrites.
 */
uint64_t scene_signal_write(struct scene_signal *signal, const int16_t samples[SWEEP_SAMPLES], uint64_t now_ns)
{
    struct sweep_ring *ring = signal->ring;
    struct sweep_slot *slot;
    uint64_t number;

    if (signal->end != BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER)
        return 0;
    number = atomic_load_explicit(&ring->latest, memory_order_relaxed) + 1;
    number += number == 0;
    slot = &ring->slots[number & (SWEEP_SLOTS - 1)];
    atomic_store_explicit(&slot->ticket, 2 * number + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* no sample is seen before the odd ticket */
    atomic_store_explicit(&slot->written_ns, now_ns, memory_order_relaxed);
    for (unsigned i = 0; i < SWEEP_SAMPLES; i++)
        atomic_store_explicit(&slot->samples[i], samples[i], memory_order_relaxed);
    atomic_store_explicit(&slot->ticket, 2 * number, memory_order_release);
    atomic_store_explicit(&ring->latest, number, memory_order_release);
    return number;
}

/* False if it is another sweep by now, or was changed meanwhile; then the copy is worth nothing. */
static bool scene_signal_copy(const struct sweep_ring *ring, uint64_t number, struct scene_sweep *ret_sweep)
{
    const struct sweep_slot *slot = &ring->slots[number & (SWEEP_SLOTS - 1)];
    uint64_t before = atomic_load_explicit(&slot->ticket, memory_order_acquire), after;

    ret_sweep->number = number;
    ret_sweep->written_ns = atomic_load_explicit(&slot->written_ns, memory_order_relaxed);
    for (unsigned i = 0; i < SWEEP_SAMPLES; i++)
        ret_sweep->samples[i] = atomic_load_explicit(&slot->samples[i], memory_order_relaxed);
    atomic_thread_fence(memory_order_acquire); /* no sample is read after the second look at the ticket */
    after = atomic_load_explicit(&slot->ticket, memory_order_relaxed);
    return before == 2 * number && after == before;
}

/* The first sweep to look for, given the last: what was overwritten is counted and left out. A writer may count as it
 * likes, so `latest` may be anything; the numbers wrap, and nothing depends on which of two is the larger. */
static uint64_t scene_signal_first(struct scene_signal_reader *reader, uint64_t latest)
{
    uint64_t news = latest - reader->latest;

    if (!reader->has_looked)
        return latest;
    if (news <= SWEEP_SLOTS)
        return reader->latest + 1;
    reader->missed += news - SWEEP_SLOTS;
    return latest - SWEEP_SLOTS + 1;
}

unsigned scene_signal_read(const struct scene_signal *signal, struct scene_signal_reader *reader,
                           struct scene_sweep ret_sweeps[SWEEP_SLOTS])
{
    uint64_t latest, number;
    unsigned count = 0;

    if (signal->end != BULKHEAD__NAVIGATE__SHARED_BUFFER__READER)
        return 0;
    latest = atomic_load_explicit(&signal->ring->latest, memory_order_acquire);
    if (latest == 0 || (reader->has_looked && latest == reader->latest)) {
        reader->has_looked = true;
        return 0;
    }
    for (number = scene_signal_first(reader, latest); number != latest + 1; number++) {
        if (scene_signal_copy(signal->ring, number, &ret_sweeps[count]))
            count++;
        else
            reader->torn++;
    }
    reader->latest = latest;
    reader->has_looked = true;
    return count;
}
