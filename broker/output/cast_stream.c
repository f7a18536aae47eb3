#include "broker/output/cast_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

enum {
    LOOK_MS = 50, /* between two looks for a reader */
    HEADER_MAX = 128,
    PIPE_BYTES = 1 << 20, /* fs.pipe-max-size as it comes: fewer wake-ups a frame */
};
static const char FRAME_MARK[] = "FRAME\n";

struct cast_stream {
    struct loop *loop;
    struct cast_format format;
    const char *fifo_path; // NULL: standard output
    bool has_made_fifo;
    const struct cast_listener *listener;
    void *userdata;
    int fd;                     // of the reader of now; owned, standard output borrowed
    int stdout_flags;           // to be given back; -1: not changed
    struct loop_source *source; // NULL: no reader, or its fd cannot be watched (a regular file)
    struct loop_source *look;   // timer
    uint8_t *buffer;            // header, mark, planes
    size_t header_bytes, frame_bytes;
    size_t at, end; // of the buffer: what is still to be written
    struct cast_counts all, reader;
};

static void cast_stream_close(struct cast_stream *stream)
{
    loop_source_remove(&stream->source);
    if (stream->fifo_path != NULL)
        fd_close(&stream->fd);
    stream->fd = -1;
    stream->at = stream->end = 0;
}

static void cast_stream_fail(struct cast_stream *stream, int error)
{
    cast_stream_close(stream);
    loop_timer_set(stream->look, 0);
    stream->listener->failed(stream, error, stream->userdata);
}

static void cast_stream_lose_reader(struct cast_stream *stream)
{
    cast_stream_close(stream);
    if (stream->fifo_path != NULL)
        loop_timer_set(stream->look, clock_now_ms() + LOOK_MS);
    stream->listener->reader_left(stream, &stream->reader, stream->userdata);
}

static void cast_stream_watch(struct cast_stream *stream, uint32_t events)
{
    if (stream->source != NULL)
        loop_source_set_events(stream->source, events);
}

static void cast_stream_push(struct cast_stream *stream)
{
    while (stream->at < stream->end) {
        ssize_t length = write(stream->fd, stream->buffer + stream->at, stream->end - stream->at);
        if (length < 0 && errno == EINTR)
            continue;
        if (length < 0 && errno == EAGAIN) {
            cast_stream_watch(stream, EPOLLOUT);
            return;
        }
        if (length < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            cast_stream_lose_reader(stream);
            return;
        }
        if (length < 0) {
            cast_stream_fail(stream, -errno);
            return;
        }
        stream->at += (size_t)length;
    }
    cast_stream_watch(stream, 0);
    stream->all.written++;
    stream->reader.written++;
    stream->listener->frame_written(stream, stream->userdata);
}

static int cast_stream_on_fd(struct loop_source *source, int fd, uint32_t events, void *userdata)
{
    struct cast_stream *stream = userdata;

    (void)source;
    (void)fd;
    /* A FIFO without a reader is in error, asked for or not: no frame has to be due to learn of it. */
    if (events & (EPOLLERR | EPOLLHUP))
        cast_stream_lose_reader(stream);
    else if (stream->at < stream->end)
        cast_stream_push(stream);
    return 0;
}

static void cast_stream_take_reader(struct cast_stream *stream, int fd)
{
    int rc;

    stream->fd = fd;
    (void)fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES); /* no pipe, or no such room: it works as well */
    rc = loop_add_fd(stream->loop, fd, 0, cast_stream_on_fd, stream, &stream->source);
    if (rc < 0 && rc != -EPERM) { /* EPERM: a regular file, which never keeps anybody waiting */
        cast_stream_fail(stream, rc);
        return;
    }
    stream->reader = (struct cast_counts){.readers = 1};
    stream->all.readers++;
    stream->listener->reader_came(stream, stream->userdata);
}

/* What is at the path may have been replaced since it was looked at. */
static int cast_stream_open_fifo(const char *path)
{
    struct stat status;
    _fd_cleanup_ int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode))
        return -EEXIST;
    return fd_steal(&fd);
}

static int cast_stream_on_look(struct loop_source *source, void *userdata)
{
    struct cast_stream *stream = userdata;
    int fd = cast_stream_open_fifo(stream->fifo_path);

    if (fd >= 0)
        cast_stream_take_reader(stream, fd);
    else if (fd == -ENXIO)
        loop_timer_set(source, clock_now_ms() + LOOK_MS);
    else
        cast_stream_fail(stream, fd);
    return 0;
}

