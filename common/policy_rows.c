/* policy_rows.c - reading the table. */
#include <stdio.h>
#include <string.h>

#include "common/policy_table.h"

bool policy_row_is_for(const struct policy_row *row, enum policy_role role)
{
    return (row->roles & 1u << role) != 0 && row->number >= 0;
}

const char *policy_absence_text(enum policy_absence absence)
{
    switch (absence) {
    case POLICY_IS_SEEN:
        return NULL;
    case POLICY_UNCOUNTABLE:
        return "not counted: the kernel makes it, or the audit itself";
    case POLICY_CLOCK:
        return "not seen where the vDSO reads the clock";
    case POLICY_OTHER_SYSTEM:
        return "not seen with Debian 12's libraries; others may try it";
    case POLICY_SANITIZER:
        return "sanitizer builds only";
    }
    return NULL;
}

void policy_row_describe(const struct policy_row *row, char *out, size_t out_bytes)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < POLICY_CONDITIONS && row->when[i].mask != 0 && used < out_bytes; i++) {
        int length = snprintf(out + used, out_bytes - used, "%s%s", i ? ", " : "", row->when[i].words);
        used += length > 0 ? (size_t)length : 0;
    }
}

static bool fits(const struct policy_row *row, const uint64_t arguments[6], uint64_t own_pid)
{
    for (size_t i = 0; i < POLICY_CONDITIONS && row->when[i].mask != 0; i++) {
        const struct policy_condition *when = &row->when[i];
        uint64_t value = when->value == POLICY_OWN_PID ? own_pid : when->value;
        if ((arguments[when->argument] & when->mask) != value)
            return false;
    }
    return true;
}

const struct policy_row *policy_find(enum policy_role role, int number, const uint64_t arguments[6], uint64_t own_pid)
{
    for (size_t i = 0; i < policy_row_count; i++) {
        const struct policy_row *row = &policy_rows[i];
        if (row->number == number && policy_row_is_for(row, role) && fits(row, arguments, own_pid))
            return row;
    }
    return NULL;
}

/* Counted already, or allowed with other arguments and so none of the refused. */
static bool is_counted_elsewhere(size_t index, enum policy_role role)
{
    for (size_t i = 0; i < policy_row_count; i++) {
        const struct policy_row *row = &policy_rows[i];
        bool counts = i < index || (policy_rows[index].error != 0 && row->error == 0);
        if (i != index && counts && row->number == policy_rows[index].number && policy_row_is_for(row, role))
            return true;
    }
    return false;
}

size_t policy_count_calls(enum policy_role role, bool refused)
{
    size_t count = 0;

    for (size_t i = 0; i < policy_row_count; i++) {
        const struct policy_row *row = &policy_rows[i];
        if (policy_row_is_for(row, role) && (row->error != 0) == refused && !is_counted_elsewhere(i, role))
            count++;
    }
    return count;
}
