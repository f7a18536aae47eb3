/* symbolise_private.h - what the broker hands to the symbolising child, and how the child divides its work:
 * symbolise_child.c reads, lowers itself and prints; symbolise_unwind.c finds the addresses; symbolise_lines.c names
 * them.
 */
#ifndef BULKHEAD_SYMBOLISE_PRIVATE_H
#define BULKHEAD_SYMBOLISE_PRIVATE_H

#include <elfutils/libdwfl.h>
#include <stdio.h>

#include "broker/crash/symbolise.h"
#include "common/limits.h"

/* The whole of the child's standard input. Same executable on both sides, so a plain struct will do. */
struct symbolise_input {
    uint32_t module_count;
    struct crash_record record;
    struct symbolise_module modules[LIMIT_MODULES];
};

struct symbolise_frame {
    uint64_t address;
    bool is_caller; // a return address: the call is in the instruction before it
};

/* Leaves this process nothing but reading files, memory, and the fds 0, 1 and 2, for good. 0 or -errno. */
int symbolise_lower(void);

/* Innermost first. Returns how many of ret_frames it filled. `dwfl` holds the modules. */
size_t symbolise_unwind(Dwfl *dwfl, const struct crash_record *record, struct symbolise_frame ret_frames[CRASH_FRAMES]);

/* Prints frame `index`, its inlined functions first, a line each, unescaped. */
void symbolise_lines_print(FILE *out, Dwfl *dwfl, size_t index, const struct symbolise_frame *frame);

#endif
