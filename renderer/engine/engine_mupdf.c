#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <mupdf/pdf.h>

#include "common/limits.h"
#include "renderer/engine/engine_mupdf.h"
#include "renderer/engine/engine_mupdf_document.h"

static const char *engine_mupdf_version(void)
{
    return "MuPDF " FZ_VERSION;
}

static bool engine_mupdf_accepts(const struct engine_source *source)
{
    return source->document_fd >= 0;
}

int engine_mupdf_fail(struct engine_error *error, Bulkhead__Error__Code code, const char *detail)
{
    error->code = code;
    snprintf(error->detail, sizeof error->detail, "%s", detail);
    return -1;
}

/* MuPDF had no error code for limits before 1.24, nor for all of them since: its words tell. */
static bool speaks_of_size(const char *message)
{
    static const char *const words[] = {"too large", "might overflow", "image dimensions", "Overly"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(message, words[i]))
            return true;
    return false;
}

int engine_mupdf_fail_as_it_says(struct engine_error *error, const char *message)
{
    bool too_large = speaks_of_size(message);
    return engine_mupdf_fail(error, too_large ? BULKHEAD__ERROR__CODE__TOO_LARGE : BULKHEAD__ERROR__CODE__DAMAGED,
                             message);
}

static Bulkhead__Error__Code error_code(int caught)
{
    switch (caught) {
    case FZ_ERROR_ABORT:
        return BULKHEAD__ERROR__CODE__CANCELLED;
#if FZ_VERSION_MAJOR > 1 || FZ_VERSION_MINOR >= 24
    case FZ_ERROR_UNSUPPORTED:
        return BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT;
    case FZ_ERROR_LIMIT:
        return BULKHEAD__ERROR__CODE__TOO_LARGE;
#else
    case FZ_ERROR_MEMORY:
        return BULKHEAD__ERROR__CODE__OUT_OF_MEMORY;
#endif
    default:
        return BULKHEAD__ERROR__CODE__DAMAGED;
    }
}

int engine_mupdf_caught(struct engine_document *document, struct engine_error *error)
{
#if FZ_VERSION_MAJOR > 1 || FZ_VERSION_MINOR >= 24
    int caught = FZ_ERROR_GENERIC;
    const char *message = fz_convert_error(document->ctx, &caught);
#else
    int caught = fz_caught(document->ctx);
    const char *message = fz_caught_message(document->ctx);
#endif
    if (engine_mupdf_context_is_short(document, error))
        return -1;
    Bulkhead__Error__Code code = error_code(caught);
    return code == BULKHEAD__ERROR__CODE__DAMAGED || speaks_of_size(message)
               ? engine_mupdf_fail_as_it_says(error, message)
               : engine_mupdf_fail(error, code, message);
}

static fz_stream *open_mapping(struct engine_document *document)
{
    return fz_open_memory(document->ctx, document->mapping, document->mapping_bytes);
}

static void open_svg(struct engine_document *document)
{
    fz_context *ctx = document->ctx;
    fz_buffer *buffer = NULL;
    fz_archive *directory = NULL;
    fz_var(buffer);
    fz_var(directory);
    fz_try(ctx) {
        float width = 0, height = 0;
        buffer = fz_new_buffer_from_copied_data(ctx, document->mapping, document->mapping_bytes);
        directory = engine_mupdf_files_open(ctx, document->host);
        document->page.list = fz_new_display_list_from_svg(ctx, buffer, ".", directory, &width, &height);
        document->page.bounds = fz_bound_display_list(ctx, document->page.list);
        document->page.loaded = true;
    }
    fz_always(ctx) {
        fz_drop_archive(ctx, directory);
        fz_drop_buffer(ctx, buffer);
    }
    fz_catch(ctx)
        fz_rethrow(ctx);
}

static void open_text(struct engine_document *document)
{
    fz_context *ctx = document->ctx;
    fz_buffer *html = engine_mupdf_text_to_html(ctx, document->mapping, document->mapping_bytes);
    fz_stream *stream = NULL;
    fz_var(stream);
    fz_try(ctx) {
        stream = fz_open_buffer(ctx, html);
        document->document =
            engine_mupdf_files_open_document(ctx, document->host, format_media_type(FORMAT_HTML), stream);
    }
    fz_always(ctx) {
        fz_drop_stream(ctx, stream);
        fz_drop_buffer(ctx, html);
    }
    fz_catch(ctx)
        fz_rethrow(ctx);
}

static void open_stream(struct engine_document *document)
{
    fz_context *ctx = document->ctx;
    fz_stream *stream = open_mapping(document);
    fz_try(ctx)
        document->document =
            engine_mupdf_files_open_document(ctx, document->host, format_media_type(document->format), stream);
    fz_always(ctx)
        fz_drop_stream(ctx, stream);
    fz_catch(ctx)
        fz_rethrow(ctx);
}

