/* format_zip.h - which of the formats that are zip archives an archive holds, told from its table of entries. */
#ifndef BULKHEAD_FORMAT_ZIP_H
#define BULKHEAD_FORMAT_ZIP_H

#include "renderer/engine/format.h"

/* Whether the bytes begin as a zip archive does. */
int format_zip_matches(const uint8_t *data, size_t size_bytes);

/* FORMAT_EPUB, FORMAT_XPS, FORMAT_CBZ, or FORMAT_UNKNOWN for any other archive. */
enum format format_zip_recognise(const uint8_t *data, size_t size_bytes);

#endif
