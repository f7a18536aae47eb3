#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/limits.h"
#include "renderer/crash_handler.h"
#include "renderer/paint_thread_private.h"

void paint_thread_step(struct paint_thread *thread, const char *literal)
{
    uint64_t now = clock_now_ns();

    if (thread->step && literal && strcmp(thread->step, literal) == 0)
        return;
    if (thread->step)
        session_activity_add(thread->activity, &(struct session_activity_entry){
                                                   .request_id = thread->current_id,
                                                   .start_ns = thread->step_start_ns,
                                                   .end_ns = now,
                                                   .label = thread->step,
                                               });
    thread->step = literal;
    thread->step_start_ns = now;
    crash_handler_step(literal ? literal : "idle");
}

static void paint_thread_host_step(void *session, const char *literal)
{
    struct paint_thread *thread = session;

    atomic_fetch_add_explicit(&thread->beat, 1, memory_order_relaxed);
    paint_thread_step(thread, literal);
}

static bool paint_thread_host_cancelled(void *session)
{
    return paint_thread_is_cancelled(session);
}

/* Whether the broker should hear of it: not too often, and only where a request of its own is being done. */
static bool paint_thread_progress_is_due(struct paint_thread *thread, uint64_t *ret_request_id)
{
    uint64_t now = clock_now_ns();
    bool is_due;

    paint_thread_lock(thread);
    is_due = !thread->is_current_a_frame && thread->current_id < PAINT_THREAD_OWN_ID &&
             now >= thread->progress_sent_ns + PAINT_PROGRESS_INTERVAL_NS;
    if (is_due)
        thread->progress_sent_ns = now;
    *ret_request_id = thread->current_id;
    paint_thread_unlock(thread);
    return is_due;
}

static void paint_thread_host_progress(void *session, uint32_t done, uint32_t total)
{
    struct paint_thread *thread = session;
    Bulkhead__Progress message = BULKHEAD__PROGRESS__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;

    atomic_fetch_add_explicit(&thread->beat, 1, memory_order_relaxed);
    if (!paint_thread_progress_is_due(thread, &envelope.request_id))
        return;
    message.done = total && done > total ? total : done;
    message.total = total;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PROGRESS;
    envelope.progress = &message;
    /* Progress that finds no room is not worth waiting for. */
    session_channel_queue(thread->channel, &envelope);
    session_channel_flush(thread->channel);
}

static void paint_thread_host_warn(void *session, Bulkhead__Warning__Kind kind, const char *text)
{
    struct paint_thread *thread = session;

    paint_warnings_add(&thread->warnings, kind, text);
}

static __attribute__((noreturn)) void paint_thread_host_out_of_memory(void *session, uint64_t requested_bytes)
{
    (void)session;
    crash_handler_out_of_memory(requested_bytes);
}

static int paint_thread_file_error(Bulkhead__OpenFileReply__Status status)
{
    switch (status) {
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED:
        return 0;
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_FOUND:
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__REMOTE:
        return -ENOENT;
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE:
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__UNREADABLE:
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__IS_LINK:
        return -EACCES;
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_A_FILE:
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__BAD_PATH:
        return -EINVAL;
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__TOO_LARGE:
        return -EFBIG;
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__TOO_MANY:
        return -EMFILE;
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__DISABLED:
        return -EPERM;
    case _BULKHEAD__OPEN_FILE_REPLY__STATUS_IS_INT_SIZE:
        break;
    }
    return -EPROTO;
}

static void paint_thread_ask_for_file(struct paint_thread *thread, const char *path, uint64_t request_id)
{
    Bulkhead__OpenFile message = BULKHEAD__OPEN_FILE__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;

    message.path = codec_bytes(path, strlen(path));
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_OPEN_FILE;
    envelope.open_file = &message;
    session_channel_send(thread->channel, &envelope);
}

/* Waits for the answer or for a cancel. A dead broker needs no case of its own: the main thread then ends the process.
 */
static struct paint_file_wait paint_thread_await_file(struct paint_thread *thread)
{
    struct paint_file_wait answer;

    paint_thread_lock(thread);
    while (!thread->file_wait.is_answered && !paint_thread_is_cancelled(thread))
        pthread_cond_wait(&thread->changed, &thread->lock);
    answer = thread->file_wait;
    thread->file_wait = (struct paint_file_wait){.fd = -1};
    thread->waits_for_broker = false;
    paint_thread_unlock(thread);
    atomic_fetch_add(&thread->beat, 1);
    return answer;
}

static int paint_thread_host_open_file(void *session, const char *path, int *ret_fd, uint64_t *ret_size_bytes)
{
    struct paint_thread *thread = session;
    uint64_t request_id = PAINT_THREAD_OWN_ID | ++thread->file_requests;
    struct paint_file_wait answer;
    int error;

    if (path[0] == '\0' || strlen(path) > LIMIT_PATH_BYTES)
        return path[0] ? -ENAMETOOLONG : -ENOENT;
    paint_thread_lock(thread);
    thread->file_wait = (struct paint_file_wait){.request_id = request_id, .fd = -1};
    thread->waits_for_broker = true;
    paint_thread_unlock(thread);
    paint_thread_ask_for_file(thread, path, request_id);
    answer = paint_thread_await_file(thread);
    if (!answer.is_answered)
        return -ECANCELED;
    error = paint_thread_file_error(answer.status);
    if (error == 0 && answer.fd < 0)
        error = -EPROTO;
    if (error < 0) {
        fd_close(&answer.fd);
        return error;
    }
    *ret_fd = answer.fd;
    *ret_size_bytes = answer.size_bytes;
    return 0;
}

void paint_thread_host_init(struct paint_thread *thread)
{
    thread->host = (struct engine_host){
        .session = thread,
        .open_file = paint_thread_host_open_file,
        .cancelled = paint_thread_host_cancelled,
        .progress = paint_thread_host_progress,
        .step = paint_thread_host_step,
        .warn = paint_thread_host_warn,
        .out_of_memory = paint_thread_host_out_of_memory,
    };
}
