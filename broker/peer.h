/* peer.h - one child process at the other end of a channel: a zygote or a renderer.
 *
 * Owns the channel, the pidfd, the pipes of its stdout and stderr, and its counters. Joins the two notices of an end
 * (channel closed, process dead) in whatever order they come, reads what a dying process still sent, and reports the
 * end exactly once. Never signals a pid that was reaped: signals go through the pidfd. Throttles a peer that floods.
 */
#ifndef BULKHEAD_PEER_H
#define BULKHEAD_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/exit_cause.h"
#include "broker/message_ring.h"
#include "common/channel.h"
#include "common/counters.h"
#include "common/loop.h"

struct services;
struct peer;

struct peer_end {
    int wait_code, wait_status; /* as in siginfo */
    enum kill_reason kill_reason;
    enum violation violation;
    uint64_t noticed_ns; /* first notice */
};

struct peer_listener {
    /* A scanned and unpacked message, no fds. Returns why the peer must die, or VIOLATION_NONE. May destroy the peer.
     */
    enum violation (*message)(struct peer *peer, struct channel_message *message, void *userdata);
    /* Reaped; called once, last. The callee usually destroys the peer. */
    void (*ended)(struct peer *peer, const struct peer_end *end, void *userdata);
};

/* Fds a new peer brings with it; all taken. */
struct peer_fds {
    int channel; /* the broker's end */
    int stdout_read, stderr_read;
};

/* `label` ("renderer=3") is copied into log lines. pid must be a child of this process. 0 or -errno; takes the fds on
 * failure too. The pid may be 0 for now: peer_adopt() follows. */
int peer_create(const struct services *services, const char *label, struct peer_fds *fds,
                const struct peer_listener *listener, void *userdata, struct peer **ret_peer);
/* Names the process. 0, or -errno; -ECHILD if it is no child of ours. */
int peer_adopt(struct peer *peer, pid_t pid);
/* Frees it without a word; the process must have ended or never been adopted. Takes NULL. Safe inside its callbacks. */
void peer_destroy(struct peer *peer);

/* Queues a message and flushes at the end of the loop's turn. Takes the fds. A peer whose queue is full is killed
 * (VIOLATION_NOT_READING). 0 or -errno. */
int peer_send(struct peer *peer, Bulkhead__ToRenderer *envelope, int *fds, size_t n_fds);

/* What is queued leaves now, for an order that others wait for. */
void peer_flush(struct peer *peer);

/* SIGKILL; the first reason stands. */
void peer_kill(struct peer *peer, enum kill_reason reason, enum violation violation);
/* Any other signal; 0 or -errno (-ESRCH once it is dead). */
int peer_signal(struct peer *peer, int signal);

/* Looks whether it has ended (the SIGCHLD path; the pidfd tells by itself otherwise). */
void peer_check_exit(struct peer *peer);
/* Waits for the end of a killed peer without the loop, at most timeout_ms; true once reaped. For shutdown only: the
 * listener is not called. */
bool peer_wait_blocking(struct peer *peer, int timeout_ms);

/* Whether text of the peer may be logged now: its messages and its output share one allowance. */
bool peer_may_log(struct peer *peer, size_t bytes);
/* Whether it has taken everything out of its socket. */
bool peer_has_read_all(const struct peer *peer);

/* What channel_refuses_fds() says of its channel. */
int peer_refuses_fds(const struct peer *peer);

pid_t peer_pid(const struct peer *peer);
bool peer_is_killed(const struct peer *peer);
/* Whether it closed its channel: it answers nothing any more, and has a second to die by itself. */
bool peer_has_left(const struct peer *peer);
struct counters *peer_counters(struct peer *peer);
/* Its last messages, both ways. */
const struct message_ring *peer_messages(const struct peer *peer);

#endif
