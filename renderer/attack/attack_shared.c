/* What a page that has an end of the memory shared between two pages could do with it: as the reader, write; as the
 * writer, take the memory from under the reader, or fill it with what no honest writer would. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/sweep_layout.h"
#include "renderer/attack/attacker.h"

/* A reader of 25 frames a second looks some ten times meanwhile. */
enum { SCRIBBLE_MS = 400 };

static void *map(const struct attacker *self, int protection)
{
    return mmap(NULL, SWEEP_RING_BYTES, protection, MAP_SHARED, self->shared_fd, 0);
}

static bool reader_maps_writable(struct attacker *self)
{
    void *memory = map(self, PROT_READ | PROT_WRITE);

    attacker_note(self, memory == MAP_FAILED ? -1 : 0, errno);
    return true;
}

static bool reader_mprotects(struct attacker *self)
{
    void *memory = map(self, PROT_READ);
    long result = memory == MAP_FAILED ? 0 : mprotect(memory, SWEEP_RING_BYTES, PROT_READ | PROT_WRITE);

    attacker_note(self, result, errno);
    return true;
}

static bool writer_shrinks(struct attacker *self)
{
    long result = syscall(SYS_ftruncate, self->shared_fd, 0);

    attacker_note(self, result, errno);
    return true;
}

/* With that seal no writer after this one could map it. */
static bool writer_seals(struct attacker *self)
{
    long result = syscall(SYS_fcntl, self->shared_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);

    attacker_note(self, result, errno);
    return true;
}

/* Every slot whole and in turn, ending where numbers end, of samples that go from one limit to the other. */
static void forge_sweeps(struct sweep_ring *ring)
{
    for (uint64_t number = UINT64_MAX; number > UINT64_MAX - SWEEP_SLOTS; number--) {
        struct sweep_slot *slot = &ring->slots[number % SWEEP_SLOTS];
        slot->ticket = 2 * number;
        slot->written_ns = UINT64_MAX;
        for (int i = 0; i < SWEEP_SAMPLES; i++)
            slot->samples[i] = i % 2 ? INT16_MIN : INT16_MAX;
    }
    ring->latest = UINT64_MAX;
}

static bool writer_scribbles(struct attacker *self)
{
    void *memory = map(self, PROT_READ | PROT_WRITE);
    uint64_t until_ms = clock_now_ms() + SCRIBBLE_MS;
    uint32_t random = 88172645;

    if (memory == MAP_FAILED) {
        attacker_note(self, -1, errno);
        return true;
    }
    for (unsigned round = 0; clock_now_ms() < until_ms; round++) {
        for (size_t i = 0; i < SWEEP_RING_BYTES / sizeof(random); i++)
            ((volatile uint32_t *)memory)[i] = random = random * 1664525 + 1013904223;
        if (round % 8 == 0)
            memset(memory, 0xff, SWEEP_RING_BYTES);
        forge_sweeps(memory);
    }
    snprintf(self->seen, sizeof(self->seen), "scribbled");
    return true;
}

const struct attack attack_shared[] = {
    {"reader-maps-writable", ATTACK_AT_NAVIGATE, reader_maps_writable},
    {"reader-mprotects", ATTACK_AT_NAVIGATE, reader_mprotects},
    {"writer-shrinks", ATTACK_AT_NAVIGATE, writer_shrinks},
    {"writer-seals", ATTACK_AT_NAVIGATE, writer_seals},
    {"writer-scribbles", ATTACK_AT_NAVIGATE, writer_scribbles},
    {0},
};
