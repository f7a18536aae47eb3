/* pass_fd.h - one descriptor over a Unix socket, by SCM_RIGHTS, with one byte of data to carry it. */
#ifndef BULKHEAD_LAB_PASS_FD_H
#define BULKHEAD_LAB_PASS_FD_H

/* Borrows fd. 0 or -errno. */
int lab_pass_fd_send(int socket, int fd);
/* 0 with an owned, close-on-exec fd; -EPIPE at the end; -EBADMSG if none came along; or -errno. */
int lab_pass_fd_receive(int socket, int *ret_fd);

#endif
