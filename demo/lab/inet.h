/* inet.h - sockets of the internet family on the loopback interface. */
#ifndef BULKHEAD_LAB_INET_H
#define BULKHEAD_LAB_INET_H

#include <netinet/in.h>

/* A socket bound to a free port of 127.0.0.1. The fd (owned), or -errno. */
int lab_inet_bind(int type, struct sockaddr_in *ret_address);

#endif
