#include "common/text.h"

#include <stdio.h>
#include <string.h>

static const char ellipsis[] = "\xe2\x80\xa6";

enum {
    ELLIPSIS_BYTES = sizeof ellipsis - 1,
    PIECE_BYTES = 16, // the longest escape is a surrogate pair of 12 bytes
};

// Output that ends with an ellipsis when it overflows: `safe` is the last boundary after which one still fits.
struct clipped {
    char *out;
    size_t size, used, safe;
    bool full;
};

size_t text_decode(const void *data, size_t size_bytes, uint32_t *ret_code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *at = data;
    size_t n = 0;

    if (size_bytes == 0)
        return 0;
    if (at[0] < 0x80) {
        *ret_code_point = at[0];
        return 1;
    }
    n = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || n > size_bytes)
        return 0;
    uint32_t code_point = at[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code_point = code_point << 6 | (at[i] & 0x3f);
    }
    if (code_point < smallest[n] || code_point > 0x10ffff || (code_point >= 0xd800 && code_point <= 0xdfff))
        return 0;
    *ret_code_point = code_point;
    return n;
}

bool text_is_utf8(const void *data, size_t size_bytes)
{
    const uint8_t *at = data;

    while (size_bytes > 0) {
        uint32_t code_point;
        size_t n = text_decode(at, size_bytes, &code_point);
        if (n == 0 || code_point == 0)
            return false;
        at += n;
        size_bytes -= n;
    }
    return true;
}

// Characters that change how other text is shown, or show nothing: the means of making one name look like another.
// U+200C and U+200D stay: scripts and emoji need them.
static bool is_deceptive(uint32_t c)
{
    return (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e || c == 0x200b || c == 0x200e ||
           c == 0x200f || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || c == 0xfeff ||
           (c >= 0xfff0 && c <= 0xfffb) || (c & 0xfffe) == 0xfffe || (c >= 0xfdd0 && c <= 0xfdef) ||
           (c >= 0x1d173 && c <= 0x1d17a) || (c >= 0xe0000 && c <= 0xe0fff);
}

static void clipped_add(struct clipped *clipped, const void *piece, size_t size_bytes)
{
    if (clipped->full || clipped->used + size_bytes + 1 > clipped->size) {
        clipped->full = true;
        return;
    }
    memcpy(clipped->out + clipped->used, piece, size_bytes);
    clipped->used += size_bytes;
    if (clipped->used + ELLIPSIS_BYTES + 1 <= clipped->size)
        clipped->safe = clipped->used;
}

static size_t clipped_end(struct clipped *clipped)
{
    if (clipped->full) {
        clipped->used = clipped->safe;
        if (clipped->used + ELLIPSIS_BYTES + 1 <= clipped->size) {
            memcpy(clipped->out + clipped->used, ellipsis, ELLIPSIS_BYTES);
            clipped->used += ELLIPSIS_BYTES;
        }
    }
    if (clipped->size > 0)
        clipped->out[clipped->used] = '\0';
    return clipped->used;
}

// One character (or, with length 0, one invalid byte) as it is to be shown, into piece; returns its length.
typedef size_t (*escape_fn)(char piece[PIECE_BYTES], const uint8_t *at, size_t length, uint32_t code_point);

static size_t escape_for_people(char piece[PIECE_BYTES], const uint8_t *at, size_t length, uint32_t code_point)
{
    if (length == 0 || code_point < 0x20 || code_point == 0x7f)
        return (size_t)snprintf(piece, PIECE_BYTES, "\\x%02x", at[0]);
    if (code_point == '\\')
        return (size_t)snprintf(piece, PIECE_BYTES, "\\\\");
    if (is_deceptive(code_point))
        return (size_t)snprintf(piece, PIECE_BYTES, "\\u{%04x}", code_point);
    memcpy(piece, at, length);
    return length;
}

static size_t escape_for_json(char piece[PIECE_BYTES], const uint8_t *at, size_t length, uint32_t code_point)
{
    if (length == 0)
        return (size_t)snprintf(piece, PIECE_BYTES, "\\ufffd");
    if (code_point == '\\' || code_point == '"')
        return (size_t)snprintf(piece, PIECE_BYTES, "\\%c", (int)code_point);
    if (code_point >= 0x10000 && is_deceptive(code_point)) {
        uint32_t rest = code_point - 0x10000;
        return (size_t)snprintf(piece, PIECE_BYTES, "\\u%04x\\u%04x", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
    }
    if (code_point < 0x20 || is_deceptive(code_point))
        return (size_t)snprintf(piece, PIECE_BYTES, "\\u%04x", code_point);
    memcpy(piece, at, length);
    return length;
}

static size_t escape_all(char *out, size_t out_size, const void *data, size_t size_bytes, escape_fn escape)
{
    struct clipped clipped = {.out = out, .size = out_size};
    const uint8_t *at = data;

    while (size_bytes > 0 && !clipped.full) {
        char piece[PIECE_BYTES];
        uint32_t code_point = 0;
        size_t length = text_decode(at, size_bytes, &code_point);
        size_t piece_bytes = escape(piece, at, length, code_point);
        clipped_add(&clipped, piece, piece_bytes);
        size_t step = length > 0 ? length : 1;
        at += step;
        size_bytes -= step;
    }
    return clipped_end(&clipped);
}

size_t text_escape(char *out, size_t out_size, const void *data, size_t size_bytes)
{
    return escape_all(out, out_size, data, size_bytes, escape_for_people);
}

bool text_is_escaped(const void *data, size_t size_bytes)
{
    const uint8_t *at = data;

    while (size_bytes > 0) {
        uint32_t code_point;
        size_t n = text_decode(at, size_bytes, &code_point);
        if (n == 0 || code_point < 0x20 || is_deceptive(code_point))
            return false;
        at += n;
        size_bytes -= n;
    }
    return true;
}

size_t text_escape_json(char *out, size_t out_size, const void *data, size_t size_bytes)
{
    return escape_all(out, out_size, data, size_bytes, escape_for_json);
}

void text_format_bytes(char *out, size_t out_size, unsigned long long bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    double value = (double)bytes;
    size_t unit = 0;

    // 999.5 of a unit would be printed as 1000 of it.
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    snprintf(out, out_size, unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}
