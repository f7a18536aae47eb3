/* The document engine through its seam: what it opens, asks for, paints and refuses. Pixels against mutool's are
 * test_mutool_parity.c's business. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

#include "common/fd.h"
#include "renderer/engine/engine_mupdf.h"
#include "tests/support/documents.h"
#include "tests/support/engine_driver.h"

enum { CHILD_DEADLINE_S = 30 };

static char samples[PATH_MAX / 2];

static const char *sample(const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", samples, name);
    return path;
}

static void open_sample(struct engine_driver *driver, const char *name)
{
    struct engine_error error;
    if (engine_driver_open(driver, sample(name), NULL, &error) < 0)
        fail_msg("%s: error %d: %s", name, error.code, error.detail);
}

static struct engine_driver_picture paint_page(struct engine_driver *driver, uint32_t page, float scale)
{
    struct engine_error error = {0};
    struct engine_driver_picture picture = {0};
    if (engine_driver_paint(driver, page, scale, scale, 0, &picture, &error) < 0)
        fail_msg("error %d: %s", error.code, error.detail);
    return picture;
}

static const uint8_t *pixel(const struct engine_driver_picture *picture, uint32_t x, uint32_t y)
{
    return picture->pixels + (size_t)y * picture->stride_bytes + (size_t)x * 3;
}

static bool is_all_white(const struct engine_driver_picture *picture)
{
    for (uint32_t y = 0; y < picture->height_px; y++)
        for (uint32_t x = 0; x < picture->width_px * 3; x++)
            if (picture->pixels[(size_t)y * picture->stride_bytes + x] != 255)
                return false;
    return true;
}

static bool is_same_picture(const struct engine_driver_picture *a, const struct engine_driver_picture *b)
{
    if (a->width_px != b->width_px || a->height_px != b->height_px)
        return false;
    for (uint32_t y = 0; y < a->height_px; y++)
        if (memcmp(pixel(a, 0, y), pixel(b, 0, y), (size_t)a->width_px * 3) != 0)
            return false;
    return true;
}

/* Paints page 1 of a document at scale 1 from open to close. */
static struct engine_driver_picture picture_of(const char *name)
{
    struct engine_driver driver;
    open_sample(&driver, name);
    struct engine_driver_picture picture = paint_page(&driver, 0, 1);
    engine_driver_close(&driver);
    return picture;
}

static struct engine_driver_picture picture_of_text(const char *name, const void *bytes, size_t size_bytes)
{
    documents_write(samples, name, bytes, size_bytes, NULL);
    return picture_of(name);
}

static void expect_open_error(const char *name, const char *password, Bulkhead__Error__Code code)
{
    struct engine_driver driver;
    struct engine_error error;
    assert_int_equal(engine_driver_open(&driver, sample(name), password, &error), -1);
    if (error.code != code)
        print_error("%s: error %d: %s\n", name, error.code, error.detail);
    assert_int_equal(error.code, code);
    assert_true(error.detail[0] != '\0');
    engine_driver_close(&driver);
}

static bool was_asked(const struct engine_driver *driver, const char *path)
{
    for (unsigned i = 0; i < driver->asked_count && i < ENGINE_DRIVER_ASKED; i++)
        if (strcmp(driver->asked[i], path) == 0)
            return true;
    return false;
}

static const struct {
    const char *name, *format, *title;
    uint32_t page_count;
    bool reflowable;
} expected[] = {
    {"pages.pdf", "PDF", "Sample", 3, false},   {"book.epub", "EPUB", "A Sample Book", 2, true},
    {"fixed.xps", "XPS", "", 1, false},         {"comic.cbz", "CBZ", "", 3, false},
    {"page.html", "HTML", "A page", 1, true},   {"page.xhtml", "XHTML", "X", 1, true},
    {"drawing.svg", "SVG", "", 1, false},       {"picture.png", "PNG", "", 1, false},
    {"picture.jpg", "JPEG", "", 1, false},      {"picture.gif", "GIF", "", 1, false},
    {"picture.tif", "TIFF", "", 1, false},      {"picture.bmp", "BMP", "", 1, false},
    {"picture.jp2", "JPEG 2000", "", 1, false}, {"picture.j2k", "JPEG 2000", "", 1, false},
    {"picture.ppm", "PNM", "", 1, false},       {"note.txt", "text", "", 1, true},
};
enum { EXPECTED = sizeof expected / sizeof expected[0] };

