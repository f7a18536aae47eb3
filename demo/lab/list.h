/* list.h - what there is: names, families, capabilities side by side. */
#ifndef BULKHEAD_LAB_LIST_H
#define BULKHEAD_LAB_LIST_H

#include <stdbool.h>
#include <stdio.h>

#include "demo/lab/entry.h"

void lab_list_print(FILE *out, bool json, const struct lab_entry *const *entries, size_t count);

#endif
