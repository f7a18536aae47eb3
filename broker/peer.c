/* The order of things on a wake-up: input first, then HUP, then the wait status. A renderer that crashes with messages
 * in the socket is heard out before it is declared dead. */
#include "broker/peer.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/peer_log.h"
#include "broker/policy_file.h"
#include "broker/services.h"
#include "broker/trace/recording.h"
#include "broker/trace/trace.h"
#include "broker/trace/trace_messages.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"

enum {
    /* A peer over its rate is not read for this long; the socket's buffer then makes it wait. */
    THROTTLE_MS = 10,
    /* Throttled this often without a pause it is no burst but a flood: half a second of it, before the unread pongs
     * behind it can make the peer look hung. */
    THROTTLE_STRIKES = 50,
    /* A closed channel with a living process behind it: the time it has to die by itself. */
    LINGER_MS = 1000,
    /* More than the socket of a dead peer can hold: whoever exceeds it writes on in its name. */
    LAST_MESSAGES = 64 * 1024,
    /* A packet of fewer messages is seldom followed by another at once; epoll will say so without our asking. */
    PACKET_OF_FEW = 8,
};

struct peer {
    const struct services *services;
    struct loop *loop;
    char label[32];
    const struct peer_listener *listener;
    void *userdata;
    struct channel *channel;
    struct counters counters;
    struct message_ring messages;
    uint32_t recording_id;
    struct peer_log *log;
    pid_t pid;
    int pidfd;
    struct loop_source *channel_source, *pidfd_source, *flush_source, *linger_source, *throttle_source;
    struct peer_end end;
    bool channel_ended, is_reaped, is_destroyed, wants_write;
    unsigned busy; // depth of callbacks under way
    double tokens;
    uint64_t tokens_at_ns;
    unsigned strikes;
};

static void peer_free(struct peer *peer)
{
    channel_destroy(peer->channel);
    counters_fini(&peer->counters);
    peer_log_destroy(peer->log);
    fd_close(&peer->pidfd);
    free(peer);
}

static void remove_sources(struct peer *peer)
{
    loop_source_remove(&peer->channel_source);
    loop_source_remove(&peer->pidfd_source);
    loop_source_remove(&peer->flush_source);
    loop_source_remove(&peer->linger_source);
    loop_source_remove(&peer->throttle_source);
}

void peer_destroy(struct peer *peer)
{
    if (peer == NULL || peer->is_destroyed)
        return;
    peer->is_destroyed = true;
    remove_sources(peer);
    if (peer->busy == 0)
        peer_free(peer);
}

static void enter(struct peer *peer)
{
    peer->busy++;
}

/* False if the peer was destroyed meanwhile: the caller returns at once. */
static bool leave(struct peer *peer)
{
    if (--peer->busy > 0 || !peer->is_destroyed)
        return !peer->is_destroyed;
    peer_free(peer);
    return false;
}

static void notice_end(struct peer *peer)
{
    if (peer->end.noticed_ns == 0)
        peer->end.noticed_ns = clock_now_ns();
}

void peer_kill(struct peer *peer, enum kill_reason reason, enum violation violation)
{
    if (peer->end.kill_reason == KILL_NONE) {
        peer->end.kill_reason = reason;
        peer->end.violation = violation;
    }
    if (reason == KILL_BAD_MESSAGE)
        loop_source_remove(&peer->channel_source); /* nothing more it says counts */
    peer_signal(peer, SIGKILL);
}