static void open_format(struct engine_document *document)
{
    switch (document->format) {
    case FORMAT_SVG:
        open_svg(document);
        return;
    case FORMAT_TEXT:
        open_text(document);
        return;
    case FORMAT_PDF:
    case FORMAT_EPUB:
    case FORMAT_XPS:
    case FORMAT_CBZ:
    case FORMAT_HTML:
    case FORMAT_XHTML:
    case FORMAT_PNG:
    case FORMAT_JPEG:
    case FORMAT_GIF:
    case FORMAT_TIFF:
    case FORMAT_BMP:
    case FORMAT_JPEG_2000:
    case FORMAT_PNM:
        open_stream(document);
        return;
    case FORMAT_UNKNOWN:
    case FORMAT_COUNT:
        break;
    }
    fz_throw(document->ctx, FZ_ERROR_GENERIC, "no format known to this engine");
}

static bool has_page(struct engine_document *document, pdf_document *pdf, int page)
{
    bool found = true;
    fz_var(found);
    document->state->muted = true; /* a page that is not there is an answer here, not a fault to log */
    fz_try(document->ctx)
        pdf_lookup_page_obj(document->ctx, pdf, page);
    fz_always(document->ctx)
        document->state->muted = false;
    fz_catch(document->ctx)
        found = false;
    return found;
}

/* A PDF states its number of pages, and some lie. Finds how many can be found; asks for one page if it is true. */
static int count_pdf_pages(struct engine_document *document, pdf_document *pdf, int stated)
{
    if (stated < 2 || has_page(document, pdf, stated - 1))
        return stated;
    int there = 1, missing = stated - 1; /* the first is left for paint to complain about */
    while (missing - there > 0) {
        int middle = there + (missing - there) / 2;
        if (has_page(document, pdf, middle))
            there = middle + 1;
        else
            missing = middle;
    }
    return there;
}

static void count_pages(struct engine_document *document)
{
    fz_context *ctx = document->ctx;
    if (!document->document) {
        document->page_count = 1;
        return;
    }
    int count = fz_count_pages(ctx, document->document);
    if (count > LIMIT_PAGES)
        count = LIMIT_PAGES;
    pdf_document *pdf = pdf_specifics(ctx, document->document);
    if (pdf)
        count = count_pdf_pages(document, pdf, count);
    document->page_count = count < 0 ? 0 : (uint32_t)count;
}

/* As mutool does: a three-component output intent replaces RGB. */
static void choose_colorspace(struct engine_document *document)
{
    fz_context *ctx = document->ctx;
    fz_colorspace *intent = document->document ? fz_document_output_intent(ctx, document->document) : NULL;
    bool fits = intent && fz_colorspace_n(ctx, intent) == 3;
    document->colorspace = fz_keep_colorspace(ctx, fits ? intent : fz_device_rgb(ctx));
}

/* 0, or -1 with the error filled. May throw. */
static int unlock(struct engine_document *document, const char *password, struct engine_error *error)
{
    fz_context *ctx = document->ctx;
    if (!document->document || !fz_needs_password(ctx, document->document))
        return 0;
    if (!password)
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__PASSWORD_REQUIRED, "the document is encrypted");
    if (!fz_authenticate_password(ctx, document->document, password))
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__PASSWORD_WRONG, "the password does not open it");
    return 0;
}

/* By default for the page and letters that `mutool draw` takes when it is not told. */
static void lay_out(struct engine_document *document, const struct engine_source *source)
{
    if (!document->document)
        return;
    document->host->step(document->host->session, "layout");
    fz_layout_document(document->ctx, document->document,
                       source->layout_width_pt > 0 ? source->layout_width_pt : FZ_DEFAULT_LAYOUT_W,
                       source->layout_height_pt > 0 ? source->layout_height_pt : FZ_DEFAULT_LAYOUT_H,
                       source->layout_em_pt > 0 ? source->layout_em_pt : FZ_DEFAULT_LAYOUT_EM);
}

static int open_document(struct engine_document *document, const struct engine_source *source,
                         struct engine_error *error)
{
    fz_context *ctx = document->ctx;
    const struct engine_host *host = document->host;
    int r = -1;
    fz_var(r);
    fz_try(ctx) {
        host->step(host->session, "open");
        open_format(document);
        r = unlock(document, source->password, error);
        if (r == 0) {
            host->progress(host->session, 0, 0);
            choose_colorspace(document);
            lay_out(document, source);
            host->progress(host->session, 0, 0);
            count_pages(document);
        }
    }
    fz_catch(ctx)
        return engine_mupdf_caught(document, error);
    if (r < 0)
        return r;
    if (engine_mupdf_context_is_short(document, error))
        return -1;
    if (document->page_count == 0)
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT, "the document has no pages");
    return 0;
}

