/* What a renderer could do with descriptors and with memory it shares with the broker. */
#include <errno.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
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

/* Frame memory's descriptor is this process's from the message that brings it until the paint thread has mapped it: the
 * thread that stands here instead. It is the only descriptor above the channel that can be mapped to write. */
static int await_frame_memory(struct attacker *self)
{
    enum { FDS = 32, TRIES = 200, PROBE_BYTES = 4096 };
    const struct timespec nap = {.tv_nsec = 10 * 1000 * 1000};

    attacker_say_page(self, self->measure_id, self->page, 16); /* whereupon it is asked to paint */
    for (int tries = 0; tries < TRIES; tries++) {
        for (int fd = self->fd + 1; fd < FDS; fd++) {
            void *memory = mmap(NULL, PROBE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            if (memory == MAP_FAILED)
                continue;
            munmap(memory, PROBE_BYTES);
            return fd;
        }
        ppoll(NULL, 0, &nap, NULL);
    }
    return -1;
}

static bool truncate_frames(struct attacker *self)
{
    int fd = await_frame_memory(self);
    long result = fd >= 0 ? syscall(SYS_ftruncate, fd, 0L) : 0;

    if (fd >= 0)
        attacker_note(self, result, errno);
    return fd >= 0;
}

/* Not shorter, but without pages: where there were pixels, the broker reads zeros. */
static bool punch_frames(struct attacker *self)
{
    int fd = await_frame_memory(self), mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    long result = fd >= 0 ? syscall(SYS_fallocate, fd, mode, 0L, 4096L) : 0;

    if (fd >= 0)
        attacker_note(self, result, errno);
    return fd >= 0;
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

/* The same, and not a word of it in the header. */
static bool buffer_reused_quietly(struct attacker *self)
{
    if (!is_published(self))
        return true;
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
    {"truncate-frames", ATTACK_AT_MEASURE, truncate_frames},
    {"punch-frames", ATTACK_AT_MEASURE, punch_frames},
    {"buffer-reused", ATTACK_AT_PAINT, buffer_reused},
    {"buffer-reused-quietly", ATTACK_AT_PAINT, buffer_reused_quietly},
    {"header-after-publishing", ATTACK_AT_PAINT, header_after_publishing},
    {0},
};
