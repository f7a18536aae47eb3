/* session_channel.h - the renderer's one channel, shared by its two threads.
 *
 * One mutex around every call that sends, held only while a call that never blocks runs. The main thread alone
 * receives, which touches nothing that sending does (channel.h), and needs no mutex. Either thread sends by itself, so
 * that nobody ever has to be woken to send: the main thread queues and flushes once a turn, the paint thread sends and,
 * when the socket is full, waits for room with the mutex released. Owns the channel.
 */
#ifndef BULKHEAD_SESSION_CHANNEL_H
#define BULKHEAD_SESSION_CHANNEL_H

#include <pthread.h>
#include <stdbool.h>

#include "common/channel.h"

struct session_channel {
    pthread_mutex_t lock;
    struct channel *channel;
};

/* Takes fd. 0 or -errno. */
int session_channel_init(struct session_channel *channel, int fd);
void session_channel_fini(struct session_channel *channel);

int session_channel_fd(const struct session_channel *channel);

/* Queues without a system call. CHANNEL_FULL: the broker does not read and the message was dropped. */
int session_channel_queue(struct session_channel *channel, Bulkhead__ToBroker *envelope);
/* As channel_flush(). */
int session_channel_flush(struct session_channel *channel);

/* The paint thread's way: queues, and returns when the socket has taken everything, or the broker is gone. A broker
 * that does not read holds the caller here; the main thread goes on answering and can still end the process. */
void session_channel_send(struct session_channel *channel, Bulkhead__ToBroker *envelope);

/* As channel_receive() or, if it may wait, channel_receive_waiting(); main thread only. */
int session_channel_receive(struct session_channel *channel, bool may_wait, struct channel_message *ret_message);
bool session_channel_has_buffered(const struct session_channel *channel);

/* Never gives the mutex back: no thread says anything more. For crash tests. */
void session_channel_seize(struct session_channel *channel);

#endif
