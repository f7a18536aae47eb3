/* format.h - what a document is, told from its bytes alone.
 *
 * Runs in the renderer on hostile bytes: a pure function that allocates nothing, reads only inside the given range and
 * looks at a bounded number of bytes however large the document is. Names and extensions are never seen here. Telling a
 * format is a promise of where to look, not of success: a damaged PDF is a PDF.
 */
#ifndef BULKHEAD_FORMAT_H
#define BULKHEAD_FORMAT_H

#include <stddef.h>
#include <stdint.h>

enum format {
    FORMAT_UNKNOWN,
    FORMAT_PDF,
    FORMAT_EPUB,
    FORMAT_XPS,
    FORMAT_CBZ,
    FORMAT_HTML,
    FORMAT_XHTML,
    FORMAT_SVG,
    FORMAT_PNG,
    FORMAT_JPEG,
    FORMAT_GIF,
    FORMAT_TIFF,
    FORMAT_BMP,
    FORMAT_JPEG_2000,
    FORMAT_PNM,
    FORMAT_TEXT,
    FORMAT_COUNT,
};

enum format format_recognise(const uint8_t *data, size_t size_bytes);

/* "PDF", "JPEG 2000", …; "unknown". */
const char *format_name(enum format format);

/* "application/pdf", …; "application/octet-stream" for FORMAT_UNKNOWN. */
const char *format_media_type(enum format format);

#endif
