/* page_range.h - which pages to paint: "1-3,5,-1", resolved against a document once its page count is known.
 *
 * Items are separated by commas; pages count from 1. N is one page, -N counts from the end (-1 is the last), A-B is a
 * range with either end of both kinds (2--2 is from the second to the last but one), A- goes to the end. A range may
 * run backwards (5-1). A page named twice is painted once, where it was named first. Pure: no I/O.
 */
#ifndef BULKHEAD_PAGE_RANGE_H
#define BULKHEAD_PAGE_RANGE_H

#include <stddef.h>
#include <stdint.h>

struct page_range;

/* Parses text; NULL or "" means all pages. 0 with an owned range, -ENOMEM, or -EINVAL with *ret_offset where it stopped
 * making sense. */
int page_range_parse(const char *text, struct page_range **ret_range, size_t *ret_offset);
void page_range_free(struct page_range *range); /* takes NULL */

/* The pages of a document of page_count pages, counted from 0, in the order asked for, none twice; *ret_pages is owned
 * (free). 0, -ENOMEM, or -ERANGE with *ret_missing the first number asked for that the document does not have (as
 * written: counted from 1, negative from the end). */
int page_range_resolve(const struct page_range *range, uint32_t page_count, uint32_t **ret_pages, size_t *ret_count,
                       int64_t *ret_missing);

#endif
