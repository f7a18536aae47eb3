#include "demo/lab/entry.h"

#include <stdlib.h>
#include <string.h>

/* Families in the order in which the chapter tells them. */
static const char *const families[] = {"signals", "pipes",        "FIFOs",    "message queues", "shared memory",
                                       "sockets", "multiplexing", "Bulkhead", "libraries"};

/* The linker's names for the ends of the section that LAB_ENTRY fills. */
extern const struct lab_entry *const __start_lab_entries[];
extern const struct lab_entry *const __stop_lab_entries[];

static size_t family_rank(const char *family)
{
    size_t i = 0;

    while (i < sizeof(families) / sizeof(families[0]) && strcmp(families[i], family) != 0)
        i++;
    return i;
}

static int compare(const void *left, const void *right)
{
    const struct lab_entry *a = *(const struct lab_entry *const *)left;
    const struct lab_entry *b = *(const struct lab_entry *const *)right;
    size_t rank_a = family_rank(a->family), rank_b = family_rank(b->family);

    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    return strcmp(a->name, b->name);
}

const struct lab_entry *const *lab_entries(size_t *ret_count)
{
    enum { ROOM = 128 };
    static const struct lab_entry *sorted[ROOM];
    static size_t count;

    if (count == 0) {
        /* Two ends of one section. */
        // cppcheck-suppress comparePointers
        for (const struct lab_entry *const *entry = __start_lab_entries; entry < __stop_lab_entries; entry++)
            if (count < ROOM)
                sorted[count++] = *entry;
        qsort(sorted, count, sizeof(sorted[0]), compare);
    }
    *ret_count = count;
    return sorted;
}

const struct lab_entry *lab_entry_find(const char *name)
{
    size_t count;
    const struct lab_entry *const *entries = lab_entries(&count);

    for (size_t i = 0; i < count; i++)
        if (strcmp(entries[i]->name, name) == 0)
            return entries[i];
    return NULL;
}
