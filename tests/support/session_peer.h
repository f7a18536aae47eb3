/* session_peer.h - a test's broker: runs one session in a child process and talks to it over a real channel.
 *
 * Every wait has a deadline that fails the test. The child has no cell around it: what is tested is the session.
 */
#ifndef BULKHEAD_TESTS_SESSION_PEER_H
#define BULKHEAD_TESTS_SESSION_PEER_H

#include <stdint.h>
#include <sys/types.h>

#include "common/channel.h"
#include "common/frame_layout.h"

enum { SESSION_PEER_ID = 7, SESSION_PEER_DEADLINE_MS = 10000 };

struct session_peer {
    struct channel *channel;
    pid_t pid;
    int pidfd;
    int fds_before; // open in this process before it began
    uint32_t generation;
    uint64_t next_request;
    struct frame_geometry geometry;
    uint8_t *memory; // read-only, as the broker maps it
    int memory_fd;
};

/* Starts the session; memory_limit_bytes is its RLIMIT_DATA (0: none). Does not read its hello. */
void session_peer_start(struct session_peer *peer, uint64_t memory_limit_bytes);
/* Kills what is left, reaps it, and checks that no fd is left open here. */
void session_peer_fini(struct session_peer *peer);

/* Sends with a fresh request id, which it returns. Takes fd (-1: none). */
uint64_t session_peer_request(struct session_peer *peer, Bulkhead__ToRenderer *envelope, int fd);
/* Sends as it is. */
void session_peer_tell(struct session_peer *peer, Bulkhead__ToRenderer *envelope, int fd);

/* The next message that is not of the kinds a session sends on its own accord (activity, progress). It lives until the
 * next call. Fails the test at the deadline or when the channel ends. */
const Bulkhead__ToBroker *session_peer_next(struct session_peer *peer);
/* The same, of any kind. */
const Bulkhead__ToBroker *session_peer_next_any(struct session_peer *peer);
/* The same, and fails unless it is of this type and answers this request. */
const Bulkhead__ToBroker *session_peer_expect(struct session_peer *peer, unsigned type, uint64_t request_id);
void session_peer_expect_error(struct session_peer *peer, uint64_t request_id, Bulkhead__Error__Code code);
/* True when nothing arrives for so long. */
int session_peer_is_silent(struct session_peer *peer, int milliseconds);

/* The session's wait status (as waitpid's), within the deadline; what it still says is thrown away. */
int session_peer_wait(struct session_peer *peer);

/* The usual orders. */
uint64_t session_peer_navigate(struct session_peer *peer, const char *url, int fd, uint64_t size_bytes);
/* Navigates and waits until the document is open. */
void session_peer_open(struct session_peer *peer, const char *url);
uint64_t session_peer_measure(struct session_peer *peer, uint32_t page);
void session_peer_resize(struct session_peer *peer, uint32_t width_px, uint32_t height_px, uint32_t buffers);
uint64_t session_peer_paint(struct session_peer *peer, uint32_t page, uint32_t frames_per_second, uint32_t frame_limit);
void session_peer_release(struct session_peer *peer, uint32_t generation, uint32_t buffer);
void session_peer_cancel(struct session_peer *peer, uint64_t request_id);
uint64_t session_peer_ping(struct session_peer *peer);
const uint8_t *session_peer_pixels(const struct session_peer *peer, uint32_t buffer);

#endif