static void opens_describes_and_paints_every_format(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPECTED; i++) {
        struct engine_driver driver;
        open_sample(&driver, expected[i].name);
        struct engine_info info;
        struct engine_error error;
        assert_int_equal(engine_mupdf.info(driver.document, &info, &error), 0);
        assert_string_equal(info.format, expected[i].format);
        assert_string_equal(info.title, expected[i].title);
        assert_int_equal(info.page_count, expected[i].page_count);
        assert_int_equal(info.reflowable, expected[i].reflowable);
        assert_false(info.animated);
        for (uint32_t page = 0; page < info.page_count; page++) {
            struct engine_driver_picture picture = paint_page(&driver, page, 1);
            assert_false(is_all_white(&picture));
            free(picture.pixels);
        }
        engine_driver_close(&driver);
    }
}

static void leaves_no_descriptor_open(void **state)
{
    (void)state;
    int before = fd_count_open();
    for (size_t i = 0; i < EXPECTED; i++)
        free(picture_of(expected[i].name).pixels);
    assert_int_equal(fd_count_open(), before);
}

static void takes_style_sheet_and_picture_from_the_host(void **state)
{
    (void)state;
    struct engine_driver driver;
    open_sample(&driver, "page.html");
    assert_true(was_asked(&driver, "style.css"));
    assert_true(was_asked(&driver, "picture.png")); /* written picture%2epng */
    assert_true(was_asked(&driver, "gone.png"));
    assert_int_equal(driver.granted_count, 2);
    struct engine_driver_picture picture = paint_page(&driver, 0, 1);
    bool red = false;
    for (uint32_t y = 0; y < picture.height_px; y++)
        for (uint32_t x = 0; x < picture.width_px; x++)
            red |= memcmp(pixel(&picture, x, y), "\xc0\0\0", 3) == 0; /* the style sheet's colour */
    assert_true(red);
    free(picture.pixels);
    engine_driver_close(&driver);
}

static void passes_paths_that_lead_outside_on_to_be_refused(void **state)
{
    (void)state;
    documents_write_text(samples, "escape.html",
                         "<!DOCTYPE html><style>@font-face{font-family:f;src:url(../f.ttf)}p{font-family:f}</style>"
                         "<p>x<img src='../../secret.png'><img src='http://example.com/a.png'>",
                         NULL);
    struct engine_driver driver;
    open_sample(&driver, "escape.html");
    assert_true(was_asked(&driver, "../../secret.png"));
    assert_true(was_asked(&driver, "http:/example.com/a.png"));
    assert_true(was_asked(&driver, "../f.ttf"));
    assert_int_equal(driver.granted_count, 0);
    engine_driver_close(&driver);
}

static void takes_the_pictures_of_an_svg_from_the_host(void **state)
{
    (void)state;
    documents_write_text(samples, "with-picture.svg",
                         "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
                         "width='40' height='40'><image xlink:href='picture.png' width='24' height='16'/></svg>",
                         NULL);
    struct engine_driver driver;
    open_sample(&driver, "with-picture.svg");
    assert_true(was_asked(&driver, "picture.png"));
    struct engine_driver_picture picture = paint_page(&driver, 0, 1);
    assert_false(is_all_white(&picture));
    free(picture.pixels);
    engine_driver_close(&driver);
}

static void reads_xhtml_that_is_not_well_formed_as_html(void **state)
{
    (void)state;
    documents_write_text(
        samples, "sloppy.xhtml",
        "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><body><p>one<p>two</b></html>", NULL);
    struct engine_driver_picture picture = picture_of("sloppy.xhtml");
    assert_false(is_all_white(&picture));
    free(picture.pixels);
}

/* MuPDF has a look of its own from 1.23 on. */
static void a_page_that_speaks_of_another_format_is_what_it_is(void **state)
{
    static const char *const words[] = {"architecture.svg", "an svg", "FictionBook", "PNG", "mimetype"};
    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char page[256];
        snprintf(page, sizeof(page), "<!DOCTYPE html><html><head><title>t</title></head><body><p>%s<p>b</html>",
                 words[i]);
        documents_write_text(samples, "speaks.html", page, NULL);
        struct engine_driver_picture picture = picture_of("speaks.html");
        assert_false(is_all_white(&picture));
        free(picture.pixels);
        snprintf(page, sizeof(page), "The first word is %s and the second is none.\n", words[i]);
        documents_write_text(samples, "speaks.txt", page, NULL);
        picture = picture_of("speaks.txt");
        assert_false(is_all_white(&picture));
        free(picture.pixels);
    }
}

static void reads_text_in_three_encodings_alike(void **state)
{
    (void)state;
    static const char utf_8[] = "Gr\xc3\xbc\xc3\x9f"
                                "e <b> & \xe2\x82\xac\tx\n";
    static const char cp1252[] = "Gr\xfc\xdf"
                                 "e <b> & \x80\tx\n";
    static const char utf_16[] = "\xff\xfeG\0r\0\xfc\0\xdf\0e\0 \0<\0b\0>\0 \0&\0 \0\xac\x20\t\0x\0\n\0";
    struct engine_driver_picture a = picture_of_text("a.txt", utf_8, sizeof utf_8 - 1);
    struct engine_driver_picture b = picture_of_text("b.txt", cp1252, sizeof cp1252 - 1);
    struct engine_driver_picture c = picture_of_text("c.txt", utf_16, sizeof utf_16 - 1);
    assert_false(is_all_white(&a));
    assert_true(is_same_picture(&a, &b));
    assert_true(is_same_picture(&a, &c));
    free(a.pixels);
    free(b.pixels);
    free(c.pixels);
}

