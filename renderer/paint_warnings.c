#include "renderer/paint_warnings.h"

#include <stdio.h>
#include <string.h>

#include "common/codec.h"

void paint_warnings_begin(struct paint_warnings *warnings, uint32_t page)
{
    warnings->page = page;
    warnings->count = 0;
    warnings->left_out = 0;
}

/* The last note, to make room for damage. NULL if there is none. */
static struct paint_warning *paint_warnings_find_note(struct paint_warnings *warnings)
{
    for (size_t i = warnings->count; i > 0; i--)
        if (warnings->list[i - 1].kind == BULKHEAD__WARNING__KIND__NOTE)
            return &warnings->list[i - 1];
    return NULL;
}

/* Where the next one goes, after all others. NULL if there is no room. */
static struct paint_warning *paint_warnings_make_room(struct paint_warnings *warnings, Bulkhead__Warning__Kind kind)
{
    struct paint_warning *last = &warnings->list[LIMIT_WARNINGS - 1], *note;

    if (warnings->count < LIMIT_WARNINGS)
        return &warnings->list[warnings->count++];
    if (kind == BULKHEAD__WARNING__KIND__NOTE)
        return NULL;
    note = paint_warnings_find_note(warnings);
    if (!note) {
        warnings->left_out += warnings->left_out < UINT32_MAX;
        return NULL;
    }
    memmove(note, note + 1, (size_t)((char *)last - (char *)note));
    return last;
}

void paint_warnings_add(struct paint_warnings *warnings, Bulkhead__Warning__Kind kind, const char *text)
{
    struct paint_warning *warning, fresh = {.kind = kind, .page = warnings->page};

    snprintf(fresh.detail, sizeof(fresh.detail), "%s", text);
    for (size_t i = 0; i < warnings->count; i++)
        if (warnings->list[i].page == fresh.page && strcmp(warnings->list[i].detail, fresh.detail) == 0)
            return;
    warning = paint_warnings_make_room(warnings, kind);
    if (warning)
        *warning = fresh;
}

size_t paint_warnings_pack(const struct paint_warnings *warnings, struct paint_warnings_packed *ret_packed)
{
    for (size_t i = 0; i < warnings->count; i++) {
        const struct paint_warning *warning = &warnings->list[i];
        Bulkhead__Warning *message = ret_packed->list[i] = &ret_packed->storage[i];

        bulkhead__warning__init(message);
        message->kind = warning->kind;
        message->page = warning->page;
        message->detail = codec_bytes(warning->detail, strlen(warning->detail));
    }
    return warnings->count;
}
