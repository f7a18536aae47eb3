/* quarantine.h - documents whose renderers ended badly too often. It is the document that is locked out, not the tab.
 *
 * In memory, for the life of the broker: identities (document.h) and their bad ends within the last
 * QUARANTINE_WINDOW_MS.
 */
#ifndef BULKHEAD_QUARANTINE_H
#define BULKHEAD_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/exit_cause.h"

enum { QUARANTINE_DOCUMENTS = 256, QUARANTINE_IDENTITY_BYTES = 128, QUARANTINE_WINDOW_MS = 10 * 60 * 1000 };

struct quarantine_entry {
    char identity[QUARANTINE_IDENTITY_BYTES];
    uint32_t ends;
    uint64_t last_ms;
};

struct quarantine {
    struct quarantine_entry entries[QUARANTINE_DOCUMENTS]; // the oldest makes room
};

/* Notes a bad end; returns how many there were of late. */
uint32_t quarantine_note(struct quarantine *quarantine, const char *identity, uint64_t now_ms);
uint32_t quarantine_ends(const struct quarantine *quarantine, const char *identity, uint64_t now_ms);
void quarantine_forgive(struct quarantine *quarantine, const char *identity);

#endif