/* A font without the glyphs would show the same box for both. */
static void has_glyphs_for_korean_chinese_and_japanese(void **state)
{
    (void)state;
    static const char *const letters[] = {"가", "힣", "漢", "あ", "ア"};
    enum { LETTERS = sizeof letters / sizeof letters[0] };
    struct engine_driver_picture pictures[LETTERS];
    for (size_t i = 0; i < LETTERS; i++) {
        pictures[i] = picture_of_text("letter.txt", letters[i], strlen(letters[i]));
        assert_false(is_all_white(&pictures[i]));
        for (size_t j = 0; j < i; j++)
            assert_false(is_same_picture(&pictures[i], &pictures[j]));
    }
    for (size_t i = 0; i < LETTERS; i++)
        free(pictures[i].pixels);
}

static void asks_for_a_password_and_tells_a_wrong_one(void **state)
{
    (void)state;
    char plain[PATH_MAX];
    documents_write_pdf(samples, "plain.pdf", 1, plain);
    documents_write_encrypted_pdf(plain, "opensesame", samples, "locked.pdf", NULL);
    expect_open_error("locked.pdf", NULL, BULKHEAD__ERROR__CODE__PASSWORD_REQUIRED);
    expect_open_error("locked.pdf", "wrong", BULKHEAD__ERROR__CODE__PASSWORD_WRONG);
    struct engine_driver driver;
    struct engine_error error;
    assert_int_equal(engine_driver_open(&driver, sample("locked.pdf"), "opensesame", &error), 0);
    struct engine_driver_picture locked = paint_page(&driver, 0, 1), unlocked;
    engine_driver_close(&driver);
    unlocked = picture_of("plain.pdf");
    assert_true(is_same_picture(&locked, &unlocked));
    free(locked.pixels);
    free(unlocked.pixels);
}

static void names_what_is_wrong_with_a_file(void **state)
{
    (void)state;
    documents_write(samples, "empty", "", 0, NULL);
    expect_open_error("empty", NULL, BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT);
    documents_write(samples, "junk",
                    "\x7f"
                    "ELF\2\1\1\0\0\0\0\0\0\0\0\0",
                    16, NULL);
    expect_open_error("junk", NULL, BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT);
    documents_write_text(samples, "hollow.pdf", "%PDF-1.7\nnothing more\n", NULL);
    expect_open_error("hollow.pdf", NULL, BULKHEAD__ERROR__CODE__DAMAGED);
    documents_write_text(samples, "no-pages.pdf",
                         "%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0/Kids[]>>"
                         "endobj\ntrailer<</Root 1 0 R>>\n",
                         NULL);
    expect_open_error("no-pages.pdf", NULL, BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT);
}

static void a_picture_that_cannot_be_decoded_is_damaged_and_not_white(void **state)
{
    (void)state;
    documents_write(samples, "cut.png", document_images[0].bytes, document_images[0].size_bytes - 40, NULL);
    struct engine_driver driver;
    struct engine_error error = {0};
    struct engine_driver_picture picture;
    int r = engine_driver_open(&driver, sample("cut.png"), NULL, &error);
    if (r == 0)
        r = engine_driver_paint(&driver, 0, 1, 1, 0, &picture, &error);
    assert_int_equal(r, -1);
    assert_int_equal(error.code, BULKHEAD__ERROR__CODE__DAMAGED);
    engine_driver_close(&driver);
}

/* 100,000 by 100,000 pixels in a header of a few bytes. */
static void a_picture_of_impossible_size_is_too_large(void **state)
{
    (void)state;
    uint8_t bytes[512];
    const struct document_image *png = &document_images[0];
    assert_true(png->size_bytes < sizeof bytes);
    memcpy(bytes, png->bytes, png->size_bytes);
    memcpy(bytes + 16, "\0\1\x86\xa0\0\1\x86\xa0", 8); /* IHDR: width, height; MuPDF skips its CRC */
    documents_write(samples, "impossible.png", bytes, png->size_bytes, NULL);
    struct engine_driver driver;
    struct engine_bounds bounds;
    struct engine_error error = {0};
    int r = engine_driver_open(&driver, sample("impossible.png"), NULL, &error);
    if (r == 0)
        r = engine_mupdf.measure(driver.document, 0, &bounds, &error);
    assert_int_equal(r, -1);
    assert_int_equal(error.code, BULKHEAD__ERROR__CODE__TOO_LARGE);
    engine_driver_close(&driver);
}

