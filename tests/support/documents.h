/* documents.h - small documents of every format, written by the tests that need them. */
#ifndef BULKHEAD_TESTS_DOCUMENTS_H
#define BULKHEAD_TESTS_DOCUMENTS_H

#include <stddef.h>
#include <stdint.h>

struct document_image {
    const char *name;
    const uint8_t *bytes;
    size_t size_bytes;
};

/* Ends with a NULL name. */
extern const struct document_image document_images[];

void documents_write_text(const char *directory, const char *name, const char *text, char *ret_path);
/* Writes `size_bytes` to directory/name; the whole test fails if that cannot be done. ret_path: room for PATH_MAX, or
 * NULL. */
void documents_write(const char *directory, const char *name, const void *bytes, size_t size_bytes, char *ret_path);

/* A PDF of that many pages, each with its number, a line and a rectangle; title "Sample". */
void documents_write_pdf(const char *directory, const char *name, unsigned pages, char *ret_path);

/* The PDF at path again, encrypted with AES-256 under that password. */
void documents_write_encrypted_pdf(const char *path, const char *password, const char *directory, const char *name,
                                   char *ret_path);

/* Two chapters and a picture. */
void documents_write_epub(const char *directory, const char *name, char *ret_path);

/* Three pictures. */
void documents_write_cbz(const char *directory, const char *name, char *ret_path);

/* One fixed page with a path. */
void documents_write_xps(const char *directory, const char *name, char *ret_path);

/* page.html, page.xhtml, style.css, drawing.svg, note.txt, the pictures, a PNM, a Korean page, and the four above. */
void documents_write_all(const char *directory);

/* A new empty directory under TMPDIR or /tmp. */
void documents_make_directory(char ret_path[], size_t size_bytes);
/* Removes it with all that is in it. */
void documents_remove_directory(const char *path);

#endif
