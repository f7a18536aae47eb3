#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <mupdf/fitz.h>
#include <mupdf/pdf.h>

#include "renderer/engine/engine_mupdf.h"
#include "tests/support/documents.h"

void documents_make_directory(char ret_path[], size_t size_bytes)
{
    const char *parent = getenv("TMPDIR");
    snprintf(ret_path, size_bytes, "%s/bulkhead-test-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(ret_path));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void documents_remove_directory(const char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void documents_write(const char *directory, const char *name, const void *bytes, size_t size_bytes, char *ret_path)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size_bytes, file), size_bytes);
    assert_int_equal(fclose(file), 0);
    if (ret_path)
        memcpy(ret_path, path, sizeof path);
}

void documents_write_text(const char *directory, const char *name, const char *text, char *ret_path)
{
    documents_write(directory, name, text, strlen(text), ret_path);
}

static void write_text(const char *directory, const char *name, const char *text)
{
    documents_write_text(directory, name, text, NULL);
}

void documents_write_pdf(const char *directory, const char *name, unsigned pages, char *ret_path)
{
    char *text = NULL;
    size_t size_bytes = 0;
    FILE *file = open_memstream(&text, &size_bytes);
    assert_non_null(file);
    unsigned objects = 4 + 2 * pages;
    long *offsets = calloc(objects + 1, sizeof *offsets);
    assert_non_null(offsets);
    fprintf(file, "%%PDF-1.7\n");
    offsets[1] = ftell(file);
    fprintf(file, "1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n");
    offsets[2] = ftell(file);
    fprintf(file, "2 0 obj\n<</Type/Pages/Count %u/MediaBox[0 0 200 300]/Resources<</Font<</F 3 0 R>>>>/Kids[", pages);
    for (unsigned i = 0; i < pages; i++)
        fprintf(file, "%u 0 R ", 5 + 2 * i);
    fprintf(file, "]>>\nendobj\n");
    offsets[3] = ftell(file);
    fprintf(file, "3 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>\nendobj\n");
    offsets[4] = ftell(file);
    fprintf(file, "4 0 obj\n<</Title(Sample)>>\nendobj\n");
    for (unsigned i = 0; i < pages; i++) {
        char content[256];
        int length = snprintf(content, sizeof content,
                              "0.9 0.%u 0.1 rg 20 40 %u 60 re f 0 g BT /F 24 Tf 20 250 Td (Page %u) Tj ET "
                              "0 0 1 RG 2 w 10 10 m 190 290 l S",
                              i % 10, 40 + i % 100, i + 1);
        offsets[5 + 2 * i] = ftell(file);
        fprintf(file, "%u 0 obj\n<</Type/Page/Parent 2 0 R/Contents %u 0 R>>\nendobj\n", 5 + 2 * i, 6 + 2 * i);
        offsets[6 + 2 * i] = ftell(file);
        fprintf(file, "%u 0 obj\n<</Length %d>>stream\n%s\nendstream\nendobj\n", 6 + 2 * i, length, content);
    }
    long table = ftell(file);
    fprintf(file, "xref\n0 %u\n0000000000 65535 f \n", objects + 1);
    for (unsigned i = 1; i <= objects; i++)
        fprintf(file, "%010ld 00000 n \n", offsets[i]);
    fprintf(file, "trailer\n<</Size %u/Root 1 0 R/Info 4 0 R>>\nstartxref\n%ld\n%%%%EOF\n", objects + 1, table);
    assert_int_equal(fclose(file), 0);
    documents_write(directory, name, text, size_bytes, ret_path);
    free(text);
    free(offsets);
}

/* The linker sends some of MuPDF's calls to the engine: whoever links one needs the other. */
static fz_context *make_context(void)
{
    assert_non_null(engine_mupdf.version());
    fz_context *ctx = fz_new_context(NULL, NULL, 0);
    assert_non_null(ctx);
    return ctx;
}

void documents_write_encrypted_pdf(const char *path, const char *password, const char *directory, const char *name,
                                   char *ret_path)
{
    char out[PATH_MAX];
    snprintf(out, sizeof out, "%s/%s", directory, name);
    static unsigned char bytes[64 * 1024];
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    size_t size_bytes = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    fz_context *ctx = make_context();
    bool written = true;
    fz_var(written);
    fz_try(ctx) {
        pdf_write_options options = pdf_default_write_options;
        options.do_encrypt = PDF_ENCRYPT_AES_256;
        snprintf(options.upwd_utf8, sizeof options.upwd_utf8, "%s", password);
        snprintf(options.opwd_utf8, sizeof options.opwd_utf8, "%s", "owner");
        fz_stream *stream = fz_open_memory(ctx, bytes, size_bytes);
        pdf_document *pdf = pdf_open_document_with_stream(ctx, stream);
        fz_drop_stream(ctx, stream);
        pdf_save_document(ctx, pdf, out, &options);
        pdf_drop_document(ctx, pdf);
    }
    fz_catch(ctx)
        written = false;
    fz_drop_context(ctx);
    assert_true(written);
    if (ret_path)
        memcpy(ret_path, out, sizeof out);
}

struct zip_entry {
    const char *name;
    const void *bytes;
    size_t size_bytes; /* 0 = a string */
};

static void write_zip(const char *directory, const char *name, const struct zip_entry *entries, char *ret_path)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    fz_context *ctx = make_context();
    bool written = true;
    fz_var(written);
    fz_try(ctx) {
        fz_zip_writer *zip = fz_new_zip_writer(ctx, path);
        for (const struct zip_entry *entry = entries; entry->name; entry++) {
            size_t size_bytes = entry->size_bytes ? entry->size_bytes : strlen(entry->bytes);
            fz_buffer *buffer = fz_new_buffer_from_copied_data(ctx, entry->bytes, size_bytes);
            fz_write_zip_entry(ctx, zip, entry->name, buffer, strcmp(entry->name, "mimetype") != 0);
            fz_drop_buffer(ctx, buffer);
        }
        fz_close_zip_writer(ctx, zip);
        fz_drop_zip_writer(ctx, zip);
    }
    fz_catch(ctx)
        written = false;
    fz_drop_context(ctx);
    assert_true(written);
    if (ret_path)
        memcpy(ret_path, path, sizeof path);
}

