#include "broker/output/page_range.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"

/* A command line that names more pieces than this was not written by a person. */
enum { PAGE_RANGE_ITEMS = 4096 };

struct page_range_item {
    int64_t first, last; // counted from 1; negative: from the end
};

struct page_range {
    size_t count;
    struct page_range_item items[]; // page_range::count of them
};

/* Reads "12" or "-12" at *at. False if there is no number from 1 to LIMIT_PAGES. */
static bool page_range_number(const char **at, int64_t *ret_number)
{
    const char *p = *at;
    bool negative = *p == '-';
    if (negative)
        p++;
    if (!isdigit((unsigned char)*p))
        return false;
    int64_t number = 0;
    for (; isdigit((unsigned char)*p); p++) {
        number = number * 10 + (*p - '0');
        if (number > LIMIT_PAGES)
            return false;
    }
    if (number == 0)
        return false;
    *ret_number = negative ? -number : number;
    *at = p;
    return true;
}

static bool page_range_item(const char **at, struct page_range_item *ret_item)
{
    struct page_range_item item;
    if (!page_range_number(at, &item.first))
        return false;
    item.last = item.first;
    if (**at == '-') {
        ++*at;
        if (**at == '\0' || **at == ',')
            item.last = -1;
        else if (!page_range_number(at, &item.last))
            return false;
    }
    if (**at != '\0' && **at != ',')
        return false;
    *ret_item = item;
    return true;
}

int page_range_parse(const char *text, struct page_range **ret_range, size_t *ret_offset)
{
    const char *at = text && *text ? text : "1-";
    text = at;
    size_t room = 1;
    for (const char *p = at; *p; p++)
        room += *p == ',';
    if (room > PAGE_RANGE_ITEMS) {
        *ret_offset = 0;
        return -EINVAL;
    }
    struct page_range *range = calloc(1, sizeof(*range) + room * sizeof(range->items[0]));
    if (!range)
        return -ENOMEM;
    for (;;) {
        if (!page_range_item(&at, &range->items[range->count])) {
            *ret_offset = (size_t)(at - text);
            free(range);
            return -EINVAL;
        }
        range->count++;
        if (*at == '\0')
            break;
        at++;
    }
    *ret_range = range;
    return 0;
}

void page_range_free(struct page_range *range)
{
    free(range);
}

/* From "as written" to an index from 0; false if there is no such page. */
static bool page_range_index(int64_t number, uint32_t page_count, int64_t *ret_index)
{
    int64_t index = number > 0 ? number - 1 : (int64_t)page_count + number;
    if (index < 0 || index >= (int64_t)page_count)
        return false;
    *ret_index = index;
    return true;
}

static int page_range_fill(const struct page_range *range, uint32_t page_count, uint32_t *pages, bool *seen,
                           size_t *ret_count, int64_t *ret_missing)
{
    size_t count = 0;
    for (size_t i = 0; i < range->count; i++) {
        int64_t first, last;
        const struct page_range_item *item = &range->items[i];
        if (!page_range_index(item->first, page_count, &first)) {
            *ret_missing = item->first;
            return -ERANGE;
        }
        if (!page_range_index(item->last, page_count, &last)) {
            *ret_missing = item->last;
            return -ERANGE;
        }
        int64_t step = first <= last ? 1 : -1;
        for (int64_t page = first; page != last + step; page += step) {
            if (!seen[page])
                pages[count++] = (uint32_t)page;
            seen[page] = true;
        }
    }
    *ret_count = count;
    return 0;
}

int page_range_resolve(const struct page_range *range, uint32_t page_count, uint32_t **ret_pages, size_t *ret_count,
                       int64_t *ret_missing)
{
    size_t room = page_count ? page_count : 1;
    uint32_t *pages = calloc(room, sizeof(*pages));
    bool *seen = calloc(room, sizeof(*seen));
    int r = pages && seen ? page_range_fill(range, page_count, pages, seen, ret_count, ret_missing) : -ENOMEM;
    free(seen);
    if (r < 0) {
        free(pages);
        return r;
    }
    *ret_pages = pages;
    return 0;
}
