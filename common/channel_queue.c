#include "common/channel_queue.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fd.h"

int channel_queue_init(struct channel_queue *queue)
{
    /* All of it at once, untouched: no allocation can fail later, and an idle channel costs a page or two. */
    void *memory =
        mmap(NULL, CHANNEL_QUEUE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return -ENOMEM;
    *queue = (struct channel_queue){.memory = memory};
    return 0;
}

void channel_queue_fini(struct channel_queue *queue)
{
    channel_queue_clear(queue);
    if (queue->memory)
        munmap(queue->memory, CHANNEL_QUEUE_BYTES);
    queue->memory = NULL;
}

static void channel_queue_compact(struct channel_queue *queue)
{
    memmove(queue->memory, queue->memory + queue->start, queue->end - queue->start);
    for (size_t i = 0; i < queue->n_with_fds; i++)
        queue->with_fds[i].offset -= queue->start;
    queue->end -= queue->start;
    queue->start = 0;
}

size_t channel_queue_room(const struct channel_queue *queue, unsigned char **ret_message)
{
    size_t left = CHANNEL_QUEUE_BYTES - queue->end;

    if (left < CHANNEL_FRAME_HEADER_BYTES)
        return 0;
    *ret_message = queue->memory + queue->end + CHANNEL_FRAME_HEADER_BYTES;
    left -= CHANNEL_FRAME_HEADER_BYTES;
    return left < CHANNEL_MESSAGE_BYTES ? left : CHANNEL_MESSAGE_BYTES;
}

unsigned char *channel_queue_push(struct channel_queue *queue, size_t size_bytes, int *fds, size_t n_fds)
{
    size_t frame_bytes = CHANNEL_FRAME_HEADER_BYTES + size_bytes;
    uint32_t header = htole32((uint32_t)size_bytes);
    unsigned char *frame;

    if (frame_bytes > CHANNEL_QUEUE_BYTES - (queue->end - queue->start) || n_fds > CHANNEL_QUEUE_FDS - queue->n_fds)
        return NULL;
    if (frame_bytes > CHANNEL_QUEUE_BYTES - queue->end)
        channel_queue_compact(queue);
    if (n_fds > 0) {
        struct channel_queue_fds *with_fds = &queue->with_fds[queue->n_with_fds++];

        with_fds->offset = queue->end;
        with_fds->n_fds = n_fds;
        for (size_t i = 0; i < n_fds; i++)
            with_fds->fds[i] = fd_steal(&fds[i]);
        queue->n_fds += n_fds;
    }
    frame = queue->memory + queue->end;
    memcpy(frame, &header, sizeof(header));
    queue->end += frame_bytes;
    return frame + CHANNEL_FRAME_HEADER_BYTES;
}

static size_t channel_queue_frame_bytes(const struct channel_queue *queue, size_t offset)
{
    uint32_t header;

    memcpy(&header, queue->memory + offset, sizeof(header));
    return CHANNEL_FRAME_HEADER_BYTES + (size_t)le32toh(header);
}

bool channel_queue_peek(const struct channel_queue *queue, struct channel_packet *ret_packet)
{
    const struct channel_queue_fds *with_fds = queue->n_with_fds > 0 ? &queue->with_fds[0] : NULL;
    /* Coalesce up to the next frame that must travel alone. */
    size_t stop = with_fds ? with_fds->offset : queue->end;
    size_t at = queue->start;

    if (queue->start == queue->end)
        return false;
    *ret_packet = (struct channel_packet){.data = queue->memory + queue->start};
    if (stop == queue->start) {
        ret_packet->size_bytes = channel_queue_frame_bytes(queue, at);
        ret_packet->fds = with_fds->fds;
        ret_packet->n_fds = with_fds->n_fds;
        return true;
    }
    do {
        at += channel_queue_frame_bytes(queue, at);
    } while (at < stop && at - queue->start + channel_queue_frame_bytes(queue, at) <= CHANNEL_PACKET_SOFT_BYTES);
    ret_packet->size_bytes = at - queue->start;
    return true;
}

static void channel_queue_pop_fds(struct channel_queue *queue)
{
    struct channel_queue_fds *oldest = &queue->with_fds[0];

    fd_close_many(oldest->fds, oldest->n_fds);
    queue->n_fds -= oldest->n_fds;
    queue->n_with_fds--;
    memmove(oldest, oldest + 1, queue->n_with_fds * sizeof(*oldest));
}

void channel_queue_pop(struct channel_queue *queue, const struct channel_packet *packet)
{
    assert(packet->data == queue->memory + queue->start);
    if (packet->n_fds > 0)
        channel_queue_pop_fds(queue);
    queue->start += packet->size_bytes;
    if (queue->start == queue->end)
        queue->start = queue->end = 0;
}

void channel_queue_clear(struct channel_queue *queue)
{
    while (queue->n_with_fds > 0)
        channel_queue_pop_fds(queue);
    queue->start = queue->end = 0;
}
