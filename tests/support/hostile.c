#include "tests/support/hostile.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

void hostile_init(struct attacker *self, int fd)
{
    *self = (struct attacker){.fd = fd};
    alarm(HOSTILE_LIFE_S);
    if (channel_create(fd, CHANNEL_RENDERER, NULL, &self->channel) < 0)
        _exit(70);
}

struct channel_message *hostile_hear(struct attacker *self, int timeout_ms)
{
    static struct channel_message message;
    uint64_t deadline = clock_now_ms() + (uint64_t)(timeout_ms < 0 ? HOSTILE_LIFE_S * 1000 : timeout_ms);
    for (;;) {
        struct pollfd poll_fd = {.fd = self->fd, .events = POLLIN};
        int result = channel_receive(self->channel, &message);
        uint64_t now = clock_now_ms();
        if (result == CHANNEL_OK)
            return &message;
        if (result != CHANNEL_EMPTY)
            _exit(0);
        if (now >= deadline)
            return NULL;
        poll(&poll_fd, 1, (int)(deadline - now));
    }
}

static void paint(struct attacker *self)
{
    uint32_t buffer = 0;
    while (buffer < self->geometry.buffer_count && (self->busy & 1u << buffer) != 0)
        buffer++;
    if (self->memory == NULL || buffer == self->geometry.buffer_count)
        return;
    memset(self->memory + frame_buffer_offset(&self->geometry, buffer), (int)self->sequence,
           (size_t)self->geometry.stride_bytes * self->geometry.height_px);
    Bulkhead__FrameReady ready = attacker_frame(self, buffer);
    attacker_say_frame(self, self->paint_id, &ready);
}

static const struct attack *find_attack(const struct attacker *self, enum attack_moment moment)
{
    const struct attack *const tables[] = {attack_talk,
                                           attack_frames,
                                           attack_life,
                                           hostile_life_attacks,
                                           hostile_warnings_attacks,
                                           hostile_mutant_attacks,
                                           hostile_talk_attacks};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct attack *attack = tables[i]; attack->name != NULL; attack++)
            if (attack->moment == moment && strcmp(attack->name, self->attack) == 0)
                return attack;
    return NULL;
}

/* Whether the honest behaviour is to follow. */
static bool attack(struct attacker *self, enum attack_moment moment)
{
    const struct attack *found = find_attack(self, moment);
    return found == NULL || found->run(self);
}

static void on_navigate(struct attacker *self, struct channel_message *message)
{
    const Bulkhead__Navigate *order = message->to_renderer->navigate;
    static const char scheme[] = "about:";
    const char *name = (const char *)order->url.data;
    char content[sizeof self->attack] = "";
    size_t length = order->url.len;
    _fd_cleanup_ int fd = channel_message_take_fd(message, 0);
    if (fd >= 0) {
        ssize_t got = pread(fd, content, sizeof content - 1, 0);
        name = content;
        length = got > 0 ? strcspn(content, " \n") : 0;
    } else if (length >= sizeof scheme - 1) {
        name += sizeof scheme - 1;
        length -= sizeof scheme - 1;
    }
    if (length >= sizeof self->attack)
        length = sizeof self->attack - 1;
    memcpy(self->attack, name, length);
    self->attack[length] = '\0';
    self->navigate_id = message->to_renderer->request_id;
    if (!attack(self, ATTACK_AT_NAVIGATE))
        return;
    attacker_say_info(self, self->navigate_id, ATTACKER_PAGES, self->attack, length);
    attack(self, ATTACK_WHEN_LIVE);
}

static void on_resize(struct attacker *self, struct channel_message *message)
{
    const Bulkhead__Resize *order = message->to_renderer->resize;
    _fd_cleanup_ int fd = channel_message_take_fd(message, 0);
    if (self->memory != NULL)
        munmap(self->memory, frame_memory_bytes(&self->geometry));
    self->geometry =
        (struct frame_geometry){order->width_px, order->height_px, order->stride_bytes, order->buffer_count};
    self->memory = mmap(NULL, frame_memory_bytes(&self->geometry), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (self->memory == MAP_FAILED)
        _exit(72);
    self->generation = order->generation;
    self->busy = 0;
}

static void on_paint(struct attacker *self, const Bulkhead__ToRenderer *envelope)
{
    self->paint_id = envelope->request_id;
    self->page = envelope->paint->page;
    self->frames_per_second = envelope->paint->frames_per_second;
    if (attack(self, ATTACK_AT_PAINT))
        paint(self);
}

static void obey(struct attacker *self, struct channel_message *message)
{
    const Bulkhead__ToRenderer *envelope = message->to_renderer;
    switch (envelope->message_case) {
    case BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE:
        on_navigate(self, message);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_MEASURE:
        self->measure_id = envelope->request_id;
        self->page = envelope->measure->page;
        if (attack(self, ATTACK_AT_MEASURE))
            attacker_say_page(self, envelope->request_id, envelope->measure->page, 16);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_RESIZE:
        on_resize(self, message);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_PAINT:
        on_paint(self, envelope);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_RELEASE_BUFFER:
        if (envelope->release_buffer->generation == self->generation)
            self->busy &= ~(1u << envelope->release_buffer->buffer);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_PING:
        attacker_say_pong(self, envelope->request_id);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN:
        _exit(0);
    default:
        break;
    }
}

void hostile_live(struct attacker *self)
{
    for (;;) {
        struct channel_message *message =
            hostile_hear(self, self->frames_per_second > 0 ? (int)(1000 / self->frames_per_second) : -1);
        if (message != NULL)
            obey(self, message);
        else if (self->frames_per_second > 0)
            paint(self);
    }
}
