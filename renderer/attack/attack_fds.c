/* What a renderer could do with descriptors and with memory it shares with the broker. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "renderer/attack/attacker.h"
#include "renderer/paint_thread_private.h"

static bool push(struct attacker *self, unsigned count)
{
    int result = attacker_push_fds(self, STDERR_FILENO, count);

    attacker_note(self, result < 0 ? -1 : 0, -result);
    return result < 0; /* else the broker has something to say about it */
}

static bool push_1(struct attacker *self)
{
    return push(self, 1);
}

static bool push_253(struct attacker *self)
{
    return push(self, 253);
}

/* By the official way: a file of the broker's choosing is all there is. */
static bool ask_for_passwd(struct attacker *self)
{
    const struct paint_thread *thread = self->thread;
    uint64_t size_bytes;
    int fd = -1, result = thread->host.open_file(thread->host.session, "../../../../etc/passwd", &fd, &size_bytes);

    attacker_note(self, result < 0 ? -1 : fd, -result);
    return true;
}

/* The first paint is honest; in the second the frame of the first is the broker's. */
static bool is_published(struct attacker *self)
{
    const struct paint_thread *thread = self->thread;

    return thread->target.is_handed_out[0];
}

/* Paints over a frame that the broker shows, as one who takes it for free would. */
static bool buffer_reused(struct attacker *self)
{
    struct frame_header *header = (struct frame_header *)(void *)self->memory;

    if (!is_published(self))
        return true;
    header->buffers[0].begin++;
    memset(self->memory + frame_buffer_offset(&self->geometry, 0), 0xee, frame_buffer_bytes(&self->geometry));
    snprintf(self->seen, sizeof self->seen, "reused");
    return true;
}

/* Everything before the pixels, as if geometry were read from there. */
static bool header_after_publishing(struct attacker *self)
{
    if (!is_published(self))
        return true;
    memset(self->memory, 0xff, FRAME_DATA_OFFSET);
    snprintf(self->seen, sizeof self->seen, "overwritten");
    return true;
}

const struct attack attack_fds[] = {
    {"push-1-fd", ATTACK_AT_NAVIGATE, push_1},
    {"push-253-fds", ATTACK_AT_NAVIGATE, push_253},
    {"ask-for-passwd", ATTACK_AT_NAVIGATE, ask_for_passwd},
    {"buffer-reused", ATTACK_AT_PAINT, buffer_reused},
    {"header-after-publishing", ATTACK_AT_PAINT, header_after_publishing},
    {0},
};
