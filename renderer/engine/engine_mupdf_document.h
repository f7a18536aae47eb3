/* engine_mupdf_document.h - what the files engine_mupdf*.c share: an open document and the one page it keeps.
 *
 * Private to the engine. Functions that may throw a MuPDF exception say so; none of those may be called outside
 * fz_try().
 */
#ifndef BULKHEAD_ENGINE_MUPDF_DOCUMENT_H
#define BULKHEAD_ENGINE_MUPDF_DOCUMENT_H

#include <stdatomic.h>

#include <mupdf/fitz.h>

#include "renderer/engine/engine.h"
#include "renderer/engine/format.h"

/* Before 1.24 there is an archive of MuPDF, and the linker's --wrap sends its calls to us; later ones come as a shared
 * library, and a definition in the executable goes before its own. */
#define ENGINE_MUPDF_IS_SHARED (FZ_VERSION_MAJOR > 1 || FZ_VERSION_MINOR >= 24)

/* What the process' one context remembers of its allocations and of MuPDF's messages. */
struct engine_mupdf_state {
    size_t refused_bytes;           // the request malloc refused last; 0 = none is unanswered
    size_t missing_bytes;           // a request that stayed refused after MuPDF had emptied its caches; 0 = none
    bool muted;                     // messages are dropped
    const struct engine_host *host; // of the open document, which hears them; NULL = none is open
    unsigned messages;              // written to stderr since the document was opened
    char last_error[ENGINE_DETAIL_BYTES];
};

/* The page looked at last. Scrolling and zooming run its list again; the page itself goes once the list is there. */
struct engine_mupdf_page {
    bool loaded;
    uint32_t number;
    fz_rect bounds;
    fz_page *page;         // NULL once `list` is there
    fz_display_list *list; // NULL until the first paint
    fz_separations *separations;
    int errors; // MuPDF swallowed so many while it interpreted the page
};

struct engine_document {
    fz_context *ctx; // borrowed, the process' own
    struct engine_mupdf_state *state;
    const struct engine_host *host;
    enum format format;
    void *mapping;
    size_t mapping_bytes;
    fz_document *document;     // NULL for SVG, which lives in page.list from the start
    fz_colorspace *colorspace; // to paint in: RGB, or the document's own three-component output intent
    uint32_t page_count;
    struct engine_mupdf_page page;
    fz_cookie cookie; // MuPDF lets another thread set abort and read progress
    _Atomic bool painting;
};

/* Fills error from the exception caught last, or from an allocation MuPDF gave up on. Returns -1. */
int engine_mupdf_caught(struct engine_document *document, struct engine_error *error);
int engine_mupdf_fail(struct engine_error *error, Bulkhead__Error__Code code, const char *detail);
/* TOO_LARGE or DAMAGED, whichever MuPDF's message speaks of. */
int engine_mupdf_fail_as_it_says(struct engine_error *error, const char *message);

/* engine_mupdf_context.c */

/* The engine's warm_up(). */
int engine_mupdf_context_warm_up(void);
/* Gives the document the process' context, its notes cleared. 0 or -ENOMEM. */
int engine_mupdf_context_attach(struct engine_document *document);
/* Nobody hears messages from here on: the document closes. */
void engine_mupdf_context_detach(struct engine_document *document);
/* For what is called back without a context: the process has but one. */
struct engine_mupdf_state *engine_mupdf_context_state(void);
/* True with the error filled if an allocation was given up on since the last call. */
bool engine_mupdf_context_is_short(struct engine_document *document, struct engine_error *error);
/* The engine's rest(). */
void engine_mupdf_context_rest(struct engine_document *document);

/* engine_mupdf_messages.c */

/* Sends what MuPDF says to stderr and to the document's host. Borrows state for the context's life. */
void engine_mupdf_messages_listen(fz_context *ctx, struct engine_mupdf_state *state);
/* From here on MuPDF says again what it said last, even if it is the same. */
void engine_mupdf_messages_restart(fz_context *ctx);

/* engine_mupdf_paint.c */

int engine_mupdf_paint_measure(struct engine_document *document, uint32_t page, struct engine_bounds *ret_bounds,
                               struct engine_error *error);
int engine_mupdf_paint_page(struct engine_document *document, const struct engine_paint *paint,
                            struct engine_damage *ret_damage, struct engine_error *error);
void engine_mupdf_paint_cancel(struct engine_document *document);
void engine_mupdf_paint_poll(struct engine_document *document, uint32_t *ret_done, uint32_t *ret_total);
void engine_mupdf_paint_drop_page(struct engine_document *document);

/* engine_mupdf_files.c */

/* A directory whose entries are asked of the host, one request for each file. Returns owned; may throw. */
fz_archive *engine_mupdf_files_open(fz_context *ctx, const struct engine_host *host);
/* Opens the document's markup with that directory beside it. Borrows stream. Returns owned; may throw. */
fz_document *engine_mupdf_files_open_document(fz_context *ctx, const struct engine_host *host, const char *media_type,
                                              fz_stream *stream);

/* engine_mupdf_text.c */

/* Plain text as an HTML page that keeps its lines. Returns owned; may throw. */
fz_buffer *engine_mupdf_text_to_html(fz_context *ctx, const uint8_t *data, size_t size_bytes);

#endif