void documents_write_epub(const char *directory, const char *name, char *ret_path)
{
    const struct zip_entry entries[] = {
        {"mimetype", "application/epub+zip", 0},
        {"META-INF/container.xml",
         "<?xml version='1.0'?><container version='1.0' xmlns='urn:oasis:names:tc:opendocument:xmlns:container'>"
         "<rootfiles><rootfile full-path='book.opf' media-type='application/oebps-package+xml'/></rootfiles>"
         "</container>",
         0},
        {"book.opf",
         "<?xml version='1.0'?><package version='2.0' xmlns='http://www.idpf.org/2007/opf'>"
         "<metadata xmlns:dc='http://purl.org/dc/elements/1.1/'><dc:title>A Sample Book</dc:title></metadata>"
         "<manifest><item id='a' href='a.xhtml' media-type='application/xhtml+xml'/>"
         "<item id='b' href='b.xhtml' media-type='application/xhtml+xml'/></manifest>"
         "<spine><itemref idref='a'/><itemref idref='b'/></spine></package>",
         0},
        {"a.xhtml",
         "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>One</title></head><body><h1>Chapter one</h1>"
         "<p>Some words and a picture: <img src='picture.png'/></p></body></html>",
         0},
        {"b.xhtml",
         "<html xmlns='http://www.w3.org/1999/xhtml'><head><title>Two</title>"
         "<style>@font-face{font-family:x;src:url(/etc/hostname)}</style></head>"
         "<body><h1>Chapter two</h1><p>More words.</p></body></html>",
         0},
        {"picture.png", document_images[0].bytes, document_images[0].size_bytes},
        {0},
    };
    write_zip(directory, name, entries, ret_path);
}

