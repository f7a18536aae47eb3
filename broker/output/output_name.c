#include "broker/output/output_name.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* More digits than any page count has is a slip of the finger. */
    OUTPUT_NAME_DIGITS = 9,
    OUTPUT_NAME_DEFAULT_DIGITS = 3,
    /* text %d text %s text-NNN.ext */
    OUTPUT_NAME_PIECES = 8,
};

enum piece_kind { PIECE_TEXT, PIECE_PAGE, PIECE_PAGE_AUTO, PIECE_PAGE_IF_SEVERAL, PIECE_INPUT };

struct piece {
    enum piece_kind kind;
    int digits; // PIECE_PAGE
    bool zeros; // PIECE_PAGE
    char *text; // PIECE_TEXT, owned
};

struct output_name {
    size_t count;
    struct piece pieces[OUTPUT_NAME_PIECES];
};

static bool has_kind(const struct output_name *name, enum piece_kind kind)
{
    for (size_t i = 0; i < name->count; i++)
        if (name->pieces[i].kind == kind)
            return true;
    return false;
}

static int add_text(struct output_name *name, const char *text, size_t length)
{
    if (length == 0)
        return 0;
    char *copy = malloc(length + 1);
    if (!copy)
        return -ENOMEM;
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        copy[used++] = text[i];
        if (text[i] == '%') /* "%%" */
            i++;
    }
    copy[used] = '\0';
    name->pieces[name->count++] = (struct piece){.kind = PIECE_TEXT, .text = copy};
    return 0;
}

/* Reads what follows a '%' at p into *ret_piece; returns where it ends, NULL if it is none of ours. */
static const char *read_conversion(const char *p, struct piece *ret_piece)
{
    if (*p == 's') {
        *ret_piece = (struct piece){.kind = PIECE_INPUT};
        return p + 1;
    }
    struct piece piece = {.kind = PIECE_PAGE, .zeros = *p == '0'};
    for (; isdigit((unsigned char)*p); p++) {
        piece.digits = piece.digits * 10 + (*p - '0');
        if (piece.digits > OUTPUT_NAME_DIGITS)
            return NULL;
    }
    if (*p != 'd')
        return NULL;
    *ret_piece = piece;
    return p + 1;
}

static int parse_pieces(struct output_name *name, const char *pattern, const char **ret_why)
{
    const char *start = pattern, *p = pattern;
    while (*p) {
        struct piece piece;
        if (*p != '%') {
            p++;
            continue;
        }
        if (p[1] == '%') {
            p += 2;
            continue;
        }
        const char *end = read_conversion(p + 1, &piece);
        *ret_why = !end ? "a % must be followed by d, 03d, s or %" : "%d and %s may each be there once only";
        if (!end || has_kind(name, piece.kind))
            return -EINVAL;
        int r = add_text(name, start, (size_t)(p - start));
        if (r < 0)
            return r;
        name->pieces[name->count++] = piece;
        start = p = end;
    }
    *ret_why = "it is empty";
    if (name->count == 0 && start == p)
        return -EINVAL;
    return add_text(name, start, (size_t)(p - start));
}

/* Splits the last piece before its extension, so that a page number can stand there when several pages are written. */
static int add_page_if_several(struct output_name *name)
{
    struct piece extension = {.kind = PIECE_TEXT};
    struct piece *last = &name->pieces[name->count - 1];
    if (last->kind == PIECE_TEXT && last->text) {
        char *slash = strrchr(last->text, '/');
        char *base = slash ? slash + 1 : last->text;
        char *dot = strrchr(base, '.');
        bool hidden_file = dot == base && (slash || name->count == 1);
        if (dot && !hidden_file) {
            extension.text = strdup(dot);
            if (!extension.text)
                return -ENOMEM;
            *dot = '\0';
        }
    }
    name->pieces[name->count++] = (struct piece){.kind = PIECE_PAGE_IF_SEVERAL};
    if (extension.text)
        name->pieces[name->count++] = extension;
    return 0;
}

static int parse_default(struct output_name *name, const char *extension)
{
    char *text = NULL;
    if (asprintf(&text, ".%s", extension) < 0)
        return -ENOMEM;
    name->pieces[name->count++] = (struct piece){.kind = PIECE_INPUT};
    int r = add_text(name, "-", 1);
    name->pieces[name->count++] = (struct piece){.kind = PIECE_PAGE_AUTO};
    name->pieces[name->count++] = (struct piece){.kind = PIECE_TEXT, .text = text};
    return r;
}

int output_name_parse(const char *pattern, const char *extension, struct output_name **ret_name, const char **ret_why)
{
    struct output_name *name = calloc(1, sizeof(*name));
    if (!name)
        return -ENOMEM;
    const char *why = NULL;
    int r = pattern ? parse_pieces(name, pattern, &why) : parse_default(name, extension);
    if (r == 0 && !output_name_has_page(name))
        r = add_page_if_several(name);
    if (r < 0) {
        if (r == -EINVAL)
            *ret_why = why;
        output_name_free(name);
        return r;
    }
    *ret_name = name;
    return 0;
}

