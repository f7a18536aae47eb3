#include <string.h>

#include "renderer/engine/format.h"
#include "renderer/engine/format_text.h"
#include "renderer/engine/format_zip.h"

/* ISO 32000-2, annex on implementation: readers look for the header within the first kilobyte. */
enum { PDF_HEADER_WITHIN_BYTES = 1024 };

static const struct {
    const char *name, *media_type;
} format_words[FORMAT_COUNT] = {
    [FORMAT_UNKNOWN] = {"unknown", "application/octet-stream"},
    [FORMAT_PDF] = {"PDF", "application/pdf"},
    [FORMAT_EPUB] = {"EPUB", "application/epub+zip"},
    [FORMAT_XPS] = {"XPS", "application/oxps"},
    [FORMAT_CBZ] = {"CBZ", "application/x-cbz"},
    [FORMAT_HTML] = {"HTML", "text/html"},
    [FORMAT_XHTML] = {"XHTML", "application/xhtml+xml"},
    [FORMAT_SVG] = {"SVG", "image/svg+xml"},
    [FORMAT_PNG] = {"PNG", "image/png"},
    [FORMAT_JPEG] = {"JPEG", "image/jpeg"},
    [FORMAT_GIF] = {"GIF", "image/gif"},
    [FORMAT_TIFF] = {"TIFF", "image/tiff"},
    [FORMAT_BMP] = {"BMP", "image/bmp"},
    [FORMAT_JPEG_2000] = {"JPEG 2000", "image/jp2"},
    [FORMAT_PNM] = {"PNM", "image/x-portable-anymap"},
    [FORMAT_TEXT] = {"text", "text/plain"},
};

/* Signatures that no text and no other format begins with. */
static const struct {
    enum format format;
    uint8_t size_bytes;
    uint8_t bytes[12];
} format_signatures[] = {
    {FORMAT_PNG, 8, "\x89PNG\r\n\x1a\n"},
    {FORMAT_JPEG, 2, "\xff\xd8"},
    {FORMAT_GIF, 4, "GIF8"},
    {FORMAT_TIFF, 4, "II*\0"},
    {FORMAT_TIFF, 4, "MM\0*"},
    {FORMAT_JPEG_2000, 8, "\0\0\0\x0cjP  "},
    {FORMAT_JPEG_2000, 4, "\xff\x4f\xff\x51"},
};

const char *format_name(enum format format)
{
    return format < FORMAT_COUNT ? format_words[format].name : format_words[FORMAT_UNKNOWN].name;
}

const char *format_media_type(enum format format)
{
    return format < FORMAT_COUNT ? format_words[format].media_type : format_words[FORMAT_UNKNOWN].media_type;
}

static enum format match_signature(const uint8_t *data, size_t size_bytes)
{
    for (size_t i = 0; i < sizeof format_signatures / sizeof format_signatures[0]; i++)
        if (size_bytes >= format_signatures[i].size_bytes &&
            memcmp(data, format_signatures[i].bytes, format_signatures[i].size_bytes) == 0)
            return format_signatures[i].format;
    return FORMAT_UNKNOWN;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "P3 is a point" is text, "P3 600 400" and "P3\n# comment" are pictures. */
static bool is_pnm(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes < 3 || data[0] != 'P' || !strchr("1234567Ff", data[1]) || data[1] == '\0' || !is_space(data[2]))
        return false;
    size_t at = 2;
    while (at < size_bytes && at < 64 && is_space(data[at]))
        at++;
    if (at >= size_bytes)
        return false;
    if (data[1] == '7') /* PAM: its header lines are words */
        return data[at] == '#' || (data[at] >= 'A' && data[at] <= 'Z');
    return data[at] == '#' || is_digit(data[at]);
}

/* Two letters are not enough to tell a bitmap from a report on BMW: the header's size, or some byte that is no text,
 * must agree. */
static bool is_bmp(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes < 18 || data[0] != 'B' || (data[1] != 'M' && data[1] != 'A'))
        return false;
    enum format_text_encoding encoding;
    return !format_text_is_plain(data, size_bytes, &encoding);
}

/* "12 0 obj" where a line begins: what is left of a PDF that lost its head. */
static bool is_pdf_object(const uint8_t *data, size_t size_bytes)
{
    size_t at = 0;
    for (int number = 0; number < 2; number++) {
        size_t digits = at;
        while (at < size_bytes && at - digits < 10 && is_digit(data[at]))
            at++;
        if (at == digits || at >= size_bytes || data[at] != ' ')
            return false;
        at++;
    }
    return size_bytes - at > 3 && memcmp(data + at, "obj", 3) == 0 && !(data[at + 3] >= 'a' && data[at + 3] <= 'z');
}

static bool is_pdf(const uint8_t *data, size_t size_bytes)
{
    size_t window = size_bytes < PDF_HEADER_WITHIN_BYTES ? size_bytes : PDF_HEADER_WITHIN_BYTES;
    if (memmem(data, window, "%PDF-", 5))
        return true;
    if (window > 11 && memcmp(data, "%!PS-Adobe-", 11) == 0 && memmem(data, window < 32 ? window : 32, " PDF-", 5))
        return true;
    for (size_t at = 0; at < window; at++)
        if ((at == 0 || data[at - 1] == '\n' || data[at - 1] == '\r') && is_pdf_object(data + at, size_bytes - at))
            return true;
    return false;
}

enum format format_recognise(const uint8_t *data, size_t size_bytes)
{
    if (!data || size_bytes == 0)
        return FORMAT_UNKNOWN;
    enum format format = match_signature(data, size_bytes);
    if (format != FORMAT_UNKNOWN)
        return format;
    if (format_zip_matches(data, size_bytes))
        return format_zip_recognise(data, size_bytes);
    if (is_pnm(data, size_bytes))
        return FORMAT_PNM;
    if (is_bmp(data, size_bytes))
        return FORMAT_BMP;
    /* Before PDF: a page may well speak of "%PDF-" in its first kilobyte. */
    format = format_text_markup(data, size_bytes);
    if (format != FORMAT_UNKNOWN)
        return format;
    if (is_pdf(data, size_bytes))
        return FORMAT_PDF;
    enum format_text_encoding encoding;
    return format_text_is_plain(data, size_bytes, &encoding) ? FORMAT_TEXT : FORMAT_UNKNOWN;
}
