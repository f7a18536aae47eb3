#include "renderer/session_channel.h"

#include <poll.h>
#include <stddef.h>

int session_channel_init(struct session_channel *channel, int fd)
{
    int error = channel_create(fd, CHANNEL_RENDERER, NULL, &channel->channel);

    if (error < 0)
        return error;
    return -pthread_mutex_init(&channel->lock, NULL);
}

void session_channel_fini(struct session_channel *channel)
{
    channel_destroy(channel->channel);
    channel->channel = NULL;
    pthread_mutex_destroy(&channel->lock);
}

int session_channel_fd(const struct session_channel *channel)
{
    return channel_fd(channel->channel);
}

int session_channel_queue(struct session_channel *channel, Bulkhead__ToBroker *envelope)
{
    int result;

    pthread_mutex_lock(&channel->lock);
    result = channel_send(channel->channel, &envelope->base, NULL, 0);
    pthread_mutex_unlock(&channel->lock);
    return result;
}

int session_channel_flush(struct session_channel *channel)
{
    int result;

    pthread_mutex_lock(&channel->lock);
    result = channel_flush(channel->channel);
    pthread_mutex_unlock(&channel->lock);
    return result;
}

/* An interrupted wait (the broker asked for a stack) only means that the flush is tried early. */
static void session_channel_wait_writable(struct session_channel *channel)
{
    struct pollfd pollfd = {.fd = session_channel_fd(channel), .events = POLLOUT};

    ppoll(&pollfd, 1, NULL, NULL);
}

void session_channel_send(struct session_channel *channel, Bulkhead__ToBroker *envelope)
{
    bool is_queued = false;

    for (;;) {
        int flushed;

        pthread_mutex_lock(&channel->lock);
        if (!is_queued)
            is_queued = channel_send(channel->channel, &envelope->base, NULL, 0) != CHANNEL_FULL;
        flushed = channel_flush(channel->channel);
        pthread_mutex_unlock(&channel->lock);
        /* Errors of the socket are the main thread's to find: it ends the process. */
        if (is_queued && flushed != CHANNEL_PENDING)
            return;
        if (flushed == CHANNEL_PENDING)
            session_channel_wait_writable(channel);
    }
}

int session_channel_receive(struct session_channel *channel, bool may_wait, struct channel_message *ret_message)
{
    return may_wait ? channel_receive_waiting(channel->channel, ret_message)
                    : channel_receive(channel->channel, ret_message);
}

bool session_channel_has_buffered(const struct session_channel *channel)
{
    return channel_has_buffered(channel->channel);
}

void session_channel_seize(struct session_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
}
