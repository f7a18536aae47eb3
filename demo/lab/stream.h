/* stream.h - what byte streams need and messages do not: reading until all of it is there. */
#ifndef BULKHEAD_LAB_STREAM_H
#define BULKHEAD_LAB_STREAM_H

#include <stddef.h>

/* Exactly size_bytes, through EINTR and short reads. 0, -EPIPE at the end of the stream, or -errno. */
int lab_stream_read(int fd, void *data, size_t size_bytes);

#endif
