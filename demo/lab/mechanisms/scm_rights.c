/* scm_rights.c - open files travel over a Unix socket: the way in which a process that may open nothing gets to read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/pass_fd.h"

/* The child has no path to the file, only the socket. 0: it read what was in the file. */
static int read_what_was_handed_over(void *userdata)
{
    _fd_cleanup_ int fd = -1;
    char bytes[32] = {0};

    return lab_pass_fd_receive(*(int *)userdata, &fd) == 0 && read(fd, bytes, sizeof(bytes)) > 0 &&
                   strcmp(bytes, "from a file") == 0
               ? 0
               : 1;
}

static void show_shared_offset(struct lab_stage *stage, int sockets[2], int fd)
{
    _fd_cleanup_ int copy = -1;
    char byte = 0;

    lseek(fd, 0, SEEK_SET);
    if (lab_pass_fd_send(sockets[0], fd) < 0 || lab_pass_fd_receive(sockets[1], &copy) < 0)
        return;
    (void)!read(copy, &byte, 1);
    lab_claim(stage, byte == 'f' && lseek(fd, 0, SEEK_CUR) == 1,
              "it is the same open file, not a copy: reading one byte there moved the offset here");
}

static void show_truncated(struct lab_stage *stage, int sockets[2], int fd)
{
    char data[1];
    struct iovec byte = {.iov_base = data, .iov_len = 1};
    struct msghdr message = {.msg_iov = &byte, .msg_iovlen = 1};

    lab_pitfall(stage, "A receiver that leaves no room for descriptors loses them, and must look for MSG_CTRUNC.");
    lab_pass_fd_send(sockets[0], fd);
    int before = fd_count_open();
    ssize_t length = recvmsg(sockets[1], &message, 0);
    lab_claim(stage, length == 1 && (message.msg_flags & MSG_CTRUNC) != 0,
              "without room: the data arrives, MSG_CTRUNC says the rest");
    lab_claim(stage, fd_count_open() == before, "and the kernel has closed what did not fit");
}

static void show(struct lab_stage *stage)
{
    char path[128];
    int sockets[2];

    snprintf(path, sizeof(path), "%s/file", lab_stage_directory(stage));
    _fd_cleanup_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    lab_say(stage,
            "A control message of type SCM_RIGHTS carries descriptors; the kernel installs them at the receiver.");
    if (fd < 0 || fd_write_all(fd, "from a file", 11) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        lab_claim(stage, false, "cannot begin: %s", strerror(errno));
        return;
    }
    lseek(fd, 0, SEEK_SET);
    lab_pass_fd_send(sockets[0], fd);
    int status = lab_wait_child(lab_fork(stage, read_what_was_handed_over, &sockets[1]), 5000);
    lab_claim(stage, status == 0, "another process read a file that it never opened");
    show_shared_offset(stage, sockets, fd);
    show_truncated(stage, sockets, fd);
    fd_close_many(sockets, 2);
    unlink(path);
}

LAB_ENTRY(entry, .name = "scm-rights", .family = "sockets", .summary = "open files travel over a Unix socket",
          .pitfall = "a receiver without room for descriptors loses them", .show = show);
