/* pair.h - a socketpair as a link: what the Unix sockets of the lab share. */
#ifndef BULKHEAD_LAB_PAIR_H
#define BULKHEAD_LAB_PAIR_H

#include "demo/lab/entry.h"

struct lab_link {
    int fds[2]; // one for each side, until joined
    int fd;     // this side's, after join
};

/* type: SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET. 0 or -errno. */
int lab_pair_open(int type, struct lab_link **ret_link);
int lab_pair_join(struct lab_link *link, enum lab_side side);
void lab_pair_close(struct lab_link *link);

/* One message by one send() and one recv(). */
int lab_pair_send(struct lab_link *link, const void *data, size_t size_bytes);
int lab_pair_receive(struct lab_link *link, void *data, size_t size_bytes);

#endif
