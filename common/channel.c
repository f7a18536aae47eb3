/* System calls after channel_create(): sendmsg, recvmsg, poll, and close for fds that nobody took. A renderer's seccomp
 * policy allows exactly these (glibc's poll is ppoll on aarch64); nothing here may come to need another. The clock is
 * read through the vDSO. */
#include "common/channel.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "common/channel_queue.h"
#include "common/clock.h"
#include "common/fd.h"

struct channel {
    int fd;
    const struct codec *sends, *receives;
    bool receives_fds; /* the renderer's side */
    bool is_peer_gone; /* as sendmsg saw it: what is sent is dropped, what was received is still to be read */
    enum violation violation;
    struct counters *counters; // borrowed; may be NULL
    struct channel_queue queue;

    unsigned char *packet; // CHANNEL_PACKET_BYTES, touched only as far as packets reach
    size_t packet_size, packet_offset;
    size_t refused_bytes; // behind packet_offset, once there is a violation
    uint64_t packet_received_ns;
    int fds[CHANNEL_MESSAGE_FDS]; // of the packet; its one message may take them
    size_t n_fds;
    struct codec_arena arena;
};

union channel_control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * CHANNEL_MESSAGE_FDS)];
};

int channel_create(int fd, enum channel_side side, struct counters *counters, struct channel **ret_channel)
{
    struct channel *channel = calloc(1, sizeof(*channel));

    if (!channel) {
        fd_close(&fd);
        return -ENOMEM;
    }
    channel->fd = fd;
    channel->receives_fds = side == CHANNEL_RENDERER;
    channel->sends = side == CHANNEL_BROKER ? &codec_to_renderer : &codec_to_broker;
    channel->receives = side == CHANNEL_BROKER ? &codec_to_broker : &codec_to_renderer;
    channel->counters = counters;
    channel->packet =
        mmap(NULL, CHANNEL_PACKET_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (channel->packet == MAP_FAILED || channel_queue_init(&channel->queue) < 0 ||
        codec_arena_init(&channel->arena) < 0) {
        channel_destroy(channel);
        return -ENOMEM;
    }
    *ret_channel = channel;
    return 0;
}

void channel_destroy(struct channel *channel)
{
    if (!channel)
        return;
    codec_arena_fini(&channel->arena);
    channel_queue_fini(&channel->queue);
    if (channel->packet && channel->packet != MAP_FAILED)
        munmap(channel->packet, CHANNEL_PACKET_BYTES);
    fd_close_many(channel->fds, channel->n_fds);
    fd_close(&channel->fd);
    free(channel);
}

int channel_fd(const struct channel *channel)
{
    return channel->fd;
}

static struct counter *channel_counter(struct channel *channel, const struct codec *codec, unsigned type)
{
    struct counters *counters = channel->counters;

    if (!counters)
        return NULL;
    return codec == &codec_to_renderer ? &counters->to_renderer[type] : &counters->to_broker[type];
}

static void channel_stamp(const struct channel *channel, ProtobufCMessage *envelope)
{
    if (channel->sends == &codec_to_renderer)
        ((Bulkhead__ToRenderer *)envelope)->sent_ns = clock_now_ns();
    else
        ((Bulkhead__ToBroker *)envelope)->sent_ns = clock_now_ns();
}

static int channel_drop(int *fds, size_t n_fds, struct counter *counter, int result)
{
    fd_close_many(fds, n_fds);
    if (counter)
        counter->drops++;
    return result;
}

/* Packed where it will lie, if it fits there. */
static size_t channel_pack(struct channel *channel, const ProtobufCMessage *envelope, unsigned char **ret_packed)
{
    size_t room_bytes = channel_queue_room(&channel->queue, ret_packed);
    size_t size_bytes = room_bytes > 0 ? codec_pack(envelope, *ret_packed, room_bytes) : 0;

    if (size_bytes > 0)
        return size_bytes;
    *ret_packed = NULL;
    return protobuf_c_message_get_packed_size(envelope);
}

int channel_send(struct channel *channel, ProtobufCMessage *envelope, int *fds, size_t n_fds)
{
    unsigned type = codec_type_of(envelope);
    struct counter *counter;
    unsigned char *message, *packed;
    size_t size_bytes;

    assert(envelope->descriptor == channel->sends->descriptor);
    assert(codec_type_name(channel->sends, type));
    assert(n_fds == 0 || (n_fds <= CHANNEL_MESSAGE_FDS && !channel->receives_fds));
    counter = channel_counter(channel, channel->sends, type);
    channel_stamp(channel, envelope);
    size_bytes = channel_pack(channel, envelope, &packed);
    if (size_bytes > CHANNEL_MESSAGE_BYTES)
        return channel_drop(fds, n_fds, counter, -EMSGSIZE);
    if (channel->is_peer_gone)
        return channel_drop(fds, n_fds, counter, CHANNEL_OK);
    message = channel_queue_push(&channel->queue, size_bytes, fds, n_fds);
    if (!message)
        return channel_drop(fds, n_fds, counter, CHANNEL_FULL);
    assert(!packed || packed == message);
    if (!packed)
        protobuf_c_message_pack(envelope, message);
    if (counter)
        counter_add(counter, size_bytes, n_fds);
    return CHANNEL_OK;
}

/* 0 or -errno. */
static int channel_write(int fd, const struct channel_packet *packet)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)packet->data, .iov_len = packet->size_bytes};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    union channel_control control;
    ssize_t sent;

    if (packet->n_fds > 0) {
        struct cmsghdr *cmsg = &control.align;

        memset(&control, 0, sizeof(control));
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int) * packet->n_fds);
        memcpy(CMSG_DATA(cmsg), packet->fds, sizeof(int) * packet->n_fds);
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * packet->n_fds);
    }
    do {
        sent = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0; /* a record goes whole or not at all */
}