static void repairs_a_pdf_that_was_cut(void **state)
{
    (void)state;
    char path[PATH_MAX], bytes[4096];
    documents_write_pdf(samples, "whole.pdf", 2, path);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t size_bytes = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    documents_write(samples, "cut.pdf", bytes, size_bytes * 3 / 4, NULL);
    struct engine_driver_picture cut = picture_of("cut.pdf"), whole = picture_of("whole.pdf");
    assert_true(is_same_picture(&cut, &whole));
    free(cut.pixels);
    free(whole.pixels);
}

/* A hundred million pages are stated, two are there. */
static void counts_the_pages_that_are_there(void **state)
{
    (void)state;
    char path[PATH_MAX], bytes[4096];
    documents_write_pdf(samples, "honest.pdf", 2, path);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t size_bytes = fread(bytes, 1, sizeof bytes - 16, file);
    fclose(file);
    char *count = memmem(bytes, size_bytes, "/Count 2", 8);
    assert_non_null(count);
    memmove(count + 16, count + 8, size_bytes - (size_t)(count + 8 - bytes));
    memcpy(count, "/Count 100000000", 16);
    documents_write(samples, "liar.pdf", bytes, size_bytes + 8, NULL);
    struct engine_driver driver;
    open_sample(&driver, "liar.pdf");
    struct engine_info info;
    struct engine_error error;
    assert_int_equal(engine_mupdf.info(driver.document, &info, &error), 0);
    assert_int_equal(info.page_count, 2);
    engine_driver_close(&driver);
}

static void refuses_a_page_beyond_the_last(void **state)
{
    (void)state;
    struct engine_driver driver;
    open_sample(&driver, "pages.pdf");
    struct engine_bounds bounds;
    struct engine_error error = {0};
    assert_int_equal(engine_mupdf.measure(driver.document, 3, &bounds, &error), -1);
    assert_int_equal(error.code, BULKHEAD__ERROR__CODE__NO_SUCH_PAGE);
    assert_int_equal(engine_mupdf.measure(driver.document, 2, &bounds, &error), 0);
    engine_driver_close(&driver);
}

static void makes_a_title_safe_to_show(void **state)
{
    (void)state;
    documents_write_text(samples, "title.html", "<!DOCTYPE html><title>a&#7;b&#27;[31m\xff c</title><p>x", NULL);
    struct engine_driver driver;
    open_sample(&driver, "title.html");
    struct engine_info info;
    struct engine_error error;
    assert_int_equal(engine_mupdf.info(driver.document, &info, &error), 0);
    for (const char *c = info.title; *c; c++)
        assert_true((unsigned char)*c >= ' ');
    assert_non_null(strchr(info.title, 'c'));
    engine_driver_close(&driver);
}

static void scrolls_without_interpreting_the_page_again(void **state)
{
    (void)state;
    struct engine_driver driver;
    open_sample(&driver, "pages.pdf");
    struct engine_driver_picture whole = paint_page(&driver, 1, 2);
    assert_int_equal(driver.interpreted_count, 1);
    enum { WIDTH = 90, HEIGHT = 110, STRIDE = WIDTH * 3 + 6 };
    static uint8_t pixels[STRIDE * HEIGHT];
    struct engine_paint paint = {.pixels = pixels,
                                 .width_px = WIDTH,
                                 .height_px = HEIGHT,
                                 .stride_bytes = STRIDE,
                                 .page = 1,
                                 .scale_x = 2,
                                 .scale_y = 2,
                                 .scroll_x_px = 33,
                                 .scroll_y_px = 57};
    struct engine_damage damage;
    struct engine_error error;
    assert_int_equal(engine_mupdf.paint(driver.document, &paint, &damage, &error), 0);
    assert_int_equal(driver.interpreted_count, 1);
    for (uint32_t y = 0; y < HEIGHT; y++)
        assert_memory_equal(pixels + (size_t)y * STRIDE, pixel(&whole, 33, 57 + y), WIDTH * 3);
    free(paint_page(&driver, 0, 1).pixels);
    assert_int_equal(driver.interpreted_count, 2);
    free(whole.pixels);
    engine_driver_close(&driver);
}

