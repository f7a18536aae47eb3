/* fifo.c - a pipe with a name: processes that are no relatives meet at it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/stream.h"

struct lab_link {
    char to_right[128], to_left[128];
    int in, out;
};

static int fifo_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = malloc(sizeof(*link));

    if (link == NULL)
        return -ENOMEM;
    link->in = link->out = -1;
    snprintf(link->to_right, sizeof(link->to_right), "%s/to-right", shape->directory);
    snprintf(link->to_left, sizeof(link->to_left), "%s/to-left", shape->directory);
    if (mkfifo(link->to_right, 0600) < 0 || mkfifo(link->to_left, 0600) < 0) {
        int error = -errno;
        free(link);
        return error;
    }
    *ret_link = link;
    return 0;
}

/* Opening waits for the other side. Both open the same FIFO first, or each would wait at another. */
static int fifo_join(struct lab_link *link, enum lab_side side)
{
    if (side == LAB_LEFT) {
        link->out = open(link->to_right, O_WRONLY | O_CLOEXEC);
        link->in = open(link->to_left, O_RDONLY | O_CLOEXEC);
    } else {
        link->in = open(link->to_right, O_RDONLY | O_CLOEXEC);
        link->out = open(link->to_left, O_WRONLY | O_CLOEXEC);
    }
    return link->in < 0 || link->out < 0 ? -errno : 0;
}

static int fifo_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    return fd_write_all(link->out, data, size_bytes);
}

static int fifo_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    return lab_stream_read(link->in, data, size_bytes);
}

static void fifo_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    fd_close(&link->in);
    fd_close(&link->out);
    unlink(link->to_right);
    unlink(link->to_left);
    free(link);
}

static const struct lab_transport transport = {
    .capabilities = LAB_POLLABLE | LAB_UNRELATED,
    .transfer_bytes = 64 * 1024,
    .open = fifo_open,
    .join = fifo_join,
    .send = fifo_send,
    .receive = fifo_receive,
    .close = fifo_close,
};

/* Opens for writing, which waits for a reader, and writes. */
static int write_a_line(void *userdata)
{
    _fd_cleanup_ int fd = open(userdata, O_WRONLY | O_CLOEXEC);

    return fd >= 0 && fd_write_all(fd, "hello", 5) == 0 ? 0 : 1;
}

static void show_blocking_open(struct lab_stage *stage, char *path)
{
    char bytes[16] = {0};
    pid_t writer = lab_fork(stage, write_a_line, path);
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC);

    int rc = lab_stream_read(fd, bytes, 5);
    lab_claim(stage, rc == 0 && strcmp(bytes, "hello") == 0, "open() waited for the other side, then \"%s\" arrived",
              bytes);
    lab_claim(stage, read(fd, bytes, 1) == 0, "the writer has closed: end of file");
    lab_claim(stage, lab_wait_child(writer, 5000) == 0, "and it ended well");
}

static void show_without_waiting(struct lab_stage *stage, const char *path)
{
    char byte;

    lab_pitfall(stage, "With O_NONBLOCK the two directions differ: reading may begin alone, writing may not.");
    _fd_cleanup_ int writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    lab_claim(stage, writer < 0 && errno == ENXIO, "opened for writing without a reader: ENXIO");
    _fd_cleanup_ int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    lab_claim(stage, reader >= 0, "opened for reading without a writer: fine");
    lab_claim(stage, read(reader, &byte, 1) == 0, "reading with no writer there: end of file, at once");
    writer = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    lab_claim(stage, writer >= 0, "now that there is a reader, writing may begin");
    lab_claim(stage, read(reader, &byte, 1) < 0 && errno == EAGAIN,
              "reading with a writer that says nothing yet: EAGAIN, which is not the end");
}

static void show(struct lab_stage *stage)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/fifo", lab_stage_directory(stage));
    lab_say(stage, "mkfifo() gives a pipe a name; whoever may open the name may talk.");
    if (mkfifo(path, 0600) < 0) {
        lab_claim(stage, false, "mkfifo: %s", strerror(errno));
        return;
    }
    show_blocking_open(stage, path);
    show_without_waiting(stage, path);
    unlink(path);
}

LAB_ENTRY(entry, .name = "fifo", .family = "FIFOs",
          .summary = "a pipe with a name, for processes that are no relatives",
          .pitfall = "O_NONBLOCK treats readers and writers differently", .transport = &transport, .show = show);