static bool channel_is_gone(int error)
{
    /* A send may be the one to collect the ECONNRESET of a peer that died with unread input. */
    return error == -EPIPE || error == -ECONNRESET || error == -ECONNREFUSED || error == -ENOTCONN;
}

int channel_flush(struct channel *channel)
{
    struct channel_packet packet;

    while (channel_queue_peek(&channel->queue, &packet)) {
        int result = channel_write(channel->fd, &packet);

        if (result == -EAGAIN)
            return CHANNEL_PENDING;
        if (channel_is_gone(result)) {
            channel->is_peer_gone = true;
            channel_queue_clear(&channel->queue);
            return CHANNEL_OK;
        }
        if (result < 0)
            return result;
        channel_queue_pop(&channel->queue, &packet);
        if (channel->counters)
            channel->counters->packets_out++;
    }
    return CHANNEL_OK;
}

bool channel_wants_flush(const struct channel *channel)
{
    return channel->queue.start != channel->queue.end;
}

static int channel_violate(struct channel *channel, enum violation violation)
{
    channel->violation = violation;
    fd_close_many(channel->fds, channel->n_fds);
    channel->n_fds = 0;
    channel->refused_bytes = channel->packet_size - channel->packet_offset;
    channel->packet_size = channel->packet_offset;
    return CHANNEL_VIOLATION;
}

/* Everything the kernel installed becomes ours, so that it can be closed. */
static void channel_collect_fds(struct channel *channel, struct msghdr *header)
{
    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
        size_t count;

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        /* The control buffer has room for no more, and the kernel makes one block of all fds of a record. */
        assert(channel->n_fds + count <= CHANNEL_MESSAGE_FDS);
        memcpy(channel->fds + channel->n_fds, CMSG_DATA(cmsg), count * sizeof(int));
        channel->n_fds += count;
    }
}

/* End of stream and a record of no bytes look the same to recvmsg; only a hang-up tells them apart. RDHUP too: a peer
 * that has shut down its sending side has nothing more to say. */
