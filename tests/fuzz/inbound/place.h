/* place.h - the files of fuzz_inbound: a directory that is made once, for all inputs, and removed when the program
 * ends. The document lies in "in", beside files that it may ask for, and below one that it may not have. */
#ifndef BULKHEAD_FUZZ_PLACE_H
#define BULKHEAD_FUZZ_PLACE_H

#include <stdbool.h>

#include "broker/document/document.h"

/* The document's path; makes the directory if there is none yet. */
const char *place_document(void);

/* Only what lies there beneath the document's directory may have been granted. Counts what was and what was not. */
void place_check_grants(const struct document *document, unsigned *ret_granted, unsigned *ret_refused);

#endif
