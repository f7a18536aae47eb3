#include "renderer/attack/attacker.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

void attacker_sleep(void)
{
    for (;;)
        ppoll(NULL, 0, NULL, NULL);
}

bool attacker_send(struct attacker *self, const void *data, size_t size_bytes)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size_bytes};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    struct pollfd poll_fd = {.fd = self->fd, .events = POLLOUT};
    const struct timespec patience = {.tv_nsec = 100 * 1000 * 1000};
    for (int tries = 0; tries < 20; tries++) {
        ssize_t sent = sendmsg(self->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0 || errno != EAGAIN)
            return sent >= 0;
        ppoll(&poll_fd, 1, &patience, NULL);
    }
    return false;
}

bool attacker_say(struct attacker *self, Bulkhead__ToBroker *envelope)
{
    static uint8_t packet[CHANNEL_PACKET_BYTES * 2];
    if (envelope->sent_ns == 0)
        envelope->sent_ns = clock_now_ns();
    uint32_t size = (uint32_t)bulkhead__to_broker__get_packed_size(envelope);
    if (size + 4 > sizeof packet)
        _exit(71);
    memcpy(packet, &size, 4);
    bulkhead__to_broker__pack(envelope, packet + 4);
    return attacker_send(self, packet, size + 4);
}

void attacker_say_hello(struct attacker *self, uint32_t version, uint32_t id, int32_t init_pid)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Hello hello = BULKHEAD__HELLO__INIT;
    hello.protocol_version = version;
    hello.renderer_id = id;
    hello.init_pid = init_pid;
    hello.engine_version = codec_bytes("hostile\033[31m", 12);
    /* It claims what is not its own to say, and what is not so where it lives without a cell. */
    static const Bulkhead__LayerFact__Layer claimed[] = {BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS,
                                                         BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS,
                                                         BULKHEAD__LAYER_FACT__LAYER__SECCOMP};
    enum { CLAIMS = sizeof claimed / sizeof claimed[0] };
    Bulkhead__LayerFact claims[CLAIMS], *facts[CLAIMS];
    for (size_t i = 0; i < CLAIMS; i++) {
        bulkhead__layer_fact__init(&claims[i]);
        facts[i] = &claims[i];
        claims[i].layer = claimed[i];
        claims[i].in_force = true;
        claims[i].evidence = codec_bytes("believe me", 10);
    }
    hello.layers = facts;
    hello.n_layers = CLAIMS;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_HELLO;
    envelope.hello = &hello;
    attacker_say(self, &envelope);
}

void attacker_say_info(struct attacker *self, uint64_t request_id, uint32_t pages, const char *title,
                       size_t title_bytes)
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
    attacker_say(self, &envelope);
}

void attacker_say_page(struct attacker *self, uint64_t request_id, uint32_t page, float width_pt)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__PageInfo info = BULKHEAD__PAGE_INFO__INIT;
    info.page = page;
    info.x1_pt = width_pt;
    info.y1_pt = 16;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO;
    envelope.page_info = &info;
    attacker_say(self, &envelope);
}

void attacker_say_pong(struct attacker *self, uint64_t request_id)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Pong pong = BULKHEAD__PONG__INIT;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PONG;
    envelope.pong = &pong;
    attacker_say(self, &envelope);
}

bool attacker_say_log(struct attacker *self, const void *text, size_t text_bytes)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Log log = BULKHEAD__LOG__INIT;
    log.level = BULKHEAD__LOG__LEVEL__WARNING;
    log.text = codec_bytes(text, text_bytes);
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    envelope.log = &log;
    return attacker_say(self, &envelope);
}

Bulkhead__FrameReady attacker_frame(struct attacker *self, uint32_t buffer)
{
    Bulkhead__FrameReady ready = BULKHEAD__FRAME_READY__INIT;
    ready.generation = self->generation;
    ready.buffer = buffer;
    ready.sequence = ++self->sequence;
    ready.page = self->page;
    self->busy |= 1u << buffer;
    return ready;
}

void attacker_say_frame(struct attacker *self, uint64_t request_id, Bulkhead__FrameReady *ready)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY;
    envelope.frame_ready = ready;
    attacker_say(self, &envelope);
}

void attacker_note(struct attacker *self, long result, int error)
{
    const char *name = strerrorname_np(error);

    if (result < 0)
        snprintf(self->seen, sizeof self->seen, "%s", name != NULL ? name : "an errno without a name");
    else
        snprintf(self->seen, sizeof self->seen, "succeeded (%ld)", result);
}

int attacker_push_fds(struct attacker *self, int fd, unsigned count)
{
    enum { MOST = 253 }; /* SCM_MAX_FD */
    int fds[MOST];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof fds)];
    } control = {0};
    static const uint8_t log_message[] = {5, 0, 0, 0, 0x92, 0x01, 0x02, 0x12, 0x00};
    struct iovec iov = {.iov_base = (void *)(uintptr_t)log_message, .iov_len = sizeof log_message};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};

    for (unsigned i = 0; i < MOST; i++)
        fds[i] = fd;
    count = count < MOST ? count : MOST;
    message.msg_controllen = CMSG_SPACE(count * sizeof fds[0]);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(count * sizeof fds[0]);
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof fds[0]);
    return sendmsg(self->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

struct crash_record *attacker_forge(struct attacker *self, enum crash_kind kind, int number)
{
    struct crash_record *record = self->record;

    record->version = CRASH_RECORD_VERSION;
    record->kind = kind;
    record->signal = number;
    record->magic = CRASH_RECORD_MAGIC;
    return record;
}
