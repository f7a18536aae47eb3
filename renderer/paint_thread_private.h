/* paint_thread_private.h - the paint thread's state, for paint_thread*.c only. */
#ifndef BULKHEAD_PAINT_THREAD_PRIVATE_H
#define BULKHEAD_PAINT_THREAD_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "renderer/engine/engine.h"
#include "renderer/frame_target.h"
#include "renderer/paint_thread.h"
#include "renderer/paint_warnings.h"

/* Progress messages of one request, at most. */
enum { PAINT_PROGRESS_INTERVAL_NS = 50 * 1000 * 1000 };

/* The open document and what the engine borrows from us as long as it is open. */
struct paint_document {
    const struct engine *engine; // NULL = none is open
    struct engine_document *document;
    struct engine_info info;
    int fd; // the file, or the page's end of the shared buffer
    char *url, *password;
};

/* An animation under way. Frame k is due at start_ns + k / frames_per_second: times do not drift. */
struct paint_scene {
    bool is_running;
    bool is_cancelled; // while it waited for its next frame
    uint64_t request_id;
    uint64_t start_ns, tick;
    uint32_t painted, painted_of_request;
};

/* The one file the engine waits for. */
struct paint_file_wait {
    uint64_t request_id; // 0 = it does not wait
    bool is_answered;
    Bulkhead__OpenFileReply__Status status;
    int fd;
    uint64_t size_bytes;
};

struct paint_thread {
    pthread_t thread;
    struct session_channel *channel;
    struct session_activity *activity;
    struct engine_host host;

    pthread_mutex_t lock;   // guards down to `beat`
    pthread_cond_t changed; // anything the paint thread may wait for
    atomic_bool is_ready;   // has its alternate stack
    struct paint_job *first_job, *last_job;
    unsigned job_count;
    uint64_t current_id;     // request being worked on; 0 = none
    bool is_current_a_frame; // of a scene
    bool waits_for_broker;   // for a buffer or a file
    bool is_engine_painting; // engine->cancel and ->poll_progress may be called
    uint32_t polled_done, polled_total;
    uint64_t progress_sent_ns;
    struct paint_file_wait file_wait;
    struct frame_target target; // who holds what; the mapping is the paint thread's
    struct paint_document open; // written by the paint thread while !is_engine_painting
    struct paint_scene scene;   // written by the paint thread

    _Atomic uint64_t beat;
    atomic_bool is_cancelled; // the current request

    /* The paint thread's alone. */
    struct paint_view view;
    bool has_view;
    uint64_t view_request_id;
    bool is_input_unpainted;
    bool has_rested;         // since the last job
    bool does_damage_follow; // the broker has the frame that the engine's damage is relative to
    uint32_t sequence, skipped;
    struct paint_warnings warnings; // of the job under way
    uint64_t file_requests;
    const char *step; // a literal; NULL = none
    uint64_t step_start_ns;
};

/* paint_thread.c */
void paint_thread_lock(struct paint_thread *thread);
void paint_thread_unlock(struct paint_thread *thread);
/* Answers the current request with an error. OUT_OF_MEMORY does not return. */
void paint_thread_fail(struct paint_thread *thread, uint64_t request_id, const struct engine_error *error);
void paint_thread_fail_with(struct paint_thread *thread, uint64_t request_id, Bulkhead__Error__Code code,
                            const char *detail);
bool paint_thread_is_cancelled(const struct paint_thread *thread);
/* Whether a job of this type waits; caller holds the lock. */
bool paint_thread_has_waiting(const struct paint_thread *thread, unsigned type);

/* paint_thread_host.c: what the engine may ask */
void paint_thread_host_init(struct paint_thread *thread);
/* Ends the engine's step under way, if any, and begins another (NULL: none). */
void paint_thread_step(struct paint_thread *thread, const char *literal);

/* paint_thread_jobs.c */
void paint_thread_run_job(struct paint_thread *thread, struct paint_job *job);

/* paint_thread_frames.c */
/* Paints one frame of the present view, waiting for a free buffer, and sends it or the reason why not. */
void paint_thread_paint_once(struct paint_thread *thread, uint64_t request_id);
/* Begins the scene of the present view, or gives one that runs a new request. */
void paint_thread_scene_start(struct paint_thread *thread, uint64_t request_id);
/* Ends the scene; a request that had no frame yet is answered. */
void paint_thread_scene_stop(struct paint_thread *thread);
uint64_t paint_thread_scene_due_ns(const struct paint_thread *thread);
void paint_thread_scene_tick(struct paint_thread *thread);

#endif
