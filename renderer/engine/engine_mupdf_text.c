/* Plain text becomes an HTML page: MuPDF 1.21 has no reader for it, and later ones read the same style this way. */
#include <string.h>

#include "renderer/engine/engine_mupdf_document.h"
#include "renderer/engine/format_text.h"

static const char TEXT_HEAD[] = "<!doctype html><style>body{margin:0}"
                                "pre{page-break-before:always;margin:0;white-space:pre-wrap;}</style><pre>";

enum { TAB_COLUMNS = 8, REPLACEMENT = 0xfffd };

struct source {
    const uint8_t *data;
    size_t size_bytes, at;
    enum format_text_encoding encoding;
};

/* Windows-1252, 0x80 to 0x9f (Unicode's CP1252.TXT); 0 = not assigned. */
static const uint16_t cp1252_high[32] = {0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                         0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0,      0x017d, 0,
                                         0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                         0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};

static int next_single_byte(struct source *source)
{
    uint8_t c = source->data[source->at++];
    if (c < 0x80 || c > 0x9f)
        return c;
    return cp1252_high[c - 0x80] ? cp1252_high[c - 0x80] : REPLACEMENT;
}

static unsigned get_unit(const struct source *source, size_t at)
{
    unsigned first = source->data[at], second = source->data[at + 1];
    return source->encoding == FORMAT_TEXT_UTF_16_BE ? first << 8 | second : second << 8 | first;
}

static int next_utf_16(struct source *source)
{
    if (source->size_bytes - source->at < 2) {
        source->at = source->size_bytes;
        return REPLACEMENT;
    }
    unsigned unit = get_unit(source, source->at);
    source->at += 2;
    if (unit < 0xd800 || unit > 0xdfff)
        return (int)unit;
    if (unit > 0xdbff || source->size_bytes - source->at < 2)
        return REPLACEMENT;
    unsigned low = get_unit(source, source->at);
    if (low < 0xdc00 || low > 0xdfff)
        return REPLACEMENT;
    source->at += 2;
    return (int)(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
}

static int next_utf_8(struct source *source)
{
    uint8_t bytes[FZ_UTFMAX + 1] = {0};
    size_t left = source->size_bytes - source->at;
    memcpy(bytes, source->data + source->at, left < FZ_UTFMAX ? left : FZ_UTFMAX);
    int rune;
    int length = fz_chartorune(&rune, (const char *)bytes);
    source->at += (size_t)(length > 0 && (size_t)length <= left ? length : 1);
    return rune;
}

static int next_rune(struct source *source)
{
    switch (source->encoding) {
    case FORMAT_TEXT_UTF_8:
        return next_utf_8(source);
    case FORMAT_TEXT_UTF_16_LE:
    case FORMAT_TEXT_UTF_16_BE:
        return next_utf_16(source);
    case FORMAT_TEXT_SINGLE_BYTE:
        return next_single_byte(source);
    }
    return REPLACEMENT;
}

static void append_tab(fz_context *ctx, fz_buffer *html, int *column)
{
    do
        fz_append_byte(ctx, html, ' ');
    while (++*column % TAB_COLUMNS != 0);
}

static void append_rune(fz_context *ctx, fz_buffer *html, int rune, int *column)
{
    switch (rune) {
    case '\t':
        append_tab(ctx, html, column);
        return;
    case '\n':
    case '\r':
        fz_append_byte(ctx, html, rune);
        *column = 0;
        return;
    case '\f':
        fz_append_string(ctx, html, "</pre><pre>\n");
        *column = 0;
        return;
    case '<':
        fz_append_string(ctx, html, "&lt;");
        break;
    case '&':
        fz_append_string(ctx, html, "&amp;");
        break;
    default:
        fz_append_rune(ctx, html, rune < ' ' ? REPLACEMENT : rune);
    }
    ++*column;
}

fz_buffer *engine_mupdf_text_to_html(fz_context *ctx, const uint8_t *data, size_t size_bytes)
{
    struct source source = {data, size_bytes, 0, FORMAT_TEXT_UTF_8};
    format_text_is_plain(data, size_bytes, &source.encoding);
    if (source.encoding == FORMAT_TEXT_UTF_16_LE || source.encoding == FORMAT_TEXT_UTF_16_BE)
        source.at = 2;
    else if (size_bytes >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        source.at = 3;
    fz_buffer *html = fz_new_buffer(ctx, size_bytes + sizeof TEXT_HEAD);
    fz_try(ctx) {
        fz_append_string(ctx, html, TEXT_HEAD);
        for (int column = 0; source.at < source.size_bytes;)
            append_rune(ctx, html, next_rune(&source), &column);
    }
    fz_catch(ctx) {
        fz_drop_buffer(ctx, html);
        fz_rethrow(ctx);
    }
    return html;
}
