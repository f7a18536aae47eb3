#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "renderer/engine/format_text.h"

enum {
    JUDGED_BYTES = 64 * 1024,
    /* A document type with an internal subset and a licence comment may come before the root element. */
    PROLOGUE_BYTES = 256 * 1024,
    WORD_BYTES = 128,
    /* A single-byte text has some accents; compressed or encrypted bytes have a high bit in every second one. */
    HIGH_PERCENT = 30,
};

struct cursor {
    const uint8_t *data;
    size_t size_bytes, at;
    enum format_text_encoding encoding;
};

struct markup {
    bool xml;     /* it begins with an XML declaration */
    bool doctype; /* it has a document type … */
    char doctype_name[WORD_BYTES];
    char root[WORD_BYTES]; /* the first element's name without its prefix; "" if there is none */
    bool root_has_xmlns;
};

static struct cursor cursor_make(const uint8_t *data, size_t size_bytes)
{
    struct cursor cursor = {data, size_bytes, 0, FORMAT_TEXT_UTF_8};
    if (size_bytes >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        cursor.at = 3;
    else if (size_bytes >= 2 && memcmp(data, "\xff\xfe", 2) == 0)
        cursor = (struct cursor){data, size_bytes, 2, FORMAT_TEXT_UTF_16_LE};
    else if (size_bytes >= 2 && memcmp(data, "\xfe\xff", 2) == 0)
        cursor = (struct cursor){data, size_bytes, 2, FORMAT_TEXT_UTF_16_BE};
    else if (size_bytes >= 4 && data[0] == '<' && data[1] == 0 && data[3] == 0)
        cursor.encoding = FORMAT_TEXT_UTF_16_LE;
    else if (size_bytes >= 4 && data[0] == 0 && data[1] == '<' && data[2] == 0)
        cursor.encoding = FORMAT_TEXT_UTF_16_BE;
    if (cursor.size_bytes > PROLOGUE_BYTES)
        cursor.size_bytes = PROLOGUE_BYTES;
    return cursor;
}

/* The character at the cursor plus `ahead`, '?' for one outside ASCII, -1 at the end. */
static int peek(const struct cursor *cursor, size_t ahead)
{
    bool wide = cursor->encoding == FORMAT_TEXT_UTF_16_LE || cursor->encoding == FORMAT_TEXT_UTF_16_BE;
    size_t width = wide ? 2 : 1, at = cursor->at + ahead * width;
    if (at > cursor->size_bytes || cursor->size_bytes - at < width)
        return -1;
    unsigned c = cursor->data[at];
    if (cursor->encoding == FORMAT_TEXT_UTF_16_LE)
        c |= (unsigned)cursor->data[at + 1] << 8;
    else if (cursor->encoding == FORMAT_TEXT_UTF_16_BE)
        c = c << 8 | cursor->data[at + 1];
    return c < 0x80 ? (int)c : '?';
}

static void advance(struct cursor *cursor, size_t characters)
{
    bool wide = cursor->encoding == FORMAT_TEXT_UTF_16_LE || cursor->encoding == FORMAT_TEXT_UTF_16_BE;
    cursor->at += characters * (wide ? 2 : 1);
}

static bool looking_at(const struct cursor *cursor, const char *word)
{
    for (size_t i = 0; word[i]; i++) {
        int c = peek(cursor, i);
        if (c < 0 || toupper(c) != toupper((unsigned char)word[i]))
            return false;
    }
    return true;
}

static void skip_spaces(struct cursor *cursor)
{
    for (int c = peek(cursor, 0); c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; c = peek(cursor, 0))
        advance(cursor, 1);
}

/* Moves behind the next `end`; false if there is none. */
static bool skip_past(struct cursor *cursor, const char *end)
{
    for (; peek(cursor, 0) >= 0; advance(cursor, 1))
        if (looking_at(cursor, end)) {
            advance(cursor, strlen(end));
            return true;
        }
    return false;
}

static void read_name(struct cursor *cursor, char ret_name[WORD_BYTES])
{
    size_t length = 0;
    for (int c = peek(cursor, 0); c > ' ' && !strchr("/>=[\"'<", c); c = peek(cursor, 0)) {
        if (length < WORD_BYTES - 1)
            ret_name[length++] = (char)c;
        advance(cursor, 1);
    }
    ret_name[length] = '\0';
}

/* <!DOCTYPE name … [ … ]>; the subset in brackets may hold '>'. */
static bool read_doctype(struct cursor *cursor, struct markup *markup)
{
    advance(cursor, strlen("<!DOCTYPE"));
    skip_spaces(cursor);
    read_name(cursor, markup->doctype_name);
    markup->doctype = true;
    for (int c = peek(cursor, 0); c >= 0; c = peek(cursor, 0)) {
        advance(cursor, 1);
        if (c == '>')
            return true;
        if (c == '[' && !skip_past(cursor, "]"))
            return false;
        if (c == '"' && !skip_past(cursor, "\""))
            return false;
        if (c == '\'' && !skip_past(cursor, "'"))
            return false;
    }
    return false;
}

static void read_root(struct cursor *cursor, struct markup *markup)
{
    advance(cursor, 1);
    read_name(cursor, markup->root);
    char *colon = strchr(markup->root, ':');
    if (colon)
        memmove(markup->root, colon + 1, strlen(colon));
    for (int c = peek(cursor, 0); c >= 0 && c != '>'; c = peek(cursor, 0)) {
        if (looking_at(cursor, "xmlns"))
            markup->root_has_xmlns = true;
        advance(cursor, 1);
    }
}

static void read_markup(struct cursor cursor, struct markup *ret_markup)
{
    *ret_markup = (struct markup){.xml = looking_at(&cursor, "<?xml")};
    for (;;) {
        skip_spaces(&cursor);
        bool more;
        if (looking_at(&cursor, "<?"))
            more = skip_past(&cursor, ">");
        else if (looking_at(&cursor, "<!--"))
            more = skip_past(&cursor, "-->");
        else if (looking_at(&cursor, "<!DOCTYPE"))
            more = read_doctype(&cursor, ret_markup);
        else
            break;
        if (!more)
            return;
    }
    if (peek(&cursor, 0) == '<')
        read_root(&cursor, ret_markup);
}

/* Elements a page may begin with when it leaves <html> out (WHATWG MIME Sniffing, 7.1). */
static bool begins_page(const char *name)
{
    static const char *const names[] = {"head",    "script", "iframe", "h1", "div", "font", "table", "a",     "style",
                                        "title",   "b",      "body",   "br", "p",   "meta", "link",  "main",  "article",
                                        "section", "header", "h2",     "ul", "ol",  "pre",  "img",   "center"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

enum format format_text_markup(const uint8_t *data, size_t size_bytes)
{
    struct cursor cursor = cursor_make(data, size_bytes);
    skip_spaces(&cursor);
    if (peek(&cursor, 0) != '<')
        return FORMAT_UNKNOWN;
    struct markup markup;
    read_markup(cursor, &markup);
    if (strcasecmp(markup.root, "svg") == 0)
        return FORMAT_SVG;
    if (strcasecmp(markup.root, "html") == 0)
        return markup.xml || (markup.root_has_xmlns && !markup.doctype) ? FORMAT_XHTML : FORMAT_HTML;
    if (markup.doctype && strcasecmp(markup.doctype_name, "html") == 0)
        return FORMAT_HTML;
    if (markup.doctype && strcasecmp(markup.doctype_name, "svg") == 0)
        return FORMAT_SVG;
    return !markup.xml && begins_page(markup.root) ? FORMAT_HTML : FORMAT_UNKNOWN;
}

/* Bytes of a well-formed UTF-8 sequence (RFC 3629, 4) at `at`, or 0. A sequence cut off by the end counts as whole. */
static size_t utf_8_sequence(const uint8_t *at, size_t left)
{
    uint8_t lead = at[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < length && i < left; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    if (left > 1 && ((lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] > 0x9f) ||
                     (lead == 0xf0 && at[1] < 0x90) || (lead == 0xf4 && at[1] > 0x8f)))
        return 0;
    return length;
}

/* NUL and the controls that no text uses; tab to carriage return, backspace and escape are seen in old listings. */
static bool is_binary_control(uint8_t c)
{
    return (c < 0x20 && !(c >= 0x08 && c <= 0x0d) && c != 0x1b) || c == 0x7f;
}

static bool is_wide_text(const uint8_t *data, size_t size_bytes, bool big_endian)
{
    if (size_bytes < 4)
        return false;
    for (size_t at = 2; at + 1 < size_bytes; at += 2) {
        unsigned c = big_endian ? (unsigned)data[at] << 8 | data[at + 1] : (unsigned)data[at + 1] << 8 | data[at];
        if (c >= 0xfffe || (c < 0x80 && is_binary_control((uint8_t)c)))
            return false;
    }
    return true;
}

bool format_text_is_plain(const uint8_t *data, size_t size_bytes, enum format_text_encoding *ret_encoding)
{
    struct cursor start = cursor_make(data, size_bytes);
    size_t judged = size_bytes < JUDGED_BYTES ? size_bytes : JUDGED_BYTES;
    if (start.encoding != FORMAT_TEXT_UTF_8) {
        *ret_encoding = start.encoding;
        return start.at == 2 && is_wide_text(data, judged, start.encoding == FORMAT_TEXT_UTF_16_BE);
    }
    bool utf_8 = true;
    size_t high = 0;
    for (size_t at = 0; at < judged; at++) {
        if (is_binary_control(data[at]))
            return false;
        high += data[at] >= 0x80;
    }
    for (size_t at = 0, length; at < judged && utf_8; at += length)
        utf_8 = (length = utf_8_sequence(data + at, judged - at)) > 0;
    *ret_encoding = utf_8 ? FORMAT_TEXT_UTF_8 : FORMAT_TEXT_SINGLE_BYTE;
    return judged > 0 && (utf_8 || high * 100 <= judged * HIGH_PERCENT);
}