static void paints_white_around_the_page_and_nothing_around_the_frame(void **state)
{
    (void)state;
    enum { MARGIN = 50, GUARD = 0xa5 };
    struct engine_driver driver;
    open_sample(&driver, "pages.pdf");
    struct engine_driver_picture whole = paint_page(&driver, 0, 1);
    uint32_t width = whole.width_px + 2 * MARGIN, height = whole.height_px + 2 * MARGIN, stride = width * 3 + 5;
    size_t size_bytes = (size_t)stride * height;
    uint8_t *pixels = malloc(size_bytes + stride);
    assert_non_null(pixels);
    memset(pixels, GUARD, size_bytes + stride);
    struct engine_paint paint = {.pixels = pixels,
                                 .width_px = width,
                                 .height_px = height,
                                 .stride_bytes = stride,
                                 .scale_x = 1,
                                 .scale_y = 1,
                                 .scroll_x_px = -MARGIN,
                                 .scroll_y_px = -MARGIN};
    struct engine_damage damage;
    struct engine_error error;
    assert_int_equal(engine_mupdf.paint(driver.document, &paint, &damage, &error), 0);
    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *row = pixels + (size_t)y * stride;
        bool inside = y >= MARGIN && y < MARGIN + whole.height_px;
        for (uint32_t x = 0; x < width * 3; x++)
            if (!inside || x < MARGIN * 3 || x >= (MARGIN + whole.width_px) * 3)
                assert_int_equal(row[x], 255);
        if (inside)
            assert_memory_equal(row + MARGIN * 3, pixel(&whole, 0, y - MARGIN), whole.width_px * 3);
        for (uint32_t x = width * 3; x < stride; x++)
            assert_int_equal(row[x], GUARD);
    }
    for (size_t i = size_bytes; i < size_bytes + stride; i++)
        assert_int_equal(pixels[i], GUARD);
    free(pixels);
    free(whole.pixels);
    engine_driver_close(&driver);
}

static void scrolled_out_of_sight_is_all_white(void **state)
{
    (void)state;
    struct engine_driver driver;
    open_sample(&driver, "pages.pdf");
    static const int32_t far[] = {100000, -100000, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        uint8_t pixels[16 * 16 * 3] = {0};
        struct engine_paint paint = {.pixels = pixels,
                                     .width_px = 16,
                                     .height_px = 16,
                                     .stride_bytes = 48,
                                     .scale_x = 1,
                                     .scale_y = 1,
                                     .scroll_x_px = far[i],
                                     .scroll_y_px = far[i]};
        struct engine_damage damage;
        struct engine_error error;
        assert_int_equal(engine_mupdf.paint(driver.document, &paint, &damage, &error), 0);
        for (size_t at = 0; at < sizeof pixels; at++)
            assert_int_equal(pixels[at], 255);
    }
    engine_driver_close(&driver);
}

static void stops_where_it_is_cancelled_and_paints_again_afterwards(void **state)
{
    (void)state;
    static const char *const steps[] = {"interpret", "paint"};
    for (size_t i = 0; i < 2; i++) {
        struct engine_driver driver;
        open_sample(&driver, "pages.pdf");
        driver.cancel_at_step = steps[i];
        struct engine_driver_picture picture;
        struct engine_error error = {0};
        assert_int_equal(engine_driver_paint(&driver, 0, 1, 1, 0, &picture, &error), -1);
        assert_int_equal(error.code, BULKHEAD__ERROR__CODE__CANCELLED);
        driver.cancel_at_step = NULL;
        driver.cancelled = true; /* one that came before the paint began */
        assert_int_equal(engine_driver_paint(&driver, 0, 1, 1, 0, &picture, &error), -1);
        assert_int_equal(error.code, BULKHEAD__ERROR__CODE__CANCELLED);
        driver.cancelled = false;
        picture = paint_page(&driver, 0, 1);
        struct engine_driver_picture whole = picture_of("pages.pdf");
        assert_true(is_same_picture(&picture, &whole));
        free(picture.pixels);
        free(whole.pixels);
        engine_driver_close(&driver);
    }
}

/* A page of many strokes, so that there is time to look. */
static void write_long_page(const char *name)
{
    enum { STROKES = 3000 };
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *file = open_memstream(&text, &size_bytes);
    assert_non_null(file);
    fprintf(file, "<svg xmlns='http://www.w3.org/2000/svg' width='400' height='400'>");
    for (int i = 0; i < STROKES; i++)
        fprintf(file, "<circle cx='%d' cy='%d' r='90' fill='none' stroke='#%06x'/>", i % 400, (i * 7) % 400, i * 321);
    fprintf(file, "</svg>");
    assert_int_equal(fclose(file), 0);
    documents_write(samples, name, text, size_bytes, NULL);
    free(text);
}

struct watcher {
    struct engine_driver *driver;
    _Atomic bool over;
    unsigned readings;
    bool cancels, went_back, overshot;
};

/* What the session's main thread does while the other paints. */
static void *watch_progress(void *watcher_)
{
    struct watcher *watcher = watcher_;
    uint32_t last = 0;
    while (!watcher->over) {
        uint32_t done, total;
        engine_mupdf.poll_progress(watcher->driver->document, &done, &total);
        if (total > 0 && done != last) {
            watcher->readings++;
            watcher->went_back |= done < last;
            watcher->overshot |= done > total;
            last = done;
            if (watcher->cancels)
                engine_mupdf.cancel(watcher->driver->document);
        }
        sched_yield();
    }
    return NULL;
}

