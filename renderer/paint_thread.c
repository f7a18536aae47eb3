#include "renderer/paint_thread.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/limits.h"
#include "renderer/crash_handler.h"
#include "renderer/paint_thread_private.h"

_Static_assert(ENGINE_DETAIL_BYTES <= (int)LIMIT_DETAIL_BYTES, "an engine's own words always fit");

enum {
    /* MuPDF recurses with the nesting of a document. Touched lazily. */
    PAINT_STACK_BYTES = 8 * 1024 * 1024,
    /* Nothing asked for so long: nobody is turning pages. */
    REST_AFTER_MS = 1000,
};

struct paint_job *paint_job_create(unsigned type, uint64_t request_id)
{
    struct paint_job *job = calloc(1, sizeof(*job));

    if (!job)
        crash_handler_out_of_memory(sizeof(*job));
    job->type = type;
    job->request_id = request_id;
    job->fd = -1;
    return job;
}

void paint_job_destroy(struct paint_job *job)
{
    if (!job)
        return;
    if (job->type == BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE) {
        free(job->navigate.url);
        free(job->navigate.password);
    }
    fd_close(&job->fd);
    free(job);
}

void paint_thread_lock(struct paint_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
}

void paint_thread_unlock(struct paint_thread *thread)
{
    pthread_mutex_unlock(&thread->lock);
}

bool paint_thread_is_cancelled(const struct paint_thread *thread)
{
    return atomic_load_explicit(&thread->is_cancelled, memory_order_relaxed);
}

void paint_thread_fail_with(struct paint_thread *thread, uint64_t request_id, Bulkhead__Error__Code code,
                            const char *detail)
{
    Bulkhead__Error message = BULKHEAD__ERROR__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;

    if (code == BULKHEAD__ERROR__CODE__OUT_OF_MEMORY)
        crash_handler_out_of_memory(0);
    if (request_id == 0)
        return; /* nobody asked: what follows from it will say so */
    message.code = code;
    message.detail = codec_bytes(detail, strlen(detail));
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_ERROR;
    envelope.error = &message;
    session_channel_send(thread->channel, &envelope);
}

void paint_thread_fail(struct paint_thread *thread, uint64_t request_id, const struct engine_error *error)
{
    paint_thread_fail_with(thread, request_id, error->code, error->detail);
}

bool paint_thread_has_waiting(const struct paint_thread *thread, unsigned type)
{
    for (const struct paint_job *job = thread->first_job; job; job = job->next)
        if (job->type == type)
            return true;
    return false;
}

static struct paint_job *paint_thread_take_job(struct paint_thread *thread)
{
    struct paint_job *job = thread->first_job;

    thread->first_job = job->next;
    if (!thread->first_job)
        thread->last_job = NULL;
    thread->job_count--;
    return job;
}

static void paint_thread_begin(struct paint_thread *thread, uint64_t request_id, bool is_cancelled, bool is_a_frame)
{
    thread->current_id = request_id ? request_id : PAINT_THREAD_OWN_ID;
    thread->is_current_a_frame = is_a_frame;
    atomic_store(&thread->is_cancelled, is_cancelled);
}

static void paint_thread_finish(struct paint_thread *thread)
{
    paint_thread_step(thread, NULL);
    atomic_fetch_add(&thread->beat, 1);
    paint_thread_lock(thread);
    thread->current_id = 0;
    paint_thread_unlock(thread);
}

static void paint_thread_wait_until(struct paint_thread *thread, uint64_t at_ns)
{
    struct timespec at = {.tv_sec = (time_t)(at_ns / 1000000000), .tv_nsec = (long)(at_ns % 1000000000)};

    pthread_cond_timedwait(&thread->changed, &thread->lock, &at);
}

static bool paint_thread_may_rest(const struct paint_thread *thread)
{
    return !thread->has_rested && thread->open.document && thread->open.engine->rest;
}

