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

void hostile_sleep(void)
{
    for (;;)
        pause();
}

void hostile_init(struct hostile *self, int fd)
{
    *self = (struct hostile){.fd = fd};
    alarm(HOSTILE_LIFE_S);
    if (channel_create(fd, CHANNEL_RENDERER, NULL, &self->channel) < 0)
        _exit(70);
}

struct channel_message *hostile_hear(struct hostile *self, int timeout_ms)
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

bool hostile_send(struct hostile *self, const void *data, size_t size_bytes)
{
    ssize_t sent;
    struct pollfd poll_fd = {.fd = self->fd, .events = POLLOUT};
    for (int tries = 0; tries < 20; tries++) {
        sent = send(self->fd, data, size_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0 || errno != EAGAIN)
            return sent >= 0;
        poll(&poll_fd, 1, 100);
    }
    return false;
}

bool hostile_say(struct hostile *self, Bulkhead__ToBroker *envelope)
{
    static uint8_t packet[CHANNEL_PACKET_BYTES * 2];
    if (envelope->sent_ns == 0)
        envelope->sent_ns = clock_now_ns();
    uint32_t size = (uint32_t)bulkhead__to_broker__get_packed_size(envelope);
    if (size + 4 > sizeof packet)
        _exit(71);
    memcpy(packet, &size, 4);
    bulkhead__to_broker__pack(envelope, packet + 4);
    return hostile_send(self, packet, size + 4);
}

void hostile_say_hello(struct hostile *self, uint32_t version, uint32_t id, int32_t init_pid)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Hello hello = BULKHEAD__HELLO__INIT;
    hello.protocol_version = version;
    hello.renderer_id = id;
    hello.init_pid = init_pid;
    hello.engine_version = codec_bytes("hostile\033[31m", 12);
    /* It claims what is not its own to say. */
    Bulkhead__LayerFact fact = BULKHEAD__LAYER_FACT__INIT, *facts[] = {&fact};
    fact.layer = BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS;
    fact.in_force = true;
    fact.evidence = codec_bytes("believe me", 10);
    hello.layers = facts;
    hello.n_layers = 1;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_HELLO;
    envelope.hello = &hello;
    hostile_say(self, &envelope);
}

void hostile_say_info(struct hostile *self, uint64_t request_id, uint32_t pages, const char *title, size_t title_bytes)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__DocumentInfo info = BULKHEAD__DOCUMENT_INFO__INIT;
    info.format = codec_bytes("hostile", 7);
    info.page_count = pages;
    info.title = codec_bytes(title, title_bytes);
    info.page_width_pt = info.page_height_pt = 16;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO;
    envelope.document_info = &info;
    hostile_say(self, &envelope);
}

void hostile_say_page(struct hostile *self, uint64_t request_id, uint32_t page, float width_pt)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__PageInfo info = BULKHEAD__PAGE_INFO__INIT;
    info.page = page;
    info.x1_pt = width_pt;
    info.y1_pt = 16;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO;
    envelope.page_info = &info;
    hostile_say(self, &envelope);
}

void hostile_say_pong(struct hostile *self, uint64_t request_id)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Pong pong = BULKHEAD__PONG__INIT;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PONG;
    envelope.pong = &pong;
    hostile_say(self, &envelope);
}

bool hostile_say_log(struct hostile *self, const void *text, size_t text_bytes)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Log log = BULKHEAD__LOG__INIT;
    log.level = BULKHEAD__LOG__LEVEL__WARNING;
    log.text = codec_bytes(text, text_bytes);
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    envelope.log = &log;
    return hostile_say(self, &envelope);
}

Bulkhead__FrameReady hostile_frame(struct hostile *self, uint32_t buffer)
{
    Bulkhead__FrameReady ready = BULKHEAD__FRAME_READY__INIT;
    ready.generation = self->generation;
    ready.buffer = buffer;
    ready.sequence = ++self->sequence;
    ready.page = self->page;
    self->busy |= 1u << buffer;
    return ready;
}

void hostile_say_frame(struct hostile *self, uint64_t request_id, Bulkhead__FrameReady *ready)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY;
    envelope.frame_ready = ready;
    hostile_say(self, &envelope);
}

static void paint(struct hostile *self)
{
    uint32_t buffer = 0;
    while (buffer < self->geometry.buffer_count && (self->busy & 1u << buffer) != 0)
        buffer++;
    if (self->memory == NULL || buffer == self->geometry.buffer_count)
        return;
    memset(self->memory + frame_buffer_offset(&self->geometry, buffer), (int)self->sequence,
           (size_t)self->geometry.stride_bytes * self->geometry.height_px);
    Bulkhead__FrameReady ready = hostile_frame(self, buffer);
    hostile_say_frame(self, self->paint_id, &ready);
}

static const struct hostile_attack *find_attack(const struct hostile *self, enum hostile_moment moment)
{
    const struct hostile_attack *const tables[] = {hostile_talk_attacks, hostile_frame_attacks, hostile_life_attacks};
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct hostile_attack *attack = tables[i]; attack->name != NULL; attack++)
            if (attack->moment == moment && strcmp(attack->name, self->attack) == 0)
                return attack;
    return NULL;
}

/* Whether the honest behaviour is to follow. */
static bool attack(struct hostile *self, enum hostile_moment moment)
{
    const struct hostile_attack *found = find_attack(self, moment);
    return found == NULL || found->run(self);
}

static void on_navigate(struct hostile *self, struct channel_message *message)
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
    if (!attack(self, HOSTILE_AT_NAVIGATE))
        return;
    hostile_say_info(self, self->navigate_id, HOSTILE_PAGES, self->attack, length);
    attack(self, HOSTILE_WHEN_LIVE);
}

static void on_resize(struct hostile *self, struct channel_message *message)
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

static void on_paint(struct hostile *self, const Bulkhead__ToRenderer *envelope)
{
    self->paint_id = envelope->request_id;
    self->page = envelope->paint->page;
    self->frames_per_second = envelope->paint->frames_per_second;
    if (attack(self, HOSTILE_AT_PAINT))
        paint(self);
}

static void obey(struct hostile *self, struct channel_message *message)
{
    const Bulkhead__ToRenderer *envelope = message->to_renderer;
    switch (envelope->message_case) {
    case BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE:
        on_navigate(self, message);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_MEASURE:
        self->measure_id = envelope->request_id;
        self->page = envelope->measure->page;
        if (attack(self, HOSTILE_AT_MEASURE))
            hostile_say_page(self, envelope->request_id, envelope->measure->page, 16);
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
        hostile_say_pong(self, envelope->request_id);
        break;
    case BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN:
        _exit(0);
    default:
        break;
    }
}

void hostile_live(struct hostile *self)
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
