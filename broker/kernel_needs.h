/* kernel_needs.h - the system calls without which the broker cannot start, asked for one by one: for the words after a
 * start that failed, where an errno alone names nothing.
 */
#ifndef BULKHEAD_KERNEL_NEEDS_H
#define BULKHEAD_KERNEL_NEEDS_H

#include <stdbool.h>
#include <stddef.h>

/* The first that is not to be had here, why, and the way out; false, and nothing written, if all are there. */
bool kernel_needs_explain(char *out, size_t out_bytes);

#endif
