/* fuzz_inbound.c - a script against the broker's inbound path: a real broker, tab, document and frame store, and a
 * renderer that does whatever the input says.
 *
 * The input is read as operations: messages put together field by field (with numbers that are right at this moment
 * among the choices, so that state is reached), raw packets, writes into frame memory and crash record, ends of all
 * kinds, and what a viewer does meanwhile. After each the loop turns (inbound/world.h, which says what must hold).
 */
#include "tests/fuzz/inbound/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world_facts facts;

    world_run(data, size, &facts);
    return 0;
}
