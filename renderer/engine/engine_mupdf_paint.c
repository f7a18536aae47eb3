/* Painting as `mutool draw` does it, so that the pixels are the same: the page goes into a display list, untransformed;
 * the list is run through the draw device into an RGB pixmap without alpha, white to begin with, clipped to the page's
 * transformed and rounded bounds.
 *
 * A frame that shows a part of the page is run with that part alone. MuPDF then scales images and shades by what is
 * visible, as in mutool's bands: in 8 of 102 documents some bytes differ from the same part of the whole page. */
#include <math.h>
#include <string.h>

#include "common/frame_layout.h"
#include "renderer/engine/engine_mupdf_document.h"

enum {
    /* Beyond the edge of the frame things are still run, in case they reach in by anti-aliasing: mutool's bands do so
       too. */
    SCISSOR_MARGIN_PX = 2,
};

void engine_mupdf_paint_drop_page(struct engine_document *document)
{
    fz_context *ctx = document->ctx;
    fz_drop_display_list(ctx, document->page.list);
    fz_drop_separations(ctx, document->page.separations);
    fz_drop_page(ctx, document->page.page);
    document->page = (struct engine_mupdf_page){0};
}

/* mutool's default: spot colours are shown as a composite, and overprint is simulated where a page uses it. */
static fz_separations *page_separations(struct engine_document *document, fz_page *page)
{
    fz_context *ctx = document->ctx;
    fz_separations *separations = NULL;
#if FZ_ENABLE_SPOT_RENDERING
    separations = fz_page_separations(ctx, page);
    if (separations) {
        int count = fz_count_separations(ctx, separations);
        for (int i = 0; i < count; i++)
            fz_set_separation_behavior(ctx, separations, i, FZ_SEPARATION_COMPOSITE);
        return separations;
    }
    fz_colorspace *intent = fz_document_output_intent(ctx, document->document);
    if (fz_page_uses_overprint(ctx, page) ||
        (intent && fz_colorspace_n(ctx, intent) != fz_colorspace_n(ctx, document->colorspace)))
        separations = fz_new_separations(ctx, 0);
#endif
    return separations;
}

/* Makes `number` the page that is kept. May throw. */
static void load_page(struct engine_document *document, uint32_t number)
{
    fz_context *ctx = document->ctx;
    struct engine_mupdf_page *page = &document->page;
    if (page->loaded && page->number == number)
        return;
    engine_mupdf_paint_drop_page(document);
    if (!document->document)
        fz_throw(ctx, FZ_ERROR_GENERIC, "the drawing is gone: open it again");
    document->host->step(document->host->session, "load page");
    fz_try(ctx) {
        page->page = fz_load_page(ctx, document->document, (int)number);
        page->bounds = fz_bound_page(ctx, page->page);
        page->number = number;
        page->loaded = true;
    }
    fz_catch(ctx) {
        engine_mupdf_paint_drop_page(document);
        fz_rethrow(ctx);
    }
}

/* Interprets the page that is kept, once. May throw. An interpretation that was cut short leaves no list. */
static void make_list(struct engine_document *document)
{
    fz_context *ctx = document->ctx;
    struct engine_mupdf_page *page = &document->page;
    if (page->list)
        return;
    document->host->step(document->host->session, "interpret");
    fz_display_list *list = NULL;
    fz_device *device = NULL;
    fz_var(list);
    fz_var(device);
    fz_try(ctx) {
        if (!page->separations)
            page->separations = page_separations(document, page->page);
        list = fz_new_display_list(ctx, page->bounds);
        device = fz_new_list_device(ctx, list);
        fz_run_page(ctx, page->page, device, fz_identity, &document->cookie);
        fz_close_device(ctx, device);
        if (!document->cookie.abort)
            page->list = fz_keep_display_list(ctx, list);
    }
    fz_always(ctx) {
        fz_drop_device(ctx, device);
        fz_drop_display_list(ctx, list);
    }
    fz_catch(ctx)
        fz_rethrow(ctx);
    if (!page->list)
        return;
    page->errors = document->cookie.errors;
    fz_drop_page(ctx, page->page);
    page->page = NULL;
}

static void clear_frame(const struct engine_paint *paint)
{
    for (uint32_t y = 0; y < paint->height_px; y++)
        memset(paint->pixels + (size_t)y * paint->stride_bytes, 255, (size_t)paint->width_px * FRAME_BYTES_PER_PIXEL);
}

/* Where the frame lies on the plane of the transformed page. */
static fz_irect frame_rect(const struct engine_paint *paint, fz_irect page)
{
    int64_t x = (int64_t)page.x0 + paint->scroll_x_px, y = (int64_t)page.y0 + paint->scroll_y_px;
    int64_t right = x + paint->width_px, bottom = y + paint->height_px;
    if (x < INT32_MIN / 2 || y < INT32_MIN / 2 || right > INT32_MAX / 2 || bottom > INT32_MAX / 2)
        return fz_empty_irect;
    return (fz_irect){(int)x, (int)y, (int)right, (int)bottom};
}

/* The part of the frame that shows the page, as a pixmap over the frame's own memory. NULL if it shows nothing of it.
 */
static fz_pixmap *frame_pixmap(struct engine_document *document, const struct engine_paint *paint, fz_irect page)
{
    fz_context *ctx = document->ctx;
    fz_irect frame = frame_rect(paint, page);
    fz_irect visible = fz_intersect_irect(frame, page);
    if (fz_is_empty_irect(visible))
        return NULL;
    size_t offset =
        (size_t)(visible.y0 - frame.y0) * paint->stride_bytes + (size_t)(visible.x0 - frame.x0) * FRAME_BYTES_PER_PIXEL;
    fz_pixmap *pixmap =
        fz_new_pixmap_with_data(ctx, document->colorspace, visible.x1 - visible.x0, visible.y1 - visible.y0,
                                document->page.separations, 0, (int)paint->stride_bytes, paint->pixels + offset);
    pixmap->x = visible.x0;
    pixmap->y = visible.y0;
    return pixmap;
}

