/* cast_stream.h - YUV4MPEG2 into a FIFO or standard output, for readers that come and go.
 *
 * A FIFO has a reader or has none: opening it without one is ENXIO, so that it is tried again and again; a reader that
 * goes is EPIPE, and the next one gets a stream of its own, header first. Nothing here ever waits: a frame that the
 * pipe does not take whole is written on as it empties, and no other is begun until then. One reader at a time: a
 * second one at the same FIFO would get what the first one does not.
 */
#ifndef BULKHEAD_CAST_STREAM_H
#define BULKHEAD_CAST_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/output/yuv.h"
#include "common/loop.h"

struct cast_stream;

struct cast_format {
    uint32_t width_px, height_px;
    uint32_t frames_per_second;
    enum yuv_chroma chroma;
};

struct cast_counts {
    uint64_t written; /* frames, whole */
    uint64_t dropped; /* frames that were due while the reader had not taken the one before */
    uint64_t readers; /* that came */
};

/* Called from the loop; the stream may not be destroyed in them. */
struct cast_listener {
    void (*reader_came)(struct cast_stream *stream, void *userdata);
    /* `counts` is of this reader. For standard output there will be no other. */
    void (*reader_left)(struct cast_stream *stream, const struct cast_counts *counts, void *userdata);
    void (*frame_written)(struct cast_stream *stream, void *userdata);
    /* Neither a reader's absence nor its end: -errno. The stream is closed. */
    void (*failed)(struct cast_stream *stream, int error, void *userdata);
};

/* fifo_path: made if there is nothing at it, and then removed at the end; NULL = standard output. Borrowed, as is the
 * listener. 0, -EEXIST: there is something else than a FIFO, or -errno. */
int cast_stream_create(struct loop *loop, const struct cast_format *format, const char *fifo_path,
                       const struct cast_listener *listener, void *userdata, struct cast_stream **ret_stream);
void cast_stream_destroy(struct cast_stream *stream); /* takes NULL */

/* Looks for the first reader; reader_came may be called before this returns. */
void cast_stream_start(struct cast_stream *stream);
bool cast_stream_has_reader(const struct cast_stream *stream);

/* Where the next frame's planes go, filled with the last one's; NULL while there is no reader, or the frame before is
 * not out yet. */
uint8_t *cast_stream_planes(struct cast_stream *stream);
/* Writes them. */
void cast_stream_send(struct cast_stream *stream);
/* So many frames were due and not sent. */
void cast_stream_drop(struct cast_stream *stream, uint64_t frames);

/* Of all readers. */
const struct cast_counts *cast_stream_counts(const struct cast_stream *stream);

#endif
