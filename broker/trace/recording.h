/* recording.h - the --record file: every message between the broker and its children, whole, in the order in which the
 * broker saw them. For a replay as a test input (tests/fuzz/inbound/recorded.h), and only on request, for it holds what
 * the documents hold; passwords are left out.
 *
 * Format: RECORDING_MAGIC, then records of a header of five little-endian numbers, struct recording_header, and the
 * message's bytes. Only ever appended to, so that a broker that is killed leaves a recording whose last record may be
 * cut short. Buffered; the broker flushes twice a second.
 */
#ifndef BULKHEAD_RECORDING_H
#define BULKHEAD_RECORDING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/codec.h"

#define RECORDING_MAGIC "bulkhead recording 1\n"

enum recording_kind {
    RECORDING_TO_RENDERER,
    RECORDING_TO_BROKER,
    /* What the channel refused, from where it could not be read on: frames with their headers. */
    RECORDING_REFUSED,
    RECORDING_KINDS,
};

struct recording_header {
    uint64_t at_ns; /* CLOCK_MONOTONIC */
    int32_t pid;    /* of the peer; 0 while it is not known */
    uint32_t peer;  /* which channel; counts from 1 */
    uint32_t kind;
    uint32_t size_bytes;
};

struct recording;

/* Creates or truncates the file, readable by its owner only. 0 or -errno. */
int recording_create(const char *path, struct recording **ret_recording);
/* Flushes and closes; 0 or the first write error (-errno). Takes NULL. */
int recording_close(struct recording *recording);
int recording_flush(struct recording *recording);

/* A number for a new channel. */
uint32_t recording_new_peer(struct recording *recording);
void recording_add(struct recording *recording, uint32_t peer, pid_t pid, enum recording_kind kind, const void *bytes,
                   size_t size_bytes);
/* What is sent, packed anew. */
void recording_add_sent(struct recording *recording, uint32_t peer, pid_t pid, const Bulkhead__ToRenderer *envelope);

/* One record of a recording in memory. 1 with *ret_header and *ret_bytes (within data) and *at moved on, 0 at its end
 * or where it was cut short, -EBADMSG if it is none. *at = 0 begins. */
int recording_next(const void *data, size_t size_bytes, size_t *at, struct recording_header *ret_header,
                   const uint8_t **ret_bytes);

#endif