void documents_write_cbz(const char *directory, const char *name, char *ret_path)
{
    const struct zip_entry entries[] = {
        {"p10.png", document_images[0].bytes, document_images[0].size_bytes},
        {"p2.jpg", document_images[1].bytes, document_images[1].size_bytes},
        {"p1.gif", document_images[2].bytes, document_images[2].size_bytes},
        {"credits.txt", "made by a test", 0},
        {0},
    };
    write_zip(directory, name, entries, ret_path);
}

void documents_write_xps(const char *directory, const char *name, char *ret_path)
{
    const struct zip_entry entries[] = {
        {"[Content_Types].xml",
         "<?xml version='1.0'?><Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'/>", 0},
        {"_rels/.rels",
         "<?xml version='1.0'?><Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>"
         "<Relationship Id='r' Target='/FixedDocSeq.fdseq' "
         "Type='http://schemas.microsoft.com/xps/2005/06/fixedrepresentation'/></Relationships>",
         0},
        {"FixedDocSeq.fdseq",
         "<FixedDocumentSequence xmlns='http://schemas.microsoft.com/xps/2005/06'>"
         "<DocumentReference Source='/Documents/1/FixedDoc.fdoc'/></FixedDocumentSequence>",
         0},
        {"Documents/1/FixedDoc.fdoc",
         "<FixedDocument xmlns='http://schemas.microsoft.com/xps/2005/06'>"
         "<PageContent Source='/Documents/1/Pages/1.fpage' Width='300' Height='200'/></FixedDocument>",
         0},
        {"Documents/1/Pages/1.fpage",
         "<FixedPage xmlns='http://schemas.microsoft.com/xps/2005/06' Width='300' Height='200' xml:lang='en'>"
         "<Path Data='M 20,20 L 200,40 L 120,160 Z' Fill='#ff3060c0'/></FixedPage>",
         0},
        {0},
    };
    write_zip(directory, name, entries, ret_path);
}

void documents_write_all(const char *directory)
{
    for (const struct document_image *image = document_images; image->name; image++)
        documents_write(directory, image->name, image->bytes, image->size_bytes, NULL);
    write_text(directory, "picture.ppm", "P3\n# two by two\n2 2\n255\n255 0 0  0 255 0\n0 0 255  255 255 255\n");
    write_text(directory, "picture.pbm", "P1\n4 2\n1 0 1 0\n0 1 0 1\n");
    write_text(directory, "style.css", "p { color: #c00000; margin-left: 2em } h1 { font-style: italic }");
    write_text(directory, "page.html",
               "<!DOCTYPE html><html><head><title>A page</title><link rel='stylesheet' href='style.css'></head>"
               "<body><h1>Heading</h1><p>Red words, a picture <img src='picture%2epng'> and one that is not "
               "there <img src='gone.png'>.</p></body></html>");
    write_text(directory, "page.xhtml",
               "<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'><head><title>X</title></head>"
               "<body><h2>Strict</h2><p>Words &amp; more.</p></body></html>");
    write_text(
        directory, "korean.html",
        "<!DOCTYPE html><meta charset='utf-8'><title>한글</title><p>안녕하세요, 세계. 日本語 中文 — العربية</p>");
    write_text(directory, "drawing.svg",
               "<?xml version='1.0'?><!-- a drawing --><svg xmlns='http://www.w3.org/2000/svg' width='120' height='80'>"
               "<rect x='10' y='10' width='60' height='40' fill='green'/><circle cx='80' cy='40' r='30' fill='#08f8' "
               "stroke='black'/><text x='12' y='70' font-size='12'>Drawn</text></svg>");
    write_text(directory, "note.txt", "Plain text\twith a tab, <brackets> & more.\nSecond line.\n");
    documents_write_pdf(directory, "pages.pdf", 3, NULL);
    documents_write_epub(directory, "book.epub", NULL);
    documents_write_cbz(directory, "comic.cbz", NULL);
    documents_write_xps(directory, "fixed.xps", NULL);
}
