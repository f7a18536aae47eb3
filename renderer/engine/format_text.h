/* format_text.h - telling markup (HTML, XHTML, SVG) and plain text from each other and from binary junk.
 *
 * UTF-8, UTF-16 and single-byte encodings; of those only what the ASCII part says is looked at.
 */
#ifndef BULKHEAD_FORMAT_TEXT_H
#define BULKHEAD_FORMAT_TEXT_H

#include <stdbool.h>

#include "renderer/engine/format.h"

enum format_text_encoding {
    FORMAT_TEXT_UTF_8,
    FORMAT_TEXT_UTF_16_LE,
    FORMAT_TEXT_UTF_16_BE,
    FORMAT_TEXT_SINGLE_BYTE, /* Windows-1252, a superset of Latin-1 */
};

/* FORMAT_HTML, FORMAT_XHTML, FORMAT_SVG, or FORMAT_UNKNOWN if it is no markup or of another kind. */
enum format format_text_markup(const uint8_t *data, size_t size_bytes);

/* Whether it can be read as text, and if so how. Only the first 64 KB are judged. */
bool format_text_is_plain(const uint8_t *data, size_t size_bytes, enum format_text_encoding *ret_encoding);

#endif
