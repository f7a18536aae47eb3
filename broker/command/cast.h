/* cast.h - one tab as a video: its latest frame, so many times a second, into a stream for whoever reads it.
 *
 * The stream's clock is the wall's: a frame is due every 1 / fps from a reader's coming on, and what the reader has no
 * room for is dropped, never queued. A scene is painted anew at that rate; a page stands still.
 */
#ifndef BULKHEAD_CAST_H
#define BULKHEAD_CAST_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/command/cli.h"
#include "broker/command/cli_document.h"
#include "broker/output/cast_stream.h"

struct cast_options {
    struct cli_common common;
    struct cli_document document;
    struct cast_format format;
    const char *fifo_path; /* NULL: standard output */
    const char *input;
    uint64_t frames; /* to write; 0 = without end */
    uint32_t page;   /* from 0 */
    bool once;       /* ends when the first reader goes */
};

/* Runs until the stream ends, and says on stderr what comes of it. The exit code. */
int cast_run(const struct cast_options *options);

#endif
