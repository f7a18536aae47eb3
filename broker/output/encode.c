#include "broker/output/encode.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

enum { ENCODE_THREADS = 64 };

struct encode_work {
    struct encode_work *next; // encode::queue or encode::finished
    struct encode_job job;
    struct encode_result result;
    char path[];
};

struct encode {
    encode_done_fn done;
    const struct output_guard *guard;
    struct loop_source *source;
    int done_fd;   /* eventfd: something is in `finished` */
    int cancel_fd; /* eventfd: readable once `cancel` is true, for writes that wait for a reader */
    size_t pending;
    unsigned thread_count;
    pthread_t threads[ENCODE_THREADS];
    atomic_bool cancel;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* Below: under the lock. */
    struct encode_work *queue, **queue_end;
    struct encode_work *finished, **finished_end;
};

static void append(struct encode_work ***end, struct encode_work *work)
{
    work->next = NULL;
    **end = work;
    *end = &work->next;
}

static struct encode_work *take_next(struct encode *encode)
{
    pthread_mutex_lock(&encode->lock);
    while (!encode->queue && !atomic_load(&encode->cancel))
        pthread_cond_wait(&encode->wake, &encode->lock);
    struct encode_work *work = atomic_load(&encode->cancel) ? NULL : encode->queue;
    if (work) {
        encode->queue = work->next;
        if (!encode->queue)
            encode->queue_end = &encode->queue;
    }
    pthread_mutex_unlock(&encode->lock);
    return work;
}

static void put_finished(struct encode *encode, struct encode_work *work)
{
    static const uint64_t one = 1;
    pthread_mutex_lock(&encode->lock);
    append(&encode->finished_end, work);
    pthread_mutex_unlock(&encode->lock);
    fd_write_all(encode->done_fd, &one, sizeof(one));
}

static int run_work(struct encode *encode, const struct encode_job *job)
{
    struct output *output = NULL;
    int r = output_open(job->path, encode->guard, encode->cancel_fd, &output);
    if (r != 0)
        return r;
    r = encode_image_write(&job->image, &job->options, output, &encode->cancel);
    if (r < 0) {
        output_abandon(output);
        return r;
    }
    return output_commit(output);
}

static void *thread_main(void *userdata)
{
    struct encode *encode = userdata;
    struct encode_work *work;
    while ((work = take_next(encode)) != NULL) {
        uint64_t start_ns = clock_now_ns();
        work->result.error = run_work(encode, &work->job);
        work->result.duration_ns = clock_now_ns() - start_ns;
        put_finished(encode, work);
    }
    return NULL;
}

static struct encode_work *take_finished(struct encode *encode)
{
    pthread_mutex_lock(&encode->lock);
    struct encode_work *work = encode->finished;
    if (work) {
        encode->finished = work->next;
        if (!encode->finished)
            encode->finished_end = &encode->finished;
    }
    pthread_mutex_unlock(&encode->lock);
    return work;
}

static void call_back(struct encode *encode)
{
    struct encode_work *work;
    while ((work = take_finished(encode)) != NULL) {
        encode->pending--;
        encode->done(work->job.userdata, &work->result);
        free(work);
    }
}

static int on_finished(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    uint64_t count;
    (void)source;
    (void)events;
    if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
        return -errno;
    call_back(userdata);
    return 0;
}

/* All signals stay with the loop's thread and its signalfd. */
static int start_threads(struct encode *encode, unsigned count)
{
    sigset_t all, old;
    int r = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (r == 0 && encode->thread_count < count) {
        r = -pthread_create(&encode->threads[encode->thread_count], NULL, thread_main, encode);
        encode->thread_count += r == 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return encode->thread_count > 0 ? 0 : r; /* fewer threads than asked for still get everything done */
}

int encode_create(struct loop *loop, unsigned threads, const struct output_guard *guard, encode_done_fn done,
                  struct encode **ret_encode)
{
    struct encode *encode = calloc(1, sizeof(*encode));
    if (!encode)
        return -ENOMEM;
    encode->done = done;
    encode->guard = guard;
    encode->queue_end = &encode->queue;
    encode->finished_end = &encode->finished;
    pthread_mutex_init(&encode->lock, NULL);
    pthread_cond_init(&encode->wake, NULL);
    encode->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    encode->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = encode->done_fd < 0 || encode->cancel_fd < 0 ? -errno : 0;
    if (r == 0)
        r = loop_add_fd(loop, encode->done_fd, EPOLLIN, on_finished, encode, &encode->source);
    if (r == 0)
        r = start_threads(encode, threads < 1 ? 1 : threads > ENCODE_THREADS ? ENCODE_THREADS : threads);
    if (r < 0) {
        encode_destroy(encode);
        return r;
    }
    *ret_encode = encode;
    return 0;
}

/* What no thread got to. */
static void cancel_queue(struct encode *encode)
{
    while (encode->queue) {
        struct encode_work *work = encode->queue;
        encode->queue = work->next;
        work->result.error = -ECANCELED;
        append(&encode->finished_end, work);
    }
    encode->queue_end = &encode->queue;
}

void encode_destroy(struct encode *encode)
{
    static const uint64_t one = 1;
    if (!encode)
        return;
    pthread_mutex_lock(&encode->lock);
    atomic_store(&encode->cancel, true);
    pthread_cond_broadcast(&encode->wake);
    pthread_mutex_unlock(&encode->lock);
    if (encode->cancel_fd >= 0)
        fd_write_all(encode->cancel_fd, &one, sizeof(one));
    for (unsigned i = 0; i < encode->thread_count; i++)
        pthread_join(encode->threads[i], NULL);
    loop_source_remove(&encode->source);
    cancel_queue(encode);
    call_back(encode);
    fd_close(&encode->done_fd);
    fd_close(&encode->cancel_fd);
    pthread_cond_destroy(&encode->wake);
    pthread_mutex_destroy(&encode->lock);
    free(encode);
}

int encode_submit(struct encode *encode, const struct encode_job *job)
{
    size_t length = strlen(job->path);
    struct encode_work *work = malloc(sizeof(*work) + length + 1);
    if (!work)
        return -ENOMEM;
    memcpy(work->path, job->path, length + 1);
    work->job = *job;
    work->job.path = work->path;
    pthread_mutex_lock(&encode->lock);
    append(&encode->queue_end, work);
    pthread_cond_signal(&encode->wake);
    pthread_mutex_unlock(&encode->lock);
    encode->pending++;
    return 0;
}

size_t encode_pending(const struct encode *encode)
{
    return encode->pending;
}
