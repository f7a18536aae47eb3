#include "broker/document/frame_store.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "broker/document/sealed_memory.h"
#include "common/fd.h"

/* One memfd, mapped read-only here. Counted: a frame may outlive the resize that replaced its memory. */
struct frame_memory {
    unsigned references;
    struct frame_geometry geometry;
    size_t size_bytes;
    uint8_t *base;
    uint32_t generation;
};

/* A frame the renderer handed over and has not got back. frame_store::latest and each borrower hold a reference. */
struct held_frame {
    struct frame frame; // first, so that a borrowed frame leads back here
    unsigned references;
    uint32_t begin; // of the header when the frame was accepted
    struct frame_memory *memory;
};

struct frame_store {
    struct frame_memory *memory;            // of now; NULL before the first resize
    struct held_frame *held[FRAME_BUFFERS]; // by buffer of `memory`; NULL = the renderer's to paint
    struct held_frame *latest;              // maybe of older memory
    uint32_t next_generation;
    uint32_t last_sequence;
    uint64_t torn;
    size_t held_bytes; // of all memory that somebody still refers to
    bool attached;     // a renderer has `memory`
};

static void memory_unref(struct frame_store *store, struct frame_memory *memory)
{
    if (memory == NULL || --memory->references > 0)
        return;
    store->held_bytes -= memory->size_bytes;
    munmap(memory->base, memory->size_bytes);
    free(memory);
}

static int memory_create(const struct frame_geometry *geometry, struct frame_memory **ret_memory, int *ret_fd)
{
    _fd_cleanup_ int fd = -1;
    size_t size = frame_memory_bytes(geometry);
    int error = sealed_memory_create("bulkhead-frames", size, &fd);
    if (error < 0)
        return error;
    struct frame_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return -ENOMEM;
    memory->base = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (memory->base == MAP_FAILED) {
        error = -errno;
        free(memory);
        return error;
    }
    memory->references = 1;
    memory->geometry = *geometry;
    memory->size_bytes = size;
    *ret_memory = memory;
    *ret_fd = fd_steal(&fd);
    return 0;
}

static const struct frame_header *header_of(const struct frame_memory *memory)
{
    return (const struct frame_header *)(const void *)memory->base;
}

int frame_store_create(struct frame_store **ret_store)
{
    struct frame_store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return -ENOMEM;
    store->next_generation = 1;
    *ret_store = store;
    return 0;
}

static void held_unref(struct frame_store *store, struct held_frame *held)
{
    if (held == NULL || --held->references > 0)
        return;
    memory_unref(store, held->memory);
    free(held);
}

void frame_store_destroy(struct frame_store *store)
{
    if (store == NULL)
        return;
    held_unref(store, store->latest);
    memory_unref(store, store->memory);
    free(store);
}

/* From now on no buffer of the old memory is given back; its latest frame stays readable. */
static void forget_buffers(struct frame_store *store)
{
    for (size_t i = 0; i < FRAME_BUFFERS; i++)
        store->held[i] = NULL;
    store->attached = false;
}

int frame_store_resize(struct frame_store *store, const struct frame_geometry *geometry, int *ret_fd,
                       uint32_t *ret_generation)
{
    if (!frame_geometry_is_valid(geometry))
        return -EOVERFLOW;
    struct frame_memory *memory = NULL;
    int fd = -1;
    int error = memory_create(geometry, &memory, &fd);
    if (memory == NULL)
        return error;
    forget_buffers(store);
    memory_unref(store, store->memory);
    store->held_bytes += memory->size_bytes;
    memory->generation = store->next_generation++;
    store->memory = memory;
    store->attached = true;
    *ret_fd = fd;
    *ret_generation = memory->generation;
    return 0;
}

bool frame_store_geometry(const struct frame_store *store, struct frame_geometry *ret_geometry)
{
    if (!store->attached)
        return false;
    *ret_geometry = store->memory->geometry;
    return true;
}

static bool rect_is_inside(const Bulkhead__Rect *rect, const struct frame_geometry *geometry)
{
    return rect->x_px <= geometry->width_px && rect->width_px <= geometry->width_px - rect->x_px &&
           rect->y_px <= geometry->height_px && rect->height_px <= geometry->height_px - rect->y_px;
}

static enum violation check_ready(const struct frame_store *store, const Bulkhead__FrameReady *ready)
{
    const struct frame_geometry *geometry = &store->memory->geometry;
    if (ready->buffer >= geometry->buffer_count || store->held[ready->buffer] != NULL)
        return VIOLATION_BAD_BUFFER;
    if (ready->sequence <= store->last_sequence)
        return VIOLATION_BAD_SEQUENCE;
    if (ready->n_damage > LIMIT_DAMAGE_RECTS)
        return VIOLATION_TOO_MANY_ELEMENTS;
    for (size_t i = 0; i < ready->n_damage; i++)
        if (!rect_is_inside(ready->damage[i], geometry))
            return VIOLATION_BAD_GEOMETRY;
    return VIOLATION_NONE;
}

