/* renderer_private.h - the inside of struct renderer, shared by renderer.c (its life) and inbound.c (what it says). */
#ifndef BULKHEAD_RENDERER_PRIVATE_H
#define BULKHEAD_RENDERER_PRIVATE_H

#include "broker/broker.h"
#include "broker/peer.h"
#include "broker/renderer.h"

struct renderer {
    struct broker *broker;
    struct cell_host *cell;
    unsigned id;
    enum renderer_state state;
    const struct renderer_owner *owner;
    void *owner_data;
    const struct renderer_client *client; // NULL: spare, or on its way out
    void *client_data;
    struct document *document; // counted; NULL before it was given one
    char format[64];           // of the document; the renderer's word, escaped
    struct peer *peer;
    struct cell_host_fork_fds fork_fds; // until it is started
    const struct crash_record *record;  // shared, written by the renderer
    uint64_t memory_limit_bytes;        // what is its own; frames come on top
    uint64_t frame_bytes;               // the most it was ever given at once
    bool has_cgroup;
    struct layer_status layers[LAYERS];
    struct requests requests;
    struct watchdog watchdog;
    struct watchdog_limits limits;
    struct loop_source *tick;  // watchdog
    struct loop_source *fatal; // armed when its death is decided but not yet done
    enum kill_reason fatal_reason;
    struct histogram ping_times;
    uint64_t created_ns, crashing_ns;
    unsigned files_unread; // granted since it had last read everything
    bool shutdown_sent, is_forked;
};

#endif
