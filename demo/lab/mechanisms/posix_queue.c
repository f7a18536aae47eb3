/* posix_queue.c - POSIX message queues: the highest priority comes out first, and on Linux the queue is a descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"

enum {
    LARGEST_BYTES = 8192, /* fs.mqueue.msgsize_max as it comes */
    DEPTH = 10,           /* fs.mqueue.msg_max as it comes */
};

struct lab_link {
    mqd_t to_right, to_left;
    mqd_t in, out;
};

/* The name only serves to make it: descriptors are inherited. */
static mqd_t make_queue(const char *suffix, long depth)
{
    struct mq_attr attributes = {.mq_maxmsg = depth, .mq_msgsize = LARGEST_BYTES};
    char name[64];
    mqd_t queue;

    snprintf(name, sizeof(name), "/bulkhead-lab-%d-%s", (int)getpid(), suffix);
    queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attributes);
    if (queue >= 0)
        mq_unlink(name);
    return queue;
}

static void posix_queue_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    if (link->to_right >= 0)
        mq_close(link->to_right);
    if (link->to_left >= 0)
        mq_close(link->to_left);
    free(link);
}

static int open_with_depth(long depth, struct lab_link **ret_link)
{
    struct lab_link *link = malloc(sizeof(*link));

    if (link == NULL)
        return -ENOMEM;
    link->to_right = make_queue("right", depth);
    link->to_left = link->to_right >= 0 ? make_queue("left", depth) : -1;
    if (link->to_left < 0) {
        int error = -errno;
        posix_queue_close(link);
        return error;
    }
    *ret_link = link;
    return 0;
}

static int posix_queue_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    (void)shape;
    return open_with_depth(DEPTH, ret_link);
}

static int posix_queue_join(struct lab_link *link, enum lab_side side)
{
    link->in = side == LAB_LEFT ? link->to_left : link->to_right;
    link->out = side == LAB_LEFT ? link->to_right : link->to_left;
    return 0;
}

static int posix_queue_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    int rc;

    do
        rc = mq_send(link->out, data, size_bytes, 0);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

/* The kernel insists on room for the largest message there could be. */
static int posix_queue_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    char message[LARGEST_BYTES];
    ssize_t length;

    do
        length = mq_receive(link->in, message, sizeof(message), NULL);
    while (length < 0 && errno == EINTR);
    if (length != (ssize_t)size_bytes)
        return length < 0 ? -errno : -EBADMSG;
    memcpy(data, message, size_bytes);
    return 0;
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_POLLABLE | LAB_UNRELATED | LAB_MANY_PEERS | LAB_PRIORITIES,
    .transfer_bytes = LARGEST_BYTES,
    .open = posix_queue_open,
    .join = posix_queue_join,
    .send = posix_queue_send,
    .receive = posix_queue_receive,
    .close = posix_queue_close,
};

/* A log collector's lines: the higher the priority, the more urgent. */
enum priority { PRIORITY_DEBUG = 0, PRIORITY_ERROR = 30 };

static void show_priorities(struct lab_stage *stage, mqd_t queue)
{
    char message[LARGEST_BYTES];
    unsigned priority;

    mq_send(queue, "DEBUG cache is warm", 20, PRIORITY_DEBUG);
    mq_send(queue, "DEBUG 3 tabs", 13, PRIORITY_DEBUG);
    mq_send(queue, "ERROR renderer gone", 20, PRIORITY_ERROR);
    lab_say(stage, "A log collector: two DEBUG lines are queued, then an ERROR with a higher priority.");
    for (int i = 0; i < 3; i++) {
        if (mq_receive(queue, message, sizeof(message), &priority) < 0)
            break;
        lab_quote(stage, message);
        if (i == 0)
            lab_claim(stage, priority == PRIORITY_ERROR, "the ERROR has overtaken the lines queued before it");
    }
}

static void show_epoll(struct lab_stage *stage, mqd_t queue)
{
    _fd_cleanup_ int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, queue, &event) < 0) {
        lab_claim(stage, false, "epoll_ctl: %s", strerror(errno));
        return;
    }
    lab_claim(stage, epoll_wait(epoll, &event, 1, 0) == 0,
              "on Linux a queue is a descriptor: epoll says nothing while it is empty");
    mq_send(queue, "x", 1, 0);
    lab_claim(stage, epoll_wait(epoll, &event, 1, 1000) == 1 && (event.events & EPOLLIN),
              "and reports it with a message in it");
}

static void show_limits(struct lab_stage *stage, mqd_t queue)
{
    struct mq_attr attributes = {.mq_flags = O_NONBLOCK};
    char small[16];
    int sent = 0;

    mq_setattr(queue, &attributes, NULL);
    while (mq_send(queue, "x", 1, 0) == 0)
        sent++;
    lab_claim(stage, errno == EAGAIN, "non-blocking, it is full after %d more: EAGAIN", sent);
    lab_pitfall(stage, "The receiver's buffer must hold the largest message the queue allows, not the one that comes.");
    lab_claim(stage, mq_receive(queue, small, sizeof(small), NULL) < 0 && errno == EMSGSIZE,
              "one byte is waiting, a buffer of 16 is refused: EMSGSIZE");
    mq_getattr(queue, &attributes);
    char *large = malloc((size_t)attributes.mq_msgsize);
    lab_claim(stage, large != NULL && mq_receive(queue, large, (size_t)attributes.mq_msgsize, NULL) == 1,
              "with mq_getattr()'s mq_msgsize (%ld) it is taken", attributes.mq_msgsize);
    free(large);
}

static void show(struct lab_stage *stage)
{
    mqd_t queue = make_queue("show", DEPTH);

    lab_say(stage,
            "mq_open() makes a queue with a fixed depth and message size; the highest priority comes out first.");
    if (queue < 0) {
        lab_skip(stage, "mq_open: %s (fs.mqueue.queues_max, or RLIMIT_MSGQUEUE)", strerror(errno));
        return;
    }
    show_priorities(stage, queue);
    show_epoll(stage, queue);
    show_limits(stage, queue);
    mq_close(queue);
}

LAB_ENTRY(entry, .name = "posix-queue", .family = "message queues",
          .summary = "POSIX queues: messages by priority, watched by epoll",
          .pitfall = "the receiver's buffer must hold the largest message", .claimed_messages_ms = 892,
          .claimed_transfer_ms = 3500, .transport = &transport, .show = show);
