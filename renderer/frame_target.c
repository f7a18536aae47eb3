#include "renderer/frame_target.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fd.h"

void frame_target_init(struct frame_target *target)
{
    *target = (struct frame_target){0};
}

void frame_target_fini(struct frame_target *target)
{
    if (target->memory)
        munmap(target->memory, frame_memory_bytes(&target->geometry));
    frame_target_init(target);
}

int frame_target_resize(struct frame_target *target, int fd, uint32_t generation, const struct frame_geometry *geometry)
{
    _fd_cleanup_ int memory_fd = fd;
    void *memory;

    frame_target_fini(target);
    if (!frame_geometry_is_valid(geometry))
        return -EINVAL;
    memory = mmap(NULL, frame_memory_bytes(geometry), PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
    if (memory == MAP_FAILED)
        return -errno;
    target->memory = memory;
    target->geometry = *geometry;
    target->generation = generation;
    return 0;
}

int frame_target_find_free(const struct frame_target *target)
{
    for (uint32_t i = 0; i < target->geometry.buffer_count; i++)
        if (!target->is_handed_out[i])
            return (int)i;
    return -EAGAIN;
}

static struct frame_header *frame_target_header(struct frame_target *target)
{
    return (struct frame_header *)(void *)target->memory;
}

/* The writer's half of a seqlock. Only this side writes the counters; a reader that finds begin != end, or begin
 * changed during its copy, has a torn picture. */
uint8_t *frame_target_begin(struct frame_target *target, uint32_t buffer)
{
    struct frame_header *header = frame_target_header(target);
    uint32_t begin = atomic_load_explicit(&header->buffers[buffer].begin, memory_order_relaxed);

    atomic_store_explicit(&header->buffers[buffer].begin, begin + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release); /* no pixel is seen before the raised begin */
    return target->memory + frame_buffer_offset(&target->geometry, buffer);
}

void frame_target_end(struct frame_target *target, uint32_t buffer)
{
    struct frame_header *header = frame_target_header(target);
    uint32_t begin = atomic_load_explicit(&header->buffers[buffer].begin, memory_order_relaxed);

    atomic_store_explicit(&header->buffers[buffer].end, begin, memory_order_release);
}

void frame_target_hand_out(struct frame_target *target, uint32_t buffer)
{
    target->is_handed_out[buffer] = true;
}

bool frame_target_release(struct frame_target *target, uint32_t generation, uint32_t buffer)
{
    if (generation != target->generation || buffer >= target->geometry.buffer_count || !target->is_handed_out[buffer])
        return false;
    target->is_handed_out[buffer] = false;
    return true;
}
