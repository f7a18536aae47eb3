/* pipe.c - a stream of bytes from one process to its relative; two of them for both ways. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/stream.h"

struct lab_link {
    int to_right[2], to_left[2]; // read end, write end
    int in, out;                 // after join: this side's; borrowed from the above
};

static void pipe_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    fd_close_many(link->to_right, 2);
    fd_close_many(link->to_left, 2);
    free(link);
}

static int pipe_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = malloc(sizeof(*link));

    (void)shape;
    if (link == NULL)
        return -ENOMEM;
    *link = (struct lab_link){{-1, -1}, {-1, -1}, -1, -1};
    if (pipe2(link->to_right, O_CLOEXEC) < 0 || pipe2(link->to_left, O_CLOEXEC) < 0) {
        int error = -errno;
        pipe_close(link);
        return error;
    }
    *ret_link = link;
    return 0;
}

/* An end that stays open where it is not used keeps the other side from ever seeing the stream's end. */
static int pipe_join(struct lab_link *link, enum lab_side side)
{
    int *in = side == LAB_LEFT ? link->to_left : link->to_right;
    int *out = side == LAB_LEFT ? link->to_right : link->to_left;

    fd_close(&in[1]);
    fd_close(&out[0]);
    link->in = in[0];
    link->out = out[1];
    return 0;
}

static int pipe_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    return fd_write_all(link->out, data, size_bytes);
}

static int pipe_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    return lab_stream_read(link->in, data, size_bytes);
}

static const struct lab_transport transport = {
    .capabilities = LAB_POLLABLE,
    .transfer_bytes = 64 * 1024,
    .open = pipe_open,
    .join = pipe_join,
    .send = pipe_send,
    .receive = pipe_receive,
    .close = pipe_close,
};

/* The child reads to the end of the stream; it gets there only if nobody holds a writing end any more, itself
 * included. 0: the end came. 1: it was still waiting when its patience ended. */
struct reader {
    int fds[2];
    bool closes_its_copy;
};

static int read_to_the_end(void *userdata)
{
    struct reader *reader = userdata;
    char bytes[256];

    signal(SIGALRM, SIG_DFL);
    if (reader->closes_its_copy)
        fd_close(&reader->fds[1]);
    alarm(1); /* the one who never sees the end is ended */
    while (read(reader->fds[0], bytes, sizeof(bytes)) > 0)
        continue;
    return 0;
}

static int run_reader(struct lab_stage *stage, bool closes_its_copy)
{
    struct reader reader = {.closes_its_copy = closes_its_copy};
    int status;

    if (pipe2(reader.fds, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = lab_fork(stage, read_to_the_end, &reader);
    fd_close(&reader.fds[0]);
    if (pid > 0)
        (void)!write(reader.fds[1], "all there is", 12);
    fd_close(&reader.fds[1]);
    status = pid > 0 ? lab_wait_child(pid, 5000) : (int)pid;
    return status;
}

static void show_capacity(struct lab_stage *stage)
{
    int fds[2];
    long filled = 0;
    char block[4096] = {0};

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    while (write(fds[1], block, sizeof(block)) == (ssize_t)sizeof(block))
        filled += (long)sizeof(block);
    bool is_full = errno == EAGAIN;
    lab_number(stage, "a pipe nobody reads takes", (double)filled / 1024, "KiB, then blocks");
    lab_claim(stage, is_full && filled == fcntl(fds[1], F_GETPIPE_SZ), "which is what F_GETPIPE_SZ says");
    fd_close_many(fds, 2);
}

static void show(struct lab_stage *stage)
{
    lab_say(stage, "A pipe joins relatives: made before the fork, one end for each. Bytes, no messages.");
    show_capacity(stage);
    lab_pitfall(stage, "A reader that keeps its own copy of the writing end waits for itself: no end of file, ever.");
    int status = run_reader(stage, false);
    lab_claim(stage, status == 128 + SIGALRM, "with the unused end open the reader was still waiting after a second");
    status = run_reader(stage, true);
    lab_claim(stage, status == 0, "with the unused end closed it saw the end of the stream");
}

LAB_ENTRY(entry, .name = "pipe", .family = "pipes", .summary = "bytes from one process to its relative",
          .pitfall = "an unused end left open hides the end of the stream", .claimed_messages_ms = 523,
          .claimed_transfer_ms = 2100, .transport = &transport, .show = show);
