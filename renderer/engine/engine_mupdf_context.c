/* The process' one MuPDF context: how it allocates, where its messages go, and what is done before the first fork. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "renderer/engine/engine_mupdf_document.h"

enum {
    /* Of MuPDF's cache (decoded images, fonts, tiles), not of its memory. A decoded A4 scan at 300 dpi takes 26 MB: one
     * fits with room for what the page shares; more would only keep pages that are not looked at any more. */
    STORE_BYTES = 48 * 1024 * 1024,
    /* Traditional and simplified Chinese, Japanese, Korean: fz_lookup_cjk_font()'s numbers. */
    CJK_ORDERINGS = 4,
};
/* No machine has a terabyte for one object: a size like that is damage, and to be ignored as MuPDF ignores damage. */
static const size_t ABSURD_BYTES = (size_t)1 << 40;

/* Made once by warm_up(), before any fork: an engine's functions have no other place to find them. */
static struct engine_mupdf_state context_state;
static fz_context *context;

/* MuPDF repeats a refused request after emptying its caches. One that is not repeated was given up on, even where MuPDF
 * goes on without what it wanted: then the picture lacks something, and saying so is better than showing it. */
static void note_allocation(struct engine_mupdf_state *state, const void *memory, size_t size_bytes)
{
    if (state->refused_bytes && state->refused_bytes != size_bytes) {
        state->missing_bytes = state->refused_bytes;
        state->refused_bytes = 0;
    }
    if (memory)
        state->refused_bytes = 0;
    else if (size_bytes < ABSURD_BYTES)
        state->refused_bytes = size_bytes;
}

static void *context_malloc(void *state, size_t size_bytes)
{
    void *memory = malloc(size_bytes);
    note_allocation(state, memory, size_bytes);
    return memory;
}

static void *context_realloc(void *state, void *old, size_t size_bytes)
{
    void *memory = realloc(old, size_bytes);
    note_allocation(state, memory, size_bytes);
    return memory;
}

static void context_free(void *state, void *memory)
{
    (void)state;
    free(memory);
}

static fz_context *make_context(void)
{
    const fz_alloc_context allocator = {&context_state, context_malloc, context_realloc, context_free};
    fz_context *ctx = fz_new_context(&allocator, NULL, STORE_BYTES);
    if (!ctx)
        return NULL;
    engine_mupdf_messages_listen(ctx, &context_state);
    bool registered = true;
    fz_var(registered);
    fz_try(ctx)
        fz_register_document_handlers(ctx);
    fz_catch(ctx)
        registered = false;
    if (registered)
        return ctx;
    fz_drop_context(ctx);
    return NULL;
}

static void paint_first_page(fz_context *ctx, fz_document *document)
{
    fz_page *page = NULL;
    fz_pixmap *pixmap = NULL;
    fz_var(page);
    fz_var(pixmap);
    fz_try(ctx) {
        page = fz_load_page(ctx, document, 0);
        pixmap = fz_new_pixmap_from_page(ctx, page, fz_scale(0.1f, 0.1f), fz_device_rgb(ctx), 0);
    }
    fz_always(ctx) {
        fz_drop_pixmap(ctx, pixmap);
        fz_drop_page(ctx, page);
    }
    fz_catch(ctx)
        fz_rethrow(ctx);
}

/* Not for speed - a first paint gains 0.1 ms - but for memory: what the zygote has touched of the program, its
 * libraries and fonts counts in part only for each renderer. One that shows an HTML page has a PSS of 2.4 MB instead
 * of 3.5. */
static void paint_something(fz_context *ctx)
{
    static const char page[] = "<!DOCTYPE html><title>x</title><p>x <b>x</b> <i>x</i>";
    static const struct engine_host nobody; /* is asked for nothing by that page */
    fz_stream *stream = NULL;
    fz_document *document = NULL;
    fz_var(stream);
    fz_var(document);
    fz_try(ctx) {
        stream = fz_open_memory(ctx, (const unsigned char *)page, sizeof page - 1);
        document = engine_mupdf_files_open_document(ctx, &nobody, format_media_type(FORMAT_HTML), stream);
        paint_first_page(ctx, document);
    }
    fz_always(ctx) {
        fz_drop_document(ctx, document);
        fz_drop_stream(ctx, stream);
        fz_empty_store(ctx);
        fz_purge_glyph_cache(ctx);
    }
    fz_catch(ctx)
        return; /* nothing depends on it */
}

int engine_mupdf_context_warm_up(void)
{
    if (context)
        return 0;
    /* With arenas of their own, threads would grow their heaps by mprotect(); from one arena, brk and mmap are enough.
     */
    mallopt(M_ARENA_MAX, 1);
    context = make_context();
    if (!context)
        return -ENOMEM;
    paint_something(context);
    return 0;
}

/* A built-in font is a constant in the executable, never written to: its pages come back from the page cache when they
 * are read again. */
static void forget_font(const unsigned char *data, int size_bytes)
{
    uintptr_t page = (uintptr_t)getauxval(AT_PAGESZ);
    uintptr_t start = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data + (uintptr_t)size_bytes) / page * page;
    if (data && end > start)
        madvise((void *)start, end - start, MADV_DONTNEED);
}

/* A page in Korean leaves 4.3 MB of font behind, and as much again in caches and free heap. */
void engine_mupdf_context_rest(struct engine_document *document)
{
    fz_context *ctx = document->ctx;
    fz_empty_store(ctx);
    fz_purge_glyph_cache(ctx);
    for (int ordering = 0; ordering < CJK_ORDERINGS; ordering++) {
        int size_bytes = 0, subfont = 0;
        const unsigned char *data = fz_lookup_cjk_font(ctx, ordering, &size_bytes, &subfont);
        forget_font(data, size_bytes);
    }
    malloc_trim(0);
}

int engine_mupdf_context_attach(struct engine_document *document)
{
    int r = engine_mupdf_context_warm_up();
    if (r < 0)
        return r;
    context_state = (struct engine_mupdf_state){.host = document->host};
    document->ctx = context;
    document->state = &context_state;
    return 0;
}

void engine_mupdf_context_detach(struct engine_document *document)
{
    if (document->state)
        document->state->host = NULL;
}

struct engine_mupdf_state *engine_mupdf_context_state(void)
{
    return &context_state;
}

bool engine_mupdf_context_is_short(struct engine_document *document, struct engine_error *error)
{
    struct engine_mupdf_state *state = document->state;
    size_t missing = state->refused_bytes ? state->refused_bytes : state->missing_bytes;
    state->refused_bytes = state->missing_bytes = 0;
    if (missing == 0)
        return false;
    char detail[ENGINE_DETAIL_BYTES];
    snprintf(detail, sizeof detail, "no memory for %zu bytes", missing);
    engine_mupdf_fail(error, BULKHEAD__ERROR__CODE__OUT_OF_MEMORY, detail);
    return true;
}
