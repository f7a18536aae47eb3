/* engine_mupdf.h - the engine for documents: PDF, EPUB, XPS, comics, HTML, SVG, images and plain text, by MuPDF.
 *
 * The only part of Bulkhead that links MuPDF (AGPL-3.0-or-later). One context, made in the zygote and inherited by
 * fork, and one document at a time, both used by the paint thread alone.
 */
#ifndef BULKHEAD_ENGINE_MUPDF_H
#define BULKHEAD_ENGINE_MUPDF_H

#include "renderer/engine/engine.h"

extern const struct engine engine_mupdf;

#endif
