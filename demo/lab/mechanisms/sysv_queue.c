/* sysv_queue.c - System V message queues: each message has a type, and a receiver may ask for one. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"

enum {
    TYPE_TO_LEFT = 1,
    TYPE_TO_RIGHT = 2,
    LARGEST_BYTES = 8192, /* kernel.msgmax as it comes */
};

struct message {
    long type;
    char data[LARGEST_BYTES];
};

struct lab_link {
    int queue; // an identifier, no descriptor: it outlives every process until it is removed
    pid_t owner;
    long in, out;
    struct message message;
};

static int sysv_queue_open(const struct lab_shape *shape, struct lab_link **ret_link)
{
    struct lab_link *link = calloc(1, sizeof(*link));

    (void)shape;
    if (link == NULL)
        return -ENOMEM;
    link->owner = getpid();
    link->queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (link->queue < 0) {
        int error = -errno;
        free(link);
        return error;
    }
    *ret_link = link;
    return 0;
}

static int sysv_queue_join(struct lab_link *link, enum lab_side side)
{
    link->in = side == LAB_LEFT ? TYPE_TO_LEFT : TYPE_TO_RIGHT;
    link->out = side == LAB_LEFT ? TYPE_TO_RIGHT : TYPE_TO_LEFT;
    return 0;
}

static int sysv_queue_send(struct lab_link *link, const void *data, size_t size_bytes)
{
    int rc;

    link->message.type = link->out;
    memcpy(link->message.data, data, size_bytes);
    do
        rc = msgsnd(link->queue, &link->message, size_bytes, 0);
    while (rc < 0 && errno == EINTR);
    return rc < 0 ? -errno : 0;
}

static int sysv_queue_receive(struct lab_link *link, void *data, size_t size_bytes)
{
    ssize_t length;

    do
        length = msgrcv(link->queue, &link->message, sizeof(link->message.data), link->in, 0);
    while (length < 0 && errno == EINTR);
    if (length != (ssize_t)size_bytes)
        return length < 0 ? -errno : -EBADMSG;
    memcpy(data, link->message.data, size_bytes);
    return 0;
}

static void sysv_queue_close(struct lab_link *link)
{
    if (link == NULL)
        return;
    if (link->owner == getpid())
        msgctl(link->queue, IPC_RMID, NULL);
    free(link);
}

static const struct lab_transport transport = {
    .capabilities = LAB_KEEPS_BOUNDARIES | LAB_BOTH_WAYS | LAB_UNRELATED | LAB_MANY_PEERS | LAB_PRIORITIES,
    .transfer_bytes = LARGEST_BYTES,
    .open = sysv_queue_open,
    .join = sysv_queue_join,
    .send = sysv_queue_send,
    .receive = sysv_queue_receive,
    .close = sysv_queue_close,
};

/* A log collector's lines: the lower the type, the more urgent. */
enum severity { SEVERITY_ERROR = 1, SEVERITY_WARNING = 2, SEVERITY_DEBUG = 3, SEVERITIES = 3 };

static void put_line(int queue, enum severity severity, const char *text)
{
    struct message message = {.type = severity};

    memcpy(message.data, text, strlen(text) + 1);
    msgsnd(queue, &message, strlen(text) + 1, IPC_NOWAIT);
}

static void show_priorities(struct lab_stage *stage, int queue)
{
    struct message message;

    put_line(queue, SEVERITY_DEBUG, "DEBUG cache is warm");
    put_line(queue, SEVERITY_DEBUG, "DEBUG 3 tabs");
    put_line(queue, SEVERITY_WARNING, "WARNING disk nearly full");
    put_line(queue, SEVERITY_ERROR, "ERROR renderer gone");
    lab_say(stage, "A log collector: four lines are queued, the ERROR last. It takes the lowest type first.");
    bool is_first = true;
    while (msgrcv(queue, &message, sizeof(message.data), -SEVERITIES, IPC_NOWAIT) > 0) {
        lab_quote(stage, message.data);
        if (is_first)
            lab_claim(stage, message.type == SEVERITY_ERROR, "the ERROR has overtaken the lines queued before it");
        is_first = false;
    }
    put_line(queue, SEVERITY_DEBUG, "DEBUG again");
    put_line(queue, SEVERITY_ERROR, "ERROR again");
    ssize_t length = msgrcv(queue, &message, sizeof(message.data), SEVERITY_DEBUG, IPC_NOWAIT);
    lab_claim(stage, length > 0 && message.type == SEVERITY_DEBUG, "a receiver may also ask for one type alone: \"%s\"",
              message.data);
}

static void show_full_queue(struct lab_stage *stage, int queue)
{
    struct message message = {.type = SEVERITY_DEBUG};
    struct msqid_ds state = {0};
    int sent = 0;

    while (msgsnd(queue, &message, 1024, IPC_NOWAIT) == 0)
        sent++;
    bool is_full = errno == EAGAIN;
    msgctl(queue, IPC_STAT, &state);
    lab_claim(stage, is_full,
              "full after %d messages of 1 KB more (msg_qbytes is %lu): EAGAIN, or waiting without IPC_NOWAIT", sent,
              (unsigned long)state.msg_qbytes);
}

/* Ends without removing what it made; the identifier comes back through the pipe. */
static int leave_a_queue_behind(void *userdata)
{
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

    return queue >= 0 && write(*(int *)userdata, &queue, sizeof(queue)) == (ssize_t)sizeof(queue) ? 0 : 1;
}

static void show_orphan(struct lab_stage *stage)
{
    struct msqid_ds state;
    int fds[2], orphan = -1;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return;
    lab_pitfall(stage, "A queue is no descriptor: epoll cannot watch it, and it stays when its processes have ended.");
    int status = lab_wait_child(lab_fork(stage, leave_a_queue_behind, &fds[1]), 5000);
    (void)!read(fds[0], &orphan, sizeof(orphan));
    fd_close_many(fds, 2);
    lab_claim(stage, status == 0 && msgctl(orphan, IPC_STAT, &state) == 0,
              "a child made queue %d and ended; the queue is still there", orphan);
    lab_claim(stage, msgctl(orphan, IPC_RMID, NULL) == 0, "somebody has to remove it (IPC_RMID, or ipcrm -q)");
    lab_claim(stage, msgctl(orphan, IPC_STAT, &state) < 0, "now it is gone");
}

static void show(struct lab_stage *stage)
{
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);

    lab_say(stage, "msgget() makes a queue in the kernel; messages have a type, and the receiver chooses by it.");
    if (queue < 0) {
        lab_claim(stage, false, "msgget: %s", strerror(errno));
        return;
    }
    show_priorities(stage, queue);
    show_full_queue(stage, queue);
    msgctl(queue, IPC_RMID, NULL);
    show_orphan(stage);
}

LAB_ENTRY(entry, .name = "sysv-queue", .family = "message queues",
          .summary = "System V queues: messages chosen by type", .pitfall = "a queue outlives its processes",
          .claimed_messages_ms = 892, .claimed_transfer_ms = 3500, .transport = &transport, .show = show);
