/* seeds.h - scripts of fuzz_inbound written by hand, so that the fuzzer need not find the way there: each names what it
 * gets to, and tests/unit/test_inbound_seeds.c plays it. Written by `make fuzz-corpus`. */
#ifndef BULKHEAD_FUZZ_SEEDS_H
#define BULKHEAD_FUZZ_SEEDS_H

#include <stddef.h>

#include "tests/fuzz/inbound/world.h"
#include "tests/support/wire.h"

struct seeds_entry {
    const char *name;
    void (*put)(struct wire *seed); /* the script, behind what is in `seed` */
    struct world_facts expected;
};

/* NULL after the last. */
const struct seeds_entry *seeds_at(size_t index);

/* A document, and then one message of this type, of whatever its fields may be. */
void seeds_put_message(struct wire *seed, unsigned type);

#endif