void output_name_free(struct output_name *name)
{
    if (!name)
        return;
    for (size_t i = 0; i < name->count; i++)
        free(name->pieces[i].text);
    free(name);
}

bool output_name_has_page(const struct output_name *name)
{
    return has_kind(name, PIECE_PAGE) || has_kind(name, PIECE_PAGE_AUTO);
}

bool output_name_has_input(const struct output_name *name)
{
    return has_kind(name, PIECE_INPUT);
}

static int auto_digits(uint32_t page_count)
{
    int digits = 1;
    for (; page_count >= 10; page_count /= 10)
        digits++;
    return digits < OUTPUT_NAME_DEFAULT_DIGITS ? OUTPUT_NAME_DEFAULT_DIGITS : digits;
}

static void write_piece(FILE *out, const struct piece *piece, const char *stem, uint32_t page, int digits, bool several)
{
    switch (piece->kind) {
    case PIECE_TEXT:
        fputs(piece->text, out);
        break;
    case PIECE_INPUT:
        fputs(stem, out);
        break;
    case PIECE_PAGE:
        fprintf(out, piece->zeros ? "%0*u" : "%*u", piece->digits, page + 1);
        break;
    case PIECE_PAGE_AUTO:
        fprintf(out, "%0*u", digits, page + 1);
        break;
    case PIECE_PAGE_IF_SEVERAL:
        if (several)
            fprintf(out, "-%0*u", digits, page + 1);
        break;
    }
}

char *output_name_make(const struct output_name *name, const char *stem, uint32_t page, uint32_t page_count,
                       bool several)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    for (size_t i = 0; i < name->count; i++)
        write_piece(out, &name->pieces[i], stem, page, auto_digits(page_count), several);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

static bool is_beginning(const char *shorter, const char *longer)
{
    return strncmp(shorter, longer, strlen(shorter)) == 0;
}

static bool is_ending(const char *shorter, const char *longer)
{
    size_t length = strlen(shorter), whole = strlen(longer);
    return length <= whole && strcmp(longer + whole - length, shorter) == 0;
}

/* Names that begin with the input's are the same only where one stem begins with the other: "a" with page 11 and "a1"
 * with page 1. Names that end with it, likewise. */
bool output_name_may_clash(const struct output_name *name, const char *stem, const char *other)
{
    const struct piece *first = NULL, *last = NULL;
    for (size_t i = 0; i < name->count; i++) {
        if (name->pieces[i].kind == PIECE_TEXT)
            continue;
        last = &name->pieces[i];
        first = first ? first : last;
    }
    if (first && first->kind == PIECE_INPUT)
        return is_beginning(stem, other) || is_beginning(other, stem);
    if (last && last->kind == PIECE_INPUT)
        return is_ending(stem, other) || is_ending(other, stem);
    return true;
}

/* The last component without its extension; an about: page's colon becomes a dash. */
static char *stem_of(const char *input, bool keep_extension)
{
    if (strcmp(input, "-") == 0)
        return strdup("stdin");
    bool about = strncmp(input, "about:", 6) == 0;
    const char *slash = about ? NULL : strrchr(input, '/');
    char *stem = strdup(slash && slash[1] ? slash + 1 : input);
    if (!stem)
        return NULL;
    for (char *p = stem; about && *p; p++)
        if (*p == ':' || *p == '/' || *p == '?')
            *p = '-';
    char *dot = strrchr(stem, '.');
    if (dot && dot > stem && !keep_extension)
        *dot = '\0';
    return stem;
}

static bool is_taken(char **stems, size_t count, const char *stem)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(stems[i], stem) == 0)
            return true;
    return false;
}

/* A stem for inputs[count] that none of stems[0..count) has. */
static char *free_stem(char **stems, size_t count, const char *input)
{
    char *stem = stem_of(input, false);
    if (!stem || !is_taken(stems, count, stem))
        return stem;
    free(stem);
    stem = stem_of(input, true);
    for (unsigned number = 2; stem && is_taken(stems, count, stem); number++) {
        char *whole = stem_of(input, true);
        free(stem);
        if (!whole || asprintf(&stem, "%s-%u", whole, number) < 0)
            stem = NULL;
        free(whole);
    }
    return stem;
}

int output_name_stems(char *const *inputs, size_t count, char ***ret_stems)
{
    char **stems = calloc(count ? count : 1, sizeof(*stems));
    if (!stems)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        stems[i] = free_stem(stems, i, inputs[i]);
        if (!stems[i]) {
            output_name_stems_free(stems, count);
            return -ENOMEM;
        }
    }
    *ret_stems = stems;
    return 0;
}

void output_name_stems_free(char **stems, size_t count)
{
    for (size_t i = 0; stems && i < count; i++)
        free(stems[i]);
    free(stems);
}