static int map_document(struct engine_document *document, const struct engine_source *source,
                        struct engine_error *error)
{
    if (source->size_bytes == 0)
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT, "the file is empty");
    if (source->size_bytes > SIZE_MAX / 2)
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__TOO_LARGE, "the file does not fit into memory");
    void *mapping = mmap(NULL, source->size_bytes, PROT_READ, MAP_PRIVATE, source->document_fd, 0);
    if (mapping == MAP_FAILED) {
        Bulkhead__Error__Code code =
            errno == ENOMEM ? BULKHEAD__ERROR__CODE__OUT_OF_MEMORY : BULKHEAD__ERROR__CODE__UNKNOWN;
        return engine_mupdf_fail(error, code, strerror(errno));
    }
    document->mapping = mapping;
    document->mapping_bytes = source->size_bytes;
    document->format = format_recognise(mapping, source->size_bytes);
    if (document->format == FORMAT_UNKNOWN)
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT, "no format known to this engine");
    return 0;
}

static void engine_mupdf_close(struct engine_document *document)
{
    if (!document)
        return;
    fz_context *ctx = document->ctx;
    engine_mupdf_context_detach(document);
    engine_mupdf_paint_drop_page(document);
    fz_drop_colorspace(ctx, document->colorspace);
    fz_drop_document(ctx, document->document);
    fz_empty_store(ctx);
    fz_purge_glyph_cache(ctx);
    fz_flush_warnings(ctx);
    if (document->mapping)
        munmap(document->mapping, document->mapping_bytes);
    free(document);
}

static int engine_mupdf_open(const struct engine_source *source, struct engine_document **ret_document,
                             struct engine_error *error)
{
    struct engine_document *document = calloc(1, sizeof *document);
    if (!document)
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__OUT_OF_MEMORY, "no memory for the document");
    document->host = source->host;
    if (engine_mupdf_context_attach(document) < 0) {
        free(document);
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__OUT_OF_MEMORY, "no memory for the engine");
    }
    engine_mupdf_messages_restart(document->ctx);
    if (map_document(document, source, error) < 0 || open_document(document, source, error) < 0) {
        engine_mupdf_close(document);
        return -1;
    }
    *ret_document = document;
    return 0;
}

/* The document's own words: made valid UTF-8 without control characters, cut between characters. */
static void copy_title(const char *text, char *ret_title, size_t size_bytes)
{
    size_t length = 0;
    while (*text) {
        int rune;
        char encoded[FZ_UTFMAX];
        text += fz_chartorune(&rune, text);
        if (rune < ' ' || (rune >= 0x7f && rune < 0xa0))
            rune = ' ';
        int encoded_length = fz_runetochar(encoded, rune);
        if (length + (size_t)encoded_length >= size_bytes)
            break;
        memcpy(ret_title + length, encoded, (size_t)encoded_length);
        length += (size_t)encoded_length;
    }
    ret_title[length] = '\0';
}

static int engine_mupdf_info(struct engine_document *document, struct engine_info *ret_info, struct engine_error *error)
{
    fz_context *ctx = document->ctx;
    char title[sizeof ret_info->title] = "";
    fz_try(ctx) {
        if (document->document)
            fz_lookup_metadata(ctx, document->document, FZ_META_INFO_TITLE, title, sizeof title);
    }
    fz_catch(ctx)
        return engine_mupdf_caught(document, error);
    title[sizeof title - 1] = '\0';
    *ret_info = (struct engine_info){
        .page_count = document->page_count,
        .reflowable = document->document && fz_is_document_reflowable(ctx, document->document),
    };
    snprintf(ret_info->format, sizeof ret_info->format, "%s", format_name(document->format));
    copy_title(title, ret_info->title, sizeof ret_info->title);
    return 0;
}

static int engine_mupdf_measure(struct engine_document *document, uint32_t page, struct engine_bounds *ret_bounds,
                                struct engine_error *error)
{
    engine_mupdf_messages_restart(document->ctx);
    if (engine_mupdf_paint_measure(document, page, ret_bounds, error) < 0)
        return -1;
    return engine_mupdf_context_is_short(document, error) ? -1 : 0;
}

static int engine_mupdf_paint(struct engine_document *document, const struct engine_paint *paint,
                              struct engine_damage *ret_damage, struct engine_error *error)
{
    engine_mupdf_messages_restart(document->ctx);
    if (engine_mupdf_paint_page(document, paint, ret_damage, error) < 0)
        return -1;
    if (!engine_mupdf_context_is_short(document, error))
        return 0;
    engine_mupdf_paint_drop_page(document); /* its list may lack what did not fit */
    return -1;
}

const struct engine engine_mupdf = {
    .name = "mupdf",
    .version = engine_mupdf_version,
    .warm_up = engine_mupdf_context_warm_up,
    .accepts = engine_mupdf_accepts,
    .open = engine_mupdf_open,
    .close = engine_mupdf_close,
    .info = engine_mupdf_info,
    .measure = engine_mupdf_measure,
    .paint = engine_mupdf_paint,
    .cancel = engine_mupdf_paint_cancel,
    .poll_progress = engine_mupdf_paint_poll,
    .rest = engine_mupdf_context_rest,
};
