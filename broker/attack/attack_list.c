#include "broker/attack/attack_list.h"

#include <string.h>

#include "broker/attack/attack_list_private.h"

static const char *const families[ATTACK_FAMILY_COUNT] = {
    [ATTACK_FAMILY_FILES] = "files",           [ATTACK_FAMILY_PROCESSES] = "processes",
    [ATTACK_FAMILY_PRIVILEGES] = "privileges", [ATTACK_FAMILY_KERNEL] = "kernel",
    [ATTACK_FAMILY_MEMORY] = "memory",         [ATTACK_FAMILY_CHANNEL] = "channel",
    [ATTACK_FAMILY_FRAMES] = "frames",         [ATTACK_FAMILY_DEATH] = "death",
};

static const struct {
    char letter;
    const char *name;
} outcomes[ATTACK_OUTCOME_COUNT] = {
    [ATTACK_NO_OUTCOME] = {'?', "no outcome"},
    [ATTACK_KILLED] = {'K', "killed"},
    [ATTACK_REFUSED] = {'E', "refused"},
    [ATTACK_BAD_MESSAGE] = {'B', "bad message"},
    [ATTACK_HUNG] = {'T', "hung"},
    [ATTACK_MEMORY] = {'M', "out of memory"},
    [ATTACK_CRASHED] = {'C', "crashed"},
    [ATTACK_EXITED] = {'X', "unexpected exit"},
    [ATTACK_HARMLESS] = {'H', "harmless"},
    [ATTACK_QUARANTINED] = {'Q', "quarantined"},
    [ATTACK_ORPHANED] = {'O', "died with the broker"},
    [ATTACK_SUCCEEDED] = {'!', "succeeded"},
};

static size_t count_rows(const struct attack_row *rows)
{
    size_t count = 0;
    while (rows[count].name != NULL)
        count++;
    return count;
}

size_t attack_list_count(void)
{
    return count_rows(attack_list_calls) + count_rows(attack_list_words);
}

const struct attack_row *attack_list_row(size_t index)
{
    size_t calls = count_rows(attack_list_calls);
    return index < calls ? &attack_list_calls[index] : &attack_list_words[index - calls];
}

const struct attack_row *attack_list_find(const char *name)
{
    for (size_t i = 0; i < attack_list_count(); i++)
        if (strcmp(attack_list_row(i)->name, name) == 0)
            return attack_list_row(i);
    return NULL;
}

/* Without the promise of no new privileges the kernel takes neither filter nor domain from an unprivileged process. */
static uint32_t with_dependent(uint32_t without)
{
    if ((without & 1u << BULKHEAD__LAYER_FACT__LAYER__NO_NEW_PRIVS) != 0)
        without |= 1u << BULKHEAD__LAYER_FACT__LAYER__SECCOMP | 1u << BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_FILES |
                   1u << BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_NETWORK |
                   1u << BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_SCOPES;
    return without;
}

const struct attack_unlike *attack_list_unlike(const struct attack_row *row, uint32_t without)
{
    without = with_dependent(without);
    for (const struct attack_unlike *unlike = attack_list_unlikes; unlike->name != NULL; unlike++)
        if ((without & 1u << unlike->missing) != 0 && strcmp(unlike->name, row->name) == 0)
            return unlike;
    return NULL;
}

const char *attack_family_name(enum attack_family family)
{
    return families[family];
}

enum attack_family attack_family_find(const char *name)
{
    enum attack_family family = 0;
    while (family < ATTACK_FAMILY_COUNT && strcmp(families[family], name) != 0)
        family++;
    return family;
}

const char *attack_outcome_name(enum attack_outcome outcome)
{
    return outcomes[outcome].name;
}

char attack_outcome_letter(enum attack_outcome outcome)
{
    return outcomes[outcome].letter;
}
