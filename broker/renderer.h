/* renderer.h - the broker's side of one renderer process, from the fork order to the one report of its end.
 *
 * Owns the peer (channel, pidfd, logs), the crash record, the open requests and the watchdog. Knows nothing of tabs:
 * what a renderer says about documents goes to its client. A renderer without a client is a spare, or is on its way
 * out.
 */
#ifndef BULKHEAD_RENDERER_H
#define BULKHEAD_RENDERER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/cell_host.h"
#include "broker/document/document.h"
#include "broker/exit_cause.h"
#include "broker/layers.h"
#include "broker/limits/cgroup.h"
#include "broker/message_ring.h"
#include "broker/requests.h"
#include "broker/watchdog.h"
#include "common/channel.h"
#include "common/counters.h"

struct broker;
struct renderer;

enum renderer_state {
    RENDERER_STARTING, /* forked or about to be; no hello yet */
    RENDERER_IDLE,     /* said hello; no document */
    RENDERER_LOADING,  /* navigate sent */
    RENDERER_LIVE,     /* document_info received */
    RENDERER_ENDING,   /* told to go, or killed */
};

/* What a renderer says about its document. Each may return why the renderer must die. May close the renderer. */
struct renderer_client {
    enum violation (*document_info)(struct renderer *renderer, const Bulkhead__DocumentInfo *info, void *userdata);
    enum violation (*page_info)(struct renderer *renderer, uint64_t request_id, const Bulkhead__PageInfo *info,
                                void *userdata);
    enum violation (*frame_ready)(struct renderer *renderer, const struct channel_message *message, void *userdata);
    enum violation (*open_file)(struct renderer *renderer, uint64_t request_id, const Bulkhead__OpenFile *request,
                                void *userdata);
    enum violation (*progress)(struct renderer *renderer, uint64_t request_id, const Bulkhead__Progress *progress,
                               void *userdata);
    enum violation (*error)(struct renderer *renderer, uint64_t request_id, unsigned request_type,
                            const Bulkhead__Error *error, void *userdata);
    void (*unresponsive)(struct renderer *renderer, bool is_unresponsive, void *userdata);
    /* The end, once, last: the renderer is freed after it. */
    void (*ended)(struct renderer *renderer, const struct exit_report *report, void *userdata);
};

/* Told about every renderer: the pool. */
struct renderer_owner {
    void (*idle)(struct renderer *renderer, const Bulkhead__Hello *hello, void *userdata);
    void (*ended)(struct renderer *renderer, const struct exit_report *report, void *userdata);
};

/* All of a renderer that needs no process: fds, crash record, cgroup, peer. It may be kept for the next order. 0 or
 * -errno. */
int renderer_prepare(struct broker *broker, unsigned id, uint64_t memory_limit_bytes,
                     const struct renderer_owner *owner, void *userdata, struct renderer **ret_renderer);
/* Orders its process from the cell. 0, or -errno: it is as it was and to be discarded. */
int renderer_start(struct renderer *renderer, struct cell_host *cell);
/* One that was never started. Takes NULL. */
void renderer_discard(struct renderer *renderer);
/* The cell's answer to the order: its pid, or 0 and an errno. Why the zygote must die, if it lied. */
enum violation renderer_forked(struct renderer *renderer, pid_t pid, int error);
/* The cell ended without an answer: it will never be. */
void renderer_unborn(struct renderer *renderer);

/* Gives an idle renderer to a client that will have it open `document` (a reference is kept, for the report of its
 * end). timeout_ms: for each request, 0 = the policy's. */
void renderer_attach(struct renderer *renderer, const struct renderer_client *client, void *userdata,
                     struct document *document, uint32_t timeout_ms);
/* The client hears no more of it; it is asked to go, and killed if it does not. */
void renderer_close(struct renderer *renderer, enum kill_reason reason);
/* At the end of the broker: waits for it without the loop and frees it. */
void renderer_destroy(struct renderer *renderer);
/* For SIGCHLD. */
void renderer_check_exit(struct renderer *renderer);

/* Sends a request with an id of its own; 0 if it cannot take one. Takes the fds. `envelope` without id. */
uint64_t renderer_request(struct renderer *renderer, Bulkhead__ToRenderer *envelope, bool is_endless, int *fds,
                          size_t n_fds);
/* Sends what asks for no answer (or answers: request_id is kept). Takes the fds. */
void renderer_tell(struct renderer *renderer, Bulkhead__ToRenderer *envelope, int *fds, size_t n_fds);
void renderer_kill(struct renderer *renderer, enum kill_reason reason, enum violation violation);

/* How much frame memory it is to hold from now on; its cgroup's limit follows. */
void renderer_note_frames(struct renderer *renderer, uint64_t frame_bytes);
/* What the kernel says of its cgroup; -ENODEV if it has none. */
int renderer_observe_cgroup(const struct renderer *renderer, struct cgroup_observed *ret_observed);
/* What channel_refuses_fds() says of its channel. */
int renderer_refuses_fds(const struct renderer *renderer);

/* What it is in, LAYERS of them: its word since its hello, and the broker's on what the broker sees to. */
const struct layer_status *renderer_layers(const struct renderer *renderer);
/* The broker's word on a layer it sees to. */
void renderer_note_layer(struct renderer *renderer, const struct layer_status *status);

unsigned renderer_id(const struct renderer *renderer);
pid_t renderer_pid(const struct renderer *renderer);
enum renderer_state renderer_state(const struct renderer *renderer);
uint64_t renderer_age_ms(const struct renderer *renderer);
struct cell_host *renderer_cell(const struct renderer *renderer);
struct counters *renderer_counters(struct renderer *renderer);
const struct message_ring *renderer_messages(const struct renderer *renderer);
/* What it was asked and has not answered. */
const struct requests *renderer_requests(const struct renderer *renderer);
const struct watchdog_limits *renderer_limits(const struct renderer *renderer);
uint64_t renderer_memory_limit_bytes(const struct renderer *renderer);
/* What it was given to open; NULL if nothing was. */
struct document *renderer_document(const struct renderer *renderer);
/* Of the document, in the renderer's words, escaped; "" while unknown. */
const char *renderer_format(const struct renderer *renderer);
const struct histogram *renderer_ping_times(const struct renderer *renderer);

#endif
