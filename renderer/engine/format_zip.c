#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "renderer/engine/format_zip.h"

/* APPNOTE.TXT (PKWARE), 4.3: sizes of the fixed parts of each record. */
enum {
    LOCAL_BYTES = 30,
    ENTRY_BYTES = 46,
    END_BYTES = 22,
    END_COMMENT_BYTES = 65535,
    END64_BYTES = 56,
    LOCATOR64_BYTES = 20,
    /* Of a longer table only the first entries are looked at: every format here shows itself early. */
    ENTRIES_LOOKED_AT = 4096,
    NAME_BYTES = 512,
};

struct found {
    bool epub, xps, package, picture, other;
};

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
    return get16(at) | get16(at + 2) << 16;
}

static uint64_t get64(const uint8_t *at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name), suffix_length = strlen(suffix);
    return length >= suffix_length && strcasecmp(name + length - suffix_length, suffix) == 0;
}

/* The endings MuPDF takes for the pages of a comic. */
static bool is_picture_name(const char *name)
{
    static const char *const endings[] = {".bmp", ".gif", ".j2k", ".jb2", ".jbig2", ".jp2", ".jpeg",
                                          ".jpg", ".jpx", ".jxr", ".pam", ".pbm",   ".pgm", ".pkm",
                                          ".png", ".pnm", ".ppm", ".tif", ".hdp",   ".wdp", ".tiff"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (ends_with(name, endings[i]))
            return true;
    return false;
}

static void note_name(const uint8_t *bytes, size_t length, struct found *found)
{
    char name[NAME_BYTES];
    if (length >= sizeof name)
        return;
    memcpy(name, bytes, length);
    name[length] = '\0';
    if (strcmp(name, "META-INF/container.xml") == 0)
        found->epub = true;
    else if (ends_with(name, ".fdseq") || ends_with(name, ".fdoc") || ends_with(name, ".fpage"))
        found->xps = true;
    else if (strcmp(name, "[Content_Types].xml") == 0)
        found->package = true;
    else if (strcmp(name, "META-INF/MANIFEST.MF") == 0 || strcmp(name, "META-INF/manifest.xml") == 0)
        found->other = true; /* a Java archive, an OpenDocument file */
    else if (is_picture_name(name))
        found->picture = true;
}

/* Where the table of entries lies, or false. */
static bool find_table(const uint8_t *data, size_t size_bytes, size_t *ret_at, uint64_t *ret_entries)
{
    if (size_bytes < END_BYTES)
        return false;
    size_t lowest = size_bytes > END_BYTES + END_COMMENT_BYTES ? size_bytes - END_BYTES - END_COMMENT_BYTES : 0;
    for (size_t at = size_bytes - END_BYTES + 1; at-- > lowest;) {
        if (memcmp(data + at, "PK\5\6", 4) != 0)
            continue;
        uint64_t entries = get16(data + at + 10), offset = get32(data + at + 16);
        if (offset == UINT32_MAX && at >= LOCATOR64_BYTES && memcmp(data + at - LOCATOR64_BYTES, "PK\6\7", 4) == 0) {
            uint64_t end64 = get64(data + at - LOCATOR64_BYTES + 8);
            if (size_bytes < END64_BYTES || end64 > size_bytes - END64_BYTES || memcmp(data + end64, "PK\6\6", 4) != 0)
                return false;
            entries = get64(data + end64 + 32);
            offset = get64(data + end64 + 48);
        }
        if (offset >= size_bytes)
            return false;
        *ret_at = (size_t)offset;
        *ret_entries = entries;
        return true;
    }
    return false;
}

static void read_table(const uint8_t *data, size_t size_bytes, size_t at, uint64_t entries, struct found *found)
{
    for (unsigned i = 0; i < entries && i < ENTRIES_LOOKED_AT; i++) {
        if (at > size_bytes || size_bytes - at < ENTRY_BYTES || memcmp(data + at, "PK\1\2", 4) != 0)
            return;
        size_t name_length = get16(data + at + 28);
        size_t rest = name_length + get16(data + at + 30) + get16(data + at + 32);
        if (size_bytes - at - ENTRY_BYTES < rest)
            return;
        note_name(data + at + ENTRY_BYTES, name_length, found);
        at += ENTRY_BYTES + rest;
    }
}

/* For an archive that was cut short: the headers in front of each entry. */
static void read_local_headers(const uint8_t *data, size_t size_bytes, struct found *found)
{
    size_t at = 0;
    for (unsigned i = 0; i < ENTRIES_LOOKED_AT; i++) {
        if (at > size_bytes || size_bytes - at < LOCAL_BYTES || memcmp(data + at, "PK\3\4", 4) != 0)
            return;
        size_t name_length = get16(data + at + 26);
        uint64_t rest = (uint64_t)name_length + get16(data + at + 28) + get32(data + at + 18);
        if (size_bytes - at - LOCAL_BYTES < name_length)
            return;
        note_name(data + at + LOCAL_BYTES, name_length, found);
        if (size_bytes - at - LOCAL_BYTES < rest)
            return;
        at += LOCAL_BYTES + (size_t)rest;
    }
}

/* An EPUB's first entry is a stored file called "mimetype" (EPUB Open Container Format, 4.3). */
static bool says_epub(const uint8_t *data, size_t size_bytes)
{
    static const char entry[] = "mimetypeapplication/epub+zip";
    return size_bytes >= LOCAL_BYTES + sizeof entry - 1 && get16(data + 28) == 0 &&
           memcmp(data + LOCAL_BYTES, entry, sizeof entry - 1) == 0;
}

int format_zip_matches(const uint8_t *data, size_t size_bytes)
{
    return size_bytes >= 4 && (memcmp(data, "PK\3\4", 4) == 0 || memcmp(data, "PK\5\6", 4) == 0);
}

enum format format_zip_recognise(const uint8_t *data, size_t size_bytes)
{
    struct found found = {.epub = says_epub(data, size_bytes)};
    size_t at;
    uint64_t entries;
    if (find_table(data, size_bytes, &at, &entries))
        read_table(data, size_bytes, at, entries, &found);
    else
        read_local_headers(data, size_bytes, &found);
    if (found.epub)
        return FORMAT_EPUB;
    if (found.xps)
        return FORMAT_XPS;
    /* An office document or a program may hold pictures and still is no comic. */
    return found.picture && !found.package && !found.other ? FORMAT_CBZ : FORMAT_UNKNOWN;
}
