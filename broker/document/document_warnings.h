/* document_warnings.h - what the engines of a document's renderers complained of, while they painted all the same.
 *
 * Owned by its document and bounded: so many of each kind are kept, each once for a page, and damage beyond that is
 * counted. All of it is the renderers' word, checked here like any other field. No I/O.
 */
#ifndef BULKHEAD_DOCUMENT_WARNINGS_H
#define BULKHEAD_DOCUMENT_WARNINGS_H

#include <stddef.h>
#include <stdint.h>

#include "common/violation.h"
#include "to_broker.pb-c.h"

/* Kept of each kind. */
enum { DOCUMENT_WARNINGS_KEPT = 64 };

struct document_warning {
    Bulkhead__Warning__Kind kind;
    uint32_t page;    /* from 1; 0 = the document as a whole */
    char detail[256]; /* escaped, clipped */
};

struct document_warnings {
    struct document_warning *list; /* owned; document_warnings::count, as they came */
    size_t count, damage_count;
    uint32_t left_out; /* damage that is not in the list */
};

void document_warnings_fini(struct document_warnings *warnings);
/* Takes over what one answer carries, about a document of page_count pages. *ret_news: how many of the list are damage
 * that was not known; the last of them are at the end. A violation leaves everything as it was. */
enum violation document_warnings_take(struct document_warnings *warnings, Bulkhead__Warning *const *list, size_t count,
                                      uint32_t left_out, uint32_t page_count, size_t *ret_news);
/* Damage number `index`, from 0; NULL beyond the last. */
const struct document_warning *document_warnings_damage(const struct document_warnings *warnings, size_t index);
/* All damage, also that which was left out. */
uint64_t document_warnings_damage_total(const struct document_warnings *warnings);
/* "page 3: premature end of file in jpeg (and 4 more)", or only the words, into out. `more` 0: without the
 * parenthesis. */
void document_warnings_format(char *out, size_t out_size, const struct document_warning *warning, uint64_t more);

#endif
