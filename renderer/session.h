/* session.h - one renderer's life after the fork: two threads between a channel and an engine.
 *
 * The main thread owns the channel: it answers pings at once, takes cancels, passes requests to the paint thread and
 * sends what that one has to say. The paint thread owns the engine and the document. Neither does anything else.
 */
#ifndef BULKHEAD_SESSION_H
#define BULKHEAD_SESSION_H

#include <stdint.h>

#include "renderer/cell/cell.h"

struct session;

/* Takes channel_fd. Starts the paint thread, which gets ready on another processor meanwhile. 0 or -errno. */
int session_create(int channel_fd, uint32_t renderer_id, struct session **ret_session);
/* Before cell_close(): waits until the paint thread needs nothing any more that a closed cell forbids. */
void session_await_ready(struct session *session);

/* Says hello with the facts, then serves until shutdown or the end of the channel. Returns the exit status. The
 * caller must leave by _exit(): the paint thread may be in the middle of something. */
int session_run(struct session *session, const struct cell_facts *facts);

#endif
