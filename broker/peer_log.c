#include "broker/peer_log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "broker/policy_file.h"
#include "broker/services.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "common/loop.h"

enum { LINE_BYTES = 512, READS_PER_TURN = 4, STREAMS = 2 };

struct stream {
    struct peer_log *log;
    const char *name;
    int fd;
    struct loop_source *source;
    char line[LINE_BYTES];
    size_t used;
};

struct peer_log {
    const struct services *services;
    const char *label;
    struct stream streams[STREAMS];
    uint64_t second;       // of the monotonic clock, for the rate
    uint64_t bytes_logged; // in that second
    uint64_t bytes_dropped;
};

bool peer_log_admit(struct peer_log *log, size_t bytes)
{
    uint64_t second = clock_now_ms() / 1000;
    if (second != log->second) {
        if (log->bytes_dropped > 0)
            log_write(LOG_WARNING, "%s output_dropped_bytes=%llu", log->label, (unsigned long long)log->bytes_dropped);
        log->second = second;
        log->bytes_logged = log->bytes_dropped = 0;
    }
    if (log->bytes_logged + bytes > log->services->policy->log_text_bytes_per_second) {
        log->bytes_dropped += bytes;
        return false;
    }
    log->bytes_logged += bytes;
    return true;
}

static void end_line(struct stream *stream)
{
    if (stream->used > 0 && peer_log_admit(stream->log, stream->used))
        log_peer(LOG_INFO, stream->line, stream->used, "%s stream=%s", stream->log->label, stream->name);
    stream->used = 0;
}

static void take(struct stream *stream, const char *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (data[i] == '\n') {
            end_line(stream);
            continue;
        }
        stream->line[stream->used++] = data[i];
        if (stream->used == LINE_BYTES)
            end_line(stream);
    }
}

/* True while there may be more. */
static bool read_some(struct stream *stream)
{
    char buffer[4096];
    ssize_t got = read(stream->fd, buffer, sizeof buffer);
    if (got > 0) {
        take(stream, buffer, (size_t)got);
        return true;
    }
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    end_line(stream);
    loop_source_remove(&stream->source);
    return false;
}

static int on_stream(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    (void)source;
    (void)fd;
    (void)events;
    for (int i = 0; i < READS_PER_TURN && read_some(userdata); i++)
        ;
    return 0;
}

int peer_log_create(const struct services *services, const char *label, int *stdout_fd, int *stderr_fd,
                    struct peer_log **ret_log)
{
    struct peer_log *log = calloc(1, sizeof *log);
    if (log == NULL) {
        fd_close(stdout_fd);
        fd_close(stderr_fd);
        return -ENOMEM;
    }
    log->services = services;
    log->label = label;
    log->streams[0] = (struct stream){.log = log, .name = "stdout", .fd = fd_steal(stdout_fd)};
    log->streams[1] = (struct stream){.log = log, .name = "stderr", .fd = fd_steal(stderr_fd)};
    for (size_t i = 0; i < STREAMS; i++) {
        struct stream *stream = &log->streams[i];
        int error = fd_set_nonblocking(stream->fd, 1);
        if (error == 0)
            error = loop_add_fd(services->loop, stream->fd, EPOLLIN, on_stream, stream, &stream->source);
        if (error < 0) {
            peer_log_destroy(log);
            return error;
        }
    }
    *ret_log = log;
    return 0;
}

void peer_log_drain(struct peer_log *log)
{
    for (size_t i = 0; i < STREAMS; i++)
        for (int reads = 0; reads < 64 && log->streams[i].source != NULL && read_some(&log->streams[i]); reads++)
            ;
}

void peer_log_destroy(struct peer_log *log)
{
    if (log == NULL)
        return;
    for (size_t i = 0; i < STREAMS; i++) {
        loop_source_remove(&log->streams[i].source);
        fd_close(&log->streams[i].fd);
    }
    free(log);
}
