/* cmd_crashes_private.h - what cmd_crashes.c (options, show, clear) and cmd_crashes_list.c share. */
#ifndef BULKHEAD_CMD_CRASHES_PRIVATE_H
#define BULKHEAD_CMD_CRASHES_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/crash/crash_store.h"

enum { CMD_CRASHES_LEAST_COLUMNS = 60 }; /* a narrower terminal breaks the lines itself */

struct crashes_run {
    const char *directory; /* NULL = the user's own */
    bool json;
    const char *argument; /* of show; NULL = none given */
    struct crash_store *store;
};

/* A report, or why it cannot be read. */
struct crashes_row {
    uint32_t number;
    struct crash_report *report; /* owned; NULL: see why */
    int error;                   /* -errno */
    char why[256];
};

int cmd_crashes_list(struct crashes_run *run);

/* Of the store, oldest first; none where there is none. Owned by the caller (free). 0 or -errno. */
int cmd_crashes_numbers(const struct crashes_run *run, uint32_t **ret_numbers, size_t *ret_count);
/* row->report is owned by the caller. */
void cmd_crashes_read_row(const struct crashes_run *run, uint32_t number, struct crashes_row *ret_row);
/* A new reference; NULL without memory. */
json_t *cmd_crashes_row_json(const struct crashes_run *run, const struct crashes_row *row);
/* Says what went wrong with the directory; returns the exit code for it. */
int cmd_crashes_say_errno(int r);
/* Of the terminal that standard output is; SIZE_MAX = it is none: nothing is cut or broken. */
size_t cmd_crashes_columns(void);

#endif