/* Waits a while; when nothing came, the engine gives back what it can. Caller holds the lock. */
static void paint_thread_rest(struct paint_thread *thread)
{
    uint64_t at_ns = clock_now_ns() + REST_AFTER_MS * 1000000ull;

    while (!thread->first_job && clock_now_ns() < at_ns)
        paint_thread_wait_until(thread, at_ns);
    if (thread->first_job)
        return;
    thread->has_rested = true;
    paint_thread_unlock(thread);
    thread->open.engine->rest(thread->open.document);
    paint_thread_lock(thread);
}

/* Waits for what is next and begins it: a job, or NULL when the scene's next frame is due (or the scene cancelled). */
static struct paint_job *paint_thread_next(struct paint_thread *thread)
{
    struct paint_job *job = NULL;

    paint_thread_lock(thread);
    for (;;) {
        if (thread->first_job) {
            job = paint_thread_take_job(thread);
            thread->has_rested = false;
            paint_thread_begin(thread, job->request_id, job->is_cancelled, false);
            break;
        }
        if (!thread->scene.is_running) {
            if (paint_thread_may_rest(thread))
                paint_thread_rest(thread);
            else
                pthread_cond_wait(&thread->changed, &thread->lock);
            continue;
        }
        if (thread->scene.is_cancelled || clock_now_ns() >= paint_thread_scene_due_ns(thread)) {
            paint_thread_begin(thread, thread->scene.request_id, thread->scene.is_cancelled, true);
            break;
        }
        paint_thread_wait_until(thread, paint_thread_scene_due_ns(thread));
    }
    paint_thread_unlock(thread);
    return job;
}

static void *paint_thread_main(void *argument)
{
    struct paint_thread *thread = argument;

    pthread_setname_np(pthread_self(), "paint");
    crash_handler_thread_init(1);
    atomic_store(&thread->is_ready, true);
    for (;;) {
        struct paint_job *job = paint_thread_next(thread);

        if (job)
            paint_thread_run_job(thread, job);
        else
            paint_thread_scene_tick(thread);
        paint_job_destroy(job);
        paint_thread_finish(thread);
    }
    return NULL;
}

static int paint_thread_spawn(void *(*run)(void *), void *argument, pthread_t *ret_thread)
{
    pthread_attr_t attributes;
    int error = pthread_attr_init(&attributes);

    if (error)
        return -error;
    error = pthread_attr_setstacksize(&attributes, PAINT_STACK_BYTES);
    if (!error)
        error = pthread_create(ret_thread, &attributes, run, argument);
    pthread_attr_destroy(&attributes);
    return -error;
}

static void *paint_thread_look_around(void *argument)
{
    pid_t *id = argument;
    pthread_attr_t attributes;

    if (pthread_getattr_np(pthread_self(), &attributes) == 0)
        pthread_attr_destroy(&attributes);
    *id = gettid();
    return NULL;
}

/* Makes such a thread and waits until the kernel has forgotten it. */
static int paint_thread_rehearse_once(void)
{
    pthread_t thread = 0;
    pid_t id = 0;
    int error = paint_thread_spawn(paint_thread_look_around, &id, &thread);

    if (error < 0)
        return error;
    pthread_join(thread, NULL);
    /* Who joins is woken before the id is gone. */
    while (syscall(SYS_tgkill, getpid(), id, 0) == 0)
        sched_yield();
    return 0;
}

int paint_thread_rehearse(void)
{
    /* The first leaves its stack; the second goes the way of those that find one. */
    int error = paint_thread_rehearse_once();

    return error == 0 ? paint_thread_rehearse_once() : error;
}

void paint_thread_await_ready(struct paint_thread *thread)
{
    while (!atomic_load(&thread->is_ready))
        sched_yield();
}

int paint_thread_create(struct session_channel *channel, struct session_activity *activity,
                        struct paint_thread **ret_thread)
{
    struct paint_thread *thread = calloc(1, sizeof(*thread));
    pthread_condattr_t attributes;
    int error;

