/* paint_thread.h - the thread that owns the engine, the document and the frame memory, and does one job at a time.
 *
 * Jobs come from the main thread through a bounded queue and are done in order; a running scene paints by itself
 * between them. The calls below are the main thread's and never block for longer than a few instructions. Answers go
 * from the paint thread straight into the channel. There is no way to end the thread: the process ends instead.
 */
#ifndef BULKHEAD_PAINT_THREAD_H
#define BULKHEAD_PAINT_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "common/frame_layout.h"
#include "renderer/session_activity.h"
#include "renderer/session_channel.h"

/* More than the broker may have open; the rest is input. */
enum { PAINT_THREAD_JOBS = 128 };

/* What jobs without a request id, and files the engine asks for, are called: never a number the broker chose. */
#define PAINT_THREAD_OWN_ID (1ull << 63)

struct paint_thread;

/* Where and how to paint: Paint as the broker sent it. */
struct paint_view {
    uint32_t page;
    float scale_x, scale_y, rotate_deg;
    int32_t scroll_x_px, scroll_y_px;
    uint32_t frames_per_second, frame_limit;
};

/* One order for the paint thread. `type` is the field number in ToRenderer and chooses the member of the union. */
struct paint_job {
    struct paint_job *next;
    unsigned type;
    uint64_t request_id;
    bool is_cancelled; // before it was begun
    int fd;            // owned; -1 = none
    union {
        struct {
            char *url, *password; // owned; password NULL = none was given
            float layout_width_pt, layout_height_pt, layout_em_pt;
            uint64_t size_bytes;
            Bulkhead__Navigate__SharedBuffer shared_end; // whose fd it is, if it is of the shared buffer
        } navigate;
        struct {
            uint32_t page;
        } measure;
        struct {
            uint32_t generation;
            struct frame_geometry geometry;
        } resize;
        struct paint_view paint;
        struct {
            int32_t x_px, y_px;
        } scroll;
        struct {
            Bulkhead__Input__Kind kind;
            uint32_t code;
            int32_t x_px, y_px;
        } input;
        struct {
            Bulkhead__CrashTest__Kind kind;
        } crash_test;
    };
};

/* A job of that type, everything else zero. Never NULL: out of memory ends the process. */
struct paint_job *paint_job_create(unsigned type, uint64_t request_id);
void paint_job_destroy(struct paint_job *job); /* takes NULL */

/* Once, in a process that is still alone and forks renderers later: makes such threads and lets them go. The C library
 * keeps a stack for the next one, and what it looks up at the first is looked up. 0 or -errno. */
int paint_thread_rehearse(void);
/* Starts the thread. Borrows both for its life. 0 or -errno. */
int paint_thread_create(struct session_channel *channel, struct session_activity *activity,
                        struct paint_thread **ret_thread);
/* Waits until it has its alternate stack, so that the cell may be closed around it. It is a matter of microseconds by
 * now: yielding costs less than being woken on another processor would (80 to 100 us, measured). */
void paint_thread_await_ready(struct paint_thread *thread);

/* Takes the job. 0, or -ENOBUFS when too many wait. */
int paint_thread_post(struct paint_thread *thread, struct paint_job *job);

/* Gives up a request: queued, running, or a scene that waits for its next frame. Unknown ids are answered already. */
void paint_thread_cancel(struct paint_thread *thread, uint64_t request_id);

void paint_thread_release_buffer(struct paint_thread *thread, uint32_t generation, uint32_t buffer);

/* The answer to an open_file. Takes fd (-1 when refused). An answer nobody waits for any more is dropped. */
void paint_thread_file_reply(struct paint_thread *thread, uint64_t request_id, Bulkhead__OpenFileReply__Status status,
                             int fd, uint64_t size_bytes);

struct paint_thread_status {
    uint64_t beat;            /* grows whenever the engine gets on */
    uint64_t busy_request_id; /* 0 = idle, or waiting for the broker */
    bool wants_poll;          /* a job runs or waits: look again in a while */
    bool has_progress;        /* the numbers below hold and are worth sending now */
    uint64_t progress_request_id;
    uint32_t done, total;
};

/* Also asks the engine how far it is. */
void paint_thread_look(struct paint_thread *thread, struct paint_thread_status *ret_status);

#endif