static void fill_damage(struct frame *frame, const Bulkhead__FrameReady *ready)
{
    frame->damage_count = (uint32_t)ready->n_damage;
    for (size_t i = 0; i < ready->n_damage; i++) {
        const Bulkhead__Rect *rect = ready->damage[i];
        frame->damage[i].x_px = rect->x_px;
        frame->damage[i].y_px = rect->y_px;
        frame->damage[i].width_px = rect->width_px;
        frame->damage[i].height_px = rect->height_px;
    }
}

static struct held_frame *held_create(struct frame_memory *memory, const Bulkhead__FrameReady *ready,
                                      const struct frame *facts)
{
    struct held_frame *held = calloc(1, sizeof *held);
    if (held == NULL)
        return NULL;
    held->references = 1;
    held->memory = memory;
    memory->references++;
    held->begin = atomic_load_explicit(&header_of(memory)->buffers[ready->buffer].begin, memory_order_acquire);
    struct frame *frame = &held->frame;
    *frame = *facts;
    frame->geometry = memory->geometry;
    frame->generation = memory->generation;
    frame->buffer = ready->buffer;
    frame->pixels = memory->base + frame_buffer_offset(&memory->geometry, ready->buffer);
    frame->sequence = ready->sequence;
    frame->page = ready->page;
    frame->paint_us = ready->paint_us;
    frame->skipped = ready->skipped;
    fill_damage(frame, ready);
    return held;
}

/* Whether the buffer of a frame nobody holds any more can go back to the renderer; forgets it then. */
static bool give_back(struct frame_store *store, const struct held_frame *held)
{
    uint32_t buffer = held->frame.buffer;
    if (held->references > 1 || store->held[buffer] != held)
        return false;
    store->held[buffer] = NULL;
    return true;
}

enum violation frame_store_accept(struct frame_store *store, const Bulkhead__FrameReady *ready,
                                  const struct frame *facts, uint32_t ret_released[FRAME_BUFFERS],
                                  uint32_t *ret_released_count, bool *ret_is_stale)
{
    *ret_released_count = 0;
    *ret_is_stale = true;
    if (ready->generation == 0 || ready->generation >= store->next_generation)
        return VIOLATION_BAD_GEOMETRY;
    if (!store->attached || ready->generation != store->memory->generation)
        return VIOLATION_NONE; /* painted before our resize reached it */
    enum violation violation = check_ready(store, ready);
    if (violation != VIOLATION_NONE)
        return violation;
    struct held_frame *held = held_create(store->memory, ready, facts);
    if (held == NULL) { /* our shortage: the frame is dropped, its buffer goes straight back */
        ret_released[(*ret_released_count)++] = ready->buffer;
        return VIOLATION_NONE;
    }
    store->held[ready->buffer] = held;
    store->last_sequence = ready->sequence;
    struct held_frame *before = store->latest;
    store->latest = held;
    if (before != NULL && give_back(store, before))
        ret_released[(*ret_released_count)++] = before->frame.buffer;
    held_unref(store, before);
    *ret_is_stale = false;
    return VIOLATION_NONE;
}

const struct frame *frame_store_latest(const struct frame_store *store)
{
    return store->latest != NULL ? &store->latest->frame : NULL;
}

const struct frame *frame_store_borrow(struct frame_store *store)
{
    if (store->latest == NULL)
        return NULL;
    store->latest->references++;
    return &store->latest->frame;
}

bool frame_store_return(struct frame_store *store, const struct frame *frame, uint32_t *ret_generation,
                        uint32_t *ret_buffer)
{
    struct held_frame *held = (struct held_frame *)(uintptr_t)frame;
    uint32_t generation = frame->generation, buffer = frame->buffer;
    bool is_free = held != store->latest && give_back(store, held);
    held_unref(store, held);
    if (!is_free)
        return false;
    *ret_generation = generation;
    *ret_buffer = buffer;
    return store->attached;
}

void frame_store_detach(struct frame_store *store)
{
    forget_buffers(store);
    store->last_sequence = 0; /* the next renderer counts from 1 again */
}

bool frame_copy(const struct frame *frame, struct frame_store *store, uint8_t *out, uint32_t out_stride_bytes)
{
    const struct held_frame *held = (const struct held_frame *)(const void *)frame;
    const struct frame_header *header = header_of(held->memory);
    size_t row_bytes = (size_t)frame->geometry.width_px * FRAME_BYTES_PER_PIXEL;
    for (uint32_t y = 0; y < frame->geometry.height_px; y++)
        memcpy(out + (size_t)y * out_stride_bytes, frame->pixels + (size_t)y * frame->geometry.stride_bytes, row_bytes);
    atomic_thread_fence(memory_order_acquire);
    bool is_whole = atomic_load(&header->buffers[frame->buffer].begin) == held->begin;
    if (!is_whole)
        store->torn++;
    return is_whole;
}

size_t frame_store_held_bytes(const struct frame_store *store)
{
    return store->held_bytes;
}

uint64_t frame_store_torn(const struct frame_store *store)
{
    return store->torn;
}