    if (!thread)
        return -ENOMEM;
    thread->channel = channel;
    thread->activity = activity;
    thread->open.fd = -1;
    thread->file_wait.fd = -1;
    frame_target_init(&thread->target);
    paint_thread_host_init(thread);
    pthread_mutex_init(&thread->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&thread->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    error = paint_thread_spawn(paint_thread_main, thread, &thread->thread);
    if (error < 0) {
        free(thread);
        return error;
    }
    *ret_thread = thread;
    return 0;
}

int paint_thread_post(struct paint_thread *thread, struct paint_job *job)
{
    bool is_full;

    paint_thread_lock(thread);
    is_full = thread->job_count == PAINT_THREAD_JOBS;
    if (!is_full) {
        if (thread->last_job)
            thread->last_job->next = job;
        else
            thread->first_job = job;
        thread->last_job = job;
        thread->job_count++;
        pthread_cond_signal(&thread->changed);
    }
    paint_thread_unlock(thread);
    if (is_full)
        paint_job_destroy(job);
    return is_full ? -ENOBUFS : 0;
}

static void paint_thread_cancel_waiting(struct paint_thread *thread, uint64_t request_id)
{
    for (struct paint_job *job = thread->first_job; job; job = job->next)
        if (job->request_id == request_id)
            job->is_cancelled = true;
    if (thread->scene.is_running && thread->scene.request_id == request_id)
        thread->scene.is_cancelled = true;
}

void paint_thread_cancel(struct paint_thread *thread, uint64_t request_id)
{
    if (request_id == 0)
        return;
    paint_thread_lock(thread);
    if (thread->current_id == request_id) {
        atomic_store(&thread->is_cancelled, true);
        if (thread->is_engine_painting && thread->open.engine->cancel)
            thread->open.engine->cancel(thread->open.document);
    }
    /* A scene's frame may be past looking at the flag: then the scene finds itself cancelled before its next. */
    paint_thread_cancel_waiting(thread, request_id);
    pthread_cond_signal(&thread->changed);
    paint_thread_unlock(thread);
}

void paint_thread_release_buffer(struct paint_thread *thread, uint32_t generation, uint32_t buffer)
{
    paint_thread_lock(thread);
    if (frame_target_release(&thread->target, generation, buffer))
        pthread_cond_signal(&thread->changed);
    paint_thread_unlock(thread);
}

void paint_thread_file_reply(struct paint_thread *thread, uint64_t request_id, Bulkhead__OpenFileReply__Status status,
                             int fd, uint64_t size_bytes)
{
    struct paint_file_wait *wait = &thread->file_wait;

    paint_thread_lock(thread);
    if (request_id != 0 && wait->request_id == request_id && !wait->is_answered) {
        wait->is_answered = true;
        wait->status = status;
        wait->fd = fd_steal(&fd);
        wait->size_bytes = size_bytes;
        pthread_cond_signal(&thread->changed);
    }
    paint_thread_unlock(thread);
    fd_close(&fd);
}

/* The engine's own numbers are a heartbeat too: some long paints call no progress(). Caller holds the lock. */
static void paint_thread_poll_engine(struct paint_thread *thread, struct paint_thread_status *status)
{
    uint32_t done = 0, total = 0;

    if (!thread->is_engine_painting || !thread->open.engine->poll_progress)
        return;
    thread->open.engine->poll_progress(thread->open.document, &done, &total);
    if (done == thread->polled_done && total == thread->polled_total)
        return;
    thread->polled_done = done;
    thread->polled_total = total;
    atomic_fetch_add(&thread->beat, 1);
    if (thread->is_current_a_frame || thread->current_id >= PAINT_THREAD_OWN_ID ||
        clock_now_ns() < thread->progress_sent_ns + PAINT_PROGRESS_INTERVAL_NS)
        return;
    thread->progress_sent_ns = clock_now_ns();
    status->has_progress = true;
    status->progress_request_id = thread->current_id;
    status->done = total && done > total ? total : done;
    status->total = total;
}

void paint_thread_look(struct paint_thread *thread, struct paint_thread_status *ret_status)
{
    *ret_status = (struct paint_thread_status){0};
    paint_thread_lock(thread);
    paint_thread_poll_engine(thread, ret_status);
    ret_status->beat = atomic_load(&thread->beat);
    ret_status->busy_request_id = thread->waits_for_broker ? 0 : thread->current_id;
    ret_status->wants_poll = thread->first_job || (thread->current_id && !thread->is_current_a_frame);
    paint_thread_unlock(thread);
}