/* Runs the list of the page that is kept. May throw. */
static void run_list(struct engine_document *document, const struct engine_paint *paint)
{
    fz_context *ctx = document->ctx;
    /* In this order mutool's -w and -h multiply too. */
    fz_matrix ctm = fz_concat(fz_rotate(paint->rotate_deg), fz_scale(paint->scale_x, paint->scale_y));
    fz_irect page = fz_round_rect(fz_transform_rect(document->page.bounds, ctm));
    fz_pixmap *pixmap = NULL;
    fz_device *device = NULL;
    fz_var(pixmap);
    fz_var(device);
    document->host->step(document->host->session, "paint");
    fz_try(ctx) {
        pixmap = frame_pixmap(document, paint, page);
        if (pixmap) {
            fz_rect scissor = fz_expand_rect(fz_rect_from_irect(fz_pixmap_bbox(ctx, pixmap)), SCISSOR_MARGIN_PX);
            scissor = fz_intersect_rect(scissor, fz_rect_from_irect(page));
            device = fz_new_draw_device(ctx, fz_identity, pixmap);
            document->cookie.errors = 0;
            document->painting = true;
            fz_run_display_list(ctx, document->page.list, device, ctm, scissor, &document->cookie);
            fz_close_device(ctx, device);
        }
    }
    fz_always(ctx) {
        document->painting = false;
        fz_drop_device(ctx, device);
        fz_drop_pixmap(ctx, pixmap);
    }
    fz_catch(ctx)
        fz_rethrow(ctx);
}

/* A page that is one picture and could not be decoded is no page. Others are shown without what failed, like mutool
 * does. */
static bool is_single_picture(enum format format)
{
    switch (format) {
    case FORMAT_CBZ:
    case FORMAT_PNG:
    case FORMAT_JPEG:
    case FORMAT_GIF:
    case FORMAT_TIFF:
    case FORMAT_BMP:
    case FORMAT_JPEG_2000:
    case FORMAT_PNM:
        return true;
    case FORMAT_UNKNOWN:
    case FORMAT_PDF:
    case FORMAT_EPUB:
    case FORMAT_XPS:
    case FORMAT_HTML:
    case FORMAT_XHTML:
    case FORMAT_SVG:
    case FORMAT_TEXT:
    case FORMAT_COUNT:
        break;
    }
    return false;
}

static int check_page(struct engine_document *document, uint32_t page, struct engine_error *error)
{
    if (page < document->page_count)
        return 0;
    char detail[64];
    snprintf(detail, sizeof detail, "page %u of %u", page + 1, document->page_count);
    return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__NO_SUCH_PAGE, detail);
}

int engine_mupdf_paint_measure(struct engine_document *document, uint32_t page, struct engine_bounds *ret_bounds,
                               struct engine_error *error)
{
    if (check_page(document, page, error) < 0)
        return -1;
    fz_try(document->ctx)
        load_page(document, page);
    fz_catch(document->ctx)
        return engine_mupdf_caught(document, error);
    fz_rect bounds = document->page.bounds;
    if (!isfinite(bounds.x0) || !isfinite(bounds.y0) || !isfinite(bounds.x1) || !isfinite(bounds.y1) ||
        bounds.x0 >= bounds.x1 || bounds.y0 >= bounds.y1)
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__DAMAGED, "the page has no size");
    *ret_bounds = (struct engine_bounds){bounds.x0, bounds.y0, bounds.x1, bounds.y1};
    return 0;
}

int engine_mupdf_paint_page(struct engine_document *document, const struct engine_paint *paint,
                            struct engine_damage *ret_damage, struct engine_error *error)
{
    fz_context *ctx = document->ctx;
    const struct engine_host *host = document->host;
    if (check_page(document, paint->page, error) < 0)
        return -1;
    document->cookie = (fz_cookie){0};
    /* The session notes a cancel before it calls cancel(): one that came before the line above is seen here. */
    if (host->cancelled(host->session))
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__CANCELLED, "cancelled");
    fz_try(ctx) {
        load_page(document, paint->page);
        make_list(document);
        host->progress(host->session, 0, 0);
        if (!document->cookie.abort) {
            clear_frame(paint);
            run_list(document, paint);
        }
    }
    fz_catch(ctx)
        return engine_mupdf_caught(document, error);
    if (document->cookie.abort)
        return engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__CANCELLED, "cancelled");
    if (document->cookie.errors + document->page.errors > 0 && is_single_picture(document->format) &&
        document->state->missing_bytes == 0 && document->state->refused_bytes == 0)
        return engine_mupdf_fail_as_it_says(error, document->state->last_error);
    ret_damage->count = 0;
    return 0;
}

void engine_mupdf_paint_cancel(struct engine_document *document)
{
    __atomic_store_n(&document->cookie.abort, 1, __ATOMIC_RELAXED);
}

void engine_mupdf_paint_poll(struct engine_document *document, uint32_t *ret_done, uint32_t *ret_total)
{
    int done = __atomic_load_n(&document->cookie.progress, __ATOMIC_RELAXED);
    size_t total = __atomic_load_n(&document->cookie.progress_max, __ATOMIC_RELAXED);
    /* While a page is interpreted the total is a guess that changes; only a display list knows its length. */
    bool known = document->painting && total <= INT32_MAX;
    *ret_done = done < 0 ? 0 : (uint32_t)done;
    *ret_total = known ? (uint32_t)total : 0;
    if (known && *ret_done > *ret_total)
        *ret_done = *ret_total;
}
