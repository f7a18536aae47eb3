#include "broker/document/document_warnings.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

void document_warnings_fini(struct document_warnings *warnings)
{
    free(warnings->list);
    *warnings = (struct document_warnings){0};
}

static bool is_known(const struct document_warnings *warnings, const struct document_warning *warning)
{
    for (size_t i = 0; i < warnings->count; i++)
        if (warnings->list[i].page == warning->page && strcmp(warnings->list[i].detail, warning->detail) == 0)
            return true;
    return false;
}

static bool has_room(const struct document_warnings *warnings, Bulkhead__Warning__Kind kind)
{
    bool is_damage = kind == BULKHEAD__WARNING__KIND__DAMAGE;
    return (is_damage ? warnings->damage_count : warnings->count - warnings->damage_count) < DOCUMENT_WARNINGS_KEPT;
}

/* True if it is in the list now and was not. */
static bool keep(struct document_warnings *warnings, const struct document_warning *warning)
{
    if (warnings->list == NULL)
        warnings->list = calloc(2 * DOCUMENT_WARNINGS_KEPT, sizeof *warnings->list);
    if (warnings->list == NULL || !has_room(warnings, warning->kind))
        return false;
    warnings->list[warnings->count++] = *warning;
    warnings->damage_count += warning->kind == BULKHEAD__WARNING__KIND__DAMAGE;
    return true;
}

static void leave_out(struct document_warnings *warnings, uint32_t count)
{
    warnings->left_out = count > UINT32_MAX - warnings->left_out ? UINT32_MAX : warnings->left_out + count;
}

enum violation document_warnings_take(struct document_warnings *warnings, Bulkhead__Warning *const *list, size_t count,
                                      uint32_t left_out, uint32_t page_count, size_t *ret_news)
{
    size_t news = 0;
    for (size_t i = 0; i < count; i++)
        if (list[i]->page > page_count)
            return VIOLATION_BAD_PAGE;
    for (size_t i = 0; i < count; i++) {
        struct document_warning warning = {.kind = list[i]->kind, .page = list[i]->page};
        text_escape(warning.detail, sizeof warning.detail, list[i]->detail.data, list[i]->detail.len);
        if (is_known(warnings, &warning))
            continue;
        bool is_damage = warning.kind == BULKHEAD__WARNING__KIND__DAMAGE;
        if (keep(warnings, &warning))
            news += is_damage;
        else if (is_damage)
            leave_out(warnings, 1);
    }
    /* A page that is painted again complains again, and cannot say of what. */
    if (news > 0)
        leave_out(warnings, left_out);
    *ret_news = news;
    return VIOLATION_NONE;
}

const struct document_warning *document_warnings_damage(const struct document_warnings *warnings, size_t index)
{
    for (size_t i = 0; i < warnings->count; i++)
        if (warnings->list[i].kind == BULKHEAD__WARNING__KIND__DAMAGE && index-- == 0)
            return &warnings->list[i];
    return NULL;
}

uint64_t document_warnings_damage_total(const struct document_warnings *warnings)
{
    return (uint64_t)warnings->damage_count + warnings->left_out;
}

void document_warnings_format(char *out, size_t out_size, const struct document_warning *warning, uint64_t more)
{
    char page[32] = "", rest[48] = "";
    if (warning->page > 0)
        snprintf(page, sizeof page, "page %u: ", warning->page);
    if (more > 0)
        snprintf(rest, sizeof rest, " (and %llu more)", (unsigned long long)more);
    snprintf(out, out_size, "%s%s%s", page, warning->detail, rest);
}
