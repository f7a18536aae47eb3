/* attack_list_private.h - the two halves of the list, for attack_list*.c. Each ends with a NULL name. */
#ifndef BULKHEAD_ATTACK_LIST_PRIVATE_H
#define BULKHEAD_ATTACK_LIST_PRIVATE_H

#include "broker/attack/attack_list.h"

/* name, family, expected outcome, its detail, layer, then what it tries and any other member by its name. */
#define ROW(row_name, row_family, row_outcome, row_detail, row_layer, ...)                                             \
    {                                                                                                                  \
        .name = (row_name), .family = ATTACK_FAMILY_##row_family,                                                      \
        .expected = {ATTACK_##row_outcome, (row_detail), (row_layer)}, .tries = __VA_ARGS__                            \
    }

/* The end that it has of the memory that two pages share. */
#define SHARED(which) .shared_end = BULKHEAD__NAVIGATE__SHARED_BUFFER__##which

extern const struct attack_row attack_list_calls[], attack_list_words[];

/* attack_list_unlike.c: the first of an attempt that fits decides. */
extern const struct attack_unlike attack_list_unlikes[];

#endif