static int paint_watched(struct engine_driver *driver, struct watcher *watcher, struct engine_error *ret_error)
{
    pthread_t thread;
    struct engine_driver_picture picture = {0};
    watcher->driver = driver;
    assert_int_equal(pthread_create(&thread, NULL, watch_progress, watcher), 0);
    int r = engine_driver_paint(driver, 0, 2, 2, 0, &picture, ret_error);
    watcher->over = true;
    pthread_join(thread, NULL);
    free(picture.pixels);
    return r;
}

static void progress_grows_while_another_thread_looks(void **state)
{
    (void)state;
    write_long_page("long.svg");
    struct engine_driver driver;
    open_sample(&driver, "long.svg");
    struct watcher watcher = {0};
    struct engine_error error;
    assert_int_equal(paint_watched(&driver, &watcher, &error), 0);
    assert_true(watcher.readings > 0);
    assert_false(watcher.went_back);
    assert_false(watcher.overshot);
    engine_driver_close(&driver);
}

static void is_cancelled_in_the_middle_by_another_thread(void **state)
{
    (void)state;
    write_long_page("long.svg");
    struct engine_driver driver;
    open_sample(&driver, "long.svg");
    struct watcher watcher = {.cancels = true};
    struct engine_error error = {0};
    assert_int_equal(paint_watched(&driver, &watcher, &error), -1);
    assert_int_equal(error.code, BULKHEAD__ERROR__CODE__CANCELLED);
    engine_driver_close(&driver);
}

/* Runs in a child with a deadline; its exit status, or 1000 + the signal that ended it. */
static int run_in_child(int (*function)(const char *), const char *argument)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(CHILD_DEADLINE_S);
        _exit(function(argument));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int paint_with_little_memory(const char *name)
{
    struct engine_driver driver;
    engine_driver_prepare(&driver, sample(name));
    struct rlimit limit = {64 << 20, 64 << 20};
    if (setrlimit(RLIMIT_DATA, &limit) < 0)
        return 1;
    struct engine_error error = {0};
    struct engine_driver_picture picture;
    int r = engine_driver_load(&driver, NULL, &error);
    if (r == 0)
        r = engine_driver_paint(&driver, 0, 0.01f, 0.01f, 0, &picture, &error);
    if (r == 0)
        return 2;
    return error.code == BULKHEAD__ERROR__CODE__OUT_OF_MEMORY ? 0 : 3;
}

/* 8000 by 8000 pixels take 192 MB. In HTML MuPDF swallows the failure and shows the page without the picture. */
static void says_out_of_memory_instead_of_leaving_things_out(void **state)
{
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: the sanitizers' own memory does not fit into the limit\n");
    skip();
#endif
    (void)state;
    enum { EDGE = 8000 };
    size_t row_bytes = EDGE / 8, size_bytes = 32 + row_bytes * EDGE;
    char *bitmap = calloc(1, size_bytes);
    assert_non_null(bitmap);
    int header = snprintf(bitmap, 32, "P4\n%d %d\n", EDGE, EDGE);
    documents_write(samples, "huge.pbm", bitmap, (size_t)header + row_bytes * EDGE, NULL);
    free(bitmap);
    documents_write_text(samples, "huge.html", "<!DOCTYPE html><p>x<img src='huge.pbm'>", NULL);
    assert_int_equal(run_in_child(paint_with_little_memory, "huge.pbm"), 0);
    assert_int_equal(run_in_child(paint_with_little_memory, "huge.html"), 0);
}

static size_t resident_bytes(void)
{
    unsigned long size, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file && fscanf(file, "%lu %lu", &size, &resident) != 2)
        resident = 0;
    if (file)
        fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void gives_memory_back_at_rest_and_paints_the_same_afterwards(void **state)
{
    enum { AT_LEAST_BYTES = 1024 * 1024 };
    (void)state;
    struct engine_driver driver;
    open_sample(&driver, "korean.html");
    struct engine_driver_picture before = paint_page(&driver, 0, 1);
    size_t resident = resident_bytes();
    engine_mupdf.rest(driver.document);
    size_t rested = resident_bytes();
    assert_true(rested + AT_LEAST_BYTES < resident);
    struct engine_driver_picture after = paint_page(&driver, 0, 1);
    assert_true(is_same_picture(&before, &after));
    engine_driver_close(&driver);
    free(before.pixels);
    free(after.pixels);
}

