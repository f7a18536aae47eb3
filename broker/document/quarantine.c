#include "broker/document/quarantine.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static struct quarantine_entry *find(struct quarantine *quarantine, const char *identity)
{
    for (size_t i = 0; i < QUARANTINE_DOCUMENTS; i++)
        if (strcmp(quarantine->entries[i].identity, identity) == 0)
            return &quarantine->entries[i];
    return NULL;
}

static struct quarantine_entry *oldest(struct quarantine *quarantine)
{
    struct quarantine_entry *best = &quarantine->entries[0];
    for (size_t i = 1; i < QUARANTINE_DOCUMENTS; i++)
        if (quarantine->entries[i].last_ms < best->last_ms)
            best = &quarantine->entries[i];
    return best;
}

uint32_t quarantine_note(struct quarantine *quarantine, const char *identity, uint64_t now_ms)
{
    struct quarantine_entry *entry = find(quarantine, identity);
    if (entry == NULL) {
        entry = oldest(quarantine);
        *entry = (struct quarantine_entry){0};
        snprintf(entry->identity, sizeof entry->identity, "%s", identity);
    } else if (now_ms - entry->last_ms > QUARANTINE_WINDOW_MS) {
        entry->ends = 0;
    }
    entry->last_ms = now_ms;
    return ++entry->ends;
}

uint32_t quarantine_ends(const struct quarantine *quarantine, const char *identity, uint64_t now_ms)
{
    const struct quarantine_entry *entry = find((struct quarantine *)(uintptr_t)quarantine, identity);
    return entry != NULL && now_ms - entry->last_ms <= QUARANTINE_WINDOW_MS ? entry->ends : 0;
}

void quarantine_forgive(struct quarantine *quarantine, const char *identity)
{
    struct quarantine_entry *entry = find(quarantine, identity);
    if (entry != NULL)
        *entry = (struct quarantine_entry){0};
}