/* The flag is on the open file, which others may share: it is given back at the end. */
static int cast_stream_open_stdout(struct cast_stream *stream)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if (!(flags & O_NONBLOCK) && fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK) == 0)
        stream->stdout_flags = flags;
    return STDOUT_FILENO;
}

void cast_stream_start(struct cast_stream *stream)
{
    int fd;

    if (stream->fifo_path != NULL) {
        cast_stream_on_look(stream->look, stream);
        return;
    }
    fd = cast_stream_open_stdout(stream);
    if (fd < 0)
        cast_stream_fail(stream, fd);
    else
        cast_stream_take_reader(stream, fd);
}

static int cast_stream_make_fifo(struct cast_stream *stream)
{
    struct stat status;

    if (mkfifo(stream->fifo_path, 0600) == 0) {
        stream->has_made_fifo = true;
        return 0;
    }
    if (errno != EEXIST || stat(stream->fifo_path, &status) < 0)
        return -errno;
    return S_ISFIFO(status.st_mode) ? 0 : -EEXIST;
}

/* The range is not part of YUV4MPEG2 proper; ffmpeg and mpv read it there. */
static int cast_stream_make_buffer(struct cast_stream *stream)
{
    const struct cast_format *format = &stream->format;
    char header[HEADER_MAX];
    int length =
        snprintf(header, sizeof(header), "YUV4MPEG2 W%u H%u F%u:1 Ip A1:1 %s XCOLORRANGE=LIMITED\n", format->width_px,
                 format->height_px, format->frames_per_second, format->chroma == YUV_420 ? "C420jpeg" : "C444");

    stream->header_bytes = (size_t)length;
    stream->frame_bytes = yuv_frame_bytes(format->width_px, format->height_px, format->chroma);
    stream->buffer = malloc(stream->header_bytes + sizeof(FRAME_MARK) - 1 + stream->frame_bytes);
    if (stream->buffer == NULL)
        return -ENOMEM;
    memcpy(stream->buffer, header, stream->header_bytes);
    memcpy(stream->buffer + stream->header_bytes, FRAME_MARK, sizeof(FRAME_MARK) - 1);
    yuv_fill_black(stream->buffer + stream->header_bytes + sizeof(FRAME_MARK) - 1, format->width_px, format->height_px,
                   format->chroma);
    return 0;
}

int cast_stream_create(struct loop *loop, const struct cast_format *format, const char *fifo_path,
                       const struct cast_listener *listener, void *userdata, struct cast_stream **ret_stream)
{
    struct cast_stream *stream = calloc(1, sizeof(*stream));
    int rc;

    if (stream == NULL)
        return -ENOMEM;
    stream->loop = loop;
    stream->format = *format;
    stream->fifo_path = fifo_path;
    stream->listener = listener;
    stream->userdata = userdata;
    stream->fd = stream->stdout_flags = -1;
    rc = cast_stream_make_buffer(stream);
    if (rc == 0)
        rc = loop_add_timer(loop, cast_stream_on_look, stream, &stream->look);
    if (rc == 0 && fifo_path != NULL)
        rc = cast_stream_make_fifo(stream);
    if (rc < 0) {
        cast_stream_destroy(stream);
        return rc;
    }
    *ret_stream = stream;
    return 0;
}

void cast_stream_destroy(struct cast_stream *stream)
{
    if (stream == NULL)
        return;
    cast_stream_close(stream);
    loop_source_remove(&stream->look);
    if (stream->stdout_flags >= 0)
        (void)fcntl(STDOUT_FILENO, F_SETFL, stream->stdout_flags);
    if (stream->has_made_fifo)
        unlink(stream->fifo_path);
    free(stream->buffer);
    free(stream);
}

bool cast_stream_has_reader(const struct cast_stream *stream)
{
    return stream->fd >= 0;
}

uint8_t *cast_stream_planes(struct cast_stream *stream)
{
    if (stream->fd < 0 || stream->at < stream->end)
        return NULL;
    return stream->buffer + stream->header_bytes + sizeof(FRAME_MARK) - 1;
}

void cast_stream_send(struct cast_stream *stream)
{
    stream->at = stream->reader.written == 0 ? 0 : stream->header_bytes;
    stream->end = stream->header_bytes + sizeof(FRAME_MARK) - 1 + stream->frame_bytes;
    cast_stream_push(stream);
}

void cast_stream_drop(struct cast_stream *stream, uint64_t frames)
{
    stream->all.dropped += frames;
    stream->reader.dropped += frames;
}

const struct cast_counts *cast_stream_counts(const struct cast_stream *stream)
{
    return &stream->all;
}