/* Memory, and the message a doomed process leaves; errno for what glibc and MuPDF ask and do without. */
static int shut_the_doors(void)
{
    static const int allowed[] = {SCMP_SYS(brk),    SCMP_SYS(mmap),    SCMP_SYS(munmap),
                                  SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
                                  SCMP_SYS(write),  SCMP_SYS(close),   SCMP_SYS(exit_group)};
    static const int refused[] = {SCMP_SYS(sysinfo), SCMP_SYS(newfstatat)};
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    int r = filter ? 0 : -ENOMEM;
    for (size_t i = 0; r == 0 && i < sizeof allowed / sizeof allowed[0]; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    for (size_t i = 0; r == 0 && i < sizeof refused / sizeof refused[0]; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), refused[i], 0);
    if (r == 0)
        r = seccomp_load(filter);
    return r;
}

static int paint_behind_shut_doors(const char *name)
{
    struct engine_driver driver;
    engine_driver_prepare(&driver, sample(name));
    fd_close(&driver.directory_fd); /* what the page asks for is refused without a system call */
    if (shut_the_doors() < 0)
        return 1;
    struct engine_error error = {0};
    struct engine_info info;
    struct engine_driver_picture picture;
    if (engine_driver_load(&driver, NULL, &error) < 0 || engine_mupdf.info(driver.document, &info, &error) < 0)
        return 2;
    for (uint32_t page = 0; page < info.page_count; page++)
        if (engine_driver_paint(&driver, page, 1.5f, 1.5f, 0, &picture, &error) < 0)
            return 3;
    engine_mupdf.rest(driver.document);
    engine_driver_close(&driver);
    return 0;
}

static void needs_no_system_call_but_memory(void **state)
{
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: the sanitizers make system calls of their own\n");
    skip();
#endif
    (void)state;
    assert_int_equal(engine_mupdf.warm_up(), 0);
    for (size_t i = 0; i < EXPECTED; i++) {
        int status = run_in_child(paint_behind_shut_doors, expected[i].name);
        if (status != 0)
            print_error("%s: %d\n", expected[i].name, status);
        assert_int_equal(status, 0);
    }
    assert_int_equal(run_in_child(paint_behind_shut_doors, "korean.html"), 0);
    documents_write_text(samples, "escape.html",
                         "<!DOCTYPE html><style>@font-face{font-family:f;src:url(/etc/hostname)}</style><p>x", NULL);
    assert_int_equal(run_in_child(paint_behind_shut_doors, "escape.html"), 0);
}

static bool has_complained(const struct engine_driver *driver, Bulkhead__Warning__Kind kind, const char *words)
{
    for (unsigned i = 0; i < driver->warning_count && i < ENGINE_DRIVER_WARNINGS; i++)
        if (driver->warnings[i].kind == kind && strcmp(driver->warnings[i].text, words) == 0)
            return true;
    return false;
}

/* In the middle of the picture a restart marker that does not belong there: MuPDF does not notice, libjpeg does. */
static void tells_what_libjpeg_finds_corrupt(void **state)
{
    (void)state;
    static const uint8_t marker[] = {0xff, 0xff, 0xff, 0xd3};
    const struct document_image *image = document_images;
    while (strcmp(image->name, "picture.jpg") != 0)
        image++;
    uint8_t *copy = malloc(image->size_bytes);
    memcpy(copy, image->bytes, image->size_bytes);
    const uint8_t *scan = memmem(copy, image->size_bytes, "\xff\xda", 2);
    assert_non_null(scan);
    memcpy(copy + ((size_t)(scan - copy) + image->size_bytes) / 2, marker, sizeof marker);
    documents_write(samples, "corrupt.jpg", copy, image->size_bytes, NULL);
    free(copy);
    struct engine_driver driver;
    open_sample(&driver, "corrupt.jpg");
    struct engine_driver_picture picture = paint_page(&driver, 0, 1);
    assert_true(
        has_complained(&driver, BULKHEAD__WARNING__KIND__DAMAGE, "Corrupt JPEG data: premature end of data segment"));
    free(picture.pixels);
    engine_driver_close(&driver);
}

static void complains_of_each_page_by_itself_even_in_the_same_words(void **state)
{
    (void)state;
    static const char head[] = "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
                               "2 0 obj<</Type/Pages/Count 2/Kids[3 0 R 4 0 R]/MediaBox[0 0 50 50]>>endobj\n"
                               "3 0 obj<</Type/Page/Parent 2 0 R/Contents 5 0 R>>endobj\n"
                               "4 0 obj<</Type/Page/Parent 2 0 R/Contents 5 0 R>>endobj\n"
                               "5 0 obj<</Length 7>>stream\n(x) Tj \nendstream endobj\n"
                               "trailer<</Root 1 0 R/Size 6>>\n";
    documents_write_text(samples, "fontless.pdf", head, NULL);
    struct engine_driver driver;
    open_sample(&driver, "fontless.pdf");
    for (uint32_t page = 0; page < 2; page++) {
        driver.warning_count = 0;
        struct engine_driver_picture picture = paint_page(&driver, page, 1);
        assert_true(
            has_complained(&driver, BULKHEAD__WARNING__KIND__DAMAGE, "cannot draw text since font and size not set"));
        free(picture.pixels);
    }
    engine_driver_close(&driver);
}