static int channel_tell_end_from_empty(struct channel *channel)
{
    struct pollfd pollfd = {.fd = channel->fd, .events = POLLRDHUP};
    const struct timespec at_once = {0};
    int ready;

    do {
        ready = ppoll(&pollfd, 1, &at_once, NULL);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return -errno;
    if (pollfd.revents & (POLLHUP | POLLRDHUP))
        return CHANNEL_END;
    return channel_violate(channel, VIOLATION_EMPTY_PACKET);
}

static int channel_check_packet(struct channel *channel, size_t size_bytes, int flags)
{
    if (flags & MSG_CTRUNC)
        return channel_violate(channel, channel->receives_fds ? VIOLATION_WRONG_FD_COUNT : VIOLATION_UNEXPECTED_FDS);
    if (flags & MSG_TRUNC)
        return channel_violate(channel, VIOLATION_OVERSIZED_PACKET);
    if (size_bytes == 0)
        return channel->n_fds > 0 ? channel_violate(channel, VIOLATION_EMPTY_PACKET)
                                  : channel_tell_end_from_empty(channel);
    return CHANNEL_OK;
}

static int channel_read_packet(struct channel *channel, int flags)
{
    struct iovec iov = {.iov_base = channel->packet, .iov_len = CHANNEL_PACKET_BYTES};
    union channel_control control;
    struct msghdr header;
    ssize_t size;
    int result;

    do {
        /* The broker offers no room for fds: the kernel then drops them without ever installing one, and says CTRUNC.
         */
        header = (struct msghdr){.msg_iov = &iov, .msg_iovlen = 1};
        if (channel->receives_fds) {
            header.msg_control = &control;
            /* Not the whole buffer: the kernel would fill what alignment adds with one fd more. */
            header.msg_controllen = CMSG_LEN(sizeof(int) * CHANNEL_MESSAGE_FDS);
        }
        size = recvmsg(channel->fd, &header, flags | MSG_CMSG_CLOEXEC);
        /* ECONNRESET comes once, before what the dead peer still had to say; the error is cleared by reporting it. */
    } while (size < 0 && (errno == EINTR || errno == ECONNRESET));
    if (size < 0 && errno == EAGAIN)
        return CHANNEL_EMPTY;
    if (size < 0)
        return errno == ENOTCONN ? CHANNEL_END : -errno;
    channel_collect_fds(channel, &header);
    result = channel_check_packet(channel, (size_t)size, header.msg_flags);
    if (result != CHANNEL_OK)
        return result;
    channel->packet_size = (size_t)size;
    channel->packet_offset = 0;
    channel->packet_received_ns = clock_now_ns();
    if (channel->counters)
        channel->counters->packets_in++;
    return CHANNEL_OK;
}

/* The next frame's place in the packet. */
static enum violation channel_next_frame(const struct channel *channel, const unsigned char **ret_data,
                                         size_t *ret_size_bytes)
{
    size_t left = channel->packet_size - channel->packet_offset;
    const unsigned char *frame = channel->packet + channel->packet_offset;
    uint32_t length;

    if (left < CHANNEL_FRAME_HEADER_BYTES)
        return VIOLATION_TRUNCATED_FRAME;
    memcpy(&length, frame, sizeof(length));
    length = le32toh(length);
    if (length > CHANNEL_MESSAGE_BYTES)
        return VIOLATION_OVERSIZED_MESSAGE;
    if (length > left - CHANNEL_FRAME_HEADER_BYTES)
        return VIOLATION_TRUNCATED_FRAME;
    /* With several frames nobody could say whose the fds are. */
    if (channel->n_fds > 0 && CHANNEL_FRAME_HEADER_BYTES + length != channel->packet_size)
        return VIOLATION_WRONG_FD_COUNT;
    *ret_data = frame + CHANNEL_FRAME_HEADER_BYTES;
    *ret_size_bytes = length;
    return VIOLATION_NONE;
}

static int channel_next_message(struct channel *channel, struct channel_message *ret_message)
{
    const unsigned char *data;
    size_t size_bytes;
    ProtobufCMessage *envelope;
    struct counter *counter;
    enum violation violation = channel_next_frame(channel, &data, &size_bytes);

    if (violation == VIOLATION_NONE)
        violation = codec_unpack(channel->receives, &channel->arena, data, size_bytes, &envelope);
    if (violation != VIOLATION_NONE)
        return channel_violate(channel, violation);
    channel->packet_offset += CHANNEL_FRAME_HEADER_BYTES + size_bytes;
    *ret_message = (struct channel_message){
        .channel = channel,
        .codec = channel->receives,
        .envelope = envelope,
        .type = codec_type_of(envelope),
        .bytes = data,
        .size_bytes = size_bytes,
        .received_ns = channel->packet_received_ns,
        .n_fds = channel->n_fds,
    };
    for (size_t i = 0; i < CHANNEL_MESSAGE_FDS; i++)
        ret_message->fds[i] = i < channel->n_fds ? channel->fds[i] : -1;
    counter = channel_counter(channel, channel->receives, ret_message->type);
    if (counter)
        counter_add(counter, size_bytes, channel->n_fds);
    return CHANNEL_OK;
}

static int channel_receive_how(struct channel *channel, int flags, struct channel_message *ret_message)
{
    int result;

    if (channel->violation != VIOLATION_NONE)
        return CHANNEL_VIOLATION;
    fd_close_many(channel->fds, channel->n_fds);
    channel->n_fds = 0;
    if (!channel_has_buffered(channel)) {
        result = channel_read_packet(channel, flags);
        if (result != CHANNEL_OK)
            return result;
    }
    return channel_next_message(channel, ret_message);
}

int channel_receive(struct channel *channel, struct channel_message *ret_message)
{
    return channel_receive_how(channel, MSG_DONTWAIT, ret_message);
}

int channel_receive_waiting(struct channel *channel, struct channel_message *ret_message)
{
    assert(channel->receives_fds);
    return channel_receive_how(channel, 0, ret_message);
}

bool channel_has_buffered(const struct channel *channel)
{
    return channel->packet_offset < channel->packet_size;
}

enum violation channel_violation(const struct channel *channel)
{
    return channel->violation;
}

size_t channel_refused(const struct channel *channel, const uint8_t **ret_bytes)
{
    *ret_bytes = channel->packet + channel->packet_offset;
    return channel->refused_bytes;
}

int channel_message_take_fd(struct channel_message *message, size_t index)
{
    if (index >= message->n_fds)
        return -1;
    if (message->channel)
        fd_steal(&message->channel->fds[index]);
    return fd_steal(&message->fds[index]);
}
