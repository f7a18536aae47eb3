/* session_dispatch.h - what the broker may order, row by row. Main thread only; private to session*.c. */
#ifndef BULKHEAD_SESSION_DISPATCH_H
#define BULKHEAD_SESSION_DISPATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "renderer/paint_thread.h"
#include "renderer/session_activity.h"
#include "renderer/session_channel.h"

struct session {
    uint32_t renderer_id;
    bool is_told_to_go;
    struct session_channel channel;
    struct session_activity activity;
    struct paint_thread *paint;
};

/* Acts on one message. 0, or -EPROTO with a line on stderr: the broker said what it should not, and since it is
 * trusted the two sides are not of one version. */
int session_dispatch(struct session *session, struct channel_message *message);

/* Sends the progress of a paint that says none by itself; whether to look again in a while. */
bool session_dispatch_watch_paint(struct session *session);

#endif
