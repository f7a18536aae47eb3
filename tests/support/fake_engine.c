#include "tests/support/fake_engine.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "renderer/engine/engine.h"

struct engine_document {
    const struct engine_source source; // its strings and its host live as long as the document
    char title[64];
    uint32_t inputs;
    atomic_bool is_aborted;
    _Atomic uint32_t done;
};

const char *fake_engine_url(const char *url)
{
    return url;
}

uint8_t fake_engine_shade(uint32_t page, int32_t scroll_x_px, uint32_t sequence, uint32_t inputs)
{
    return (uint8_t)(page * 50 + (uint32_t)scroll_x_px + sequence * 3 + inputs * 7 + 1);
}

static bool fake_engine_is(const struct engine_document *document, const char *word)
{
    return strstr(document->source.url, word) != NULL;
}

static const char *fake_engine_version(void)
{
    return "fake 1";
}

static bool fake_engine_accepts(const struct engine_source *source)
{
    return strncmp(source->url, "fake:", 5) == 0 || (source->url[0] == '\0' && source->document_fd >= 0);
}

static int fake_engine_fail(struct engine_error *error, Bulkhead__Error__Code code, const char *detail)
{
    error->code = code;
    snprintf(error->detail, sizeof(error->detail), "%s", detail);
    return -1;
}

static void fake_engine_title_from(struct engine_document *document, int fd)
{
    ssize_t size = pread(fd, document->title, sizeof(document->title) - 1, 0);

    document->title[size < 0 ? 0 : size] = '\0';
}

static void fake_engine_complain(struct engine_document *document, Bulkhead__Warning__Kind kind, const char *text)
{
    const struct engine_host *host = document->source.host;

    if (fake_engine_is(document, "complaining"))
        host->warn(host->session, kind, text);
}

static void fake_engine_open_inside(struct engine_document *document)
{
    const struct engine_host *host = document->source.host;
    uint64_t size_bytes;
    int fd, error = host->open_file(host->session, "inside", &fd, &size_bytes);

    if (error < 0) {
        snprintf(document->title, sizeof(document->title), "%s", strerrorname_np(-error));
        return;
    }
    fake_engine_title_from(document, fd);
    close(fd);
}

static int fake_engine_open(const struct engine_source *source, struct engine_document **ret_document,
                            struct engine_error *error)
{
    struct engine_document *document;

    if (strstr(source->url, "damaged"))
        return fake_engine_fail(error, BULKHEAD__ERROR__CODE__DAMAGED, "bent");
    if (strstr(source->url, "oom"))
        return fake_engine_fail(error, BULKHEAD__ERROR__CODE__OUT_OF_MEMORY, "no more");
    document = calloc(1, sizeof(*document));
    memcpy((void *)(uintptr_t)&document->source, source, sizeof(*source));
    snprintf(document->title, sizeof(document->title), "fake");
    if (fake_engine_is(document, "badtitle"))
        snprintf(document->title, sizeof(document->title),
                 "ok\xc3\xa4\xff"
                 "after");
    if (fake_engine_is(document, "file"))
        fake_engine_open_inside(document);
    if (source->document_fd >= 0)
        fake_engine_title_from(document, source->document_fd);
    fake_engine_complain(document, BULKHEAD__WARNING__KIND__DAMAGE, "no index");
    *ret_document = document;
    return 0;
}

static void fake_engine_close(struct engine_document *document)
{
    free(document);
}

static int fake_engine_info(struct engine_document *document, struct engine_info *ret_info, struct engine_error *error)
{
    (void)error;
    *ret_info = (struct engine_info){.page_count = FAKE_ENGINE_PAGES, .animated = fake_engine_is(document, "animated")};
    snprintf(ret_info->format, sizeof(ret_info->format), "fake");
    snprintf(ret_info->title, sizeof(ret_info->title), "%s", document->title);
    return 0;
}

static int fake_engine_measure(struct engine_document *document, uint32_t page, struct engine_bounds *ret_bounds,
                               struct engine_error *error)
{
    (void)error;
    fake_engine_complain(document, BULKHEAD__WARNING__KIND__NOTE, "no box");
    *ret_bounds = (struct engine_bounds){1, 2, 101 + (float)page, 202};
    if (page == 1 && fake_engine_is(document, "nan"))
        ret_bounds->x1_pt = NAN;
    return 0;
}

/* A millisecond at a time, so that a test on a busy machine does not have to compete with it. */
static void fake_engine_work(struct engine_document *document)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    const struct engine_host *host = document->source.host;

    while (!atomic_load(&document->is_aborted) && !host->cancelled(host->session)) {
        nanosleep(&nap, NULL);
        atomic_fetch_add(&document->done, 1);
    }
    atomic_store(&document->is_aborted, false);
}

static int fake_engine_paint(struct engine_document *document, const struct engine_paint *paint,
                             struct engine_damage *ret_damage, struct engine_error *error)
{
    const struct engine_host *host = document->source.host;
    uint8_t shade = fake_engine_shade(paint->page, paint->scroll_x_px, paint->sequence, document->inputs);

    if (fake_engine_is(document, "slow") || fake_engine_is(document, "steady"))
        fake_engine_work(document);
    for (uint32_t i = 0; fake_engine_is(document, "chatty") && i < 1000; i++)
        host->progress(host->session, i, 1000);
    fake_engine_complain(document, BULKHEAD__WARNING__KIND__DAMAGE, "half a picture");
    if (fake_engine_is(document, "failing"))
        return fake_engine_fail(error, BULKHEAD__ERROR__CODE__DAMAGED, "torn page");
    for (uint32_t y = 0; y < paint->height_px; y++)
        memset(paint->pixels + y * paint->stride_bytes, shade, paint->width_px * 3);
    ret_damage->count = 1;
    ret_damage->rects[0] = (struct engine_rect){1, 2, 3, 4};
    return 0;
}

static void fake_engine_cancel(struct engine_document *document)
{
    atomic_store(&document->is_aborted, true);
}

static void fake_engine_poll_progress(struct engine_document *document, uint32_t *ret_done, uint32_t *ret_total)
{
    *ret_done = fake_engine_is(document, "steady") ? atomic_load(&document->done) : 0;
    *ret_total = 0;
}

static bool fake_engine_input(struct engine_document *document, const Bulkhead__Input *input)
{
    if (input->code == 'n')
        return false;
    document->inputs++;
    return true;
}

static const struct engine fake_engine = {
    .name = "fake",
    .version = fake_engine_version,
    .accepts = fake_engine_accepts,
    .open = fake_engine_open,
    .close = fake_engine_close,
    .info = fake_engine_info,
    .measure = fake_engine_measure,
    .paint = fake_engine_paint,
    .cancel = fake_engine_cancel,
    .poll_progress = fake_engine_poll_progress,
    .input = fake_engine_input,
};

const struct engine *const engines[] = {&fake_engine, NULL};
