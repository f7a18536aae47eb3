/* progress.h - one line on a terminal that says how far things are: drawn at most some ten times a second, and gone
 * before anything else is printed. Everything a command prints while one is shown goes through progress_hide() first.
 */
#ifndef BULKHEAD_PROGRESS_H
#define BULKHEAD_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum progress_style {
    PROGRESS_NONE,
    PROGRESS_BAR,   /* redrawn in place */
    PROGRESS_LINES, /* --progress without a terminal: a line for every tenth */
};

struct progress {
    FILE *out; // borrowed
    enum progress_style style;
    bool is_shown;
    uint64_t drawn_ns;
    int tenth; // last line printed
};

void progress_init(struct progress *progress, FILE *out, enum progress_style style);
/* `what` is escaped text: the input of now. */
void progress_show(struct progress *progress, size_t done, size_t total, const char *what);
void progress_hide(struct progress *progress);

#endif