int peer_signal(struct peer *peer, int signal)
{
    if (peer->pidfd < 0 || peer->is_reaped)
        return -ESRCH;
    return syscall(SYS_pidfd_send_signal, peer->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

static void trace_received(struct peer *peer, const struct channel_message *message)
{
    struct trace *trace = peer->services->trace;
    if (trace != NULL)
        trace_message(trace, &(struct trace_message){.pid = peer->pid,
                                                     .is_upward = true,
                                                     .type = message->type,
                                                     .sent_ns = message->to_broker->sent_ns,
                                                     .start_ns = message->received_ns});
}

static void trace_handled(struct peer *peer)
{
    struct trace *trace = peer->services->trace;
    if (trace != NULL)
        trace_message_end(trace);
}

static void trace_sent(struct peer *peer, const Bulkhead__ToRenderer *envelope)
{
    struct trace *trace = peer->services->trace;
    if (trace == NULL)
        return;
    trace_message(trace, &(struct trace_message){.pid = peer->pid,
                                                 .type = codec_type_of(&envelope->base),
                                                 .sent_ns = envelope->sent_ns,
                                                 .start_ns = envelope->sent_ns});
    trace_message_end(trace);
}

static void note_received(struct peer *peer, const struct channel_message *message)
{
    message_ring_add(&peer->messages, &(struct message_ring_entry){.is_upward = true,
                                                                   .type = message->type,
                                                                   .request_id = message->to_broker->request_id,
                                                                   .at_ns = message->received_ns,
                                                                   .bytes = message->size_bytes});
}

static void note_sent(struct peer *peer, const Bulkhead__ToRenderer *envelope, uint64_t bytes, size_t n_fds)
{
    message_ring_add(&peer->messages, &(struct message_ring_entry){.type = codec_type_of(&envelope->base),
                                                                   .request_id = envelope->request_id,
                                                                   .at_ns = envelope->sent_ns,
                                                                   .bytes = bytes,
                                                                   .fds = (uint32_t)n_fds});
}

static void record(struct peer *peer, enum recording_kind kind, const void *bytes, size_t size_bytes)
{
    struct recording *recording = peer->services->recording;
    if (recording != NULL)
        recording_add(recording, peer->recording_id, peer->pid, kind, bytes, size_bytes);
}

static void record_refused(struct peer *peer)
{
    const uint8_t *bytes;
    size_t size_bytes = channel_refused(peer->channel, &bytes);
    record(peer, RECORDING_REFUSED, bytes, size_bytes);
}

/* Ends a peer for what it sent; is_unread: it could not even be unpacked. */
static void refuse(struct peer *peer, enum violation violation, bool is_unread)
{
    log_write(LOG_INFO, "%s pid=%d violation=\"%s\"", peer->label, (int)peer->pid, violation_name(violation));
    message_ring_refuse(&peer->messages, violation, is_unread, clock_now_ns());
    if (is_unread)
        record_refused(peer);
    peer_kill(peer, KILL_BAD_MESSAGE, violation);
}

/* A claim from the future is a lie: the clock is one. */
static enum violation check_timestamp(const struct channel_message *message)
{
    uint64_t sent = message->to_broker->sent_ns;
    if (sent == 0)
        return VIOLATION_NONE; /* the crash handler has no clock */
    return sent > message->received_ns ? VIOLATION_BAD_TIMESTAMP : VIOLATION_NONE;
}

/* VIOLATION_NONE, or why the peer must die. */
static enum violation handle_message(struct peer *peer, struct channel_message *message)
{
    note_received(peer, message);
    record(peer, RECORDING_TO_BROKER, message->bytes, message->size_bytes);
    enum violation violation = check_timestamp(message);
    if (violation != VIOLATION_NONE)
        return violation;
    if (message->to_broker->sent_ns != 0)
        counter_add_latency(&peer->counters.to_broker[message->type],
                            message->received_ns - message->to_broker->sent_ns);
    if (log_get_level() <= LOG_DEBUG)
        log_write(LOG_DEBUG, "%s pid=%d msg=%s bytes=%zu", peer->label, (int)peer->pid,
                  codec_type_name(message->codec, message->type), message->size_bytes);
    trace_received(peer, message);
    return peer->listener->message(peer, message, peer->userdata);
}

/* The token bucket: a second's worth of burst. False when the peer is over its rate. `now` is when the message's packet
 * was read: a look at the clock for each message would cost as much as its dispatch. */
static bool take_token(struct peer *peer, uint64_t now)
{
    double rate = peer->services->policy->messages_per_second;
    peer->tokens += (double)(now - peer->tokens_at_ns) * rate / 1e9;
    if (peer->tokens > rate)
        peer->tokens = rate;
    if (peer->tokens > rate / 2)
        peer->strikes = 0; /* quiet for half a second's worth: that was a burst */
    peer->tokens_at_ns = now;
    peer->tokens -= 1;
    return peer->tokens >= 0;
}

static int on_throttle_over(struct loop_source *source, void *userdata)
{
    (void)source;
    struct peer *peer = userdata;
    loop_source_remove(&peer->throttle_source);
    if (peer->channel_source != NULL)
        return loop_source_set_events(peer->channel_source, EPOLLIN | (peer->wants_write ? EPOLLOUT : 0u));
    return 0;
}

static int throttle(struct peer *peer)
{
    if (++peer->strikes > THROTTLE_STRIKES) {
        peer_kill(peer, KILL_BAD_MESSAGE, VIOLATION_FLOOD);
        return 0;
    }
    if (peer->throttle_source != NULL)
        return 0;
    int error = loop_add_timer(peer->loop, on_throttle_over, peer, &peer->throttle_source);
    if (error < 0)
        return error;
    loop_timer_set(peer->throttle_source, clock_now_ms() + THROTTLE_MS);
    return loop_source_set_events(peer->channel_source, 0);
}

static int on_linger_over(struct loop_source *source, void *userdata)
{
    (void)source;
    struct peer *peer = userdata;
    peer_kill(peer, KILL_LEFT, VIOLATION_NONE);
    return 0;
}

static void channel_over(struct peer *peer)
{
    notice_end(peer);
    peer->channel_ended = true;
    loop_source_remove(&peer->channel_source);
    loop_source_remove(&peer->throttle_source);
    if (!peer->is_reaped && peer->linger_source == NULL &&
        loop_add_timer(peer->loop, on_linger_over, peer, &peer->linger_source) == 0)
        loop_timer_set(peer->linger_source, clock_now_ms() + LINGER_MS);
}

/* Reads at most `most` messages. False if the peer was destroyed by a callback. What a peer that is gone has left is
 * bounded, and no flood. */
static bool read_messages(struct peer *peer, unsigned most, bool is_gone)
{
    enter(peer);
    for (unsigned i = 0; i < most && !peer->is_destroyed && !peer->channel_ended; i++) {
        struct channel_message message;
        int result = channel_receive(peer->channel, &message);
        enum violation violation = VIOLATION_NONE;
        if (result == CHANNEL_OK)
            violation = handle_message(peer, &message);
        else if (result == CHANNEL_VIOLATION)
            violation = channel_violation(peer->channel);
        if (peer->is_destroyed || result == CHANNEL_EMPTY)
            break;
        if (result == CHANNEL_END || result < 0)
            channel_over(peer);
        if (violation != VIOLATION_NONE) {
            refuse(peer, violation, result == CHANNEL_VIOLATION);
            break;
        }
        if (peer->channel_source != NULL && !is_gone && !take_token(peer, message.received_ns)) {
            throttle(peer);
            break;
        }
        if (is_gone || channel_has_buffered(peer->channel))
            continue;
        if (i < PACKET_OF_FEW)
            break;
        peer_flush(peer); /* what this packet led to: the peer may begin with it while the next one is read */
    }
    trace_handled(peer);
    return leave(peer);
}

static int on_buffered(struct loop_source *source, void *userdata);

static int flush(struct peer *peer)
{
    int result = channel_flush(peer->channel);
    if (result < 0)
        return result;
    bool wants_write = result == CHANNEL_PENDING;
    if (wants_write == peer->wants_write || peer->channel_source == NULL)
        return 0;
    peer->wants_write = wants_write;
    uint32_t events = (peer->throttle_source != NULL ? 0 : EPOLLIN) | (wants_write ? EPOLLOUT : 0u);
    return loop_source_set_events(peer->channel_source, events);
}

static int on_channel(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source;
    (void)fd;
    struct peer *peer = userdata;
    if ((events & EPOLLOUT) != 0 && flush(peer) < 0)
        peer_kill(peer, KILL_BAD_MESSAGE, VIOLATION_NOT_READING);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0 || peer->channel_source == NULL)
        return 0;
    if (!read_messages(peer, CHANNEL_TURN_MESSAGES, (events & EPOLLHUP) != 0))
        return 0;
    /* A packet read but not yet handed out is invisible to epoll: come back for it after the others had their turn. */
    if (peer->channel_source != NULL && peer->throttle_source == NULL && channel_has_buffered(peer->channel) &&
        peer->flush_source == NULL)
        return loop_defer(peer->loop, on_buffered, peer, &peer->flush_source);
    return 0;
}

/* The end of a loop's turn: what was queued in it leaves in as few packets as possible. */
static int on_buffered(struct loop_source *source, void *userdata)
{
    (void)source;
    struct peer *peer = userdata;
    loop_source_remove(&peer->flush_source);
    if (channel_wants_flush(peer->channel) && flush(peer) < 0)
        peer_kill(peer, KILL_BAD_MESSAGE, VIOLATION_NOT_READING);
    if (peer->channel_source != NULL && channel_has_buffered(peer->channel))
        return on_channel(NULL, -1, EPOLLIN, peer);
    return 0;
}

/* Everything a dead process left in the socket. Bounded, for another may hold its end and write on. */
static bool drain(struct peer *peer)
{
    for (unsigned i = 0; i < LAST_MESSAGES && !peer->channel_ended && peer->channel_source != NULL; i++) {
        struct channel_message message;
        enter(peer);
        int result = channel_receive(peer->channel, &message);
        enum violation violation = VIOLATION_NONE;
        if (result == CHANNEL_OK)
            violation = handle_message(peer, &message);
        if (!leave(peer))
            return false;
        if (result == CHANNEL_OK && violation == VIOLATION_NONE)
            continue;
        if (result == CHANNEL_VIOLATION)
            violation = channel_violation(peer->channel);
        if (violation != VIOLATION_NONE)
            refuse(peer, violation, result == CHANNEL_VIOLATION);
        break;
    }
    return true;
}

static bool reap(struct peer *peer, int options)
{
    siginfo_t info = {0};
    if (waitid(P_PIDFD, (id_t)peer->pidfd, &info, WEXITED | options) < 0 || info.si_pid == 0)
        return false;
    peer->is_reaped = true;
    peer->end.wait_code = info.si_code;
    peer->end.wait_status = info.si_status;
    return true;
}

void peer_check_exit(struct peer *peer)
{
    siginfo_t info = {0};
    if (peer->pidfd < 0 || peer->is_reaped || peer->is_destroyed)
        return;
    if (waitid(P_PIDFD, (id_t)peer->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
        return;
    notice_end(peer);
    if (!drain(peer) || !reap(peer, WNOHANG))
        return;
    remove_sources(peer);
    peer_log_drain(peer->log);
    enter(peer);
    peer->listener->ended(peer, &peer->end, peer->userdata);
    leave(peer);
}

static int on_pidfd(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source;
    (void)fd;
    (void)events;
    peer_check_exit(userdata);
    return 0;
}

bool peer_wait_blocking(struct peer *peer, int timeout_ms)
{
    uint64_t deadline = clock_now_ms() + (uint64_t)timeout_ms;
    if (peer->pidfd < 0 || peer->is_reaped)
        return true;
    for (;;) {
        if (reap(peer, WNOHANG))
            return true;
        uint64_t now = clock_now_ms();
        if (now >= deadline)
            return false;
        struct pollfd poll_fd = {.fd = peer->pidfd, .events = POLLIN};
        poll(&poll_fd, 1, (int)(deadline - now));
    }
}

int peer_create(const struct services *services, const char *label, struct peer_fds *fds,
                const struct peer_listener *listener, void *userdata, struct peer **ret_peer)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        fd_close(&fds->channel);
        fd_close(&fds->stdout_read);
        fd_close(&fds->stderr_read);
        return -ENOMEM;
    }
    peer->services = services;
    peer->loop = services->loop;
    peer->listener = listener;
    peer->userdata = userdata;
    peer->pidfd = -1;
    snprintf(peer->label, sizeof peer->label, "%s", label);
    if (services->recording != NULL)
        peer->recording_id = recording_new_peer(services->recording);
    counters_init(&peer->counters);
    peer->tokens_at_ns = clock_now_ns();
    peer->tokens = services->policy->messages_per_second;
    int error = peer_log_create(services, peer->label, &fds->stdout_read, &fds->stderr_read, &peer->log);
    int channel_error = channel_create(fd_steal(&fds->channel), CHANNEL_BROKER, &peer->counters, &peer->channel);
    if (error == 0)
        error = channel_error;
    if (error == 0)
        error = loop_add_fd(peer->loop, channel_fd(peer->channel), EPOLLIN, on_channel, peer, &peer->channel_source);
    if (error < 0) {
        peer_destroy(peer);
        return error;
    }
    *ret_peer = peer;
    return 0;
}

int peer_adopt(struct peer *peer, pid_t pid)
{
    siginfo_t info = {0};
    /* Only a parent may wait: this tells our children from whatever pid a hostile zygote might name. */
    if (pid <= 1 || waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
        return -ECHILD;
    peer->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (peer->pidfd < 0)
        return -errno;
    peer->pid = pid;
    if (peer_is_killed(peer))
        peer_signal(peer, SIGKILL); /* condemned before it had a name */
    return loop_add_fd(peer->loop, peer->pidfd, EPOLLIN, on_pidfd, peer, &peer->pidfd_source);
}

int peer_send(struct peer *peer, Bulkhead__ToRenderer *envelope, int *fds, size_t n_fds)
{
    if (peer->channel_ended || peer->end.kill_reason != KILL_NONE) {
        fd_close_many(fds, n_fds);
        return 0; /* its end is on the way and will be told */
    }
    /* Few messages with fds can be queued; a zygote that is still starting reads none of them, but the socket does. */
    if (n_fds > 0)
        channel_flush(peer->channel);
    const struct counter *counter = &peer->counters.to_renderer[codec_type_of(&envelope->base)];
    uint64_t bytes_before = counter->bytes;
    int result = channel_send(peer->channel, &envelope->base, fds, n_fds);
    if (result == CHANNEL_FULL) {
        peer_kill(peer, KILL_BAD_MESSAGE, VIOLATION_NOT_READING);
        return 0;
    }
    if (result < 0)
        return result;
    note_sent(peer, envelope, counter->bytes - bytes_before, n_fds);
    if (peer->services->recording != NULL)
        recording_add_sent(peer->services->recording, peer->recording_id, peer->pid, envelope);
    trace_sent(peer, envelope);
    if (peer->flush_source == NULL)
        return loop_defer(peer->loop, on_buffered, peer, &peer->flush_source);
    return 0;
}

void peer_flush(struct peer *peer)
{
    if (!peer->channel_ended && flush(peer) < 0)
        peer_kill(peer, KILL_BAD_MESSAGE, VIOLATION_NOT_READING);
}

bool peer_may_log(struct peer *peer, size_t bytes)
{
    return peer_log_admit(peer->log, bytes);
}

bool peer_has_read_all(const struct peer *peer)
{
    int unread_bytes = 0;
    return !channel_wants_flush(peer->channel) &&
           (ioctl(channel_fd(peer->channel), SIOCOUTQ, &unread_bytes) < 0 || unread_bytes == 0);
}

int peer_refuses_fds(const struct peer *peer)
{
    return channel_refuses_fds(channel_fd(peer->channel));
}

pid_t peer_pid(const struct peer *peer)
{
    return peer->pid;
}

bool peer_is_killed(const struct peer *peer)
{
    return peer->end.kill_reason != KILL_NONE;
}

bool peer_has_left(const struct peer *peer)
{
    return peer->channel_ended;
}

struct counters *peer_counters(struct peer *peer)
{
    return &peer->counters;
}

const struct message_ring *peer_messages(const struct peer *peer)
{
    return &peer->messages;
}