static void what_was_refused_or_is_a_matter_of_style_is_only_a_note(void **state)
{
    (void)state;
    static const char *const names[] = {"untidy.html", "untidy.svg"};
    documents_write_text(samples, names[0], "<!DOCTYPE html><style>p { color: }}</style><p>x <img src='gone.png'>",
                         NULL);
    documents_write_text(samples, names[1],
                         "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
                         "width='9' height='9'><image xlink:href='//host/x.png' width='9' height='9'/></svg>",
                         NULL);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct engine_driver driver;
        open_sample(&driver, names[i]);
        struct engine_driver_picture picture = paint_page(&driver, 0, 1);
        assert_true(driver.warning_count > 0);
        for (unsigned said = 0; said < driver.warning_count; said++)
            assert_int_equal(driver.warnings[said].kind, BULKHEAD__WARNING__KIND__NOTE);
        free(picture.pixels);
        engine_driver_close(&driver);
    }
}

static void a_picture_on_another_machine_is_asked_for_as_such(void **state)
{
    (void)state;
    documents_write_text(samples, "elsewhere.html", "<!DOCTYPE html><p><img src='//host/a//b.png'><img src='.//c.png'>",
                         NULL);
    struct engine_driver driver;
    open_sample(&driver, "elsewhere.html");
    assert_string_equal(driver.asked[0], "//host/a//b.png");
    assert_string_equal(driver.asked[1], "c.png");
    engine_driver_close(&driver);
    documents_write_text(samples, "elsewhere.svg",
                         "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' "
                         "width='9' height='9'><image xlink:href='//host/a//b.png' width='9' height='9'/></svg>",
                         NULL);
    open_sample(&driver, "elsewhere.svg");
    assert_string_equal(driver.asked[0], "//host/a//b.png");
    engine_driver_close(&driver);
}

static int write_samples(void **state)
{
    (void)state;
    documents_make_directory(samples, sizeof samples);
    documents_write_all(samples);
    return 0;
}

static int remove_samples(void **state)
{
    (void)state;
    documents_remove_directory(samples);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_describes_and_paints_every_format),
        cmocka_unit_test(leaves_no_descriptor_open),
        cmocka_unit_test(takes_style_sheet_and_picture_from_the_host),
        cmocka_unit_test(passes_paths_that_lead_outside_on_to_be_refused),
        cmocka_unit_test(takes_the_pictures_of_an_svg_from_the_host),
        cmocka_unit_test(reads_xhtml_that_is_not_well_formed_as_html),
        cmocka_unit_test(a_page_that_speaks_of_another_format_is_what_it_is),
        cmocka_unit_test(reads_text_in_three_encodings_alike),
        cmocka_unit_test(has_glyphs_for_korean_chinese_and_japanese),
        cmocka_unit_test(asks_for_a_password_and_tells_a_wrong_one),
        cmocka_unit_test(names_what_is_wrong_with_a_file),
        cmocka_unit_test(a_picture_that_cannot_be_decoded_is_damaged_and_not_white),
        cmocka_unit_test(a_picture_of_impossible_size_is_too_large),
        cmocka_unit_test(repairs_a_pdf_that_was_cut),
        cmocka_unit_test(tells_what_libjpeg_finds_corrupt),
        cmocka_unit_test(complains_of_each_page_by_itself_even_in_the_same_words),
        cmocka_unit_test(what_was_refused_or_is_a_matter_of_style_is_only_a_note),
        cmocka_unit_test(a_picture_on_another_machine_is_asked_for_as_such),
        cmocka_unit_test(counts_the_pages_that_are_there),
        cmocka_unit_test(refuses_a_page_beyond_the_last),
        cmocka_unit_test(makes_a_title_safe_to_show),
        cmocka_unit_test(scrolls_without_interpreting_the_page_again),
        cmocka_unit_test(paints_white_around_the_page_and_nothing_around_the_frame),
        cmocka_unit_test(scrolled_out_of_sight_is_all_white),
        cmocka_unit_test(stops_where_it_is_cancelled_and_paints_again_afterwards),
        cmocka_unit_test(progress_grows_while_another_thread_looks),
        cmocka_unit_test(is_cancelled_in_the_middle_by_another_thread),
        cmocka_unit_test(says_out_of_memory_instead_of_leaving_things_out),
        cmocka_unit_test(gives_memory_back_at_rest_and_paints_the_same_afterwards),
        cmocka_unit_test(needs_no_system_call_but_memory),
    };
    return cmocka_run_group_tests(tests, write_samples, remove_samples);
}
